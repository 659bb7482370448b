/* What of a request's head matters to MCP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "limits.h"
#include "mcp_exchange.h"
#include "signature.h"

static struct signature_set *set;

static int load(void **state)
{
	(void)state;
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	char error[SIGNATURE_ERROR_TEXT];
	int r = signature_set_load(directories, 1, &set, error);
	if (r != 0)
		print_error("%s\n", error);
	return r;
}

static int unload(void **state)
{
	(void)state;
	signature_set_free(set);
	return 0;
}

/* fields: "Name: value\n" lines. */
static struct request_facts facts_of(const char *method, const char *target, const char *fields)
{
	static struct http_field list[32];
	struct http_head head = {.direction = FROM_CLIENT, .major = 1, .minor = 1, .method = slice_str(method),
	                         .target = slice_str(target), .fields = list, .exchange = 1};
	for (struct slice rest = slice_str(fields); rest.n;) {
		struct slice line = slice_first(rest, slice_find(rest, '\n'));
		rest = slice_after(rest, line.n + 1);
		size_t colon = slice_find(line, ':');
		list[head.n_fields++] = (struct http_field){slice_first(line, colon), slice_trim(slice_after(line, colon + 1))};
	}
	struct request_facts f;
	request_facts_read(&head, set, &f);
	return f;
}

static void assert_slice(struct slice s, const char *text)
{
	if (!slice_eq_str(s, text))
		fail_msg("\"%.*s\" is not \"%s\"", (int)s.n, (const char *)s.p, text);
}

