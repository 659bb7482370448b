/* Alert -> Elastic Common Schema 9, nested: what ECS has a field for goes there, what OpenTelemetry names for MCP
 * (mcp.*) goes by that name, the rest below shadowtap.*, our own. Called by alert_format. Names of strangers are
 * values, never members: an index keeps a list of those. */
#include "alert_facts.h"
#include "alert_formats.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What ECS has no place for, or only a narrower one. */
static const char *const own_fields[] = {"schema_version", "kind",
					 "verdict",        "confidence",
					 "stage",          "severity",
					 "reasons",        "findings",
					 "unverified",     "tags",
					 "dns_name",       "encapsulation",
					 "proxy",          "claimed_client",
					 "transport",      "encrypted",
					 "decrypted",      "sni",
					 "host",           "protocol_version_requested",
					 "client_name",    "client_version",
					 "server_name",    "server_version",
					 "joined",         "session",
					 "auth",           "methods",
					 "server_methods", "tools_called",
					 "resources_read", "prompts_got",
					 "connector",      "change",
					 "requests",       "errors",
					 "payload_bytes",  "app_label",
					 "capture",        "first_frame",
					 "signature_set",  NULL};

static void put_event(struct tree *t, const struct alert *a)
{
	static const int risk[SEVERITY_COUNT] = {1, 21, 47, 73}; /* as Elastic's own rules score info to high */
	static const int severity[SEVERITY_COUNT] = {1, 3, 5, 8};
	const json_t *e = a->event;
	const char *stage = fact_text(e, "stage");
	char raised[EVENT_TIME_TEXT];
	int64_t start, end;
	event_time_format(a->raised_ns, raised);
	tree_text(t, "@timestamp", fact_text(e, "last_seen") ? fact_text(e, "last_seen") : raised);
	tree_text(t, "ecs.version", "9.0.0");
	tree_text(t, "event.kind", "alert");
	tree_append(t, "event.category", "network");
	tree_append(t, "event.category", "intrusion_detection");
	tree_append(t, "event.type", "connection");
	tree_append(t, "event.type", "info");
	tree_text(t, "event.action", fact_title(e)->code);
	tree_text(t, "event.module", "shadowtap");
	tree_text(t, "event.dataset", "shadowtap.alert");
	tree_text(t, "event.id", fact_text(e, "event_id"));
	tree_integer(t, "event.sequence", (json_int_t)a->id);
	tree_integer(t, "event.severity", severity[fact_severity(e)]);
	tree_integer(t, "event.risk_score", risk[fact_severity(e)]);
	if (stage && strcmp(stage, "unknown") != 0)
		tree_text(t, "event.outcome", strcmp(stage, "established") == 0 ? "success" : "failure");
	else
		tree_text(t, "event.outcome", "unknown");
	tree_text(t, "event.start", fact_text(e, "first_seen"));
	tree_text(t, "event.end", fact_text(e, "last_seen"));
	tree_text(t, "event.created", raised);
	if (fact_time_us(e, "first_seen", &start) && fact_time_us(e, "last_seen", &end) && end >= start)
		tree_integer(t, "event.duration", (end - start) * 1000);
}

static void put_texts(struct tree *t, const struct alert *a)
{
	const json_t *e = a->event;
	struct line because = {0};
	size_t n;
	char *text = fact_summary_text(a);
	tree_put(t, "message", text ? json_string(text) : NULL);
	free(text);
	if (line_list(&because, json_object_get(e, "reasons"), "detail")) {
		text = line_take(&because, &n);
		tree_put(t, "event.reason", text ? json_string(text) : NULL);
		free(text);
	}
	tree_text(t, "rule.id", fact_text(e, "rule"));
	tree_text(t, "rule.name", fact_title(e)->title);
	tree_text(t, "rule.category", fact_text(e, "verdict"));
	tree_text(t, "rule.version", fact_text(e, "signature_set"));
	tree_append(t, "tags", "mcp");
	size_t i;
	json_t *tag;
	json_array_foreach(json_object_get(e, "tags"), i, tag)
		tree_append(t, "tags", json_string_value(tag));
}

static void put_observer(struct tree *t, const json_t *e, const struct alert_sender *who)
{
	tree_text(t, "observer.name", fact_text(e, "sensor"));
	tree_text(t, "observer.hostname", who->host);
	tree_text(t, "observer.type", "sensor");
	tree_text(t, "observer.vendor", "shadowtap");
	tree_text(t, "observer.product", "shadowtap");
	tree_text(t, "observer.version", who->version);
	if (fact_on_interface(e))
		tree_text(t, "observer.ingress.interface.name", fact_text(e, "capture"));
}

