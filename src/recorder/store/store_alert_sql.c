#include "store_alert_sql.h"
#include "status.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const texts[ALERT_SQL_COUNT] = {
    [SQL_WINDOW_GET] = "SELECT since, until, count, said, confidence, stage, severity FROM alert_windows "
		       "WHERE client_ip = ? AND authority = ? AND verdict = ?",
    [SQL_WINDOW_PUT] =
	"UPDATE alert_windows SET since = ?4, until = ?5, count = ?6, said = ?7, confidence = ?8, stage = ?9, "
	"severity = ?10 WHERE client_ip = ?1 AND authority = ?2 AND verdict = ?3",
    [SQL_WINDOW_BEGIN] =
	"REPLACE INTO alert_windows (client_ip, authority, verdict, since, until, count, said, confidence, stage, "
	"severity) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_WINDOWS_FORGET] = "DELETE FROM alert_windows WHERE id <= ?",
    [SQL_SEEN_GET] = "SELECT confidence, stage, severity FROM alert_seen WHERE event_id = ? AND verdict = ?",
    [SQL_SEEN_PUT] = "INSERT INTO alert_seen (event_id, verdict, confidence, stage, severity) VALUES (?, ?, ?, ?, ?) "
		     "ON CONFLICT (event_id, verdict) DO UPDATE SET confidence = excluded.confidence, "
		     "stage = excluded.stage, severity = excluded.severity RETURNING id",
    [SQL_SEEN_FORGET] = "DELETE FROM alert_seen WHERE id <= ?",
    [SQL_EXIT_RAISED] =
	"UPDATE alert_exits SET raised = raised + 1, waiting = waiting + 1 WHERE id = ? RETURNING waiting",
    [SQL_ADD] = "INSERT INTO alert_outbox (exit, severity, why, count, raised_ns, event) VALUES (?, ?, ?, ?, ?, ?)",
    [SQL_OVERFLOW] = "DELETE FROM alert_outbox WHERE id IN "
		     "(SELECT id FROM alert_outbox WHERE exit = ? ORDER BY severity, id LIMIT ?)",
    [SQL_EXIT_LOST] = "UPDATE alert_exits SET waiting = waiting - ?2, lost = lost + ?2 WHERE id = ?1",
    [SQL_EXIT_NEW] = "INSERT OR IGNORE INTO alert_exits (name) VALUES (?)",
    [SQL_EXIT_ID] = "SELECT id FROM alert_exits WHERE name = ?",
    [SQL_EXITS] =
	"SELECT id, name, raised, waiting, sent, refused, lost FROM alert_exits WHERE id > ? ORDER BY id LIMIT 1",
    [SQL_EXIT_EMPTY] = "DELETE FROM alert_outbox WHERE exit = ?",
    [SQL_EXIT_DROP] = "DELETE FROM alert_exits WHERE id = ?",
    [SQL_NEXT] = "SELECT id, why, count, raised_ns, severity, event FROM alert_outbox WHERE exit = ? AND id > ? ORDER "
		 "BY id LIMIT 1",
    [SQL_FORGET] = "DELETE FROM alert_outbox WHERE exit = ? AND id <= ?",
    [SQL_EXIT_SENT] = "UPDATE alert_exits SET waiting = waiting - ?2, sent = sent + ?2 - min(?2, ?3), refused = "
		      "refused + min(?2, ?3) "
		      "WHERE id = ?1",
    [SQL_COUNTS] = "SELECT raised, waiting, sent, refused, lost FROM alert_exits WHERE id = ?",
};

static const char what[] = "alerts";

sqlite3_stmt *alert_sql_bind(struct store *s, enum alert_sql which, int *ret_failure, const char *types, ...)
{
	va_list args;
	int rc = SQLITE_OK;
	if (!s->alert_sql && !(s->alert_sql = calloc(ALERT_SQL_COUNT, sizeof *s->alert_sql))) {
		snprintf(s->error, sizeof s->error, "out of memory");
		*ret_failure = FAIL_MEMORY;
		return NULL;
	}
	sqlite3_stmt **stmt = &s->alert_sql[which];
	if (!*stmt)
		rc = sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	va_start(args, types);
	for (int i = 0; rc == SQLITE_OK && types[i]; i++)
		rc = types[i] == 't' ? sqlite3_bind_text(*stmt, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT)
				     : sqlite3_bind_int64(*stmt, i + 1, va_arg(args, int64_t));
	va_end(args);
	if (rc == SQLITE_OK)
		return *stmt;
	*ret_failure = store_handle_fail(s, what);
	return NULL;
}

void alert_sql_over(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

/* A row that breaks a rule of the table leaves the transaction as it is: only a database that somebody doctored has
 * one. */
int alert_sql_step(struct store *s, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt), primary = rc & 0xff, result = 0;
	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE) {
		result = store_handle_fail(s, what);
		if (primary == SQLITE_CONSTRAINT || primary == SQLITE_TOOBIG || primary == SQLITE_MISMATCH)
			result = FAIL_INPUT;
	}
	alert_sql_over(stmt);
	return result;
}

void alert_sql_done(struct store *s)
{
	for (int i = 0; s->alert_sql && i < ALERT_SQL_COUNT; i++)
		sqlite3_finalize(s->alert_sql[i]);
	free(s->alert_sql);
	s->alert_sql = NULL;
}
