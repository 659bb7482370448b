/* `shadowtap ack` and `unack` -> rows of acknowledgements and of their log, in one transaction. Takes no lock file:
 * SQLite's own locks order it among a sensor's batches. Reading is in store_ack_read.c. */
#include "store_ack.h"
#include "limits.h"
#include "status.h"
#include "store_handle.h"
#include "store_migrations.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char nothing_done[] = "nothing was changed";

static int out_of_memory(struct store *s)
{
	snprintf(s->error, sizeof s->error, "out of memory");
	return FAIL_MEMORY;
}

static int connect_write(struct store *s, const char *path, const char *plain, struct store_identity *ret)
{
	sqlite3_close(s->db);
	s->db = NULL;
	int rc = sqlite3_open_v2(plain, &s->db, SQLITE_OPEN_READWRITE, NULL);
	if (!s->db)
		return FAIL_MEMORY;
	if (rc != SQLITE_OK)
		return store_handle_fail(s, path);
	store_handle_harden(s);
	if (store_handle_identity(s, ret) != SQLITE_OK)
		return store_handle_fail(s, path);
	if (sqlite3_db_readonly(s->db, "main") == 1) { /* SQLite falls back to reading without a word */
		snprintf(s->error, sizeof s->error, "%s: no permission to write", path);
		return FAIL_DATABASE;
	}
	return 0;
}

/* By the way that every writer takes, which needs the writer's lock. */
static int migrate(struct store *s, const char *path)
{
	struct store *writer = NULL;
	char error[STORE_ERROR_TEXT];
	int rc = store_open(path, &writer, error);
	if (rc != 0)
		snprintf(s->error, sizeof s->error, "%s", error);
	else
		store_close(writer);
	return rc;
}

static int open_steps(struct store *s, const char *path, const char *plain)
{
	struct stat st;
	struct store_identity id = {0};
	if (path[0] == 0 || stat(plain, &st) != 0 || !S_ISREG(st.st_mode)) {
		snprintf(s->error, sizeof s->error, "%s: there is no such database", path);
		return FAIL_DATABASE;
	}
	int rc = connect_write(s, path, plain, &id);
	if (rc == 0 && id.application_id != STORE_APPLICATION_ID) {
		snprintf(s->error, sizeof s->error, "%s: this is not a database of shadowtap", path);
		return FAIL_DATABASE;
	}
	if (rc == 0 && id.user_version > store_migrations_n) {
		snprintf(s->error, sizeof s->error, "%s: made by a newer shadowtap (schema %d, this one knows %d)",
			 path, id.user_version, store_migrations_n);
		return FAIL_DATABASE;
	}
	if (rc == 0 && id.user_version < store_migrations_n) {
		sqlite3_close(s->db);
		s->db = NULL;
		rc = migrate(s, path);
		if (rc == 0)
			rc = connect_write(s, path, plain, &id);
	}
	return rc;
}

int store_ack_open(const char *path, struct store **ret, char error[STORE_ERROR_TEXT])
{
	char *plain = NULL;
	snprintf(error, STORE_ERROR_TEXT, "out of memory");
	struct store *s = store_handle_new();
	int rc = s && asprintf(&plain, "%s%s", path[0] == '/' ? "" : "./", path) >= 0 ? open_steps(s, path, plain)
										      : FAIL_MEMORY;
	free(plain);
	if (rc != 0) {
		if (s && s->error[0])
			snprintf(error, STORE_ERROR_TEXT, "%s", s->error);
		store_handle_free(s);
		return rc;
	}
	error[0] = 0;
	*ret = s;
	return 0;
}

/* ---- which event is meant ---- */

#define KNOWN_IDS                                                                                                      \
	"SELECT event_id FROM events WHERE event_id >= ?1 AND event_id < ?2 UNION "                                    \
	"SELECT event_id FROM acknowledgements WHERE event_id >= ?1 AND event_id < ?2 LIMIT 2"
