/* An alert: what is sent of an event, and to whom it speaks. Plain data between the outbox, the formats and the exits. */
#ifndef SHADOWTAP_ALERT_H
#define SHADOWTAP_ALERT_H

#include "event.h"

enum alert_why {
	ALERT_NEW,    /* the first of its (client, authority, verdict) in its window */
	ALERT_RISEN,  /* confidence, stage or severity went up since */
	ALERT_AGAIN,  /* a window ended and it stands for more events than the first one said */
};
const char *alert_why_name(enum alert_why w); /* "new", "risen", "again" */

struct alert {
	uint64_t id;          /* of the outbox: rises, is never used twice */
	enum alert_why why;
	uint64_t count;       /* events that it stands for, this one included */
	int64_t raised_ns;    /* wall clock */
	const json_t *event;  /* all fields of the contract; borrowed */
};

/* Who speaks. Borrowed. */
struct alert_sender {
	const char *host;     /* host name in headers */
	const char *program;  /* "shadowtap" */
	const char *version;
	long pid;
};

enum alert_format { ALERT_TEXT, ALERT_JSON, ALERT_CEF, ALERT_EVE, ALERT_ZEEK, ALERT_ECS, ALERT_OCSF, ALERT_FORMATS };
const char *alert_format_name(enum alert_format f);                     /* "text", "json", "cef", "eve", "zeek", "ecs", "ocsf" */
bool alert_format_parse(const char *name, enum alert_format *ret);

/* One line, without a newline, valid UTF-8, no control characters: malloc'd, *ret_n bytes and a NUL. Whatever a stranger wrote is escaped as
 * the format wants it. NULL when out of memory. Time alone comes from the event and `raised_ns`: the same alert gives the same bytes. */
char *alert_format(enum alert_format f, const struct alert *a, const struct alert_sender *who, size_t *ret_n);

#endif
