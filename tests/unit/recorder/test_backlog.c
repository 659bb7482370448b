#include "backlog.h"
#include "limits.h"
#include "status.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char directory[64], spill[96];
	char error[BACKLOG_ERROR_TEXT];
	int next; /* number that must come out next */
};

static struct fixture fixture;

static int up(void **state)
{
	fixture = (struct fixture){.directory = "/tmp/test-backlog-XXXXXX"};
	if (!mkdtemp(fixture.directory))
		return -1;
	snprintf(fixture.spill, sizeof fixture.spill, "%.63s/spill", fixture.directory);
	*state = &fixture;
	return 0;
}

static int down(void **state)
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

static struct backlog *opened(struct fixture *f, size_t memory, uint64_t spill)
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

static void put(struct backlog *b, int from, int n)
{
	for (int i = from; i < from + n; i++) {
		char *text;
		assert_int_equal(asprintf(&text, TEXT, i), TEXT_BYTES);
		backlog_put_take(b, text, TEXT_BYTES);
	}
}

static int number(const struct backlog_item *item)
{
	assert_int_equal(item->n, TEXT_BYTES);
	assert_int_equal(item->text[TEXT_BYTES], 0);
	int n = atoi(item->text + 5);
	char want[TEXT_BYTES + 12];
	snprintf(want, sizeof want, TEXT, n);
	assert_string_equal(item->text, want);
	return n;
}

static struct backlog_counts balanced(struct backlog *b)
{
	struct backlog_counts c;
	backlog_counts(b, &c);
	assert_int_equal(c.put, c.settled + c.lost + c.waiting + c.spilled);
	assert_int_equal(c.waiting == 0, c.waiting_bytes == 0);
	assert_int_equal(c.spilled == 0, c.spilled_bytes == 0);
	return c;
}

/* Takes at most that many and holds them against the order. How many. */
static int take(struct fixture *f, struct backlog *b, int most)
{
	struct backlog_item items[64];
	int n = (int)backlog_take(b, items, most < 64 ? (size_t)most : 64, 0);
	for (int i = 0; i < n; i++)
		assert_int_equal(number(&items[i]), f->next++);
	return n;
}

static int drain(struct fixture *f, struct backlog *b)
{
	int n, all = 0;
	while ((n = take(f, b, 64)) > 0) {
		all += n;
		backlog_settled(b);
		balanced(b);
	}
	return all;
}

static long size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static void write_file(const char *path, const char *text, size_t n)
{
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
}

/* ---- the queue ---- */

static void first_in_first_out(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, ROOM(100), 0);
	assert_int_equal(take(f, b, 5), 0);
	put(b, 0, 10);
	assert_int_equal(take(f, b, 4), 4);
	struct backlog_counts c = balanced(b);
	assert_int_equal(c.waiting, 10); /* taken is not settled */
	backlog_settled(b);
	c = balanced(b);
	assert_int_equal(c.waiting, 6);
	assert_int_equal(c.settled, 4);
	backlog_settled(b);
	assert_int_equal(balanced(b).settled, 4);
	assert_int_equal(drain(f, b), 6);
	assert_int_equal(backlog_free(b), 0);
	assert_int_equal(backlog_free(NULL), 0);
}

static void what_does_not_fit_is_lost_and_counted(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, ROOM(10), 0);
	put(b, 0, 25);
	struct backlog_counts c = balanced(b);
	assert_in_range(c.waiting, 8, 12);
	assert_true(c.waiting_bytes <= ROOM(10));
	assert_int_equal(c.lost, 25 - c.waiting);
	assert_int_equal(backlog_free(b), c.waiting);

	b = opened(f, 64, FILED(10)); /* nothing fits into memory, ten into the file */
	put(b, 0, 25);
	c = balanced(b);
	assert_int_equal(c.spilled, 10);
	assert_int_equal(c.lost, 15);
	assert_int_equal(c.spill_errno, 0); /* full by our own rule */
	assert_int_equal(size_of(f->spill), FILED(10));
	assert_int_equal(drain(f, b), 10);
	assert_int_equal(size_of(f->spill), 0);
	put(b, 10, 3); /* there is room again */
	assert_int_equal(drain(f, b), 3);

	char *text = malloc(LIMIT_EVENT_TEXT + 1);
	assert_non_null(text);
	memset(text, '{', LIMIT_EVENT_TEXT + 1);
	backlog_put_take(b, text, LIMIT_EVENT_TEXT + 1);
	assert_int_equal(balanced(b).lost, 16);
	assert_int_equal(backlog_free(b), 0);
	assert_int_equal(size_of(f->spill), -1); /* an empty file is not left behind */
}

