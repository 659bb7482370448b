/* Live capture of interfaces that go down, come back and vanish, by a process that may not open anything; and what is
 * refused. */
#include "capture_net.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void down_and_up(const char *interface)
{
	char command[64];
	struct capture_live *c = live_of((struct capture_live_config){.interface = "st1", .filter = OURS});
	struct heard *h = heard_new(14);
	for (uint32_t i = 0; i < 3; i++) {
		send_ours(i, 60);
		snprintf(command, sizeof command, "link set %s down", interface);
		assert_true(ip(command));
		read_until_down(c, h, true);
		assert_int_equal(h->n, i + 1); /* what came before is not lost */
		unsigned reads = 0;
		for (int64_t end = now_ns() + 300000000; now_ns() < end; reads++)
			assert_int_equal(capture_live_read(c, 64, on_frame, h), 0);
		assert_in_range(reads, 1, 10); /* it waits, it does not spin */
		snprintf(command, sizeof command, "link set %s up", interface);
		assert_true(ip(command));
		read_until_down(c, h, false);
	}
	send_ours(3, 60);
	read_until(c, h, 4);
	capture_live_free(c);
	free(h);
}

static void test_down_and_up(void **state)
{
	(void)state;
	NEED_NETWORK();
	down_and_up("st1");
	down_and_up("st0"); /* the other end: no carrier */
}

static void deleted(bool down_first)
{
	struct capture_live *c = live_of((struct capture_live_config){.interface = "st1", .filter = OURS});
	struct heard *h = heard_new(14);
	struct capture_live_counts counts;
	send_ours(0, 60);
	if (down_first) {
		assert_true(ip("link set st1 down"));
		read_until_down(c, h, true);
	}
	assert_true(ip("link del st1"));
	int n = 0;
	for (int64_t end = now_ns() + PATIENCE_NS; n >= 0 && now_ns() < end;)
		n = capture_live_read(c, 64, on_frame, h);
	assert_int_equal(n, FAIL_IO);
	assert_int_equal(h->n, 1);
	assert_int_equal(strncmp(capture_live_error(c), "st1: ", 5), 0);
	/* For good, even if one of that name comes again. */
	assert_true(ip("link add st0 type veth peer name st1"));
	assert_int_equal(capture_live_read(c, 64, on_frame, h), FAIL_IO);
	capture_live_counts(c, &counts);
	assert_int_equal(counts.received, 1);
	capture_live_free(c);
	free(h);
}

static void test_deleted(void **state)
{
	(void)state;
	NEED_NETWORK();
	deleted(false);
	pair_teardown(NULL);
	assert_int_equal(pair_setup(NULL), 0);
	deleted(true);
}

/* ---- what a confined process may not do ---- */

/* From here on a call that reaches outside kills. */
static bool forbid(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Reads through a link that goes down and comes back until it is deleted. */
static void confined_child(int ready)
{
	struct capture_live *c;
	char error[CAPTURE_ERROR_TEXT];
	struct capture_live_config config = {.interface = "st1", .filter = OURS, .promiscuous = true, .number_step = 1};
	struct capture_live_counts counts;
	struct heard *h = calloc(1, sizeof *h);
	int n = 0;
	h->sequence_at = 14;
	if (capture_live_open(&config, &c, error) != 0)
		_exit(1);
	if (!forbid())
		_exit(2);
	if (write(ready, "", 1) != 1)
		_exit(3);
	while (n >= 0) {
		n = capture_live_read(c, 64, on_frame, h);
		capture_live_counts(c, &counts);
	}
	if (counts.received != 2 || h->n != 2)
		_exit(4);
	capture_live_free(c);
	_exit(0);
}

static void test_confined(void **state)
{
	(void)state;
	NEED_NETWORK();
	int ready[2], status;
	char byte;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		confined_child(ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		send_ours(0, 60);
		usleep(150000);
		ip("link set st1 down");
		usleep(150000);
		ip("link set st1 up");
		usleep(150000);
		send_ours(1, 60);
		usleep(150000);
	}
	ip("link del st1");
	close(ready[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- what cannot be opened ---- */

static void refused(struct capture_live_config config, int fail, const char *says)
{
	struct capture_live *c = NULL;
	char error[CAPTURE_ERROR_TEXT] = "";
	assert_int_equal(capture_live_open(&config, &c, error), fail);
	assert_null(c);
	assert_int_equal(strncmp(error, config.interface, strlen(config.interface)), 0);
	if (!strstr(error, says))
		fail_msg("'%s' does not say '%s'", error, says);
}

static void test_refused(void **state)
{
	(void)state;
	NEED_NETWORK();
	refused((struct capture_live_config){.interface = "st9"}, FAIL_IO, "no such interface");
	assert_true(ip("link set st1 down"));
	refused((struct capture_live_config){.interface = "st1"}, FAIL_IO, "is down");
	assert_true(ip("link set st1 up"));
	/* One fanout group cannot span two interfaces. */
	struct capture_live *c = live_of((struct capture_live_config){.interface = "st1", .fanout = 5});
	refused((struct capture_live_config){.interface = "st0", .fanout = 5}, FAIL_CONFIG, "capture threads");
	capture_live_free(c);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) { /* nobody has no capabilities */
		struct capture_live_config config = {.interface = "st1"};
		char error[CAPTURE_ERROR_TEXT] = "";
		_exit(setuid(65534) != 0 || capture_live_open(&config, &c, error) != FAIL_IO ||
		      !strstr(error, "CAP_NET_RAW"));
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_A_PAIR(test_down_and_up),
	    ON_A_PAIR(test_deleted),
	    ON_A_PAIR(test_confined),
	    ON_A_PAIR(test_refused),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
