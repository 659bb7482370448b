/* The keeper in front of a launcher and sensor processes that the test plays: starts, deaths, last words, broken rules,
 * hanging, draining. The clock is the test's own, so that nothing is waited for: the linker turns the calls this way
 * (CMakeLists.txt). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "keeper.h"
#include "limits.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int __wrap_clock_gettime(clockid_t which, struct timespec *t);

static int64_t now_ms;

int __wrap_clock_gettime(clockid_t which, struct timespec *t)
{
	(void)which;
	*t = (struct timespec){now_ms / 1000, now_ms % 1000 * 1000000};
	return 0;
}

enum { KEEPERS, LAUNCHERS };

static struct keeper keeper;
static int launcher[2], sensor; /* sensor: the end that a sensor process would have */
static struct channel_reader reader;
static uint8_t signatures[] = "signatures";
static struct signature_bundle bundle;
static char said[4096];
static int observations, restarted;
static bool believed;

static bool on_message(void *context, const struct message *m)
{
	(void)context;
	observations += m->type == MESSAGE_OBSERVATION;
	return believed;
}

static void on_restarted(void *context)
{
	(void)context;
	restarted++;
}

static void say(void *context, const char *format, ...)
{
	size_t n = strlen(said);
	va_list args;
	(void)context;
	va_start(args, format);
	vsnprintf(said + n, sizeof said - n, format, args);
	va_end(args);
}

static int up(void **state)
{
	(void)state;
	now_ms = 1000000;
	said[0] = 0;
	observations = restarted = 0;
	believed = true;
	sensor = -1;
	bundle = (struct signature_bundle){.bytes = signatures, .n = sizeof signatures - 1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, launcher) != 0)
		return -1;
	keeper_init(&keeper, &(struct keeper_config){launcher[KEEPERS], &bundle, on_message, on_restarted, say, NULL});
	return 0;
}

static int down(void **state)
{
	(void)state;
	keeper_done(&keeper);
	channel_reader_done(&reader);
	if (sensor >= 0)
		close(sensor);
	close(launcher[KEEPERS]);
	if (launcher[LAUNCHERS] >= 0)
		close(launcher[LAUNCHERS]);
	return 0;
}

/* What the launcher was asked: a byte, and a descriptor that comes along. 0: nothing. */
static char asked(void)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char what = 0;
	struct iovec part = {&what, 1};
	struct msghdr m = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
	if (recvmsg(launcher[LAUNCHERS], &m, MSG_DONTWAIT) != 1)
		return 0;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c) {
		if (sensor >= 0)
			close(sensor);
		memcpy(&sensor, CMSG_DATA(c), sizeof sensor);
		channel_reader_done(&reader);
		channel_reader_init(&reader, sensor, LIMIT_MESSAGE_DOWN, CHANNEL_NO_WAIT);
	}
	return what;
}

static void news(enum launcher_news_kind kind, int pid, int status)
{
	struct launcher_news n = {kind, pid, status};
	assert_int_equal(send(launcher[LAUNCHERS], &n, sizeof n, 0), sizeof n);
	keeper_hear_launcher(&keeper);
}

/* What the sensor process hears: the type of the next message, 0 for none. */
static uint32_t heard(void)
{
	struct message m;
	for (;;) {
		if (channel_next(&reader, &m))
			return m.type;
		if (channel_receive(&reader) <= 0)
			return 0;
	}
}

static void tell(enum message_type type, const void *payload, size_t n)
{
	assert_int_equal(channel_send(sensor, type, payload, n, -1), 0);
	keeper_listen(&keeper);
}

static void dies(int pid, int status)
{
	close(sensor);
	sensor = -1;
	news(LAUNCHER_ENDED, pid, status);
}

static void runs(int pid)
{
	char what = asked();
	assert_true(what == 's' || what == 't');
	news(LAUNCHER_STARTED, pid, 0);
	assert_int_equal(heard(), MESSAGE_SIGNATURES);
	tell(MESSAGE_READY, "\1\1", 2);
	assert_int_equal(keeper.state, KEEPER_RUNNING);
}

static void after(int64_t ms)
{
	now_ms += ms;
	keeper_tick(&keeper);
}

static void test_start(void **state)
{
	(void)state;
	keeper_start(&keeper);
	assert_int_equal(asked(), 's'); /* the first one must find all its interfaces */
	news(LAUNCHER_STARTED, 100, 0);
	assert_int_equal(keeper.state, KEEPER_STARTING);
	assert_int_equal(heard(), MESSAGE_SIGNATURES);
	tell(MESSAGE_READY, "\1\0", 2);
	assert_int_equal(keeper.state, KEEPER_RUNNING);
	tell(MESSAGE_OBSERVATION, "x", 1);
	assert_int_equal(observations, 1);
	keeper_renew_signatures(&keeper);
	assert_int_equal(heard(), MESSAGE_SIGNATURES);
	assert_false(keeper_is_over(&keeper));
	assert_string_equal(said, "");
}

