/* A confined process: what it must still be able to do, and what must end it. Each try runs in a forked child, as
 * the user who runs the tests and, where that is root, also as an ordinary one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture_file.h"
#include "confine.h"
#include "observation.h"
#include "sensor.h"
#include "signature.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NOBODY = 65534 };

/* What a child holds open when it is confined. */
static struct {
	int pipe[2], unix_pair[2], inet, status;
	char path[64]; /* of a file that exists */
} held;

static bool as_nobody; /* of the child to come */

static int hold(void **state)
{
	(void)state;
	assert_int_equal(pipe(held.pipe), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, held.unix_pair), 0);
	held.inet = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(held.inet >= 0);
	strcpy(held.path, "/tmp/shadowtap-test-confine-XXXXXX");
	int fd = mkstemp(held.path);
	assert_true(fd >= 0);
	fchmod(fd, 0666);
	close(fd);
	return 0;
}

static int let_go(void **state)
{
	(void)state;
	unlink(held.path);
	for (int i = 0; i < 2; i++) {
		close(held.pipe[i]);
		close(held.unix_pair[i]);
	}
	close(held.inet);
	return 0;
}

/* Returns how the child ended. what() returns its exit code; 0 is success. */
static int in_child(int (*what)(void))
{
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (as_nobody && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		                  setresuid(NOBODY, NOBODY, NOBODY) != 0))
			_exit(101);
		held.status = open("/proc/self/status", O_RDONLY);
		struct confine_report report;
		char error[CONFINE_ERROR_TEXT];
		if (confine_process(&report, error) != 0) {
			dprintf(2, "%s\n", error);
			_exit(102);
		}
		if (!report.seccomp || !report.capabilities || !report.no_new_privs || report.landlock > report.landlock_abi)
			_exit(103);
		_exit(what());
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* As who runs the tests, or as an ordinary user. */
static void as_user(void (*check)(int status, const char *name), int (*what)(void), const char *name, bool ordinary)
{
	if (ordinary && geteuid() != 0)
		return;
	as_nobody = ordinary;
	check(in_child(what), name);
	as_nobody = false;
}

static void is_killed(int status, const char *name)
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("%s: status 0x%x instead of SIGSYS", name, status);
}

static void is_well(int status, const char *name)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s: status 0x%x", name, status);
}

#define ASSERT_KILLED(f) as_user(is_killed, f, #f, false)
#define ASSERT_KILLED_AS_NOBODY(f) as_user(is_killed, f, #f, true)
#define ASSERT_WELL(f) as_user(is_well, f, #f, false), as_user(is_well, f, #f, true)

/* ---- what must end it ---- */

static int open_to_read(void)
{
	return open("/etc/passwd", O_RDONLY) < 0;
}

static int open_to_write(void)
{
	return open(held.path, O_WRONLY | O_APPEND) < 0;
}

static int open_by_openat2(void)
{
	uint64_t how[3] = {O_RDONLY, 0, 0};
	return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof how) < 0;
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static int make_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0;
}

static const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = 0x0900, .sin_addr.s_addr = 0x0100007f};

static int connect_inherited(void)
{
	return connect(held.inet, (const struct sockaddr *)&here, sizeof here);
}

static int bind_inherited(void)
{
	return bind(held.inet, (const struct sockaddr *)&here, sizeof here);
}

static int send_to_address(void)
{
	return sendto(held.inet, "x", 1, 0, (const struct sockaddr *)&here, sizeof here) < 0;
}

static int send_message_to_address(void)
{
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_name = (void *)&here, .msg_namelen = sizeof here, .msg_iov = &iov, .msg_iovlen = 1};
	return sendmsg(held.inet, &m, 0) < 0;
}

static int write_to_socket(void)
{
	return write(held.inet, "x", 1) < 0;
}

/* The kernel takes the lower 32 bits for the number; so must the filter. */
static int write_to_wide_number(void)
{
	return syscall(SYS_write, (uint64_t)held.inet | UINT64_C(1) << 40, "x", 1) < 0;
}

static int run_program(void)
{
	char *const argv[] = {"/bin/true", NULL};
	return execv(argv[0], argv);
}

static int make_process(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0;
}

static int make_process_as_vfork_does(void)
{
	return syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL) < 0;
}

static int trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0;
}

static int signal_parent(void)
{
	return kill(getppid(), 0);
}

