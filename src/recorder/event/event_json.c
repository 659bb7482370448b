/* struct event -> JSON: every field of the event contract, in its order. Called by the outputs and by the store, whose
 * columns are these members. A value that is not known is null, never left out. */
#include "event.h"
#include "event_id.h"
#include "text.h"
#include <stdio.h>

const char *const event_fields[] = {
	"schema_version", "kind", "event_id", "sensor", "first_seen", "last_seen", "verdict", "confidence", "stage", "severity",
	"rule", "reasons", "findings", "unverified", "tags", "client_ip", "client_port", "server_ip", "server_port", "l4", "direction",
	"community_id", "encapsulation", "client_mac", "proxy", "claimed_client", "transport", "http_version", "encrypted", "decrypted", "tls_version",
	"sni", "alpn", "ja4", "dns_name", "host", "path", "user_agent", "protocol_version", "protocol_version_requested", "client_name",
	"client_version", "server_name", "server_version", "joined", "session", "auth", "methods", "server_methods",
	"tools_called", "resources_read", "prompts_got", "requests", "errors", "packets", "bytes", "payload_bytes", "app_label", "connector", "change", "capture",
	"first_frame", "signature_set", NULL};

/* Builds an object whose failures are checked once at the end; a NULL value means that memory ran out. */
struct builder {
	json_t *object;
	bool failed;
};

static void put(struct builder *b, const char *name, json_t *value)
{
	if (json_object_set_new(b->object, name, value) != 0)
		b->failed = true;
}

static json_t *text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

/* File and sensor names come from outside and need not be UTF-8. */
static json_t *sensor_json(const char *sensor)
{
	char text[EVENT_SENSOR_TEXT];
	text_copy(text, sizeof text, slice_str(sensor));
	return json_string(text);
}

static json_t *capture_json(const char *capture)
{
	if (!capture)
		return json_null();
	char text[EVENT_CAPTURE_TEXT];
	text_copy(text, sizeof text, slice_str(capture));
	return json_string(text);
}

