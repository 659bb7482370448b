/* Records of calls -> one row for each request: what was asked, what became of it, how long it took. Called by the recorder with each record, in
 * packet order. Bounded (limits.h). Guesses nothing: an answer belongs to a request by exchange, connection or session and by id, or to none;
 * what is odd about a row its remark says. */
#ifndef SHADOWTAP_AUDIT_H
#define SHADOWTAP_AUDIT_H

#include "call.h"
#include "observation.h"
#include <jansson.h>

#define AUDIT_EVENT_ID_TEXT 33

/* The connection of a record, as the recorder knows it. */
struct audit_place {
	char event_id[AUDIT_EVENT_ID_TEXT];
	struct ip_addr client_ip, server_ip;
	uint16_t server_port;
	uint64_t scope; /* equal where ids of sessions mean the same: tenant and server (session_entry_scope()); 0: not known */
};

enum audit_remark {
	AUDIT_PLAIN,
	AUDIT_ID_REUSED,    /* two requests with one id waited for this answer: the later one got it */
	AUDIT_ID_DIFFERS,   /* an error with another id, or none, in the only HTTP answer that there is for the request */
	AUDIT_ANSWER_FIRST, /* captured before its request: no duration */
	AUDIT_TOO_MANY,     /* others waited behind it */
	AUDIT_REMARKS
};

struct audit_call {
	struct connection_ref connection;
	struct audit_place place;
	uint32_t ordinal;
	enum direction from;
	int64_t time_ns;
	uint64_t frame;
	const char *method, *name; /* name: "" for none */
	enum call_outcome outcome;
	enum audit_remark remark;
	int64_t code;              /* of CALL_ERROR */
	uint16_t status;           /* of HTTP; 0: none */
	int64_t duration_ns;       /* -1: not known */
	uint64_t request_bytes, answer_bytes;
};

/* A request is settled. Borrowed. 0, or a failure that audit_take() and audit_end() return after going on. */
typedef int audit_fn(void *context, const struct audit_call *c);

struct audit_counts {
	uint64_t rows;
	uint64_t unmatched; /* answers to no request that is known */
	uint64_t too_many;  /* requests that were settled for want of room */
};

struct audit;
struct audit *audit_new(audit_fn *fn, void *context); /* NULL when out of memory */
/* FAIL_MEMORY: the request is not followed. */
int audit_take(struct audit *a, const struct call *c, const struct audit_place *place);
/* The input ended: nothing that waits will be answered. lost: or if it was, nobody saw it. */
int audit_end(struct audit *a, bool lost);
const struct audit_counts *audit_counts(const struct audit *a);
void audit_free(struct audit *a); /* tells nobody; NULL is fine */

/* The row as store_put_row() takes it. o: what is known of its connection by now, with its session; NULL: no longer known. New reference, or NULL
 * when out of memory. */
json_t *audit_json(const struct audit_call *c, const struct observation *o);

#endif