static int signal_thread_of_parent(void)
{
	return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int turn_data_into_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int remove_file(void)
{
	return unlink(held.path);
}

static int change_mode(void)
{
	return chmod(held.path, 0);
}

static int become_somebody(void)
{
	return setuid(0);
}

static int load_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) < 0;
}

#ifdef __x86_64__
static int call_as_x32(void)
{
	return syscall(0x40000000 | SYS_getpid) < 0;
}

/* ptrace under the number that 32-bit programs know it by */
static int call_as_i386(void)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(26), "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
	return r < 0;
}
#endif

static void test_reaching_outside_kills(void **state)
{
	(void)state;
	ASSERT_KILLED(open_to_read);
	ASSERT_KILLED(open_to_write);
	ASSERT_KILLED(open_by_openat2);
	ASSERT_KILLED(remove_file);
	ASSERT_KILLED(change_mode);
	assert_int_equal(access(held.path, R_OK | W_OK), 0);
	ASSERT_KILLED(make_socket);
	ASSERT_KILLED(make_unix_socket);
	ASSERT_KILLED_AS_NOBODY(open_to_write);
	ASSERT_KILLED_AS_NOBODY(make_socket);
	ASSERT_KILLED(connect_inherited);
	ASSERT_KILLED(bind_inherited);
}

static void test_sending_by_an_inherited_socket_kills(void **state)
{
	(void)state;
	ASSERT_KILLED(send_to_address);
	ASSERT_KILLED(send_message_to_address);
	ASSERT_KILLED(write_to_socket);
	ASSERT_KILLED(write_to_wide_number);
}

static void test_touching_other_processes_kills(void **state)
{
	(void)state;
	ASSERT_KILLED(run_program);
	ASSERT_KILLED(make_process);
	ASSERT_KILLED(make_process_as_vfork_does);
	ASSERT_KILLED(trace_parent);
	ASSERT_KILLED(signal_parent);
	ASSERT_KILLED(signal_thread_of_parent);
}

static void test_getting_more_rights_kills(void **state)
{
	(void)state;
	ASSERT_KILLED(map_code);
	ASSERT_KILLED(turn_data_into_code);
	ASSERT_KILLED(become_somebody);
	ASSERT_KILLED(load_bpf);
#ifdef __x86_64__
	ASSERT_KILLED(call_as_x32);
#endif
}

#ifdef __x86_64__
/* A kernel without 32-bit programs ends it by SIGSEGV: either way it gets nothing. */
static void test_other_architectures_kill(void **state)
{
	(void)state;
	assert_true(WIFSIGNALED(in_child(call_as_i386)));
}
#endif

/* ---- what must work ---- */

static int unknown_calls_fail(void)
{
	char b[64];
	int one = 1;
	return !(syscall(SYS_readlink, "/proc/self/exe", b, sizeof b) == -1 && errno == ENOSYS &&
	         syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS && syscall(999) == -1 && errno == ENOSYS &&
	         prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1 && fcntl(held.pipe[0], F_DUPFD, 0) == -1 &&
	         setsockopt(held.inet, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == -1 && errno == ENOSYS &&
	         setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1}) == -1);
}

static int allocate(void)
{
	for (size_t n = 16; n <= (size_t)16 << 20; n *= 4) {
		char *p = malloc(n);
		if (!p)
			return 1;
		memset(p, 1, n);
		char *q = realloc(p, n * 2);
		if (!q)
			return 2;
		free(q);
	}
	return 0;
}

/* Enough small blocks for the heap of a thread to shrink again, which glibc opens a file for. */
static void *allocate_in_thread(void *context)
{
	enum { N = 4096 };
	void **p = calloc(N, sizeof *p);
	for (int i = 0; p && i < N; i++)
		p[i] = malloc(10000);
	for (int i = N; p && i-- > 0;)
		free(p[i]);
	free(p);
	*(int *)context = allocate();
	return context;
}

static int make_threads(void)
{
	pthread_t t[2];
	int r[2];
	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, allocate_in_thread, &r[i]) != 0)
			return 1;
	for (int i = 0; i < 2; i++)
		if (pthread_join(t[i], NULL) != 0 || r[i] != 0)
			return 2;
	return 0;
}

