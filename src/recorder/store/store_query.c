/* The reading side of the store. No lock is held while the caller looks at a row: somebody who pages through a long
 * answer must neither stop the sensor from writing nor keep its WAL from being cut. */
#include "status.h"
#include "store_ack.h"
#include "store_columns.h"
#include "store_filter.h"
#include "store_handle.h"
#include "store_migrations.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* "file:...?immutable=1": every byte that means something in a URI is written as %NN (www.sqlite.org/uri.html). */
static char *immutable_uri(const char *plain)
{
	size_t n = 0, cap = strlen(plain) * 3 + sizeof "file:?mode=ro&immutable=1";
	char *uri = malloc(cap);
	if (!uri)
		return NULL;
	text_append(uri, cap, &n, "file:");
	for (const unsigned char *p = (const unsigned char *)plain; *p; p++) {
		bool literal = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		               strchr("/._-", *p);
		text_append(uri, cap, &n, literal ? "%c" : "%%%02x", *p);
	}
	text_append(uri, cap, &n, "?mode=ro&immutable=1");
	return uri;
}

static int connect_read(struct store *s, const char *name, int flags)
{
	sqlite3_close(s->db);
	s->db = NULL;
	int rc = sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READONLY | flags, NULL);
	if (s->db) {
		store_handle_harden(s);
		if (rc == SQLITE_OK)
			rc = store_filter_functions(s->db);
	}
	return rc;
}

/* A WAL database whose writer is gone can only be opened by who may write its -shm file. Where SQLite cannot, the main
 * file is read as it lies. That is the whole truth unless a WAL with rows was left behind: then the caller is told. */
static int open_immutable(struct store *s, const char *path, const char *plain, struct store_identity *id, char *note)
{
	char *wal, *uri = immutable_uri(plain);
	struct stat st;
	if (!uri || asprintf(&wal, "%s-wal", plain) < 0) {
		free(uri);
		return FAIL_MEMORY;
	}
	if (stat(wal, &st) == 0 && st.st_size > 0)
		snprintf(note, STORE_ERROR_TEXT, "%s: the latest events are in %s-wal, which cannot be read here; "
		         "open the database once as a user who may write it", path, path);
	int rc = connect_read(s, uri, SQLITE_OPEN_URI);
	if (rc == SQLITE_OK)
		rc = store_handle_identity(s, id);
	free(wal);
	free(uri);
	return rc == SQLITE_OK ? 0 : s->db ? store_handle_fail(s, path) : FAIL_MEMORY;
}

static int check_readable(struct store *s, const char *path, const struct store_identity *id)
{
	if (id->application_id != STORE_APPLICATION_ID)
		snprintf(s->error, sizeof s->error, "%s: this is not a database of shadowtap", path);
	else if (id->user_version > store_migrations_n)
		snprintf(s->error, sizeof s->error, "%s: made by a newer shadowtap (schema %d, this one knows %d)", path,
		         id->user_version, store_migrations_n);
	else if (id->user_version < store_migrations_n)
		snprintf(s->error, sizeof s->error,
		         "%s: made by an older shadowtap (schema %d, this one needs %d); the next live or replay that writes to it migrates it",
		         path, id->user_version, store_migrations_n);
	else
		return 0;
	return FAIL_DATABASE;
}

static int open_read_steps(struct store *s, const char *path, const char *plain, char *note)
{
	struct stat st;
	if (path[0] == 0 || stat(plain, &st) != 0) {
		snprintf(s->error, sizeof s->error, "%s: there is no such database", path);
		return FAIL_DATABASE;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(s->error, sizeof s->error, "%s: not a file", path);
		return FAIL_DATABASE;
	}
	struct store_identity id = {0};
	int rc = connect_read(s, plain, 0), result = 0;
	if (rc == SQLITE_OK)
		rc = store_handle_identity(s, &id);
	if (rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY_DIRECTORY || rc == SQLITE_READONLY_CANTINIT ||
	    rc == SQLITE_READONLY_RECOVERY)
		result = open_immutable(s, path, plain, &id, note);
	else if (rc != SQLITE_OK)
		result = s->db ? store_handle_fail(s, path) : FAIL_MEMORY;
	return result ? result : check_readable(s, path, &id);
}

