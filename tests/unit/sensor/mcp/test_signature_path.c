#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signature_build.h"
#include "signature_set.h"

struct path_case {
	const char *path, *id;
};

static void check_paths(const struct signature_set *s, const struct path_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *id = id_of(signature_path(s, slice_str(cases[i].path)));
		if (strcmp(id, cases[i].id) != 0)
			fail_msg("%s: %s, expected %s", cases[i].path, id, cases[i].id);
	}
}

static void test_what_each_match_matches(void **state)
{
	struct signature_set *s =
	    build(PATH("exact", "exact", "/mcp") "," PATH("slash", "exact", "/messages/") "," PATH(
		"template", "template",
		"/servers/{name}/mcp") "," PATH("prefix", "prefix",
						"/gateway/v") "," PATH("suffix", "suffix",
								       "/stream/sse") "," PATH("segment", "segment",
											       "_mcp"));
	static const struct path_case cases[] = {
	    {"/mcp", "exact"},
	    {"/mcp/", "exact"},
	    {"/MCP", "exact"},
	    {"/mcp?a=/b", "exact"},
	    {"/mcp#f", "exact"},
	    {"/%6d%43p", "exact"},
	    {"/mcpx", "(none)"},
	    {"/xmcp", "(none)"},
	    {"mcp", "(none)"},
	    {"/mcp//", "(none)"},
	    {"/%256dcp", "(none)"},
	    {"/%6", "(none)"},
	    {"/mcp%2f", "(none)"},
	    {"/mcp%", "(none)"},
	    {"/%zzmcp", "(none)"},
	    {"", "(none)"},
	    {"/", "(none)"},
	    {"/messages/", "slash"},
	    {"/messages", "(none)"},
	    {"/messages/?session_id=1", "slash"},
	    {"/servers/a/mcp", "template"},
	    {"/servers/a/mcp/", "template"},
	    {"/servers//mcp", "(none)"},
	    {"/servers/a/b/mcp", "(none)"},
	    {"/servers/a/mcpx", "(none)"},
	    {"/servers/a", "(none)"},
	    {"/gateway/v", "prefix"},
	    {"/gateway/v2/x", "prefix"},
	    {"/gateway/", "(none)"},
	    {"/x/gateway/v2", "(none)"},
	    {"/stream/sse", "suffix"},
	    {"/a/b/stream/sse/", "suffix"},
	    {"/xstream/sse", "(none)"},
	    {"/stream/sse/x", "(none)"},
	    {"/a/_mcp/b", "segment"},
	    {"/_mcp", "segment"},
	    {"/_MCP/", "segment"},
	    {"/a_mcp/b", "(none)"},
	};
	(void)state;
	check_paths(s, cases, sizeof cases / sizeof *cases);
	signature_set_free(s);
}

static void test_the_most_specific_wins(void **state)
{
	struct signature_set *s =
	    build(PATH("exact", "exact", "/a/b/mcp") "," PATH("template", "template", "/a/{x}/mcp") "," PATH(
		"long", "prefix",
		"/a/b/") "," PATH("short", "prefix",
				  "/a/") "," PATH("long-suffix", "suffix",
						  "/x/mcp") "," PATH("suffix", "suffix",
								     "/mcp") "," PATH("segment", "segment", "mcp"));
	static const struct path_case cases[] = {
	    {"/a/b/mcp", "exact"},       {"/a/c/mcp", "template"}, {"/a/b/c/mcp", "long"},  {"/a/c/d/mcp", "short"},
	    {"/q/x/mcp", "long-suffix"}, {"/q/mcp", "suffix"},     {"/q/mcp/r", "segment"},
	};
	(void)state;
	check_paths(s, cases, sizeof cases / sizeof *cases);
	signature_set_free(s);
}

/* Past the buffer the end of the path is unknown: nothing may be said of it, but the beginning still counts. */
static void test_long_paths(void **state)
{
	struct signature_set *s = build(PATH("prefix", "prefix", "/a/") "," PATH("suffix", "suffix", "/mcp"));
	static char path[100000];
	(void)state;
	for (size_t n = 900; n < sizeof path; n = n < 1200 ? n + 1 : n + 9973) {
		memset(path, 'x', n);
		memcpy(path, "/b/", 3);
		memcpy(path + n - 4, "/mcp", 4);
		assert_string_equal(id_of(signature_path(s, slice_of(path, n))), n <= 1024 ? "suffix" : "(none)");
		memcpy(path, "/a/", 3);
		assert_string_equal(id_of(signature_path(s, slice_of(path, n))), "prefix");
	}
	signature_set_free(s);
}