static int read_write_wait(void)
{
	char b[4];
	struct pollfd p = {held.pipe[0], POLLIN, 0};
	struct timespec now, nap = {0, 1000000};
	int on = 0;
	socklen_t n = sizeof on;
	return !(write(held.pipe[1], "abcd", 4) == 4 && poll(&p, 1, 1000) == 1 && read(held.pipe[0], b, 4) == 4 &&
	         memcmp(b, "abcd", 4) == 0 && poll(&p, 1, 1) == 0 && clock_gettime(CLOCK_MONOTONIC, &now) == 0 &&
	         syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0 && nanosleep(&nap, NULL) == 0 &&
	         getsockopt(held.inet, SOL_SOCKET, SO_ERROR, &on, &n) == 0 && dprintf(held.pipe[1], "%d", 1) == 1 &&
	         read(held.pipe[0], b, 1) == 1 && sched_yield() == 0 && prctl(PR_SET_NAME, "lane") == 0 &&
	         send(held.unix_pair[1], "x", 1, 0) == 1 && recv(held.unix_pair[0], b, 1, 0) == 1);
}

/* The parent passes an evidence file on; it is written, synchronised and cut. */
static int take_descriptor(void)
{
	char byte;
	union {
		char b[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.b, .msg_controllen = sizeof u.b};
	if (recvmsg(held.unix_pair[1], &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m))
		return 1;
	int fd;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return !(write(fd, "12345", 5) == 5 && ftruncate(fd, 3) == 0 && lseek(fd, 0, SEEK_END) == 3 &&
	         pwrite(fd, "x", 1, 0) == 1 && fdatasync(fd) == 0 && close(fd) == 0);
}

static void pass_descriptor(void)
{
	int fd = open(held.path, O_RDWR | O_TRUNC);
	assert_true(fd >= 0);
	union {
		char b[CMSG_SPACE(sizeof fd)];
		struct cmsghdr align;
	} u = {{0}};
	struct iovec iov = {"f", 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.b, .msg_controllen = sizeof u.b};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	assert_int_equal(sendmsg(held.unix_pair[0], &m, 0), 1);
	close(fd);
}

static int has_no_rights(void)
{
	static const char none[] = "0000000000000000\n";
	static const char *const names[] = {"CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapAmb:\t"};
	char b[8192];
	ssize_t n = pread(held.status, b, sizeof b - 1, 0);
	if (n <= 0)
		return 1;
	b[n] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *at = strstr(b, names[i]);
		if (!at || strncmp(at + strlen(names[i]), none, sizeof none - 1) != 0)
			return 2;
	}
	if (geteuid() == 0) { /* who has CAP_SETPCAP can empty the bounding set too */
		const char *at = strstr(b, "CapBnd:\t");
		if (!at || strncmp(at + 8, none, sizeof none - 1) != 0)
			return 3;
	}
	return !strstr(b, "NoNewPrivs:\t1\n") || !strstr(b, "Seccomp:\t2\n");
}

static int abort_itself(void)
{
	abort();
}

static void test_working_goes_on(void **state)
{
	(void)state;
	ASSERT_WELL(unknown_calls_fail);
	ASSERT_WELL(allocate);
	ASSERT_WELL(make_threads);
	ASSERT_WELL(read_write_wait);
	ASSERT_WELL(has_no_rights);
}

static void test_takes_descriptors(void **state)
{
	(void)state;
	pass_descriptor();
	if (geteuid() == 0)
		pass_descriptor();
	ASSERT_WELL(take_descriptor);
	char b[8];
	int fd = open(held.path, O_RDONLY);
	assert_int_equal(read(fd, b, sizeof b), 3);
	assert_memory_equal(b, "x23", 3);
	close(fd);
}

static void test_abort_is_an_abort(void **state)
{
	(void)state;
	int status = in_child(abort_itself);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !WCOREDUMP(status));
}

#ifdef __SANITIZE_ADDRESS__
static int overrun(void)
{
	volatile char *volatile p = malloc(8); /* the compiler must not see through it */
	p[8] = 1;
	return p[8];
}

/* A build with AddressSanitizer must be able to say what it found. */
static void test_sanitizer_can_report(void **state)
{
	(void)state;
	int saved = dup(2);
	dup2(held.pipe[1], 2);
	int status = in_child(overrun);
	dup2(saved, 2);
	close(saved);
	char b[65536];
	fcntl(held.pipe[0], F_SETFL, O_NONBLOCK);
	size_t n = 0;
	for (ssize_t r; n < sizeof b - 1 && (r = read(held.pipe[0], b + n, sizeof b - 1 - n)) > 0;)
		n += (size_t)r;
	b[n] = '\0';
	assert_true(strstr(b, "heap-buffer-overflow") && strstr(b, "in overrun") && strstr(b, "SUMMARY"));
	assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGABRT);
}
#endif