int store_open_read(const char *path, struct store **ret, char error[STORE_ERROR_TEXT])
{
	char *plain, note[STORE_ERROR_TEXT] = "";
	snprintf(error, STORE_ERROR_TEXT, "out of memory");
	if (asprintf(&plain, "%s%s", path[0] == '/' ? "" : "./", path) < 0)
		return FAIL_MEMORY;
	struct store *s = store_handle_new();
	int rc = s ? open_read_steps(s, path, plain, note) : FAIL_MEMORY;
	free(plain);
	if (rc != 0) {
		if (s && s->error[0])
			snprintf(error, STORE_ERROR_TEXT, "%s", s->error);
		store_handle_free(s);
		return rc;
	}
	snprintf(error, STORE_ERROR_TEXT, "%s", note);
	*ret = s;
	return 0;
}

void store_close_read(struct store *s)
{
	store_handle_free(s);
}

static int out_of_memory(struct store *s)
{
	snprintf(s->error, sizeof s->error, "out of memory");
	return FAIL_MEMORY;
}

static sqlite3_stmt *prepare_filtered(struct store *s, const char *sql, const struct store_filter *f, int64_t limit)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK && store_filter_bind(f, stmt) == SQLITE_OK &&
	    sqlite3_bind_int64(stmt, f->n_binds + 1, limit > 0 ? limit : -1) == SQLITE_OK)
		return stmt;
	store_handle_fail(s, "query");
	sqlite3_finalize(stmt);
	return NULL;
}

/* ---- events: first the ids of one moment, then the rows one by one ---- */

struct id_list {
	char (*ids)[EVENT_ID_TEXT];
	size_t n, cap;
};

static bool id_list_add(struct id_list *l, const char *id)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		void *grown = reallocarray(l->ids, cap, sizeof *l->ids);
		if (!grown)
			return false;
		l->ids = grown;
		l->cap = cap;
	}
	snprintf(l->ids[l->n++], EVENT_ID_TEXT, "%s", id);
	return true;
}

/* Newest first, so that a limit keeps the latest. */
static int collect_ids(struct store *s, const struct store_query *q, struct id_list *ids)
{
	struct store_filter f;
	if (store_filter_init(q, &f, s->error) != 0)
		return FAIL_CONFIG;
	char sql[sizeof f.sql + 256];
	snprintf(sql, sizeof sql,
	         "SELECT events.event_id FROM events%s ORDER BY events.first_seen DESC, events.event_id DESC LIMIT ?", f.sql);
	sqlite3_stmt *stmt = prepare_filtered(s, sql, &f, q->limit);
	if (!stmt)
		return FAIL_DATABASE;
	int rc, result = 0;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && result == 0) {
		const char *id = (const char *)sqlite3_column_text(stmt, 0);
		if (!id || !id_list_add(ids, id))
			result = out_of_memory(s);
	}
	if (result == 0 && rc != SQLITE_DONE)
		result = store_handle_fail(s, "query");
	sqlite3_finalize(stmt);
	return result;
}

