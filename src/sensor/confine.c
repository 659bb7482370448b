/* A process with rights -> a confined one, in the order in which each step still may be taken. Called by the sensor
 * process. Refuses to go on half-confined: but for Landlock, which old kernels lack, all of it or FAIL_IO.
 *
 * Known weaknesses: newfstatat with AT_EMPTY_PATH, which fstat() is made of, could name a path too and tell its size
 * and owner. The process may still use all of its memory and time. */
#include "confine.h"
#include "hint.h"
#include "limits.h"
#include "quic_opener.h"
#include "status.h"
#include "tls_cipher.h"
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

__attribute__((format(printf, 2, 3))) static int fail(char error[CONFINE_ERROR_TEXT], const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(error, CONFINE_ERROR_TEXT, format, ap);
	va_end(ap);
	return FAIL_IO;
}

/* ---- what libraries open when they first need it ---- */

enum { WARM_BLOCKS = 660, WARM_BLOCK_BYTES = 96 << 10 };

/* glibc opens /proc/sys/vm/overcommit_memory when the heap of a thread is first given back, and remembers the
 * answer. So that is made to happen now: many blocks, each small enough to lie in that heap, together almost the 64
 * MiB that one can have, since the threshold from which on it gives back moves with what the process freed before.
 * Only their headers are touched. */
static void *warm_malloc(void *context)
{
	void **blocks = context;
	unsigned n = 0;
	while (n < WARM_BLOCKS && (blocks[n] = malloc(WARM_BLOCK_BYTES)) != NULL)
		n++;
	while (n > 0)
		free(blocks[--n]);
	return NULL;
}

static int warm_libraries(char error[CONFINE_ERROR_TEXT])
{
	void **blocks = calloc(WARM_BLOCKS, sizeof *blocks);
	pthread_t thread;
	int e = blocks ? pthread_create(&thread, NULL, warm_malloc, blocks) : ENOMEM;
	if (e == 0)
		pthread_join(thread, NULL);
	free(blocks);
	tls_cipher_warm_up();  /* libcrypto reads its configuration and loads its errors */
	hint_free(hint_new(false)); /* nDPI's libgcrypt looks for the machine's FIPS mode, once */
	quic_opener_free(quic_opener_new()); /* libcrypto opens openssl.cnf */
#ifdef __SANITIZE_ADDRESS__
	/* its report reads /proc/self/maps and the program's symbols: now, or the report would end in SIGSYS
	 * half-way */
	char place[256];
	__sanitizer_symbolize_pc(__builtin_return_address(0), "%p %f %L", place, sizeof place);
	__sanitizer_sandbox_on_notify(NULL);
#endif
	return e == 0 ? 0 : fail(error, "cannot start a thread before confinement: %s", strerror(e));
}

/* ---- capabilities ---- */

/* Threads have capabilities and Landlock domains of their own: one that exists already would keep its own. */
static bool has_other_threads(void)
{
	struct stat st;
	return stat("/proc/self/task", &st) == 0 && st.st_nlink > 3; /* ".", "..", and one link for each thread */
}

static int drop_capabilities(char error[CONFINE_ERROR_TEXT])
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* an older kernel has none */
	if (capng_get_caps_process() != 0)
		return fail(error, "cannot read the process's capabilities");
	bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_BOTH);
	/* without CAP_SETPCAP the bounding set stays: it bounds what execve can give, and there will be none */
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		return fail(error, "cannot drop the capability bounding set: %s", strerror(errno));
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		return fail(error, "cannot drop capabilities: %s", strerror(errno));
	if (capng_get_caps_process() != 0 || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return fail(error, "capabilities are still there after they were dropped");
	return 0;
}

/* ---- Landlock ---- */

/* The C library has no wrappers, and headers may be older than the kernel: numbers are ABI. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

/* struct landlock_ruleset_attr as of ABI 6; the kernel is told the size that it knows. */
struct ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

/* All that an ABI can take away is taken away: a ruleset without rules allows nothing of what it handles.
 * Descriptors that are open keep what they were opened for. Newer ABIs than 7 are used as if they were 7. */
static bool restrict_landlock(int *ret_abi)
{
	/* by ABI: rights of files 0..12 | 13 refer | | 14 truncate | | 15 ioctl on devices */
	static const unsigned fs_rights[] = {0, 13, 14, 15, 15, 16, 16, 16};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return false;
	*ret_abi = (int)abi;
	if (abi > 7)
		abi = 7;
	struct ruleset_attr attr = {.handled_access_fs = (UINT64_C(1) << fs_rights[abi]) - 1};
	size_t size = sizeof attr.handled_access_fs;
	if (abi >= 4) {
		attr.handled_access_net = 1 << 0 | 1 << 1; /* bind and connect of TCP */
		size = offsetof(struct ruleset_attr, scoped);
	}
	if (abi >= 6) {
		attr.scoped = 1 << 0 | 1 << 1; /* abstract unix sockets and signals of others */
		size = sizeof attr;
	}
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return false;
	bool ok = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
	close(fd);
	return ok;
}

