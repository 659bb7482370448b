#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signature_build.h"
#include "signature_set.h"

/* The loader says what is wrong, and where. */
static void refuses(const char *signature, const char *words)
{
	struct signature_set *s = NULL;
	char error[SIGNATURE_ERROR_TEXT] = "";
	int failed = build_layers(&signature, 1, &s, error);
	if (failed != FAIL_CONFIG || s)
		fail_msg("accepted: %s", signature);
	if (!strstr(error, words))
		fail_msg("%s\n says: %s\n not: %s", signature, error, words);
	if (strncmp(error, "0.json: /signatures/0", 21) != 0)
		fail_msg("no place in: %s", error);
}

static void accepts(const char *signature)
{
	struct signature_set *s = NULL;
	char error[SIGNATURE_ERROR_TEXT] = "";
	if (build_layers(&signature, 1, &s, error))
		fail_msg("%s\n refused: %s", signature, error);
	signature_set_free(s);
}

#define HEAD(id, kind, confidence) "{\"id\":\"" id "\",\"kind\":\"" kind "\",\"confidence\":\"" confidence "\","
#define LONG_ID "a123456789b123456789c123456789d123456789e123456789f12345678901234"

static void test_common_members(void **state)
{
	(void)state;
	accepts(BEHAVIOUR("mcp.x", "confirmed"));
	refuses("7", "must be an object");
	refuses("{}", "id");
	refuses(BEHAVIOUR("Mcp", "likely"), "/signatures/0/id: must be lower-case");
	refuses(BEHAVIOUR(".mcp", "likely"), "must be lower-case");
	refuses(BEHAVIOUR("a b", "likely"), "must be lower-case");
	refuses(BEHAVIOUR("", "likely"), "/id: is empty");
	refuses(BEHAVIOUR(LONG_ID, "likely"), "is longer than 63 bytes");
	refuses(BEHAVIOUR("a", "certain"), "\"certain\" is none of");
	refuses("{\"id\":\"a\",\"kind\":\"port\"," WORDS "}", "\"port\" is none of");
	refuses("{\"id\":\"a\"," WORDS "}", "kind");
	refuses("{\"id\":\"a\",\"disabled\":false}", "kind");
	refuses("{\"id\":\"a\",\"disabled\":1}", "disabled");
	refuses("{\"id\":\"a\",\"disabled\":true,\"pattern\":\"x\"}", "pattern");
	refuses(HEAD("a", "behaviour", "likely") "\"source\":\"s\"}", "reason");
	refuses(HEAD("a", "behaviour", "likely") "\"reason\":\"r\"}", "source");
	refuses(HEAD("a", "behaviour", "likely") "\"reason\":\"\",\"source\":\"s\"}", "/reason: is empty");
	refuses(HEAD("a", "behaviour", "likely") "\"reason\":\"a\\u001b[2J\",\"source\":\"s\"}",
		"/reason: holds a control character");
	refuses(HEAD("a", "behaviour", "likely") "\"reason\":\"a\\u007f\",\"source\":\"s\"}",
		"holds a control character");
	refuses(HEAD("a", "behaviour", "likely") "\"reson\":\"r\"," WORDS "}", "reson");
	refuses(HEAD("a", "behaviour", "likely") "\"pattern\":\"r\"," WORDS "}", "pattern");
	refuses(HEAD("a", "behaviour", "likely") "\"reason\":7,\"source\":\"s\"}", "/reason");
}

static void test_lengths(void **state)
{
	char text[2048], filler[1024];
	(void)state;
	memset(filler, 'x', sizeof filler);
	for (int n = 254; n <= 257; n++) {
		snprintf(text, sizeof text, HEAD("a", "behaviour", "likely") "\"reason\":\"%.*s\",\"source\":\"s\"}", n,
			 filler);
		if (n < LIMIT_DETAIL)
			accepts(text);
		else
			refuses(text, "/reason: is longer than 255 bytes");
	}
	for (int n = 510; n <= 513; n++) {
		snprintf(text, sizeof text, HEAD("a", "behaviour", "likely") "\"source\":\"%.*s\",\"reason\":\"s\"}", n,
			 filler);
		if (n < LIMIT_SIGNATURE_TEXT)
			accepts(text);
		else
			refuses(text, "/source: is longer than 511 bytes");
	}
}

