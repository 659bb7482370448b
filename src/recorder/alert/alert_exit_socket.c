/* Messages -> a connected socket, in order, and once more after a connection broke. Called by alert_exit.c for every
 * exit that is a socket.
 *
 * Syslog has no acknowledgement, and a message that the kernel took may never be read. So each is held after it was
 * sent until it has settled: the other side's kernel acknowledged it (SIOCOUTQ), and then a time passed in which a
 * server that lives reads its sockets; local sockets tell exactly what was read. When the connection breaks, what has
 * not settled is sent again on the next one, before anything new. A server that read all it had and closed (a FIN
 * without a reset) gets again only what was not acknowledged. A new connection is on probation: it has to live for a
 * moment after its first messages, because a dead UDP port answers only then, and a TLS 1.3 server says only then that
 * it refuses our certificate, as late as it likes; a session ticket says that it does not. (Local sockets need none:
 * they tell at once.)
 *
 * Known weakness: a server that stops reading for longer than that time and is then killed loses what its kernel had
 * taken. */
#include "alert_exit_wire.h"
#include "status.h"
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { TRIES = 2 };

struct held {
	struct exit_message m;
	uint64_t end; /* bytes written on this connection, this message included */
	int64_t sent_ms;
};

struct socket_exit {
	struct wire *w;
	size_t head, n; /* of the ring, oldest first */
	size_t sent;    /* the first so many are written on this connection */
	size_t bytes;
	bool renew;
	struct held ring[LIMIT_ALERT_UNSETTLED];
};

static struct held *at(struct socket_exit *x, size_t i)
{
	return &x->ring[(x->head + i) % LIMIT_ALERT_UNSETTLED];
}

static bool holds(struct socket_exit *x, uint64_t id)
{
	for (size_t i = x->n; i-- > 0;)
		if (at(x, i)->m.id == id)
			return true;
	return false;
}

static void drop_oldest(struct socket_exit *x)
{
	struct held *h = at(x, 0);
	x->bytes -= h->m.n;
	free(h->m.bytes);
	h->m.bytes = NULL;
	x->head = (x->head + 1) % LIMIT_ALERT_UNSETTLED;
	x->n--;
	if (x->sent)
		x->sent--;
}

static void drop_newest(struct socket_exit *x)
{
	struct held *h = at(x, x->n - 1);
	x->bytes -= h->m.n;
	free(h->m.bytes);
	h->m.bytes = NULL;
	x->n--;
	if (x->sent > x->n)
		x->sent = x->n;
}

/* Up to here of what was written the other side has it. The queue of a local socket counts memory, not bytes: there it
 * is all or nothing. */
static uint64_t acknowledged(const struct socket_exit *x)
{
	uint64_t queued = wire_queued(x->w);
	if (queued == 0)
		return x->w->written;
	return x->w->exact || x->w->datagram || queued > x->w->written ? 0 : x->w->written - queued;
}

static void settle(struct socket_exit *x, int64_t now_ms)
{
	if (x->w->fd < 0 || x->sent == 0)
		return;
	uint64_t have = acknowledged(x);
	while (x->sent && at(x, 0)->end <= have && now_ms - at(x, 0)->sent_ms >= x->w->settle_ms)
		drop_oldest(x);
}

static void lose_connection(struct socket_exit *x, enum wire_health how)
{
	settle(x, exit_now_ms());
	if (how == WIRE_ENDED) {
		uint64_t have = acknowledged(x);
		while (x->sent && at(x, 0)->end <= have)
			drop_oldest(x);
	}
	x->w->ops->close(x->w, false);
	x->sent = 0;
}

/* 0: the other side's kernel has everything. FAIL_IO: the connection broke, or it does not take it in time; then it
 * stays open. */
static int wait_until_taken(struct socket_exit *x, int64_t deadline_ms, char *error)
{
	for (int step = 1; wire_queued(x->w) > 0; step = step < 16 ? 2 * step : step) {
		enum wire_health health = x->w->ops->check(x->w, error);
		if (health != WIRE_ALIVE) {
			lose_connection(x, health);
			return FAIL_IO;
		}
		int64_t now = exit_now_ms();
		if (now >= deadline_ms)
			return exit_failed(error, 0, "the other side does not take what was sent");
		exit_poll(x->w->fd, POLLRDHUP, now + step < deadline_ms ? now + step : deadline_ms);
	}
	return 0;
}

static int probation(struct socket_exit *x, int64_t deadline_ms, char *error)
{
	int rc = wait_until_taken(x, deadline_ms, error);
	int64_t end = exit_now_ms() + x->w->probation_ms;
	bool over = false;
	end = end < deadline_ms ? end : deadline_ms;
	while (rc == 0 && !over) {
		/* By the clock too: who talks without end must not keep us here. */
		over = exit_poll(x->w->fd, POLLIN | POLLRDHUP, x->w->accepted ? 0 : end) == 0 || exit_now_ms() >= end;
		enum wire_health health = x->w->ops->check(x->w, error);
		if (health != WIRE_ALIVE) {
			lose_connection(x, health);
			rc = FAIL_IO;
		}
	}
	return rc;
}

