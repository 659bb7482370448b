/* An event and what is remembered of its (client, authority, verdict) -> whether it is worth an alert, and what is
 * remembered from now on. Called for each event that is written. A pure function: packet time alone, no database, no
 * clock. */
#ifndef SHADOWTAP_ALERT_RULES_H
#define SHADOWTAP_ALERT_RULES_H

#include "alert.h"
#include "store_alert.h"

/* What is remembered: read before, written after. */
struct alert_memory {
	bool has_window;
	struct store_alert_window window;
	bool seen;                      /* the event has been counted before, ... */
	struct store_alert_level risen; /* ... and had risen so far */
};

struct alert_ruling {
	bool raise;
	enum alert_why why;
	uint64_t count;
	/* what of the memory has changed */
	bool window_changed, window_began, seen_changed;
};

/* time_ns: when the event was first seen, which no later state of it changes. The event is unapproved and sure enough.
 */
struct alert_ruling alert_rules_judge(struct alert_memory *m, int64_t time_ns, const struct store_alert_level *now,
				      int64_t window_ns);

#endif
