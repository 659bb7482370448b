#include "store_calls.h"
#include "hostname.h"
#include "status.h"
#include "store_handle.h"
#include "store_rows.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct column columns[] = {
	{"event_id", COLUMN_TEXT, .required = true, .length = 32},
	{"ordinal", COLUMN_INTEGER, .required = true},
	{"time", COLUMN_TEXT, .required = true, .length = 27},
	{"frame", COLUMN_INTEGER, .required = true},
	{"direction", COLUMN_TEXT, .required = true, .allowed = "to-server|to-client"},
	{"client_ip", COLUMN_TEXT, .required = true},
	{"client_name", COLUMN_TEXT, .required = false},
	{"host", COLUMN_TEXT, .required = false},
	{"server_ip", COLUMN_TEXT, .required = true},
	{"server_port", COLUMN_INTEGER, .required = true},
	{"server_name", COLUMN_TEXT, .required = false},
	{"method", COLUMN_TEXT, .required = true},
	{"name", COLUMN_TEXT, .required = false},
	{"outcome", COLUMN_TEXT, .required = true,
	 .allowed = "ok|error|tool-error|input-required|task|http-status|cancelled|no-answer|not-seen"},
	{"code", COLUMN_INTEGER, .required = false},
	{"http_status", COLUMN_INTEGER, .required = false},
	{"duration_us", COLUMN_INTEGER, .required = false},
	{"request_bytes", COLUMN_INTEGER, .required = true},
	{"answer_bytes", COLUMN_INTEGER, .required = false},
	{"remark", COLUMN_TEXT, .allowed = "id-reused|id-differs|answer-first|too-many"},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

#define COLUMN_NAMES \
	"event_id, ordinal, time, frame, direction, client_ip, client_name, host, server_ip, server_port, server_name, method, name, outcome, " \
	"code, http_status, duration_us, request_bytes, answer_bytes, remark"