/* What is not written yet goes out. FAIL_INPUT: the newest is refused, and is held no more. */
static int write_rest(struct socket_exit *x, int64_t deadline_ms, char *error)
{
	while (x->sent < x->n) {
		struct held *h = at(x, x->sent);
		bool newest = x->sent + 1 == x->n;
		bool all_read = x->w->exact && x->sent && wire_queued(x->w) == 0;
		int rc = x->w->ops->write(x->w, h->m.bytes, h->m.n, deadline_ms, error);
		if (rc == FAIL_INPUT && newest) {
			drop_newest(x);
			return rc;
		}
		if (rc != 0 && rc != FAIL_INPUT)
			return rc;
		h->end = x->w->written;
		h->sent_ms = exit_now_ms();
		x->sent++;
		/* It had read all before this one, and it still lived for this one. */
		for (size_t before = x->sent - 1; all_read && before; before--)
			drop_oldest(x);
	}
	return 0;
}

static void start_anew(struct socket_exit *x, int64_t deadline_ms)
{
	char ignored[ALERT_ERROR_TEXT];
	x->renew = false;
	if (x->w->fd >= 0 && wait_until_taken(x, deadline_ms, ignored) == 0) {
		while (x->sent) /* it lives and will read them: they are in front of our FIN */
			drop_oldest(x);
		x->w->ops->close(x->w, true);
	} else if (x->w->fd >= 0) {
		lose_connection(x, WIRE_BROKEN);
	}
	x->w->ops->renew(x->w);
}

/* Connects where that is due and writes everything that is held and not written. */
static int pump(struct socket_exit *x, int64_t deadline_ms, char *error)
{
	int rc = FAIL_IO;
	for (int try = 0; try < TRIES; try++) {
		bool fresh = x->w->fd < 0;
		if (fresh) {
			rc = x->w->ops->open(x->w, deadline_ms, error);
			if (rc != 0) {
				x->w->ops->close(x->w, false);
				return rc;
			}
		} else {
			enum wire_health health = x->w->ops->check(x->w, error);
			if (health != WIRE_ALIVE) {
				lose_connection(x, health);
				continue;
			}
		}
		rc = write_rest(x, deadline_ms, error);
		if (rc == FAIL_IO) {
			char ignored[ALERT_ERROR_TEXT];
			enum wire_health health = x->w->ops->check(x->w, ignored);
			lose_connection(x, health == WIRE_ENDED ? health : WIRE_BROKEN);
			if (fresh)
				return rc;
			continue;
		}
		if (fresh && x->sent && !x->w->exact && probation(x, deadline_ms, error) != 0) {
			if (x->w->fd >= 0)
				lose_connection(x, WIRE_BROKEN);
			return FAIL_IO;
		}
		return rc;
	}
	return rc < 0 ? rc : FAIL_IO;
}

/* The oldest leave, but never one that the other side's kernel does not have. */
static int make_room(struct socket_exit *x, size_t n, int64_t deadline_ms, char *error)
{
	while (x->n == LIMIT_ALERT_UNSETTLED || (x->n && x->bytes + n > LIMIT_ALERT_UNSETTLED_BYTES)) {
		int rc = x->sent == x->n && x->w->fd >= 0 ? 0 : pump(x, deadline_ms, error);
		if (rc == 0 && at(x, 0)->end > acknowledged(x))
			rc = wait_until_taken(x, deadline_ms, error);
		if (rc != 0 && rc != FAIL_INPUT)
			return rc;
		if (x->n && x->sent && at(x, 0)->end <= acknowledged(x))
			drop_oldest(x);
	}
	return 0;
}

static int socket_send(void *self, struct exit_message *m, int64_t deadline_ms, char *error)
{
	struct socket_exit *x = self;
	if (x->renew)
		start_anew(x, deadline_ms);
	settle(x, exit_now_ms());
	/* Where it is held it was sent or is on its way, though somebody was told that it may not have gone. */
	if (!holds(x, m->id)) {
		int rc = make_room(x, m->n, deadline_ms, error);
		if (rc != 0)
			return rc;
		*at(x, x->n) = (struct held){*m, 0, 0};
		x->n++;
		x->bytes += m->n;
		m->bytes = NULL;
	}
	return pump(x, deadline_ms, error);
}

static int socket_flush(void *self, int64_t deadline_ms, char *error)
{
	struct socket_exit *x = self;
	settle(x, exit_now_ms());
	if (x->n == 0)
		return 0;
	int rc = pump(x, deadline_ms, error);
	if (rc == FAIL_INPUT) /* it was refused: nobody waits for it */
		rc = 0;
	return rc == 0 && x->w->fd >= 0 ? wait_until_taken(x, deadline_ms, error) : rc;
}

static void socket_reopen(void *self)
{
	struct socket_exit *x = self;
	x->renew = true;
}

static void socket_free(void *self)
{
	struct socket_exit *x = self;
	x->w->ops->close(x->w, true);
	while (x->n)
		drop_oldest(x);
	x->w->ops->free(x->w);
	free(x);
}

int exit_socket_new(const struct exit_spec *spec, void **ret, const struct exit_ops **ops, char *error)
{
	static const struct exit_ops socket_ops = {socket_send, socket_flush, socket_reopen, socket_free};
	struct socket_exit *x = calloc(1, sizeof *x);
	int rc = FAIL_MEMORY;
	if (!x)
		exit_failed(error, 0, "out of memory");
	else if (spec->kind == EXIT_SYSLOG_TLS)
		rc = wire_tls_new(spec, &x->w, error);
	else if (spec->kind == EXIT_SYSLOG_UDP || spec->kind == EXIT_SYSLOG_TCP)
		rc = wire_inet_new(spec, &x->w, error);
	else
		rc = wire_local_new(spec, &x->w, error);
	if (rc != 0) {
		free(x);
		return rc;
	}
	*ret = x;
	*ops = &socket_ops;
	return 0;
}
