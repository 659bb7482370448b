/* What the files of the store share: the handle, and how SQLite's refusals become sentences. Private to this folder. */
#ifndef SHADOWTAP_STORE_HANDLE_H
#define SHADOWTAP_STORE_HANDLE_H

#include "store_alert.h"
#include "store_batch.h"
#include "store_lock.h"
#include "store_rows.h"
#include <sqlite3.h>

/* "STap", in the header of every database of ours (SQLite file format, section 1.3). */
#define STORE_APPLICATION_ID 0x53546170

/* Milliseconds to wait for another connection's lock: writers hold theirs for one batch, readers for one row. */
#define STORE_BUSY_MS 5000

struct store {
	sqlite3 *db;
	sqlite3_stmt *upsert;   /* writer only */
	struct store_lock lock; /* writer only */
	struct store_batch batch; /* writer only */
	struct store_rows rows;   /* writer only */
	bool refused;           /* a row was left out since store_flush last said so */
	store_committed_fn *on_committed;
	void *on_committed_context;
	store_write_fn *on_write;
	void (*on_write_done)(void *context);
	void *on_write_context;
	sqlite3_stmt **alert_sql; /* store_alert_sql.h; NULL until one is used */
	sqlite3_stmt *ack_lookup; /* store_ack_read.c; likewise */
	int64_t health_room;    /* bytes that the health rows take at most; -1: not known */
	char error[STORE_ERROR_TEXT];
};

/* What health rows take at most: a text that fills little more than half a page has it for itself; the rest is for
 * the index. */
#define STORE_HEALTH_ROOM(bytes, rows) (2 * (bytes) + 256 * (rows))

/* What a database says of itself. */
struct store_identity {
	int application_id, user_version;
	bool empty; /* nothing in it at all: ours to fill */
};

struct store *store_handle_new(void);
/* Closes SQLite before the lock is let go. NULL is fine. */
void store_handle_free(struct store *s);

/* Writes "what: SQLite's reason" into s->error. FAIL_MEMORY or FAIL_DATABASE. */
int store_handle_fail(struct store *s, const char *what);
int store_handle_exec(struct store *s, const char *sql, const char *what);
/* First column of the first row of a pragma or query. An SQLite result code. */
int store_handle_int(struct store *s, const char *sql, int *ret);
int store_handle_identity(struct store *s, struct store_identity *ret);
/* Whether a text of n bytes may have been refused for want of memory: jansson does not always tell that from bad
 * grammar, and an event that is taken for no event is lost. */
bool store_handle_memory_short(size_t n);
/* Against files made by others: no schema of theirs may call functions with side effects or harm the file's
 * structure. */
void store_handle_harden(struct store *s);

#endif
