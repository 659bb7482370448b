#include "store_columns.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>

const struct column store_columns[] = {
	{"schema_version", COLUMN_INTEGER, .required = true},
	{"kind", COLUMN_TEXT, .required = true, .allowed = "connection|connector|tool-change"},
	{"event_id", COLUMN_TEXT, .required = true, .length = 32},
	{"sensor", COLUMN_TEXT, .required = true},
	{"first_seen", COLUMN_TEXT, .required = true, .length = 27},
	{"last_seen", COLUMN_TEXT, .required = true, .length = 27},
	{"verdict", COLUMN_TEXT, .required = true, .allowed = "approved|violation|unauthorized"},
	{"confidence", COLUMN_TEXT, .required = true, .allowed = "possible|likely|confirmed"},
	{"stage", COLUMN_TEXT, .required = true, .allowed = "established|attempted|unknown"},
	{"severity", COLUMN_TEXT, .required = true, .allowed = "high|medium|low|info"},
	{"rule", COLUMN_TEXT, .required = false},
	{"reasons", COLUMN_ARRAY, .required = true},
	{"findings", COLUMN_ARRAY, .required = true},
	{"unverified", COLUMN_ARRAY, .required = true},
	{"tags", COLUMN_ARRAY, .required = false},
	{"client_ip", COLUMN_TEXT, .required = true},
	{"client_port", COLUMN_INTEGER, .required = true},
	{"server_ip", COLUMN_TEXT, .required = true},
	{"server_port", COLUMN_INTEGER, .required = true},
	{"l4", COLUMN_TEXT, .required = true, .allowed = "tcp|udp"},
	{"direction", COLUMN_TEXT, .required = true, .allowed = "outbound|inbound|internal|external"},
	{"community_id", COLUMN_TEXT, .required = true},
	{"encapsulation", COLUMN_ARRAY, .required = true},
	{"client_mac", COLUMN_TEXT, .required = false},
	{"proxy", COLUMN_OBJECT, .required = false},
	{"claimed_client", COLUMN_ARRAY, .required = false},
	{"transport", COLUMN_TEXT, .allowed = "streamable-http|http+sse|websocket|tcp"},
	{"http_version", COLUMN_TEXT, .allowed = "1.0|1.1|2|h2c|3"},
	{"encrypted", COLUMN_BOOLEAN, .required = true},
	{"decrypted", COLUMN_BOOLEAN, .required = true},
	{"tls_version", COLUMN_TEXT, .required = false},
	{"sni", COLUMN_TEXT, .required = false},
	{"alpn", COLUMN_TEXT, .required = false},
	{"ja4", COLUMN_TEXT, .required = false},
	{"dns_name", COLUMN_TEXT, .required = false},
	{"host", COLUMN_TEXT, .required = false},
	{"path", COLUMN_TEXT, .required = false},
	{"user_agent", COLUMN_TEXT, .required = false},
	{"protocol_version", COLUMN_TEXT, .required = false},
	{"protocol_version_requested", COLUMN_TEXT, .required = false},
	{"client_name", COLUMN_TEXT, .required = false},
	{"client_version", COLUMN_TEXT, .required = false},
	{"server_name", COLUMN_TEXT, .required = false},
	{"server_version", COLUMN_TEXT, .required = false},
	{"joined", COLUMN_ARRAY, .required = true},
	{"session", COLUMN_TEXT, .required = false},
	{"auth", COLUMN_TEXT, .allowed = "none|bearer|basic|apikey|cookie|query-token"},
	{"methods", COLUMN_OBJECT, .required = true},
	{"server_methods", COLUMN_OBJECT, .required = true},
	{"tools_called", COLUMN_OBJECT, .required = true},
	{"resources_read", COLUMN_OBJECT, .required = false},
	{"prompts_got", COLUMN_OBJECT, .required = false},
	{"requests", COLUMN_INTEGER, .required = true},
	{"errors", COLUMN_INTEGER, .required = true},
	{"packets", COLUMN_OBJECT, .required = true},
	{"bytes", COLUMN_OBJECT, .required = true},
	{"payload_bytes", COLUMN_OBJECT, .required = true},
	{"app_label", COLUMN_TEXT, .required = false},
	{"connector", COLUMN_OBJECT, .required = false},
	{"change", COLUMN_OBJECT, .required = false},
	{"capture", COLUMN_TEXT, .required = false},
	{"first_frame", COLUMN_INTEGER, .required = true},
	{"signature_set", COLUMN_TEXT, .required = false},
};

const size_t store_columns_n = sizeof store_columns / sizeof *store_columns;

const struct column *store_column_find(const char *name)
{
	for (size_t i = 0; i < store_columns_n; i++)
		if (strcmp(store_columns[i].name, name) == 0)
			return &store_columns[i];
	return NULL;
}

