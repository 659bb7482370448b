#include "keeper.h"
#include "limits.h"
#include "text.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	START_MS = 30000,       /* to open the interfaces and to confine itself */
	SIGN_OF_LIFE_MS = 10000,/* it tells its counters each second */
	BACKOFF_MS = 100,       /* after a death, doubled with each in a row ... */
	BACKOFF_MOST_MS = 5000,
	GOOD_LIFE_MS = 60000,   /* ... until one has lived so long */
	SEND_SECONDS = 10,      /* a sensor that does not read for so long hangs */
	READS_AT_ONCE = 64,     /* before the main loop looks at other things again */
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void keeper_init(struct keeper *k, const struct keeper_config *config)
{
	*k = (struct keeper){.config = *config, .channel = -1, .pid = -1};
}

void keeper_kill(struct keeper *k)
{
	if (k->state != KEEPER_IDLE && !k->killed) {
		k->killed = true;
		launcher_ask_kill(k->config.launcher);
	}
}

static void distrust(struct keeper *k, const char *what)
{
	if (!k->killed)
		k->config.say(k->config.context, "the sensor process (pid %d) %s: it is ended", k->pid, what);
	keeper_kill(k);
}

static void send_signatures(struct keeper *k)
{
	const struct signature_bundle *b = k->config.signatures;
	if (k->channel >= 0 && channel_send(k->channel, MESSAGE_SIGNATURES, b->bytes, b->n, -1) != 0 && errno != EPIPE)
		distrust(k, "takes no signatures");
}

void keeper_start(struct keeper *k)
{
	int pair[2];
	struct timeval patience = {.tv_sec = SEND_SECONDS};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		k->start_at_ms = now_ms() + BACKOFF_MOST_MS;
		k->config.say(k->config.context, "no socketpair for a sensor process: %s", strerror(errno));
		return;
	}
	setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	int room = 4 << 20; /* bytes: a burst of observations must not make the sensor wait for us */
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	k->channel = pair[0];
	k->state = KEEPER_ASKED;
	k->asked_ms = k->sign_ms = now_ms();
	k->start_at_ms = 0;
	k->drained = k->gone = k->killed = k->draining = false;
	k->failure[0] = 0;
	channel_reader_init(&k->reader, k->channel, LIMIT_MESSAGE_UP, CHANNEL_NO_WAIT);
	if (launcher_ask_start(k->config.launcher, pair[1], k->ever_ready) != 0) {
		k->fatal = k->gone = true;
		k->state = KEEPER_IDLE;
		snprintf(k->failure, sizeof k->failure, "the launcher cannot be reached: %s", strerror(errno));
	}
	close(pair[1]);
	if (!k->fatal)
		send_signatures(k);
}

static bool take(struct keeper *k, const struct message *m)
{
	struct channel_ready ready;
	struct slice text;
	k->sign_ms = now_ms();
	switch (m->type) {
	case MESSAGE_READY: /* once: who says it again, or that it cannot start after it has, is not the sensor any more */
		if (k->state == KEEPER_RUNNING || !channel_read_ready(m->payload, &ready))
			return false;
		k->state = KEEPER_RUNNING;
		k->ever_ready = true;
		k->failed_before[0] = 0;
		return k->config.on_message(k->config.context, m);
	case MESSAGE_FAILED:
		if (k->state == KEEPER_RUNNING || !channel_read_failed(m->payload, &k->why, &text))
			return false;
		text_escape_terminal(k->failure, sizeof k->failure, text);
		k->fatal = !k->ever_ready || k->why == CHANNEL_CANNOT_CONFINE;
		return true;
	case MESSAGE_DRAINED:
		k->drained = true;
		return true;
	default: return k->config.on_message(k->config.context, m);
	}
}

enum heard { HEARD_SOME, HEARD_NOTHING, HEARD_END };

/* Reads what there is, without waiting. */
static enum heard listen_some(struct keeper *k, int reads)
{
	struct message m;
	while (reads-- > 0) {
		int n = channel_receive(&k->reader);
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? HEARD_NOTHING : HEARD_END;
		while (channel_next(&k->reader, &m))
			if (!take(k, &m)) {
				k->reader.bad = true;
				break;
			}
		if (k->reader.bad) {
			distrust(k, "broke the rules of the channel");
			return HEARD_END;
		}
		if (n == 0)
			return HEARD_END;
	}
	return HEARD_SOME;
}

void keeper_listen(struct keeper *k)
{
	if (!k->gone && k->channel >= 0 && listen_some(k, READS_AT_ONCE) == HEARD_END)
		k->gone = true; /* the launcher will say how it ended */
}

static void describe_end(int status, char out[128])
{
	if (WIFSIGNALED(status))
		snprintf(out, 128, "was ended by signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
		         WTERMSIG(status) == SIGSYS ? ": it made a system call that the sandbox forbids" : "");
	else
		snprintf(out, 128, "ended with status %d", WEXITSTATUS(status));
}

