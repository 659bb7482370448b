/* Messages -> a local socket: that of the syslog service, or a collector's. Called by alert_exit_socket.c. Tries a
 * datagram socket first, as syslog(3) does, then a stream. A datagram carries no newline. */
#include "alert_exit_wire.h"
#include "status.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOCAL_SETTLE_MS = 10000 };

/* -1 with errno. A stream whose backlog is full says EAGAIN, and is worth another look. */
static int connect_as(const char *path, int type, int64_t deadline_ms)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	memcpy(to.sun_path, path, strlen(path) + 1); /* exit_spec_parse saw to the length */
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int rc;
	while ((rc = connect(fd, (struct sockaddr *)&to, sizeof to)) != 0 && (errno == EAGAIN || errno == EINTR) &&
	       exit_now_ms() < deadline_ms)
		exit_poll(-1, 0, exit_now_ms() + 10);
	if (rc == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

static int local_open(struct wire *w, int64_t deadline_ms, char *error)
{
	w->datagram = true;
	w->fd = connect_as(w->spec->path, SOCK_DGRAM, deadline_ms);
	if (w->fd < 0 && errno == EPROTOTYPE) {
		w->datagram = false;
		w->fd = connect_as(w->spec->path, SOCK_STREAM, deadline_ms);
	}
	w->written = 0;
	return w->fd >= 0 ? 0 : exit_failed(error, errno, "cannot connect to %s", w->spec->path);
}

static int local_write(struct wire *w, const char *bytes, size_t n, int64_t deadline_ms, char *error)
{
	return wire_plain_write(w, bytes, w->datagram && n && bytes[n - 1] == '\n' ? n - 1 : n, deadline_ms, error);
}

int wire_local_new(const struct exit_spec *spec, struct wire **ret, char *error)
{
	static const struct wire_ops ops = {local_open,       local_write,      wire_plain_check,
	                                    wire_plain_close, wire_plain_renew, wire_plain_free};
	struct wire *w = wire_plain_new(spec, &ops, error);
	if (!w)
		return FAIL_MEMORY;
	w->settle_ms = LOCAL_SETTLE_MS;
	w->exact = true; /* the bytes stay on our account until they are read */
	*ret = w;
	return 0;
}
