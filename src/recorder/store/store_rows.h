/* Rows that are no events (definitions, and what else has a table of its own) <-> SQLite: JSON objects whose member "row" names the kind. They
 * wait with the events and are committed with them. Private to this folder, but for store_put_row() in store.h. */
#ifndef SHADOWTAP_STORE_ROWS_H
#define SHADOWTAP_STORE_ROWS_H

#include "limits.h"
#include "store_columns.h"

struct store;

/* One table. Its columns are the row's members, bound in this order; upsert has a parameter for each. */
struct row_kind {
	const char *name;
	const struct column *columns;
	size_t n_columns;
	const char *upsert;
};
extern const struct row_kind row_definition, row_definition_list; /* store_definitions.c */
extern const struct row_kind row_call;                            /* store_calls.c */

struct store_rows {
	json_t *items[LIMIT_STORE_BATCH_ROWS];
	size_t n, bytes;
	sqlite3_stmt **sql; /* one for each kind, made at its first row */
};

/* Takes the row. FAIL_INPUT: it is none (a torn text, or somebody else's); else as store_put(). */
int store_rows_put_take(struct store *s, json_t *row);
/* All that wait, within the transaction under way. A row that its table refuses is left out, and s->refused set. */
int store_rows_write(struct store *s);
void store_rows_clear(struct store_rows *r);
/* Finalizes, before the database is closed. */
void store_rows_done(struct store_rows *r);

#endif