const struct row_kind row_call = {
	"call", columns, COLUMNS,
	"INSERT OR REPLACE INTO calls (" COLUMN_NAMES ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"};

/* ---- what is asked for ---- */

struct filter {
	char sql[1024]; /* " WHERE ..." or empty */
	size_t n;
	const char *binds[16]; /* parameters from 1 on; numbers are part of the text */
	int n_binds;
	char since[EVENT_TIME_TEXT], until[EVENT_TIME_TEXT], id_from[EVENT_ID_TEXT], id_to[EVENT_ID_TEXT + 1], host[HOSTNAME_TEXT];
};

static void condition(struct filter *f, const char *sql, const char *value)
{
	text_append(f->sql, sizeof f->sql, &f->n, "%s(%s)", f->n ? " AND " : " WHERE ", sql);
	if (value)
		f->binds[f->n_binds++] = value;
}

static int refuse(struct store *s, const char *sentence)
{
	snprintf(s->error, sizeof s->error, "%s", sentence);
	return FAIL_CONFIG;
}

static int out_of_memory(struct store *s)
{
	snprintf(s->error, sizeof s->error, "out of memory");
	return FAIL_MEMORY;
}

static int address_condition(struct store *s, struct filter *f, bool client, const char *value)
{
	struct ip_addr a;
	struct ip_net net;
	if (ip_addr_parse(slice_str(value), &a))
		condition(f, client ? "calls.client_ip = ?" : "calls.server_ip = ?", value);
	else if (ip_net_parse(slice_str(value), &net))
		condition(f, client ? "addr_in(calls.client_ip, ?)" : "addr_in(calls.server_ip, ?)", value);
	else
		return refuse(s, client ? "client: not an address or a network (10.0.0.0/8, host bits zero)"
		                        : "server: not an address or a network (10.0.0.0/8, host bits zero)");
	return 0;
}

static int host_condition(struct store *s, struct filter *f, const char *host)
{
	struct ip_addr a;
	if (ip_addr_parse(slice_str(host), &a))
		ip_addr_format(&a, f->host);
	else if (!hostname_pattern_normalize(slice_str(host), f->host))
		return refuse(s, "host: not a host name (mcp.example.com, *.example.com) or an address");
	condition(f, "host_in(?, calls.host)", f->host);
	return 0;
}

/* Hexadecimal digits all sort below 'g'. */
static int id_condition(struct store *s, struct filter *f, const char *prefix)
{
	size_t n = strlen(prefix);
	if (n == 0 || n >= EVENT_ID_TEXT || strspn(prefix, "0123456789abcdefABCDEF") != n)
		return refuse(s, "event: not the beginning of 32 hexadecimal digits");
	for (size_t i = 0; i <= n; i++)
		f->id_from[i] = (char)ascii_lower((uint8_t)prefix[i]);
	snprintf(f->id_to, sizeof f->id_to, "%sg", f->id_from);
	condition(f, "calls.event_id >= ?", f->id_from);
	condition(f, "calls.event_id < ?", f->id_to);
	return 0;
}

static int filter_init(struct store *s, const struct store_call_query *q, struct filter *f)
{
	*f = (struct filter){.n = 0};
	if (q->since_ns) {
		event_time_format(q->since_ns, f->since);
		condition(f, "calls.time >= ?", f->since);
	}
	if (q->until_ns) {
		event_time_format(q->until_ns, f->until);
		condition(f, "calls.time < ?", f->until);
	}
	if (q->method)
		condition(f, "calls.method = ?", q->method);
	if (q->tool)
		condition(f, "calls.method = 'tools/call' AND calls.name = ?", q->tool);
	if (q->outcome)
		condition(f, "calls.outcome = ?", q->outcome);
	if (q->min_duration_us) {
		char sql[64];
		snprintf(sql, sizeof sql, "calls.duration_us >= %lld", (long long)q->min_duration_us);
		condition(f, sql, NULL);
	}
	int rc = q->client ? address_condition(s, f, true, q->client) : 0;
	if (rc == 0 && q->server)
		rc = address_condition(s, f, false, q->server);
	if (rc == 0 && q->host)
		rc = host_condition(s, f, q->host);
	if (rc == 0 && q->event_id)
		rc = id_condition(s, f, q->event_id);
	return rc;
}

static sqlite3_stmt *prepare(struct store *s, const char *sql, const struct filter *f)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	for (int i = 0; rc == SQLITE_OK && i < f->n_binds; i++)
		rc = sqlite3_bind_text(stmt, i + 1, f->binds[i], -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		return stmt;
	store_handle_fail(s, "query");
	sqlite3_finalize(stmt);
	return NULL;
}

/* ---- rows: a page at a time, so that nobody is locked out and a log of millions takes no memory ---- */

enum { PAGE_ROWS = 1000 };

/* The row that a page begins behind, or (with_it) at. */
struct place {
	char time[EVENT_TIME_TEXT], event_id[EVENT_ID_TEXT];
	int64_t ordinal;
	bool set, with_it;
};

static void place_set(struct place *p, sqlite3_stmt *row, int time, int id, int ordinal)
{
	const char *t = (const char *)sqlite3_column_text(row, time), *i = (const char *)sqlite3_column_text(row, id);
	snprintf(p->time, sizeof p->time, "%s", t ? t : "");
	snprintf(p->event_id, sizeof p->event_id, "%s", i ? i : "");
	p->ordinal = sqlite3_column_int64(row, ordinal);
	p->set = true;
}

/* A limit keeps the latest: where they begin. */
static int find_start(struct store *s, const struct filter *f, int64_t limit, struct place *ret)
{
	char sql[sizeof f->sql + 256];
	snprintf(sql, sizeof sql,
	         "SELECT time, event_id, ordinal FROM calls%s ORDER BY time DESC, event_id DESC, ordinal DESC LIMIT 1 OFFSET %lld", f->sql,
	         (long long)limit - 1);
	sqlite3_stmt *stmt = prepare(s, sql, f);
	if (!stmt)
		return FAIL_DATABASE;
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		place_set(ret, stmt, 0, 1, 2);
		ret->with_it = true;
	}
	int result = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : store_handle_fail(s, "query");
	sqlite3_finalize(stmt);
	return result;
}

static json_t *row_of(sqlite3_stmt *stmt)
{
	json_t *row = json_object();
	for (int i = 0; row && i < COLUMNS; i++)
		if (json_object_set_new(row, columns[i].name, store_column_value(stmt, i, columns[i].type)) != 0) {
			json_decref(row);
			return NULL;
		}
	return row;
}