/* "a|b|c" as in a CHECK of the table. */
static bool one_of(const char *allowed, const char *text)
{
	size_t n = strlen(text);
	if (n == 0 || strchr(text, '|'))
		return false;
	for (const char *p = allowed; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
		if (strncmp(p, text, n) == 0 && (p[n] == '|' || p[n] == 0))
			return true;
	return false;
}

bool store_column_fits(const struct column *c, const json_t *value)
{
	if (!value || json_is_null(value))
		return !c->required;
	switch (c->type) {
	case COLUMN_TEXT:
		return json_is_string(value) && (!c->length || json_string_length(value) == c->length) &&
		       (!c->allowed || one_of(c->allowed, json_string_value(value)));
	case COLUMN_INTEGER: return json_is_integer(value);
	case COLUMN_BOOLEAN: return json_is_boolean(value);
	case COLUMN_OBJECT: return json_is_object(value);
	case COLUMN_ARRAY: return json_is_array(value);
	}
	return false;
}

const char *store_columns_misfit(const json_t *event)
{
	for (size_t i = 0; i < store_columns_n; i++)
		if (!store_column_fits(&store_columns[i], json_object_get(event, store_columns[i].name)))
			return store_columns[i].name;
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

/* ---- rows to be written ---- */

enum packed_kind { PACKED_NULL, PACKED_INTEGER, PACKED_TEXT };

struct packed {
	enum packed_kind kind;
	uint32_t at; /* of a text: where it begins */
	int64_t n;   /* its length, or the integer */
};

struct store_row {
	struct packed values[sizeof store_columns / sizeof *store_columns];
	char text[];
};

/* Room for an ordinary event's texts; a larger one grows. */
#define PACKING_BYTES 3072

struct packing {
	struct store_row *row;
	size_t n, room; /* of text */
};

static bool make_room(struct packing *p, size_t n)
{
	if (p->row && p->room - p->n >= n)
		return true;
	size_t room = p->row ? (p->room + n) * 2 : PACKING_BYTES + n;
	struct store_row *grown = realloc(p->row, sizeof *grown + room);
	if (!grown)
		return false;
	p->row = grown;
	p->room = room;
	return true;
}

/* JSON text is stored as ASCII: what a stranger named a tool cannot steer the terminal of who selects the column. */
static bool pack_json(struct packing *p, const json_t *value, size_t *ret_n)
{
	const size_t flags = JSON_COMPACT | JSON_ENSURE_ASCII;
	size_t n = json_dumpb(value, p->row->text + p->n, p->room - p->n, flags);
	if (n > p->room - p->n)
		n = make_room(p, n) ? json_dumpb(value, p->row->text + p->n, p->room - p->n, flags) : 0;
	*ret_n = n;
	return n > 0;
}

static bool pack_value(struct packing *p, struct packed *ret, const json_t *value)
{
	*ret = (struct packed){.at = (uint32_t)p->n};
	if (json_is_string(value)) {
		size_t n = json_string_length(value);
		if (!make_room(p, n))
			return false;
		memcpy(p->row->text + p->n, json_string_value(value), n);
		ret->n = (int64_t)n;
	} else if (json_is_object(value) || json_is_array(value)) {
		size_t n;
		if (!pack_json(p, value, &n))
			return false;
		ret->n = (int64_t)n;
	} else {
		ret->kind = !value || json_is_null(value) ? PACKED_NULL : PACKED_INTEGER;
		ret->n = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
		return true;
	}
	ret->kind = PACKED_TEXT;
	p->n += (size_t)ret->n;
	return true;
}

struct store_row *store_row_pack(const json_t *event, size_t *ret_bytes)
{
	struct packing p = {0};
	bool packed = make_room(&p, 0);
	for (size_t i = 0; packed && i < store_columns_n; i++) {
		struct packed value;
		packed = pack_value(&p, &value, json_object_get(event, store_columns[i].name));
		if (packed)
			p.row->values[i] = value;
	}
	struct store_row *row = packed ? realloc(p.row, sizeof *row + p.n) : NULL;
	if (!row) {
		free(p.row);
		return NULL;
	}
	*ret_bytes = sizeof *row + p.n;
	return row;
}

int store_row_bind(sqlite3_stmt *upsert, const struct store_row *row)
{
	for (size_t c = 0; c < store_columns_n; c++) {
		const struct packed *v = &row->values[c];
		int i = (int)c + 1, rc;
		if (v->kind == PACKED_TEXT)
			rc = sqlite3_bind_text64(upsert, i, row->text + v->at, (sqlite3_uint64)v->n, SQLITE_STATIC, SQLITE_UTF8);
		else if (v->kind == PACKED_INTEGER)
			rc = sqlite3_bind_int64(upsert, i, v->n);
		else
			rc = sqlite3_bind_null(upsert, i);
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

/* ---- rows that were read ---- */

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