#define ACKNOWLEDGED_IDS "SELECT event_id FROM acknowledgements WHERE event_id >= ?1 AND event_id < ?2 LIMIT 2"

/* How many begin so: 0, 1 (*ret), 2 for several; or a failure. A range over the keys: hexadecimal digits sort below
 * 'g'. */
static int look_up(struct store *s, const char *sql, const char *from, char ret[EVENT_ID_TEXT])
{
	char to[EVENT_ID_TEXT + 1];
	sqlite3_stmt *stmt = NULL;
	int n = 0, rc;
	snprintf(to, sizeof to, "%sg", from);
	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(stmt, 1, from, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(stmt, 2, to, -1, SQLITE_STATIC) != SQLITE_OK) {
		sqlite3_finalize(stmt);
		return store_handle_fail(s, nothing_done);
	}
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(stmt, 0);
		snprintf(ret, EVENT_ID_TEXT, "%s", id ? id : "");
		n++;
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? n : store_handle_fail(s, nothing_done);
}

static int refuse(struct store *s, const char *id, const char *why)
{
	char shown[160];
	text_escape_terminal(shown, sizeof shown, slice_first(slice_str(id), 40));
	snprintf(s->error, sizeof s->error, "%s: %s", shown, why);
	return FAIL_CONFIG;
}

static int resolve(struct store *s, const struct store_ack *a, const char *id, bool drop, char ret[EVENT_ID_TEXT])
{
	size_t n = strlen(id);
	char from[EVENT_ID_TEXT];
	if (n < LIMIT_ACK_PREFIX || n >= sizeof from || strspn(id, "0123456789abcdefABCDEF") != n)
		return refuse(s, id, "not an event id, nor the first 4 or more of its 32 hexadecimal digits");
	for (size_t i = 0; i <= n; i++)
		from[i] = (char)ascii_lower((uint8_t)id[i]);
	int found = look_up(s, drop ? ACKNOWLEDGED_IDS : KNOWN_IDS, from, ret);
	if (found == 1 || found < 0)
		return found < 0 ? found : 0;
	if (found > 1)
		return refuse(s, id, "more than one event id begins so");
	if (drop)
		return refuse(s, id, "no event of that id is acknowledged");
	if (!a->force)
		return refuse(s, id, "there is no such event (--force acknowledges it all the same)");
	if (n != EVENT_ID_TEXT - 1)
		return refuse(s, id, "there is no such event, and --force needs all 32 digits of an id");
	memcpy(ret, from, sizeof from);
	return 0;
}

/* ---- one transaction ---- */

/* The level that is acknowledged is the row's own at this moment; where there is no row, none. */
static const char put_sql[] =
    "INSERT INTO acknowledgements (event_id, until, \"by\", why, at, verdict, confidence, stage, severity, findings) "
    "SELECT ?1, ?2, ?4, ?5, ?6, e.verdict, e.confidence, e.stage, e.severity, e.findings "
    "FROM (SELECT 1) LEFT JOIN events AS e ON e.event_id = ?1 WHERE true "
    "ON CONFLICT (event_id) DO UPDATE SET until = excluded.until, \"by\" = excluded.\"by\", why = excluded.why, "
    "at = excluded.at, verdict = excluded.verdict, confidence = excluded.confidence, stage = excluded.stage, "
    "severity = excluded.severity, findings = excluded.findings";
static const char log_sql[] =
    "INSERT INTO acknowledgement_log (at, action, event_id, until, former_until, \"by\", why, verdict, confidence, "
    "stage, severity, findings) SELECT ?6, iif(?2 IS NULL, 'unack', iif(?3 IS NULL, 'ack', 'change')), a.event_id, "
    "?2, ?3, ?4, ?5, a.verdict, a.confidence, a.stage, a.severity, a.findings "
    "FROM acknowledgements AS a WHERE a.event_id = ?1 "
    "RETURNING event_id, action, until, former_until";
static const char drop_sql[] = "DELETE FROM acknowledgements WHERE event_id = ?1";
static const char former_sql[] = "SELECT until FROM acknowledgements WHERE event_id = ?1";

