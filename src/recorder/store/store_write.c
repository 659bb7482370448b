/* Events -> rows: buffered by store_put and store_put_text, written by store_flush in one transaction that begins
 * and ends there, so that nobody is locked out while the recorder waits for packets. What could not be written stays
 * buffered. */
#include "status.h"
#include "store_ack.h"
#include "store_columns.h"
#include "store_handle.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct store *s)
{
	snprintf(s->error, sizeof s->error, "out of memory");
	return FAIL_MEMORY;
}

/* FAIL_INPUT: the machine is well, but this row breaks a rule of the table. */
static int put_row(struct store *s, const struct store_batch_row *row)
{
	int rc = store_row_bind(s->upsert, row->row);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->upsert);
	int result = 0, primary = rc & 0xff;
	if ((primary == SQLITE_CONSTRAINT || primary == SQLITE_TOOBIG || primary == SQLITE_MISMATCH) &&
	    !sqlite3_get_autocommit(s->db)) {
		snprintf(s->error, sizeof s->error, "event %s is not stored: %s", row->id, sqlite3_errmsg(s->db));
		result = FAIL_INPUT;
	} else if (rc != SQLITE_DONE) {
		result = rc == SQLITE_NOMEM ? out_of_memory(s) : store_handle_fail(s, "events were not stored");
	}
	sqlite3_reset(s->upsert);
	sqlite3_clear_bindings(s->upsert);
	return result;
}

/* Whoever hears of the row hears at once whether it is acknowledged: nobody has to ask again. By packet time alone. */
static int tell_of(struct store *s, json_t *event)
{
	int rc = store_ack_annotate(s, event, 0);
	if (rc < 0 || !s->on_write)
		return rc < 0 ? rc : 0;
	return s->on_write(s->on_write_context, s, event);
}

/* One bad row must not stand in the way of all that follow: it is left out, the rest is committed, and store_flush
 * tells. */
static int write_rows(struct store *s)
{
	struct store_batch *b = &s->batch;
	for (size_t i = 0; i < b->n; i++) {
		int rc = put_row(s, &b->rows[i]);
		b->rows[i].refused = rc == FAIL_INPUT;
		if (rc == 0 && b->rows[i].event)
			rc = tell_of(s, b->rows[i].event);
		if (rc != 0 && rc != FAIL_INPUT)
			return rc;
	}
	int rc = store_rows_write(s);
	return rc ? rc : store_handle_exec(s, "COMMIT", "events were not committed");
}

/* Somebody deleted or replaced the file. SQLite would go on writing to the one that has no name any more, without a word,
 * and all of it would be gone at the end. */
static bool is_gone(struct store *s)
{
	int moved = 0;
	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved)
		return false;
	snprintf(s->error, sizeof s->error,
	         "the database file was deleted or replaced while it was in use: put it back, or restart");
	return true;
}

static int write_batch(struct store *s)
{
	struct store_batch *b = &s->batch;
	if (b->n == 0 && s->rows.n == 0)
		return 0;
	if (is_gone(s))
		return FAIL_DATABASE;
	if (!sqlite3_get_autocommit(s->db)) /* memory was short when the last one should have been rolled back */
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	int rc = store_handle_exec(s, "BEGIN IMMEDIATE", "events were not stored");
	if (rc == 0)
		rc = write_rows(s);
	if (rc != 0) {
		if (!sqlite3_get_autocommit(s->db)) /* a full disk makes SQLite roll back by itself */
			sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		return rc;
	}
	for (size_t i = 0; i < b->n; i++) {
		if (b->rows[i].refused)
			s->refused = true;
		else if (s->on_committed && b->rows[i].event)
			s->on_committed(s->on_committed_context, b->rows[i].event);
	}
	store_batch_clear(b);
	store_rows_clear(&s->rows);
	if (s->on_write_done)
		s->on_write_done(s->on_write_context);
	return 0;
}

/* The event itself is only kept where somebody wants to hear of it. */
static int put_take(struct store *s, json_t *event)
{
	const char *id = json_string_value(json_object_get(event, "event_id"));
	json_t *kept = s->on_committed || s->on_write ? event : NULL;
	size_t bytes = 0;
	struct store_row *row = store_row_pack(event, &bytes);
	bytes += kept ? store_batch_weigh(kept) : 0;
	int rc = !row ? out_of_memory(s) : store_batch_fits(&s->batch, id, bytes) ? 0 : write_batch(s);
	if (rc == 0)
		store_batch_put_take(&s->batch, id, row, json_incref(kept), bytes);
	else
		free(row);
	json_decref(event);
	return rc;
}

int store_put(struct store *s, const struct event *e)
{
	if (e->o->confidence < CONFIDENCE_POSSIBLE)
		return 0; /* nothing below `possible` makes a row */
	json_t *event = event_json(e);
	return event ? put_take(s, event) : out_of_memory(s);
}

/* What JSON's grammar lets through but no event of ours is: the id's letters matter, for it is looked up by prefix. */
static bool is_event(struct store *s, const json_t *event)
{
	if (!json_is_object(event)) {
		snprintf(s->error, sizeof s->error, "a text is not an event: not a JSON object");
		return false;
	}
	const char *misfit = store_columns_misfit(event);
	const char *id = json_string_value(json_object_get(event, "event_id"));
	if (!misfit && strspn(id, "0123456789abcdef") != EVENT_ID_TEXT - 1)
		misfit = "event_id";
	if (!misfit && json_integer_value(json_object_get(event, "schema_version")) != EVENT_SCHEMA_VERSION)
		misfit = "schema_version";
	if (misfit)
		snprintf(s->error, sizeof s->error, "a text is not an event: %s does not hold what it should", misfit);
	return !misfit;
}

int store_put_text(struct store *s, const char *json, size_t n)
{
	if (n > LIMIT_EVENT_TEXT) {
		snprintf(s->error, sizeof s->error, "a text is not an event: %zu bytes are too many", n);
		return FAIL_INPUT;
	}
	json_t *event = json_loadb(json, n, JSON_REJECT_DUPLICATES, NULL);
	if (json_object_get(event, "row"))
		return store_rows_put_take(s, event);
	if (event && is_event(s, event))
		return put_take(s, event);
	if (!event)
		snprintf(s->error, sizeof s->error, "a text is not an event: not JSON");
	json_decref(event);
	return store_handle_memory_short(n) ? out_of_memory(s) : FAIL_INPUT;
}

int store_put_row(struct store *s, const json_t *row)
{
	json_t *copy = json_deep_copy(row);
	return copy ? store_rows_put_take(s, copy) : out_of_memory(s);
}

void store_on_committed(struct store *s, store_committed_fn *fn, void *context)
{
	s->on_committed = fn;
	s->on_committed_context = context;
}

int store_flush(struct store *s)
{
	int rc = write_batch(s);
	if (rc == 0 && s->refused) {
		s->refused = false;
		rc = FAIL_INPUT;
	}
	return rc;
}
