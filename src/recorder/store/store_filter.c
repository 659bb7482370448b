#include "store_filter.h"
#include "status.h"
#include "store_ack_sql.h"
#include "text.h"
#include <stdio.h>

static void bind(struct store_filter *f, const char *value)
{
	f->binds[f->n_binds++] = value;
}

static void condition(struct store_filter *f, const char *sql)
{
	text_append(f->sql, sizeof f->sql, &f->n, "%s(%s)", f->n ? " AND " : " WHERE ", sql);
}

/* An address is compared as text, so that the index serves; IPv4 also in the form that IPv6 sockets give it
 * (RFC 4291 2.5.5.2), as a network would match it. A network needs the function. */
static int address_condition(struct store_filter *f, int which, const char *value, char error[STORE_ERROR_TEXT])
{
	static const char *const equal[2] = {"events.client_ip IN (?, ?)", "events.server_ip IN (?, ?)"};
	static const char *const within[2] = {"addr_in(events.client_ip, ?)", "addr_in(events.server_ip, ?)"};
	struct ip_addr a;
	struct ip_net net;
	if (ip_addr_parse(slice_str(value), &a)) {
		struct ip_addr mapped = a;
		if (a.family == 4) {
			mapped = (struct ip_addr){.family = 6, .b = {[10] = 0xff, [11] = 0xff}};
			memcpy(mapped.b + 12, a.b, 4);
		}
		ip_addr_format(&a, f->address[which][0]);
		ip_addr_format(&mapped, f->address[which][1]);
		condition(f, equal[which]);
		bind(f, f->address[which][0]);
		bind(f, f->address[which][1]);
		return 0;
	}
	if (!ip_net_parse(slice_str(value), &net)) {
		snprintf(error, STORE_ERROR_TEXT, "%s: not an address or a network (10.0.0.0/8, host bits zero)",
		         which == 0 ? "client" : "server");
		return FAIL_CONFIG;
	}
	condition(f, within[which]);
	bind(f, value);
	return 0;
}

static int host_condition(struct store_filter *f, const char *host, char error[STORE_ERROR_TEXT])
{
	struct ip_addr a;
	if (ip_addr_parse(slice_str(host), &a)) {
		ip_addr_format(&a, f->host);
	} else if (!hostname_pattern_normalize(slice_str(host), f->host)) {
		snprintf(error, STORE_ERROR_TEXT, "host: not a host name (mcp.example.com, *.example.com) or an address");
		return FAIL_CONFIG;
	}
	condition(f, "host_in(?, events.host) OR host_in(?, events.sni)");
	bind(f, f->host);
	bind(f, f->host);
	return 0;
}

/* A range over the primary key: hexadecimal digits all sort below 'g'. */
static int id_condition(struct store_filter *f, const char *prefix, char error[STORE_ERROR_TEXT])
{
	size_t n = strlen(prefix);
	if (n == 0 || n >= EVENT_ID_TEXT || strspn(prefix, "0123456789abcdefABCDEF") != n) {
		snprintf(error, STORE_ERROR_TEXT, "event id: not the beginning of 32 hexadecimal digits");
		return FAIL_CONFIG;
	}
	for (size_t i = 0; i <= n; i++)
		f->id_from[i] = (char)ascii_lower((uint8_t)prefix[i]);
	snprintf(f->id_to, sizeof f->id_to, "%sg", f->id_from);
	condition(f, "events.event_id >= ? AND events.event_id < ?");
	bind(f, f->id_from);
	bind(f, f->id_to);
	return 0;
}

static void time_conditions(struct store_filter *f, const struct store_query *q)
{
	if (q->since_ns) {
		event_time_format(q->since_ns, f->since);
		condition(f, "events.last_seen >= ?");
		bind(f, f->since);
	}
	if (q->until_ns) {
		event_time_format(q->until_ns, f->until);
		condition(f, "events.first_seen < ?");
		bind(f, f->until);
	}
}

