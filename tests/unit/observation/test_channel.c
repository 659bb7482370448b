/* Messages cross the channel whole and in order however the bytes arrive; what breaks its rules ends the reading;
 * descriptors come to those who asked for them and to nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "channel.h"
#include "limits.h"
#include "status.h"
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OURS, THEIRS, MOST = 1 << 20 };

static int pair[2];
static struct channel_reader reader;

static int files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int down(void **state)
{
	(void)state;
	channel_reader_done(&reader);
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	return 0;
}

static void start(unsigned flags)
{
	channel_reader_init(&reader, pair[OURS], MOST, flags | CHANNEL_NO_WAIT);
}

static void raw(const void *bytes, size_t n)
{
	assert_int_equal(send(pair[THEIRS], bytes, n, 0), (ssize_t)n);
}

static void test_in_order(void **state)
{
	(void)state;
	struct message m;
	start(0);
	assert_int_equal(channel_receive(&reader), FAIL_IO);
	assert_int_equal(errno, EAGAIN);
	for (int i = 0; i < 100; i++)
		assert_int_equal(channel_send(pair[THEIRS], MESSAGE_OBSERVATION, &i, (size_t)(i % 5), -1), 0);
	int next = 0;
	while (channel_receive(&reader) > 0)
		for (; channel_next(&reader, &m); next++) {
			assert_int_equal(m.type, MESSAGE_OBSERVATION);
			assert_int_equal(m.payload.n, next % 5);
			assert_int_equal(m.fd, -1);
			if (m.payload.n == 4)
				assert_memory_equal(m.payload.p, &next, 4);
		}
	assert_int_equal(next, 100);
	close(pair[THEIRS]);
	pair[THEIRS] = -1;
	assert_int_equal(channel_receive(&reader), 0);
	assert_false(reader.bad);
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	static const char bytes[] = "ST\x03\0\0\0\0\5helloST\x07\0\0\0\0\0";
	struct message m;
	start(0);
	for (size_t i = 0; i < sizeof bytes - 1; i++) {
		raw(bytes + i, 1);
		assert_int_equal(channel_receive(&reader), 1);
		bool whole = i == 12 || i == 20;
		assert_int_equal(channel_next(&reader, &m), whole);
		if (i == 12)
			assert_memory_equal(m.payload.p, "hello", 5);
		if (i == 20)
			assert_int_equal(m.type, MESSAGE_DRAINED);
	}
}

struct sending {
	uint8_t *bytes;
	size_t n;
	int result;
};

static void *send_large(void *context)
{
	struct sending *s = context;
	s->result = channel_send(pair[THEIRS], MESSAGE_SIGNATURES, s->bytes, s->n, -1);
	channel_send(pair[THEIRS], MESSAGE_DRAIN, NULL, 0, -1);
	return NULL;
}

/* Larger than the socket's buffer, as large as may be; the memory for it does not stay. */
static void test_largest(void **state)
{
	(void)state;
	struct sending s = {.bytes = malloc(MOST), .n = MOST, .result = -1};
	pthread_t thread;
	struct message m;
	assert_non_null(s.bytes);
	for (size_t i = 0; i < s.n; i++)
		s.bytes[i] = (uint8_t)(i * 7 >> 3);
	channel_reader_init(&reader, pair[OURS], MOST, 0);
	assert_int_equal(pthread_create(&thread, NULL, send_large, &s), 0);
	while (!channel_next(&reader, &m))
		assert_true(channel_receive(&reader) > 0);
	assert_int_equal(m.payload.n, MOST);
	assert_memory_equal(m.payload.p, s.bytes, MOST);
	assert_true(reader.cap > MOST);
	while (!channel_next(&reader, &m))
		assert_true(channel_receive(&reader) > 0);
	assert_int_equal(m.type, MESSAGE_DRAIN);
	pthread_join(thread, NULL);
	assert_int_equal(s.result, 0);
	assert_int_equal(channel_send(pair[THEIRS], MESSAGE_DRAIN, NULL, 0, -1), 0);
	assert_true(channel_receive(&reader) > 0);
	assert_true(reader.cap <= LIMIT_CHANNEL_READ);
	free(s.bytes);
}

static void breaks(const void *bytes, size_t n)
{
	struct message m;
	start(0);
	assert_int_equal(channel_send(pair[THEIRS], MESSAGE_READY, "\1\1", 2, -1), 0);
	raw(bytes, n);
	assert_true(channel_receive(&reader) > 0);
	assert_true(channel_next(&reader, &m)); /* what came before is good */
	assert_false(channel_next(&reader, &m));
	assert_true(reader.bad);
	assert_int_equal(channel_receive(&reader), 0);
	assert_false(channel_next(&reader, &m));
}

