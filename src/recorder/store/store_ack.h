/* Acknowledgements: an operator has looked at an event and does not want to be told of it again before a certain time.
 * Written by `shadowtap ack` and `unack`, also beside a running sensor; asked by the writer, by replay and by queries,
 * with one rule for all (store_ack_sql.h). Covers that one event, no worse than it was; says nothing of servers: that
 * is the policy's work. */
#ifndef SHADOWTAP_STORE_ACK_H
#define SHADOWTAP_STORE_ACK_H

#include "store.h"

/* A connection that writes acknowledgements and reads, beside a writer that may be running (it waits some seconds for
 * the other's lock). Makes no database; one of an older schema is migrated, unless somebody writes to it. FAIL_DATABASE
 * or FAIL_MEMORY with a sentence. Closed by store_close_read. */
int store_ack_open(const char *path, struct store **ret, char error[STORE_ERROR_TEXT]);

struct store_ack {
	const char *const *ids; /* whole, or beginnings of at least LIMIT_ACK_PREFIX digits */
	size_t n;
	int64_t until_ns;     /* packet time of the event; of store_ack_put */
	const char *by, *why; /* the operator's: valid UTF-8, not empty, within LIMIT_ACK_BY and LIMIT_ACK_WHY */
	int64_t at_ns;        /* now, by the wall clock */
	bool force;           /* of store_ack_put: also whole ids that the database has not seen */
};

/* All of them or none, in one transaction; each leaves a row in the log. Once it is committed fn is called with these
 * rows, in the order in which the ids were given, each event once. FAIL_CONFIG with a sentence if an id names no event
 * or more than one. */
int store_ack_put(struct store *s, const struct store_ack *a, store_row_fn *fn, void *context);
/* Takes acknowledgements back. FAIL_CONFIG also if there is none. */
int store_ack_drop(struct store *s, const struct store_ack *a, store_row_fn *fn, void *context);

/* All acknowledgements, the one that ends first first: what was acknowledged, what the event is about (null where there
 * is none), and a state: "holds"; "expired", by the event's packets or by now_ns; "risen", for the event has become
 * worse; "unseen", for there is no such event. */
int store_acks(struct store *s, int64_t now_ns, store_row_fn *fn, void *context);
/* The log, oldest first. */
int store_ack_log(struct store *s, store_row_fn *fn, void *context);

/* Sets the event's member "acknowledged": {until, by, why, at} of the acknowledgement that covers it as it is in this
 * object, or null. now_ns: it must not have expired by then either; 0: only packet time counts, so that the same
 * packets always give the same. 1: acknowledged; 0: not; or a failure. */
int store_ack_annotate(struct store *s, json_t *event, int64_t now_ns);

#endif
