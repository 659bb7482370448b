#include "json/failing_malloc.h"
#include "observation.h"
#include "recorder/sample_event.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* Offsets of the fixed part, as the head of observation.c describes it. */
enum { AT_VERSION = 3, AT_KIND = 4, AT_CONFIDENCE, AT_STAGE, AT_TRANSPORT, AT_HTTP_VERSION, AT_AUTH, AT_L4, AT_FLAGS };
#define FIXED_BYTES (4 + 8 + 8 + 8 + 4 * 3 + 8 * 4 + 6 * 8 + 6 * 2)

static uint8_t *encoded(const struct observation *o, size_t *n)
{
	uint8_t *bytes = observation_encode(o, n);
	assert_non_null(bytes);
	return bytes;
}

static bool decodes(const uint8_t *bytes, size_t n)
{
	struct observation_box box;
	bool ok = observation_decode(bytes, n, &box);
	if (!ok)
		assert_null(box.memory);
	observation_box_done(&box);
	return ok;
}

static void every_field_comes_back(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	size_t n;
	uint8_t *bytes = encoded(&o, &n);
	struct observation_box box;
	assert_true(observation_decode(bytes, n, &box));
	memset(bytes, 0xee, n); /* the box must not lean on it */
	free(bytes);
	const struct observation *b = &box.o;
	assert_int_equal(b->kind, KIND_CONNECTION);
	assert_int_equal(b->confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(b->stage, STAGE_ESTABLISHED);
	assert_int_equal(b->transport, TRANSPORT_STREAMABLE_HTTP);
	assert_int_equal(b->http_version, HTTP_VERSION_1_1);
	assert_int_equal(b->auth, AUTH_BEARER);
	assert_int_equal(b->l4, 6);
	assert_true(b->encrypted && b->decrypted && b->tls && b->secure_scheme && b->final && b->has_client_mac);
	assert_false(b->host_cut);
	assert_true(b->via_proxy);
	assert_int_equal(b->proxy, PROXY_SOCKS5);
	assert_int_equal(b->n_claimed_clients, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(b->claimed_client[i].source, o.claimed_client[i].source);
		assert_true(ip_addr_eq(&b->claimed_client[i].address, &o.claimed_client[i].address));
	}
	assert_int_equal(b->connection_time_ns, o.connection_time_ns);
	assert_int_equal(b->first_frame, 11);
	assert_int_equal(b->capture, 3);
	assert_int_equal(b->authority_ordinal, 2);
	assert_int_equal(b->kind_ordinal, 0);
	assert_int_equal(b->first_seen_ns, o.first_seen_ns);
	assert_int_equal(b->last_seen_ns, o.last_seen_ns);
	assert_true(ip_addr_eq(&b->client_ip, &o.client_ip) && ip_addr_eq(&b->server_ip, &o.server_ip));
	assert_int_equal(b->client_port, 51234);
	assert_int_equal(b->server_port, 8443);
	assert_int_equal(b->encap.n, 2);
	assert_int_equal(b->encap.layer[1].id, 4094);
	assert_memory_equal(b->client_mac, o.client_mac, 6);
	assert_string_equal(b->tls_version, "1.3");
	assert_string_equal(b->sni, "mcp.example");
	assert_string_equal(b->alpn, "http/1.1");
	assert_string_equal(b->ja4, o.ja4);
	assert_string_equal(b->host, "mcp.example:8443");
	assert_string_equal(b->path, "/v1/mcp");
	assert_string_equal(b->user_agent, o.user_agent);
	assert_string_equal(b->protocol_version, "2025-06-18");
	assert_string_equal(b->protocol_version_requested, "2025-11-25");
	assert_string_equal(b->client_name, o.client_name);
	assert_string_equal(b->client_version, "1.2");
	assert_string_equal(b->server_name, "files");
	assert_string_equal(b->server_version, "0.9");
	assert_string_equal(b->app_label, "TLS.HTTP");
	assert_int_equal(b->methods.n, 2);
	assert_string_equal(b->methods.items[1].name, "tools/call");
	assert_int_equal(b->methods.items[1].count, 7);
	assert_int_equal(b->server_methods.n, 1);
	assert_int_equal(b->tools_called.n, 2);
	assert_string_equal(b->tools_called.items[1].name, "delete \"all\"\n");
	assert_int_equal(b->tools_called.other, 4);
	assert_int_equal(b->methods.items[1].first_ns, INT64_C(1763800001000000000));
	assert_int_equal(b->methods.items[1].first_frame, 15);
	assert_int_equal(b->resources_read.n, 1);
	assert_string_equal(b->resources_read.items[0].name, "file:///etc/motd");
	assert_int_equal(b->prompts_got.other, 2);
	assert_int_equal(b->facts, FACT_ORIGIN_FOREIGN | FACT_ECH);
	assert_int_equal(b->n_session_keys, 2);
	assert_int_equal(b->names_session, 2);
	assert_true(b->session_keys[0] == UINT64_C(0x1122334455667788) && b->session_keys[1] == 2);
	assert_null(b->connector_vendor);
	assert_int_equal(b->requests, 8);
	assert_int_equal(b->errors, 1);
	assert_int_equal(b->packets[0], 100);
	assert_int_equal(b->bytes[1], 90000);
	assert_int_equal(b->payload_bytes[1], 80000);
	assert_int_equal(b->n_reasons, 2);
	assert_string_equal(b->reasons[0].signature, "mcp.jsonrpc.initialize");
	assert_string_equal(b->reasons[1].detail, "the host is known");
	assert_int_equal(b->reasons[0].time_ns, o.first_seen_ns);
	assert_int_equal(b->reasons[1].frame, 15);
	observation_box_done(&box);
	assert_null(box.memory);
}

static void unknown_stays_unknown(void **state)
{
	(void)state;
	struct observation o = sample_bare();
	o.path = ""; /* known to be empty is not the same as not known */
	size_t n, again_n;
	uint8_t *bytes = encoded(&o, &n);
	struct observation_box box;
	assert_true(observation_decode(bytes, n, &box));
	assert_null(box.o.host);
	assert_null(box.o.app_label);
	assert_string_equal(box.o.path, "");
	assert_null(box.o.methods.items);
	assert_int_equal(box.o.client_ip.family, 6);
	uint8_t *again = encoded(&box.o, &again_n);
	assert_int_equal(again_n, n);
	assert_memory_equal(again, bytes, n);
	free(again);
	observation_box_done(&box);
	free(bytes);
}

static void a_piece_is_no_observation(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	size_t n;
	uint8_t *bytes = encoded(&o, &n);
	for (size_t cut = 0; cut < n; cut++)
		assert_false(decodes(bytes, cut));
	uint8_t *longer = malloc(n + 1);
	assert_non_null(longer);
	memcpy(longer, bytes, n);
	longer[n] = 0;
	assert_true(decodes(longer, n));
	errno = 0;
	assert_false(decodes(longer, n + 1));
	assert_int_equal(errno, EINVAL);
	free(longer);
	free(bytes);
}

/* The bytes end where an unreadable page begins, at every length. */
static void reads_nothing_past_the_end(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	size_t n, page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *bytes = encoded(&o, &n);
	size_t room = (n / page + 1) * page;
	uint8_t *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(map != MAP_FAILED);
	assert_int_equal(mprotect(map + room, page, PROT_NONE), 0);
	for (size_t cut = 0; cut <= n; cut++) {
		memcpy(map + room - cut, bytes, cut);
		assert_int_equal(decodes(map + room - cut, cut), cut == n);
	}
	munmap(map, room + page);
	free(bytes);
}

static void refuses_values_out_of_range(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {
		{0, 'x'}, {AT_VERSION, 2}, {AT_KIND, KIND_COUNT}, {AT_CONFIDENCE, CONFIDENCE_COUNT}, {AT_STAGE, STAGE_COUNT},
		{AT_TRANSPORT, TRANSPORT_COUNT}, {AT_HTTP_VERSION, HTTP_VERSION_COUNT}, {AT_AUTH, AUTH_COUNT}, {AT_L4, 1},
		{FIXED_BYTES - 11, 2},         /* 513 methods */
		{FIXED_BYTES - 2, 33},         /* a reason too many */
		{FIXED_BYTES, 5},              /* address family */
		{FIXED_BYTES + 7, 6},          /* client and server differ in family */
		{FIXED_BYTES + 14, 9},         /* layers */
		{FIXED_BYTES + 15, 0},         /* a kind of layer that does not exist */
		{FIXED_BYTES + 15, 200},
	};
	struct observation o = sample_observation();
	size_t n;
	uint8_t *bytes = encoded(&o, &n);
	assert_int_equal(bytes[FIXED_BYTES], 4);
	assert_int_equal(bytes[FIXED_BYTES + 14], 2);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint8_t was = bytes[bad[i].at];
		bytes[bad[i].at] = bad[i].value;
		assert_false(decodes(bytes, n));
		bytes[bad[i].at] = was;
	}
	assert_true(decodes(bytes, n));
	free(bytes);
}

