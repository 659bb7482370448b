/* Opening, migrating and closing; writing is in store_write.c, reading in store_query.c. */
#include "store_alert_sql.h"
#include "store_columns.h"
#include "store_handle.h"
#include "store_migrations.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The WAL is cut back to this after a checkpoint; a reader in the way may have let it grow. */
#define WAL_KEPT_BYTES (16 << 20)

/* Pages of the indexes that stay in memory: ids are hashes, so a batch touches pages all over. SQLite's own 2 MiB is read anew with each. */
#define CACHE_KIB (32 << 10)

/* How long closing waits for readers before it leaves the database in WAL mode, which is as safe, only less handy. */
#define CLOSE_BUSY_MS 1000

/* SQLite reads meaning into ":memory:", "" and "file:..."; a path with a directory before it is always a path. */
static char *plain_path(const char *path)
{
	char *plain;
	return asprintf(&plain, "%s%s", path[0] == '/' ? "" : "./", path) < 0 ? NULL : plain;
}

static int open_file(struct store *s, const char *path, const char *plain)
{
	struct stat st;
	if (path[0] == 0 || (stat(plain, &st) == 0 && !S_ISREG(st.st_mode))) {
		snprintf(s->error, sizeof s->error, "'%s' is not a file", path);
		return FAIL_DATABASE;
	}
	int rc = sqlite3_open_v2(plain, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (!s->db)
		return FAIL_MEMORY;
	if (rc != SQLITE_OK)
		return store_handle_fail(s, path);
	if (sqlite3_db_readonly(s->db, "main") == 1) { /* SQLite falls back to reading without a word */
		snprintf(s->error, sizeof s->error, "%s: no permission to write", path);
		return FAIL_DATABASE;
	}
	store_handle_harden(s);
	return 0;
}

/* Nothing is written before this has passed: a file that is not ours stays as it is. */
static int check_identity(struct store *s, const char *path, struct store_identity *ret)
{
	if (store_handle_identity(s, ret) != SQLITE_OK)
		return store_handle_fail(s, path);
	if (ret->empty)
		return 0;
	if (ret->application_id != STORE_APPLICATION_ID) {
		snprintf(s->error, sizeof s->error, "%s: this is a database of another program", path);
		return FAIL_DATABASE;
	}
	if (ret->user_version > store_migrations_n) {
		snprintf(s->error, sizeof s->error, "%s: made by a newer shadowtap (schema %d, this one knows %d)", path,
		         ret->user_version, store_migrations_n);
		return FAIL_DATABASE;
	}
	return 0;
}

/* auto_vacuum only takes before the first table exists; it lets retention give space back without a full VACUUM.
 * In WAL mode synchronous=NORMAL survives the death of the process; a power cut may cost the last commits, no more. */
static int configure(struct store *s, const char *path, const struct store_identity *id)
{
	if (id->empty && store_handle_exec(s, "PRAGMA auto_vacuum = INCREMENTAL", path) != 0)
		return FAIL_DATABASE;
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW) {
		int rc = store_handle_fail(s, path);
		sqlite3_finalize(stmt);
		return rc;
	}
	const char *mode = (const char *)sqlite3_column_text(stmt, 0);
	bool wal = mode && strcmp(mode, "wal") == 0;
	sqlite3_finalize(stmt);
	if (!wal) {
		snprintf(s->error, sizeof s->error, "%s: write-ahead logging does not work on this file system", path);
		return FAIL_DATABASE;
	}
	char pragmas[256];
	snprintf(pragmas, sizeof pragmas,
	         "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = %d; PRAGMA wal_autocheckpoint = %d; PRAGMA cache_size = -%d",
	         WAL_KEPT_BYTES, WAL_KEPT_BYTES / 4096, CACHE_KIB);
	return store_handle_exec(s, pragmas, path);
}

/* All of them are one transaction: a reader finds the database as it was or as it is to be, never between. */
static int migrate(struct store *s, int from)
{
	if (from == store_migrations_n)
		return 0;
	int rc = store_handle_exec(s, "BEGIN IMMEDIATE", store_migrations[from].name);
	for (int i = from; rc == 0 && i < store_migrations_n; i++)
		rc = store_handle_exec(s, store_migrations[i].sql, store_migrations[i].name);
	char mark[128];
	snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", STORE_APPLICATION_ID,
	         store_migrations_n);
	return rc == 0 ? store_handle_exec(s, mark, "migration") : rc; /* closing rolls back */
}

static int open_steps(struct store *s, const char *path, const char *plain)
{
	struct store_identity id;
	int rc = open_file(s, path, plain);
	if (rc == 0)
		rc = store_lock_take(sqlite3_db_filename(s->db, "main"), &s->lock, s->error);
	if (rc == 0)
		rc = check_identity(s, path, &id);
	if (rc == 0)
		rc = configure(s, path, &id);
	if (rc == 0)
		rc = migrate(s, id.user_version);
	if (rc != 0)
		return rc;
	char sql[STORE_COLUMN_SQL];
	store_columns_upsert_sql(sql);
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->upsert, NULL) != SQLITE_OK)
		return store_handle_fail(s, path);
	return 0;
}

int store_open(const char *path, struct store **ret, char error[STORE_ERROR_TEXT])
{
	snprintf(error, STORE_ERROR_TEXT, "out of memory");
	struct store *s = store_handle_new();
	char *plain = plain_path(path);
	int rc = s && plain ? open_steps(s, path, plain) : FAIL_MEMORY;
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

const char *store_error(const struct store *s)
{
	return s->error;
}

/* Without a -wal and -shm file beside it the database can be read by users who may not create them. Where a reader is
 * in the way it stays in WAL mode; the next writer that leaves gets another chance. */
int store_close(struct store *s)
{
	if (!s)
		return 0;
	int rc = store_flush(s);
	sqlite3_finalize(s->upsert);
	s->upsert = NULL;
	store_rows_done(&s->rows);
	alert_sql_done(s);
	sqlite3_finalize(s->ack_lookup);
	s->ack_lookup = NULL;
	sqlite3_busy_timeout(s->db, CLOSE_BUSY_MS);
	sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_exec(s->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	store_handle_free(s);
	return rc;
}
