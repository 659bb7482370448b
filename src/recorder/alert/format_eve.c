/* Alert -> Suricata's EVE JSON, event_type "alert", valid against its published schema: that allows no other members
 * than its own, so what MCP is about goes into alert.metadata (arrays of texts, to filter by) and
 * alert.context.shadowtap (typed). Called by alert_format. Does not pretend to be Suricata: no suricata_version, no
 * rule text. */
#include "alert_facts.h"
#include "alert_formats.h"
#include "text.h"
#include <string.h>

/* What EVE has no place for, or only a narrower one. */
static const char *const context_fields[] = {"schema_version",
					     "kind",
					     "event_id",
					     "verdict",
					     "confidence",
					     "stage",
					     "severity",
					     "rule",
					     "reasons",
					     "findings",
					     "unverified",
					     "tags",
					     "direction",
					     "encapsulation",
					     "proxy",
					     "claimed_client",
					     "transport",
					     "http_version",
					     "encrypted",
					     "decrypted",
					     "dns_name",
					     "host",
					     "protocol_version",
					     "protocol_version_requested",
					     "client_name",
					     "client_version",
					     "server_name",
					     "server_version",
					     "joined",
					     "session",
					     "auth",
					     "methods",
					     "server_methods",
					     "tools_called",
					     "resources_read",
					     "prompts_got",
					     "requests",
					     "errors",
					     "payload_bytes",
					     "app_label",
					     "connector",
					     "change",
					     "signature_set",
					     NULL};

/* The schema wants a zone without a colon: 2026-11-22T10:00:00.000000+0000 */
static void put_time(struct tree *t, const char *path, const char *text)
{
	char out[EVENT_TIME_TEXT + 8];
	size_t n = 0;
	if (text && strlen(text) == 27) {
		text_append(out, sizeof out, &n, "%.26s+0000", text);
		tree_text(t, path, out);
	}
}

static void put_app_proto(struct tree *t, const json_t *e)
{
	const char *transport = fact_text(e, "transport"), *version = fact_text(e, "http_version"),
		   *l4 = fact_text(e, "l4");
	const char *proto = NULL;
	if (fact_flag(e, "encrypted") && !fact_flag(e, "decrypted"))
		proto = l4 && strcmp(l4, "udp") == 0 ? "quic" : "tls";
	else if (transport && strcmp(transport, "websocket") == 0)
		proto = "websocket";
	else if (version)
		proto = version[0] == '1' ? "http" : version[0] == '3' ? "http3" : "http2";
	tree_text(t, "app_proto", proto);
}

static void put_connection(struct tree *t, const json_t *e)
{
	const char *l4 = fact_text(e, "l4"), *client = fact_text(e, "client_ip"), *id = fact_text(e, "event_id");
	json_int_t flow = 0, vlan;
	for (int i = 0; id && i < 13 && id[i]; i++) /* 52 bits: JavaScript reads larger integers wrong */
		flow = flow << 4 | (json_int_t)(id[i] <= '9' ? id[i] & 15 : (id[i] & 7) + 9);
	tree_integer(t, "flow_id", flow);
	if (fact_on_interface(e)) {
		tree_text(t, "in_iface", fact_text(e, "capture"));
	} else {
		tree_text(t, "pcap_filename", fact_text(e, "capture"));
		tree_copy(t, "pcap_cnt", json_object_get(e, "first_frame"));
	}
	tree_text(t, "src_ip", client);
	tree_copy(t, "src_port", json_object_get(e, "client_port"));
	tree_text(t, "dest_ip", fact_text(e, "server_ip"));
	tree_copy(t, "dest_port", json_object_get(e, "server_port"));
	tree_text(t, "proto", l4 && strcmp(l4, "udp") == 0 ? "UDP" : "TCP");
	tree_integer(t, "ip_v", fact_is_ip6(client) ? 6 : 4);
	for (size_t i = 0; fact_vlan(e, i, &vlan); i++)
		tree_push(t, "vlan", json_integer(vlan));
	tree_text(t, "community_id", fact_text(e, "community_id"));
	tree_text(t, "ether.src_mac", fact_text(e, "client_mac"));
	put_app_proto(t, e);
}

static void put_flow(struct tree *t, const json_t *e)
{
	int64_t start, end;
	tree_integer(t, "flow.pkts_toserver", fact_number(e, "packets", "client"));
	tree_integer(t, "flow.pkts_toclient", fact_number(e, "packets", "server"));
	tree_integer(t, "flow.bytes_toserver", fact_number(e, "bytes", "client"));
	tree_integer(t, "flow.bytes_toclient", fact_number(e, "bytes", "server"));
	put_time(t, "flow.start", fact_text(e, "first_seen"));
	put_time(t, "flow.end", fact_text(e, "last_seen"));
	if (fact_time_us(e, "first_seen", &start) && fact_time_us(e, "last_seen", &end) && end >= start)
		tree_integer(t, "flow.age", (end - start) / 1000000);
	tree_put(t, "flow.alerted", json_true());
}

