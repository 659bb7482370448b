#include "store_definitions.h"
#include "status.h"
#include "store_handle.h"
#include <stdio.h>
#include <string.h>

#define LISTS "tools|prompts|resources|resource-templates"

static const struct column definition_columns[] = {
	{"tenant", COLUMN_TEXT, .required = true}, {"server", COLUMN_TEXT, .required = true}, {"path", COLUMN_TEXT, .required = true},
	{"list", COLUMN_TEXT, .required = true, .allowed = LISTS}, {"name", COLUMN_TEXT, .required = true},
	{"hash", COLUMN_TEXT, .required = true}, {"parts", COLUMN_OBJECT, .required = true}, {"first_seen", COLUMN_TEXT, .required = true},
	{"last_seen", COLUMN_TEXT, .required = true}, {"before", COLUMN_TEXT, .required = false},
	{"findings", COLUMN_ARRAY, .required = true}, {"unstable", COLUMN_BOOLEAN, .required = true},
	{"bytes", COLUMN_INTEGER, .required = true}, {"text", COLUMN_TEXT, .required = false}};

static const struct column list_columns[] = {
	{"tenant", COLUMN_TEXT, .required = true}, {"server", COLUMN_TEXT, .required = true}, {"path", COLUMN_TEXT, .required = true},
	{"list", COLUMN_TEXT, .required = true, .allowed = LISTS}, {"first_seen", COLUMN_TEXT, .required = true},
	{"last_seen", COLUMN_TEXT, .required = true}, {"complete_seen", COLUMN_TEXT, .required = false}, {"complete_since", COLUMN_TEXT, .required = false},
	{"definitions", COLUMN_INTEGER, .required = true}, {"tags", COLUMN_ARRAY, .required = true}};

enum { DEFINITION_COLUMNS = sizeof definition_columns / sizeof *definition_columns, LIST_COLUMNS = sizeof list_columns / sizeof *list_columns };

/* In whatever order rows come, of one run or of several, the same is left: the earliest first and the latest last. */
const struct row_kind row_definition = {
	.name = "definition", .columns = definition_columns, .n_columns = DEFINITION_COLUMNS,
	.upsert = "INSERT INTO definitions (tenant, server, path, list, name, hash, parts, first_seen, last_seen, \"before\", findings, "
		  "unstable, bytes, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
		  "ON CONFLICT (tenant, server, path, list, name, hash) DO UPDATE SET "
		  "\"before\" = CASE WHEN excluded.first_seen <= first_seen THEN excluded.\"before\" ELSE \"before\" END, "
		  "first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen), "
		  "parts = excluded.parts, findings = excluded.findings, unstable = max(unstable, excluded.unstable), "
		  "bytes = excluded.bytes, text = coalesce(excluded.text, text)"};

const struct row_kind row_definition_list = {
	.name = "definition-list", .columns = list_columns, .n_columns = LIST_COLUMNS,
	.upsert = "INSERT INTO definition_lists (tenant, server, path, list, first_seen, last_seen, complete_seen, complete_since, "
		  "definitions, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, server, path, list) DO UPDATE SET "
		  "definitions = CASE WHEN coalesce(excluded.complete_seen, '') >= coalesce(complete_seen, '') THEN excluded.definitions "
		  "ELSE definitions END, "
		  "tags = CASE WHEN coalesce(excluded.complete_seen, '') >= coalesce(complete_seen, '') THEN excluded.tags ELSE tags END, "
		  "complete_since = CASE WHEN coalesce(excluded.complete_seen, '') >= coalesce(complete_seen, '') THEN "
		  "excluded.complete_since ELSE complete_since END, "
		  "complete_seen = nullif(max(coalesce(complete_seen, ''), coalesce(excluded.complete_seen, '')), ''), "
		  "first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)"};

/* ---- reading ---- */

static int rows_of(struct store *s, sqlite3_stmt *sql, const struct column *columns, size_t n, store_row_fn *fn, void *context)
{
	int rc, stop = 0;
	while (!stop && (rc = sqlite3_step(sql)) == SQLITE_ROW) {
		json_t *row = json_object();
		for (size_t i = 0; row && i < n; i++)
			if (json_object_set_new(row, columns[i].name, store_column_value(sql, (int)i, columns[i].type)) != 0) {
				json_decref(row);
				row = NULL;
			}
		if (!row) {
			snprintf(s->error, sizeof s->error, "a row of what servers offer cannot be read");
			return FAIL_DATABASE;
		}
		stop = fn(context, row);
		json_decref(row);
	}
	return stop || rc == SQLITE_DONE ? 0 : store_handle_fail(s, "what servers offer");
}

