/* A spec -> an exit; an alert -> one message through it. Called by the dispatcher's thread for this exit. Formats,
 * wraps for syslog, frames, and hands over to the kind of exit (alert_exit_kinds.h); keeps SIGPIPE away from the
 * process. */
#include "alert_exit_kinds.h"
#include "status.h"
#include "syslog_message.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct alert_exit {
	struct exit_spec spec;
	struct alert_sender who;
	char host[256], program[64], version[64];
	const struct exit_ops *ops;
	void *kind;
};

int64_t exit_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int exit_failed(char *error, int error_number, const char *format, ...)
{
	char what[ALERT_ERROR_TEXT];
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	if (error_number)
		snprintf(error, ALERT_ERROR_TEXT, "%.400s: %.100s", what, strerror(error_number));
	else
		snprintf(error, ALERT_ERROR_TEXT, "%s", what);
	return FAIL_IO;
}

int exit_poll(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = {fd, events, 0};
	for (;;) {
		int64_t left = deadline_ms - exit_now_ms();
		int n = poll(&p, 1, left < 0 ? 0 : left > 60000 ? 60000 : (int)left);
		if (n > 0)
			return p.revents;
		if (n == 0 && left <= 60000)
			return 0;
		if (n < 0 && errno != EINTR)
			return POLLERR;
	}
}

/* OpenSSL and curl write without MSG_NOSIGNAL, and a program may print to a pipe that nobody reads. */
struct pipe_signal {
	sigset_t before, one;
	bool was_pending;
};

static struct pipe_signal hold_sigpipe(void)
{
	struct pipe_signal s;
	sigset_t pending;
	sigemptyset(&s.one);
	sigaddset(&s.one, SIGPIPE);
	sigpending(&pending);
	s.was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &s.one, &s.before);
	return s;
}

static void release_sigpipe(struct pipe_signal *s)
{
	struct timespec now = {0, 0};
	if (!s->was_pending)
		while (sigtimedwait(&s->one, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

int alert_exit_new(const char *spec, const struct alert_sender *who, struct alert_exit **ret,
                   char error[ALERT_ERROR_TEXT])
{
	struct alert_exit *x = calloc(1, sizeof *x);
	if (!x) {
		snprintf(error, ALERT_ERROR_TEXT, "out of memory");
		return FAIL_MEMORY;
	}
	snprintf(x->host, sizeof x->host, "%s", who->host ? who->host : "");
	snprintf(x->program, sizeof x->program, "%s", who->program ? who->program : "");
	snprintf(x->version, sizeof x->version, "%s", who->version ? who->version : "");
	x->who = (struct alert_sender){x->host, x->program, x->version, who->pid};
	int rc = exit_spec_parse(spec, &x->spec, error);
	if (rc == 0) {
		switch (x->spec.kind) {
		case EXIT_FILE:
		case EXIT_STDOUT: rc = exit_file_new(&x->spec, &x->kind, &x->ops, error); break;
		case EXIT_WEBHOOK: rc = webhook_new(&x->spec, &x->kind, &x->ops, error); break;
		default: rc = exit_socket_new(&x->spec, &x->kind, &x->ops, error);
		}
	}
	if (rc != 0) {
		free(x);
		return rc;
	}
	*ret = x;
	return 0;
}

enum severity alert_exit_least(const struct alert_exit *x)
{
	return x->spec.least;
}

const char *alert_exit_name(const struct alert_exit *x)
{
	return x->spec.name;
}

/* RFC 6587: the length before it, or a newline behind it, which no body holds. RFC 5425 knows the length only. */
static bool frame(const struct exit_spec *spec, struct exit_message *m)
{
	bool counted = spec->kind == EXIT_SYSLOG_TLS || (spec->kind == EXIT_SYSLOG_TCP && !spec->newline);
	bool whole = spec->kind == EXIT_WEBHOOK || spec->kind == EXIT_SYSLOG_UDP;
	char *framed = whole ? m->bytes : malloc(m->n + 24);
	if (!framed)
		return false;
	if (counted) {
		int head = snprintf(framed, 24, "%zu ", m->n);
		memcpy(framed + head, m->bytes, m->n);
		m->n += (size_t)head;
	} else if (!whole) {
		memcpy(framed, m->bytes, m->n);
		framed[m->n++] = '\n';
	}
	if (!whole)
		free(m->bytes);
	m->bytes = framed;
	return true;
}

static bool make_message(const struct alert_exit *x, const struct alert *a, struct exit_message *ret)
{
	*ret = (struct exit_message){a->id, NULL, 0};
	ret->bytes = alert_format(x->spec.format, a, &x->who, &ret->n);
	if (ret->bytes && exit_kind_is_syslog(x->spec.kind)) {
		char *body = ret->bytes;
		ret->bytes = syslog_message(&x->spec, &x->who, a, slice_of(body, ret->n), &ret->n);
		free(body);
	}
	return ret->bytes && frame(&x->spec, ret);
}

int alert_exit_send(struct alert_exit *x, const struct alert *a, char error[ALERT_ERROR_TEXT])
{
	struct exit_message m;
	int rc;
	if (!make_message(x, a, &m)) {
		rc = exit_failed(error, 0, "out of memory");
	} else {
		struct pipe_signal s = hold_sigpipe();
		rc = x->ops->send(x->kind, &m, exit_now_ms() + x->spec.timeout_ms, error);
		release_sigpipe(&s);
	}
	free(m.bytes);
	return rc;
}

int alert_exit_flush(struct alert_exit *x, char error[ALERT_ERROR_TEXT])
{
	struct pipe_signal s = hold_sigpipe();
	int rc = x->ops->flush(x->kind, exit_now_ms() + x->spec.timeout_ms, error);
	release_sigpipe(&s);
	return rc;
}

void alert_exit_reopen(struct alert_exit *x)
{
	x->ops->reopen(x->kind);
}

void alert_exit_free(struct alert_exit *x)
{
	if (!x)
		return;
	struct pipe_signal s = hold_sigpipe();
	x->ops->free(x->kind);
	release_sigpipe(&s);
	free(x);
}
