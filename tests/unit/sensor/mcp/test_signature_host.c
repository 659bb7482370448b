#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostname.h"
#include "signature_build.h"
#include "signature_set.h"
#include <time.h>

static const char *host_id(const struct signature_set *s, const char *as_sent)
{
	char name[HOSTNAME_TEXT];
	if (!hostname_normalize(slice_str(as_sent), name))
		return "(malformed)";
	return id_of(signature_host(s, name));
}

/* An approved-looking name inside another must not borrow its signature. */
static void test_lookalikes_of_a_listed_host(void **state)
{
	struct signature_set *s = build(HOST("h", "dedicated", "likely", "mcp.stripe.com"));
	(void)state;
	assert_string_equal(host_id(s, "mcp.stripe.com"), "h");
	assert_string_equal(host_id(s, "MCP.STRIPE.COM."), "h");
	assert_string_equal(host_id(s, "mcp.stripe.com.evil.net"), "(none)");
	assert_string_equal(host_id(s, "xmcp.stripe.com"), "(none)");
	assert_string_equal(host_id(s, "x.mcp.stripe.com"), "(none)");
	assert_string_equal(host_id(s, "mcp.stripe.co"), "(none)");
	assert_string_equal(host_id(s, "mcp-stripe.com"), "(none)");
	assert_string_equal(host_id(s, "stripe.com"), "(none)");
	assert_string_equal(host_id(s, "mcp..stripe.com"), "(malformed)");
	assert_null(signature_host(s, ""));
	signature_set_free(s);
}

static void test_what_each_pattern_matches(void **state)
{
	struct signature_set *s = build(HOST("below", "dedicated", "likely", "*.run.tools") "," HOST(
	    "glob", "shared", "possible",
	    "*-be.glean.com") "," HOST("middle", "shared", "possible",
				       "api.*.ghe.com") "," HOST("first", "pattern", "possible",
								 "mcp.*") "," HOST("begins", "pattern", "possible",
										   "mcp-*") "," HOST("ends", "pattern",
												     "possible",
												     "*-mcp"));
	static const struct {
		const char *name, *id;
	} cases[] = {
	    {"a.run.tools", "below"},
	    {"a.b.run.tools", "below"},
	    {"run.tools", "(none)"},
	    {"evilrun.tools", "(none)"},
	    {"a.run.tools.evil.net", "(none)"},
	    {"eu-be.glean.com", "glob"},
	    {"-be.glean.com", "glob"},
	    {"be.glean.com", "(none)"},
	    {"a.b-be.glean.com", "(none)"},
	    {"eu-be.glean.com.evil.net", "(none)"},
	    {"api.eu.ghe.com", "middle"},
	    {"api.ghe.com", "(none)"},
	    {"api.a.b.ghe.com", "(none)"},
	    {"xapi.eu.ghe.com", "(none)"},
	    {"mcp.example.edu", "first"},
	    {"mcp.com", "first"},
	    {"mcp", "(none)"},
	    {"a.mcp.example.edu", "(none)"},
	    {"tmcp.example", "(none)"},
	    {"mcpherson.edu", "(none)"},
	    {"www.mcpherson.edu", "(none)"},
	    {"mcpelanguage.com", "(none)"},
	    {"mcp-tools.shop", "begins"},
	    {"www.mcp-tools.shop", "begins"},
	    {"mcp-server", "begins"},
	    {"v6-mcp.example.edu", "ends"},
	    {"a.x-mcp.b.example", "ends"},
	    {"x-mcpx.example", "(none)"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *id = host_id(s, cases[i].name);
		if (strcmp(id, cases[i].id) != 0)
			fail_msg("%s: %s, expected %s", cases[i].name, id, cases[i].id);
	}
	signature_set_free(s);
}

static void test_the_most_specific_wins(void **state)
{
	struct signature_set *s = build(
	    HOST("exact", "dedicated", "likely", "mcp.a.acme.example") "," HOST("glob", "shared", "possible", "mcp.*.acme.example") "," HOST(
		"longer-glob", "shared", "possible",
		"mcp.b*.acme.example") "," HOST("long", "shared", "possible",
						"*.b.acme.example") "," HOST("short", "shared", "possible",
									     "*.acme.example") "," HOST("first",
													"pattern",
													"possible",
													"mcp.*") "," HOST("any",
															  "pattern",
															  "possible",
															  "mcp-*"));
	(void)state;
	assert_string_equal(host_id(s, "mcp.a.acme.example"), "exact");
	assert_string_equal(host_id(s, "mcp.c.acme.example"), "glob");
	assert_string_equal(host_id(s, "mcp.b.acme.example"), "longer-glob");
	assert_string_equal(host_id(s, "x.b.acme.example"), "long");
	assert_string_equal(host_id(s, "x.y.b.acme.example"), "long");
	assert_string_equal(host_id(s, "x.acme.example"), "short");
	assert_string_equal(host_id(s, "mcp.acme.example"), "short");
	assert_string_equal(host_id(s, "mcp.mcp-x.example"), "first");
	assert_string_equal(host_id(s, "x.mcp-x.example"), "any");
	signature_set_free(s);
}

static void test_an_ignored_host_stops_the_search(void **state)
{
	struct signature_set *s = build(
	    HOST("no", "ignored", "none", "mcp.so") "," HOST("nobody", "ignored", "none", "*.acme.example") "," HOST(
		"first", "pattern", "possible", "mcp.*") "," HOST("yes", "dedicated", "likely", "mcp.b.acme.example"));
	(void)state;
	assert_string_equal(host_id(s, "mcp.so"), "(none)");
	assert_string_equal(host_id(s, "mcp.a.acme.example"), "(none)");
	assert_string_equal(host_id(s, "mcp.b.acme.example"), "yes");
	assert_string_equal(host_id(s, "mcp.other.example"), "first");
	signature_set_free(s);
}

static void test_endpoints_of_a_host(void **state)
{
	struct signature_set *s = build(
	    "{\"id\":\"h\",\"kind\":\"host\",\"confidence\":\"possible\",\"tier\":\"shared\",\"pattern\":\"a.example\","
	    "\"endpoints\":[{\"path\":\"/\",\"transport\":\"websocket\"},{\"path\":\"/v1/"
	    "MCP\",\"transport\":\"streamable-http\"},"
	    "{\"path\":\"/e/{id}/sse\",\"transport\":\"http+sse\"},{\"path\":\"/below/\"}]," WORDS "}");
	const struct signature *h = signature_host(s, "a.example");
	static const struct {
		const char *path;
		int endpoint;
	} cases[] = {
	    {"/", 0},           {"", -1},
	    {"/x", -1},         {"/v1/mcp", 1},
	    {"/v1/mcp/", 1},    {"/v1/mcp?x=/y", 1},
	    {"/v1/mcp/x/y", 1}, {"/v1/mcpx", -1},
	    {"/v1/%6Dcp", 1},   {"/v1", -1},
	    {"/e/7/sse", 2},    {"/e//sse", -1},
	    {"/e/7/8/sse", -1}, {"/e/7/sse/message", 2},
	    {"/below/x", 3},    {"/below/", 3},
	    {"/belowx", -1},
	};
	(void)state;
	assert_non_null(h);
	assert_int_equal(h->n_endpoints, 4);
	assert_string_equal(h->path, "/");
	assert_int_equal(h->endpoints[0].transport, TRANSPORT_WEBSOCKET);
	assert_int_equal(h->endpoints[1].transport, TRANSPORT_STREAMABLE_HTTP);
	assert_int_equal(h->endpoints[2].transport, TRANSPORT_HTTP_SSE);
	assert_int_equal(h->endpoints[3].transport, TRANSPORT_NONE);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct signature_endpoint *e = signature_host_endpoint(h, slice_str(cases[i].path));
		int endpoint = e ? (int)(e - h->endpoints) : -1;
		if (endpoint != cases[i].endpoint)
			fail_msg("%s: endpoint %d, expected %d", cases[i].path, endpoint, cases[i].endpoint);
	}
	signature_set_free(s);
}

