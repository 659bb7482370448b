/* Headers that repeat the body: which pairs differ, and about which nothing can be said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "mcp_mirror.h"

static struct jsonrpc_message last;
static int messages;

static void on_message(void *context, const struct jsonrpc_message *m)
{
	(void)context;
	last = *m;
	messages++;
}

/* The body read in pieces of every size; each must give the same. */
static bool differs_in(struct http_head *head, const char *version, const char *body, size_t piece)
{
	struct anomaly_counts anomalies = {0};
	struct jsonrpc *reader = jsonrpc_new(on_message, NULL, &anomalies);
	struct mcp_mirror *mirror = mcp_mirror_new(head);
	struct slice rest = slice_str(body);
	messages = 0;
	while (rest.n) {
		jsonrpc_feed(reader, slice_first(rest, piece));
		rest = slice_after(rest, piece);
	}
	assert_true(messages > 0);
	bool differs = mcp_mirror_differs(mirror, version, &last);
	mcp_mirror_free(mirror);
	jsonrpc_free(reader);
	return differs;
}

/* fields: "Name: value\n" lines. */
static bool differs(const char *fields, const char *version, const char *body)
{
	struct http_field list[16];
	struct http_head head = {.direction = FROM_CLIENT, .major = 1, .minor = 1, .method = SLICE_LITERAL("POST"), .fields = list};
	for (struct slice rest = slice_str(fields); rest.n;) {
		struct slice line = slice_first(rest, slice_find(rest, '\n'));
		rest = slice_after(rest, line.n + 1);
		size_t colon = slice_find(line, ':');
		list[head.n_fields++] = (struct http_field){slice_first(line, colon), slice_trim(slice_after(line, colon + 1))};
	}
	bool result = differs_in(&head, version, body, 1);
	for (size_t piece = 2; piece < 60; piece++)
		assert_true(differs_in(&head, version, body, piece) == result);
	bool *const flags[] = {&head.fields_cut, &head.fields_lost, &head.ambiguous};
	for (size_t i = 0; i < 3 && !version[0]; i++) { /* a head that was not kept whole says nothing */
		*flags[i] = true;
		assert_false(differs_in(&head, version, body, 7));
		*flags[i] = false;
	}
	return result;
}

#define CALL(name) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"" name "\",\"arguments\":{}}}"
#define READ(uri) "{\"params\":{\"uri\":\"" uri "\"},\"method\":\"resources/read\",\"id\":1,\"jsonrpc\":\"2.0\"}"
#define META(version) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{" \
	"\"io.modelcontextprotocol/protocolVersion\":\"" version "\"}}}"

static void test_same(void **state)
{
	(void)state;
	static const struct { const char *fields, *version, *body; } cases[] = {
		{"", "", CALL("x")},
		{"Mcp-Method: tools/call\nMcp-Name: x\n", "", CALL("x")},
		{"mcp-method:   tools/call  \nMCP-NAME: x\n", "", CALL("x")},
		{"Mcp-Name: billing://readme\n", "", READ("billing://readme")},
		{"Mcp-Name: =?base64?SGVsbG8sIOS4lueVjA==?=\n", "", CALL("Hello, \\u4e16\\u754c")},
		{"Mcp-Name: =?base64?IHBhZGRlZCA=?=\n", "", CALL(" padded ")},
		{"Mcp-Name: =?base64?PT9iYXNlNjQ/eD89?=\n", "", CALL("=?base64?x?=")},
		{"Mcp-Name: =?base64?\?=\n", "", CALL("")},
		{"Mcp-Name: =?base64?%%%?=\n", "", CALL("=?base64?%%%?=")}, /* malformed: stands for itself */
		{"Mcp-Method: tools/call\nMcp-Method: tools/call\n", "", CALL("x")},
		{"", "2026-07-28", META("2026-07-28")},
		{"Mcp-Method: initialize\n", "2024-11-05", "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
			"\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"x\",\"version\":\"1\"}}}"},
		{"", "2025-06-18", CALL("x")},
		/* what it names there is somebody else's to say */
		{"Mcp-Method: tools/list\nMcp-Name: whatever\n", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"},
		/* no method in an answer, one each in a batch, and text that nobody can compare */
		{"Mcp-Method: tools/call\n", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"},
		{"Mcp-Method: ping\n", "", "[" CALL("x") "]"},
		{"Mcp-Name: y\n", "", CALL("x\xff")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (differs(cases[i].fields, cases[i].version, cases[i].body))
			fail_msg("%s%s does differ from %s", cases[i].fields, cases[i].version, cases[i].body);
}

static void test_different(void **state)
{
	(void)state;
	static const struct { const char *fields, *version, *body; } cases[] = {
		{"Mcp-Method: tools/list\nMcp-Name: x\n", "", CALL("x")},
		{"Mcp-Method: tools/call\nMcp-Name: safe\n", "", CALL("delete_all")},
		{"Mcp-Method: Tools/Call\n", "", CALL("x")},
		{"Mcp-Name: \n", "", CALL("x")},
		{"Mcp-Name: x\n", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"arguments\":{}}}"},
		{"Mcp-Name: x\n", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":7}}"},
		{"Mcp-Name: file:///a\n", "", READ("file:///b")},
		{"Mcp-Name: =?base64?c2FmZQ==?=\n", "", CALL("safd")},
		{"Mcp-Name: =?base64?c2FmZQ=?=\n", "", CALL("safe")}, /* no canonical base64: not the name */
		{"Mcp-Name: x\nMcp-Name: y\n", "", CALL("x")},        /* a gateway may take either */
		{"Mcp-Name: x\nMcp-Name: y\n", "", CALL("y")},
		{"", "2025-11-25", META("2026-07-28")},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (!differs(cases[i].fields, cases[i].version, cases[i].body))
			fail_msg("%s%s does not differ from %s", cases[i].fields, cases[i].version, cases[i].body);
}

/* What was cut at a limit, in header or body, is not held against the other. */
static void test_cut(void **state)
{
	(void)state;
	static const size_t lengths[] = {LIMIT_METHOD - 2, LIMIT_METHOD, LIMIT_NAME - 2, LIMIT_NAME + 40, LIMIT_PATH - 2, LIMIT_PATH + 9};
	char fields[3 * LIMIT_PATH], body[3 * LIMIT_PATH], name[LIMIT_PATH + 16];
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		size_t n = lengths[i];
		memset(name, 'a', n);
		name[n] = '\0';
		snprintf(fields, sizeof fields, "Mcp-Name: %s\n", name);
		snprintf(body, sizeof body, CALL("%s"), name);
		assert_false(differs(fields, "", body));
		snprintf(body, sizeof body, READ("%s"), name);
		assert_false(differs(fields, "", body));
		snprintf(fields, sizeof fields, "Mcp-Method: %s\n", name);
		snprintf(body, sizeof body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"}", name);
		assert_false(differs(fields, "", body));
	}
}

static void test_decode_bounds(void **state)
{
	(void)state;
	char value[4096] = "=?base64?", out[LIMIT_PATH];
	size_t n;
	for (size_t length = 0; length <= 4000; length++) {
		memset(value + 9, 'A', length);
		memcpy(value + 9 + length, "?=", 3);
		bool fits = mcp_mirror_decode(slice_str(value), sizeof out, out, &n);
		assert_true(!fits || n < sizeof out);
		assert_true(fits || length > 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same), cmocka_unit_test(test_different), cmocka_unit_test(test_cut), cmocka_unit_test(test_decode_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
