#include "store_rows.h"
#include "status.h"
#include "store_handle.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct row_kind *const kinds[] = {&row_definition, &row_definition_list, &row_call};
enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind_of(const json_t *row)
{
	const char *name = json_string_value(json_object_get(row, "row"));
	for (int i = 0; name && i < KINDS; i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return i;
	return -1;
}

static int refuse(struct store *s, json_t *row, const char *what)
{
	snprintf(s->error, sizeof s->error, "a text is not a row: %s does not hold what it should", what);
	json_decref(row);
	return FAIL_INPUT;
}

int store_rows_put_take(struct store *s, json_t *row)
{
	int kind = kind_of(row);
	if (kind < 0)
		return refuse(s, row, "row");
	for (size_t i = 0; i < kinds[kind]->n_columns; i++)
		if (!store_column_fits(&kinds[kind]->columns[i], json_object_get(row, kinds[kind]->columns[i].name)))
			return refuse(s, row, kinds[kind]->columns[i].name);
	size_t bytes = store_batch_weigh(row);
	struct store_rows *r = &s->rows;
	if (r->n == LIMIT_STORE_BATCH_ROWS || (r->n && r->bytes + bytes > LIMIT_STORE_BATCH_BYTES)) {
		int rc = store_flush(s);
		if (rc != 0 && rc != FAIL_INPUT) {
			json_decref(row);
			return rc;
		}
		s->refused |= rc == FAIL_INPUT; /* it is the flush after this that is asked */
	}
	r->items[r->n++] = row;
	r->bytes += bytes;
	return 0;
}

static int bind(sqlite3_stmt *sql, int i, const struct column *c, const json_t *value)
{
	if (!value || json_is_null(value))
		return sqlite3_bind_null(sql, i);
	switch (c->type) {
	case COLUMN_TEXT:
		return sqlite3_bind_text64(sql, i, json_string_value(value), json_string_length(value), SQLITE_STATIC, SQLITE_UTF8);
	case COLUMN_INTEGER: return sqlite3_bind_int64(sql, i, json_integer_value(value));
	case COLUMN_BOOLEAN: return sqlite3_bind_int(sql, i, json_is_true(value));
	default: break;
	}
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
	return text ? sqlite3_bind_text(sql, i, text, -1, free) : SQLITE_NOMEM;
}

static int write_row(struct store *s, const json_t *row)
{
	int kind = kind_of(row), rc = SQLITE_OK;
	const struct row_kind *k = kinds[kind];
	struct store_rows *r = &s->rows;
	if (!r->sql && !(r->sql = calloc(KINDS, sizeof(sqlite3_stmt *))))
		return FAIL_MEMORY;
	if (!r->sql[kind])
		rc = sqlite3_prepare_v3(s->db, k->upsert, -1, SQLITE_PREPARE_PERSISTENT, &r->sql[kind], NULL);
	sqlite3_stmt *sql = r->sql[kind];
	for (size_t i = 0; rc == SQLITE_OK && i < k->n_columns; i++)
		rc = bind(sql, (int)i + 1, &k->columns[i], json_object_get(row, k->columns[i].name));
	if (rc == SQLITE_OK)
		rc = sqlite3_step(sql);
	int result = 0, primary = rc & 0xff;
	if ((primary == SQLITE_CONSTRAINT || primary == SQLITE_TOOBIG || primary == SQLITE_MISMATCH) && !sqlite3_get_autocommit(s->db)) {
		snprintf(s->error, sizeof s->error, "a row of %s is not stored: %s", k->name, sqlite3_errmsg(s->db));
		result = FAIL_INPUT;
	} else if (rc != SQLITE_DONE) {
		result = store_handle_fail(s, "rows were not stored");
	}
	sqlite3_reset(sql);
	sqlite3_clear_bindings(sql);
	return result;
}

int store_rows_write(struct store *s)
{
	for (size_t i = 0; i < s->rows.n; i++) {
		int rc = write_row(s, s->rows.items[i]);
		if (rc == FAIL_INPUT)
			s->refused = true;
		else if (rc != 0)
			return rc;
	}
	return 0;
}

void store_rows_clear(struct store_rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		json_decref(r->items[i]);
	r->n = r->bytes = 0;
}

void store_rows_done(struct store_rows *r)
{
	store_rows_clear(r);
	for (int i = 0; r->sql && i < KINDS; i++)
		sqlite3_finalize(r->sql[i]);
	free(r->sql);
	r->sql = NULL;
}
