/* Host name -> connected, non-blocking socket. Called by the network transports. Looks names up beside the thread,
 * because a resolver takes as long as it likes and no exit may take longer than its timeout; never uses more than one
 * socket at a time. */
#include "alert_exit_wire.h"
#include "status.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A look-up that is under way; glibc's thread writes into it until it is done. */
struct exit_names {
	struct gaicb request;
	struct addrinfo hints;
	char host[HOSTNAME_TEXT], port[6];
	bool running;
};

static int look_up(struct wire *w, int socket_type, int64_t deadline_ms, struct addrinfo **ret, char *error)
{
	struct exit_names *q = w->names;
	if (!q) {
		q = w->names = calloc(1, sizeof *q);
		if (!q)
			return exit_failed(error, 0, "out of memory");
	}
	if (!q->running) {
		memcpy(q->host, w->spec->host, sizeof q->host);
		memcpy(q->port, w->spec->port, sizeof q->port);
		q->hints = (struct addrinfo){.ai_socktype = socket_type, .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST};
		int rc = getaddrinfo(q->host, q->port, &q->hints, ret);
		if (rc == 0)
			return 0;
		q->hints.ai_flags = AI_NUMERICSERV;
		q->request = (struct gaicb){.ar_name = q->host, .ar_service = q->port, .ar_request = &q->hints};
		rc = getaddrinfo_a(GAI_NOWAIT, (struct gaicb *[]){&q->request}, 1, NULL);
		if (rc != 0)
			return exit_failed(error, 0, "cannot look up %s: %s", q->host, gai_strerror(rc));
		q->running = true;
	}
	int rc;
	while ((rc = gai_error(&q->request)) == EAI_INPROGRESS) {
		int64_t left = deadline_ms - exit_now_ms();
		if (left <= 0) /* the next try asks this look-up again */
			return exit_failed(error, 0, "cannot look up %s: no answer in time", q->host);
		struct timespec t = {left / 1000, left % 1000 * 1000000};
		const struct gaicb *const list[] = {&q->request};
		gai_suspend(list, 1, &t);
	}
	q->running = false;
	if (rc != 0)
		return exit_failed(error, 0, "cannot look up %s: %s", q->host, gai_strerror(rc));
	*ret = q->request.ar_result;
	return 0;
}

void exit_names_free(struct exit_names *q)
{
	if (!q)
		return;
	if (q->running && gai_cancel(&q->request) == EAI_NOTCANCELED) {
		/* glibc's thread still writes there, and only it knows when it is done: the few bytes stay its own. */
		return;
	}
	free(q);
}

static void set_options(int fd, int socket_type, int64_t left_ms)
{
	int on = 1, idle = 60, interval = 10, probes = 3;
	unsigned user_timeout = left_ms > 1000 ? (unsigned)left_ms : 1000;
	if (socket_type != SOCK_STREAM)
		return;
	/* All of them only tell earlier that nobody is there: a kernel that refuses one costs time, not alerts. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* -1 with errno. */
static int connect_one(const struct addrinfo *a, int64_t deadline_ms, int64_t left_ms)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (fd < 0)
		return -1;
	set_options(fd, a->ai_socktype, left_ms);
	int why = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
	if (why == EINPROGRESS) {
		socklen_t n = sizeof why;
		if (exit_poll(fd, POLLOUT, deadline_ms) == 0)
			why = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) != 0)
			why = errno;
	}
	if (why == 0)
		return fd;
	close(fd);
	errno = why;
	return -1;
}

int exit_connect(struct wire *w, int socket_type, int64_t deadline_ms, char *error)
{
	struct addrinfo *list, *a;
	int rc = look_up(w, socket_type, deadline_ms, &list, error), n = 0, why = 0;
	if (rc != 0)
		return rc;
	for (a = list; a; a = a->ai_next)
		n++;
	for (a = list; a && w->fd < 0; a = a->ai_next) {
		/* Each address that is left gets its share: one that swallows everything must not hide the next. */
		int64_t left = deadline_ms - exit_now_ms();
		w->fd = connect_one(a, exit_now_ms() + left / n, left);
		why = errno;
		n--;
	}
	freeaddrinfo(list);
	if (w->fd < 0)
		return exit_failed(error, why, "cannot connect to %s port %s", w->spec->host, w->spec->port);
	w->datagram = socket_type == SOCK_DGRAM;
	w->written = 0;
	return 0;
}
