/* Event -> what alerts say of it in all formats alike, so that two of them cannot tell two stories. Called by the
 * formats. Judges nothing: verdict, confidence and severity are the event's own. */
#include "alert_facts.h"
#include "addr.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *fact_text(const json_t *event, const char *name)
{
	return json_string_value(json_object_get(event, name));
}

json_int_t fact_number(const json_t *event, const char *name, const char *member)
{
	const json_t *v = json_object_get(event, name);
	return json_integer_value(member ? json_object_get(v, member) : v);
}

bool fact_flag(const json_t *event, const char *name)
{
	return json_is_true(json_object_get(event, name));
}

/* Always 27 characters (docs/events.md). Not read by rfc3339_parse: captures may claim times before 1970. */
bool fact_time_us(const json_t *event, const char *name, int64_t *ret)
{
	const char *text = fact_text(event, name);
	struct tm tm = {0};
	int us, end = 0;
	if (!text ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		   &tm.tm_min, &tm.tm_sec, &us, &end) != 7 ||
	    end != 27 || text[27])
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret = (int64_t)timegm(&tm) * 1000000 + us;
	return true;
}

enum severity fact_severity(const json_t *event)
{
	const char *text = fact_text(event, "severity");
	for (int s = SEVERITY_HIGH; text && s > SEVERITY_INFO; s--)
		if (strcmp(text, severity_name((enum severity)s)) == 0)
			return (enum severity)s;
	return SEVERITY_INFO;
}

const struct alert_title *fact_title(const json_t *event)
{
	static const struct alert_title titles[KIND_COUNT][VERDICT_COUNT] = {
	    [KIND_CONNECTION] =
		{
		    [VERDICT_UNAUTHORIZED] = {"Unauthorized MCP server", "mcp-unauthorized", "MCP::Unauthorized_Server",
					      9100001},
		    [VERDICT_VIOLATION] = {"MCP policy violation", "mcp-violation", "MCP::Policy_Violation", 9100002},
		    [VERDICT_APPROVED] = {"Approved MCP server", "mcp-approved", "MCP::Approved_Server", 9100003},
		},
	    [KIND_CONNECTOR] =
		{
		    [VERDICT_UNAUTHORIZED] = {"Unauthorized MCP connector", "mcp-connector-unauthorized",
					      "MCP::Unauthorized_Connector", 9100011},
		    [VERDICT_VIOLATION] = {"MCP connector policy violation", "mcp-connector-violation",
					   "MCP::Connector_Policy_Violation", 9100012},
		    [VERDICT_APPROVED] = {"Approved MCP connector", "mcp-connector-approved", "MCP::Approved_Connector",
					  9100013},
		},
	    [KIND_TOOL_CHANGE] =
		{
		    [VERDICT_UNAUTHORIZED] = {"Changed tools of an unauthorized MCP server",
					      "mcp-tool-change-unauthorized", "MCP::Unauthorized_Server_Tools_Changed",
					      9100021},
		    [VERDICT_VIOLATION] = {"Changed tools of an MCP server, in breach of policy",
					   "mcp-tool-change-violation", "MCP::Policy_Violation_Tools_Changed", 9100022},
		    [VERDICT_APPROVED] = {"Changed tools of an approved MCP server", "mcp-tool-change-approved",
					  "MCP::Approved_Server_Tools_Changed", 9100023},
		},
	};
	const char *kind = fact_text(event, "kind"), *verdict = fact_text(event, "verdict");
	int k = KIND_CONNECTION, v = VERDICT_UNAUTHORIZED;
	for (int i = 0; kind && i < KIND_COUNT; i++)
		if (strcmp(kind, event_kind_name((enum event_kind)i)) == 0)
			k = i;
	for (int i = 0; verdict && i < VERDICT_COUNT; i++)
		if (strcmp(verdict, verdict_name((enum verdict)i)) == 0)
			v = i;
	return &titles[k][v];
}

const char *fact_authority(const json_t *event)
{
	const char *host = fact_text(event, "host");
	return host && host[0] ? host : fact_text(event, "sni");
}

void fact_server(const json_t *event, struct alert_server *ret)
{
	*ret = (struct alert_server){.port = 0};
	const char *authority = fact_authority(event);
	struct slice name;
	struct ip_addr address;
	if (!authority || !authority_split(slice_str(authority), &name, &ret->port) || ip_addr_parse(name, &address))
		return;
	if (!hostname_normalize(name, ret->name))
		ret->name[0] = 0;
}

const char *fact_scheme(const json_t *event)
{
	const char *transport = fact_text(event, "transport");
	bool secure = fact_flag(event, "encrypted");
	if (transport && strcmp(transport, "websocket") == 0)
		return secure ? "wss" : "ws";
	if (!fact_text(event, "http_version") && !fact_text(event, "path"))
		return NULL;
	return secure ? "https" : "http";
}

bool fact_url(const json_t *event, struct line *l, int how)
{
	const char *scheme = fact_scheme(event), *host = fact_text(event, "host"), *path = fact_text(event, "path");
	if (!scheme || !host || !host[0] || !path || path[0] != '/')
		return false;
	line_printf(l, "%s://", scheme);
	line_text(l, host, how);
	line_text(l, path, how);
	return true;
}

bool fact_vlan(const json_t *event, size_t n, json_int_t *ret)
{
	size_t i;
	json_t *layer;
	json_array_foreach(json_object_get(event, "encapsulation"), i, layer) {
		const char *text = json_string_value(layer);
		int id;
		if (text && sscanf(text, "vlan:%d", &id) == 1 && n-- == 0) {
			*ret = id;
			return true;
		}
	}
	return false;
}

bool fact_on_interface(const json_t *event)
{
	const char *capture = fact_text(event, "capture");
	return capture && strlen(capture) < 16 && !strchr(capture, '/') && !strstr(capture, ".pcap") &&
	       !strstr(capture, ".cap");
}

bool fact_is_ip6(const char *address)
{
	return address && strchr(address, ':');
}

static void put_endpoint(struct line *l, const json_t *event, const char *ip, const char *port)
{
	const char *address = fact_text(event, ip);
	line_puts(l, fact_is_ip6(address) ? "[" : "");
	line_name(l, address ? address : "?");
	line_printf(l, "%s:%" JSON_INTEGER_FORMAT, fact_is_ip6(address) ? "]" : "", fact_number(event, port, NULL));
}

void fact_summary(const struct alert *a, struct line *l)
{
	const json_t *e = a->event;
	const char *authority = fact_authority(e), *path = fact_text(e, "path");
	line_printf(l, "%s: ", fact_title(e)->title);
	put_endpoint(l, e, "client_ip", "client_port");
	line_puts(l, " -> ");
	if (authority) {
		line_name(l, authority);
		line_puts(l, " (");
	}
	put_endpoint(l, e, "server_ip", "server_port");
	line_puts(l, authority ? ")" : "");
	if (path) {
		line_puts(l, " ");
		line_name(l, path);
	}
	line_puts(l, ", ");
	line_name(l, fact_text(e, "confidence") ? fact_text(e, "confidence") : "?");
	line_puts(l, ", ");
	line_name(l, fact_text(e, "stage") ? fact_text(e, "stage") : "?");
}

char *fact_summary_text(const struct alert *a)
{
	struct line l = {0};
	size_t n;
	fact_summary(a, &l);
	return line_take(&l, &n);
}
