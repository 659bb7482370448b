/* Events as they are written -> alerts in the outbox, in the same transaction: what the rules remember is read and
 * written beside the event. Called by the store for each row. Sends nothing. */
#ifndef SHADOWTAP_ALERT_RULES_RAISE_H
#define SHADOWTAP_ALERT_RULES_RAISE_H

#include "limits.h"
#include "store_alert.h"
#include <stdatomic.h>

struct alert_rules {
	enum confidence min_confidence;
	int64_t window_ns;
	uint64_t queue;          /* alerts that may wait, for each exit */
	int64_t (*now_ns)(void); /* wall clock, of `raised` */
	struct {
		int64_t id;
		enum severity least;
	} exits[LIMIT_ALERT_EXITS];
	size_t n_exits;
	/* alerts that could not be raised: a table refused them, or the event's values are none of ours */
	atomic_uint_fast64_t unraised;
};

/* A store_write_fn; context: struct alert_rules. */
int alert_rules_raise(void *context, struct store *s, const json_t *event);

/* Whom the client spoke to: host, else sni, else address and port. */
#define ALERT_AUTHORITY_TEXT 512
void alert_rules_authority(const json_t *event, char out[ALERT_AUTHORITY_TEXT]);

#endif