/* Each death in a row makes the wait longer, up to five seconds; its last words are heard. */
static void test_deaths(void **state)
{
	(void)state;
	static const int waits[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
	keeper_start(&keeper);
	for (int i = 0; i < 8; i++) {
		runs(100 + i);
		assert_int_equal(channel_send(sensor, MESSAGE_OBSERVATION, "x", 1, -1), 0);
		said[0] = 0;
		dies(100 + i, SIGSYS);
		assert_int_equal(observations, i + 1);
		assert_non_null(strstr(said, "SENSOR PROCESS LOST"));
		assert_non_null(strstr(said, "the sandbox forbids"));
		assert_int_equal(keeper.restarts, i + 1);
		assert_int_equal(restarted, i + 1);
		after(waits[i] - 1);
		assert_int_equal(asked(), 0);
		after(1);
	}
	runs(108); /* it had been asked for as one that may leave interfaces out */
	for (int i = 0; i < 7; i++) {
		after(9000);
		tell(MESSAGE_COUNTERS, "", 0);
	}
	dies(108, 1 << 8); /* after a good life: as if it were the first */
	assert_non_null(strstr(said, "status 1"));
	after(100);
	assert_int_equal(asked(), 't');
}

static void broken(uint32_t type, const void *payload, size_t n, bool is_believed)
{
	keeper_start(&keeper);
	runs(100);
	believed = is_believed;
	tell(type, payload, n);
	assert_int_equal(asked(), 'k');
	assert_non_null(strstr(said, "broke the rules of the channel"));
	believed = true;
	dies(100, SIGKILL);
	after(100);
	assert_int_equal(asked(), 't');
	assert_int_equal(keeper.restarts, 1);
}

static void test_unknown_message(void **state)
{
	(void)state;
	broken(99, "x", 1, false);
}

static void test_malformed_ready(void **state)
{
	(void)state;
	broken(MESSAGE_READY, "\7", 1, true);
}

static void test_malformed_failure(void **state)
{
	(void)state;
	broken(MESSAGE_FAILED, "\11", 1, true);
}

static void test_ready_twice(void **state)
{
	(void)state;
	broken(MESSAGE_READY, "\1\1", 2, true);
}

/* One that was taken over must not be able to make all of it end. */
static void test_failed_after_ready(void **state)
{
	(void)state;
	broken(MESSAGE_FAILED, "\2no seccomp", 11, true);
	assert_false(keeper.fatal);
}

/* It was us who did not run: its signs of life wait to be read. */
static void test_away(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	assert_int_equal(channel_send(sensor, MESSAGE_COUNTERS, "", 0, -1), 0);
	after(30000);
	assert_int_equal(asked(), 0);
	after(10001);
	assert_int_equal(asked(), 'k');
}

static void test_hangs(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	after(9000);
	tell(MESSAGE_COUNTERS, "", 0);
	after(9000);
	assert_int_equal(asked(), 0);
	after(1001);
	assert_int_equal(asked(), 'k');
	assert_non_null(strstr(said, "no sign of life"));
	after(5000);
	assert_int_equal(asked(), 0); /* once is enough */
}

static void test_does_not_come_up(void **state)
{
	(void)state;
	keeper_start(&keeper);
	assert_int_equal(asked(), 's');
	news(LAUNCHER_STARTED, 100, 0);
	after(30000);
	assert_int_equal(asked(), 0);
	after(1);
	assert_int_equal(asked(), 'k');
	assert_non_null(strstr(said, "does not come up"));
}

/* The first one says why it cannot start: that is the end. What it says is not trusted to be for a terminal. */
static void test_first_cannot_start(void **state)
{
	(void)state;
	keeper_start(&keeper);
	assert_int_equal(asked(), 's');
	news(LAUNCHER_STARTED, 100, 0);
	tell(MESSAGE_FAILED, "\1no such interface \x1b[31m", 24);
	dies(100, 1 << 8);
	assert_true(keeper.fatal && keeper_is_over(&keeper));
	assert_int_equal(keeper.why, CHANNEL_CANNOT_CAPTURE);
	assert_non_null(strstr(keeper.failure, "no such interface"));
	assert_null(strchr(keeper.failure, 0x1b));
	after(60000);
	assert_int_equal(asked(), 0);
}

/* A later one that cannot is tried again, and that is said once. */
static void test_later_cannot_start(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	dies(100, SIGSEGV);
	after(100);
	said[0] = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(asked(), 't');
		news(LAUNCHER_STARTED, 101 + i, 0);
		tell(MESSAGE_FAILED, "\1gone", 5);
		dies(101 + i, 1 << 8);
		assert_false(keeper_is_over(&keeper));
		assert_true((strstr(said, "no sensor process can be started: gone") != NULL) == (i == 0));
		said[0] = 0;
		after(5000);
	}
	runs(110);
	assert_int_equal(keeper.restarts, 1);
}

