/* The outbox -> exits: for each exit a thread with a connection to the database of its own, so that one that hangs
 * stops no other. In the order of the outbox, at least once, no faster than allowed; what cannot be sent waits and is
 * tried again. Called by alerts.c. Decides nothing about what is an alert. */
#ifndef SHADOWTAP_DISPATCHER_H
#define SHADOWTAP_DISPATCHER_H

#include "alert_exit.h"
#include "store_alert.h"

struct dispatcher;

/* A sentence for the operator. wrong: something is, or is lost; else a note that something went as it should. In any
 * thread, one at a time. */
typedef void alerts_say_fn(void *context, bool wrong, const char *sentence);

struct dispatcher_exit {
	struct alert_exit *exit; /* borrowed; its thread's alone while the dispatcher runs */
	int64_t id;
};

struct dispatcher_config {
	const struct dispatcher_exit *exits; /* copied */
	size_t n_exits;
	const struct store *store; /* whose database it is; borrowed */
	unsigned rate;             /* alerts a second for each exit, and at once after a pause */
	alerts_say_fn *say;
	void *context;
};

/* FAIL_DATABASE or FAIL_MEMORY with a sentence. */
int dispatcher_start(const struct dispatcher_config *config, struct dispatcher **ret, char error[STORE_ERROR_TEXT]);
/* There is more in the outbox. */
void dispatcher_nudge(struct dispatcher *d);
/* alert_exit_reopen in each thread; who waits to try again does so at once. */
void dispatcher_reopen(struct dispatcher *d);
/* Until everything that is in the outbox now has gone (true), or so long. */
bool dispatcher_settle(struct dispatcher *d, int timeout_ms);

struct dispatcher_state {
	const char *name;
	struct store_alert_counts counts; /* since the database was made; some seconds old at most */
	bool failing;
	char error[ALERT_ERROR_TEXT]; /* why, while failing */
};
void dispatcher_state(struct dispatcher *d, size_t exit, struct dispatcher_state *ret);

/* One last try of each exit, no longer than that. What is left stays for the next start. False if a thread hangs in its
 * exit: then that and the dispatcher may not be touched again, and the exits neither. */
bool dispatcher_stop(struct dispatcher *d, int timeout_ms);

#endif