static void test_authority(void **state)
{
	(void)state;
	static const struct { const char *method, *target, *fields, *authority, *path, *query; bool absolute; } cases[] = {
		{"POST", "/mcp", "Host: a.example:8000", "a.example:8000", "/mcp", "", false},
		{"GET", "/sse?x=1&y=2#z", "hOsT: a.example", "a.example", "/sse", "x=1&y=2#z", false},
		{"POST", "http://b.example:81/mcp?k=v", "Host: a.example", "b.example:81", "/mcp", "k=v", true}, /* RFC 9112 3.2.2 */
		{"POST", "HTTPS://b.example/mcp", "", "b.example", "/mcp", "", true},
		{"POST", "http://user:secret@b.example/mcp", "", "b.example", "/mcp", "", true},
		{"POST", "http://b.example", "", "b.example", "", "", true},
		{"POST", "http://b.example?q=/x@y", "", "b.example", "", "q=/x@y", true},
		{"CONNECT", "b.example:443", "Host: a.example", "b.example:443", "", "", true},
		{"POST", "/mcp", "Host: a.example\nHost: b.example", "a.example", "/mcp", "", false},
		{"POST", "/mcp", "", "", "/mcp", "", false},
		{"OPTIONS", "*", "Host: a.example", "a.example", "*", "", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct request_facts f = facts_of(cases[i].method, cases[i].target, cases[i].fields);
		assert_slice(f.authority, cases[i].authority);
		assert_slice(f.path, cases[i].path);
		assert_slice(f.query, cases[i].query);
		assert_true(f.absolute_form == cases[i].absolute);
	}
}

static void test_auth(void **state)
{
	(void)state;
	static const struct { const char *target, *fields; enum auth_kind auth; } cases[] = {
		{"/mcp", "Host: a", AUTH_NONE},
		{"/mcp", "Authorization: Bearer x", AUTH_BEARER},
		{"/mcp", "authorization: bEARER x", AUTH_BEARER},
		{"/mcp", "Authorization: Basic eA==", AUTH_BASIC},
		{"/mcp", "Authorization: sk-123", AUTH_APIKEY},
		{"/mcp", "X-API-Key: 1", AUTH_APIKEY},
		{"/mcp", "api-key: 1", AUTH_APIKEY},
		{"/mcp", "Cookie: a=b", AUTH_COOKIE},
		{"/mcp", "Cookie: a=b\nAuthorization: Bearer x", AUTH_BEARER},
		{"/mcp?token=abc", "Cookie: a=b", AUTH_QUERY_TOKEN},
		{"/mcp?api_key=abc", "X-Api-Key: 1", AUTH_APIKEY},
		{"/mcp?access_token=", "", AUTH_NONE},
		{"/mcp?tokens=abc", "", AUTH_NONE},
		{"/mcp?a=1&Access_Token=abc", "", AUTH_QUERY_TOKEN},
		{"/mcp", "X-Api-Keys: 1", AUTH_NONE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (facts_of("POST", cases[i].target, cases[i].fields).auth != cases[i].auth)
			fail_msg("%s %s", cases[i].target, cases[i].fields);
}

/* Found beside a better credential too. */
static void test_url_credentials(void **state)
{
	(void)state;
	static const struct { const char *target, *fields; bool found; } cases[] = {
		{"/mcp?token=abc", "Authorization: Bearer x", true},
		{"/mcp?tavilyApiKey=abc", "", true},
		{"/mcp?x=1&vendor_api_key=abc", "", true},
		{"/mcp?client_secret=abc", "", true},
		{"/mcp?PASSWORD=abc", "", true},
		{"http://user:secret@a.example/mcp", "", true},
		{"http://user@a.example/mcp", "", true},
		{"/mcp", "Authorization: Bearer x", false},
		{"/mcp?token=", "", false},
		{"/mcp?sessionId=0123456789abcdef", "", false},
		{"/mcp?page_token=abc&keys=1&author=me", "", false},
		{"/mcp?q=token", "", false},
		{"/mcp/token=abc", "", false},
		{"http://@a.example/mcp", "", false},
		{"http://a.example/mcp?q=x@y", "", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (facts_of("POST", cases[i].target, cases[i].fields).url_credential != cases[i].found)
			fail_msg("%s %s", cases[i].target, cases[i].fields);
}

static void test_headers_of_mcp(void **state)
{
	(void)state;
	struct request_facts f = facts_of("POST", "/", "mcp-protocol-version: 2025-06-18\nMCP-Session-Id: abc");
	assert_true(f.mcp_header && f.session_header);
	assert_slice(f.version, "2025-06-18");
	assert_non_null(f.header);
	f = facts_of("POST", "/", "Mcp-Method: tools/list");
	assert_true(f.mcp_header);
	assert_false(f.session_header);
	static const char *const others[] = {"MCP: 1", "X-Mcp-Session-Id: 1", "Mcp-Proxy-Hint: 1", "mcpx-session-id: 1",
		"Accept: mcp-session-id"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (facts_of("POST", "/", others[i]).mcp_header)
			fail_msg("%s", others[i]);
}

static void test_accept_and_body(void **state)
{
	(void)state;
	struct request_facts f = facts_of("POST", "/mcp", "Accept: application/json,"
		" Text/Event-Stream\nContent-Type: application/json; charset=utf-8");
	assert_true(f.accepts_json && f.accepts_sse && f.json_body);
	f = facts_of("POST", "/mcp",
		"Accept: application/json\nAccept: text/event-stream"); /* RFC 9110 5.3: the same as a list */
	assert_true(f.accepts_json && f.accepts_sse);
	f = facts_of("POST", "/mcp", "Accept: */*\nContent-Type: text/plain");
	assert_false(f.accepts_json || f.accepts_sse || f.json_body);
}

static void test_session_in_uri(void **state)
{
	(void)state;
	static const struct { const char *uri; bool session; } cases[] = {
		{"/messages/?session_id=0123456789abcdef", true},
		{"/message?sessionId=7b1a-aaaa", true},
		{"/message?x=1&sessionid=12345678", true},
		{"http://a.example/message?SESSIONID=12345678", true},
		{"/message?sessionId=1", false}, /* too short for a secret */
		{"/message?sessionId", false},
		{"/message?xsessionId=12345678", false},
		{"/sessionId=12345678", false},
		{"/message", false},
		{"", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (uri_has_session(slice_str(cases[i].uri)) != cases[i].session)
			fail_msg("%s", cases[i].uri);
	assert_slice(uri_path(slice_str("https://a.example/x/y?z#f")), "/x/y");
	assert_slice(uri_path(slice_str("/x?u=http://b/c")), "/x");
	assert_slice(uri_path(slice_str("https://a.example")), "");
	assert_slice(uri_path(slice_str("")), "");
}

static void test_transport(void **state)
{
	(void)state;
	struct request_facts f = facts_of("POST", "/message?sessionId=12345678",
		"Accept: text/event-stream\nContent-Type: application/json");
	struct http_head head = {.minor = 1, .exchange = 9};
	struct mcp_exchange *x = mcp_exchange_new(&f, &head, 2, NULL);
	assert_non_null(x);
	assert_int_equal(x->id, 9);
	assert_int_equal(x->depth, 2);
	assert_string_equal(x->path, "/message");
	assert_int_equal(mcp_exchange_transport(x), TRANSPORT_STREAMABLE_HTTP);
	x->status = 202;
	assert_int_equal(mcp_exchange_transport(x), TRANSPORT_STREAMABLE_HTTP);
	x->has_request = true; /* whose answer goes elsewhere */
	assert_int_equal(mcp_exchange_transport(x), TRANSPORT_HTTP_SSE);
	x->has_request = false;
	x->accepts_sse = false;
	assert_int_equal(mcp_exchange_transport(x), TRANSPORT_HTTP_SSE);
	x->verb = VERB_GET;
	assert_int_equal(mcp_exchange_transport(x), TRANSPORT_STREAMABLE_HTTP);
	x->endpoint_event = true;
	assert_int_equal(mcp_exchange_transport(x), TRANSPORT_HTTP_SSE);
	x->verb = VERB_DELETE;
	assert_int_equal(mcp_exchange_transport(x), TRANSPORT_STREAMABLE_HTTP);
	x->verb = VERB_OPTIONS;
	assert_int_equal(mcp_exchange_transport(x), TRANSPORT_NONE);
	mcp_exchange_free(x);
	mcp_exchange_free(NULL);
}

/* The query of a request holds secrets: nothing of it may be kept. */
static void test_no_secret_is_kept(void **state)
{
	(void)state;
	struct request_facts f = facts_of("POST", "/mcp?api_key=hunter2secret",
		"Authorization: Bearer hunter2secret\nMcp-Session-Id: hunter2secret");
	struct http_head head = {.minor = 1, .exchange = 1};
	struct mcp_exchange *x = mcp_exchange_new(&f, &head, 0, NULL);
	const char *kept[] = {x->path, x->user_agent, x->version, x->method, x->rpc_id};
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		assert_true(!kept[i] || !strstr(kept[i], "hunter2"));
	mcp_exchange_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authority),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_url_credentials),
		cmocka_unit_test(test_headers_of_mcp),
		cmocka_unit_test(test_accept_and_body),
		cmocka_unit_test(test_session_in_uri),
		cmocka_unit_test(test_transport),
		cmocka_unit_test(test_no_secret_is_kept),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
