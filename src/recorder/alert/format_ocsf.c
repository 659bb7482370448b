/* Alert -> OCSF 1.8, class Detection Finding (2004) with the security_control profile: the connection as its evidence,
 * what MCP is about below unmapped.shadowtap, because that class takes no profile that knows MCP. Called by
 * alert_format. A finding is a client, a server and a verdict: later alerts of the three update it. */
#include "alert_facts.h"
#include "alert_formats.h"
#include "alert_rules_raise.h"
#include <stdlib.h>
#include <string.h>

/* Where the class has no place, or only a narrower one. */
static const char *const unmapped_fields[] = {"schema_version",
					      "kind",
					      "verdict",
					      "confidence",
					      "stage",
					      "severity",
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
					      "sni",
					      "alpn",
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
					      "packets",
					      "bytes",
					      "payload_bytes",
					      "app_label",
					      "connector",
					      "change",
					      "capture",
					      "first_frame",
					      NULL};

/* An id and the caption that belongs to it. */
struct rating {
	int id;
	const char *caption;
};

static void put_rating(struct tree *t, const char *id_path, const char *path, struct rating r)
{
	tree_integer(t, id_path, r.id);
	tree_text(t, path, r.caption);
}

static void put_class(struct tree *t, const struct alert *a)
{
	bool first = a->why == ALERT_NEW;
	put_rating(t, "activity_id", "activity_name",
		   first ? (struct rating){1, "Create"} : (struct rating){2, "Update"});
	put_rating(t, "category_uid", "category_name", (struct rating){2, "Findings"});
	put_rating(t, "class_uid", "class_name", (struct rating){2004, "Detection Finding"});
	put_rating(t, "type_uid", "type_name",
		   first ? (struct rating){200401, "Detection Finding: Create"}
			 : (struct rating){200402, "Detection Finding: Update"});
	put_rating(t, "status_id", "status", (struct rating){1, "New"});
	put_rating(t, "action_id", "action", (struct rating){3, "Observed"});
	put_rating(t, "disposition_id", "disposition", (struct rating){19, "Alert"});
	tree_put(t, "is_alert", json_true());
}

static void put_grades(struct tree *t, const json_t *e)
{
	static const struct rating severities[SEVERITY_COUNT] = {
	    {1, "Informational"}, {2, "Low"}, {3, "Medium"}, {4, "High"}};
	static const struct rating risks[SEVERITY_COUNT] = {{0, "Info"}, {1, "Low"}, {2, "Medium"}, {3, "High"}};
	static const int scores[SEVERITY_COUNT] = {1, 21, 47, 73};
	static const struct rating confidences[CONFIDENCE_COUNT] = {[CONFIDENCE_POSSIBLE] = {1, "Low"},
								    [CONFIDENCE_LIKELY] = {2, "Medium"},
								    [CONFIDENCE_CONFIRMED] = {3, "High"}};
	const char *confidence = fact_text(e, "confidence");
	put_rating(t, "severity_id", "severity", severities[fact_severity(e)]);
	put_rating(t, "risk_level_id", "risk_level", risks[fact_severity(e)]);
	tree_integer(t, "risk_score", scores[fact_severity(e)]);
	for (int c = 0; confidence && c < CONFIDENCE_COUNT; c++)
		if (confidences[c].caption && strcmp(confidence, confidence_name((enum confidence)c)) == 0)
			put_rating(t, "confidence_id", "confidence", confidences[c]);
}

static void put_ms(struct tree *t, const char *path, const json_t *e, const char *field)
{
	int64_t us;
	if (fact_time_us(e, field, &us))
		tree_integer(t, path, us / 1000);
}

/* Takes the line. */
static void put_line(struct tree *t, const char *path, struct line *l)
{
	size_t n;
	char *text = line_take(l, &n);
	if (text)
		tree_text(t, path, text);
	else
		t->failed = true;
	free(text);
}

