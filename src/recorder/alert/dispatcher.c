#include "dispatcher.h"
#include "courier.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int64_t dispatcher_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static void dispatcher_free(struct dispatcher *d)
{
	for (size_t i = 0; i < d->n; i++)
		store_close_read(d->couriers[i].outbox);
	pthread_mutex_destroy(&d->speech);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->nudge);
	pthread_cond_destroy(&d->change);
	free(d);
}

static struct dispatcher *dispatcher_new(const struct dispatcher_config *config)
{
	struct dispatcher *d = calloc(1, sizeof *d + config->n_exits * sizeof *d->couriers);
	if (!d)
		return NULL;
	pthread_condattr_t monotonic; /* who sets the wall clock back must not stop the alerts */
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&d->speech, NULL);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->nudge, &monotonic);
	pthread_cond_init(&d->change, &monotonic);
	pthread_condattr_destroy(&monotonic);
	d->say = config->say;
	d->say_context = config->context;
	d->rate = config->rate;
	return d;
}

static int add_courier(struct dispatcher *d, const struct dispatcher_config *config, size_t i,
		       char error[STORE_ERROR_TEXT])
{
	struct courier *c = &d->couriers[i];
	*c = (struct courier){.d = d,
			      .exit = config->exits[i].exit,
			      .id = config->exits[i].id,
			      .tokens = d->rate,
			      .refilled_ms = dispatcher_now_ms(),
			      .dice = (unsigned)dispatcher_now_ms() + (unsigned)i};
	c->state.name = alert_exit_name(c->exit);
	int rc = store_outbox_open(config->store, &c->outbox, error);
	if (rc != 0)
		return rc;
	if (store_outbox_counts(c->outbox, c->id, &c->state.counts) != 0) {
		snprintf(error, STORE_ERROR_TEXT, "%s", store_error(c->outbox));
		store_close_read(c->outbox);
		return FAIL_DATABASE;
	}
	if (pthread_create(&c->thread, NULL, courier_run, c) != 0) {
		snprintf(error, STORE_ERROR_TEXT, "no more threads");
		store_close_read(c->outbox);
		return FAIL_MEMORY;
	}
	d->n++;
	return 0;
}

int dispatcher_start(const struct dispatcher_config *config, struct dispatcher **ret, char error[STORE_ERROR_TEXT])
{
	struct dispatcher *d = dispatcher_new(config);
	snprintf(error, STORE_ERROR_TEXT, "out of memory");
	int rc = d ? 0 : FAIL_MEMORY;
	for (size_t i = 0; rc == 0 && i < config->n_exits; i++)
		rc = add_courier(d, config, i, error);
	if (rc == 0) {
		error[0] = 0;
		*ret = d;
	} else if (d) {
		dispatcher_stop(d, 0);
	}
	return rc;
}

void dispatcher_nudge(struct dispatcher *d)
{
	pthread_mutex_lock(&d->lock);
	d->news++;
	pthread_cond_broadcast(&d->nudge);
	pthread_mutex_unlock(&d->lock);
}

void dispatcher_reopen(struct dispatcher *d)
{
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n; i++)
		d->couriers[i].reopen = true;
	pthread_cond_broadcast(&d->nudge);
	pthread_mutex_unlock(&d->lock);
}

static struct timespec in_ms(int ms)
{
	int64_t until = dispatcher_now_ms() + ms;
	return (struct timespec){until / 1000, until % 1000 * 1000000};
}

bool dispatcher_settle(struct dispatcher *d, int timeout_ms)
{
	struct timespec until = in_ms(timeout_ms);
	bool all;
	int waited = 0;
	pthread_mutex_lock(&d->lock);
	d->wish++;
	d->news++;
	pthread_cond_broadcast(&d->nudge);
	for (;;) {
		all = true;
		for (size_t i = 0; i < d->n; i++)
			all &= d->couriers[i].empty_at == d->wish;
		if (all || waited != 0)
			break;
		waited = pthread_cond_timedwait(&d->change, &d->lock, &until);
	}
	pthread_mutex_unlock(&d->lock);
	return all;
}

void dispatcher_state(struct dispatcher *d, size_t exit, struct dispatcher_state *ret)
{
	pthread_mutex_lock(&d->lock);
	*ret = d->couriers[exit].state;
	pthread_mutex_unlock(&d->lock);
}

bool dispatcher_stop(struct dispatcher *d, int timeout_ms)
{
	enum { SETTLING_MS = 500 }; /* for what is under way when time is up: mostly a short transaction */
	struct timespec until = in_ms(timeout_ms + SETTLING_MS);
	int waited = 0;
	bool all = false;
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	d->give_up_ms = dispatcher_now_ms() + timeout_ms;
	pthread_cond_broadcast(&d->nudge);
	while (!all && waited == 0) {
		all = true;
		for (size_t i = 0; i < d->n; i++)
			all &= d->couriers[i].ended;
		if (!all)
			waited = pthread_cond_timedwait(&d->change, &d->lock, &until);
	}
	pthread_mutex_unlock(&d->lock);
	if (!all) { /* whoever it talks to is gone soon */
		pthread_mutex_lock(&d->speech);
		d->silent = true;
		pthread_mutex_unlock(&d->speech);
		return false;
	}
	for (size_t i = 0; i < d->n; i++)
		pthread_join(d->couriers[i].thread, NULL);
	dispatcher_free(d);
	return true;
}