/* Contract: only what was read of MCP itself is confirmed; an operator's file cannot say otherwise. */
static void test_confidence_has_a_ceiling(void **state)
{
	(void)state;
	refuses(HOST("a", "dedicated", "confirmed", "mcp.a.example"),
		"/confidence: a host alone is \"likely\" at most");
	refuses(HOST("a", "shared", "likely", "mcp.a.example"), "\"possible\" at most");
	refuses(HOST("a", "pattern", "likely", "mcp.*"), "\"possible\" at most");
	refuses(HOST("a", "ignored", "possible", "mcp.a.example"), "an ignored host is no evidence");
	refuses(HEAD("a", "ja4", "likely") "\"pattern\":\"t13d5911h1_a33745022dd6_1f22a2ca17c4\"," WORDS "}",
		"\"possible\" at most");
	refuses(HEAD("a", "method", "confirmed") "\"pattern\":\"x/y\",\"unique\":true," WORDS "}",
		"\"likely\" at most");
	accepts(HOST("a", "dedicated", "likely", "mcp.a.example"));
	accepts(HOST("a", "ignored", "none", "mcp.a.example"));
}

static void test_host_patterns(void **state)
{
	static const char *const good[] = {"mcp.acme.example",           "a",     "*.acme.example", "*-be.acme.example",
					   "api.*.acme.example",         "mcp.*", "mcp-*",          "10.0.0.5",
					   "*.gateway.x.*.amazonaws.com"};
	static const char *const bad[] = {
	    "MCP.acme.example",    "https://a.example", "a.example:443", "a.example/mcp", "a..example",
	    "a.example.",          ".a.example",        "a b",           "*..a",          "[::1]",
	    "m\\u00fcller.example"};
	static const char *const broad[] = {"*", "*.*", "a*", "*.a", "a.*"};
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		snprintf(text, sizeof text, HOST("a", "shared", "possible", "%s"), good[i]);
		accepts(text);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, HOST("a", "shared", "possible", "%s"), bad[i]);
		refuses(text, "/signatures/0/pattern: is no host name");
	}
	for (size_t i = 0; i < sizeof broad / sizeof *broad; i++) {
		snprintf(text, sizeof text, HOST("a", "shared", "possible", "%s"), broad[i]);
		refuses(text, "matches nearly every host");
	}
	refuses(HEAD("a", "host", "possible") "\"pattern\":\"a.example\"," WORDS "}", "tier");
	refuses(HOST("a", "shard", "possible", "a.example"), "\"shard\" is none of");
}

#define ENDPOINTS(list)                                                                                                \
	HEAD("a", "host", "possible") "\"tier\":\"shared\",\"pattern\":\"a.example\",\"endpoints\":" list "," WORDS "}"

static void test_endpoints(void **state)
{
	(void)state;
	accepts(ENDPOINTS("[]"));
	accepts(ENDPOINTS("[{\"path\":\"/a/{b}/c\"},{\"path\":\"/{a}\",\"transport\":\"websocket\"}]"));
	refuses(ENDPOINTS("{}"), "/endpoints");
	refuses(ENDPOINTS("[7]"), "/signatures/0/endpoints/0");
	refuses(ENDPOINTS("[{}]"), "path");
	refuses(ENDPOINTS("[{\"path\":\"/a\",\"verb\":\"GET\"}]"), "verb");
	refuses(ENDPOINTS("[{\"path\":\"/\"},{\"path\":\"mcp\"}]"), "/endpoints/1/path: must begin with '/'");
	refuses(ENDPOINTS("[{\"path\":\"/mcp\",\"transport\":\"tcp\"}]"), "\"tcp\" is none of");
	refuses(ENDPOINTS("[{\"path\":\"/{a\"}]"), "must be closed");
	refuses(ENDPOINTS("[{\"path\":\"/{a}b\"}]"), "end its segment");
	refuses(ENDPOINTS("[{\"path\":\"/{}\"}]"), "must be closed");
	refuses(ENDPOINTS("[{\"path\":\"/{a/b}\"}]"), "must be closed");
	refuses(ENDPOINTS("[{\"path\":\"/a}\"}]"), "'}' without '{'");
}

