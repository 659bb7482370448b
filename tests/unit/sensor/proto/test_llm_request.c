#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "llm_lines.h"

#define CHAT "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define SERVER "{\"type\":\"url\",\"url\":\"https://a.example/mcp\",\"name\":\"a\"}"
#define TOOL "{\"type\":\"mcp\",\"server_label\":\"a\",\"server_url\":\"https://a.example/mcp\"}"

static const struct {
	enum llm_api api;
	const char *body, *lines;
} cases[] = {
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[" SERVER "]}", "https://a.example/mcp|a||\n"},
    {LLM_MESSAGES, "{\"mcp_servers\":[" SERVER "]," CHAT "}", "https://a.example/mcp|a||\n"},
    {LLM_MESSAGES, "\xef\xbb\xbf {" CHAT ",\"mcp_servers\":[" SERVER "]} \n", "https://a.example/mcp|a||\n"},
    {LLM_MESSAGES,
     "{" CHAT ",\"mcp_servers\":[{\"authorization_token\":\"secret\",\"name\":\"b\",\"tool_configuration\":{"
	      "\"enabled\":true,\"url\":\"x\"},"
     "\"url\":\"https:\\/\\/b.example\\u002fsse\",\"type\":\"url\"}," SERVER "]}",
     "https://b.example/sse|b||bearer\nhttps://a.example/mcp|a||\n"},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_\\u0073ervers\":[" SERVER "]}",
     "https://a.example/mcp|a||\n"}, /* the same name to JSON */
    {LLM_MESSAGES,
     "{" CHAT ",\"mcp_servers\":[{\"type\":\"url\",\"url\":\"https://a.example\",\"authorization_token\":\"\"}]}",
     "https://a.example|||\n"},
    {LLM_MESSAGES,
     "{" CHAT ",\"mcp_servers\":[{\"type\":\"url\",\"url\":\"https://a.example\",\"authorization_token\":null}]}",
     "https://a.example|||\n"},
    /* not there, not whole, or not of that shape */
    {LLM_MESSAGES, "{" CHAT "}", ""},
    {LLM_MESSAGES, "{\"mcp_servers\":[" SERVER "]}", ""},
    {LLM_MESSAGES, "{\"messages\":\"hi\",\"mcp_servers\":[" SERVER "]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[" SERVER "]", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[" SERVER "]}}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[" SERVER "]}{}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[" SERVER ",]}", ""},
    {LLM_MESSAGES, "[{" CHAT ",\"mcp_servers\":[" SERVER "]}]", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":" SERVER "}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[[" SERVER "]]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[\"https://a.example\",null,7]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"MCP_SERVERS\":[" SERVER "]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[{\"url\":\"https://a.example\"}]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[{\"type\":\"stdio\",\"url\":\"https://a.example\"}]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[{\"type\":\"url\",\"url\":{\"url\":\"https://a.example\"}}]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[{\"type\":\"url\",\"url\":\"\"}]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[{\"server\":" SERVER "}]}", ""},
    /* quoted: in a chat, in a tool's arguments, results and description, one level deeper */
    {LLM_MESSAGES,
     "{\"messages\":[{\"role\":\"user\",\"content\":\"{\\\"mcp_servers\\\":["
     "{}"
     "]}\",\"mcp_servers\":[" SERVER "]}],\"system\":"
     "\"mcp_servers\"}",
     ""},
    {LLM_MESSAGES, "{" CHAT ",\"metadata\":{\"mcp_servers\":[" SERVER "]},\"tools\":[" TOOL "]}", ""},
    {LLM_MESSAGES, "{" CHAT ",\"container\":{\"messages\":[],\"mcp_servers\":[" SERVER "]}}", ""},
    /* twice: readers differ, and nothing may hide there */
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[" SERVER "],\"mcp_servers\":[]}", "https://a.example/mcp|a||?\n"},
    {LLM_MESSAGES, "{" CHAT ",\"mcp_servers\":[],\"mcp_servers\":[" SERVER "]}", "https://a.example/mcp|a||?\n"},
    {LLM_MESSAGES,
     "{" CHAT ",\"mcp_servers\":[{\"type\":\"url\",\"url\":\"https://a.example\",\"url\":\"https://b.example\"}," SERVER
     "]}",
     "https://b.example|||?\nhttps://a.example/mcp|a||\n"},
    {LLM_MESSAGES,
     "{" CHAT ",\"mcp_servers\":[{\"type\":\"url\",\"type\":\"x\",\"url\":\"https://a.example\",\"url\":\"\"}]}",
     "https://a.example|||?\n"},
    /* the other API's */
    {LLM_RESPONSES, "{\"model\":\"m\",\"input\":\"hi\",\"tools\":[" TOOL "]}", "https://a.example/mcp|a||\n"},
    {LLM_RESPONSES,
     "{\"model\":\"m\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"mcp\",\"server_"
     "url\":\"https://x.example\"}},"
     "{\"type\":\"mcp\",\"connector_id\":\"connector_gmail\",\"server_label\":\"mail\",\"authorization\":\"secret\"},"
     "{\"type\":\"mcp\",\"server_url\":\"http://k.example\",\"headers\":{\"X-API-KEY\":\"k\",\"Accept\":\"x\"}},"
     "{\"type\":\"mcp\",\"server_url\":\"http://b.example\",\"headers\":{\"authorization\":\"Basic c2VjcmV0\"}}]}",
     "|mail|connector_gmail|bearer\nhttp://k.example|||key\nhttp://b.example|||basic\n"},
    {LLM_RESPONSES, "{\"tools\":[" TOOL "]}", ""},
    {LLM_RESPONSES, "{\"model\":\"m\",\"tools\":[{\"type\":\"mcp\",\"server_label\":\"a\"}]}", ""},
    {LLM_RESPONSES, "{\"model\":\"m\",\"mcp_servers\":[" SERVER "]}", ""},
    {LLM_RESPONSES, "{\"model\":\"m\",\"input\":[{\"type\":\"mcp_list_tools\",\"tools\":[" TOOL "]}]}", ""},
    {LLM_RESPONSES, "", ""},
    {LLM_RESPONSES, "null", ""},
};

