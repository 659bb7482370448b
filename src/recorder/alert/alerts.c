#include "alerts.h"
#include "alert_rules_raise.h"
#include "status.h"
#include "text.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct alerts {
	struct alerts_config config;
	struct alert_exit *exits[LIMIT_ALERT_EXITS];
	size_t n;
	struct alert_rules rules;
	struct dispatcher *dispatcher; /* NULL before alerts_start and after alerts_stop */
	struct store *store;
	bool hangs;
};

static int64_t wall_clock_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int add(struct alerts *a, const char *spec, char error[ALERTS_ERROR_TEXT])
{
	if (a->n == LIMIT_ALERT_EXITS) {
		snprintf(error, ALERTS_ERROR_TEXT, "more than %d exits for alerts", LIMIT_ALERT_EXITS);
		return FAIL_CONFIG;
	}
	int rc = alert_exit_new(spec, &a->config.who, &a->exits[a->n], error);
	if (rc != 0)
		return rc;
	const char *name = alert_exit_name(a->exits[a->n++]);
	for (size_t i = 0; i + 1 < a->n; i++)
		if (strcmp(alert_exit_name(a->exits[i]), name) == 0) {
			snprintf(error, ALERTS_ERROR_TEXT, "alerts go to %.400s twice", name);
			return FAIL_CONFIG;
		}
	return 0;
}

int alerts_new(const struct alerts_config *config, struct alerts **ret, char error[ALERTS_ERROR_TEXT])
{
	struct alerts *a = calloc(1, sizeof *a);
	int rc = a ? 0 : FAIL_MEMORY;
	snprintf(error, ALERTS_ERROR_TEXT, "out of memory");
	if (a) {
		a->config = *config;
		a->rules.min_confidence = config->min_confidence;
		a->rules.window_ns = config->window_ns;
		a->rules.queue = config->queue;
		a->rules.now_ns = wall_clock_ns;
	}
	for (size_t i = 0; rc == 0 && i < config->n_specs; i++)
		rc = add(a, config->specs[i], error);
	if (rc != 0) {
		alerts_free(a);
		return rc;
	}
	error[0] = 0;
	*ret = a;
	return 0;
}

static int look_at(void *context, struct store *s, const json_t *event)
{
	struct alerts *a = context;
	return alert_rules_raise(&a->rules, s, event);
}

/* After each commit, by the store. */
static void written(void *context)
{
	struct alerts *a = context;
	if (a->dispatcher)
		dispatcher_nudge(a->dispatcher);
}

/* An exit whose name has changed leaves its alerts behind: the operator must know. */
static int tell_of_left(void *context, int64_t id, const char *name, const struct store_alert_counts *counts)
{
	const struct alerts *a = context;
	char text[ALERTS_ERROR_TEXT], escaped[ALERTS_ERROR_TEXT];
	for (size_t i = 0; i < a->n; i++)
		if (a->rules.exits[i].id == id)
			return 0;
	if (counts->waiting) {
		snprintf(text, sizeof text,
			 "%" PRIu64
			 " alerts wait for %.300s, which is not named now ('shadowtap alerts' can drop them)",
			 counts->waiting, name);
		text_escape_terminal(escaped, sizeof escaped, slice_str(text));
		a->config.say(a->config.context, true, escaped);
	}
	return 0;
}

int alerts_start(struct alerts *a, struct store *s, char error[ALERTS_ERROR_TEXT])
{
	struct dispatcher_exit exits[LIMIT_ALERT_EXITS];
	for (size_t i = 0; i < a->n; i++) {
		int rc = store_alert_exit(s, alert_exit_name(a->exits[i]), &a->rules.exits[i].id);
		if (rc != 0) {
			snprintf(error, ALERTS_ERROR_TEXT, "%s", store_error(s));
			return rc;
		}
		a->rules.exits[i].least = alert_exit_least(a->exits[i]);
		exits[i] = (struct dispatcher_exit){a->exits[i], a->rules.exits[i].id};
	}
	a->rules.n_exits = a->n;
	int rc = store_alert_exits(s, tell_of_left, a);
	if (rc != 0) {
		snprintf(error, ALERTS_ERROR_TEXT, "%s", store_error(s));
		return rc;
	}
	struct dispatcher_config config = {.exits = exits,
					   .n_exits = a->n,
					   .store = s,
					   .rate = a->config.rate,
					   .say = a->config.say,
					   .context = a->config.context};
	rc = dispatcher_start(&config, &a->dispatcher, error);
	if (rc != 0)
		return rc;
	a->store = s;
	store_on_write(s, look_at, written, a);
	return 0;
}

void alerts_reopen(struct alerts *a)
{
	if (a && a->dispatcher)
		dispatcher_reopen(a->dispatcher);
}

uint64_t alerts_settle(struct alerts *a, int timeout_ms)
{
	uint64_t left = 0;
	if (dispatcher_settle(a->dispatcher, timeout_ms))
		return 0;
	for (size_t i = 0; i < a->n; i++) {
		struct store_alert_counts counts = {0};
		left += store_outbox_counts(a->store, a->rules.exits[i].id, &counts) == 0 ? counts.waiting : 1;
	}
	return left;
}

void alerts_state(struct alerts *a, struct alerts_state *ret)
{
	ret->n = a->dispatcher ? a->n : 0;
	ret->unraised = a->rules.unraised;
	for (size_t i = 0; i < ret->n; i++)
		dispatcher_state(a->dispatcher, i, &ret->exits[i]);
}

bool alerts_stop(struct alerts *a, int timeout_ms)
{
	if (!a || !a->dispatcher)
		return true;
	struct dispatcher *d = a->dispatcher;
	a->dispatcher = NULL;
	a->hangs = !dispatcher_stop(d, timeout_ms);
	return !a->hangs;
}

void alerts_free(struct alerts *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n && !a->hangs; i++)
		alert_exit_free(a->exits[i]);
	free(a);
}