/* ---- seccomp ---- */

/* Reading, computing, writing, waiting, threads. Those whose arguments matter are further down. */
static const char *const allowed[] = {
	"read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev", "lseek", "close", "fstat",
	"ftruncate", "fdatasync", "fsync", "fallocate", "recvfrom", "recvmsg", "recvmmsg", "sendmsg", "shutdown",
	"getsockopt", "getsockname", "getpeername", "poll", "ppoll", "select", "pselect6", "epoll_ctl", "epoll_wait",
	"epoll_pwait", "timerfd_settime",
	"brk", "munmap", "mremap", "madvise", "futex", "rseq", "set_robust_list", "membarrier", "sched_yield",
	"sched_getaffinity", "exit", "exit_group", "restart_syscall",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait", "sigaltstack",
	"clock_gettime", "clock_getres", "clock_nanosleep", "gettimeofday", "time", "nanosleep",
	"getrandom", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getcpu", "getrusage",
	"times", "uname", "sysinfo", /* sysinfo: qsort() asks how much memory there is */
};

/* Nothing here asks for these: whoever does is not the sensor any more. */
static const char *const forbidden[] = {
	/* files */
	"open", "openat", "openat2", "open_by_handle_at", "open_tree", "creat", "unlink", "unlinkat", "rename", "renameat",
	"renameat2", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod",
	"fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "truncate", "chroot", "pivot_root",
	"setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "utime", "utimes", "utimensat",
	"futimesat", "mount", "umount", "umount2", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"swapon", "swapoff", "quotactl", "acct", "fanotify_init", "inotify_init", "inotify_init1", "memfd_create",
	"memfd_secret", "name_to_handle_at",
	/* the network */
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendmmsg",
	/* other processes */
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
	"process_mrelease", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd",
	"pidfd_send_signal", "kcmp", "unshare", "setns", "shmget", "shmat", "msgget", "semget", "mq_open",
	/* rights and the machine */
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",
	"keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "io_setup", "io_submit", "init_module", "finit_module", "delete_module", "kexec_load",
	"kexec_file_load", "reboot", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime", "sethostname",
	"setdomainname", "iopl", "ioperm", "modify_ldt", "syslog", "personality", "pkey_mprotect", "remap_file_pages",
	"move_pages", "migrate_pages", "vmsplice", "splice", "tee",
};

struct argument_rule {
	const char *call;
	uint32_t action;
	struct scmp_arg_cmp when;
};

/* A call that this architecture or this libseccomp does not know cannot be allowed and needs not be forbidden. */
static int add_rule(scmp_filter_ctx ctx, uint32_t action, const char *call, const struct scmp_arg_cmp *when)
{
	int number = seccomp_syscall_resolve_name(call);
	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(ctx, action, number, when ? 1 : 0, when);
}