static void test_servers_in_any_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice body = slice_str(cases[i].body);
		for (size_t step = 0; step <= body.n && step < 200; step++) {
			char got[4096];
			llm_lines_of(body, cases[i].api, step, true, got, sizeof got);
			if (strcmp(got, cases[i].lines) != 0)
				fail_msg("%s by %zu:\n%s", cases[i].body, step, got);
			assert_null(strstr(got, "secret"));
		}
	}
}

/* Of what was not read to its end, the servers that were. */
static void test_of_a_part_what_was_whole(void **state)
{
	static const char body[] = "{\"mcp_servers\":[" SERVER "," SERVER "]," CHAT "}";
	char got[4096];
	(void)state;
	for (size_t n = 0; n < sizeof body; n++) {
		llm_lines_of(slice_of(body, n), LLM_MESSAGES, 0, false, got, sizeof got);
		size_t first = strlen("{\"mcp_servers\":[" SERVER), second = first + strlen("," SERVER);
		assert_string_equal(got, n < first    ? ""
					 : n < second ? "https://a.example/mcp|a||\n"
						      : "https://a.example/mcp|a||\nhttps://a.example/mcp|a||\n");
	}
}

static void test_caps(void **state)
{
	static char body[200000], got[60000];
	size_t n = (size_t)snprintf(body, sizeof body, "{" CHAT ",\"mcp_servers\":[");
	(void)state;
	for (int i = 0; i < 2 * LIMIT_CONNECTORS; i++)
		n += (size_t)snprintf(body + n, sizeof body - n,
				      "%s{\"type\":\"url\",\"name\":\"%0200d\",\"url\":\"https://a.example/%0600d\"}",
				      i ? "," : "", i, i);
	snprintf(body + n, sizeof body - n, "]}");
	llm_lines_of(slice_str(body), LLM_MESSAGES, 0, true, got, sizeof got);
	size_t lines = 0;
	for (const char *p = got; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, LIMIT_CONNECTORS);
	assert_non_null(strstr(got, "0...|"));
}

static void test_paths(void **state)
{
	static const struct {
		const char *method, *target;
		enum llm_api api;
	} rows[] = {
	    {"POST", "/v1/messages", LLM_MESSAGES},
	    {"POST", "/v1/messages?beta=true", LLM_MESSAGES},
	    {"POST", "/v1/messages/", LLM_MESSAGES},
	    {"POST", "/anthropic/v1/messages", LLM_MESSAGES},
	    {"POST", "http://proxy.example/v1/messages", LLM_MESSAGES},
	    {"POST", "//v1//messages", LLM_MESSAGES},
	    {"GET", "/v1/messages", LLM_NONE},
	    {"POST", "/messages", LLM_NONE},
	    {"POST", "/v1/messages/count_tokens", LLM_NONE},
	    {"POST", "/x?y=/v1/messages", LLM_NONE},
	    {"POST", "/v1/messagesx", LLM_NONE},
	    {"POST", "/v1/responses", LLM_RESPONSES},
	    {"POST", "/openai/responses?api-version=preview", LLM_RESPONSES},
	    {"POST", "/openai/deployments/gpt/responses", LLM_RESPONSES},
	    {"POST", "/v1/chat/completions", LLM_NONE},
	    {"POST", "/model/anthropic.claude%3A0/invoke", LLM_MESSAGES},
	    {"POST", "/model/x/invoke-with-response-stream", LLM_MESSAGES},
	    {"POST", "/invoke", LLM_NONE},
	    {"POST", "/v1/projects/p/locations/l/publishers/anthropic/models/claude@1:streamRawPredict", LLM_MESSAGES},
	    {"POST", "/", LLM_NONE},
	    {"POST", "", LLM_NONE},
	    {"POST", "*", LLM_NONE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_head head = {
		    .direction = FROM_CLIENT, .method = slice_str(rows[i].method), .target = slice_str(rows[i].target)};
		if (llm_api_of(&head) != rows[i].api)
			fail_msg("%s %s", rows[i].method, rows[i].target);
		head.direction = FROM_SERVER;
		assert_int_equal(llm_api_of(&head), LLM_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_servers_in_any_split),
	    cmocka_unit_test(test_of_a_part_what_was_whole),
	    cmocka_unit_test(test_caps),
	    cmocka_unit_test(test_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
