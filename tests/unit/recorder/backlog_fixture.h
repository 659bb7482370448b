/* A backlog whose items are numbers, so that their order can be told. Included by the tests of the backlog and of its
 * file. */
#ifndef BACKLOG_FIXTURE_H
#define BACKLOG_FIXTURE_H

#include "backlog.h"
#include "status.h"
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char directory[64], spill[96];
	char error[BACKLOG_ERROR_TEXT];
	int next; /* number that must come out next */
};

static struct fixture fixture;

static inline int up(void **state)
{
	fixture = (struct fixture){.directory = "/tmp/test-backlog-XXXXXX"};
	if (!mkdtemp(fixture.directory))
		return -1;
	snprintf(fixture.spill, sizeof fixture.spill, "%.63s/spill", fixture.directory);
	*state = &fixture;
	return 0;
}

static inline int down(void **state)
{
	struct fixture *f = *state;
	struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	setrlimit(RLIMIT_FSIZE, &none);
	DIR *d = opendir(f->directory);
	struct dirent *e;
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	return rmdir(f->directory);
}

static inline struct backlog *opened(struct fixture *f, size_t memory, uint64_t spill)
{
	struct backlog_config c = {.memory_bytes = memory, .spill_path = spill ? f->spill : NULL, .spill_bytes = spill};
	struct backlog *b = NULL;
	if (backlog_new(&c, &b, f->error) != 0)
		fail_msg("%s", f->error);
	return b;
}

/* Twenty bytes each, so that sums are easy. */
#define TEXT "{\"n\":%08d,\"a\":1}"
#define TEXT_BYTES 20
#define FILED(n) ((uint64_t)(n) * (TEXT_BYTES + 1))
/* Room in memory for about that many: the text and its book-keeping. */
#define ROOM(n) ((size_t)(n) * 92)

static inline void put(struct backlog *b, int from, int n)
{
	for (int i = from; i < from + n; i++) {
		char *text;
		assert_int_equal(asprintf(&text, TEXT, i), TEXT_BYTES);
		backlog_put_take(b, text, TEXT_BYTES);
	}
}

static inline int number(const struct backlog_item *item)
{
	assert_int_equal(item->n, TEXT_BYTES);
	assert_int_equal(item->text[TEXT_BYTES], 0);
	int n = atoi(item->text + 5);
	char want[TEXT_BYTES + 12];
	snprintf(want, sizeof want, TEXT, n);
	assert_string_equal(item->text, want);
	return n;
}

static inline struct backlog_counts balanced(struct backlog *b)
{
	struct backlog_counts c;
	backlog_counts(b, &c);
	assert_int_equal(c.put, c.settled + c.lost + c.waiting + c.spilled);
	assert_int_equal(c.waiting == 0, c.waiting_bytes == 0);
	assert_int_equal(c.spilled == 0, c.spilled_bytes == 0);
	return c;
}

/* Takes at most that many and holds them against the order. How many. */
static inline int take(struct fixture *f, struct backlog *b, int most)
{
	struct backlog_item items[64];
	int n = (int)backlog_take(b, items, most < 64 ? (size_t)most : 64, 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(number(&items[i]), f->next++);
	return n;
}

static inline int drain(struct fixture *f, struct backlog *b)
{
	int n, all = 0;
	while ((n = take(f, b, 64)) > 0) {
		all += n;
		backlog_settled(b);
		balanced(b);
	}
	return all;
}

static inline long size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

#endif
