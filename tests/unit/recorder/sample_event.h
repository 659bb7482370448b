/* One observation with every field filled, and what goes with it to make an event. Included by the tests of
 * observation, event, store and output, which change what they are about. */
#ifndef SAMPLE_EVENT_H
#define SAMPLE_EVENT_H

#include "observation.h"

static const struct observed_count sample_methods[] = {{"initialize", 1, INT64_C(1763800000123456789), 12},
                                                      {"tools/call", 7, INT64_C(1763800001000000000), 15}};
static const struct observed_count sample_server_methods[] = {{"sampling/createMessage", 2, 0, 0}};
static const struct observed_count sample_tools[] = {{"read_file", 5, 0, 0}, {"delete \"all\"\n", 2, 0, 0}};
static const struct observed_count sample_resources[] = {{"file:///etc/motd", 3, 0, 0}};
static const struct observed_count sample_prompts[] = {{"greet", 1, 0, 0}};
static const struct observed_reason sample_reasons[] = {
	{"mcp.jsonrpc.initialize", "POST carried an MCP initialize request", INT64_C(1763800000123456789), 12},
	{"host.mcp.example", "the host is known", INT64_C(1763800001000000000), 15},
};

/* What a stranger may call things: quotes, a newline, a terminal escape, CSI as one character, text turned around,
 * SQL, a formula, a comma. */
#define SAMPLE_HOSTILE "=1+1\"',;\n\x1b[31mred\xc2\x9b" "2J\xe2\x80\xae" "txt'); DROP TABLE events;--"

static inline struct observation sample_observation(void)
{
	return (struct observation){
		.kind = KIND_CONNECTION,
		.confidence = CONFIDENCE_CONFIRMED,
		.stage = STAGE_ESTABLISHED,
		.transport = TRANSPORT_STREAMABLE_HTTP,
		.http_version = HTTP_VERSION_1_1,
		.auth = AUTH_BEARER,
		.l4 = 6,
		.encrypted = true,
		.decrypted = true,
		.tls = true,
		.secure_scheme = true,
		.via_proxy = true,
		.proxy = PROXY_SOCKS5,
		.claimed_client = {{CLAIM_FORWARDED, {4, {192, 0, 2, 43}}}, {CLAIM_PROXY_PROTOCOL, {6, {0x20, 1, 0x0d, 0xb8}}}},
		.n_claimed_clients = 2,
		.final = true,
		.connection_time_ns = INT64_C(1763800000000000001),
		.first_frame = 11,
		.capture = 3,
		.authority_ordinal = 2,
		.first_seen_ns = INT64_C(1763800000123456789),
		.last_seen_ns = INT64_C(1763800059999999999),
		.client_ip = {4, {10, 20, 30, 40}},
		.server_ip = {4, {203, 0, 113, 9}},
		.client_port = 51234,
		.server_port = 8443,
		.encap = {2, {{ENCAP_VLAN, 10}, {ENCAP_VLAN, 4094}}},
		.has_client_mac = true,
		.client_mac = {0x02, 0, 0x5e, 0xff, 0x10, 0x0a},
		.tls_version = "1.3",
		.sni = "mcp.example",
		.alpn = "http/1.1",
		.ja4 = "t13d1516h2_8daaf6152771_b186095e22b6",
		.host = "mcp.example:8443",
		.path = "/v1/mcp",
		.user_agent = "python-httpx/0.27",
		.protocol_version = "2025-06-18",
		.protocol_version_requested = "2025-11-25",
		.client_name = "Zo\xc3\xab's agent",
		.client_version = "1.2",
		.server_name = "files",
		.server_version = "0.9",
		.app_label = "TLS.HTTP",
		.methods = {sample_methods, 2, 0},
		.server_methods = {sample_server_methods, 1, 0},
		.tools_called = {sample_tools, 2, 4},
		.resources_read = {sample_resources, 1, 0},
		.prompts_got = {sample_prompts, 1, 2},
		.facts = FACT_ORIGIN_FOREIGN | FACT_ECH,
		.session_keys = {UINT64_C(0x1122334455667788), 2},
		.n_session_keys = 2,
		.names_session = 2,
		.requests = 8,
		.errors = 1,
		.packets = {100, 90},
		.bytes = {10000, 90000},
		.payload_bytes = {9000, 80000},
		.reasons = sample_reasons,
		.n_reasons = 2,
	};
}

/* Only what every observation has. */
static inline struct observation sample_bare(void)
{
	return (struct observation){
		.confidence = CONFIDENCE_POSSIBLE,
		.l4 = 17,
		.client_ip = {6, {0x20, 1, 0x0d, 0xb8, [15] = 1}},
		.server_ip = {6, {0x20, 1, 0x0d, 0xb8, [15] = 2}},
		.client_port = 1,
		.server_port = 443,
	};
}

#endif
