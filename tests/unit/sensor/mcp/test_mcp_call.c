/* Which messages become records of calls, and what they say: whole conversations through app_stream into evidence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "call.h"
#include "mcp_evidence.h"

static struct signature_set *set;
static const struct hash_key key = {1, 2};

static int load(void **state)
{
	(void)state;
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	char error[SIGNATURE_ERROR_TEXT];
	return signature_set_load(directories, 1, &set, error);
}

static int unload(void **state)
{
	(void)state;
	signature_set_free(set);
	return 0;
}

enum { SEEN = 128 };

static struct {
	struct anomaly_counts anomalies;
	struct mcp_evidence e;
	struct app_stream *app;
	struct call_box seen[SEEN];
	unsigned n;
} t;

static void begin(bool wanted)
{
	memset(&t, 0, sizeof t);
	mcp_evidence_init(&t.e, set, &t.anomalies);
	t.e.session_key = &key;
	t.e.calls.wanted = wanted;
	t.e.app = t.app = app_stream_new(&mcp_evidence_sink, &t.e, &t.anomalies, true);
	assert_non_null(t.app);
}

/* What flow_work does after each packet. */
static void collect(void)
{
	uint32_t ordinal;
	size_t n;
	mcp_call_release(&t.e);
	for (uint8_t *bytes; (bytes = mcp_records_pop(&t.e.records, &ordinal, &n)) != NULL; free(bytes))
		if (record_kind_of(bytes, n) == RECORD_CALL) {
			assert_true(t.n < SEEN);
			assert_true(call_decode(bytes, n, &t.seen[t.n]));
			t.n++;
		}
}

static void end(void)
{
	app_stream_free(t.app);
	mcp_evidence_done(&t.e);
}

static void say(enum direction d, const char *text)
{
	t.e.frame++;
	t.e.now_ns += 1000;
	app_stream_bytes(t.app, d, slice_str(text));
	collect();
}

static void post(const char *body, const char *more_fields)
{
	char text[4096];
	snprintf(text, sizeof text, "POST /mcp HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s", more_fields,
	         strlen(body), body);
	say(FROM_CLIENT, text);
}

static void reply(const char *status, const char *body)
{
	char text[4096];
	snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
	say(FROM_SERVER, text);
}

#define MCP "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\nMcp-Session-Id: abcdefgh\r\n"
#define RESULT(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}}"
#define CALL(id, name) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"" name "\",\"arguments\":{\"secret\":\"s3\"}}}"

static const struct call *seen(unsigned i)
{
	assert_true(i < t.n);
	return &t.seen[i].c;
}

static void a_call_is_a_request_an_answer_and_an_end(void **state)
{
	(void)state;
	begin(true);
	post(CALL("7", "search"), MCP);
	assert_int_equal(t.n, 1);
	assert_int_equal(seen(0)->part, CALL_REQUEST);
	assert_int_equal(seen(0)->from, FROM_CLIENT);
	assert_string_equal(seen(0)->method, "tools/call");
	assert_string_equal(seen(0)->name, "search");
	assert_int_equal(seen(0)->bytes, strlen(CALL("7", "search")));
	assert_true(seen(0)->session != 0);
	reply("200 OK", RESULT("7"));
	assert_int_equal(t.n, 3);
	assert_int_equal(seen(1)->part, CALL_ANSWER);
	assert_int_equal(seen(1)->outcome, CALL_OK);
	assert_int_equal(seen(1)->status, 200);
	assert_true(seen(1)->id == seen(0)->id && seen(1)->exchange == seen(0)->exchange && seen(0)->exchange);
	assert_int_equal(seen(1)->time_ns - seen(0)->time_ns, 1000);
	assert_int_equal(seen(2)->part, CALL_EXCHANGE_END);
	assert_false(seen(2)->lost);
	post(CALL("\"7\"", "search"), MCP);
	assert_int_equal(seen(3)->ordinal, 1);
	assert_true(seen(3)->id != seen(0)->id); /* the text "7" is not the number */
	mcp_call_end(&t.e, true);
	collect();
	assert_int_equal(seen(4)->part, CALL_CONNECTION_END);
	assert_true(seen(4)->lost);
	end();
}

static void nobody_is_told_what_nobody_wants(void **state)
{
	(void)state;
	begin(false);
	post(CALL("7", "search"), MCP);
	reply("200 OK", RESULT("7"));
	mcp_call_end(&t.e, false);
	collect();
	assert_int_equal(t.n, 0);
	assert_int_equal(t.e.rows[0]->calls, 0);
	end();
}

