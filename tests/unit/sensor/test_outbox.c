/* What is put into the outbox comes out of the socket, in order, without whoever puts it having to wait; its room is
 * bounded but for what is urgent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "limits.h"
#include "outbox.h"
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Somebody sets the wall clock; the linker turns the calls this way (CMakeLists.txt). */
int __real_clock_gettime(clockid_t which, struct timespec *t);
int __wrap_clock_gettime(clockid_t which, struct timespec *t);

static _Atomic int64_t wall_ahead_s;

int __wrap_clock_gettime(clockid_t which, struct timespec *t)
{
	int r = __real_clock_gettime(which, t);
	t->tv_sec += which == CLOCK_REALTIME ? wall_ahead_s : 0;
	return r;
}

/* An outbox lives as long as its process: each test's stays, with its thread, until the end. */
static struct outbox *kept[5];
static unsigned n_kept;

static struct outbox *made(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct outbox *o = outbox_new(pair[1]);
	assert_non_null(o);
	kept[n_kept++] = o;
	return o;
}

static void test_order(void **state)
{
	(void)state;
	int pair[2];
	struct outbox *o = made(pair);
	struct channel_reader r;
	struct message m;
	channel_reader_init(&r, pair[0], LIMIT_MESSAGE_UP, 0);
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(outbox_put(o, i % 3 ? MESSAGE_OBSERVATION : MESSAGE_COUNTERS, &i, sizeof i, i % 3 == 0));
	for (uint32_t i = 0; i < 1000;) {
		assert_true(channel_receive(&r) > 0);
		for (; channel_next(&r, &m); i++) {
			assert_int_equal(m.type, i % 3 ? MESSAGE_OBSERVATION : MESSAGE_COUNTERS);
			assert_int_equal(m.payload.n, sizeof i);
			assert_memory_equal(m.payload.p, &i, sizeof i);
		}
	}
	assert_true(outbox_flush(o, 5000));
	assert_int_equal(outbox_bytes(o), 0);
	channel_reader_done(&r);
	close(pair[0]);
}

/* A recorder that does not read: observations are refused once the room is taken, signs of life are not. */
static void test_room(void **state)
{
	(void)state;
	int pair[2];
	struct outbox *o = made(pair);
	uint8_t *large = calloc(1, LIMIT_MESSAGE_UP);
	struct channel_reader r;
	struct message m;
	unsigned put = 1, got = 0; /* with the counters */
	assert_non_null(large);
	while (outbox_put(o, MESSAGE_OBSERVATION, large, LIMIT_MESSAGE_UP, false))
		put++;
	assert_true(put > 20);
	assert_true(outbox_bytes(o) <= LIMIT_SENSOR_OUTBOX);
	assert_true(outbox_put(o, MESSAGE_COUNTERS, large, LIMIT_MESSAGE_UP / 2, true));
	assert_false(outbox_flush(o, 0));
	channel_reader_init(&r, pair[0], LIMIT_MESSAGE_UP, 0);
	while (got < put) {
		assert_true(channel_receive(&r) > 0);
		while (channel_next(&r, &m))
			got++;
	}
	assert_int_equal(m.type, MESSAGE_COUNTERS);
	assert_true(outbox_flush(o, 5000));
	assert_true(outbox_put(o, MESSAGE_OBSERVATION, large, 10, false));
	channel_reader_done(&r);
	close(pair[0]);
	free(large);
}

/* Nobody listens any more: nothing piles up, nothing waits, no signal. */
static void test_recorder_gone(void **state)
{
	(void)state;
	int pair[2];
	struct outbox *o = made(pair);
	close(pair[0]);
	for (int i = 0; i < 100; i++)
		outbox_put(o, MESSAGE_OBSERVATION, "x", 1, false);
	for (int i = 0; i < 500 && outbox_bytes(o); i++)
		usleep(10000);
	assert_int_equal(outbox_bytes(o), 0);
	assert_true(outbox_flush(o, 1000));
}

static void *read_late(void *context)
{
	const int *socket = context;
	static char bytes[1 << 16];
	usleep(300000);
	while (read(*socket, bytes, sizeof bytes) > 0)
		;
	return NULL;
}

/* The wall clock was set back an hour: the last words still have their time. */
static void test_clock_is_set(void **state)
{
	(void)state;
	int pair[2];
	pthread_t reader;
	struct outbox *o = made(pair);
	uint8_t *large = calloc(1, LIMIT_MESSAGE_UP);
	assert_non_null(large);
	for (int i = 0; i < 4; i++)
		assert_true(outbox_put(o, MESSAGE_OBSERVATION, large, LIMIT_MESSAGE_UP, false));
	wall_ahead_s = -3600;
	assert_int_equal(pthread_create(&reader, NULL, read_late, &pair[0]), 0);
	assert_true(outbox_flush(o, 60000));
	wall_ahead_s = 0;
	shutdown(pair[1], SHUT_RDWR);
	pthread_join(reader, NULL);
	close(pair[0]);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_room), cmocka_unit_test(test_recorder_gone),
	                                   cmocka_unit_test(test_clock_is_set)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
