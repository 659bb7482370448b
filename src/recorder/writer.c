#include "writer.h"
#include "limits.h"
#include "status.h"
#include "store_live.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <stdio.h>

enum {
	BATCH = LIMIT_STORE_BATCH_ROWS, /* as many as the store writes in one transaction */
	RETRY_MS = 250,          /* after a failure, doubled up to RETRY_MOST_MS */
	RETRY_MOST_MS = 5000,
	PATIENCE_MS = 1000,      /* for other programs' locks */
	UNDER_WAY_S = 5,         /* at the end, for the batch that is being written; a thread that takes longer hangs in the kernel */
	RETAIN_EVERY_MS = 30000, /* from the end of one clean-up to the beginning of the next */
	CLOCK_STEP_MS = 3600000, /* the wall clock was set by so much: */
	DOUBT_MS = 3600000,      /* for so long no event is deleted for its age */
};

struct writer {
	struct writer_config config;
	pthread_t thread;
	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t nudge;   /* stopping, while the thread waits before a retry; and ended */
	struct writer_state state;
	int64_t failing_since_ms;
	char *health;
	int64_t health_ns;
	bool stopping, ended;
	int64_t give_up_ms;
	/* the thread's own */
	int64_t retain_at_ms;
	int64_t clock_ahead_ms, doubt_until_ms; /* wall clock minus monotonic clock; monotonic */
};