static void order_holds_across_memory_and_file(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, ROOM(10), FILED(100));
	put(b, 0, 30);
	struct backlog_counts c = balanced(b);
	int in_memory = (int)c.waiting;
	assert_int_equal(c.spilled, 30 - in_memory);
	assert_int_equal(take(f, b, 64), in_memory);
	assert_int_equal(take(f, b, 5), 5);
	put(b, 30, 5); /* memory is free, but the file has older ones unread */
	backlog_settled(b);
	put(b, 35, 5);
	c = balanced(b);
	assert_int_equal(c.waiting, 0);
	assert_int_equal(c.spilled, 40 - in_memory - 5);
	assert_int_equal(size_of(f->spill), FILED(40 - in_memory)); /* cut only when all is settled */
	assert_int_equal(take(f, b, 64), 40 - in_memory - 5);
	put(b, 40, 4); /* nothing unread: memory again */
	c = balanced(b);
	assert_int_equal(c.waiting, 4);
	assert_int_equal(take(f, b, 64), 0); /* but not before the file is settled: see backlog.h */
	backlog_settled(b);
	assert_int_equal(size_of(f->spill), 0);
	assert_int_equal(take(f, b, 64), 4);
	backlog_settled(b);
	c = balanced(b);
	assert_int_equal(c.settled, 44);
	assert_int_equal(c.lost, 0);
	assert_int_equal(c.spilled_ever, 40 - in_memory);
	assert_int_equal(backlog_free(b), 0);
}

/* The same for any interleaving: whatever comes out is in order, and every item is accounted for at every step. */
static void every_interleaving_is_in_order(void **state)
{
	struct fixture *f = *state;
	uint32_t random = 12345;
	for (int round = 0; round < 60; round++) {
		struct backlog *b = opened(f, ROOM(round % 7 * 5), round % 3 ? FILED(round * 7) : 0);
		int made = 0, lowest = 0;
		for (int step = 0; step < 120; step++) {
			random = random * 1664525u + 1013904223u;
			int how_many = (int)(random >> 24) % 20;
			if (random >> 13 & 1) {
				put(b, made, how_many);
				made += how_many;
			} else {
				struct backlog_item items[64];
				int n = (int)backlog_take(b, items, (size_t)how_many + 1, 0);
				for (int i = 0; i < n; i++) {
					assert_true(number(&items[i]) >= lowest); /* some may have been lost in between */
					lowest = number(&items[i]) + 1;
				}
				if (random >> 14 & 1)
					backlog_settled(b);
			}
			struct backlog_counts c = balanced(b);
			assert_int_equal(c.put, made);
			assert_true(c.waiting_bytes <= ROOM(round % 7 * 5));
		}
		backlog_settled(b);
		struct backlog_item items[64];
		for (size_t n; (n = backlog_take(b, items, 64, 0)) > 0; backlog_settled(b))
			for (size_t i = 0; i < n; i++) {
				assert_true(number(&items[i]) >= lowest);
				lowest = number(&items[i]) + 1;
			}
		struct backlog_counts c = balanced(b);
		assert_int_equal(c.settled + c.lost, made);
		assert_int_equal(backlog_free(b), 0);
	}
}

/* ---- the file ---- */

static void a_full_disk_costs_no_order(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, ROOM(10), FILED(1000));
	struct rlimit room = {FILED(5) + 7, RLIM_INFINITY}; /* five lines and a piece of the sixth */
	signal(SIGXFSZ, SIG_IGN);
	int in_memory = 0;
	put(b, 0, 12);
	in_memory = (int)balanced(b).waiting;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	assert_int_equal(take(f, b, 64), in_memory);
	backlog_settled(b);
	put(b, 12, 12); /* some to the file, then to memory, then nowhere */
	struct backlog_counts c = balanced(b);
	assert_int_equal(c.spilled, 5);
	assert_int_equal(c.spill_errno, ENOSPC);
	assert_int_equal(size_of(f->spill), FILED(5));
	assert_int_equal(c.lost, 0);
	put(b, 24, 10);
	c = balanced(b);
	assert_true(c.lost > 0);
	room.rlim_cur = RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	int kept = 34 - (int)c.lost;
	put(b, kept, 3); /* what waited in memory goes first */
	c = balanced(b);
	assert_int_equal(c.spill_errno, 0);
	assert_int_equal(c.spilled + c.waiting + (uint64_t)in_memory, kept + 3);
	f->next = in_memory;
	assert_int_equal(drain(f, b), kept + 3 - in_memory);
	assert_int_equal(backlog_free(b), 0);
}

