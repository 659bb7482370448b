/* Alert -> ArcSight CEF 0: header of seven fields, then key=value with the keys of its dictionary; what has none goes
 * into custom strings with labels and into keys of our own (shadowtap...). Called by alert_format. Key facts first, so
 * that a cut by syslog costs least. */
#include "alert_facts.h"
#include "alert_formats.h"
#include <inttypes.h>
#include <string.h>

static void put_key(struct line *l, const char *key)
{
	line_printf(l, " %s=", key);
}

static void put_text(struct line *l, const char *key, const char *text)
{
	if (!text || !text[0])
		return;
	put_key(l, key);
	line_text(l, text, LINE_SPELL | LINE_CEF_VALUE);
}

static void put_number(struct line *l, const char *key, json_int_t value)
{
	line_printf(l, " %s=%" JSON_INTEGER_FORMAT, key, value);
}

/* What was spelt out on a line of its own; that line is empty afterwards. */
static void put_line(struct line *l, const char *key, struct line *value)
{
	if (value->failed)
		l->failed = true;
	if (value->n) {
		put_key(l, key);
		line_text(l, value->text, LINE_CEF_VALUE);
	}
	line_done(value);
}

static void put_list(struct line *l, const char *key, const json_t *list, const char *member)
{
	struct line value = {0};
	line_list(&value, list, member);
	put_line(l, key, &value);
}

static void put_time(struct line *l, const char *key, const json_t *e, const char *field)
{
	int64_t us;
	if (fact_time_us(e, field, &us))
		put_number(l, key, us / 1000);
}

static void put_header(struct line *l, const json_t *e, const struct alert_sender *who)
{
	static const int severity[SEVERITY_COUNT] = {1, 3, 5, 8}; /* low is 0-3, medium 4-6, high 7-8 */
	line_puts(l, "CEF:0|shadowtap|shadowtap|");
	line_text(l, who->version, LINE_SPELL | LINE_CEF_HEADER);
	line_printf(l, "|%s|%s|%d|", fact_title(e)->code, fact_title(e)->title, severity[fact_severity(e)]);
}

/* CEF 0 keeps src and dst for IPv4; IPv6 has custom keys. */
static void put_address(struct line *l, const char *key, const char *key6, const char *label6, const char *address)
{
	if (fact_is_ip6(address)) {
		put_text(l, key6, address);
		line_printf(l, " %sLabel=%s", key6, label6);
	} else {
		put_text(l, key, address);
	}
}

static void put_connection(struct line *l, const json_t *e)
{
	struct alert_server server;
	fact_server(e, &server);
	put_address(l, "src", "c6a2", "Source IPv6 Address", fact_text(e, "client_ip"));
	put_number(l, "spt", fact_number(e, "client_port", NULL));
	put_address(l, "dst", "c6a3", "Destination IPv6 Address", fact_text(e, "server_ip"));
	put_number(l, "dpt", fact_number(e, "server_port", NULL));
	put_text(l, "dhost", server.name);
	const char *l4 = fact_text(e, "l4");
	put_text(l, "proto", l4 && strcmp(l4, "udp") == 0 ? "UDP" : "TCP");
	struct line url = {0};
	if (!fact_url(e, &url, LINE_SPELL))
		line_text(&url, fact_text(e, "path") ? fact_text(e, "path") : "", LINE_SPELL);
	put_line(l, "request", &url);
}

static void put_labelled(struct line *l, const char *key, const char *label, struct line *value)
{
	bool there = value->n > 0;
	put_line(l, key, value);
	if (there)
		line_printf(l, " %sLabel=%s", key, label);
}

static void spell(struct line *value, const char *text)
{
	line_text(value, text ? text : "", LINE_SPELL);
}

static void put_party(struct line *l, const char *key, const char *label, const char *name, const char *version)
{
	struct line value = {0};
	if (name)
		line_name(&value, name);
	if (name && version) {
		line_puts(&value, " ");
		line_name(&value, version);
	}
	put_labelled(l, key, label, &value);
}

static void put_custom_strings(struct line *l, const json_t *e)
{
	struct line value = {0};
	spell(&value, fact_text(e, "confidence"));
	put_labelled(l, "cs1", "confidence", &value);
	spell(&value, fact_text(e, "stage"));
	put_labelled(l, "cs2", "stage", &value);
	line_list(&value, json_object_get(e, "tools_called"), NULL);
	put_labelled(l, "cs3", "tools", &value);
	put_party(l, "cs4", "mcpClient", fact_text(e, "client_name"), fact_text(e, "client_version"));
	put_party(l, "cs5", "mcpServer", fact_text(e, "server_name"), fact_text(e, "server_version"));
	spell(&value, fact_text(e, "rule"));
	put_labelled(l, "cs6", "rule", &value);
}