/* Its end was asked for, or there was nothing to watch any more or yet: all that it knew has been told. */
static void ended_well(struct keeper *k)
{
	if (k->draining) {
		k->start_at_ms = k->start_at_ms ? now_ms() : 0;
		return;
	}
	k->start_at_ms = now_ms() + BACKOFF_MOST_MS;
	if (!k->failed_before[0])
		k->config.say(k->config.context, "no interface is left to watch: waiting for one");
	snprintf(k->failed_before, sizeof k->failed_before, "no interface");
}

/* It said why it cannot start; said on once, not each time that it is tried again. */
static void ended_unstarted(struct keeper *k)
{
	if (!k->failed_before[0] && !k->fatal)
		k->config.say(k->config.context, "no sensor process can be started: %s; tried again every %d seconds", k->failure,
		              BACKOFF_MOST_MS / 1000);
	snprintf(k->failed_before, sizeof k->failed_before, "%s", k->failure);
	k->start_at_ms = k->draining && !k->start_at_ms ? 0 : now_ms() + BACKOFF_MOST_MS;
}

static void ended_badly(struct keeper *k, int status)
{
	char how[128];
	int64_t wait = BACKOFF_MS;
	bool again = !k->draining || k->start_at_ms;
	if (now_ms() - k->asked_ms > GOOD_LIFE_MS)
		k->failures = 0;
	for (unsigned i = 0; i < k->failures && wait < BACKOFF_MOST_MS; i++)
		wait *= 2;
	k->failures++;
	k->restarts += again;
	k->start_at_ms = again ? now_ms() + (wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS) : 0;
	describe_end(status, how);
	k->config.say(k->config.context, "SENSOR PROCESS LOST: pid %d %s; connections that it was reading are cut%s", k->pid, how,
	              again ? "; another one is started" : "");
}

static void ended(struct keeper *k, int status)
{
	while (!k->gone && listen_some(k, READS_AT_ONCE) == HEARD_SOME) /* its last words, until the end of the stream */
		;
	bool knew_nothing = k->state != KEEPER_RUNNING && k->draining && k->killed;
	channel_reader_done(&k->reader);
	if (k->channel >= 0)
		close(k->channel);
	k->channel = -1;
	k->state = KEEPER_IDLE;
	if (k->drained || knew_nothing)
		ended_well(k);
	else if (k->failure[0])
		ended_unstarted(k);
	else
		ended_badly(k, status);
	k->config.on_restarted(k->config.context);
}

void keeper_hear_launcher(struct keeper *k)
{
	for (;;) {
		struct launcher_news news = launcher_news(k->config.launcher);
		switch (news.kind) {
		case LAUNCHER_NOTHING: return;
		case LAUNCHER_STARTED:
			k->pid = news.pid;
			if (k->state == KEEPER_ASKED)
				k->state = KEEPER_STARTING;
			break;
		case LAUNCHER_ENDED:
			if (news.pid == k->pid || k->state == KEEPER_ASKED)
				ended(k, news.status);
			break;
		case LAUNCHER_GONE:
			if (!k->fatal) {
				k->fatal = true;
				snprintf(k->failure, sizeof k->failure, "the launcher is gone: no sensor process can be started any more");
			}
			k->state = KEEPER_IDLE; /* the sensor dies with it */
			k->gone = true;
			return;
		}
	}
}

/* What is wrong with how long it has said nothing; NULL: nothing. */
static const char *overdue(const struct keeper *k, int64_t now)
{
	if (k->killed || k->state == KEEPER_IDLE)
		return NULL;
	if (k->state == KEEPER_RUNNING)
		return now - k->sign_ms > SIGN_OF_LIFE_MS ? "has given no sign of life for ten seconds" : NULL;
	return now - k->asked_ms > START_MS ? "does not come up" : NULL;
}

void keeper_tick(struct keeper *k)
{
	int64_t now = now_ms();
	if (k->state == KEEPER_IDLE && k->start_at_ms && now >= k->start_at_ms && !k->fatal)
		keeper_start(k);
	if (overdue(k, now))
		keeper_listen(k); /* was it us who were away (stopped, or held up by a disk)? Then what it said meanwhile is there */
	if (overdue(k, now))
		distrust(k, overdue(k, now));
}

void keeper_renew_signatures(struct keeper *k)
{
	if (k->state != KEEPER_IDLE) /* one that is starting was sent the old ones and gets these behind them */
		send_signatures(k);
}

void keeper_drain(struct keeper *k, bool again)
{
	k->start_at_ms = again ? now_ms() : 0;
	if (k->draining || k->state == KEEPER_IDLE)
		return;
	k->draining = true;
	if (k->state != KEEPER_RUNNING || channel_send(k->channel, MESSAGE_DRAIN, NULL, 0, -1) != 0)
		keeper_kill(k);
}

bool keeper_is_over(const struct keeper *k)
{
	return k->state == KEEPER_IDLE && (k->fatal || !k->start_at_ms);
}

void keeper_done(struct keeper *k)
{
	channel_reader_done(&k->reader);
	if (k->channel >= 0)
		close(k->channel);
	k->channel = -1;
}