/* The last part of sample_observation(): facts, number of session keys, two keys, whose the names are. */
#define POSTURE_BYTES (4 + 1 + 2 * 8 + 1)

static void refuses_facts_and_keys_that_are_none(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	size_t n;
	uint8_t *bytes = encoded(&o, &n), *part = bytes + n - POSTURE_BYTES;
	assert_int_equal(part[0], FACT_ORIGIN_FOREIGN | FACT_ECH);
	for (unsigned bit = 0; bit < 32; bit++) {
		uint8_t was = part[bit / 8];
		part[bit / 8] |= (uint8_t)(1u << bit % 8);
		assert_int_equal(decodes(bytes, n), UINT32_C(1) << bit <= FACTS_ALL);
		part[bit / 8] = was;
	}
	assert_int_equal(part[4], 2);
	part[4] = LIMIT_SESSION_KEYS + 1;
	assert_false(decodes(bytes, n));
	part[4] = 1;
	assert_false(decodes(bytes, n));
	part[4] = 2;
	assert_int_equal(part[POSTURE_BYTES - 1], 2);
	part[POSTURE_BYTES - 1] = 3; /* there are two */
	assert_false(decodes(bytes, n));
	part[POSTURE_BYTES - 1] = 0;
	assert_true(decodes(bytes, n));
	free(bytes);
}