static void judgement_conditions(struct store_filter *f, const struct store_query *q)
{
	if (q->verdict) {
		condition(f, "events.verdict = ?");
		bind(f, q->verdict);
	} else if (!q->all) {
		condition(f, "events.verdict IN ('violation', 'unauthorized') OR events.kind = 'tool-change'");
	}
	if (q->min_confidence == CONFIDENCE_CONFIRMED)
		condition(f, "events.confidence = 'confirmed'");
	else if (q->min_confidence == CONFIDENCE_LIKELY)
		condition(f, "events.confidence IN ('likely', 'confirmed')");
	if (q->kind) {
		condition(f, "events.kind = ?");
		bind(f, q->kind);
	}
}

static void acknowledged_condition(struct store_filter *f, const struct store_query *q)
{
	if (q->acknowledged == ACKNOWLEDGED_TOO)
		return;
	condition(f, q->acknowledged == ACKNOWLEDGED_ONLY
	                 ? "EXISTS (SELECT 1 FROM acknowledgements AS a WHERE " ACK_HOLDS " AND a.until > ?)"
	                 : "NOT EXISTS (SELECT 1 FROM acknowledgements AS a WHERE " ACK_HOLDS " AND a.until > ?)");
	if (q->now_ns)
		event_time_format(q->now_ns, f->now);
	bind(f, f->now);
}

int store_filter_init(const struct store_query *q, struct store_filter *ret, char error[STORE_ERROR_TEXT])
{
	*ret = (struct store_filter){.n = 0};
	time_conditions(ret, q);
	judgement_conditions(ret, q);
	acknowledged_condition(ret, q);
	if (q->client && address_condition(ret, 0, q->client, error) != 0)
		return FAIL_CONFIG;
	if (q->server && address_condition(ret, 1, q->server, error) != 0)
		return FAIL_CONFIG;
	if (q->host && host_condition(ret, q->host, error) != 0)
		return FAIL_CONFIG;
	if (q->event_id && id_condition(ret, q->event_id, error) != 0)
		return FAIL_CONFIG;
	/* The names are strangers': compared with the keys that json_each() unquotes, never made part of a JSON path. */
	if (q->method) {
		condition(ret, "EXISTS (SELECT 1 FROM json_each(events.methods) AS k WHERE k.key = ?)");
		bind(ret, q->method);
	}
	if (q->tool) {
		condition(ret, "EXISTS (SELECT 1 FROM json_each(events.tools_called) AS k WHERE k.key = ?)");
		bind(ret, q->tool);
	}
	if (q->finding) {
		condition(ret, "EXISTS (SELECT 1 FROM json_each(events.findings) AS k WHERE k.value = ?)");
		bind(ret, q->finding);
	}
	return 0;
}

int store_filter_bind(const struct store_filter *f, sqlite3_stmt *stmt)
{
	int rc = SQLITE_OK;
	for (int i = 0; i < f->n_binds && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_text(stmt, i + 1, f->binds[i], -1, SQLITE_STATIC);
	return rc;
}

static struct slice value_slice(sqlite3_value *v)
{
	const unsigned char *p = sqlite3_value_text(v);
	return slice_of(p, p ? (size_t)sqlite3_value_bytes(v) : 0);
}

static void addr_in(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	struct ip_addr a;
	struct ip_net net;
	(void)argc;
	sqlite3_result_int(context, ip_addr_parse(value_slice(argv[0]), &a) && ip_net_parse(value_slice(argv[1]), &net) &&
	                            ip_net_contains(&net, &a));
}

static bool host_matches(struct slice pattern, struct slice authority)
{
	struct slice host;
	uint16_t port;
	struct ip_addr wanted, seen;
	char name[HOSTNAME_TEXT], pattern_text[HOSTNAME_TEXT];
	if (!authority_split(authority, &host, &port))
		return false;
	if (ip_addr_parse(pattern, &wanted))
		return ip_addr_parse(host, &seen) && ip_addr_eq(&wanted, &seen);
	return hostname_normalize(host, name) && hostname_pattern_normalize(pattern, pattern_text) &&
	       hostname_matches(pattern_text, name);
}

static void host_in(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	(void)argc;
	sqlite3_result_int(context, host_matches(value_slice(argv[0]), value_slice(argv[1])));
}

int store_filter_functions(sqlite3 *db)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
	int rc = sqlite3_create_function_v2(db, "addr_in", 2, flags, NULL, addr_in, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_function_v2(db, "host_in", 2, flags, NULL, host_in, NULL, NULL, NULL);
	return rc;
}