static void test_glob(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
	    {"", "", true},
	    {"*", "", true},
	    {"*", "abc", true},
	    {"*", "a.c", false},
	    {"a*c", "ac", true},
	    {"a*c", "abbc", true},
	    {"a*c", "abcb", false},
	    {"*a*a*", "banana", true},
	    {"*.*", "a.b", true},
	    {"*.*", "a.b.c", false},
	    {"*-mcp-*", "a-mcp-b", true},
	    {"*-mcp-*", "a-mc-mcp-b", true},
	    {"*ab", "aab", true},
	    {"a**b", "axb", true},
	    {"abc", "abcd", false},
	    {"abcd", "abc", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (host_glob_matches(slice_str(cases[i].pattern), slice_str(cases[i].name)) != cases[i].matches)
			fail_msg("%s against %s", cases[i].pattern, cases[i].name);
}

/* The verdicts that the shipped set must give: the names of real servers, and of pages that only look like one. */
static void test_the_shipped_hosts(void **state)
{
	struct signature_set *s = build_shipped();
	static const struct {
		const char *name;
		int tier;
	} cases[] = {
	    {"mcp.stripe.com", HOST_DEDICATED},
	    {"mcp.linear.app", HOST_DEDICATED},
	    {"mcp-proxy.anthropic.com", HOST_DEDICATED},
	    {"x.fastmcp.app", HOST_DEDICATED},
	    {"docs.mcp.cloudflare.com", HOST_DEDICATED},
	    {"new.mcp.cloudflare.com", HOST_DEDICATED},
	    {"x.gateway.bedrock-agentcore.eu-west-1.amazonaws.com", HOST_DEDICATED},
	    {"foo-mcp.eu-west-1.api.aws", HOST_DEDICATED},
	    {"huggingface.co", HOST_SHARED},
	    {"api.githubcopilot.com", HOST_SHARED},
	    {"shop.myshopify.com", HOST_SHARED},
	    {"acme-be.glean.com", HOST_SHARED},
	    {"mcp.pipedream.com", HOST_SHARED},
	    {"www.mcp.run", HOST_SHARED},
	    {"mcp.example.edu", HOST_PATTERN},
	    {"v6-mcp.example.edu", HOST_PATTERN},
	    {"mcp-tools.shop", HOST_PATTERN},
	    {"weather-mcp-server.acme.workers.dev", HOST_PATTERN},
	    {"mcp.stripe.com.evil.net", HOST_PATTERN},
	    {"registry.modelcontextprotocol.io", -1},
	    {"api.mcp.github.com", -1},
	    {"mcp.so", -1},
	    {"modelcontextprotocol.io", -1},
	    {"www.mcpherson.edu", -1},
	    {"tmcp.example", -1},
	    {"mcpserver-hosting.com", -1},
	    {"mcpelanguage.com", -1},
	    {"cdn-lfs.huggingface.co", -1},
	    {"fonts.googleapis.com", -1},
	    {"api.anthropic.com", -1},
	    {"api.openai.com", -1},
	    {"x.ngrok-free.app", -1},
	    {"x.workers.dev", -1},
	    {"xmcp.stripe.com", -1},
	    {"www.google.com", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct signature *found = signature_host(s, cases[i].name);
		int tier = found ? (int)found->tier : -1;
		if (tier != cases[i].tier)
			fail_msg("%s: %s of tier %d, expected tier %d", cases[i].name, id_of(found), tier,
				 cases[i].tier);
		if (found && found->confidence != (tier == HOST_DEDICATED ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE))
			fail_msg("%s: confidence %d", cases[i].name, found->confidence);
	}
	signature_set_free(s);
}

/* Every '*' of the pattern filled in: what is left must match this signature, or one that is more specific. */
static void test_every_shipped_host_matches_itself(void **state)
{
	struct signature_set *s = build_shipped();
	(void)state;
	assert_true(signature_set_count(s, SIGNATURE_HOST) > 650);
	for (size_t i = 0; i < signature_set_count(s, SIGNATURE_HOST); i++) {
		const struct signature *one = signature_set_at(s, SIGNATURE_HOST, i);
		char name[512] = "", normal[HOSTNAME_TEXT];
		size_t n = 0;
		if (one->match == MATCH_ANY_LABEL)
			n += (size_t)sprintf(name, "www.");
		for (const char *c = one->pattern; *c; c++) {
			if (*c == '*')
				n += (size_t)sprintf(name + n, "zz9");
			else
				name[n++] = *c;
		}
		strcpy(name + n, one->match == MATCH_ANY_LABEL ? ".example" : "");
		assert_true(hostname_normalize(slice_str(name), normal));
		const struct signature *found = signature_host(s, normal);
		if (one->tier == HOST_IGNORED ? found != NULL : found != one)
			fail_msg("%s: %s matches %s", one->id, name, id_of(found));
	}
	signature_set_free(s);
}

/* Looked up for each connection: also for the longest name with the most labels it must stay in the microseconds. The
 * bound is wide because sanitizers and busy machines are slow; it fails where a look-up costs a walk over all hosts. */
static void test_look_up_is_fast(void **state)
{
	struct signature_set *s = build_shipped();
	char deep[254];
	const char *const names[] = {"mcp.stripe.com", "www.example.com", "a.b.c.d.e.f.g.example.net", deep};
	struct timespec from, to;
	unsigned found = 0;
	(void)state;
	for (size_t i = 0; i < sizeof deep; i++)
		deep[i] = i % 2 ? '.' : 'a';
	deep[sizeof deep - 1] = '\0';
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (unsigned i = 0; i < 40000; i++)
		found += signature_host(s, names[i % 4]) != NULL;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	double us = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 40000 / 1e3;
	assert_int_equal(found, 10000);
	print_message("%.2f us per host\n", us);
	assert_true(us < 100);
	signature_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lookalikes_of_a_listed_host),
	    cmocka_unit_test(test_what_each_pattern_matches),
	    cmocka_unit_test(test_the_most_specific_wins),
	    cmocka_unit_test(test_an_ignored_host_stops_the_search),
	    cmocka_unit_test(test_endpoints_of_a_host),
	    cmocka_unit_test(test_glob),
	    cmocka_unit_test(test_the_shipped_hosts),
	    cmocka_unit_test(test_every_shipped_host_matches_itself),
	    cmocka_unit_test(test_look_up_is_fast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