static void test_what_a_shipped_path_says(void **state)
{
	struct signature_set *s = build_shipped();
	static const struct path_case cases[] = {
	    {"/mcp", "path.mcp"},
	    {"/mcp/", "path.mcp"},
	    {"/x/mcp", "path.last.mcp"},
	    {"/", "path.root"},
	    {"/messages/", "path.messages.slash"},
	    {"/.well-known/oauth-protected-resource/mcp", "path.oauth-protected-resource.inserted"},
	    {"/mcp/.well-known/oauth-protected-resource", "path.oauth-protected-resource.appended"},
	    {"/.well-known/oauth-authorization-server/mcp", "path.oauth-authorization-server.inserted"},
	    {"/.well-known/openid-configuration", "path.openid-configuration"},
	    {"/.well-known/acme-challenge/mcp", "path.well-known"},
	    {"/servers/5f2c/sse", "path.servers.name.sse"},
	    {"/api/v4/mcp", "path.api.v4.mcp"},
	    {"/docs/mcp/intro.html", "path.segment.mcp"},
	    {"/index.html", "(none)"},
	    {"/mcpherson", "(none)"},
	    {"/jsonrpc", "(none)"},
	    {"/.mcp.json", "(none)"},
	};
	const struct signature *path = signature_path(s, SLICE_LITERAL("/mcp"));
	(void)state;
	check_paths(s, cases, sizeof cases / sizeof *cases);
	assert_int_equal(path->specificity, PATH_STRONG);
	assert_int_equal(path->role, PATH_ENDPOINT);
	assert_int_equal(path->transport, TRANSPORT_STREAMABLE_HTTP);
	assert_int_equal(path->confidence, CONFIDENCE_POSSIBLE);
	path = signature_path(s, SLICE_LITERAL("/sse"));
	assert_int_equal(path->specificity, PATH_MEDIUM);
	assert_int_equal(path->transport, TRANSPORT_HTTP_SSE);
	path = signature_path(s, SLICE_LITERAL("/"));
	assert_int_equal(path->specificity, PATH_WEAK);
	assert_int_equal(path->confidence, CONFIDENCE_NONE);
	path = signature_path(s, SLICE_LITERAL("/.well-known/oauth-protected-resource/mcp"));
	assert_int_equal(path->role, PATH_DISCOVERY);
	assert_int_equal(path->specificity, PATH_STRONG);
	signature_set_free(s);
}

static void test_every_shipped_path_matches_itself(void **state)
{
	struct signature_set *s = build_shipped();
	(void)state;
	assert_true(signature_set_count(s, SIGNATURE_PATH) >= 80);
	for (size_t i = 0; i < signature_set_count(s, SIGNATURE_PATH); i++) {
		const struct signature *one = signature_set_at(s, SIGNATURE_PATH, i);
		char path[1024];
		size_t n = (size_t)sprintf(path, "%s",
					   one->match == MATCH_SUFFIX    ? "/zz9"
					   : one->match == MATCH_SEGMENT ? "/zz9/"
									 : "");
		for (const char *c = one->pattern; *c; c++) {
			if (*c == '{') {
				n += (size_t)sprintf(path + n, "zz9");
				c += strcspn(c, "}");
			} else {
				path[n++] = *c;
			}
		}
		strcpy(path + n, one->match == MATCH_PREFIX || one->match == MATCH_SEGMENT ? "/zz9" : "");
		const struct signature *found = signature_path(s, slice_str(path));
		if (found != one)
			fail_msg("%s: %s matches %s", one->id, path, id_of(found));
	}
	signature_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_each_match_matches),
	    cmocka_unit_test(test_the_most_specific_wins),
	    cmocka_unit_test(test_long_paths),
	    cmocka_unit_test(test_what_a_shipped_path_says),
	    cmocka_unit_test(test_every_shipped_path_matches_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
