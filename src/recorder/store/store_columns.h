/* The columns of `events` and what each turns into: event JSON -> bound parameters, result row -> event JSON. Used by
 * the writing and the reading side of the store, so that they cannot disagree. Knows the order of the contract. */
#ifndef SHADOWTAP_STORE_COLUMNS_H
#define SHADOWTAP_STORE_COLUMNS_H

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

enum column_type { COLUMN_TEXT, COLUMN_INTEGER, COLUMN_BOOLEAN, COLUMN_OBJECT, COLUMN_ARRAY };

struct column {
	const char *name;
	enum column_type type;
	bool required;       /* NOT NULL */
	const char *allowed; /* "a|b|c", where a CHECK names them */
	size_t length;       /* of the text, where a CHECK fixes it; else 0 */
};

extern const struct column store_columns[];
extern const size_t store_columns_n;

/* NULL if there is none of that name. */
const struct column *store_column_find(const char *name);

/* Whether the column takes it; NULL is a member that was left out. */
bool store_column_fits(const struct column *c, const json_t *value);
/* The name of the first column whose rules this JSON object breaks, or NULL if the table will take it. A member that
 * may be null may be left out: a version that did not know it yet wrote the text. */
const char *store_columns_misfit(const json_t *event);

#define STORE_COLUMN_SQL 8192
/* "INSERT ... ON CONFLICT(event_id) DO UPDATE ..." with one parameter per column. */
void store_columns_upsert_sql(char out[STORE_COLUMN_SQL]);
/* "SELECT ... FROM events WHERE event_id = ?". */
void store_columns_select_sql(char out[STORE_COLUMN_SQL]);

/* The values of an event as they will be bound: a fraction of what its JSON takes, for hundreds of them wait for a
 * commit. malloc'd; NULL when out of memory. *ret_bytes: what it takes. */
struct store_row;
struct store_row *store_row_pack(const json_t *event, size_t *ret_bytes);
/* An SQLite result code. The row must outlive the binding. */
int store_row_bind(sqlite3_stmt *upsert, const struct store_row *row);
/* New reference; NULL with the column's name in *ret_bad if its content is none of ours, or NULL when out of memory. */
json_t *store_columns_row(sqlite3_stmt *row, const char **ret_bad);
/* One value of a row, by its type. */
json_t *store_column_value(sqlite3_stmt *row, int i, enum column_type type);

#endif
