/* Alert -> one line for an analyst's eyes: what, who, with whom, how sure, how far; then names, tools, reasons; ids
 * last, so that a cut by syslog costs least. Called by alert_format. Names of strangers are quoted and spelt out unless
 * they are harmless words. */
#include "alert_facts.h"
#include "alert_formats.h"
#include <inttypes.h>
#include <string.h>

/* `; client "Zoe's agent" 1.2` */
static void put_party(struct line *l, const json_t *e, const char *label, const char *name, const char *version)
{
	if (!fact_text(e, name))
		return;
	line_printf(l, "; %s ", label);
	line_name(l, fact_text(e, name));
	if (fact_text(e, version)) {
		line_puts(l, " ");
		line_name(l, fact_text(e, version));
	}
}

static void put_list(struct line *l, const json_t *e, const char *label, const char *field, const char *member)
{
	const json_t *list = json_object_get(e, field);
	if (json_object_size(list) + json_array_size(list) == 0)
		return;
	line_printf(l, "; %s ", label);
	line_list(l, list, member);
}

static void put_named(struct line *l, const char *label, const char *text)
{
	if (!text)
		return;
	line_printf(l, "; %s ", label);
	line_name(l, text);
}

static void put_carrier(struct line *l, const json_t *e)
{
	if (fact_text(e, "direction")) {
		line_puts(l, ", ");
		line_name(l, fact_text(e, "direction"));
	}
	if (fact_text(e, "transport")) {
		line_puts(l, ", ");
		line_name(l, fact_text(e, "transport"));
	}
	if (!fact_flag(e, "encrypted"))
		return;
	bool quic = fact_text(e, "l4") && strcmp(fact_text(e, "l4"), "udp") == 0;
	line_printf(l, ", %s%s", fact_flag(e, "decrypted") ? "decrypted " : "", quic ? "QUIC" : "TLS");
	if (fact_text(e, "tls_version")) {
		line_puts(l, " ");
		line_name(l, fact_text(e, "tls_version"));
	}
}

/* `; changed tools search_customers: description, input-schema` */
static void put_change(struct line *l, const json_t *change)
{
	const json_t *parts = json_object_get(change, "parts");
	if (!json_is_object(change))
		return;
	put_named(l, "changed", fact_text(change, "list"));
	if (fact_text(change, "name")) {
		line_puts(l, " ");
		line_name(l, fact_text(change, "name"));
	}
	if (json_array_size(parts)) {
		line_puts(l, ": ");
		line_list(l, parts, NULL);
	}
}

/* `; connector anthropic crm at api.anthropic.com` */
static void put_connector(struct line *l, const json_t *connector)
{
	if (!json_is_object(connector))
		return;
	put_named(l, "connector", fact_text(connector, "vendor"));
	const char *name = fact_text(connector, "name") ? fact_text(connector, "name") : fact_text(connector, "id");
	if (name) {
		line_puts(l, " ");
		line_name(l, name);
	}
	if (fact_text(connector, "api")) {
		line_puts(l, " at ");
		line_name(l, fact_text(connector, "api"));
	}
}

void format_text(const struct alert *a, struct line *l)
{
	const json_t *e = a->event, *proxy = json_object_get(e, "proxy");
	line_printf(l, "[%s] ", severity_name(fact_severity(e)));
	fact_summary(a, l);
	put_carrier(l, e);
	put_party(l, e, "client", "client_name", "client_version");
	put_party(l, e, "server", "server_name", "server_version");
	put_change(l, json_object_get(e, "change"));
	put_connector(l, json_object_get(e, "connector"));
	put_list(l, e, "tools", "tools_called", NULL);
	put_list(l, e, "resources", "resources_read", NULL);
	put_list(l, e, "prompts", "prompts_got", NULL);
	put_list(l, e, "findings", "findings", NULL);
	put_list(l, e, "tags", "tags", NULL);
	put_named(l, "rule", fact_text(e, "rule"));
	put_list(l, e, "because", "reasons", "detail");
	put_named(l, "user agent", fact_text(e, "user_agent"));
	put_named(l, "auth", fact_text(e, "auth"));
	put_list(l, e, "unverified", "unverified", NULL);
	put_named(l, "DNS name", fact_text(e, "dns_name"));
	put_named(l, "through", fact_text(proxy, "kind"));
	put_list(l, e, "claimed client", "claimed_client", "address");
	put_list(l, e, "layers", "encapsulation", NULL);
	line_printf(l, "; %s alert %" PRIu64 ", %" PRIu64 " event%s", alert_why_name(a->why), a->id, a->count,
		    a->count == 1 ? "" : "s");
	put_named(l, "since", fact_text(e, "first_seen"));
	put_named(l, "sensor", fact_text(e, "sensor"));
	put_named(l, "event", fact_text(e, "event_id"));
}