/* A row that went away meanwhile (retention) is no error: *ret stays NULL. */
static int fetch(struct store *s, sqlite3_stmt *by_id, const char *id, json_t **ret)
{
	int result = 0, rc = sqlite3_bind_text(by_id, 1, id, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(by_id);
	if (rc == SQLITE_ROW) {
		const char *bad = NULL;
		*ret = store_columns_row(by_id, &bad);
		if (!*ret && bad) {
			snprintf(s->error, sizeof s->error, "event %s: %s does not hold what it should", id, bad);
			result = FAIL_DATABASE;
		} else if (!*ret) {
			result = out_of_memory(s);
		}
	} else if (rc != SQLITE_DONE) {
		result = store_handle_fail(s, "query");
	}
	sqlite3_reset(by_id);
	return result;
}

int store_select(struct store *s, const struct store_query *q, store_row_fn *fn, void *context)
{
	struct id_list ids = {NULL, 0, 0};
	sqlite3_stmt *by_id = NULL;
	char sql[STORE_COLUMN_SQL];
	store_columns_select_sql(sql);
	int result = collect_ids(s, q, &ids);
	if (result == 0 && sqlite3_prepare_v2(s->db, sql, -1, &by_id, NULL) != SQLITE_OK)
		result = store_handle_fail(s, "query");
	for (size_t i = ids.n; i-- > 0 && result == 0;) {
		json_t *row = NULL;
		result = fetch(s, by_id, ids.ids[i], &row);
		int acknowledged = row ? store_ack_annotate(s, row, q->now_ns) : 0;
		result = acknowledged < 0 ? acknowledged : result;
		int stop = row && result == 0 ? fn(context, row) : 0;
		json_decref(row);
		if (stop)
			break;
	}
	sqlite3_finalize(by_id);
	free(ids.ids);
	return result;
}

/* ---- groups ---- */

/* What "a server" is when servers are counted: as in the view `inventory`. */
#define SERVER_SQL "coalesce(events.host, events.sni, events.server_ip || ' ' || events.server_port)"

static void group_sql(char *sql, size_t cap, const struct column *c, const char *where)
{
	char value[96], from[96] = "";
	if (c->type == COLUMN_OBJECT || c->type == COLUMN_ARRAY)
		snprintf(from, sizeof from, ", json_each(events.%s) AS part", c->name);
	if (c->type == COLUMN_OBJECT)
		snprintf(value, sizeof value, "part.key");
	else if (strcmp(c->name, "reasons") == 0) /* the only array of objects */
		snprintf(value, sizeof value, "json_extract(part.value, '$.signature')");
	else if (c->type == COLUMN_ARRAY)
		snprintf(value, sizeof value, "part.value");
	else
		snprintf(value, sizeof value, "events.%s", c->name);
	snprintf(sql, cap,
	         "SELECT %s, count(DISTINCT events.event_id), count(DISTINCT events.client_ip), count(DISTINCT " SERVER_SQL
	         "), min(events.first_seen), max(events.last_seen) FROM events%s%s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
	         value, from, where);
}

static json_t *group_row(sqlite3_stmt *stmt, enum column_type type)
{
	static const struct column parts[] = {
		{"events", COLUMN_INTEGER, .required = true},  {"clients", COLUMN_INTEGER, .required = true},
		{"servers", COLUMN_INTEGER, .required = true}, {"first_seen", COLUMN_TEXT, .required = true},
		{"last_seen", COLUMN_TEXT, .required = true},
	};
	json_t *row = json_object();
	int failed = json_object_set_new(row, "value", store_column_value(stmt, 0, type));
	for (int i = 0; i < (int)(sizeof parts / sizeof *parts); i++)
		failed |= json_object_set_new(row, parts[i].name, store_column_value(stmt, i + 1, parts[i].type));
	if (failed) {
		json_decref(row);
		return NULL;
	}
	return row;
}

int store_group(struct store *s, const struct store_query *q, const char *field, store_row_fn *fn, void *context)
{
	const struct column *column = store_column_find(field);
	if (!column) {
		snprintf(s->error, sizeof s->error, "no such field; docs/events.md lists them");
		return FAIL_CONFIG;
	}
	struct store_filter f;
	if (store_filter_init(q, &f, s->error) != 0)
		return FAIL_CONFIG;
	char sql[sizeof f.sql + 1024];
	group_sql(sql, sizeof sql, column, f.sql);
	sqlite3_stmt *stmt = prepare_filtered(s, sql, &f, q->limit);
	if (!stmt)
		return FAIL_DATABASE;

	enum column_type type = column->type == COLUMN_INTEGER || column->type == COLUMN_BOOLEAN ? column->type : COLUMN_TEXT;
	json_t *rows = json_array();
	int rc, result = rows ? 0 : out_of_memory(s);
	while (result == 0 && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW)
			result = store_handle_fail(s, "query");
		else if (json_array_append_new(rows, group_row(stmt, type)) != 0)
			result = out_of_memory(s);
	}
	sqlite3_finalize(stmt);
	for (size_t i = 0; result == 0 && i < json_array_size(rows); i++)
		if (fn(context, json_array_get(rows, i)) != 0)
			break;
	json_decref(rows);
	return result;
}