static int add_argument_rules(scmp_filter_ctx ctx)
{
	enum { THREAD_FLAGS = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD };
#ifdef __s390x__
	enum { CLONE_FLAGS_AT = 1 };
#else
	enum { CLONE_FLAGS_AT = 0 };
#endif
	uint64_t self = (uint64_t)getpid();
	const struct argument_rule rules[] = {
		/* memory that was written may not be run */
		{"mmap", SCMP_ACT_ALLOW, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{"mmap", SCMP_ACT_KILL_PROCESS, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)},
		{"mprotect", SCMP_ACT_ALLOW, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{"mprotect", SCMP_ACT_KILL_PROCESS, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC)},
		/* threads, not processes. clone3 hides its flags in memory: ENOSYS, and the C library takes clone */
		{"clone", SCMP_ACT_ALLOW, SCMP_CMP64(CLONE_FLAGS_AT, SCMP_CMP_MASKED_EQ, THREAD_FLAGS, THREAD_FLAGS)},
		{"clone", SCMP_ACT_KILL_PROCESS, SCMP_CMP64(CLONE_FLAGS_AT, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)},
		/* abort() */
		{"tgkill", SCMP_ACT_ALLOW, SCMP_A0_64(SCMP_CMP_EQ, self)},
		{"tgkill", SCMP_ACT_KILL_PROCESS, SCMP_A0_64(SCMP_CMP_NE, self)},
		/* send() to whom the socket is connected with */
		{"sendto", SCMP_ACT_ALLOW, SCMP_A4_64(SCMP_CMP_EQ, 0)},
		{"sendto", SCMP_ACT_KILL_PROCESS, SCMP_A4_64(SCMP_CMP_NE, 0)},
		{"newfstatat", SCMP_ACT_ALLOW, SCMP_A3_64(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)},
		/* reading a limit, not setting one */
		{"prlimit64", SCMP_ACT_ALLOW, SCMP_A2_64(SCMP_CMP_EQ, 0)},
		{"prctl", SCMP_ACT_ALLOW, SCMP_A0_64(SCMP_CMP_EQ, PR_SET_NAME)},
		/* no F_SETOWN (it makes signals), no F_DUPFD (a packet socket under another number could be written
		 * to) */
		{"fcntl", SCMP_ACT_ALLOW, SCMP_A1_64(SCMP_CMP_EQ, F_GETFL)},
		{"fcntl", SCMP_ACT_ALLOW, SCMP_A1_64(SCMP_CMP_EQ, F_SETFL)},
		{"fcntl", SCMP_ACT_ALLOW, SCMP_A1_64(SCMP_CMP_EQ, F_GETFD)},
		{"fcntl", SCMP_ACT_ALLOW, SCMP_A1_64(SCMP_CMP_EQ, F_SETFD)},
		/* libpcap, when an interface went down: is it still there? */
		{"ioctl", SCMP_ACT_ALLOW, SCMP_A1_64(SCMP_CMP_EQ, SIOCGIFNAME)},
		{"ioctl", SCMP_ACT_ALLOW, SCMP_A1_64(SCMP_CMP_EQ, SIOCGIFFLAGS)},
		{"ioctl", SCMP_ACT_ALLOW, SCMP_A1_64(SCMP_CMP_EQ, SIOCGIFINDEX)},
		{"ioctl", SCMP_ACT_ALLOW, SCMP_A1_64(SCMP_CMP_EQ, FIONREAD)},
	};
	int r = 0;
	for (size_t i = 0; i < sizeof rules / sizeof *rules && r == 0; i++)
		r = add_rule(ctx, rules[i].action, rules[i].call, &rules[i].when);
	return r;
}

/* TSYNC: of no use with one thread, and no harm; it makes the kernel refuse what could otherwise be half a success. */
static int set_attributes(scmp_filter_ctx ctx)
{
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	return r;
}

/* Whatever is written to a packet socket is sent on the wire, and seccomp tells sockets apart by number only: those
 * that are not of the family AF_UNIX. A filter of its own, since one that allows a call whatever its arguments takes
 * no exceptions; of two filters the stricter answer counts. */
static int forbid_writing_to_sockets(void)
{
	static const char *const writes[] = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg", "sendfile"};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	int r = set_attributes(ctx);
	bool any = false;
	for (int fd = 0; fd < LIMIT_CONFINE_DESCRIPTORS && r == 0; fd++) {
		int domain = AF_UNIX;
		socklen_t n = sizeof domain;
		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) != 0 || domain == AF_UNIX)
			continue;
		any = true;
		/* the kernel looks at 32 bits of it */
		struct scmp_arg_cmp when = SCMP_A0_64(SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint64_t)fd);
		for (size_t i = 0; i < sizeof writes / sizeof *writes && r == 0; i++)
			r = add_rule(ctx, SCMP_ACT_KILL_PROCESS, writes[i], &when);
	}
	if (r == 0 && any)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

static int load_allowlist(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (!ctx)
		return -ENOMEM;
	int r = set_attributes(ctx);
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && r == 0; i++)
		r = add_rule(ctx, SCMP_ACT_ALLOW, allowed[i], NULL);
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden && r == 0; i++)
		r = add_rule(ctx, SCMP_ACT_KILL_PROCESS, forbidden[i], NULL);
	if (r == 0)
		r = add_argument_rules(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int confine_process(struct confine_report *ret, char error[CONFINE_ERROR_TEXT])
{
	struct confine_report report = {0};
	if (has_other_threads())
		return fail(error, "confinement must come before the first thread");
	int r = warm_libraries(error);
	if (r != 0)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) != 0)
		return fail(error, "cannot turn off core files: %s", strerror(errno));
	r = drop_capabilities(error);
	if (r != 0)
		return r;
	report.capabilities = true;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(error, "cannot set no-new-privs: %s", strerror(errno));
	report.no_new_privs = true;
	report.landlock = restrict_landlock(&report.landlock_abi);
	r = forbid_writing_to_sockets();
	if (r == 0)
		r = load_allowlist();
	if (r != 0)
		return fail(error, "cannot load the seccomp filter: %s", strerror(-r));
	report.seccomp = true;
	*ret = report;
	return 0;
}
