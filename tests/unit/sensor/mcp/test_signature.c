#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signature_build.h"
#include "signature_set.h"

static const char *header_id(const struct signature_set *s, const char *name, const char *value)
{
	return id_of(signature_header(s, slice_str(name), slice_str(value)));
}

static void test_headers(void **state)
{
	struct signature_set *s = build_shipped();
	(void)state;
	assert_string_equal(header_id(s, "MCP-Protocol-Version", "2025-06-18"), "header.mcp-protocol-version");
	assert_string_equal(header_id(s, "mcp-session-id", ""), "header.mcp-session-id");
	assert_string_equal(header_id(s, "Mcp-Method", "x"), "header.mcp-method");
	assert_string_equal(header_id(s, "Mcp-Name", "x"), "header.mcp-name");
	assert_string_equal(header_id(s, "Mcp-Param-Region", "x"), "header.mcp-param");
	assert_string_equal(header_id(s, "Mcp-Param-", "x"), "(none)");
	assert_string_equal(header_id(s, "mcp-session-idx", "x"), "(none)");
	assert_string_equal(header_id(s, "x-mcp-session-id", "x"), "(none)");
	assert_string_equal(header_id(s, "Last-Event-ID", "7"), "(none)");
	assert_string_equal(header_id(s, "anthropic-beta", "mcp-client-2025-11-20"), "(none)");
	assert_string_equal(header_id(s, "", ""), "(none)");
	signature_set_free(s);
}

static void test_header_values(void **state)
{
	struct signature_set *s =
	    build("{\"id\":\"long\",\"kind\":\"header\",\"confidence\":\"likely\",\"pattern\":\"x-a\",\"match\":"
		  "\"exact\",\"value\":\"mcp-client\"," WORDS "},"
		  "{\"id\":\"short\",\"kind\":\"header\",\"confidence\":\"likely\",\"pattern\":\"x-a\",\"match\":"
		  "\"exact\",\"value\":\"mcp\"," WORDS "},"
		  "{\"id\":\"prefix\",\"kind\":\"header\",\"confidence\":\"likely\",\"pattern\":\"x-\",\"match\":"
		  "\"prefix\",\"value\":\"q\"," WORDS
		  "}," NAMED("any", "header", "exact", "x-b") "," NAMED("prefix-any", "header", "prefix", "x-b"));
	(void)state;
	assert_string_equal(header_id(s, "X-A", "mcp-client-1"), "long");
	assert_string_equal(header_id(s, "x-a", " MCP "), "short");
	assert_string_equal(header_id(s, "x-a", "a mcp"), "(none)");
	assert_string_equal(header_id(s, "x-a", ""), "(none)");
	assert_string_equal(header_id(s, "x-c", "q"), "prefix");
	assert_string_equal(header_id(s, "x-b", "q"), "any");
	assert_string_equal(header_id(s, "x-bc", ""), "prefix-any");
	signature_set_free(s);
}

static void test_methods(void **state)
{
	struct signature_set *s = build_shipped();
	const struct signature *m = signature_method(s, SLICE_LITERAL("tools/call"));
	(void)state;
	assert_string_equal(id_of(m), "method.tools.call");
	assert_true(m->unique);
	assert_int_equal(m->confidence, CONFIDENCE_LIKELY);
	m = signature_method(s, SLICE_LITERAL("initialize"));
	assert_string_equal(id_of(m), "method.initialize");
	assert_false(m->unique);
	assert_int_equal(m->confidence, CONFIDENCE_POSSIBLE);
	assert_non_null(signature_method(s, SLICE_LITERAL("server/discover")));
	assert_non_null(signature_method(s, SLICE_LITERAL("notifications/tasks")));
	/* JSON-RPC compares methods byte by byte. */
	assert_null(signature_method(s, SLICE_LITERAL("Tools/Call")));
	assert_null(signature_method(s, SLICE_LITERAL("tools/cal")));
	assert_null(signature_method(s, SLICE_LITERAL("tools/calls")));
	assert_null(signature_method(s, slice_of("tools/call\0", 11)));
	assert_null(signature_method(s, SLICE_LITERAL("eth_call")));
	assert_null(signature_method(s, SLICE_LITERAL("textDocument/hover")));
	assert_null(signature_method(s, slice_of(NULL, 0)));
	for (size_t i = 0; i < signature_set_count(s, SIGNATURE_METHOD); i++) {
		m = signature_set_at(s, SIGNATURE_METHOD, i);
		assert_ptr_equal(signature_method(s, slice_str(m->pattern)), m);
	}
	signature_set_free(s);
}