/* ---- order ---- */

static void *wait_for_pipe(void *context)
{
	char c;
	(void)!read(*(int *)context, &c, 1);
	return NULL;
}

static void test_comes_before_threads(void **state)
{
	(void)state;
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct confine_report report = {.landlock_abi = -1};
		char error[CONFINE_ERROR_TEXT] = "";
		pthread_t t;
		pthread_create(&t, NULL, wait_for_pipe, &held.pipe[0]);
		_exit(!(confine_process(&report, error) < 0 && strstr(error, "thread") && report.landlock_abi == -1));
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	is_well(status, "with a thread");
}

/* ---- the sensor itself: no part of it may need a call that is not there, on whatever it reads ---- */

static struct signature_set *signatures;
static struct frame frames[200000];
static unsigned n_frames;
static bool observed_tcp, observed_udp;

static const char *const captures[] = {
	"a2a_http_nginx_mcp_path.pcap",
	"claude_http_401.pcap",
	"d_bigendian__http_everything_stateful.pcap",
	"quic_vendor.pcap", /* libcrypto opens it */
};

static void on_observation(void *context, const uint8_t *bytes, size_t n)
{
	(void)context;
	struct observation_box box;
	if (!observation_decode(bytes, n, &box))
		return;
	observed_tcp |= box.o.l4 == 6;
	observed_udp |= box.o.l4 == 17;
	observation_box_done(&box);
}

static int read_captures(unsigned workers)
{
	struct sensor_config config = {.signatures = signatures, .workers = workers, .shard_key = {1, 2}};
	struct sensor *s;
	if (sensor_new(&config, on_observation, NULL, &s) != 0)
		return 1;
	for (unsigned i = 0; i < n_frames; i++)
		if (sensor_feed(s, &frames[i], true) != 0)
			return 2;
	if (sensor_end(s) != 0)
		return 3;
	sensor_free(s);
	return !observed_tcp || !observed_udp;
}

static int sense_with_one(void)
{
	return read_captures(1);
}

static int sense_with_four(void)
{
	return read_captures(4);
}

static void test_sensor_works_confined(void **state)
{
	(void)state;
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	char error[SIGNATURE_ERROR_TEXT + CAPTURE_ERROR_TEXT];
	assert_int_equal(signature_set_load(directories, 1, &signatures, error), 0);
	for (size_t i = 0; i < sizeof captures / sizeof *captures; i++) {
		char path[512];
		snprintf(path, sizeof path, "%s/pcaps/%s", TEST_SOURCE_DIR, captures[i]);
		struct capture_file *f;
		assert_int_equal(capture_file_open(path, &f, error), 0);
		struct frame next;
		while (capture_file_next(f, &next) == 1) {
			assert_true(n_frames < sizeof frames / sizeof *frames);
			uint8_t *copy = malloc(next.caplen);
			memcpy(copy, next.data, next.caplen);
			next.data = copy;
			frames[n_frames++] = next;
		}
		capture_file_free(f);
	}
	ASSERT_WELL(sense_with_one);
	ASSERT_WELL(sense_with_four);
	for (unsigned i = 0; i < n_frames; i++)
		free((void *)frames[i].data);
	signature_set_free(signatures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reaching_outside_kills, hold, let_go),
		cmocka_unit_test_setup_teardown(test_sending_by_an_inherited_socket_kills, hold, let_go),
		cmocka_unit_test_setup_teardown(test_touching_other_processes_kills, hold, let_go),
		cmocka_unit_test_setup_teardown(test_getting_more_rights_kills, hold, let_go),
#ifdef __x86_64__
		cmocka_unit_test_setup_teardown(test_other_architectures_kill, hold, let_go),
#endif
		cmocka_unit_test_setup_teardown(test_working_goes_on, hold, let_go),
		cmocka_unit_test_setup_teardown(test_takes_descriptors, hold, let_go),
		cmocka_unit_test_setup_teardown(test_abort_is_an_abort, hold, let_go),
#ifdef __SANITIZE_ADDRESS__
		cmocka_unit_test_setup_teardown(test_sanitizer_can_report, hold, let_go),
#endif
		cmocka_unit_test_setup_teardown(test_comes_before_threads, hold, let_go),
		cmocka_unit_test_setup_teardown(test_sensor_works_confined, hold, let_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