/* What a statement may be bound to, ?1 to ?6; the text of an event's id, times, the operator's words. */
struct binds {
	const char *values[6];
};

/* Runs one statement; its row, if it gives one and anybody wants it, becomes an object of the names. */
static int run(struct store *s, const char *sql, const struct binds *b, const char *const *names, json_t **ret_row)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL), n = sqlite3_bind_parameter_count(stmt), result = 0;
	for (int i = 0; rc == SQLITE_OK && i < n; i++)
		rc = sqlite3_bind_text(stmt, i + 1, b->values[i], -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW && ret_row) {
		json_t *row = json_object();
		for (int i = 0; names[i]; i++)
			if (json_object_set_new(row, names[i], store_column_value(stmt, i, COLUMN_TEXT)) != 0)
				result = out_of_memory(s);
		*ret_row = row;
	}
	while (rc == SQLITE_ROW)
		rc = sqlite3_step(stmt);
	if (result == 0 && rc != SQLITE_DONE)
		result = store_handle_fail(s, nothing_done);
	sqlite3_finalize(stmt);
	return result;
}

/* *ret_row: what the log says of it. */
static int change_one(struct store *s, const struct store_ack *a, const char *id, bool drop, json_t **ret_row)
{
	static const char *const former_names[] = {"until", NULL};
	static const char *const log_names[] = {"event_id", "action", "until", "former_until", NULL};
	char until[EVENT_TIME_TEXT], at[EVENT_TIME_TEXT];
	json_t *former = NULL;
	event_time_format(a->until_ns, until);
	event_time_format(a->at_ns, at);
	struct binds b = {{id, drop ? NULL : until, NULL, a->by, a->why, at}};
	int rc = run(s, former_sql, &b, former_names, &former);
	b.values[2] = json_string_value(json_object_get(former, "until"));
	if (rc == 0 && !drop)
		rc = run(s, put_sql, &b, NULL, NULL);
	if (rc == 0)
		rc = run(s, log_sql, &b, log_names, ret_row);
	if (rc == 0 && drop)
		rc = run(s, drop_sql, &b, NULL, NULL);
	json_decref(former);
	return rc;
}

/* rows: by id, in the order in which the ids were given first; one that was given twice is one. */
static int change_all(struct store *s, const struct store_ack *a, bool drop, json_t *rows)
{
	char id[EVENT_ID_TEXT];
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < a->n; i++) {
		rc = resolve(s, a, a->ids[i], drop, id);
		if (rc == 0 && json_object_set_new(rows, id, json_null()) != 0)
			rc = out_of_memory(s);
	}
	for (void *at = json_object_iter(rows); rc == 0 && at; at = json_object_iter_next(rows, at)) {
		json_t *row = NULL;
		rc = change_one(s, a, json_object_iter_key(at), drop, &row);
		if (rc != 0)
			json_decref(row);
		else if (json_object_iter_set_new(rows, at, row) != 0)
			rc = out_of_memory(s);
	}
	return rc;
}

static int change(struct store *s, const struct store_ack *a, bool drop, store_row_fn *fn, void *context)
{
	json_t *rows = json_object(), *row;
	const char *id;
	int rc = rows ? store_handle_exec(s, "BEGIN IMMEDIATE", nothing_done) : out_of_memory(s);
	if (rc == 0)
		rc = change_all(s, a, drop, rows);
	if (rc == 0)
		rc = store_handle_exec(s, "COMMIT", nothing_done);
	if (rc != 0 && s->db && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	if (rc == 0)
		json_object_foreach(rows, id, row) {
			if (fn(context, row) != 0)
				break;
		}
	json_decref(rows);
	return rc;
}

int store_ack_put(struct store *s, const struct store_ack *a, store_row_fn *fn, void *context)
{
	return change(s, a, false, fn, context);
}

int store_ack_drop(struct store *s, const struct store_ack *a, store_row_fn *fn, void *context)
{
	return change(s, a, true, fn, context);
}