static void put_tls(struct tree *t, const json_t *e)
{
	char version[80];
	size_t n = 0;
	if (!fact_flag(e, "encrypted"))
		return;
	tree_text(t, "tls.sni", fact_text(e, "sni"));
	if (fact_text(e, "tls_version")) {
		text_append(version, sizeof version, &n, "TLS %s", fact_text(e, "tls_version"));
		tree_text(t, "tls.version", version);
	}
	tree_text(t, "tls.ja4", fact_text(e, "ja4"));
	tree_append(t, "tls.server_alpns", fact_text(e, "alpn"));
}

static void put_http(struct tree *t, const json_t *e)
{
	const char *version = fact_text(e, "http_version"), *host = fact_text(e, "host");
	struct alert_server server;
	if (!version && !host && !fact_text(e, "path"))
		return;
	fact_server(e, &server);
	tree_text(t, "http.hostname", host && server.name[0] ? server.name : host);
	if (host && server.port)
		tree_integer(t, "http.http_port", server.port);
	tree_text(t, "http.url", fact_text(e, "path"));
	tree_text(t, "http.http_user_agent", fact_text(e, "user_agent"));
	if (version && version[0] == '1') {
		char protocol[80];
		size_t n = 0;
		text_append(protocol, sizeof protocol, &n, "HTTP/%s", version);
		tree_text(t, "http.protocol", protocol);
	} else if (version) {
		tree_text(t, "http.version", version[0] == '3' ? "3" : "2");
	}
}

static void put_metadata(struct tree *t, const json_t *e)
{
	/* as the rule sets of the field rate their signatures */
	static const char *const ratings[SEVERITY_COUNT] = {"Informational", "Minor", "Major", "Critical"};
	static const char *const texts[][2] = {
	    {"alert.metadata.mcp_verdict", "verdict"},
	    {"alert.metadata.mcp_confidence", "confidence"},
	    {"alert.metadata.mcp_stage", "stage"},
	    {"alert.metadata.mcp_transport", "transport"},
	    {"alert.metadata.mcp_client", "client_name"},
	    {"alert.metadata.mcp_server", "server_name"},
	    {"alert.metadata.mcp_protocol_version", "protocol_version"},
	    {"alert.metadata.mcp_auth", "auth"},
	    {"alert.metadata.mcp_rule", "rule"},
	};
	tree_append(t, "alert.metadata.signature_severity", ratings[fact_severity(e)]);
	tree_append(t, "alert.metadata.tag", "MCP");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		tree_append(t, texts[i][0], fact_text(e, texts[i][1]));
	tree_names(t, "alert.metadata.mcp_tools", json_object_get(e, "tools_called"));
	tree_copy(t, "alert.metadata.mcp_findings", json_object_get(e, "findings"));
	tree_copy(t, "alert.metadata.mcp_tags", json_object_get(e, "tags"));
	tree_append(t, "alert.metadata.mcp_connector", fact_text(json_object_get(e, "connector"), "vendor"));
	tree_append(t, "alert.metadata.mcp_changed", fact_text(json_object_get(e, "change"), "name"));
	size_t i;
	json_t *reason;
	json_array_foreach(json_object_get(e, "reasons"), i, reason)
		tree_append(t, "alert.metadata.mcp_signatures", fact_text(reason, "signature"));
}

static void put_alert(struct tree *t, const struct alert *a)
{
	static const int priority[SEVERITY_COUNT] = {4, 3, 2, 1};
	const json_t *e = a->event;
	const json_t *claim = json_array_get(json_object_get(e, "claimed_client"), 0);
	char raised[EVENT_TIME_TEXT];
	tree_text(t, "alert.action", "allowed");
	tree_integer(t, "alert.gid", 1);
	tree_integer(t, "alert.signature_id", fact_title(e)->number);
	tree_integer(t, "alert.rev", 1);
	tree_text(t, "alert.signature", fact_title(e)->title);
	tree_text(t, "alert.category", "Potential Corporate Privacy Violation");
	tree_integer(t, "alert.severity", priority[fact_severity(e)]);
	tree_text(t, "alert.xff", fact_text(claim, "address"));
	put_metadata(t, e);
	tree_fields(t, "alert.context.shadowtap", e, context_fields);
	event_time_format(a->raised_ns, raised);
	tree_integer(t, "alert.context.shadowtap.alert.id", (json_int_t)a->id);
	tree_text(t, "alert.context.shadowtap.alert.why", alert_why_name(a->why));
	tree_integer(t, "alert.context.shadowtap.alert.count", (json_int_t)a->count);
	tree_text(t, "alert.context.shadowtap.alert.time", raised);
}

void format_eve(const struct alert *a, struct tree *t)
{
	char raised[EVENT_TIME_TEXT];
	event_time_format(a->raised_ns, raised);
	put_time(t, "timestamp", raised); /* stands where an event has no time */
	put_time(t, "timestamp", fact_text(a->event, "last_seen"));
	tree_text(t, "event_type", "alert");
	tree_text(t, "host", fact_text(a->event, "sensor"));
	put_connection(t, a->event);
	put_alert(t, a);
	put_tls(t, a->event);
	put_http(t, a->event);
	put_flow(t, a->event);
}