static void put_metadata(struct tree *t, const struct alert *a, const struct alert_sender *who)
{
	const json_t *e = a->event;
	struct line uid = {0};
	tree_text(t, "metadata.version", "1.8.0");
	tree_text(t, "metadata.product.name", "shadowtap");
	tree_text(t, "metadata.product.vendor_name", "shadowtap");
	tree_text(t, "metadata.product.version", who->version);
	tree_append(t, "metadata.profiles", "security_control");
	line_printf(&uid, "%s-%" JSON_INTEGER_FORMAT, fact_text(e, "event_id") ? fact_text(e, "event_id") : "",
		    (json_int_t)a->id);
	put_line(t, "metadata.uid", &uid);
	tree_text(t, "metadata.original_event_uid", fact_text(e, "event_id"));
	tree_text(t, "metadata.original_time", fact_text(e, "last_seen"));
	tree_integer(t, "metadata.sequence", (json_int_t)a->id);
	tree_text(t, "metadata.event_code", fact_title(e)->code);
	tree_text(t, "metadata.log_name", "shadowtap");
	tree_text(t, "metadata.log_provider", fact_text(e, "sensor"));
	tree_text(t, "metadata.reporter.hostname", who->host);
	tree_text(t, "metadata.reporter.name", fact_text(e, "sensor"));
}

static void put_finding(struct tree *t, const struct alert *a)
{
	const json_t *e = a->event, *reason = json_array_get(json_object_get(e, "reasons"), 0);
	const char *client = fact_text(e, "client_ip"), *verdict = fact_text(e, "verdict");
	struct line line = {0};
	char authority[ALERT_AUTHORITY_TEXT];
	alert_rules_authority(e, authority); /* the three by which the rules tell a new alert from an update */
	line_text(&line, client ? client : "", 0);
	line_puts(&line, " ");
	line_text(&line, authority, 0);
	line_puts(&line, " ");
	line_text(&line, verdict ? verdict : "", 0);
	put_line(t, "finding_info.uid", &line);
	tree_text(t, "finding_info.title", fact_title(e)->title);
	tree_append(t, "finding_info.types", fact_title(e)->code);
	if (line_list(&line, json_object_get(e, "reasons"), "detail"))
		put_line(t, "finding_info.desc", &line);
	put_ms(t, "finding_info.first_seen_time", e, "first_seen");
	put_ms(t, "finding_info.last_seen_time", e, "last_seen");
	tree_append(t, "finding_info.data_sources", "network");
	put_rating(t, "finding_info.analytic.type_id", "finding_info.analytic.type", (struct rating){1, "Rule"});
	tree_text(t, "finding_info.analytic.name", fact_title(e)->title);
	tree_text(t, "finding_info.analytic.uid", fact_text(reason, "signature"));
	tree_text(t, "finding_info.analytic.version", fact_text(e, "signature_set"));
	if (fact_text(e, "rule")) {
		tree_text(t, "policy.uid", fact_text(e, "rule"));
		tree_text(t, "policy.name", "Approved MCP servers");
		tree_put(t, "policy.is_applied", json_true());
	}
}

static void put_endpoints(struct tree *evidence, const json_t *e)
{
	struct alert_server server;
	json_int_t vlan;
	fact_server(e, &server);
	tree_text(evidence, "src_endpoint.ip", fact_text(e, "client_ip"));
	tree_copy(evidence, "src_endpoint.port", json_object_get(e, "client_port"));
	tree_text(evidence, "src_endpoint.mac", fact_text(e, "client_mac"));
	if (fact_vlan(e, 0, &vlan)) {
		struct line text = {0};
		line_printf(&text, "%" JSON_INTEGER_FORMAT, vlan);
		put_line(evidence, "src_endpoint.vlan_uid", &text);
	}
	tree_text(evidence, "dst_endpoint.ip", fact_text(e, "server_ip"));
	tree_copy(evidence, "dst_endpoint.port", json_object_get(e, "server_port"));
	tree_text(evidence, "dst_endpoint.hostname", server.name[0] ? server.name : NULL);
	if (json_is_object(json_object_get(e, "proxy"))) {
		tree_text(evidence, "dst_endpoint.proxy_endpoint.ip", fact_text(e, "server_ip"));
		tree_copy(evidence, "dst_endpoint.proxy_endpoint.port", json_object_get(e, "server_port"));
	}
}

static struct rating direction_of(const json_t *e)
{
	const char *direction = fact_text(e, "direction");
	if (!direction)
		return (struct rating){0, "Unknown"};
	if (strcmp(direction, "inbound") == 0)
		return (struct rating){1, "Inbound"};
	if (strcmp(direction, "outbound") == 0)
		return (struct rating){2, "Outbound"};
	if (strcmp(direction, "internal") == 0)
		return (struct rating){3, "Lateral"};
	return (struct rating){99, "External"};
}

