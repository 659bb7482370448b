#include "launcher.h"
#include "pass_fd.h"
#include "limits.h"
#include "status.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum ask { ASK_START = 's', ASK_START_TOLERANT = 't', ASK_KILL = 'k' };

static int send_ask(int launcher, enum ask what, int fd)
{
	char byte = (char)what;
	union pass_fd_room room;
	struct iovec part = {&byte, 1};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0)
		pass_fd_attach(&m, &room, fd);
	ssize_t n;
	do
		n = sendmsg(launcher, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : FAIL_IO;
}

int launcher_ask_start(int launcher, int channel, bool tolerant)
{
	return send_ask(launcher, tolerant ? ASK_START_TOLERANT : ASK_START, channel);
}

int launcher_ask_kill(int launcher)
{
	return send_ask(launcher, ASK_KILL, -1);
}

struct launcher_news launcher_news(int launcher)
{
	struct launcher_news news;
	ssize_t n;
	do
		n = recv(launcher, &news, sizeof news, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == sizeof news && (news.kind == LAUNCHER_STARTED || news.kind == LAUNCHER_ENDED))
		return news;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return (struct launcher_news){.kind = LAUNCHER_NOTHING};
	return (struct launcher_news){.kind = LAUNCHER_GONE};
}

/* ---- the launcher's process ---- */

static ssize_t receive_ask(int socket, char *ret_what, int *ret_fd)
{
	union pass_fd_room room;
	struct iovec part = {ret_what, 1};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room.bytes};
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	*ret_fd = -1;
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof *ret_fd);
	return n;
}

/* The recorder decides when the processes end: signals that a terminal or a service manager sends to all of them are its to hear. */
static void ignore_signals(void)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
}

static void tell(int socket, enum launcher_news_kind kind, pid_t pid, int status)
{
	struct launcher_news news = {kind, (int)pid, status};
	(void)!send(socket, &news, sizeof news, MSG_NOSIGNAL);
}

static pid_t fork_sensor(const struct sensor_process_config *config, int socket, int signals, int channel, bool tolerant)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "shadowtap-sense");
	close(socket);
	close(signals);
	_exit(sensor_process_main(config, channel, tolerant));
}

static void reap(int socket, pid_t *sensor)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		tell(socket, LAUNCHER_ENDED, pid, status);
		if (pid == *sensor)
			*sensor = -1;
	}
}

static void serve(const struct sensor_process_config *config, int socket)
{
	pid_t sensor = -1;
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	for (;;) {
		struct pollfd on[] = {{socket, POLLIN, 0}, {signals, POLLIN, 0}};
		if (poll(on, 2, -1) < 0 && errno != EINTR)
			break;
		struct signalfd_siginfo info;
		while (read(signals, &info, sizeof info) > 0)
			;
		reap(socket, &sensor);
		if (!on[0].revents)
			continue;
		char what;
		int channel;
		if (receive_ask(socket, &what, &channel) <= 0)
			break; /* the recorder is gone: so is the need for a sensor */
		if (what == ASK_KILL && sensor > 0)
			kill(sensor, SIGKILL);
		if ((what == ASK_START || what == ASK_START_TOLERANT) && sensor < 0) {
			/* without a channel there was no room for a descriptor: whoever asked must hear of it, or waits for ever */
			sensor = channel < 0 ? -1 : fork_sensor(config, socket, signals, channel, what == ASK_START_TOLERANT);
			tell(socket, sensor < 0 ? LAUNCHER_ENDED : LAUNCHER_STARTED, sensor, sensor < 0 ? 1 << 8 : 0);
		}
		if (channel >= 0)
			close(channel);
	}
	if (sensor > 0)
		kill(sensor, SIGKILL);
}

/* What the recorder has open is not for the processes that read packets: events' output, the statistics' file. Standard
 * error stays: there a process that aborts says why. The descriptor that is kept, maybe under another number; -1 with
 * errno. */
static int drop_descriptors(int keep)
{
	int kept = fcntl(keep, F_DUPFD_CLOEXEC, 3);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (kept < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return -1;
	for (int fd = 3; fd < LIMIT_CONFINE_DESCRIPTORS; fd++)
		if (fd != kept)
			close(fd);
	return kept;
}

int launcher_start(const struct sensor_process_config *config, const struct privileges *user, char error[PRIVILEGES_ERROR_TEXT])
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		snprintf(error, PRIVILEGES_ERROR_TEXT, "no socketpair: %s", strerror(errno));
		return FAIL_IO;
	}
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		snprintf(error, PRIVILEGES_ERROR_TEXT, "no further process: %s", strerror(errno));
		close(pair[0]);
		close(pair[1]);
		return FAIL_IO;
	}
	if (pid > 0) {
		close(pair[1]);
		char byte;
		/* it says one byte once its rights are settled; its own words on standard error else */
		if (recv(pair[0], &byte, 1, 0) == 1)
			return pair[0];
		snprintf(error, PRIVILEGES_ERROR_TEXT, "the launcher could not settle its rights");
		close(pair[0]);
		return FAIL_IO;
	}
	struct sensor_process_config own = *config;
	ignore_signals();
	prctl(PR_SET_NAME, "shadowtap-launch");
	bool random = hash_key_random(&own.session_key);
	int socket = drop_descriptors(pair[1]);
	if (socket < 0)
		snprintf(error, PRIVILEGES_ERROR_TEXT, "/dev/null: %s", strerror(errno));
	else if (!random)
		snprintf(error, PRIVILEGES_ERROR_TEXT, "no source of randomness");
	if (socket < 0 || !random || !privileges_settle(user, false, true, error)) {
		fprintf(stderr, "shadowtap: launcher: %s\n", error);
		_exit(1);
	}
	(void)!send(socket, "r", 1, MSG_NOSIGNAL);
	serve(&own, socket);
	_exit(0);
}