/* JSON and SQLite hold signed 64-bit integers; a counter past them is wrong anyway. */
static json_t *number(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static json_t *finish(struct builder *b)
{
	if (b->failed) {
		json_decref(b->object);
		return NULL;
	}
	return b->object;
}

static json_t *array_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static json_t *strings_append(json_t *array, const char *const *items, size_t n)
{
	for (size_t i = 0; array && i < n; i++)
		array = array_append(array, json_string(items[i]));
	return array;
}

static json_t *reasons_append(json_t *array, const struct observed_reason *reasons, size_t n)
{
	for (size_t i = 0; array && i < n; i++) {
		const struct observed_reason *r = &reasons[i];
		char time[EVENT_TIME_TEXT];
		event_time_format(r->time_ns, time);
		struct builder b = {json_object(), false};
		put(&b, "signature", json_string(r->signature));
		put(&b, "detail", json_string(r->detail));
		put(&b, "time", json_string(time));
		put(&b, "frame", number(r->frame));
		array = array_append(array, finish(&b));
	}
	return array;
}

static json_t *encapsulation_json(const struct encap *e)
{
	json_t *array = json_array();
	for (size_t i = 0; array && i < e->n; i++) {
		char layer[ENCAP_TEXT];
		encap_layer_format(e, i, layer);
		array = array_append(array, json_string(layer));
	}
	return array;
}

/* Adds to a member that is there already: a stranger may name a tool "(other)". */
static void put_count(struct builder *b, const char *name, uint64_t count)
{
	uint64_t before = (uint64_t)json_integer_value(json_object_get(b->object, name));
	put(b, name, number(before + count < count ? UINT64_MAX : before + count));
}

static json_t *counts_json(const struct observed_counts *c)
{
	struct builder b = {json_object(), false};
	for (size_t i = 0; i < c->n; i++)
		put_count(&b, c->items[i].name, c->items[i].count);
	if (c->other)
		put_count(&b, "(other)", c->other);
	return finish(&b);
}

static json_t *both_ways_json(const uint64_t v[2])
{
	struct builder b = {json_object(), false};
	put(&b, "client", number(v[0]));
	put(&b, "server", number(v[1]));
	return finish(&b);
}

static json_t *addr_json(const struct ip_addr *a)
{
	char text[IP_ADDR_TEXT];
	ip_addr_format(a, text);
	return json_string(text);
}

static json_t *mac_json(const struct observation *o)
{
	if (!o->has_client_mac)
		return json_null();
	const uint8_t *m = o->client_mac;
	char text[18];
	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return json_string(text);
}

/* The client spoke to it at the connection's server address, and asked it for the authority. */
static json_t *proxy_json(const struct observation *o)
{
	if (o->proxy == PROXY_NONE)
		return json_null();
	char ip[IP_ADDR_TEXT], text[IP_ADDR_TEXT + 8];
	ip_addr_format(&o->server_ip, ip);
	snprintf(text, sizeof text, o->server_ip.family == 6 ? "[%s]:%u" : "%s:%u", ip, o->server_port);
	struct builder b = {json_object(), false};
	put(&b, "kind", text_or_null(proxy_kind_name(o->proxy)));
	put(&b, "address", json_string(text));
	return finish(&b);
}

static json_t *claimed_client_json(const struct observation *o)
{
	json_t *array = json_array();
	for (size_t i = 0; array && i < o->n_claimed_clients; i++) {
		struct builder b = {json_object(), false};
		put(&b, "source", text_or_null(claim_source_name(o->claimed_client[i].source)));
		put(&b, "address", addr_json(&o->claimed_client[i].address));
		array = array_append(array, finish(&b));
	}
	return array;
}

static void put_judgement(struct builder *b, const struct event *e)
{
	put(b, "verdict", text_or_null(verdict_name(e->j->verdict)));
	put(b, "confidence", text_or_null(confidence_name(e->o->confidence)));
	put(b, "stage", text_or_null(stage_name(e->o->stage)));
	put(b, "severity", text_or_null(severity_name(e->severity)));
	put(b, "rule", text_or_null(e->j->rule));
	const struct event_links *l = e->links;
	json_t *reasons = reasons_append(json_array(), e->o->reasons, e->o->n_reasons);
	put(b, "reasons", reasons_append(reasons, e->j->reasons, e->j->n_reasons));
	json_t *findings = strings_append(json_array(), l->findings, l->n_findings);
	put(b, "findings", strings_append(findings, e->j->breaches, e->j->n_breaches));
	json_t *unverified = strings_append(json_array(), l->unverified, l->n_unverified);
	put(b, "unverified", strings_append(unverified, e->j->unverified, e->j->n_unverified));
	put(b, "tags", strings_append(json_array(), l->tags, l->n_tags));
}

static void put_network(struct builder *b, const struct event *e)
{
	const struct observation *o = e->o;
	put(b, "client_ip", addr_json(&o->client_ip));
	put(b, "client_port", json_integer(o->client_port));
	put(b, "server_ip", addr_json(&o->server_ip));
	put(b, "server_port", json_integer(o->server_port));
	put(b, "l4", json_string(o->l4 == 6 ? "tcp" : "udp"));
	put(b, "direction", text_or_null(traffic_direction_name(e->direction)));
	put(b, "community_id", json_string(e->community_id));
	put(b, "encapsulation", encapsulation_json(&o->encap));
	put(b, "client_mac", mac_json(o));
	put(b, "proxy", proxy_json(o));
	put(b, "claimed_client", claimed_client_json(o));
	put(b, "transport", text_or_null(transport_name(o->transport)));
	put(b, "http_version", text_or_null(http_version_name(o->http_version)));
	put(b, "encrypted", json_boolean(o->encrypted));
	put(b, "decrypted", json_boolean(o->decrypted));
	put(b, "tls_version", text_or_null(o->tls_version));
	put(b, "sni", text_or_null(o->sni));
	put(b, "alpn", text_or_null(o->alpn));
	put(b, "ja4", text_or_null(o->ja4));
	put(b, "dns_name", text_or_null(e->links->dns_name));
}

/* An LLM vendor's cloud was asked to connect: by URL (then host and path say where), or by a name of the vendor's own. */
static json_t *connector_json(const struct observation *o)
{
	if (!o->connector_vendor)
		return json_null();
	struct builder b = {json_object(), false};
	put(&b, "vendor", json_string(o->connector_vendor));
	put(&b, "api", text_or_null(o->connector_api));
	put(&b, "name", text_or_null(o->connector_name));
	put(&b, "id", text_or_null(o->connector_id));
	return finish(&b);
}

static json_t *change_json(const struct event_change *c)
{
	if (!c)
		return json_null();
	struct builder b = {json_object(), false};
	put(&b, "list", json_string(c->list));
	put(&b, "name", json_string(c->name));
	put(&b, "parts", strings_append(json_array(), c->parts, c->n_parts));
	put(&b, "before", text_or_null(c->before));
	put(&b, "after", text_or_null(c->after));
	put(&b, "text_before", text_or_null(c->text_before));
	put(&b, "text_after", text_or_null(c->text_after));
	return finish(&b);
}

static void put_dialogue(struct builder *b, const struct event *e)
{
	const struct observation *o = e->o;
	put(b, "host", text_or_null(o->host));
	put(b, "path", text_or_null(o->path));
	put(b, "user_agent", text_or_null(o->user_agent));
	put(b, "protocol_version", text_or_null(o->protocol_version));
	put(b, "protocol_version_requested", text_or_null(o->protocol_version_requested));
	put(b, "client_name", text_or_null(o->client_name));
	put(b, "client_version", text_or_null(o->client_version));
	put(b, "server_name", text_or_null(o->server_name));
	put(b, "server_version", text_or_null(o->server_version));
	put(b, "joined", strings_append(json_array(), e->links->joined, e->links->n_joined));
	put(b, "session", text_or_null(e->links->session));
	put(b, "auth", text_or_null(auth_kind_name(o->auth)));
	put(b, "methods", counts_json(&o->methods));
	put(b, "server_methods", counts_json(&o->server_methods));
	put(b, "tools_called", counts_json(&o->tools_called));
	put(b, "resources_read", counts_json(&o->resources_read));
	put(b, "prompts_got", counts_json(&o->prompts_got));
	put(b, "requests", number(o->requests));
	put(b, "errors", number(o->errors));
	put(b, "packets", both_ways_json(o->packets));
	put(b, "bytes", both_ways_json(o->bytes));
	put(b, "payload_bytes", both_ways_json(o->payload_bytes));
	put(b, "app_label", text_or_null(o->app_label));
	put(b, "connector", connector_json(o));
	put(b, "change", change_json(e->links->change));
}

json_t *event_json(const struct event *e)
{
	struct builder b = {json_object(), false};
	put(&b, "schema_version", json_integer(EVENT_SCHEMA_VERSION));
	put(&b, "kind", text_or_null(event_kind_name(e->o->kind)));
	put(&b, "event_id", json_string(e->event_id));
	put(&b, "sensor", sensor_json(e->context->sensor));
	put(&b, "first_seen", json_string(e->first_seen));
	put(&b, "last_seen", json_string(e->last_seen));
	put_judgement(&b, e);
	put_network(&b, e);
	put_dialogue(&b, e);
	put(&b, "capture", capture_json(e->context->capture));
	put(&b, "first_frame", number(e->o->first_frame));
	put(&b, "signature_set", text_or_null(e->context->signature_set));
	return finish(&b);
}
