/* A round: alerts are sent in order until none is left, the rate is used up, a failure, or it is time to settle; then
 * what the exit holds back is pushed out, and only then is the outbox told that they have gone. Whoever kills the
 * process in between gets them sent twice, never lost. */
#include "courier.h"
#include "status.h"
#include "text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ROUND = 200, /* alerts between two settlings */
	ROUND_MS = 500,
	PAUSE_MS = 100,           /* for the rate: some alerts at once, not a transaction for each */
	LOOK_MS = 5000,           /* between looks at the counts, and for alerts that nobody told of */
	DATABASE_MS = 1000,       /* before another try of a database that is locked or full */
	BACKOFF_MS = 1000,        /* after a failure, doubled ... */
	BACKOFF_MOST_MS = 300000, /* ... up to this */
};

enum outcome { MORE, EMPTY, PACED, FAILED };

__attribute__((format(printf, 3, 4))) static void say(struct courier *c, bool wrong, const char *format, ...)
{
	char text[3 * ALERT_ERROR_TEXT], escaped[4 * ALERT_ERROR_TEXT];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	text_escape_terminal(escaped, sizeof escaped, slice_str(text));
	pthread_mutex_lock(&c->d->speech);
	if (!c->d->silent)
		c->d->say(c->d->say_context, wrong, escaped);
	pthread_mutex_unlock(&c->d->speech);
}

/* ---- what is known of it ---- */

static void tell_of_database(struct courier *c, int rc)
{
	bool failing = rc != 0;
	if (failing && !c->database_failing)
		say(c, true, "%s: %s; alerts wait", c->state.name, store_error(c->outbox));
	else if (!failing && c->database_failing)
		say(c, false, "%s: the outbox can be used again", c->state.name);
	c->database_failing = failing;
}

void courier_look(struct courier *c)
{
	struct store_alert_counts now;
	if (store_outbox_counts(c->outbox, c->id, &now) != 0)
		return; /* the next round has the same trouble, and speaks of it */
	pthread_mutex_lock(&c->d->lock);
	uint64_t lost = now.lost - c->state.counts.lost;
	c->state.counts = now;
	pthread_mutex_unlock(&c->d->lock);
	if (lost && !c->losing)
		say(c, true, "%s: ALERTS ARE LOST: the outbox is full (--alert-queue), the least severe and oldest go",
		    c->state.name);
	else if (!lost && c->losing && !c->failures)
		say(c, false, "%s: no more alerts are lost; %" PRIu64 " were until now", c->state.name, now.lost);
	else
		return;
	c->losing = lost;
}

static void set_failing(struct courier *c, const char *error)
{
	pthread_mutex_lock(&c->d->lock);
	bool was = c->state.failing;
	c->state.failing = error;
	snprintf(c->state.error, sizeof c->state.error, "%s", error ? error : "");
	pthread_mutex_unlock(&c->d->lock);
	if (error && !was)
		say(c, true, "%s cannot be reached: %s; alerts wait", c->state.name, error);
	else if (!error && was)
		say(c, false, "%s can be reached again", c->state.name);
}

static enum outcome failed(struct courier *c, const char *error)
{
	int64_t wait = BACKOFF_MS;
	for (unsigned i = 0; i < c->failures && wait < BACKOFF_MOST_MS; i++)
		wait *= 2;
	wait = wait > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : wait;
	wait = wait * (75 + rand_r(&c->dice) % 51) / 100; /* so that many sensors do not come back at the same moment */
	c->failures++;
	c->retry_ms = dispatcher_now_ms() + wait;
	set_failing(c, error);
	return FAILED;
}

/* ---- a round ---- */

static bool may_send(struct courier *c)
{
	int64_t now = dispatcher_now_ms();
	c->tokens += (double)(now - c->refilled_ms) * c->d->rate / 1000;
	c->refilled_ms = now;
	if (c->tokens > c->d->rate)
		c->tokens = c->d->rate;
	if (c->tokens < 1)
		return false;
	c->tokens--;
	return true;
}

static enum outcome refused(struct courier *c, const char *error)
{
	uint64_t n = ++c->refused_in_all;
	c->refused++;
	if ((n & (n - 1)) == 0) /* the first, the second, the fourth ...: never a flood */
		say(c, true, "%s refuses alerts for good, %" PRIu64 " until now: %s", c->state.name, n, error);
	return MORE;
}