static void test_path_patterns(void **state)
{
	(void)state;
	accepts(PATH("a", "template", "/servers/{name}/sse"));
	accepts(PATH("a", "segment", "mcp"));
	refuses(PATH("a", "exact", "mcp"), "/pattern: must begin with '/'");
	refuses(PATH("a", "segment", "/mcp"), "a segment has no '/'");
	refuses(PATH("a", "exact", "/mcp?x=1"), "holds a query");
	refuses(PATH("a", "exact", "/%6dcp"), "percent");
	refuses(PATH("a", "exact", "/a b"), "space");
	refuses(PATH("a", "prefix", "/"), "matches every path");
	refuses(PATH("a", "suffix", "/"), "matches every path");
	refuses(PATH("a", "exact", "/{a}"), "only a template may");
	refuses(PATH("a", "contains", "/a"), "a path has no match \"contains\"");
	refuses(PATH("a", "regex", "/a"), "\"regex\" is none of");
	refuses(HEAD("a", "path", "possible") "\"pattern\":\"/a\",\"match\":\"exact\"," WORDS "}", "specificity");
	refuses(HEAD("a", "path", "possible") "\"pattern\":\"/a\",\"specificity\":\"weak\"," WORDS "}", "match");
	refuses(HEAD("a", "path",
		     "possible") "\"pattern\":\"/a\",\"match\":\"exact\",\"specificity\":\"weak\",\"role\":\"x\"," WORDS
				 "}",
		"/role");
}

static void test_other_kinds(void **state)
{
	char text[512], filler[80];
	(void)state;
	refuses(NAMED("a", "header", "exact", "Mcp-Name"), "no field name in lower case");
	refuses(NAMED("a", "header", "exact", "a:b"), "no field name");
	refuses(NAMED("a", "header", "suffix", "a"), "a header has no match \"suffix\"");
	refuses(NAMED("a", "user-agent", "contains", "a"), "a user-agent has no match \"contains\"");
	refuses(NAMED("a", "client", "exact", ""), "/pattern: is empty");
	refuses(HEAD("a", "method", "possible") "\"pattern\":\"x\"," WORDS "}", "unique");
	refuses(HEAD("a", "method", "possible") "\"pattern\":\"x\",\"unique\":true,\"sender\":\"nobody\"," WORDS "}",
		"/sender");
	refuses(HEAD("a", "ja4", "none") "\"pattern\":\"t13d5911h1_a33745022dd6_1f22a2ca17\"," WORDS "}",
		"is no JA4 fingerprint");
	refuses(HEAD("a", "ja4", "none") "\"pattern\":\"t13d5911h1_a33745022dd6_1f22a2ca17cG\"," WORDS "}",
		"is no JA4 fingerprint");
	refuses(HEAD("a", "ja4", "none") "\"pattern\":\"t13D5911h1_a33745022dd6_1f22a2ca17c4\"," WORDS "}",
		"is no JA4 fingerprint");
	memset(filler, 'm', sizeof filler);
	snprintf(text, sizeof text, HEAD("a", "method", "likely") "\"pattern\":\"%.*s\",\"unique\":true," WORDS "}",
		 LIMIT_METHOD, filler);
	refuses(text, "is longer than the 63 bytes");
	snprintf(text, sizeof text, HEAD("a", "method", "likely") "\"pattern\":\"%.*s\",\"unique\":true," WORDS "}",
		 LIMIT_METHOD - 1, filler);
	accepts(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_common_members),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_confidence_has_a_ceiling),
	    cmocka_unit_test(test_host_patterns),
	    cmocka_unit_test(test_endpoints),
	    cmocka_unit_test(test_path_patterns),
	    cmocka_unit_test(test_other_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
