#include "store_handle.h"
#include "store_alert_sql.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>

struct store *store_handle_new(void)
{
	struct store *s = calloc(1, sizeof *s);
	if (s) {
		s->lock.fd = -1;
		s->health_room = -1;
	}
	return s;
}

void store_handle_free(struct store *s)
{
	if (!s)
		return;
	store_batch_clear(&s->batch);
	store_rows_done(&s->rows);
	sqlite3_finalize(s->upsert);
	alert_sql_done(s);
	sqlite3_finalize(s->ack_lookup);
	sqlite3_close(s->db);
	store_lock_release(&s->lock);
	free(s);
}

int store_handle_fail(struct store *s, const char *what)
{
	int rc = sqlite3_errcode(s->db) & 0xff;
	snprintf(s->error, sizeof s->error, "%s: %s", what,
	         rc == SQLITE_NOTADB ? "this is not an SQLite database" : sqlite3_errmsg(s->db));
	return rc == SQLITE_NOMEM ? FAIL_MEMORY : FAIL_DATABASE;
}

int store_handle_exec(struct store *s, const char *sql, const char *what)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_handle_fail(s, what);
}

int store_handle_int(struct store *s, const char *sql, int *ret)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		*ret = sqlite3_column_int(stmt, 0);
		rc = SQLITE_OK;
	}
	int last = sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? last : rc;
}

int store_handle_identity(struct store *s, struct store_identity *ret)
{
	int things = 0, rc;
	struct store_identity id = {0};
	if ((rc = store_handle_int(s, "SELECT count(*) FROM sqlite_schema", &things)) != SQLITE_OK ||
	    (rc = store_handle_int(s, "PRAGMA application_id", &id.application_id)) != SQLITE_OK ||
	    (rc = store_handle_int(s, "PRAGMA user_version", &id.user_version)) != SQLITE_OK)
		return rc;
	id.empty = things == 0 && id.application_id == 0 && id.user_version == 0;
	*ret = id;
	return SQLITE_OK;
}

bool store_handle_memory_short(size_t n)
{
	void *volatile probe = malloc(n + 1); /* volatile, or the compiler knows that nobody wants it */
	bool none = !probe;
	free(probe);
	return none;
}

void store_handle_harden(struct store *s)
{
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
}