static int read_page(struct store *s, const struct filter *f, struct place *at, json_t *page)
{
	char sql[sizeof f->sql + 512], behind[128] = "";
	if (at->set)
		snprintf(behind, sizeof behind, "%s(time, event_id, ordinal) %s (?%d, ?%d, ?%d)", f->n ? " AND " : " WHERE ",
		         at->with_it ? ">=" : ">", f->n_binds + 1, f->n_binds + 2, f->n_binds + 3);
	snprintf(sql, sizeof sql, "SELECT " COLUMN_NAMES " FROM calls%s%s ORDER BY time, event_id, ordinal LIMIT %d", f->sql, behind, PAGE_ROWS);
	sqlite3_stmt *stmt = prepare(s, sql, f);
	if (!stmt)
		return FAIL_DATABASE;
	int rc = SQLITE_OK, result = 0;
	if (at->set)
		rc = sqlite3_bind_text(stmt, f->n_binds + 1, at->time, -1, SQLITE_TRANSIENT);
	if (at->set && rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, f->n_binds + 2, at->event_id, -1, SQLITE_TRANSIENT);
	if (at->set && rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stmt, f->n_binds + 3, at->ordinal);
	while (result == 0 && (rc == SQLITE_OK || rc == SQLITE_ROW) && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		place_set(at, stmt, 2, 0, 1);
		at->with_it = false;
		if (json_array_append_new(page, row_of(stmt)) != 0)
			result = out_of_memory(s);
	}
	if (result == 0 && rc != SQLITE_DONE)
		result = store_handle_fail(s, "query");
	sqlite3_finalize(stmt);
	return result;
}

int store_calls(struct store *s, const struct store_call_query *q, store_row_fn *fn, void *context)
{
	struct filter f;
	struct place at = {.set = false};
	int result = filter_init(s, q, &f);
	if (result == 0 && q->limit > 0)
		result = find_start(s, &f, q->limit, &at);
	for (bool more = true; result == 0 && more;) {
		json_t *page = json_array();
		result = page ? read_page(s, &f, &at, page) : out_of_memory(s);
		more = json_array_size(page) == PAGE_ROWS;
		for (size_t i = 0; result == 0 && i < json_array_size(page); i++)
			if (fn(context, json_array_get(page, i)) != 0) {
				more = false;
				break;
			}
		json_decref(page);
	}
	return result;
}

/* ---- groups ---- */

static const struct column group_columns[] = {
	{"calls", COLUMN_INTEGER, .required = false}, {"failed", COLUMN_INTEGER, .required = false}, {"clients", COLUMN_INTEGER, .required = false}, {"servers", COLUMN_INTEGER, .required = false},
	{"mean_us", COLUMN_INTEGER, .required = false}, {"longest_us", COLUMN_INTEGER, .required = false}, {"first", COLUMN_TEXT, .required = false}, {"last", COLUMN_TEXT, .required = false}};
enum { GROUP_COLUMNS = sizeof group_columns / sizeof *group_columns };

/* "server" is what a reader calls it: as in the view `inventory`. */
#define SERVER_SQL "coalesce(calls.host, calls.server_ip || ' ' || calls.server_port)"

static const char *group_value(const char *field, char sql[64], enum column_type *ret_type)
{
	*ret_type = COLUMN_TEXT;
	if (strcmp(field, "server") == 0)
		return SERVER_SQL;
	for (int i = 0; i < COLUMNS; i++)
		if (strcmp(columns[i].name, field) == 0) {
			*ret_type = columns[i].type;
			snprintf(sql, 64, "calls.%s", columns[i].name);
			return sql;
		}
	return NULL;
}

static json_t *group_row(sqlite3_stmt *stmt, enum column_type type)
{
	json_t *row = json_object();
	bool failed = !row || json_object_set_new(row, "value", store_column_value(stmt, 0, type)) != 0;
	for (int i = 0; i < GROUP_COLUMNS && !failed; i++)
		failed = json_object_set_new(row, group_columns[i].name, store_column_value(stmt, i + 1, group_columns[i].type)) != 0;
	if (failed) {
		json_decref(row);
		return NULL;
	}
	return row;
}

int store_calls_group(struct store *s, const struct store_call_query *q, const char *field, store_row_fn *fn, void *context)
{
	struct filter f;
	enum column_type type;
	char column[64], sql[sizeof f.sql + 1024];
	const char *value = group_value(field, column, &type);
	if (!value)
		return refuse(s, "no such field; docs/audit.md lists them");
	int result = filter_init(s, q, &f);
	if (result != 0)
		return result;
	snprintf(sql, sizeof sql,
	         "SELECT %s, count(*), sum(outcome NOT IN ('ok', 'input-required', 'task')), count(DISTINCT client_ip), count(DISTINCT " SERVER_SQL
	         "), CAST(avg(duration_us) AS INTEGER), max(duration_us), min(time), max(time) FROM calls%s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %lld",
	         value, f.sql, q->limit > 0 ? (long long)q->limit : -1LL);
	sqlite3_stmt *stmt = prepare(s, sql, &f);
	if (!stmt)
		return FAIL_DATABASE;
	json_t *rows = json_array();
	int rc;
	result = rows ? 0 : out_of_memory(s);
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
