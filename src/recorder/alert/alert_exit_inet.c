/* Messages -> UDP datagrams or a TCP connection; and what plain sockets of every family share. Called by
 * alert_exit_socket.c. */
#include "alert_exit_wire.h"
#include "status.h"
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	TCP_SETTLE_MS = 10000, /* a syslog server that lives reads its sockets within this time */
	PROBATION_MS = 50,
	UDP_SETTLE_MS = 1000,  /* an ICMP error is back within this time */
	RESET_MS = 200,        /* so long after its FIN a reset may come from who left something unread */
	READS = 16,            /* before the rest of what a chatty server says waits for the next time */
};

int wire_plain_write(struct wire *w, const char *bytes, size_t n, int64_t deadline_ms, char *error)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = send(w->fd, bytes + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k >= 0) {
			done += (size_t)k;
			w->written += (uint64_t)k;
			if (w->datagram)
				break;
		} else if (errno == EMSGSIZE && w->datagram) {
			exit_failed(error, 0, "a message of %zu bytes is too long for a datagram here (max=)", n);
			return FAIL_INPUT;
		} else if (errno == ENOBUFS) {
			if (exit_now_ms() >= deadline_ms)
				return exit_failed(error, ENOBUFS, "cannot send");
			exit_poll(-1, 0, exit_now_ms() + 2);
		} else if (errno == EAGAIN) {
			if (exit_poll(w->fd, POLLOUT, deadline_ms) == 0)
				return exit_failed(error, 0, "the other side takes nothing any more");
		} else if (errno != EINTR) {
			return exit_failed(error, errno, "cannot send");
		}
	}
	return 0;
}

enum wire_health wire_how_it_ended(struct wire *w, char *error)
{
	if (w->exact) { /* unread bytes would have shown as an error */
		exit_failed(error, 0, "the other side closed the connection");
		return WIRE_ENDED;
	}
	/* Linux answers with a reset, not a FIN, for a socket that is closed with something unread; who calls
	 * shutdown() first sends both. */
	if (exit_poll(w->fd, 0, exit_now_ms() + RESET_MS) != 0) {
		exit_failed(error, 0, "the other side closed the connection with alerts unread");
		return WIRE_BROKEN;
	}
	exit_failed(error, 0, "the other side closed the connection");
	return WIRE_ENDED;
}

/* What it says is read away: unread it would turn our own close into a reset, which throws away what is on its way. */
enum wire_health wire_plain_check(struct wire *w, char *error)
{
	char scrap[4096];
	for (int i = 0; i < READS; i++) {
		ssize_t k = recv(w->fd, scrap, sizeof scrap, MSG_DONTWAIT);
		if (k == 0 && !w->datagram)
			return wire_how_it_ended(w, error);
		if (k < 0 && errno == EAGAIN)
			return WIRE_ALIVE;
		if (k < 0 && errno != EINTR) {
			exit_failed(error, errno, "the connection broke");
			return WIRE_BROKEN;
		}
	}
	return WIRE_ALIVE;
}

uint64_t wire_queued(const struct wire *w)
{
	int n = 0;
	return ioctl(w->fd, SIOCOUTQ, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

void wire_plain_close(struct wire *w, bool in_order)
{
	char ignored[ALERT_ERROR_TEXT];
	if (w->fd < 0)
		return;
	if (in_order)
		wire_plain_check(w, ignored);
	close(w->fd);
	w->fd = -1;
}

void wire_plain_renew(struct wire *w)
{
	(void)w; /* nothing of it was read from a file */
}

struct wire *wire_plain_new(const struct exit_spec *spec, const struct wire_ops *ops, char *error)
{
	struct wire *w = calloc(1, sizeof *w);
	if (!w) {
		exit_failed(error, 0, "out of memory");
		return NULL;
	}
	w->ops = ops;
	w->spec = spec;
	w->fd = -1;
	return w;
}

void wire_plain_free(struct wire *w)
{
	exit_names_free(w->names);
	free(w);
}

static int inet_open(struct wire *w, int64_t deadline_ms, char *error)
{
	return exit_connect(w, w->spec->kind == EXIT_SYSLOG_UDP ? SOCK_DGRAM : SOCK_STREAM, deadline_ms, error);
}

int wire_inet_new(const struct exit_spec *spec, struct wire **ret, char *error)
{
	static const struct wire_ops ops = {inet_open,        wire_plain_write, wire_plain_check,
	                                    wire_plain_close, wire_plain_renew, wire_plain_free};
	struct wire *w = wire_plain_new(spec, &ops, error);
	if (!w)
		return FAIL_MEMORY;
	w->settle_ms = spec->kind == EXIT_SYSLOG_UDP ? UDP_SETTLE_MS : TCP_SETTLE_MS;
	w->probation_ms = PROBATION_MS;
	*ret = w;
	return 0;
}