static void put_connection(struct tree *evidence, const json_t *e)
{
	const char *l4 = fact_text(e, "l4");
	bool udp = l4 && strcmp(l4, "udp") == 0, ip6 = fact_is_ip6(fact_text(e, "client_ip"));
	put_rating(evidence, "connection_info.direction_id", "connection_info.direction", direction_of(e));
	tree_integer(evidence, "connection_info.protocol_num", udp ? 17 : 6);
	tree_text(evidence, "connection_info.protocol_name", udp ? "udp" : "tcp");
	put_rating(evidence, "connection_info.protocol_ver_id", "connection_info.protocol_ver",
		   ip6 ? (struct rating){6, "Internet Protocol version 6 (IPv6)"}
		       : (struct rating){4, "Internet Protocol version 4 (IPv4)"});
	tree_text(evidence, "connection_info.community_uid", fact_text(e, "community_id"));
	tree_text(evidence, "connection_info.uid", fact_text(e, "event_id"));
}

/* t13d1516h2_8daaf6152771_b186095e22b6: three sections. */
static void put_ja4(struct tree *evidence, const char *ja4)
{
	static const char *const sections[] = {"section_a", "section_b", "section_c"};
	struct tree print;
	if (!ja4)
		return;
	tree_init(&print);
	put_rating(&print, "type_id", "type", (struct rating){1, "JA4"});
	tree_text(&print, "value", ja4);
	const char *at = ja4;
	for (size_t i = 0; i < 3; i++) {
		struct line section = {0};
		size_t n = strcspn(at, "_");
		line_put(&section, at, n);
		put_line(&print, sections[i], &section);
		at += n + (at[n] == '_');
	}
	if (print.failed)
		evidence->failed = true;
	tree_push(evidence, "ja4_fingerprint_list", print.root);
}

static void put_url(struct tree *evidence, const json_t *e)
{
	struct alert_server server;
	struct tree url;
	struct line text = {0};
	if (!fact_text(e, "path"))
		return;
	tree_init(&url);
	fact_server(e, &server);
	tree_text(&url, "scheme", fact_scheme(e));
	tree_text(&url, "hostname", server.name[0] ? server.name : NULL);
	if (server.port)
		tree_integer(&url, "port", server.port);
	tree_text(&url, "path", fact_text(e, "path"));
	if (fact_url(e, &text, 0))
		put_line(&url, "url_string", &text);
	if (url.failed)
		evidence->failed = true;
	tree_put(evidence, "http_request.url", url.root);
}

static void put_http(struct tree *evidence, const json_t *e)
{
	const char *version = fact_text(e, "http_version");
	put_url(evidence, e);
	tree_text(evidence, "http_request.user_agent", fact_text(e, "user_agent"));
	tree_text(evidence, "http_request.version", version && strcmp(version, "h2c") == 0 ? "2" : version);
	size_t i;
	json_t *claim;
	json_array_foreach(json_object_get(e, "claimed_client"), i, claim) {
		const char *source = fact_text(claim, "source");
		if (source && strcmp(source, "x-forwarded-for") == 0)
			tree_append(evidence, "http_request.x_forwarded_for", fact_text(claim, "address"));
	}
}

static void put_evidence(struct tree *t, const json_t *e)
{
	struct tree evidence;
	tree_init(&evidence);
	tree_text(&evidence, "uid", fact_text(e, "event_id"));
	put_endpoints(&evidence, e);
	put_connection(&evidence, e);
	if (fact_flag(e, "encrypted")) {
		if (fact_text(e, "tls_version")) { /* the object requires it; the SNI is below unmapped as well */
			tree_text(&evidence, "tls.version", fact_text(e, "tls_version"));
			tree_text(&evidence, "tls.sni", fact_text(e, "sni"));
		}
		put_ja4(&evidence, fact_text(e, "ja4"));
	}
	put_http(&evidence, e);
	if (evidence.failed)
		t->failed = true;
	tree_push(t, "evidences", evidence.root);
}

void format_ocsf(const struct alert *a, const struct alert_sender *who, struct tree *t)
{
	struct line summary = {0};
	put_class(t, a);
	put_grades(t, a->event);
	tree_integer(t, "time", a->raised_ns / 1000000);
	put_ms(t, "start_time", a->event, "first_seen");
	put_ms(t, "end_time", a->event, "last_seen");
	tree_integer(t, "count", (json_int_t)a->count);
	fact_summary(a, &summary);
	put_line(t, "message", &summary);
	put_metadata(t, a, who);
	put_finding(t, a);
	put_evidence(t, a->event);
	tree_fields(t, "unmapped.shadowtap", a->event, unmapped_fields);
	tree_text(t, "unmapped.shadowtap.alert.why", alert_why_name(a->why));
}
