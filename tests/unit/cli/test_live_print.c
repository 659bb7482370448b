/* Events come out of standard output whole and in order; a reader that is slow, gone or hanging holds nobody up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "limits.h"
#include "live_print.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char filler[64 << 10];

static void print(struct live_print *p, int number, size_t size)
{
	filler[size] = 0;
	json_t *event = json_pack("{s:i, s:s}", "n", number, "filler", filler);
	filler[size] = 'x';
	assert_non_null(event);
	live_print_event(p, event);
	json_decref(event);
}

struct reading {
	FILE *from;
	int lines, last;
};

/* Every line an event of its own, later ones behind earlier ones. */
static void *read_all(void *context)
{
	struct reading *r = context;
	char *line = NULL;
	size_t cap = 0;
	r->last = -1;
	while (getline(&line, &cap, r->from) > 0) {
		json_t *event = json_loads(line, 0, NULL);
		int n = (int)json_integer_value(json_object_get(event, "n"));
		assert_non_null(event);
		assert_true(n > r->last);
		r->last = n;
		r->lines++;
		json_decref(event);
	}
	free(line);
	return NULL;
}

static void test_all_are_printed(void **state)
{
	(void)state;
	int pair[2];
	pthread_t reader;
	assert_int_equal(pipe(pair), 0);
	struct reading r = {.from = fdopen(pair[0], "r")};
	struct live_print *p = live_print_new(pair[1], CLI_JSONL);
	assert_non_null(p);
	assert_int_equal(pthread_create(&reader, NULL, read_all, &r), 0);
	for (int i = 0; i < 1000; i++)
		print(p, i, i % 300);
	assert_int_equal(live_print_free(p, 60000), EXIT_OK);
	close(pair[1]);
	pthread_join(reader, NULL);
	assert_int_equal(r.lines, 1000);
	fclose(r.from);
}

/* Far more than there is room for, before anybody reads: whoever prints does not wait; what is printed is whole. */
static void test_reader_is_slow(void **state)
{
	(void)state;
	enum { EVENTS = 4 * LIMIT_PRINT_BYTES / sizeof filler };
	int pair[2];
	pthread_t reader;
	assert_int_equal(pipe(pair), 0);
	struct reading r = {.from = fdopen(pair[0], "r")};
	struct live_print *p = live_print_new(pair[1], CLI_JSONL);
	for (int i = 0; i < EVENTS; i++)
		print(p, i, sizeof filler - 1);
	assert_int_equal(pthread_create(&reader, NULL, read_all, &r), 0);
	assert_int_equal(live_print_free(p, 60000), EXIT_OK);
	close(pair[1]);
	pthread_join(reader, NULL);
	assert_true(r.lines > 10 && r.lines < EVENTS);
	fclose(r.from);
}

/* The end does not wait for it longer than it was told to. */
static void test_reader_hangs(void **state)
{
	(void)state;
	int pair[2];
	assert_int_equal(pipe(pair), 0);
	struct live_print *p = live_print_new(pair[1], CLI_JSONL);
	for (int i = 0; i < 10; i++)
		print(p, i, sizeof filler - 1);
	assert_int_equal(live_print_free(p, 100), EXIT_OK);
	close(pair[0]);
	close(pair[1]);
}

static void test_reader_is_gone(void **state)
{
	(void)state;
	int pair[2];
	assert_int_equal(pipe(pair), 0);
	close(pair[0]);
	struct live_print *p = live_print_new(pair[1], CLI_JSONL);
	for (int i = 0; i < 10; i++)
		print(p, i, 10);
	assert_int_equal(live_print_free(p, 60000), EXIT_OK); /* `live | head` is no failure */
	close(pair[1]);
}

static void test_disk_is_full(void **state)
{
	(void)state;
	int fd = open("/dev/full", O_WRONLY);
	assert_true(fd >= 0);
	struct live_print *p = live_print_new(fd, CLI_JSONL);
	print(p, 1, 10);
	assert_int_equal(live_print_free(p, 60000), EXIT_FAILED);
	close(fd);
}

/* Somebody with whom the terminal is shared does not want to wait. */
static void test_does_not_block(void **state)
{
	(void)state;
	int pair[2];
	pthread_t reader;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	struct reading r = {.from = fdopen(pair[0], "r")};
	struct live_print *p = live_print_new(pair[1], CLI_JSONL);
	for (int i = 0; i < 30; i++)
		print(p, i, sizeof filler - 1);
	assert_int_equal(pthread_create(&reader, NULL, read_all, &r), 0);
	assert_int_equal(live_print_free(p, 60000), EXIT_OK);
	close(pair[1]);
	pthread_join(reader, NULL);
	assert_int_equal(r.lines, 30);
	fclose(r.from);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_int_equal(live_print_free(live_print_new(-1, CLI_TEXT), 1000), EXIT_OK);
	assert_int_equal(live_print_free(NULL, 1000), EXIT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_printed), cmocka_unit_test(test_reader_is_slow), cmocka_unit_test(test_reader_hangs),
		cmocka_unit_test(test_reader_is_gone), cmocka_unit_test(test_disk_is_full), cmocka_unit_test(test_does_not_block),
		cmocka_unit_test(test_nothing),
	};
	signal(SIGPIPE, SIG_IGN);
	memset(filler, 'x', sizeof filler);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
