/* Events <-> SQLite: open, migrate, write in batches, read for queries. The only place that includes sqlite3.h.
 * One writer at a time; readers may read while it writes. Migrations are schema/NNNN_*.sql, compiled in, numbered by
 * user_version. Judges nothing and prints nothing. */
#ifndef SHADOWTAP_STORE_H
#define SHADOWTAP_STORE_H

#include "event.h"

struct store;

#define STORE_ERROR_TEXT 512

/* Creates or migrates the database. FAIL_DATABASE (a newer schema, no database, locked by another writer, not
 * writable ...) with a sentence in error, or FAIL_MEMORY. */
int store_open(const char *path, struct store **ret, char error[STORE_ERROR_TEXT]);

/* Inserts the event, or replaces the values of the row with its event_id. Buffered: of several states of one event
 * only the last is written. When the buffer is full it is flushed first; if that fails, its failure is returned and
 * the event not taken. */
int store_put(struct store *s, const struct event *e);
/* The same for an event's JSON text, which waited in a backlog. FAIL_INPUT with a sentence if it is none (torn,
 * foreign). */
int store_put_text(struct store *s, const char *json, size_t n);
/* A row that is no event: a JSON object whose member "row" says of which table; store_put_text() takes its text too. Buffered with the events.
 * FAIL_INPUT with a sentence if it is none of ours. */
int store_put_row(struct store *s, const json_t *row);
/* Writes what was put, in one transaction, in the order in which the events first came. On failure (disk full,
 * locked, out of memory) all of it stays buffered for the next flush. FAIL_INPUT: all is written but a row that the
 * table refuses, which is given up: only a database that somebody doctored does so. */
int store_flush(struct store *s);

/* Called for each row once its transaction has committed, in order: it survives the death of this process. Also out
 * of store_put, when that flushes. Must not call the store. The event has a member more than it was put with: "acknowledged"
 * (store_ack.h). */
typedef void store_committed_fn(void *context, const json_t *event);
/* For what is put from now on; NULL for nobody. */
void store_on_committed(struct store *s, store_committed_fn *fn, void *context);

const char *store_error(const struct store *s);
/* Flushes, checkpoints so that a reader without write permission can read the file alone, closes. Returns what the
 * flush did; who wants its sentence calls store_flush and store_error before. NULL is fine. */
int store_close(struct store *s);

/* ---- reading ---- */

/* With respect to acknowledged events (store_ack.h). */
enum store_acknowledged { ACKNOWLEDGED_TOO, ACKNOWLEDGED_NOT, ACKNOWLEDGED_ONLY };

struct store_query {
	int64_t since_ns, until_ns;     /* on last_seen >= since and first_seen < until; 0: open */
	const char *verdict;            /* exact, or NULL */
	enum confidence min_confidence;
	bool all;                       /* approved too */
	const char *client, *server;    /* address or CIDR, or NULL */
	const char *host;               /* name (exact or "*." suffix) held against host without port, and sni */
	const char *method, *tool;      /* a key of methods / tools_called */
	const char *finding;            /* one of findings: of posture, or a breach such as "policy.tls" */
	const char *kind;
	const char *event_id;           /* prefix */
	enum store_acknowledged acknowledged;
	int64_t now_ns;                 /* by which acknowledgements must not have expired; 0: by packet time alone */
	int64_t limit;                  /* 0: none */
};

/* Called per row in order of first_seen, event_id; a limit keeps the latest. row: the event's JSON in the contract's
 * order, then "acknowledged" (store_ack.h); borrowed. No lock is held meanwhile. Return non-zero to stop. */
typedef int store_row_fn(void *context, const json_t *row);

/* Opens read-only, also while a sensor writes and as another user after the writer has gone. FAIL_DATABASE or
 * FAIL_MEMORY with a sentence in error; on success error is empty or holds a warning that the user should see (a killed
 * writer's latest events cannot be read from here). */
int store_open_read(const char *path, struct store **ret, char error[STORE_ERROR_TEXT]);
int store_select(struct store *s, const struct store_query *q, store_row_fn *fn, void *context);
/* One row per value of the field: value, count of events, of clients and of servers, first and last seen. For
 * objects (methods, tools_called) one row per key; for arrays per element. FAIL_CONFIG if there is no such field. */
int store_group(struct store *s, const struct store_query *q, const char *field, store_row_fn *fn, void *context);
void store_close_read(struct store *s);

#endif