int store_definitions_load(struct store *s, int64_t most, store_row_fn *fn, void *context)
{
	sqlite3_stmt *sql = NULL;
	int rc = sqlite3_prepare_v2(s->db, "SELECT tenant, server, path, list, name, hash, parts, first_seen, last_seen, \"before\", findings, "
	                                   "unstable, bytes, text FROM definitions ORDER BY last_seen DESC, tenant, server, path, list, name, "
	                                   "hash LIMIT ?", -1, &sql, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(sql, 1, most);
	int result = rc == SQLITE_OK ? rows_of(s, sql, definition_columns, DEFINITION_COLUMNS, fn, context)
				     : store_handle_fail(s, "what servers offer");
	sqlite3_finalize(sql);
	return result;
}

#define OFFER_COLUMNS(X) \
	X("tenant", COLUMN_TEXT) X("server", COLUMN_TEXT) X("path", COLUMN_TEXT) X("list", COLUMN_TEXT) X("name", COLUMN_TEXT) \
	X("hash", COLUMN_TEXT) X("first_seen", COLUMN_TEXT) X("last_seen", COLUMN_TEXT)
#define LATEST_COLUMNS(X) \
	X("versions", COLUMN_INTEGER) X("findings", COLUMN_ARRAY) X("gone", COLUMN_BOOLEAN) X("incomplete", COLUMN_BOOLEAN) \
	X("unstable", COLUMN_BOOLEAN) X("tags", COLUMN_ARRAY) X("parts", COLUMN_OBJECT) X("bytes", COLUMN_INTEGER) X("text", COLUMN_TEXT)
#define HISTORY_COLUMNS(X) \
	X("before", COLUMN_TEXT) X("findings", COLUMN_ARRAY) X("unstable", COLUMN_BOOLEAN) X("parts", COLUMN_OBJECT) \
	X("bytes", COLUMN_INTEGER) X("text", COLUMN_TEXT)
#define AS_COLUMN(name_, type_) {.name = (name_), .type = (type_)},
#define AS_NAME(name_, type_) name_,

static const struct column latest[] = {OFFER_COLUMNS(AS_COLUMN) LATEST_COLUMNS(AS_COLUMN)};
static const struct column history[] = {OFFER_COLUMNS(AS_COLUMN) HISTORY_COLUMNS(AS_COLUMN)};
const char *const store_offer_fields[] = {OFFER_COLUMNS(AS_NAME) LATEST_COLUMNS(AS_NAME) NULL};
const char *const store_history_fields[] = {OFFER_COLUMNS(AS_NAME) HISTORY_COLUMNS(AS_NAME) NULL};

struct texts {
	const char *items[8];
	int n;
};

static void append(char *sql, size_t cap, const char *text)
{
	size_t n = strlen(sql);
	snprintf(sql + n, cap - n, "%s", text);
}

static void where(char *sql, size_t cap, struct texts *t, const char *condition, const char *value)
{
	if (!value)
		return;
	append(sql, cap, condition);
	t->items[t->n++] = value;
}

int store_offers(struct store *s, const struct store_offers *q, store_row_fn *fn, void *context)
{
	const struct column *columns = q->history ? history : latest;
	size_t n = q->history ? sizeof history / sizeof *history : sizeof latest / sizeof *latest;
	char sql[2048] = "SELECT ", since[EVENT_TIME_TEXT], until[EVENT_TIME_TEXT];
	struct texts t = {.n = 0};
	if (q->since_ns)
		event_time_format(q->since_ns, since);
	if (q->until_ns)
		event_time_format(q->until_ns, until);
	for (size_t i = 0; i < n; i++) {
		append(sql, sizeof sql, i ? ", \"" : "\"");
		append(sql, sizeof sql, columns[i].name);
		append(sql, sizeof sql, "\"");
	}
	append(sql, sizeof sql, q->history ? " FROM definitions AS o WHERE 1" : " FROM offers AS o WHERE 1");
	where(sql, sizeof sql, &t, " AND last_seen >= ?", q->since_ns ? since : NULL);
	where(sql, sizeof sql, &t, " AND first_seen < ?", q->until_ns ? until : NULL);
	where(sql, sizeof sql, &t, " AND host_in(?, server)", q->server);
	where(sql, sizeof sql, &t, " AND list = ?", q->list);
	where(sql, sizeof sql, &t, " AND name GLOB replace(?, '[', '[[]')", q->name);
	where(sql, sizeof sql, &t, " AND EXISTS (SELECT 1 FROM json_each(o.findings) AS f WHERE f.value = ?)", q->finding);
	if (q->changed)
		append(sql, sizeof sql, q->history ? " AND EXISTS (SELECT 1 FROM definitions AS d WHERE d.tenant = o.tenant AND d.server = "
		                                     "o.server AND d.path = o.path AND d.list = o.list AND d.name = o.name AND d.hash <> o.hash)"
		                                   : " AND versions > 1");
	char whole[4096];
	snprintf(whole, sizeof whole, "SELECT * FROM (%s ORDER BY last_seen DESC, tenant, server, path, list, name, hash LIMIT %lld) "
	                              "ORDER BY tenant, server, path, list, name, first_seen, hash", sql, q->limit ? (long long)q->limit : -1LL);
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, whole, -1, &stmt, NULL);
	for (int i = 0; rc == SQLITE_OK && i < t.n; i++)
		rc = sqlite3_bind_text(stmt, i + 1, t.items[i], -1, SQLITE_STATIC);
	int result = rc == SQLITE_OK ? rows_of(s, stmt, columns, n, fn, context) : store_handle_fail(s, "what servers offer");
	sqlite3_finalize(stmt);
	return result;
}
