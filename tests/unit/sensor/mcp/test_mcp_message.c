/* What a JSON-RPC message is by its members alone: every method of MCP in both eras, right and wrong, and those of
 * the protocols whose messages look alike. The texts go through the reader that reads the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mcp_message.h"

#define ASK(method, params) "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\",\"params\":" params "}"
#define BARE(method) "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" method "\"}"
#define TELL(method, params) "{\"jsonrpc\":\"2.0\",\"method\":\"" method "\",\"params\":" params "}"
#define BARE_TELL(method) "{\"jsonrpc\":\"2.0\",\"method\":\"" method "\"}"
#define GIVE(result) "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":" result "}"
#define CLIENT "\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}"
#define SERVER "\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}"
#define META "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}"

struct message_case {
	const char *text;
	enum mcp_type type;
	enum mcp_shape shape;
	const char *behaviour; /* without "mcp.jsonrpc." */
};

static const struct message_case cases[] = {
	/* initialize, and everybody else's */
	{ASK("initialize", "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," CLIENT "}"),
	 MCP_REQUEST, SHAPE_PROOF, "initialize"},
	{ASK("initialize", "{\"protocolVersion\":\"2031-01-01\",\"capabilities\":{}," CLIENT "}"),
	 MCP_REQUEST, SHAPE_PROOF, "initialize"},
	{"{\"method\":\"initialize\",\"params\":{" CLIENT ",\"capabilities\":{},\"protocolVersion\":\"2024-11-05\"},"
	 "\"jsonrpc\":\"2.0\",\"id\":\"a\"}",
	 MCP_REQUEST, SHAPE_PROOF, "initialize"},
	{ASK("initialize", "{\"protocolVersion\":\"1.0\",\"capabilities\":{}," CLIENT "}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("initialize", "{\"protocolVersion\":\"2025-06-18Z\",\"capabilities\":{}," CLIENT "}"),
	 MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("initialize", "{\"protocolVersion\":\"1999-06-18\",\"capabilities\":{}," CLIENT "}"),
	 MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("initialize", "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("initialize", "{\"protocolVersion\":\"2025-06-18\"," CLIENT "}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("initialize", "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":[]," CLIENT "}"),
	 MCP_REQUEST, SHAPE_OPEN, NULL},
	{TELL("initialize", "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," CLIENT "}"),
	 MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{BARE("initialize"), MCP_REQUEST, SHAPE_OPEN, NULL},
	/* LSP */
	{ASK("initialize", "{\"processId\":1,\"rootUri\":\"file:///x\",\"capabilities\":{\"textDocument\":{}}}"),
	 MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("initialize", "{\"processId\":null,\"capabilities\":{}," CLIENT ",\"protocolVersion\":\"2025-06-18\"}"),
	 MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("initialize", "{\"rootPath\":\"/x\",\"capabilities\":{\"workspace\":{}}}"),
	 MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{TELL("initialized", "{}"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{TELL("textDocument/didOpen", "{\"textDocument\":{\"uri\":\"file:///x\"}}"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{GIVE("{\"capabilities\":{\"textDocumentSync\":1}," SERVER "}"), MCP_RESULT, SHAPE_OPEN, NULL},
	{BARE("shutdown"), MCP_REQUEST, SHAPE_OPEN, NULL},
	/* DAP */
	{"{\"seq\":1,\"type\":\"request\",\"command\":\"initialize\",\"arguments\":{\"adapterID\":\"x\"}}",
	 MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":\"2.0\",\"id\":1,\"seq\":1,\"method\":\"tools/list\"}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	/* BSP */
	{ASK("build/initialize", "{\"displayName\":\"x\",\"bspVersion\":\"2.1\",\"rootUri\":\"file:///x\","
	 "\"capabilities\":{}}"), MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	/* ACP */
	{ASK("initialize", "{\"protocolVersion\":1,\"clientCapabilities\":{\"fs\":{}}}"),
	 MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("initialize", "{\"protocolVersion\":2,\"capabilities\":{}," CLIENT "}"), MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{GIVE("{\"protocolVersion\":1,\"agentCapabilities\":{}}"), MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("session/prompt", "{\"sessionId\":\"s\",\"prompt\":[]}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("elicitation/create", "{\"sessionId\":\"s\",\"message\":\"?\",\"mode\":\"form\",\"requestedSchema\":{}}"),
	 MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("mcp/message", "{\"connectionId\":\"1\",\"method\":\"tools/list\"}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	/* A2A */
	{ASK("message/send", "{\"message\":{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}}"),
	 MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("SendMessage", "{\"message\":{\"role\":\"user\",\"parts\":[]}}"), MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("tasks/get", "{\"id\":\"t1\"}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("tasks/get", "{\"id\":\"t1\",\"taskId\":\"t1\"}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("tasks/cancel", "{\"id\":\"t1\",\"metadata\":{}}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("tasks/list", "{\"contextId\":\"c\",\"pageSize\":9}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("tasks/send", "{\"id\":\"t1\",\"message\":{\"parts\":[]}}"), MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{GIVE("{\"id\":\"t1\",\"contextId\":\"c\",\"status\":{\"state\":\"working\"},\"kind\":\"task\"}"),
	 MCP_RESULT, SHAPE_OPEN, NULL},
	{GIVE("{\"taskId\":\"t1\",\"contextId\":\"c\",\"status\":{\"state\":\"working\"},\"final\":false,"
	 "\"kind\":\"status-update\"}"),
	 MCP_RESULT, SHAPE_OPEN, NULL},
	/* Codex app-server */
	{"{\"id\":0,\"method\":\"initialize\",\"params\":{" CLIENT "}}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("initialize", "{" CLIENT "}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{GIVE("{\"userAgent\":\"codex/1\",\"codexHome\":\"/x\"}"), MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	/* chains, players, miners, monitors */
	{ASK("eth_blockNumber", "[]"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{GIVE("\"0x4b7\""), MCP_RESULT, SHAPE_FOREIGN, NULL},
	{GIVE("[1,2]"), MCP_RESULT, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":\"1.0\",\"id\":\"curltest\",\"method\":\"ping\",\"params\":[]}",
	 MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("ping", "[]"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{"{\"result\":null,\"error\":null,\"id\":\"curltest\",\"jsonrpc\":\"2.0\"}", MCP_RESULT, SHAPE_FOREIGN, NULL},
	{GIVE("null"), MCP_RESULT, SHAPE_FOREIGN, NULL},
	{BARE("JSONRPC.Ping"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{GIVE("\"pong\""), MCP_RESULT, SHAPE_FOREIGN, NULL},
	{"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{ASK("user.login", "{\"username\":\"a\",\"password\":\"b\"}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	/* a tool shed: the same names, other members */
	{ASK("tools/list", "{\"warehouse\":5}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{GIVE("{\"items\":[{\"name\":\"hammer\"}]}"), MCP_RESULT, SHAPE_OPEN, NULL},
	{GIVE("{\"tools\":[{\"name\":\"hammer\",\"price\":3}]}"), MCP_RESULT, SHAPE_OPEN, NULL},
	{GIVE("{\"tools\":[]}"), MCP_RESULT, SHAPE_OPEN, NULL},
	{GIVE("{\"content\":\"a page\"}"), MCP_RESULT, SHAPE_OPEN, NULL},
	{GIVE("{\"resources\":[{\"id\":1}]}"), MCP_RESULT, SHAPE_OPEN, NULL},
	{GIVE("{\"action\":5}"), MCP_RESULT, SHAPE_OPEN, NULL},
	/* every request of MCP */
	{BARE("ping"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{BARE("tools/list"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tools/list", "{}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tools/list", "{\"cursor\":\"c\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tools/list", "{\"_meta\":{\"progressToken\":1}}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tools/list", "{\"cursor\":4}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("tools/list", "[]"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{BARE_TELL("tools/list"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"tools/list\"}", MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{BARE("Tools/List"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{BARE("tools/listing"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{BARE("tools/list\\u0000"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{BARE("tools\\/list"), MCP_REQUEST, SHAPE_METHOD, "request"}, /* an escape is no disguise */
	{BARE("tools/list////////////////////////////////////////////////////////////////"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("tools/call", "{\"name\":\"echo\",\"arguments\":{\"a\":1}}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tools/call", "{\"name\":\"echo\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tools/call", "{\"name\":\"echo\",\"arguments\":[1]}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("tools/call", "{\"tool\":\"echo\"}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{BARE("prompts/list"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("prompts/get", "{\"name\":\"p\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("prompts/get", "{\"id\":3}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{BARE("resources/list"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{BARE("resources/templates/list"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("resources/read", "{\"uri\":\"file:///x\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("resources/read", "{\"uri\":1}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("resources/subscribe", "{\"uri\":\"file:///x\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("resources/unsubscribe", "{\"uri\":\"file:///x\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("completion/complete", "{\"ref\":{\"type\":\"ref/prompt\"},\"argument\":{\"name\":\"a\",\"value\":\"\"}}"),
	 MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("completion/complete", "{\"prompt\":\"once upon\"}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("logging/setLevel", "{\"level\":\"debug\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("logging/setLevel", "{\"level\":3}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("sampling/createMessage", "{\"messages\":[],\"maxTokens\":9}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("sampling/createMessage", "{\"messages\":[]}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{BARE("roots/list"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("roots/list", "{\"cursor\":\"x\",\"plot\":1}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("elicitation/create", "{\"message\":\"?\",\"requestedSchema\":{}}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("elicitation/create", "{\"mode\":\"url\",\"message\":\"?\",\"url\":\"https://x\",\"elicitationId\":\"1\"}"),
	 MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("elicitation/create", "{\"message\":\"?\"}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("tasks/get", "{\"taskId\":\"t\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tasks/result", "{\"taskId\":\"t\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tasks/cancel", "{\"taskId\":\"t\"}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("tasks/update", "{\"taskId\":\"t\",\"inputResponses\":{}}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{BARE("tasks/list"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{BARE("server/discover"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("server/discover", "[1]"), MCP_REQUEST, SHAPE_OPEN, NULL},
	{ASK("subscriptions/listen", "{\"notifications\":{}}"), MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("subscriptions/listen", "{\"topic\":\"news\"}"), MCP_REQUEST, SHAPE_OPEN, NULL},
	/* every notification of MCP */
	{BARE_TELL("notifications/initialized"), MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{BARE("notifications/initialized"), MCP_REQUEST, SHAPE_OPEN, NULL}, /* a notification has no id */
	{TELL("notifications/initialized", "{\"x\":1}"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{TELL("notifications/cancelled", "{\"requestId\":3,\"reason\":\"x\"}"), MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{BARE_TELL("notifications/cancelled"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{TELL("notifications/progress", "{\"progressToken\":1,\"progress\":0.5}"),
	 MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{TELL("notifications/progress", "{\"percent\":5}"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{TELL("notifications/message", "{\"level\":\"info\",\"data\":\"x\"}"), MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{TELL("notifications/message", "{\"text\":\"hello\"}"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{BARE_TELL("notifications/tools/list_changed"), MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{BARE_TELL("notifications/prompts/list_changed"), MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{BARE_TELL("notifications/resources/list_changed"), MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{TELL("notifications/resources/updated", "{\"uri\":\"file:///x\"}"), MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{BARE_TELL("notifications/resources/updated"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{BARE_TELL("notifications/roots/list_changed"), MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{TELL("notifications/tasks/status", "{\"taskId\":\"t\",\"status\":\"working\"}"),
	 MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{TELL("notifications/elicitation/complete", "{\"elicitationId\":\"e\"}"),
	 MCP_NOTIFICATION, SHAPE_METHOD, "request"},
	{BARE_TELL("notifications/elicitation/complete"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	{BARE_TELL("notifications/everything"), MCP_NOTIFICATION, SHAPE_OPEN, NULL},
	/* the stateless era: any request proves itself by _meta */
	{ASK("tools/list", "{" META "}"), MCP_REQUEST, SHAPE_PROOF, "meta"},
	{ASK("tools/call", "{\"name\":\"echo\",\"arguments\":{}," META "}"), MCP_REQUEST, SHAPE_PROOF, "meta"},
	{ASK("anything/else", "{" META "}"), MCP_REQUEST, SHAPE_PROOF, "meta"},
	{ASK("tools/list", "{\"_meta\":{\"io.modelcontextprotocolx\":1,\"unit\":9}}"),
	 MCP_REQUEST, SHAPE_METHOD, "request"},
	{ASK("anything/else", "{\"note\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}"),
	 MCP_REQUEST, SHAPE_OPEN, NULL},
	/* results */
	{GIVE("{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," SERVER "}"),
	 MCP_RESULT, SHAPE_PROOF, "initialize-result"},
	{"{\"result\":{" SERVER ",\"capabilities\":{},\"protocolVersion\":\"2025-03-26\"},\"jsonrpc\":\"2.0\",\"id\":0}",
	 MCP_RESULT, SHAPE_PROOF, "initialize-result"},
	{GIVE("{\"protocolVersion\":\"7\",\"capabilities\":{}," SERVER "}"), MCP_RESULT, SHAPE_OPEN, NULL},
	{GIVE("{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{}}"), MCP_RESULT, SHAPE_PROOF, "discover-result"},
	{GIVE("{\"supportedVersions\":\"1\",\"capabilities\":[]}"), MCP_RESULT, SHAPE_OPEN, NULL},
	{GIVE("{\"resultType\":\"complete\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"s\","
	 "\"version\":\"1\"}}}"), MCP_RESULT, SHAPE_PROOF, "meta"},
	{GIVE("{\"tools\":[{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\"}}]}"),
	 MCP_RESULT, SHAPE_PROOF, "result"},
	{GIVE("{\"tools\":[{\"name\":\"a\"},{\"name\":\"echo\",\"inputSchema\":{}}],\"nextCursor\":\"x\"}"),
	 MCP_RESULT, SHAPE_PROOF, "result"},
	{GIVE("{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"isError\":false}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"prompts\":[{\"name\":\"p\"}]}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"x\"}}]}"),
	 MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"resources\":[{\"uri\":\"file:///x\",\"name\":\"x\"}]}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"resourceTemplates\":[{\"uriTemplate\":\"x://{a}\",\"name\":\"x\"}]}"),
	 MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"contents\":[{\"uri\":\"file:///x\",\"text\":\"x\"}]}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"completion\":{\"values\":[\"a\"]}}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"role\":\"assistant\",\"content\":{\"type\":\"text\",\"text\":\"x\"},\"model\":\"m\"}"),
	 MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"roots\":[{\"uri\":\"file:///x\"}]}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"action\":\"accept\",\"content\":{}}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"taskId\":\"t\",\"status\":\"working\",\"ttl\":null}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{\"tasks\":[{\"taskId\":\"t\",\"status\":\"working\"}]}"), MCP_RESULT, SHAPE_METHOD, "result"},
	{GIVE("{}"), MCP_RESULT, SHAPE_OPEN, NULL},
	/* errors, and what is no message at all */
	{"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32601,\"message\":\"no\"}}", MCP_ERROR, SHAPE_OPEN, "error"},
	{"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\"no\"}}",
	 MCP_ERROR, SHAPE_OPEN, "error"},
	{"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":\"E1\",\"message\":\"no\"}}",
	 MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":\"no\"}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{},\"error\":{\"code\":1}}", MCP_RESULT, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":\"2.0\",\"result\":{\"tools\":[{\"inputSchema\":{}}]}}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"result\":{}}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":2.0,\"id\":7,\"method\":\"tools/list\"}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"id\":7,\"method\":\"tools/list\"}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":[\"tools/list\"]}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"jsonrpc\":\"2.0\",\"id\":7}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{\"messages\":[{\"role\":\"user\",\"content\":\"{\\\"jsonrpc\\\":\\\"2.0\\\","
	 "\\\"method\\\":\\\"initialize\\\"}\"}]}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
	{"{}", MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL},
};

static void keep(void *context, const struct jsonrpc_message *m)
{
	*(struct jsonrpc_message *)context = *m;
}

static struct jsonrpc_message read_text(const char *text)
{
	struct anomaly_counts anomalies = {{0}};
	struct jsonrpc_message m;
	memset(&m, 0xa5, sizeof m);
	struct jsonrpc *j = jsonrpc_new(keep, &m, &anomalies);
	assert_non_null(j);
	jsonrpc_feed(j, slice_str(text));
	if (jsonrpc_eof(j) != PARSE_DONE)
		fail_msg("no JSON: %s", text);
	jsonrpc_free(j);
	return m;
}

static void test_table(void **state)
{
	(void)state;
	unsigned failed = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jsonrpc_message m = read_text(cases[i].text);
		struct mcp_meaning r = mcp_message_read(&m);
		bool same = cases[i].behaviour ? r.behaviour && strncmp(r.behaviour, "mcp.jsonrpc.", 12) == 0 &&
		                                 strcmp(r.behaviour + 12, cases[i].behaviour) == 0
		                               : !r.behaviour;
		if (r.type == cases[i].type && r.shape == cases[i].shape && same)
			continue;
		print_error("%s\n is type %d shape %d %s\n", cases[i].text, (int)r.type, (int)r.shape, r.behaviour
			? r.behaviour : "-");
		failed++;
	}
	assert_int_equal(failed, 0);
}

/* An answer fits its question only: one method's result is no answer to another's. */
static void test_results_fit_their_methods(void **state)
{
	(void)state;
	static const struct { const char *method, *text; } pairs[] = {
		{"initialize", GIVE("{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," SERVER "}")},
		{"tools/list", GIVE("{\"tools\":[{\"name\":\"e\",\"inputSchema\":{}}]}")},
		{"tools/call", GIVE("{\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}")},
		{"prompts/list", GIVE("{\"prompts\":[{\"name\":\"p\"}]}")},
		{"prompts/get", GIVE("{\"messages\":[{\"role\":\"user\"}]}")},
		{"resources/list", GIVE("{\"resources\":[{\"uri\":\"x:y\"}]}")},
		{"resources/templates/list", GIVE("{\"resourceTemplates\":[{\"uriTemplate\":\"x:y\"}]}")},
		{"resources/read", GIVE("{\"contents\":[{\"uri\":\"x:y\"}]}")},
		{"completion/complete", GIVE("{\"completion\":{\"values\":[]}}")},
		{"roots/list", GIVE("{\"roots\":[{\"uri\":\"x:y\"}]}")},
		{"elicitation/create", GIVE("{\"action\":\"accept\"}")},
		{"tasks/get", GIVE("{\"taskId\":\"t\",\"status\":\"working\"}")},
		{"tasks/list", GIVE("{\"tasks\":[{\"taskId\":\"t\"}]}")},
		{"server/discover", GIVE("{\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{}}")},
		{"ping", GIVE("{}")},
	};
	size_t n = sizeof pairs / sizeof *pairs;
	for (size_t i = 0; i < n; i++) {
		struct jsonrpc_message m = read_text(pairs[i].text);
		for (size_t k = 0; k < n; k++) {
			bool want = i == k && i + 1 < n; /* ping's empty object proves nothing */
			if (mcp_result_fits(pairs[k].method, &m) != want)
				fail_msg("%s answered by %s", pairs[k].method, pairs[i].text);
		}
	}
}

static void test_versions(void **state)
{
	(void)state;
	static const char *const good[] = {"2024-10-07", "2024-11-05", "2025-11-25", "2026-07-28", "2099-99-99"};
	static const char *const bad[] = {"", "2025", "2025-06-1", "2025-06-18 ", "1.0", "2025/06/18", "1999-01-01",
		"2025-6-18",
	                                  "202a-06-18", "draft", "20250618"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(mcp_version_is_date(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(mcp_version_is_date(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_results_fit_their_methods),
		cmocka_unit_test(test_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
