#include "recorder/backlog_fixture.h"
#include "limits.h"
#include <pthread.h>
#include <time.h>

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

/* ---- leaving ---- */

/* A writer that could not write leaves: what it held, what waited before the file, the file, and what waited behind. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_in_first_out),
		T(what_does_not_fit_is_lost_and_counted),
		T(order_holds_across_memory_and_file),
		T(every_interleaving_is_in_order),
		T(leaving_keeps_everything_in_its_order),
		T(waits_as_long_as_told),
		T(one_puts_and_one_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