/* Without confinement it does not run, however often it did before. */
static void test_cannot_confine_any_more(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	dies(100, SIGSEGV);
	after(100);
	assert_int_equal(asked(), 't');
	news(LAUNCHER_STARTED, 101, 0);
	tell(MESSAGE_FAILED, "\2no seccomp", 11);
	dies(101, 1 << 8);
	assert_true(keeper.fatal && keeper_is_over(&keeper));
	assert_int_equal(keeper.why, CHANNEL_CANNOT_CONFINE);
}

static void test_drain(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	keeper_drain(&keeper, false);
	assert_int_equal(heard(), MESSAGE_DRAIN);
	tell(MESSAGE_OBSERVATION, "x", 1);
	tell(MESSAGE_DRAINED, NULL, 0);
	assert_false(keeper_is_over(&keeper)); /* it is still there */
	dies(100, 0);
	assert_true(keeper_is_over(&keeper));
	assert_int_equal(observations, 1);
	assert_int_equal(keeper.restarts, 0);
	assert_string_equal(said, "");
}

static void test_dies_while_it_drains(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	keeper_drain(&keeper, false);
	dies(100, SIGSEGV);
	assert_true(keeper_is_over(&keeper));
	assert_non_null(strstr(said, "SENSOR PROCESS LOST"));
	assert_null(strstr(said, "another one is started"));
	assert_int_equal(keeper.restarts, 0);
}

static void test_renewed(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	keeper_drain(&keeper, true);
	assert_int_equal(heard(), MESSAGE_DRAIN);
	tell(MESSAGE_DRAINED, NULL, 0);
	dies(100, 0);
	assert_false(keeper_is_over(&keeper));
	after(1);
	runs(101);
	assert_int_equal(keeper.restarts, 0);
}

static void test_drain_of_one_that_starts(void **state)
{
	(void)state;
	keeper_start(&keeper);
	assert_int_equal(asked(), 's');
	news(LAUNCHER_STARTED, 100, 0);
	keeper_drain(&keeper, false);
	assert_int_equal(asked(), 'k');
	dies(100, SIGKILL);
	assert_true(keeper_is_over(&keeper));
	assert_string_equal(said, ""); /* nothing was lost */
	assert_int_equal(keeper.restarts, 0);
}

/* The launcher cannot be asked: that is the end, not a wait for ever. */
static void test_launcher_does_not_hear(void **state)
{
	(void)state;
	close(launcher[LAUNCHERS]);
	launcher[LAUNCHERS] = -1;
	keeper_start(&keeper);
	assert_true(keeper.fatal && keeper_is_over(&keeper));
	assert_non_null(strstr(keeper.failure, "launcher"));
}

static void test_launcher_gone(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	close(launcher[LAUNCHERS]);
	launcher[LAUNCHERS] = -1;
	keeper_hear_launcher(&keeper);
	assert_true(keeper.fatal && keeper_is_over(&keeper));
	assert_non_null(strstr(keeper.failure, "launcher is gone"));
}

static void test_launcher_talks_nonsense(void **state)
{
	(void)state;
	keeper_start(&keeper);
	runs(100);
	assert_int_equal(send(launcher[LAUNCHERS], "xyz", 3, 0), 3);
	keeper_hear_launcher(&keeper);
	assert_true(keeper.fatal);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_start),
	    T(test_deaths),
	    T(test_unknown_message),
	    T(test_malformed_ready),
	    T(test_malformed_failure),
	    T(test_hangs),
	    T(test_ready_twice),
	    T(test_failed_after_ready),
	    T(test_away),
	    T(test_launcher_does_not_hear),
	    T(test_does_not_come_up),
	    T(test_first_cannot_start),
	    T(test_later_cannot_start),
	    T(test_cannot_confine_any_more),
	    T(test_drain),
	    T(test_dies_while_it_drains),
	    T(test_renewed),
	    T(test_drain_of_one_that_starts),
	    T(test_launcher_gone),
	    T(test_launcher_talks_nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
