/* Sockets whose other side ends, breaks, hangs or never was: what is sent once more, what is not, and that it takes no
 * longer than allowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recorder/alert/exit_harness.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static char spec[256];
static char received[1 << 20];

/* Keeps its port: a server is started anew on it. */
static int listener(uint16_t *port, int type)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int on = 1, fd = socket(AF_INET, type, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	snprintf(spec, sizeof spec, "syslog+%s://127.0.0.1:%u?format=json&timeout=2",
	         type == SOCK_STREAM ? "tcp" : "udp", *port);
	return fd;
}

static int local(const char *name, int type, const char *scheme)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof a.sun_path, "%.60s/%s", harness_folder, name);
	unlink(a.sun_path);
	int fd = socket(AF_UNIX, type, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	snprintf(spec, sizeof spec, "%s://%s?format=json&timeout=2", scheme, a.sun_path);
	return fd;
}

/* All that comes until nothing does for a moment, as text. Datagrams get a newline each. */
static size_t read_all(int fd, uint64_t *ids, size_t most)
{
	size_t n = 0;
	struct pollfd p = {fd, POLLIN, 0};
	int type;
	socklen_t type_n = sizeof type;
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_n), 0);
	while (poll(&p, 1, 100) > 0) {
		ssize_t k = recv(fd, received + n, sizeof received - 2 - n, 0);
		if (k <= 0)
			break;
		n += (size_t)k;
		if (type == SOCK_DGRAM)
			received[n++] = '\n';
	}
	received[n] = 0;
	return ids_in(received, ids, most);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void abort_connection(int fd)
{
	struct linger now = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
}

static void octets_are_counted(void **state)
{
	uint16_t port = 0;
	uint64_t ids[8];
	(void)state;
	int l = listener(&port, SOCK_STREAM);
	struct alert_exit *x = exit_of(spec);
	for (uint64_t i = 1; i <= 3; i++)
		sent(x, i);
	assert_int_equal(alert_exit_flush(x, harness_error), 0);
	int c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 8), 3);
	char *at = received;
	for (int i = 0; i < 3; i++) {
		size_t n = strtoul(at, &at, 10);
		assert_int_equal(*at, ' ');
		assert_int_equal(at[1], '<');
		assert_int_equal(at[n], '}');
		at += 1 + n;
	}
	assert_int_equal(*at, 0);
	alert_exit_free(x);
	char end;
	assert_int_equal(recv(c, &end, 1, 0), 0); /* a FIN, not a reset */
	close(c);
	close(l);
}

static void what_was_read_is_not_sent_again(void **state)
{
	uint16_t port = 0;
	uint64_t ids[8];
	(void)state;
	int l = listener(&port, SOCK_STREAM);
	struct alert_exit *x = exit_of(spec);
	sent(x, 1);
	sent(x, 2);
	int c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 8), 2);
	close(c);
	sent(x, 3);
	c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 8), 1);
	assert_int_equal(ids[0], 3);
	alert_exit_free(x);
	close(c);
	close(l);
}

static void what_was_left_unread_is_sent_again_in_order(void **state)
{
	uint16_t port = 0;
	uint64_t ids[16];
	(void)state;
	int l = listener(&port, SOCK_STREAM);
	struct alert_exit *x = exit_of(spec);
	for (uint64_t i = 1; i <= 4; i++)
		sent(x, i);
	assert_int_equal(alert_exit_flush(x, harness_error), 0);
	close(accept(l, NULL, NULL)); /* with four alerts unread: the kernel sends a reset */
	sent(x, 5);
	int c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 16), 5);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(ids[i], i + 1);
	alert_exit_free(x);
	close(c);
	close(l);
}

/* The dispatcher goes back after a flush that failed: what the exit holds goes out once. */
static void an_alert_is_known_by_its_id(void **state)
{
	uint16_t port = 0;
	uint64_t ids[16];
	(void)state;
	int l = listener(&port, SOCK_STREAM);
	struct alert_exit *x = exit_of(spec);
	for (uint64_t i = 1; i <= 3; i++)
		sent(x, i);
	for (uint64_t i = 1; i <= 3; i++)
		sent(x, i);
	int c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 16), 3);
	abort_connection(c);
	close(l);
	assert_int_equal(send_id(x, 4), FAIL_IO);
	assert_non_null(strstr(harness_error, "refused"));
	assert_int_equal(alert_exit_flush(x, harness_error), FAIL_IO);
	l = listener(&port, SOCK_STREAM);
	assert_int_equal(alert_exit_flush(x, harness_error), 0);
	sent(x, 4);
	c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 16), 4);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(ids[i], i + 1);
	alert_exit_free(x);
	close(c);
	close(l);
}