static void put_ends(struct tree *t, const json_t *e)
{
	const char *mac = fact_text(e, "client_mac");
	struct alert_server server;
	fact_server(e, &server);
	tree_text(t, "source.address", fact_text(e, "client_ip"));
	tree_text(t, "source.ip", fact_text(e, "client_ip"));
	tree_copy(t, "source.port", json_object_get(e, "client_port"));
	tree_integer(t, "source.bytes", fact_number(e, "bytes", "client"));
	tree_integer(t, "source.packets", fact_number(e, "packets", "client"));
	if (mac && strlen(mac) == 17) {
		char text[18]; /* ECS wants RFC 7042: upper case, hyphens */
		for (int i = 0; i < 18; i++)
			text[i] = mac[i] == ':' ? '-' : (char)toupper((unsigned char)mac[i]);
		tree_text(t, "source.mac", text);
	}
	tree_text(t, "destination.address", server.name[0] ? server.name : fact_text(e, "server_ip"));
	tree_text(t, "destination.domain", server.name[0] ? server.name : NULL);
	tree_text(t, "destination.ip", fact_text(e, "server_ip"));
	tree_copy(t, "destination.port", json_object_get(e, "server_port"));
	tree_integer(t, "destination.bytes", fact_number(e, "bytes", "server"));
	tree_integer(t, "destination.packets", fact_number(e, "packets", "server"));
	tree_append(t, "related.ip", fact_text(e, "client_ip"));
	tree_append(t, "related.ip", fact_text(e, "server_ip"));
	size_t i;
	json_t *claim;
	json_array_foreach(json_object_get(e, "claimed_client"), i, claim)
		tree_append(t, "related.ip", fact_text(claim, "address"));
	tree_append(t, "related.hosts", server.name[0] ? server.name : NULL);
	tree_append(t, "related.hosts", fact_text(e, "dns_name"));
}

static void put_vlan(struct tree *t, const json_t *e, size_t i, const char *path)
{
	json_int_t vlan;
	struct line text = {0};
	if (!fact_vlan(e, i, &vlan))
		return;
	line_printf(&text, "%" JSON_INTEGER_FORMAT, vlan);
	tree_put(t, path, text.failed ? NULL : json_string(text.text));
	line_done(&text);
}

static void put_network(struct tree *t, const json_t *e)
{
	const char *version = fact_text(e, "http_version"), *l4 = fact_text(e, "l4");
	const json_t *claim = json_array_get(json_object_get(e, "claimed_client"), 0);
	bool secret = fact_flag(e, "encrypted") && !fact_flag(e, "decrypted");
	tree_text(t, "network.transport", l4);
	tree_text(t, "network.type", fact_is_ip6(fact_text(e, "client_ip")) ? "ipv6" : "ipv4");
	if (secret)
		tree_text(t, "network.protocol", l4 && strcmp(l4, "udp") == 0 ? "quic" : "tls");
	else
		tree_text(t, "network.protocol", version ? "http" : NULL);
	tree_text(t, "network.application", "mcp");
	tree_text(t, "network.direction", fact_text(e, "direction"));
	tree_text(t, "network.community_id", fact_text(e, "community_id"));
	tree_integer(t, "network.bytes", fact_number(e, "bytes", "client") + fact_number(e, "bytes", "server"));
	tree_integer(t, "network.packets", fact_number(e, "packets", "client") + fact_number(e, "packets", "server"));
	tree_text(t, "network.forwarded_ip", fact_text(claim, "address"));
	put_vlan(t, e, 0, "network.vlan.id");
	put_vlan(t, e, 1, "network.inner.vlan.id");
}

static void put_web(struct tree *t, const json_t *e)
{
	const char *version = fact_text(e, "http_version");
	struct alert_server server;
	struct line url = {0};
	size_t n;
	fact_server(e, &server);
	if (fact_flag(e, "encrypted")) {
		tree_text(t, "tls.client.server_name", fact_text(e, "sni"));
		tree_text(t, "tls.version", fact_text(e, "tls_version"));
		tree_text(t, "tls.version_protocol", fact_text(e, "tls_version") ? "tls" : NULL);
		tree_text(t, "tls.next_protocol", fact_text(e, "alpn"));
		tree_text(t, "shadowtap.tls.client.ja4", fact_text(e, "ja4"));
	}
	if (fact_url(e, &url, 0)) {
		char *text = line_take(&url, &n);
		if (text)
			tree_text(t, "url.full", text);
		else
			t->failed = true;
		free(text);
	}
	if (fact_text(e, "host") || fact_text(e, "path")) {
		tree_text(t, "url.scheme", fact_scheme(e));
		tree_text(t, "url.domain", fact_text(e, "host") && server.name[0] ? server.name : NULL);
		if (fact_text(e, "host") && server.port)
			tree_integer(t, "url.port", server.port);
		tree_text(t, "url.path", fact_text(e, "path"));
	}
	tree_text(t, "http.version", version && strcmp(version, "h2c") == 0 ? "2" : version);
	tree_text(t, "user_agent.original", fact_text(e, "user_agent"));
}

/* One tool has a field; ECS gives it no array. */
static void put_mcp(struct tree *t, const json_t *e)
{
	const json_t *tools = json_object_get(e, "tools_called");
	tree_text(t, "mcp.protocol.version", fact_text(e, "protocol_version"));
	tree_names(t, "mcp.method.name", json_object_get(e, "methods"));
	if (json_object_size(tools) == 1)
		tree_text(t, "gen_ai.tool.name", json_object_iter_key(json_object_iter((json_t *)tools)));
	tree_text(t, "gen_ai.agent.name", fact_text(e, "client_name"));
}

void format_ecs(const struct alert *a, const struct alert_sender *who, struct tree *t)
{
	put_event(t, a);
	put_texts(t, a);
	put_observer(t, a->event, who);
	put_ends(t, a->event);
	put_network(t, a->event);
	put_web(t, a->event);
	put_mcp(t, a->event);
	tree_fields(t, "shadowtap", a->event, own_fields);
	tree_integer(t, "shadowtap.alert.id", (json_int_t)a->id);
	tree_text(t, "shadowtap.alert.why", alert_why_name(a->why));
	tree_integer(t, "shadowtap.alert.count", (json_int_t)a->count);
}
