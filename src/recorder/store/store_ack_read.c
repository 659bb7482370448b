/* Acknowledgements as they are asked for: is this event covered, which are there, who gave them. Called by the writer
 * for each row that somebody is told of, by replay, by queries and by `shadowtap ack --list`. Changes nothing. */
#include "status.h"
#include "store_ack.h"
#include "store_ack_sql.h"
#include "store_handle.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct store *s)
{
	snprintf(s->error, sizeof s->error, "out of memory");
	return FAIL_MEMORY;
}

/* ---- one event ---- */

/* The event need not be in the table yet: its values are laid over the table's name. */
static const char lookup_sql[] =
    "WITH events (event_id, last_seen, verdict, confidence, stage, severity, findings) AS (VALUES (?1, ?2, ?3, ?4, ?5, "
    "?6, ?7)) "
    "SELECT a.until, a.\"by\", a.why, a.at FROM acknowledgements AS a, events WHERE " ACK_HOLDS " AND a.until > ?8";

static const char *const looked_at[] = {"event_id", "last_seen", "verdict", "confidence", "stage", "severity", NULL};

static int bind_event(sqlite3_stmt *lookup, const json_t *event, const char *findings, const char *now)
{
	int rc = SQLITE_OK, i = 0;
	for (; rc == SQLITE_OK && looked_at[i]; i++)
		rc = sqlite3_bind_text(lookup, i + 1, json_string_value(json_object_get(event, looked_at[i])), -1,
				       SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(lookup, i + 1, findings, -1, SQLITE_STATIC);
	return rc == SQLITE_OK ? sqlite3_bind_text(lookup, i + 2, now, -1, SQLITE_STATIC) : rc;
}

/* New reference; JSON null where there is none; NULL when out of memory. */
static json_t *said_of(sqlite3_stmt *lookup, int rc)
{
	static const char *const names[] = {"until", "by", "why", "at", NULL};
	if (rc != SQLITE_ROW)
		return json_null();
	json_t *said = json_object();
	for (int i = 0; names[i] && said; i++)
		if (json_object_set_new(said, names[i], store_column_value(lookup, i, COLUMN_TEXT)) != 0) {
			json_decref(said);
			return NULL;
		}
	return said;
}

int store_ack_annotate(struct store *s, json_t *event, int64_t now_ns)
{
	char now[EVENT_TIME_TEXT] = ""; /* sorts before every time */
	if (now_ns)
		event_time_format(now_ns, now);
	if (!s->ack_lookup &&
	    sqlite3_prepare_v3(s->db, lookup_sql, -1, SQLITE_PREPARE_PERSISTENT, &s->ack_lookup, NULL) != SQLITE_OK)
		return store_handle_fail(s, "acknowledgements");
	const json_t *findings = json_object_get(event, "findings");
	char *text = json_is_array(findings) ? json_dumps(findings, JSON_COMPACT) : strdup("[]");
	if (!text)
		return out_of_memory(s);
	int rc = bind_event(s->ack_lookup, event, text, now), result = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->ack_lookup);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		result = store_handle_fail(s, "acknowledgements");
	else if (json_object_set_new(event, "acknowledged", said_of(s->ack_lookup, rc)) != 0)
		result = out_of_memory(s);
	else
		result = rc == SQLITE_ROW;
	sqlite3_reset(s->ack_lookup);
	sqlite3_clear_bindings(s->ack_lookup);
	free(text);
	return result;
}

/* ---- lists ---- */

/* A column of a list: the type of its JSON, and the SQL that it is. */
struct listed {
	const char *name;
	enum column_type type;
};

static json_t *row_of(sqlite3_stmt *stmt, const struct listed *columns)
{
	json_t *row = json_object();
	for (int i = 0; row && columns[i].name; i++)
		if (json_object_set_new(row, columns[i].name, store_column_value(stmt, i, columns[i].type)) != 0) {
			json_decref(row);
			return NULL;
		}
	return row;
}

/* No lock is held while the caller looks at the rows: there are as many as people have acknowledged. */
static int list(struct store *s, const char *sql, const char *now, const struct listed *columns, store_row_fn *fn,
		void *context)
{
	sqlite3_stmt *stmt = NULL;
	json_t *rows = json_array();
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL), result = rows ? 0 : out_of_memory(s);
	if (rc == SQLITE_OK && now)
		rc = sqlite3_bind_text(stmt, 1, now, -1, SQLITE_STATIC);
	while (result == 0 && rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (json_array_append_new(rows, row_of(stmt, columns)) != 0)
			result = out_of_memory(s);
	}
	if (result == 0 && rc != SQLITE_DONE)
		result = store_handle_fail(s, "acknowledgements");
	sqlite3_finalize(stmt);
	for (size_t i = 0; result == 0 && i < json_array_size(rows); i++)
		if (fn(context, json_array_get(rows, i)) != 0)
			break;
	json_decref(rows);
	return result;
}

int store_acks(struct store *s, int64_t now_ns, store_row_fn *fn, void *context)
{
	static const struct listed columns[] = {
	    {"event_id", COLUMN_TEXT}, {"state", COLUMN_TEXT},      {"until", COLUMN_TEXT},
	    {"by", COLUMN_TEXT},       {"why", COLUMN_TEXT},        {"at", COLUMN_TEXT},
	    {"verdict", COLUMN_TEXT},  {"confidence", COLUMN_TEXT}, {"stage", COLUMN_TEXT},
	    {"severity", COLUMN_TEXT}, {"findings", COLUMN_ARRAY},  {"client_ip", COLUMN_TEXT},
	    {"server", COLUMN_TEXT},   {"first_seen", COLUMN_TEXT}, {"last_seen", COLUMN_TEXT},
	    {NULL, COLUMN_TEXT}};
	char now[EVENT_TIME_TEXT];
	event_time_format(now_ns, now);
	return list(
	    s,
	    "SELECT a.event_id, CASE WHEN a.until <= ?1 OR a.until <= events.last_seen THEN 'expired' "
	    "WHEN events.event_id IS NULL THEN 'unseen' WHEN " ACK_COVERS " THEN 'holds' ELSE 'risen' END, "
	    "a.until, a.\"by\", a.why, a.at, a.verdict, a.confidence, a.stage, a.severity, a.findings, "
	    "events.client_ip, "
	    "coalesce(events.host, events.sni, iif(instr(events.server_ip, ':'), '[' || events.server_ip || ']', "
	    "events.server_ip) "
	    "|| ':' || events.server_port), events.first_seen, events.last_seen "
	    "FROM acknowledgements AS a LEFT JOIN events ON events.event_id = a.event_id ORDER BY a.until, a.event_id",
	    now, columns, fn, context);
}

int store_ack_log(struct store *s, store_row_fn *fn, void *context)
{
	static const struct listed columns[] = {
	    {"id", COLUMN_INTEGER},      {"at", COLUMN_TEXT},    {"action", COLUMN_TEXT},
	    {"event_id", COLUMN_TEXT},   {"until", COLUMN_TEXT}, {"former_until", COLUMN_TEXT},
	    {"by", COLUMN_TEXT},         {"why", COLUMN_TEXT},   {"verdict", COLUMN_TEXT},
	    {"confidence", COLUMN_TEXT}, {"stage", COLUMN_TEXT}, {"severity", COLUMN_TEXT},
	    {"findings", COLUMN_ARRAY},  {NULL, COLUMN_TEXT}};
	return list(s,
		    "SELECT id, at, action, event_id, until, former_until, \"by\", why, verdict, confidence, stage, "
		    "severity, findings "
		    "FROM acknowledgement_log ORDER BY id",
		    NULL, columns, fn, context);
}