/* Before that: kind of proxy, number of claims, and each claim's source and address. */
static void refuses_proxies_that_are_none(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	size_t n;
	uint8_t *bytes = encoded(&o, &n), *part = bytes + n - POSTURE_BYTES - (2 + 1 + 5 + 1 + 17);
	static const struct { size_t at; uint8_t was, value; } bad[] = {
		{0, PROXY_SOCKS5, PROXY_COUNT}, {1, 2, LIMIT_CLAIMED_CLIENTS + 1}, {1, 2, 1}, {1, 2, 3},
		{2, CLAIM_FORWARDED, CLAIM_COUNT}, {3, 4, 5}, {8, CLAIM_PROXY_PROTOCOL, CLAIM_COUNT},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(part[bad[i].at], bad[i].was);
		part[bad[i].at] = bad[i].value;
		assert_false(decodes(bytes, n));
		part[bad[i].at] = bad[i].was;
	}
	part[0] = PROXY_NONE; /* a proxy whose kind is not known */
	assert_true(decodes(bytes, n));
	free(bytes);
	o.proxy = PROXY_NONE;
	o.via_proxy = false;
	bytes = encoded(&o, &n);
	bytes[n - POSTURE_BYTES - (2 + 1 + 5 + 1 + 17)] = PROXY_SOCKS4; /* and none without its flag */
	assert_false(decodes(bytes, n));
	free(bytes);
}

