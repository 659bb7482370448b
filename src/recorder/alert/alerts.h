/* All of alerting, as live and replay use it: specs -> exits, a rule for each event that is written, an outbox that is
 * delivered. */
#ifndef SHADOWTAP_ALERTS_H
#define SHADOWTAP_ALERTS_H

#include "dispatcher.h"
#include "limits.h"

struct alerts;

struct alerts_config {
	const char *const *specs; /* docs/alerts.md; borrowed, as is all here */
	size_t n_specs;
	enum confidence min_confidence;
	int64_t window_ns;
	unsigned rate;  /* a second, for each exit */
	uint64_t queue; /* alerts that may wait, for each exit */
	struct alert_sender who;
	alerts_say_fn *say;
	void *context;
};

#define ALERTS_ERROR_TEXT (ALERT_ERROR_TEXT > STORE_ERROR_TEXT ? ALERT_ERROR_TEXT : STORE_ERROR_TEXT)

/* Reads the specs; connects nothing. FAIL_CONFIG with a sentence, or FAIL_MEMORY. */
int alerts_new(const struct alerts_config *config, struct alerts **ret, char error[ALERTS_ERROR_TEXT]);
/* From now on each event that the store writes is looked at, and the outbox is delivered, beginning with what is still
 * in it. The caller is the store's only user at the moment. */
int alerts_start(struct alerts *a, struct store *s, char error[ALERTS_ERROR_TEXT]);
void alerts_reopen(struct alerts *a);
/* Waits until all has gone, or so long. How many still wait; at least 1 if that cannot be told. The caller is the
 * store's only user. */
uint64_t alerts_settle(struct alerts *a, int timeout_ms);

struct alerts_state {
	struct dispatcher_state exits[LIMIT_ALERT_EXITS];
	size_t n;
	uint64_t unraised; /* events whose alert a doctored database refused */
};
void alerts_state(struct alerts *a, struct alerts_state *ret);

/* A last try, no longer than that; then nothing more is delivered, but events that are still written are still looked
 * at. False if an exit hangs. NULL is fine here and below. */
bool alerts_stop(struct alerts *a, int timeout_ms);
/* Once the store is closed. Leaves alone what hangs. */
void alerts_free(struct alerts *a);

#endif