/* Keys that the dictionary lacks, under our name so that they meet nobody else's. */
static void put_own(struct line *l, const json_t *e)
{
	static const struct {
		const char *key, *field, *member;
	} lists[] = {
	    {"shadowtapFindings", "findings", NULL},
	    {"shadowtapUnverified", "unverified", NULL},
	    {"shadowtapTags", "tags", NULL},
	    {"shadowtapResources", "resources_read", NULL},
	    {"shadowtapPrompts", "prompts_got", NULL},
	    {"shadowtapSignatures", "reasons", "signature"},
	    {"shadowtapMethods", "methods", NULL},
	    {"shadowtapServerMethods", "server_methods", NULL},
	    {"shadowtapClaimedClient", "claimed_client", "address"},
	    {"shadowtapEncapsulation", "encapsulation", NULL},
	    {"shadowtapJoined", "joined", NULL},
	};
	static const char *const texts[][2] = {
	    {"shadowtapKind", "kind"},
	    {"shadowtapHost", "host"},
	    {"shadowtapDnsName", "dns_name"},
	    {"shadowtapSni", "sni"},
	    {"shadowtapJa4", "ja4"},
	    {"shadowtapTlsVersion", "tls_version"},
	    {"shadowtapAlpn", "alpn"},
	    {"shadowtapTransport", "transport"},
	    {"shadowtapHttpVersion", "http_version"},
	    {"shadowtapProtocolVersion", "protocol_version"},
	    {"shadowtapProtocolVersionRequested", "protocol_version_requested"},
	    {"shadowtapAuth", "auth"},
	    {"shadowtapSession", "session"},
	    {"shadowtapCommunityId", "community_id"},
	    {"shadowtapDirection", "direction"},
	    {"shadowtapSignatureSet", "signature_set"},
	};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		put_list(l, lists[i].key, json_object_get(e, lists[i].field), lists[i].member);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		put_text(l, texts[i][0], fact_text(e, texts[i][1]));
	const json_t *connector = json_object_get(e, "connector"), *change = json_object_get(e, "change");
	put_text(l, "shadowtapConnector", fact_text(connector, "vendor"));
	put_text(l, "shadowtapConnectorApi", fact_text(connector, "api"));
	put_text(l, "shadowtapConnectorName", fact_text(connector, "name"));
	put_text(l, "shadowtapConnectorId", fact_text(connector, "id"));
	put_text(l, "shadowtapChangeList", fact_text(change, "list"));
	put_text(l, "shadowtapChangeName", fact_text(change, "name"));
	put_list(l, "shadowtapChangeParts", json_object_get(change, "parts"), NULL);
	put_text(l, "shadowtapChangeBefore", fact_text(change, "before"));
	put_text(l, "shadowtapChangeAfter", fact_text(change, "after"));
	put_text(l, "shadowtapProxy", fact_text(json_object_get(e, "proxy"), "kind"));
	put_text(l, "shadowtapEncrypted", fact_flag(e, "encrypted") ? "true" : "false");
	put_text(l, "shadowtapDecrypted", fact_flag(e, "decrypted") ? "true" : "false");
}

static void put_rest(struct line *l, const struct alert *a, const struct alert_sender *who)
{
	const json_t *e = a->event;
	const char *direction = fact_text(e, "direction");
	struct line because = {0};
	line_list(&because, json_object_get(e, "reasons"), "detail");
	put_line(l, "reason", &because);
	put_text(l, "requestClientApplication", fact_text(e, "user_agent"));
	if (direction && (strcmp(direction, "inbound") == 0 || strcmp(direction, "outbound") == 0))
		put_number(l, "deviceDirection", direction[0] == 'o');
	put_text(l, fact_on_interface(e) ? "deviceInboundInterface" : "filePath", fact_text(e, "capture"));
	put_text(l, "smac", fact_text(e, "client_mac"));
	put_text(l, "app", fact_text(e, "app_label"));
	put_number(l, "in", fact_number(e, "bytes", "client")); /* "inbound" is from source to destination in CEF */
	put_number(l, "out", fact_number(e, "bytes", "server"));
	line_printf(l, " cn1=%" PRIu64 " cn1Label=alertId", a->id);
	put_number(l, "cn2", fact_number(e, "requests", NULL));
	line_puts(l, " cn2Label=requests");
	put_number(l, "cn3", fact_number(e, "errors", NULL));
	line_puts(l, " cn3Label=errors");
	line_printf(l, " flexString1=%s flexString1Label=why", alert_why_name(a->why));
	put_text(l, "deviceExternalId", fact_text(e, "sensor"));
	put_text(l, "dvchost", who->host);
	put_text(l, "deviceProcessName", who->program);
	put_number(l, "dvcpid", who->pid);
}

void format_cef(const struct alert *a, const struct alert_sender *who, struct line *l)
{
	const json_t *e = a->event;
	struct line summary = {0};
	put_header(l, e, who);
	line_printf(l, "rt=%" PRId64 " act=observed cnt=%" PRIu64, a->raised_ns / 1000000, a->count);
	put_text(l, "cat", fact_text(e, "verdict"));
	put_connection(l, e);
	fact_summary(a, &summary);
	put_line(l, "msg", &summary);
	put_custom_strings(l, e);
	put_text(l, "externalId", fact_text(e, "event_id"));
	put_time(l, "start", e, "first_seen");
	put_time(l, "end", e, "last_seen");
	put_rest(l, a, who);
	put_own(l, e);
}
