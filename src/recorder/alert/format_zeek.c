/* Alert -> a line of mcp.log as Zeek writes logs in JSON: flat names (id.orig_h), times as seconds since 1970, what is
 * not set left out; the connection's fields as in conn.log, the alert's as in notice.log. Called by alert_format. Its
 * uid is none of Zeek's: join by community_id. */
#include "alert_facts.h"
#include "alert_formats.h"
#include <stdlib.h>
#include <string.h>

static void put_seconds(struct tree *t, const char *name, int64_t us)
{
	tree_put(t, name, json_real((double)us / 1e6));
}

static void put_times(struct tree *t, const struct alert *a)
{
	int64_t start, end;
	if (!fact_time_us(a->event, "first_seen", &start))
		start = a->raised_ns / 1000;
	put_seconds(t, "ts", start);
	if (fact_time_us(a->event, "last_seen", &end) && end >= start)
		put_seconds(t, "duration", end - start);
}

static void put_service(struct tree *t, const json_t *e)
{
	const char *l4 = fact_text(e, "l4");
	if (fact_flag(e, "encrypted"))
		tree_text(t, "service", l4 && strcmp(l4, "udp") == 0 ? "quic" : "ssl");
	else if (fact_text(e, "http_version"))
		tree_text(t, "service", "http");
}

static void put_connection(struct tree *t, const json_t *e)
{
	json_int_t vlan;
	const char *direction = fact_text(e, "direction");
	tree_text(t, "uid", fact_text(e, "event_id"));
	tree_text(t, "id.orig_h", fact_text(e, "client_ip"));
	tree_copy(t, "id.orig_p", json_object_get(e, "client_port"));
	tree_text(t, "id.resp_h", fact_text(e, "server_ip"));
	tree_copy(t, "id.resp_p", json_object_get(e, "server_port"));
	tree_text(t, "proto", fact_text(e, "l4"));
	put_service(t, e);
	if (direction) {
		bool out = strcmp(direction, "outbound") == 0, in = strcmp(direction, "inbound") == 0;
		bool within = strcmp(direction, "internal") == 0;
		tree_put(t, "local_orig", json_boolean(out || within));
		tree_put(t, "local_resp", json_boolean(in || within));
	}
	tree_integer(t, "orig_bytes", fact_number(e, "payload_bytes", "client"));
	tree_integer(t, "resp_bytes", fact_number(e, "payload_bytes", "server"));
	tree_integer(t, "orig_pkts", fact_number(e, "packets", "client"));
	tree_integer(t, "orig_ip_bytes", fact_number(e, "bytes", "client"));
	tree_integer(t, "resp_pkts", fact_number(e, "packets", "server"));
	tree_integer(t, "resp_ip_bytes", fact_number(e, "bytes", "server"));
	if (fact_vlan(e, 0, &vlan))
		tree_integer(t, "vlan", vlan);
	if (fact_vlan(e, 1, &vlan))
		tree_integer(t, "inner_vlan", vlan);
	tree_text(t, "orig_l2_addr", fact_text(e, "client_mac"));
	tree_text(t, "community_id", fact_text(e, "community_id"));
}

static void put_notice(struct tree *t, const struct alert *a)
{
	const json_t *e = a->event;
	struct line sub = {0};
	size_t n;
	char *text = fact_summary_text(a);
	tree_text(t, "note", fact_title(e)->note);
	tree_put(t, "msg", text ? json_string(text) : NULL);
	free(text);
	if (line_list(&sub, json_object_get(e, "reasons"), "detail")) {
		text = line_take(&sub, &n);
		tree_put(t, "sub", text ? json_string(text) : NULL);
		free(text);
	}
	tree_integer(t, "n", (json_int_t)a->count);
	tree_text(t, "peer_descr", fact_text(e, "sensor"));
	tree_append(t, "actions", "Notice::ACTION_LOG");
}

/* Zeek's logs know vectors of one type, no records in them. */
static void put_vector(struct tree *t, const char *name, const json_t *list, const char *member)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item)
		tree_append(t, name, fact_text(item, member));
}