static void a_killed_process_leaves_its_file(void **state)
{
	struct fixture *f = *state;
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct backlog *b = opened(f, 0, FILED(100));
		put(b, 0, 50);
		struct backlog_item items[20];
		if (backlog_take(b, items, 20, 0) != 20)
			_exit(1);
		backlog_settled(b);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	struct backlog *b = NULL;
	struct backlog_config config = {.spill_path = f->spill, .spill_bytes = FILED(100)};
	assert_int_equal(backlog_new(&config, &b, f->error), FAIL_IO);
	assert_non_null(strstr(f->error, "another process uses this file"));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &(int){0}, 0), child);

	b = opened(f, ROOM(100), FILED(100));
	struct backlog_counts counts = balanced(b);
	assert_int_equal(counts.put, 50); /* the first twenty for the second time */
	assert_int_equal(counts.torn, 0);
	put(b, 50, 10);
	assert_int_equal(drain(f, b), 60);
	assert_int_equal(size_of(f->spill), 0);
	assert_int_equal(backlog_free(b), 0);
}

static void torn_and_foreign_lines_are_passed_over(void **state)
{
	struct fixture *f = *state;
	char line[TEXT_BYTES + 12], *file = malloc(LIMIT_EVENT_TEXT * 2);
	assert_non_null(file);
	size_t n = 0;
	for (int i = 0; i < 3; i++)
		n += (size_t)sprintf(file + n, TEXT "\n", i);
	snprintf(line, sizeof line, TEXT, 3);
	memcpy(file + n, line, 11);
	write_file(f->spill, file, n + 11);
	struct backlog *b = opened(f, ROOM(100), FILED(100));
	struct backlog_counts c = balanced(b);
	assert_int_equal(c.put, 3);
	assert_int_equal(c.torn, 1);
	put(b, 3, 2); /* where the torn line was */
	assert_int_equal(drain(f, b), 5);
	assert_int_equal(backlog_free(b), 0);

	n = (size_t)sprintf(file, TEXT "\n\n", 5);
	n += (size_t)sprintf(file + n, "not ours\n" TEXT "\n{", 6);
	memset(file + n, 'x', LIMIT_EVENT_TEXT);
	n += LIMIT_EVENT_TEXT;
	n += (size_t)sprintf(file + n, "\n" TEXT "\n{\"torn", 7);
	write_file(f->spill, file, n);
	b = opened(f, ROOM(100), FILED(10)); /* a file larger than allowed is read all the same */
	c = balanced(b);
	assert_int_equal(c.put, 6);
	assert_int_equal(drain(f, b), 3);
	c = balanced(b);
	assert_int_equal(c.lost, 3);
	assert_int_equal(c.torn, 4);
	put(b, 8, 2);
	assert_int_equal(drain(f, b), 2);
	assert_int_equal(backlog_free(b), 0);

	write_file(f->spill, "{\"bad\nlines\n", 12); /* ends in lines that are nobody's */
	b = opened(f, ROOM(100), FILED(10));
	struct backlog_item items[4];
	assert_int_equal(backlog_take(b, items, 4, 0), 1);
	backlog_settled(b);
	put(b, 10, 2);
	assert_int_equal(drain(f, b), 2);
	assert_int_equal(size_of(f->spill), 0);
	assert_int_equal(backlog_free(b), 0);
	free(file);
}

static void the_longest_line_is_one(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, 0, LIMIT_EVENT_TEXT * 3);
	for (int i = 0; i < 2; i++) {
		char *text = malloc(LIMIT_EVENT_TEXT);
		assert_non_null(text);
		memset(text, 'a' + i, LIMIT_EVENT_TEXT);
		text[0] = '{';
		backlog_put_take(b, text, LIMIT_EVENT_TEXT);
	}
	struct backlog_item items[2];
	assert_int_equal(backlog_take(b, items, 2, 0), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(items[i].n, LIMIT_EVENT_TEXT);
		assert_int_equal(items[i].text[LIMIT_EVENT_TEXT - 1], 'a' + i);
	}
	backlog_settled(b);
	assert_int_equal(balanced(b).lost, 0);
	assert_int_equal(backlog_free(b), 0);
}

static void refuses(struct fixture *f, const char *why)
{
	struct backlog_config c = {.memory_bytes = 1000, .spill_path = f->spill, .spill_bytes = 1000};
	struct backlog *b = NULL;
	assert_int_equal(backlog_new(&c, &b, f->error), FAIL_IO);
	assert_null(b);
	if (!strstr(f->error, why))
		fail_msg("'%s' does not say '%s'", f->error, why);
}

