/* The audit log <-> SQLite: rows of calls are written as store_put_row() is told them, and read by what `shadowtap calls` asks for. */
#ifndef SHADOWTAP_STORE_CALLS_H
#define SHADOWTAP_STORE_CALLS_H

#include "store.h"

struct store_call_query {
	int64_t since_ns, until_ns;  /* time of the request: since <= it < until; 0: open */
	const char *client, *server; /* address or CIDR, or NULL */
	const char *host;            /* name (exact or "*." suffix) held against host without port */
	const char *method, *tool, *outcome;
	const char *event_id;        /* prefix */
	int64_t min_duration_us;     /* 0: any, also those that have none */
	int64_t limit;               /* 0: none; else the latest */
};

/* Called per row in order of time, event_id, ordinal. No lock is held meanwhile, and rows that retention takes away meanwhile are not missed.
 * FAIL_CONFIG with a sentence, before the first row, if the query asks for what cannot be. */
int store_calls(struct store *s, const struct store_call_query *q, store_row_fn *fn, void *context);
/* One row per value of the field: value, calls, failed (neither ok, input-required nor task), clients, servers, mean and longest duration, first
 * and last time. Its limit is one of values. FAIL_CONFIG if there is no such field. */
int store_calls_group(struct store *s, const struct store_call_query *q, const char *field, store_row_fn *fn, void *context);

#endif
