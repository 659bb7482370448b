/* Sequences of records: observations of 32 connections in two tenants, at two servers, of two clients, built from ten bytes each, and raw
 * records as they come. Whatever is told, no name crosses from a tenant or server to another, and no event settles twice or before its end. */
#include "recorder.h"
#include "frame.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { CONNECTIONS = 32 };

static uint8_t settled[CONNECTIONS]; /* 1 + the verdict */
static bool raw; /* connections may be anybody's invention */

static void insist(bool truth, const char *what)
{
	if (!truth) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

/* Every name says where it was said. */
static void check_name(const struct observation *o, const char *name)
{
	unsigned c = o->client_port;
	insist(!name || (name[0] == (char)('0' + (c & 1)) && name[1] == (char)('0' + (c >> 1 & 1))), "a name went elsewhere");
}

static int on_event(void *context, const struct event *e)
{
	(void)context;
	const struct event_links *l = e->links;
	insist(l->n_joined <= LIMIT_TAGS, "too much was joined");
	for (size_t i = 0; i < l->n_joined; i++)
		for (size_t k = 0; k < i; k++)
			insist(strcmp(l->joined[i], l->joined[k]) != 0, "joined twice");
	insist(!l->session || strlen(l->session) == 32, "a session is an event id");
	insist(l->session || l->n_joined == 0, "joined with nobody");
	if (!raw && e->o->client_port < CONNECTIONS) {
		check_name(e->o, e->o->client_name);
		check_name(e->o, e->o->server_name);
	}
	json_t *json = event_json(e);
	insist(json, "an event has a text");
	json_decref(json);
	return 0;
}

static int on_settled(void *context, const struct event *e)
{
	insist(e->o->final, "settled before its end");
	if (!raw && e->o->client_port < CONNECTIONS) {
		insist(settled[e->o->client_port] != 1 + e->j->verdict, "settled twice as the same");
		settled[e->o->client_port] = 1 + e->j->verdict;
	}
	return on_event(context, e);
}

static int on_row(void *context, const json_t *row)
{
	(void)context;
	insist(json_is_object(row), "a row is an object");
	return 0;
}

static const char *pick(char out[16], const char *where, char side, uint8_t bits)
{
	if (!(bits & 3))
		return NULL;
	snprintf(out, 16, "%.2s%c%u", where, side, bits & 3u);
	return out;
}

static void observe(struct recorder *r, const uint8_t b[10], int64_t *now)
{
	static const enum transport transports[] = {TRANSPORT_STREAMABLE_HTTP, TRANSPORT_STREAMABLE_HTTP, TRANSPORT_HTTP_SSE, TRANSPORT_NONE};
	static struct observed_count initialize[] = {{"initialize", 1, 0, 0}};
	uint16_t c = b[0] % CONNECTIONS;
	char where[3] = {(char)('0' + (c & 1)), (char)('0' + (c >> 1 & 1)), 0}, client[16], server[16];
	*now += (int64_t)(b[1] & 0x7f) * (b[1] & 0x80 ? 10 : 1) * NS_PER_SEC / 4;
	struct observation o = {.l4 = 6, .confidence = b[2] & 1 ? CONFIDENCE_CONFIRMED : CONFIDENCE_LIKELY, .stage = (b[2] >> 1) % STAGE_COUNT,
	                        .final = settled[c] || b[2] >> 3 & 1, .transport = transports[b[2] >> 4 & 3], .connection_time_ns = c + 1,
	                        .first_frame = c, .first_seen_ns = *now - b[3], .last_seen_ns = *now, .client_port = c, .server_port = 80,
	                        .host = "mcp.example", .path = b[4] & 1 ? "/mcp" : "/other", .user_agent = b[4] & 2 ? "node" : NULL,
	                        .host_cut = b[4] >> 2 == 63};
	o.client_ip = o.server_ip = (struct ip_addr){.family = 4, .b = {10, 0, 0, (uint8_t)(c >> 2 & 1)}};
	o.server_ip.b[3] = (uint8_t)(100 + (c >> 1 & 1));
	o.encap.n = 1;
	o.encap.layer[0].kind = ENCAP_VLAN;
	o.encap.layer[0].id = c & 1;
	o.n_session_keys = b[5] % 4;
	for (unsigned i = 0; i < o.n_session_keys; i++)
		o.session_keys[i] = 2 + (b[6] >> 2 * i & 3);
	o.names_session = (uint8_t)(b[7] % (o.n_session_keys + 1u));
	o.client_name = pick(client, where, 'c', b[8]);
	o.server_name = pick(server, where, 's', b[8] >> 2);
	o.client_version = b[8] & 0x10 ? "1" : NULL;
	o.protocol_version = b[8] & 0x20 ? "2025-06-18" : b[8] & 0x40 ? "2024-11-05" : NULL;
	o.auth = b[9] % AUTH_COUNT;
	if (b[9] & 0x80)
		o.methods = (struct observed_counts){initialize, 1, 0};
	size_t n;
	uint8_t *bytes = observation_encode(&o, &n);
	insist(bytes && recorder_take(r, bytes, n) == 0, "an observation is taken");
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct policy *policy;
	if (!policy)
		policy = policy_empty();
	struct recorder_config config = {.policy = policy, .sensor = "fuzz", .signature_set = "1", .on_event = on_event,
	                                 .on_settled = on_settled, .on_row = on_row};
	struct recorder *r = policy ? recorder_new(&config) : NULL;
	int64_t now = INT64_C(1700000000) * NS_PER_SEC;
	memset(settled, 0, sizeof settled);
	raw = false;
	while (r && n > 0) {
		uint8_t op = data[0];
		data++;
		n--;
		if (op < 0xf0) {
			if (n < 9)
				break;
			observe(r, data - 1, &now);
			data += 9;
			n -= 9;
		} else if (op < 0xf4) {
			insist(recorder_settle(r) == 0, "settling fails for nobody");
		} else if (op < 0xf8) {
			insist(recorder_end(r) == 0, "nor does the end");
			memset(settled, 0, sizeof settled);
		} else {
			size_t length = n < 2 ? 0 : (size_t)data[0] << 8 | data[1];
			size_t header = n < 2 ? n : 2;
			length = length < n - header ? length : n - header;
			raw = true;
			recorder_take(r, data + header, length);
			data += header + length;
			n -= header + length;
		}
	}
	if (r)
		recorder_end(r);
	recorder_free(r);
	return 0;
}