static void takes_no_file_that_is_not_its_own(void **state)
{
	struct fixture *f = *state;
	write_file(f->spill, "root:x:0:0:root\n", 16);
	refuses(f, "no spill file");
	assert_int_equal(size_of(f->spill), 16);
	assert_int_equal(unlink(f->spill), 0);
	assert_int_equal(symlink("elsewhere", f->spill), 0);
	refuses(f, "cannot be opened");
	assert_int_equal(unlink(f->spill), 0);
	assert_int_equal(mkfifo(f->spill, 0600), 0);
	refuses(f, "not a file");
	assert_int_equal(unlink(f->spill), 0);
	struct backlog *b = opened(f, 0, FILED(10));
	struct stat st;
	assert_int_equal(stat(f->spill, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	refuses(f, "another process uses this file"); /* in one process too */
	assert_int_equal(backlog_free(b), 0);
	snprintf(f->spill, sizeof f->spill, "%.60s/none/spill", f->directory);
	refuses(f, "cannot be opened");
}

/* ---- leaving ---- */

/* A writer that could not write leaves: what it held, what waited before the file, the file and what waited behind it. */
static void leaving_keeps_everything_in_its_order(void **state)
{
	struct fixture *f = *state;
	for (int settle = 0; settle < 2; settle++) {
		f->next = 0;
		struct backlog *b = opened(f, ROOM(10), FILED(100));
		put(b, 0, 30);
		assert_int_equal(take(f, b, 3), 3);
		if (settle)
			backlog_settled(b);
		f->next = settle ? 3 : 0;
		assert_int_equal(backlog_free(b), 0);
		b = opened(f, ROOM(100), FILED(100));
		struct backlog_counts c = balanced(b);
		assert_int_equal(c.spilled, 30 - f->next);
		assert_int_equal(drain(f, b), 30 - f->next);
		assert_int_equal(backlog_free(b), 0);
	}
	f->next = 0;
	struct backlog *b = opened(f, ROOM(10), FILED(100));
	put(b, 0, 30);
	while (take(f, b, 64) > 0 && f->next < 30)
		if (f->next < 30)
			backlog_settled(b);
	put(b, 30, 3); /* behind a file that is read out but not settled */
	assert_int_equal(balanced(b).waiting, 3);
	int unsettled = (int)balanced(b).spilled;
	assert_true(unsettled > 0);
	assert_int_equal(backlog_free(b), 0);
	b = opened(f, ROOM(10), FILED(100));
	f->next = 30 - unsettled;
	assert_int_equal(drain(f, b), unsettled + 3);
	assert_int_equal(backlog_free(b), 0);

	b = opened(f, ROOM(10), FILED(25)); /* no room for all: the file's stay */
	put(b, 100, 33);
	int in_memory = (int)balanced(b).waiting, in_file = (int)balanced(b).spilled;
	assert_int_equal(backlog_free(b), in_memory + in_file - 25);
	assert_int_equal(size_of(f->spill), FILED(25));
	b = opened(f, ROOM(10), FILED(25));
	struct backlog_item items[64];
	assert_int_equal(backlog_take(b, items, 64, 0), 25);
	assert_int_equal(number(&items[24]), 100 + in_memory + in_file - 1);
	assert_int_equal(number(&items[0]), in_file == 25 ? 100 + in_memory : 100);
	backlog_settled(b);
	assert_int_equal(backlog_free(b), 0);
}

/* ---- threads ---- */

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void waits_as_long_as_told(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, ROOM(10), 0);
	struct backlog_item items[4];
	double start = seconds();
	assert_int_equal(backlog_take(b, items, 4, 60), 0);
	assert_true(seconds() - start >= 0.059);
	backlog_close(b);
	start = seconds();
	assert_int_equal(backlog_take(b, items, 4, 60000), 0);
	assert_true(seconds() - start < 30);
	assert_int_equal(backlog_free(b), 0);
}

#define MANY 20000

static void *put_many(void *context)
{
	struct backlog *b = context;
	for (int i = 0; i < MANY; i += 10) {
		put(b, i, 10);
		if (i % 1000 == 0)
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
	backlog_close(b);
	return NULL;
}

static void one_puts_and_one_takes(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, ROOM(50), FILED(MANY));
	pthread_t thread;
	struct backlog_item items[64];
	assert_int_equal(pthread_create(&thread, NULL, put_many, b), 0);
	for (int batch = 0; f->next < MANY; batch++) {
		size_t n = backlog_take(b, items, 64, 5);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(number(&items[i]), f->next++);
		if (batch % 3 == 0 || n == 0)
			backlog_settled(b);
		balanced(b);
	}
	backlog_settled(b);
	assert_int_equal(pthread_join(thread, NULL), 0);
	struct backlog_counts c = balanced(b);
	assert_int_equal(c.settled, MANY);
	assert_true(c.spilled_ever > 0);
	assert_int_equal(backlog_free(b), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_in_first_out),
		T(what_does_not_fit_is_lost_and_counted),
		T(order_holds_across_memory_and_file),
		T(every_interleaving_is_in_order),
		T(a_full_disk_costs_no_order),
		T(a_killed_process_leaves_its_file),
		T(torn_and_foreign_lines_are_passed_over),
		T(the_longest_line_is_one),
		T(takes_no_file_that_is_not_its_own),
		T(leaving_keeps_everything_in_its_order),
		T(waits_as_long_as_told),
		T(one_puts_and_one_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