static int64_t now_ms(clockid_t which)
{
	struct timespec t;
	clock_gettime(which, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* True while another try makes sense. Waits before it. */
static bool failed(struct writer *w, int tries)
{
	int64_t wait_ms = RETRY_MS;
	for (int i = 0; i < tries && wait_ms < RETRY_MOST_MS; i++)
		wait_ms *= 2;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&w->lock);
	if (!w->failing_since_ms)
		w->failing_since_ms = now_ms(CLOCK_MONOTONIC);
	snprintf(w->state.error, sizeof w->state.error, "%s", store_error(w->config.store));
	if (w->stopping)
		wait_ms = RETRY_MS;
	int waited = 0;
	while (!w->stopping && waited == 0)
		waited = pthread_cond_timedwait(&w->nudge, &w->lock, &until);
	bool again = !w->stopping || now_ms(CLOCK_MONOTONIC) < w->give_up_ms;
	pthread_mutex_unlock(&w->lock);
	if (waited == 0 && again)
		nanosleep(&(struct timespec){0, 100 * 1000000}, NULL);
	return again;
}

static void worked(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->failing_since_ms = 0;
	w->state.error[0] = 0;
	pthread_mutex_unlock(&w->lock);
}

/* A store that does not take the text for want of room has to be flushed first: the same failure, the same cure. */
static bool put(struct writer *w, const struct backlog_item *i)
{
	for (int tries = 0;; tries++) {
		int r = store_put_text(w->config.store, i->text, i->n);
		if (r == FAIL_INPUT) {
			pthread_mutex_lock(&w->lock);
			w->state.refused++;
			pthread_mutex_unlock(&w->lock);
			return true;
		}
		if (r == 0)
			return true;
		if (!failed(w, tries))
			return false;
	}
}

static bool flush(struct writer *w)
{
	for (int tries = 0;; tries++) {
		int r = store_flush(w->config.store);
		if (r == 0 || r == FAIL_INPUT) {
			worked(w);
			return true;
		}
		if (!failed(w, tries))
			return false;
	}
}

/* Before which time events are too old, 0: none is. A clock that was set a year ahead, by mistake or by somebody who wants
 * events gone, makes all of them old: somebody must have the time to set it right. */
static int64_t too_old_ns(struct writer *w)
{
	int64_t monotonic = now_ms(CLOCK_MONOTONIC), wall = now_ms(CLOCK_REALTIME), ahead = wall - monotonic;
	if (llabs(ahead - w->clock_ahead_ms) > CLOCK_STEP_MS)
		w->doubt_until_ms = monotonic + DOUBT_MS;
	w->clock_ahead_ms = ahead;
	return w->config.retain_ns && monotonic >= w->doubt_until_ms ? wall * 1000000 - w->config.retain_ns : 0;
}

/* Between batches. What fails here is tried again at its next turn: events go first. */
static void tend(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	char *health = w->health;
	w->health = NULL;
	bool stopping = w->stopping, lost = false;
	pthread_mutex_unlock(&w->lock);
	if (health)
		lost = store_put_health(w->config.store, w->health_ns, w->config.sensor, health) != 0;
	free(health);

	uint64_t deleted = 0, used = 0, file = 0;
	bool limits = w->config.retain_ns || w->config.max_db_bytes;
	if (limits && !stopping && now_ms(CLOCK_MONOTONIC) >= w->retain_at_ms) {
		if (store_retain(w->config.store, too_old_ns(w), w->config.max_db_bytes, &deleted) != 1)
			w->retain_at_ms = now_ms(CLOCK_MONOTONIC) + RETAIN_EVERY_MS;
	}
	bool sized = store_size(w->config.store, &used, &file) == 0;
	pthread_mutex_lock(&w->lock);
	w->state.health_lost += lost;
	w->state.deleted += deleted;
	if (sized) {
		w->state.database_used = used;
		w->state.database_file = file;
	}
	pthread_mutex_unlock(&w->lock);
}

static void count_committed(void *context, const json_t *event)
{
	struct writer *w = context;
	pthread_mutex_lock(&w->lock);
	w->state.committed++;
	pthread_mutex_unlock(&w->lock);
	if (w->config.on_committed)
		w->config.on_committed(w->config.context, event);
}

/* The end was asked for and there is more than the time allows: the backlog keeps what is not settled. */
static bool time_is_over(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	bool over = w->stopping && now_ms(CLOCK_MONOTONIC) >= w->give_up_ms;
	pthread_mutex_unlock(&w->lock);
	return over;
}

static void *write_all(void *context)
{
	struct writer *w = context;
	struct backlog_item items[BATCH];
	bool go_on = true;
	while (go_on) {
		size_t n = backlog_take(w->config.backlog, items, BATCH, WRITER_BATCH_MS);
		for (size_t i = 0; i < n && go_on; i++)
			go_on = put(w, &items[i]) && !time_is_over(w);
		go_on = n == 0 || (go_on && flush(w));
		if (!go_on) /* the end came first */
			break;
		if (n)
			backlog_settled(w->config.backlog);
		tend(w);
		pthread_mutex_lock(&w->lock);
		go_on = n || !w->stopping || w->health;
		pthread_mutex_unlock(&w->lock);
		go_on = go_on && !time_is_over(w);
	}
	pthread_mutex_lock(&w->lock);
	w->ended = true;
	pthread_cond_broadcast(&w->nudge);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct writer *writer_start(const struct writer_config *config)
{
	struct writer *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->config = *config;
	w->clock_ahead_ms = now_ms(CLOCK_REALTIME) - now_ms(CLOCK_MONOTONIC);
	pthread_condattr_t monotonic; /* who sets the wall clock back by a day must not stop the writing for a day */
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->nudge, &monotonic);
	pthread_condattr_destroy(&monotonic);
	store_set_patience(config->store, PATIENCE_MS);
	store_on_committed(config->store, count_committed, w);
	if (pthread_create(&w->thread, NULL, write_all, w) != 0) {
		free(w);
		return NULL;
	}
	return w;
}

void writer_health_row(struct writer *w, int64_t time_ns, const char *json)
{
	char *copy = strdup(json);
	pthread_mutex_lock(&w->lock);
	w->state.health_lost += w->health || !copy;
	free(w->health);
	w->health = copy;
	w->health_ns = time_ns;
	pthread_mutex_unlock(&w->lock);
}

void writer_state(struct writer *w, struct writer_state *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->state;
	ret->failing_ms = w->failing_since_ms ? now_ms(CLOCK_MONOTONIC) - w->failing_since_ms + 1 : 0;
	pthread_mutex_unlock(&w->lock);
}

bool writer_stop(struct writer *w, int timeout_ms)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	w->give_up_ms = now_ms(CLOCK_MONOTONIC) + timeout_ms;
	pthread_cond_broadcast(&w->nudge);
	pthread_mutex_unlock(&w->lock);
	backlog_close(w->config.backlog);
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until); /* by the wall clock, setting it could make a disk seem not to answer */
	until.tv_sec += timeout_ms / 1000 + UNDER_WAY_S;
	pthread_mutex_lock(&w->lock);
	for (int waited = 0; !w->ended && waited != ETIMEDOUT;)
		waited = pthread_cond_timedwait(&w->nudge, &w->lock, &until);
	bool ended = w->ended;
	pthread_mutex_unlock(&w->lock);
	if (!ended)
		return false;
	pthread_join(w->thread, NULL);
	store_on_committed(w->config.store, NULL, NULL);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->nudge);
	free(w->health);
	free(w);
	return true;
}