static void test_no_mark(void **state)
{
	(void)state;
	breaks("GET / HTTP/1.1\r\n", 16);
}

static void test_too_long(void **state)
{
	(void)state;
	breaks("ST\x03\0\0\x10\0\1", 8); /* MOST + 1 */
}

static void test_endless(void **state)
{
	(void)state;
	breaks("ST\x03\0\xff\xff\xff\xff", 8);
}

static void test_descriptors_come_along(void **state)
{
	(void)state;
	struct message m;
	int pipes[2], before = files();
	start(CHANNEL_TAKES_FDS);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(channel_send(pair[THEIRS], MESSAGE_DRAIN, NULL, 0, -1), 0);
	assert_int_equal(channel_send(pair[THEIRS], MESSAGE_EVIDENCE_FILE, "x", 1, pipes[1]), 0);
	close(pipes[1]);
	while (channel_receive(&reader) > 0)
		;
	assert_true(channel_next(&reader, &m));
	assert_int_equal(m.fd, -1);
	assert_true(channel_next(&reader, &m));
	assert_true(m.fd >= 0);
	assert_int_equal(write(m.fd, "y", 1), 1);
	char byte;
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(m.fd);
	close(pipes[0]);
	assert_int_equal(files(), before);
}

/* The recorder takes none: a sensor must not fill its table of open files. */
static void test_descriptors_that_nobody_wants(void **state)
{
	(void)state;
	struct message m;
	int before = files();
	start(0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(channel_send(pair[THEIRS], MESSAGE_OBSERVATION, "x", 1, pair[THEIRS]), 0);
	while (channel_receive(&reader) > 0)
		while (channel_next(&reader, &m))
			assert_int_equal(m.fd, -1);
	assert_int_equal(files(), before);
}

static void test_descriptors_without_end(void **state)
{
	(void)state;
	struct message m;
	int before = files();
	start(CHANNEL_TAKES_FDS);
	for (int i = 0; i < 3 * CHANNEL_FDS; i++)
		assert_int_equal(channel_send(pair[THEIRS], MESSAGE_EVIDENCE_FILE, NULL, 0, pair[THEIRS]), 0);
	int n = 0;
	while (channel_receive(&reader) > 0)
		while (n < CHANNEL_FDS && channel_next(&reader, &m))
			n += m.fd >= 0 && close(m.fd) == 0;
	assert_true(reader.n_fds <= CHANNEL_FDS);
	channel_reader_done(&reader);
	assert_int_equal(files(), before);
}

static void test_nobody_is_there(void **state)
{
	(void)state;
	close(pair[OURS]);
	pair[OURS] = -1;
	assert_int_equal(channel_send(pair[THEIRS], MESSAGE_DRAIN, "x", 1, -1), FAIL_IO); /* and no SIGPIPE */
	assert_int_equal(errno, EPIPE);
}

/* ---- the small messages ---- */

static struct slice sent(struct message *m)
{
	start(0);
	assert_true(channel_receive(&reader) > 0);
	assert_true(channel_next(&reader, m));
	return m->payload;
}

static void test_ready(void **state)
{
	(void)state;
	struct message m;
	struct channel_ready r;
	assert_int_equal(channel_send_ready(pair[THEIRS], &(struct channel_ready){true, false}), 0);
	assert_true(channel_read_ready(sent(&m), &r));
	assert_true(r.confined && !r.landlock);
	assert_false(channel_read_ready(slice_of("\1", 1), &r));
	assert_false(channel_read_ready(slice_of("\1\2", 2), &r));
	assert_false(channel_read_ready(slice_of("\1\1\1", 3), &r));
}

static void test_failed(void **state)
{
	(void)state;
	struct message m;
	enum channel_failure why;
	struct slice text;
	assert_int_equal(channel_send_failed(pair[THEIRS], CHANNEL_CANNOT_CONFINE, "no seccomp"), 0);
	assert_true(channel_read_failed(sent(&m), &why, &text));
	assert_int_equal(why, CHANNEL_CANNOT_CONFINE);
	assert_true(slice_eq_str(text, "no seccomp"));
	assert_true(channel_read_failed(slice_of("\3", 1), &why, &text));
	assert_int_equal(text.n, 0);
	assert_false(channel_read_failed(slice_of("", 0), &why, &text));
	assert_false(channel_read_failed(slice_of("\0x", 2), &why, &text));
	assert_false(channel_read_failed(slice_of("\4x", 2), &why, &text));
}

static void test_notice(void **state)
{
	(void)state;
	static char endless[2 * CHANNEL_TEXT];
	static uint8_t bytes[CHANNEL_TEXT + 8];
	struct channel_notice n = {NOTICE_LOST, 3, slice_str("vanished")}, got;
	assert_true(channel_read_notice(slice_of(bytes, channel_write_notice(&n, bytes)), &got));
	assert_true(got.kind == NOTICE_LOST && got.capture == 3 && slice_eq_str(got.text, "vanished"));
	memset(endless, 'x', sizeof endless - 1);
	n.text = slice_str(endless);
	assert_true(channel_read_notice(slice_of(bytes, channel_write_notice(&n, bytes)), &got));
	assert_int_equal(got.text.n, CHANNEL_TEXT);
	for (size_t cut = 0; cut < 5; cut++)
		assert_false(channel_read_notice(slice_of(bytes, cut), &got));
	assert_false(channel_read_notice(slice_of("\0\0\0\0\1x", 6), &got));
	assert_false(channel_read_notice(slice_of("\x7f\0\0\0\1x", 6), &got));
}

static void test_keylog(void **state)
{
	static const uint8_t outside[] = {LIMIT_KEYLOGS, 0}, unclear[] = {0, 2};
	uint8_t payload[CHANNEL_KEYLOG_HEAD + 16];
	struct channel_keylog k = {3, true, slice_of(payload + CHANNEL_KEYLOG_HEAD, 16)}, got;
	struct message m;
	(void)state;
	memcpy(payload + CHANNEL_KEYLOG_HEAD, "CLIENT_RANDOM 00", 16);
	assert_int_equal(channel_send_keylog(pair[THEIRS], &k, payload), 0);
	assert_true(channel_read_keylog(sent(&m), &got));
	assert_int_equal(m.type, MESSAGE_KEYLOG);
	assert_true(got.file == 3 && got.afresh && slice_eq_str(got.bytes, "CLIENT_RANDOM 00"));
	assert_false(channel_read_keylog(slice_first(m.payload, 1), &got));
	assert_false(channel_read_keylog(slice_of(outside, sizeof outside), &got));
	assert_false(channel_read_keylog(slice_of(unclear, sizeof unclear), &got));
}

static void test_wanted(void **state)
{
	(void)state;
	struct message m;
	struct channel_wanted w = {7, UINT64_MAX - 1, slice_str("why")}, got;
	assert_int_equal(channel_send_wanted(pair[THEIRS], &w), 0);
	assert_true(channel_read_wanted(sent(&m), &got));
	assert_true(got.capture == 7 && got.first_frame == UINT64_MAX - 1 && slice_eq_str(got.comment, "why"));
	assert_false(channel_read_wanted(slice_first(m.payload, 11), &got));
}

/* Where secrets come, nothing of a message that came in two pieces lies beside what is still to be read, or in memory that was given back. */
static void test_no_copies_stay(void **state)
{
	(void)state;
	static const char other[] = "ST\x44\0\0\0\0\0", secret[] = "ST\x44\0\0\0\0\x28secretsecretsecretsecretsecretsecret";
	struct message m;
	start(CHANNEL_WIPES);
	raw(other, 8);
	raw(secret, sizeof secret - 1);
	assert_true(channel_receive(&reader) > 0);
	assert_true(channel_next(&reader, &m));
	assert_false(channel_next(&reader, &m)); /* 40 bytes are promised, 36 are there */
	raw("last", 4);
	assert_int_equal(channel_receive(&reader), 4);
	assert_true(channel_next(&reader, &m));
	assert_int_equal(m.payload.n, 40);
	for (size_t i = (size_t)(m.payload.p - reader.buffer) + m.payload.n; i < 8 + sizeof secret - 1; i++)
		assert_int_equal(reader.buffer[i], 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_in_order),
	    T(test_byte_by_byte),
	    T(test_largest),
	    T(test_no_mark),
	    T(test_too_long),
	    T(test_endless),
	    T(test_descriptors_come_along),
	    T(test_descriptors_that_nobody_wants),
	    T(test_descriptors_without_end),
	    T(test_nobody_is_there),
	    T(test_ready),
	    T(test_failed),
	    T(test_notice),
	    T(test_keylog),
	    T(test_no_copies_stay),
	    T(test_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
