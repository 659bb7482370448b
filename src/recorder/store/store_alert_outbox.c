/* The outbox as those see it who deliver it or look at it: short reads, and short transactions that forget what has
 * gone. */
#include "status.h"
#include "store_alert.h"
#include "store_alert_sql.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Milliseconds to wait for the writer. Its transactions are short; whoever ends a program does not wait long. */
#define PATIENCE_MS 1000

int store_outbox_open(const struct store *writer, struct store **ret, char error[STORE_ERROR_TEXT])
{
	struct store *s = store_handle_new();
	snprintf(error, STORE_ERROR_TEXT, "out of memory");
	if (!s)
		return FAIL_MEMORY;
	int rc = sqlite3_open_v2(sqlite3_db_filename(writer->db, "main"), &s->db, SQLITE_OPEN_READWRITE, NULL);
	int result = !s->db ? FAIL_MEMORY : rc != SQLITE_OK ? store_handle_fail(s, "outbox of alerts") : 0;
	if (result == 0) {
		store_handle_harden(s);
		sqlite3_busy_timeout(s->db, PATIENCE_MS);
		result = store_handle_exec(s, "PRAGMA synchronous = NORMAL", "outbox of alerts");
	}
	if (result != 0) {
		if (s->error[0])
			snprintf(error, STORE_ERROR_TEXT, "%s", s->error);
		store_handle_free(s);
		return result;
	}
	error[0] = 0;
	*ret = s;
	return 0;
}

static uint64_t count_of(sqlite3_stmt *row, int i)
{
	int64_t n = sqlite3_column_int64(row, i);
	return n > 0 ? (uint64_t)n : 0;
}

int store_outbox_next(struct store *s, int64_t exit, uint64_t after, struct store_alert *ret)
{
	int rc = 0;
	sqlite3_stmt *row = alert_sql_bind(s, SQL_NEXT, &rc, "ii", exit, (int64_t)after);
	rc = row ? alert_sql_step(s, row) : rc;
	if (rc != 1)
		return rc;
	const char *text = (const char *)sqlite3_column_text(row, 5);
	int severity = sqlite3_column_int(row, 4);
	struct store_alert a = {.id = count_of(row, 0),
				.why = sqlite3_column_int(row, 1),
				.count = count_of(row, 2),
				.raised_ns = sqlite3_column_int64(row, 3),
				.severity =
				    severity > 0 && severity < SEVERITY_COUNT ? (enum severity)severity : SEVERITY_INFO,
				.event = text ? strdup(text) : NULL};
	alert_sql_over(row);
	if (!a.event) {
		snprintf(s->error, sizeof s->error, "out of memory");
		return FAIL_MEMORY;
	}
	*ret = a;
	return 1;
}

/* One statement of several in a transaction. */
static int step(struct store *s, sqlite3_stmt *stmt, int failure)
{
	return stmt ? alert_sql_step(s, stmt) : failure;
}

static int finish(struct store *s, int rc)
{
	if (rc == 0)
		rc = store_handle_exec(s, "COMMIT", "outbox of alerts");
	if (rc != 0 && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int store_outbox_forget(struct store *s, int64_t exit, uint64_t through, uint64_t refused)
{
	int rc = store_handle_exec(s, "BEGIN IMMEDIATE", "outbox of alerts");
	if (rc != 0)
		return rc;
	sqlite3_stmt *forget = alert_sql_bind(s, SQL_FORGET, &rc, "ii", exit, (int64_t)through);
	rc = step(s, forget, rc);
	if (rc == 0) {
		int64_t gone = sqlite3_changes(s->db);
		sqlite3_stmt *sent = alert_sql_bind(s, SQL_EXIT_SENT, &rc, "iii", exit, gone, (int64_t)refused);
		rc = step(s, sent, rc);
	}
	return finish(s, rc);
}

int store_outbox_counts(struct store *s, int64_t exit, struct store_alert_counts *ret)
{
	int rc = 0;
	sqlite3_stmt *row = alert_sql_bind(s, SQL_COUNTS, &rc, "i", exit);
	rc = row ? alert_sql_step(s, row) : rc;
	if (rc != 1)
		return rc == 0 ? FAIL_DATABASE : rc;
	*ret = (struct store_alert_counts){count_of(row, 0), count_of(row, 1), count_of(row, 2), count_of(row, 3),
					   count_of(row, 4)};
	alert_sql_over(row);
	return 0;
}

/* Row by row: no lock is held while the caller looks at one. */
int store_alert_exits(struct store *s, store_alert_exit_fn *fn, void *context)
{
	for (int64_t id = 0;;) {
		int rc = 0;
		sqlite3_stmt *row = alert_sql_bind(s, SQL_EXITS, &rc, "i", id);
		rc = row ? alert_sql_step(s, row) : rc;
		if (rc != 1)
			return rc;
		const char *text = (const char *)sqlite3_column_text(row, 1);
		char *name = text ? strdup(text) : NULL;
		struct store_alert_counts counts = {count_of(row, 2), count_of(row, 3), count_of(row, 4),
						    count_of(row, 5), count_of(row, 6)};
		id = sqlite3_column_int64(row, 0);
		alert_sql_over(row);
		if (!name) {
			snprintf(s->error, sizeof s->error, "out of memory");
			return FAIL_MEMORY;
		}
		int stop = fn(context, id, name, &counts);
		free(name);
		if (stop)
			return 0;
	}
}

int store_alert_exit_drop(struct store *s, int64_t exit)
{
	int rc = store_handle_exec(s, "BEGIN IMMEDIATE", "outbox of alerts");
	if (rc != 0)
		return rc;
	sqlite3_stmt *empty = alert_sql_bind(s, SQL_EXIT_EMPTY, &rc, "i", exit);
	rc = step(s, empty, rc);
	if (rc == 0) {
		sqlite3_stmt *drop = alert_sql_bind(s, SQL_EXIT_DROP, &rc, "i", exit);
		rc = step(s, drop, rc);
	}
	return finish(s, rc);
}