static enum call_outcome outcome_of(const char *answer)
{
	begin(true);
	post(CALL("7", "search"), MCP);
	reply("200 OK", answer);
	assert_int_equal(t.n, 3);
	enum call_outcome outcome = seen(1)->outcome;
	end();
	return outcome;
}

static void what_an_answer_says(void **state)
{
	(void)state;
	assert_int_equal(outcome_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[],\"isError\":true}}"), CALL_TOOL_ERROR);
	assert_int_equal(outcome_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[],\"isError\":false}}"), CALL_OK);
	assert_int_equal(outcome_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[],\"isError\":\"true\"}}"), CALL_OK);
	assert_int_equal(outcome_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32602,\"message\":\"no\"}}"), CALL_ERROR);
	assert_int_equal(outcome_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"task\":{\"taskId\":\"a\",\"status\":\"working\"}}}"), CALL_TASK);
	assert_int_equal(outcome_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"resultType\":\"task\"}}"), CALL_TASK);
	assert_int_equal(outcome_of("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"resultType\":\"input_required\"}}"), CALL_INPUT_REQUIRED);
}

static void a_name_holds_no_credential(void **state)
{
	static const struct {
		const char *uri, *name;
	} cases[] = {
		{"crm://customers/1", "crm://customers/1"},
		{"https://files.test/a?token=s3#s3", "https://files.test/a"},
		{"https://me:s3@files.test/a@b", "https://files.test/a@b"},
		{"https://me:s3@x@files.test", "https://files.test"},
		{"data:text/plain;base64,czM=", "data:"},
		{"DATA:s3", "DATA:"},
		{"?s3", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char body[512];
		begin(true);
		snprintf(body, sizeof body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"%s\"}}", cases[i].uri);
		post(body, MCP);
		assert_string_equal(seen(0)->name, cases[i].name);
		end();
	}
}

static void a_cancellation_names_its_request(void **state)
{
	(void)state;
	begin(true);
	post(CALL("\"x\"", "slow"), MCP);
	say(FROM_SERVER, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
	unsigned asked = t.n - 1;
	end();
	uint64_t id = t.seen[asked].c.id;
	begin(true);
	post(CALL("1", "a"), MCP);
	reply("200 OK", RESULT("1"));
	post("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"x\",\"reason\":\"s3\"}}", MCP);
	const struct call *c = seen(t.n - 1);
	assert_int_equal(c->part, CALL_CANCEL);
	assert_true(c->id == id);
	assert_int_equal(c->exchange, 0);
	end();
}

/* A request that others could have made waits for the answer, and leaves with it if that is not one of MCP. */
static void who_is_not_mcp_leaves_nothing(void **state)
{
	(void)state;
	begin(true);
	post(CALL("7", "search"), "");
	assert_int_equal(t.n, 0);
	assert_true(t.e.calls.n > 0);
	reply("200 OK", "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"hits\":[]}}");
	assert_int_equal(t.n, 0);
	assert_int_equal(t.e.calls.n, 0);
	assert_int_equal(t.e.calls.bytes, 0);
	post(CALL("8", "search"), "");
	reply("200 OK", RESULT("8")); /* and this one is answered as MCP answers it */
	assert_int_equal(t.n, 3);
	assert_int_equal(seen(0)->part, CALL_REQUEST);
	end();
}

static void no_more_wait_than_there_is_room_for(void **state)
{
	(void)state;
	begin(true);
	for (int i = 0; i < LIMIT_CALLS_HELD + 5; i++)
		say(FROM_CLIENT, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n");
	assert_int_equal(t.e.calls.n, LIMIT_CALLS_HELD);
	assert_int_equal(t.anomalies.n[ANOMALY_CALLS_LIMIT], 5);
	assert_true(mcp_evidence_memory(&t.e) > t.e.calls.bytes);
	assert_int_equal(t.n, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_a_request_an_answer_and_an_end), cmocka_unit_test(nobody_is_told_what_nobody_wants),
		cmocka_unit_test(what_an_answer_says), cmocka_unit_test(a_name_holds_no_credential),
		cmocka_unit_test(a_cancellation_names_its_request), cmocka_unit_test(who_is_not_mcp_leaves_nothing),
		cmocka_unit_test(no_more_wait_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
