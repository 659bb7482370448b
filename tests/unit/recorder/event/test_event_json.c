#include "event.h"
#include "json/failing_malloc.h"
#include "recorder/sample_event.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct event_context context = {"tap1", "2026.11.22", "a.pcap"};

static json_t *json_of(const struct observation *o, const struct judgement *j, const struct event_context *c)
{
	struct event e;
	assert_int_equal(event_from(o, j, TRAFFIC_OUTBOUND, c, NULL, &e), 0);
	json_t *json = event_json(&e);
	assert_non_null(json);
	return json;
}

static void assert_json_text(const json_t *json, const char *want)
{
	char *got = json_dumps(json, JSON_COMPACT);
	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void every_field_in_the_contract_order(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	struct judgement j = {.verdict = VERDICT_VIOLATION, .rule = "files-team", .unverified = {"path"}, .n_unverified = 1,
	                      .breaches = {"policy.auth", "policy.tls"}, .n_breaches = 2};
	json_t *json = json_of(&o, &j, &context);
	assert_json_text(json,
		"{\"schema_version\":1,\"kind\":\"connection\",\"event_id\":\"9de109d98e6c8fbcc70bff751effab1f\","
		"\"sensor\":\"tap1\",\"first_seen\":\"2025-11-22T08:26:40.123456Z\",\"last_seen\":\"2025-11-22T08:27:39.999999Z\","
		"\"verdict\":\"violation\",\"confidence\":\"confirmed\",\"stage\":\"established\",\"severity\":\"medium\","
		"\"rule\":\"files-team\",\"reasons\":["
		"{\"signature\":\"mcp.jsonrpc.initialize\",\"detail\":\"POST carried an MCP initialize request\","
		"\"time\":\"2025-11-22T08:26:40.123456Z\",\"frame\":12},"
		"{\"signature\":\"host.mcp.example\",\"detail\":\"the host is known\","
		"\"time\":\"2025-11-22T08:26:41.000000Z\",\"frame\":15}],"
		"\"findings\":[\"policy.auth\",\"policy.tls\"],\"unverified\":[\"path\"],\"tags\":[],"
		"\"client_ip\":\"10.20.30.40\",\"client_port\":51234,\"server_ip\":\"203.0.113.9\",\"server_port\":8443,"
		"\"l4\":\"tcp\",\"direction\":\"outbound\",\"community_id\":\"1:zbwxqgXZPnEWvUX1ifVhijY3Eqs=\","
		"\"encapsulation\":[\"vlan:10\",\"vlan:4094\"],\"client_mac\":\"02:00:5e:ff:10:0a\","
		"\"proxy\":{\"kind\":\"socks5\",\"address\":\"203.0.113.9:8443\"},"
		"\"claimed_client\":[{\"source\":\"forwarded\",\"address\":\"192.0.2.43\"},"
		"{\"source\":\"proxy-protocol\",\"address\":\"2001:db8::\"}],"
		"\"transport\":\"streamable-http\",\"http_version\":\"1.1\",\"encrypted\":true,\"decrypted\":true,"
		"\"tls_version\":\"1.3\",\"sni\":\"mcp.example\",\"alpn\":\"http/1.1\","
		"\"ja4\":\"t13d1516h2_8daaf6152771_b186095e22b6\",\"dns_name\":null,\"host\":\"mcp.example:8443\",\"path\":\"/v1/mcp\","
		"\"user_agent\":\"python-httpx/0.27\",\"protocol_version\":\"2025-06-18\","
		"\"protocol_version_requested\":\"2025-11-25\",\"client_name\":\"Zo\xc3\xab's agent\",\"client_version\":\"1.2\","
		"\"server_name\":\"files\",\"server_version\":\"0.9\",\"joined\":[],\"session\":null,\"auth\":\"bearer\","
		"\"methods\":{\"initialize\":1,\"tools/call\":7},\"server_methods\":{\"sampling/createMessage\":2},"
		"\"tools_called\":{\"read_file\":5,\"delete \\\"all\\\"\\n\":2,\"(other)\":4},"
		"\"resources_read\":{\"file:///etc/motd\":3},\"prompts_got\":{\"greet\":1,\"(other)\":2},\"requests\":8,\"errors\":1,"
		"\"packets\":{\"client\":100,\"server\":90},\"bytes\":{\"client\":10000,\"server\":90000},"
		"\"payload_bytes\":{\"client\":9000,\"server\":80000},\"app_label\":\"TLS.HTTP\",\"connector\":null,\"change\":null,\"capture\":\"a.pcap\","
		"\"first_frame\":11,\"signature_set\":\"2026.11.22\"}");
	json_decref(json);
}

static void fields_are_named_once(void **state)
{
	(void)state;
	struct observation o = sample_bare();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	json_t *json = json_of(&o, &j, &context);
	void *at = json_object_iter(json);
	for (int i = 0; event_fields[i]; i++, at = json_object_iter_next(json, at)) {
		assert_non_null(at);
		assert_string_equal(json_object_iter_key(at), event_fields[i]);
	}
	assert_null(at);
	json_decref(json);
}

static void unknown_is_null_and_never_left_out(void **state)
{
	(void)state;
	static const char *const null[] = {"rule", "client_mac", "transport", "http_version", "tls_version", "sni", "alpn", "ja4",
	                                   "host", "path", "user_agent", "protocol_version", "client_name", "server_version",
	                                   "session", "auth", "app_label", "capture", "signature_set"};
	struct observation o = sample_bare();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	struct event_context bare = {"", NULL, NULL};
	json_t *json = json_of(&o, &j, &bare);
	for (size_t i = 0; i < sizeof null / sizeof *null; i++)
		assert_true(json_is_null(json_object_get(json, null[i])));
	assert_string_equal(json_string_value(json_object_get(json, "l4")), "udp");
	assert_string_equal(json_string_value(json_object_get(json, "client_ip")), "2001:db8::1");
	assert_json_text(json_object_get(json, "methods"), "{}");
	assert_json_text(json_object_get(json, "reasons"), "[]");
	assert_json_text(json_object_get(json, "encapsulation"), "[]");
	assert_json_text(json_object_get(json, "claimed_client"), "[]");
	assert_true(json_is_null(json_object_get(json, "proxy")));
	assert_true(json_is_false(json_object_get(json, "encrypted")));
	json_decref(json);
}

static void counters_never_wrap_or_vanish(void **state)
{
	(void)state;
	static const struct observed_count tools[] = {{"(other)", 3, 0, 0}, {"a", UINT64_MAX, 0, 0}, {"a", 2, 0, 0}};
	struct observation o = sample_bare();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	o.tools_called = (struct observed_counts){tools, 3, 39};
	o.requests = UINT64_MAX;
	json_t *json = json_of(&o, &j, &context);
	assert_json_text(json_object_get(json, "tools_called"), "{\"(other)\":42,\"a\":9223372036854775807}");
	assert_true(json_integer_value(json_object_get(json, "requests")) == INT64_MAX);
	json_decref(json);
}

/* File systems know no encodings. */
static void names_given_by_the_operator_may_be_no_utf8(void **state)
{
	(void)state;
	struct observation o = sample_bare();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	struct event_context odd = {"tap\xff", "1", "caf\xe9.pcap"};
	json_t *json = json_of(&o, &j, &odd);
	assert_string_equal(json_string_value(json_object_get(json, "capture")), "caf\xef\xbf\xbd.pcap");
	assert_string_equal(json_string_value(json_object_get(json, "sensor")), "tap\xef\xbf\xbd");
	json_decref(json);
}

static void survives_failing_malloc(void **state)
{
	(void)state;
#if FAILING_MALLOC
	struct observation o = sample_observation();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED, .breaches = {"policy.tls"}, .n_breaches = 1};
	struct event e;
	assert_int_equal(event_from(&o, &j, TRAFFIC_OUTBOUND, &context, NULL, &e), 0);
	json_t *json = NULL;
	long alive = allocations_alive, n = 0;
	for (; !json; n++) {
		allocations_left = n;
		json = event_json(&e);
		allocations_left = -1;
		if (!json)
			assert_int_equal(allocations_alive, alive);
		assert_true(n < 10000);
	}
	assert_true(n > 100);
	json_decref(json);
	assert_int_equal(allocations_alive, alive);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_in_the_contract_order),
		cmocka_unit_test(fields_are_named_once),
		cmocka_unit_test(unknown_is_null_and_never_left_out),
		cmocka_unit_test(counters_never_wrap_or_vanish),
		cmocka_unit_test(names_given_by_the_operator_may_be_no_utf8),
		cmocka_unit_test(survives_failing_malloc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