static void test_clients(void **state)
{
	struct signature_set *s = build_shipped();
	const struct signature *c = signature_client(s, SLICE_LITERAL("claude-ai (via mcp-remote 0.15.1)"));
	(void)state;
	assert_string_equal(id_of(c), "client.via-mcp-remote");
	assert_string_equal(id_of(signature_client(s, SLICE_LITERAL("Claude-Code"))), "client.claude-code");
	assert_string_equal(id_of(signature_client(s, SLICE_LITERAL("claude-codex"))), "(none)");
	assert_string_equal(id_of(signature_user_agent(s, SLICE_LITERAL("claude-code/2.1.3 (cli)"))), "ua.claude-code");
	assert_string_equal(id_of(signature_user_agent(s, SLICE_LITERAL("node"))), "ua.node");
	assert_string_equal(id_of(signature_user_agent(s, SLICE_LITERAL("node-fetch/1.0"))), "(none)");
	assert_string_equal(id_of(signature_user_agent(s, SLICE_LITERAL("python-httpx2/2.0"))), "ua.python-httpx2");
	assert_string_equal(id_of(signature_user_agent(s, SLICE_LITERAL("Mozilla/5.0 node"))), "(none)");
	assert_string_equal(id_of(signature_user_agent(s, slice_of(NULL, 0))), "(none)");
	assert_string_equal(id_of(signature_ja4(s, "t13d5911h1_a33745022dd6_1f22a2ca17c4")), "ja4.node20-fetch");
	assert_null(signature_ja4(s, "t13d5911h1_a33745022dd6_1f22a2ca17c5"));
	assert_null(signature_ja4(s, ""));
	for (size_t i = 0; i < signature_set_count(s, SIGNATURE_CLIENT); i++) {
		c = signature_set_at(s, SIGNATURE_CLIENT, i);
		assert_ptr_equal(signature_client(s, slice_str(c->pattern)), c);
	}
	for (size_t i = 0; i < signature_set_count(s, SIGNATURE_USER_AGENT); i++) {
		char text[128];
		c = signature_set_at(s, SIGNATURE_USER_AGENT, i);
		snprintf(text, sizeof text, "%s%s", c->pattern, c->match == MATCH_PREFIX ? "1.2.3 (x)" : "");
		assert_ptr_equal(signature_user_agent(s, slice_str(text)), c);
	}
	for (size_t i = 0; i < signature_set_count(s, SIGNATURE_JA4); i++) {
		c = signature_set_at(s, SIGNATURE_JA4, i);
		assert_ptr_equal(signature_ja4(s, c->pattern), c);
	}
	signature_set_free(s);
}

static void test_names_prefer_exact_then_longest(void **state)
{
	struct signature_set *s =
	    build(NAMED("exact", "client", "exact", "abc") "," NAMED("long", "client", "prefix", "ab") "," NAMED(
		"short", "client", "prefix", "a") "," NAMED("in", "client", "contains", "bc"));
	(void)state;
	assert_string_equal(id_of(signature_client(s, SLICE_LITERAL("ABC"))), "exact");
	assert_string_equal(id_of(signature_client(s, SLICE_LITERAL("abd"))), "long");
	assert_string_equal(id_of(signature_client(s, SLICE_LITERAL("axbc"))), "short");
	assert_string_equal(id_of(signature_client(s, SLICE_LITERAL("xBc"))), "in");
	assert_string_equal(id_of(signature_client(s, SLICE_LITERAL("xb"))), "(none)");
	signature_set_free(s);
}

/* A client name of megabytes must not be searched from end to end for each pattern. */
static void test_only_the_beginning_of_a_name_counts(void **state)
{
	struct signature_set *s = build(NAMED("in", "client", "contains", "needle"));
	static char text[1 << 16];
	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text + LIMIT_SIGNATURE_TEXT - 6, "needle", 6);
	assert_non_null(signature_client(s, slice_of(text, sizeof text)));
	memcpy(text + LIMIT_SIGNATURE_TEXT - 6, "xneedl", 6);
	assert_null(signature_client(s, slice_of(text, sizeof text)));
	signature_set_free(s);
}

static void test_the_set(void **state)
{
	struct signature_set *s = build(HOST("h.b", "shared", "possible", "b.example") "," HOST(
	    "h.a", "dedicated", "likely", "a.example") "," BEHAVIOUR("mcp.x", "confirmed"));
	(void)state;
	assert_string_equal(signature_set_version(s), "1.0");
	assert_int_equal(signature_set_count(s, SIGNATURE_HOST), 2);
	assert_int_equal(signature_set_count(s, SIGNATURE_PATH), 0);
	assert_int_equal(signature_set_count(s, SIGNATURE_BEHAVIOUR), 1);
	assert_string_equal(signature_set_at(s, SIGNATURE_HOST, 0)->id, "h.a");
	assert_string_equal(signature_set_at(s, SIGNATURE_HOST, 1)->id, "h.b");
	assert_null(signature_set_at(s, SIGNATURE_HOST, 2));
	assert_null(signature_set_at(s, SIGNATURE_PATH, 0));
	assert_string_equal(signature_behaviour(s, "mcp.x")->pattern, "mcp.x");
	assert_int_equal(signature_behaviour(s, "mcp.x")->confidence, CONFIDENCE_CONFIRMED);
	assert_null(signature_behaviour(s, "mcp.y"));
	assert_string_equal(signature_kind_name(SIGNATURE_USER_AGENT), "user-agent");
	assert_string_equal(signature_match_name(MATCH_EXACT), "exact");
	assert_string_equal(signature_match_name(MATCH_CONTAINS), "contains");
	assert_string_equal(signature_match_name(MATCH_BELOW), "below");
	assert_string_equal(signature_match_name(MATCH_ANY_LABEL), "any-label");
	signature_set_free(s);
	signature_set_free(NULL);

	s = build("");
	assert_null(signature_host(s, "a.example"));
	assert_null(signature_path(s, SLICE_LITERAL("/mcp")));
	assert_null(signature_behaviour(s, "mcp.x"));
	signature_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_header_values),
	    cmocka_unit_test(test_methods),
	    cmocka_unit_test(test_clients),
	    cmocka_unit_test(test_names_prefer_exact_then_longest),
	    cmocka_unit_test(test_only_the_beginning_of_a_name_counts),
	    cmocka_unit_test(test_the_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
