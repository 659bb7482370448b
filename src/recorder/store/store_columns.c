#include "store_columns.h"
#include "text.h"
#include <stdlib.h>

const struct column store_columns[] = {
	{"schema_version", COLUMN_INTEGER},
	{"kind", COLUMN_TEXT},
	{"event_id", COLUMN_TEXT},
	{"sensor", COLUMN_TEXT},
	{"first_seen", COLUMN_TEXT},
	{"last_seen", COLUMN_TEXT},
	{"verdict", COLUMN_TEXT},
	{"confidence", COLUMN_TEXT},
	{"stage", COLUMN_TEXT},
	{"severity", COLUMN_TEXT},
	{"rule", COLUMN_TEXT},
	{"reasons", COLUMN_ARRAY},
	{"findings", COLUMN_ARRAY},
	{"unverified", COLUMN_ARRAY},
	{"client_ip", COLUMN_TEXT},
	{"client_port", COLUMN_INTEGER},
	{"server_ip", COLUMN_TEXT},
	{"server_port", COLUMN_INTEGER},
	{"l4", COLUMN_TEXT},
	{"direction", COLUMN_TEXT},
	{"community_id", COLUMN_TEXT},
	{"encapsulation", COLUMN_ARRAY},
	{"client_mac", COLUMN_TEXT},
	{"transport", COLUMN_TEXT},
	{"http_version", COLUMN_TEXT},
	{"encrypted", COLUMN_BOOLEAN},
	{"decrypted", COLUMN_BOOLEAN},
	{"tls_version", COLUMN_TEXT},
	{"sni", COLUMN_TEXT},
	{"alpn", COLUMN_TEXT},
	{"ja4", COLUMN_TEXT},
	{"host", COLUMN_TEXT},
	{"path", COLUMN_TEXT},
	{"user_agent", COLUMN_TEXT},
	{"protocol_version", COLUMN_TEXT},
	{"protocol_version_requested", COLUMN_TEXT},
	{"client_name", COLUMN_TEXT},
	{"client_version", COLUMN_TEXT},
	{"server_name", COLUMN_TEXT},
	{"server_version", COLUMN_TEXT},
	{"joined", COLUMN_ARRAY},
	{"session", COLUMN_TEXT},
	{"auth", COLUMN_TEXT},
	{"methods", COLUMN_OBJECT},
	{"server_methods", COLUMN_OBJECT},
	{"tools_called", COLUMN_OBJECT},
	{"requests", COLUMN_INTEGER},
	{"errors", COLUMN_INTEGER},
	{"packets", COLUMN_OBJECT},
	{"bytes", COLUMN_OBJECT},
	{"payload_bytes", COLUMN_OBJECT},
	{"app_label", COLUMN_TEXT},
	{"capture", COLUMN_TEXT},
	{"first_frame", COLUMN_INTEGER},
	{"signature_set", COLUMN_TEXT},
};

const size_t store_columns_n = sizeof store_columns / sizeof *store_columns;

const struct column *store_column_find(const char *name)
{
	for (size_t i = 0; i < store_columns_n; i++)
		if (strcmp(store_columns[i].name, name) == 0)
			return &store_columns[i];
	return NULL;
}

static void append_names(char *out, size_t *n, const char *format)
{
	for (size_t i = 0; i < store_columns_n; i++) {
		const char *name = store_columns[i].name;
		text_append(out, STORE_COLUMN_SQL, n, "%s", i ? ", " : "");
		text_append(out, STORE_COLUMN_SQL, n, format[0] == '?' ? "?" : "%s", name);
	}
}

void store_columns_upsert_sql(char out[STORE_COLUMN_SQL])
{
	size_t n = 0;
	text_append(out, STORE_COLUMN_SQL, &n, "INSERT INTO events (");
	append_names(out, &n, "name");
	text_append(out, STORE_COLUMN_SQL, &n, ") VALUES (");
	append_names(out, &n, "?");
	text_append(out, STORE_COLUMN_SQL, &n, ") ON CONFLICT (event_id) DO UPDATE SET ");
	const char *comma = "";
	for (size_t i = 0; i < store_columns_n; i++) {
		const char *name = store_columns[i].name;
		if (strcmp(name, "event_id") == 0)
			continue;
		text_append(out, STORE_COLUMN_SQL, &n, "%s%s = excluded.%s", comma, name, name);
		comma = ", ";
	}
}

void store_columns_select_sql(char out[STORE_COLUMN_SQL])
{
	size_t n = 0;
	text_append(out, STORE_COLUMN_SQL, &n, "SELECT ");
	append_names(out, &n, "name");
	text_append(out, STORE_COLUMN_SQL, &n, " FROM events WHERE event_id = ?");
}

/* JSON text is stored as ASCII: what a stranger named a tool cannot steer the terminal of who selects the column. */
static int bind_json(sqlite3_stmt *s, int i, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text)
		return SQLITE_NOMEM;
	int rc = sqlite3_bind_text(s, i, text, -1, SQLITE_TRANSIENT);
	free(text);
	return rc;
}

int store_columns_bind(sqlite3_stmt *upsert, const json_t *event)
{
	for (size_t c = 0; c < store_columns_n; c++) {
		const json_t *value = json_object_get(event, store_columns[c].name);
		int i = (int)c + 1, rc;
		if (json_is_string(value))
			rc = sqlite3_bind_text(upsert, i, json_string_value(value), -1, SQLITE_TRANSIENT);
		else if (json_is_integer(value))
			rc = sqlite3_bind_int64(upsert, i, json_integer_value(value));
		else if (json_is_boolean(value))
			rc = sqlite3_bind_int(upsert, i, json_is_true(value));
		else if (json_is_object(value) || json_is_array(value))
			rc = bind_json(upsert, i, value);
		else
			rc = sqlite3_bind_null(upsert, i);
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

json_t *store_column_value(sqlite3_stmt *row, int i, enum column_type type)
{
	if (sqlite3_column_type(row, i) == SQLITE_NULL)
		return json_null();
	if (type == COLUMN_INTEGER)
		return json_integer(sqlite3_column_int64(row, i));
	if (type == COLUMN_BOOLEAN)
		return json_boolean(sqlite3_column_int(row, i));
	const char *text = (const char *)sqlite3_column_text(row, i);
	size_t n = (size_t)sqlite3_column_bytes(row, i);
	if (!text)
		return NULL;
	if (type == COLUMN_TEXT)
		return json_stringn(text, n);
	json_t *value = json_loadb(text, n, 0, NULL);
	if (value && (type == COLUMN_OBJECT ? !json_is_object(value) : !json_is_array(value))) {
		json_decref(value);
		return NULL;
	}
	return value;
}

json_t *store_columns_row(sqlite3_stmt *row, const char **ret_bad)
{
	json_t *event = json_object();
	for (size_t c = 0; event && c < store_columns_n; c++) {
		if (json_object_set_new(event, store_columns[c].name,
		                        store_column_value(row, (int)c, store_columns[c].type)) != 0) {
			*ret_bad = store_columns[c].name;
			json_decref(event);
			return NULL;
		}
	}
	return event;
}