/* Replaces the bytes of the client's name (same length) and says whether that is still an observation. */
static bool name_accepted(const char *name, size_t len)
{
	char longest[LIMIT_NAME];
	memset(longest, 'N', len);
	longest[len] = 0;
	struct observation o = sample_bare();
	o.client_name = longest;
	size_t n;
	uint8_t *bytes = encoded(&o, &n);
	uint8_t *at = memmem(bytes, n, longest, len + 1);
	assert_non_null(at);
	memcpy(at, name, len);
	bool ok = decodes(bytes, n);
	free(bytes);
	return ok;
}

static void refuses_text_that_is_none(void **state)
{
	(void)state;
	assert_true(name_accepted("plain", 5));
	assert_true(name_accepted("\xf0\x9f\x98\x80!", 5));
	assert_true(name_accepted("\x1b[31m", 5)); /* ugly is not invalid: exits escape */
	assert_false(name_accepted("a\0b", 3));
	assert_false(name_accepted("ab\xff", 3));
	assert_false(name_accepted("\xc0\x80x", 3));     /* overlong NUL */
	assert_false(name_accepted("\xed\xa0\x80", 3));  /* surrogate */
	assert_false(name_accepted("ab\xe2\x82", 4));    /* cut */
}

static void refuses_text_over_its_limit(void **state)
{
	(void)state;
	char longest[LIMIT_VERSION];
	memset(longest, 'v', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	struct observation o = sample_bare();
	o.protocol_version = longest;
	size_t n;
	uint8_t *bytes = encoded(&o, &n);
	assert_true(decodes(bytes, n));
	/* one byte more, with everything else consistent */
	uint8_t *at = memmem(bytes, n, longest, sizeof longest);
	assert_non_null(at);
	uint8_t *longer = malloc(n + 1);
	assert_non_null(longer);
	size_t head = (size_t)(at - bytes);
	memcpy(longer, bytes, head);
	longer[head - 2]++;
	longer[head] = 'v';
	memcpy(longer + head + 1, at, n - head);
	assert_false(decodes(longer, n + 1));
	free(longer);
	free(bytes);
}

static void takes_the_largest(void **state)
{
	(void)state;
	struct observed_count names[LIMIT_NAMES];
	struct observed_reason reasons[LIMIT_REASONS];
	char text[LIMIT_NAMES][LIMIT_METHOD];
	for (int i = 0; i < LIMIT_NAMES; i++) {
		snprintf(text[i], sizeof text[i], "method/%056d", i);
		names[i] = (struct observed_count){text[i], UINT64_MAX, INT64_MIN, UINT64_MAX};
	}
	for (int i = 0; i < LIMIT_REASONS; i++)
		reasons[i] = (struct observed_reason){text[i], text[i], INT64_MIN, UINT64_MAX};
	struct observation o = sample_observation();
	o.methods = o.server_methods = o.tools_called = (struct observed_counts){names, LIMIT_NAMES, UINT64_MAX};
	o.reasons = reasons;
	o.n_reasons = LIMIT_REASONS;
	o.last_seen_ns = INT64_MIN;
	size_t n;
	uint8_t *bytes = encoded(&o, &n);
	struct observation_box box;
	assert_true(observation_decode(bytes, n, &box));
	assert_string_equal(box.o.tools_called.items[LIMIT_NAMES - 1].name, text[LIMIT_NAMES - 1]);
	assert_true(box.o.methods.items[0].count == UINT64_MAX && box.o.methods.other == UINT64_MAX);
	assert_true(box.o.reasons[LIMIT_REASONS - 1].time_ns == INT64_MIN && box.o.last_seen_ns == INT64_MIN);
	observation_box_done(&box);
	free(bytes);
}

static void survives_failing_malloc(void **state)
{
	(void)state;
#if FAILING_MALLOC
	struct observation o = sample_observation();
	size_t n = 77;
	struct observation_box box;
	allocations_left = 0;
	assert_null(observation_encode(&o, &n));
	assert_int_equal(n, 77);
	allocations_left = -1;
	uint8_t *bytes = encoded(&o, &n);
	long alive = allocations_alive;
	allocations_left = 0;
	errno = 0;
	bool ok = observation_decode(bytes, n, &box);
	int why = errno;
	allocations_left = -1;
	assert_false(ok);
	assert_int_equal(why, ENOMEM);
	assert_null(box.memory);
	assert_int_equal(allocations_alive, alive);
	free(bytes);
#else
	skip();
#endif
}

static void layers_have_the_numbers_that_fit(void **state)
{
	(void)state;
	assert_true(encap_layer_valid(ENCAP_VLAN, 4095));
	assert_false(encap_layer_valid(ENCAP_VLAN, 4096));
	assert_false(encap_layer_valid(ENCAP_VXLAN, 1 << 24));
	assert_false(encap_layer_valid(ENCAP_MPLS, 1 << 20));
	assert_true(encap_layer_valid(ENCAP_GRE_KEY, UINT32_MAX));
	assert_false(encap_layer_valid(ENCAP_GRE, 1));
	assert_false(encap_layer_valid(ENCAP_ERSPAN_SESSION, 1024));
	assert_false(encap_layer_valid(0, 0));
	assert_false(encap_layer_valid(ENCAP_KINDS, 0));
	for (uint8_t kind = 1; kind < ENCAP_KINDS; kind++)
		assert_string_not_equal(encap_kind_name(kind), encap_kind_name(0));
	/* and so the recorder refuses what no decoder can have seen */
	struct observation o = sample_observation();
	size_t n;
	uint8_t *bytes = observation_encode(&o, &n);
	struct observation_box box;
	assert_true(observation_decode(bytes, n, &box));
	observation_box_done(&box);
	uint8_t *layer = NULL; /* two VLANs: 1, 10, 1, 4094 */
	for (size_t i = 0; i + 10 <= n && !layer; i++)
		if (memcmp(bytes + i, "\1\x0a\0\0\0\1\xfe\x0f\0\0", 10) == 0)
			layer = bytes + i;
	assert_non_null(layer);
	layer[0] = ENCAP_IPIP;
	assert_false(observation_decode(bytes, n, &box));
	layer[1] = 0;
	assert_true(observation_decode(bytes, n, &box));
	observation_box_done(&box);
	layer[0] = ENCAP_KINDS;
	assert_false(observation_decode(bytes, n, &box));
	free(bytes);
}

static void names_are_the_contract(void **state)
{
	(void)state;
	assert_string_equal(confidence_name(CONFIDENCE_LIKELY), "likely");
	assert_string_equal(stage_name(STAGE_UNKNOWN), "unknown");
	assert_string_equal(transport_name(TRANSPORT_HTTP_SSE), "http+sse");
	assert_null(transport_name(TRANSPORT_NONE));
	assert_string_equal(http_version_name(HTTP_VERSION_H2C), "h2c");
	assert_string_equal(http_version_name(HTTP_VERSION_3), "3");
	assert_null(http_version_name(HTTP_VERSION_NONE));
	assert_string_equal(auth_kind_name(AUTH_NONE), "none");
	assert_string_equal(auth_kind_name(AUTH_QUERY_TOKEN), "query-token");
	assert_null(auth_kind_name(AUTH_UNKNOWN));
	assert_string_equal(event_kind_name(KIND_TOOL_CHANGE), "tool-change");
	assert_null(event_kind_name(KIND_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(unknown_stays_unknown),
		cmocka_unit_test(a_piece_is_no_observation),
		cmocka_unit_test(reads_nothing_past_the_end),
		cmocka_unit_test(refuses_values_out_of_range),
		cmocka_unit_test(refuses_facts_and_keys_that_are_none),
		cmocka_unit_test(refuses_proxies_that_are_none),
		cmocka_unit_test(refuses_text_that_is_none),
		cmocka_unit_test(refuses_text_over_its_limit),
		cmocka_unit_test(takes_the_largest),
		cmocka_unit_test(survives_failing_malloc),
		cmocka_unit_test(layers_have_the_numbers_that_fit),
		cmocka_unit_test(names_are_the_contract),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