static void a_server_that_hangs_costs_no_more_than_the_timeout(void **state)
{
	uint16_t port = 0;
	int small = 2048, got = 0;
	(void)state;
	int l = listener(&port, SOCK_STREAM);
	setsockopt(l, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	struct alert_exit *x = exit_of(spec);
	double began = 0, took = 0;
	int rc = 0;
	for (uint64_t i = 1; rc == 0 && i < 60000; i++) {
		began = seconds();
		rc = send_id(x, i);
		took = seconds() - began;
		got += rc == 0;
	}
	assert_int_equal(rc, FAIL_IO);
	assert_true(got > 0);
	assert_true(took > 1.5 && took < 3);
	alert_exit_free(x);
	close(l);
}

/* A server that accepts and closes at once has taken nothing, whatever its kernel says. */
static void a_connection_is_on_probation(void **state)
{
	uint16_t port = 0;
	(void)state;
	int l = listener(&port, SOCK_STREAM);
	struct alert_exit *x = exit_of(spec);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(20); /* does not outlive a test that failed */
		for (;;) {
			int c = accept(l, NULL, NULL);
			struct pollfd p = {c, POLLIN, 0};
			poll(&p, 1, 1000);
			close(c);
		}
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(send_id(x, 1), FAIL_IO);
	alert_exit_free(x);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(l);
}

static void a_dead_udp_port_is_noticed(void **state)
{
	uint16_t port = 0;
	uint64_t ids[16];
	(void)state;
	int u = listener(&port, SOCK_DGRAM);
	struct alert_exit *x = exit_of(spec);
	sent(x, 1);
	assert_int_equal(read_all(u, ids, 16), 1);
	assert_null(strstr(received, "}\n\n"));
	close(u);
	int rc = send_id(x, 2);
	for (int i = 0; rc == 0 && i < 3; i++)
		rc = send_id(x, 2);
	assert_int_equal(send_id(x, 3), FAIL_IO);
	assert_non_null(strstr(harness_error, "refused"));
	u = listener(&port, SOCK_DGRAM);
	sent(x, 2);
	sent(x, 3);
	size_t n = read_all(u, ids, 16);
	assert_true(n >= 2); /* the first may come again: nobody said that it was read */
	assert_int_equal(ids[n - 2], 2);
	assert_int_equal(ids[n - 1], 3);
	alert_exit_free(x);
	close(u);
}

static void local_datagrams_and_streams(void **state)
{
	uint64_t ids[16];
	(void)state;
	int u = local("datagrams", SOCK_DGRAM, "unix");
	struct alert_exit *x = exit_of(spec);
	sent(x, 1);
	sent(x, 2);
	assert_int_equal(alert_exit_flush(x, harness_error), FAIL_IO); /* nobody has read them */
	assert_int_equal(read_all(u, ids, 16), 2);
	assert_null(strstr(received, "\n\n")); /* a datagram bears no newline */
	assert_int_equal(alert_exit_flush(x, harness_error), 0);
	sent(x, 3);
	close(u); /* with the third one unread */
	assert_int_equal(send_id(x, 4), FAIL_IO);
	u = local("datagrams", SOCK_DGRAM, "unix");
	sent(x, 4);
	size_t n = read_all(u, ids, 16);
	assert_true(n >= 2);
	assert_int_equal(ids[n - 2], 3);
	assert_int_equal(ids[n - 1], 4);
	alert_exit_free(x);
	close(u);
	int l = local("streams", SOCK_STREAM, "unix");
	x = exit_of(spec);
	sent(x, 1);
	int c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 16), 1);
	assert_non_null(strstr(received, "}\n"));
	sent(x, 2);
	close(c); /* with the second one unread */
	sent(x, 3);
	c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 16), 2);
	assert_true(ids[0] == 2 && ids[1] == 3);
	alert_exit_free(x);
	close(c);
	close(l);
	l = local("log", SOCK_STREAM, "syslog");
	x = exit_of(spec);
	sent(x, 1);
	c = accept(l, NULL, NULL);
	assert_int_equal(read_all(c, ids, 16), 1);
	assert_int_equal(strncmp(received, "<130>", 5), 0);
	alert_exit_free(x);
	close(c);
	close(l);
}

static void what_is_not_there_is_said(void **state)
{
	(void)state;
	snprintf(spec, sizeof spec, "syslog://%s/nobody", harness_folder);
	struct alert_exit *x = exit_of(spec);
	assert_int_equal(send_id(x, 1), FAIL_IO);
	assert_non_null(strstr(harness_error, "No such file"));
	alert_exit_free(x);
	x = exit_of("syslog+tcp://no-such-host.invalid?timeout=2");
	double began = seconds();
	assert_int_equal(send_id(x, 1), FAIL_IO);
	assert_non_null(strstr(harness_error, "cannot look up no-such-host.invalid"));
	assert_true(seconds() - began < 3);
	alert_exit_free(x);
}

/* Far more than an exit may hold, to a reader that reads all: nothing is held for ever, nothing is lost. */
static void more_than_is_held(void **state)
{
	enum { N = 5000 };
	uint16_t port = 0;
	int ready[2];
	(void)state;
	int l = listener(&port, SOCK_STREAM);
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(20); /* each message starts with its priority */
		int c = accept(l, NULL, NULL);
		static char buffer[1 << 16];
		unsigned n = 0;
		ssize_t k;
		while ((k = recv(c, buffer, sizeof buffer, 0)) > 0)
			for (ssize_t i = 0; i < k; i++)
				n += buffer[i] == '<';
		_exit(write(ready[1], &n, sizeof n) == sizeof n ? 0 : 1);
	}
	struct alert_exit *x = exit_of(spec);
	for (uint64_t i = 1; i <= N; i++)
		sent(x, i);
	assert_int_equal(alert_exit_flush(x, harness_error), 0);
	alert_exit_free(x);
	unsigned n = 0;
	assert_int_equal(read(ready[0], &n, sizeof n), sizeof n);
	assert_int_equal(n, N);
	waitpid(child, NULL, 0);
	close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_are_counted),
		cmocka_unit_test(what_was_read_is_not_sent_again),
		cmocka_unit_test(what_was_left_unread_is_sent_again_in_order),
		cmocka_unit_test(an_alert_is_known_by_its_id),
		cmocka_unit_test(a_server_that_hangs_costs_no_more_than_the_timeout),
		cmocka_unit_test(a_connection_is_on_probation),
		cmocka_unit_test(a_dead_udp_port_is_noticed),
		cmocka_unit_test(local_datagrams_and_streams),
		cmocka_unit_test(what_is_not_there_is_said),
		cmocka_unit_test(more_than_is_held),
	};
	return cmocka_run_group_tests(tests, harness_up, harness_down);
}