static void put_vector_of_counts(struct tree *t, const char *name, const char *name_of_counts, const json_t *counts)
{
	tree_names(t, name, counts);
	for (void *at = json_object_iter((json_t *)counts); at; at = json_object_iter_next((json_t *)counts, at))
		tree_push(t, name_of_counts, json_integer(json_integer_value(json_object_iter_value(at))));
}

/* Objects have a column for each member: connector_vendor, change_list ... */
static void put_parts(struct tree *t, const json_t *e)
{
	static const char *const parts[][3] = {
	    {"connector", "vendor", "connector_vendor"}, {"connector", "api", "connector_api"},
	    {"connector", "name", "connector_name"},     {"connector", "id", "connector_id"},
	    {"change", "list", "change_list"},           {"change", "name", "change_name"},
	    {"change", "parts", "change_parts"},         {"change", "before", "change_before"},
	    {"change", "after", "change_after"},         {"change", "text_before", "change_text_before"},
	    {"change", "text_after", "change_text_after"},
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		tree_copy(t, parts[i][2], json_object_get(json_object_get(e, parts[i][0]), parts[i][1]));
}

static void put_mcp(struct tree *t, const json_t *e)
{
	/* as the event names them; those of http.log and ssl.log as these logs do, but for ssl's server_name, which is
	 * taken */
	static const char *const same[][2] = {
	    {"kind", "kind"},
	    {"verdict", "verdict"},
	    {"confidence", "confidence"},
	    {"stage", "stage"},
	    {"severity", "severity"},
	    {"rule", "rule"},
	    {"findings", "findings"},
	    {"unverified", "unverified"},
	    {"tags", "tags"},
	    {"dns_name", "dns_name"},
	    {"transport", "transport"},
	    {"http_version", "http_version"},
	    {"encrypted", "encrypted"},
	    {"decrypted", "decrypted"},
	    {"tls_version", "tls_version"},
	    {"sni", "sni"},
	    {"next_protocol", "alpn"},
	    {"ja4", "ja4"},
	    {"host", "host"},
	    {"uri", "path"},
	    {"user_agent", "user_agent"},
	    {"protocol_version", "protocol_version"},
	    {"protocol_version_requested", "protocol_version_requested"},
	    {"client_name", "client_name"},
	    {"client_version", "client_version"},
	    {"server_name", "server_name"},
	    {"server_version", "server_version"},
	    {"joined", "joined"},
	    {"session", "session"},
	    {"auth", "auth"},
	    {"requests", "requests"},
	    {"errors", "errors"},
	    {"app_label", "app_label"},
	    {"tunnels", "encapsulation"},
	    {"capture", "capture"},
	    {"first_frame", "first_frame"},
	    {"signature_set", "signature_set"},
	    {"schema_version", "schema_version"},
	};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		tree_copy(t, same[i][0], json_object_get(e, same[i][1]));
	put_vector(t, "signatures", json_object_get(e, "reasons"), "signature");
	put_vector(t, "claimed_clients", json_object_get(e, "claimed_client"), "address");
	tree_text(t, "proxy", fact_text(json_object_get(e, "proxy"), "kind"));
	put_vector_of_counts(t, "methods", "method_counts", json_object_get(e, "methods"));
	put_vector_of_counts(t, "server_methods", "server_method_counts", json_object_get(e, "server_methods"));
	put_vector_of_counts(t, "tools", "tool_counts", json_object_get(e, "tools_called"));
	put_vector_of_counts(t, "resources", "resource_counts", json_object_get(e, "resources_read"));
	put_vector_of_counts(t, "prompts", "prompt_counts", json_object_get(e, "prompts_got"));
	put_parts(t, e);
}

void format_zeek(const struct alert *a, struct tree *t)
{
	t->flat = true;
	tree_text(t, "_path", "mcp"); /* which log this is, where several share a stream */
	put_times(t, a);
	put_connection(t, a->event);
	put_notice(t, a);
	put_mcp(t, a->event);
	tree_integer(t, "alert_id", (json_int_t)a->id);
	tree_text(t, "alert_why", alert_why_name(a->why));
	put_seconds(t, "alert_ts", a->raised_ns / 1000);
}