static enum outcome send_one(struct courier *c, const struct store_alert *row)
{
	char error[ALERT_ERROR_TEXT] = "out of memory";
	json_error_t why;
	json_t *event = json_loads(row->event, JSON_REJECT_DUPLICATES, &why);
	if (!event) /* somebody else wrote into the outbox */
		return json_error_code(&why) == json_error_out_of_memory
			   ? failed(c, error)
			   : refused(c, "the outbox holds what is no event");
	struct alert a = {.id = row->id,
			  .why =
			      row->why >= ALERT_NEW && row->why <= ALERT_AGAIN ? (enum alert_why)row->why : ALERT_NEW,
			  .count = row->count,
			  .raised_ns = row->raised_ns,
			  .event = event};
	int rc = alert_exit_send(c->exit, &a, error);
	json_decref(event);
	error[sizeof error - 1] = 0;
	if (rc == FAIL_INPUT)
		return refused(c, error);
	return rc == 0 ? MORE : failed(c, error);
}

/* The exit's buffers first. If they cannot be emptied, all since the last settling is sent again. */
static enum outcome settle(struct courier *c, enum outcome o)
{
	char error[ALERT_ERROR_TEXT] = "out of memory";
	if (c->sent == c->gone)
		return o;
	if (alert_exit_flush(c->exit, error) != 0) {
		c->sent = c->gone;
		c->refused = 0;
		return failed(c, error);
	}
	int rc = store_outbox_forget(c->outbox, c->id, c->sent, c->refused);
	tell_of_database(c, rc);
	if (rc != 0) { /* they have gone: what is left is to forget them */
		if (o != FAILED)
			c->retry_ms = dispatcher_now_ms() + DATABASE_MS;
		return FAILED;
	}
	c->gone = c->sent;
	c->refused = 0;
	if (o != FAILED && c->failures) {
		c->failures = 0;
		set_failing(c, NULL);
	}
	return o;
}

static bool too_late(struct courier *c)
{
	pthread_mutex_lock(&c->d->lock);
	bool late = c->d->stopping && dispatcher_now_ms() >= c->d->give_up_ms;
	pthread_mutex_unlock(&c->d->lock);
	return late;
}

static enum outcome round_of(struct courier *c)
{
	enum outcome o = MORE;
	int64_t began = dispatcher_now_ms();
	if (c->database_failing) {
		o = settle(c, MORE);
		if (o == FAILED)
			return o;
	}
	for (int i = 0; o == MORE && i < ROUND && dispatcher_now_ms() - began < ROUND_MS && !too_late(c); i++) {
		struct store_alert row;
		int rc = store_outbox_next(c->outbox, c->id, c->sent, &row);
		tell_of_database(c, rc < 0 ? rc : 0);
		if (rc < 0) {
			c->retry_ms = dispatcher_now_ms() + DATABASE_MS;
			o = FAILED;
		} else if (rc == 0) {
			o = EMPTY;
		} else {
			o = may_send(c) ? send_one(c, &row) : PACED;
			if (o == MORE)
				c->sent = row.id;
			free(row.event);
		}
	}
	return settle(c, o);
}

/* ---- a life ---- */

/* Until there is something to do: after EMPTY that is news, after a failure its time. */
static void wait_after(struct courier *c, enum outcome o, uint64_t news)
{
	struct dispatcher *d = c->d;
	int64_t until = dispatcher_now_ms() + (o == PACED ? PAUSE_MS : LOOK_MS);
	if (o == FAILED && c->retry_ms < until)
		until = c->retry_ms;
	struct timespec t = {until / 1000, until % 1000 * 1000000};
	int waited = 0;
	pthread_mutex_lock(&d->lock);
	while (waited == 0 && !d->stopping && !c->reopen && (o != EMPTY || d->news == news))
		waited = pthread_cond_timedwait(&d->nudge, &d->lock, &t);
	pthread_mutex_unlock(&d->lock);
}

void *courier_run(void *context)
{
	struct courier *c = context;
	struct dispatcher *d = c->d;
	for (bool last = false;;) {
		pthread_mutex_lock(&d->lock);
		uint64_t news = d->news, wish = d->wish;
		bool reopen = c->reopen;
		last = d->stopping;
		c->reopen = false;
		pthread_mutex_unlock(&d->lock);
		if (reopen)
			alert_exit_reopen(c->exit);
		enum outcome o = FAILED;
		if (reopen || last || dispatcher_now_ms() >= c->retry_ms)
			o = round_of(c);
		courier_look(c);
		pthread_mutex_lock(&d->lock);
		if (o == EMPTY) {
			c->empty_at = wish;
			pthread_cond_broadcast(&d->change);
		}
		pthread_mutex_unlock(&d->lock);
		if (last && (o == EMPTY || o == FAILED || too_late(c)))
			break;
		if (last && o == PACED)
			nanosleep(&(struct timespec){0, PAUSE_MS * 1000000 / 2}, NULL);
		else if (o != MORE)
			wait_after(c, o, news);
	}
	pthread_mutex_lock(&d->lock);
	c->ended = true;
	pthread_cond_broadcast(&d->change);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}
