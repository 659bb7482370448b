/* Session ids in headers, queries and endpoint events -> keys on the row; and whose the names on a shared connection are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "mcp_evidence.h"

static struct signature_set *set;
static const struct hash_key key = {1, 2}, other = {3, 4};

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

static struct anomaly_counts anomalies;
static struct mcp_evidence e;
static struct app_stream *app;

static void begin(const struct hash_key *with)
{
	memset(&anomalies, 0, sizeof anomalies);
	mcp_evidence_init(&e, set, &anomalies);
	e.session_key = with;
	e.app = app = app_stream_new(&mcp_evidence_sink, &e, &anomalies, true);
	assert_non_null(app);
}

static void end(void)
{
	app_stream_free(app);
	mcp_evidence_done(&e);
}

static void post(const char *target, const char *id, const char *body)
{
	char text[2048];
	int n = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: mcp.example:3000\r\nAccept: application/json, text/event-stream\r\n"
	                 "Content-Type: application/json\r\n%s%s%sContent-Length: %zu\r\n\r\n%s", target, id ? "Mcp-Session-Id: " : "",
	                 id ? id : "", id ? "\r\n" : "", strlen(body), body);
	app_stream_bytes(app, FROM_CLIENT, slice_of(text, (size_t)n));
}

static void get(const char *target)
{
	char text[512];
	int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: mcp.example:3000\r\nAccept: text/event-stream\r\n\r\n", target);
	app_stream_bytes(app, FROM_CLIENT, slice_of(text, (size_t)n));
}

static void answer(const char *status, const char *type, const char *id, const char *body)
{
	char text[2048];
	int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Type: %s\r\n%s%s%sContent-Length: %zu\r\n\r\n%s", status, type,
	                 id ? "mcp-session-id: " : "", id ? id : "", id ? "\r\n" : "", strlen(body), body);
	app_stream_bytes(app, FROM_SERVER, slice_of(text, (size_t)n));
}

static void said(enum direction d, const char *text)
{
	app_stream_bytes(app, d, slice_str(text));
}

static void stream(const char *body)
{
	char text[2048];
	int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n%s", body);
	app_stream_bytes(app, FROM_SERVER, slice_of(text, (size_t)n));
}

static const char *initialize(const char *client)
{
	static char text[512];
	snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
	         "\"capabilities\":{},\"clientInfo\":{\"name\":\"%s\",\"version\":\"1\"}}}", client);
	return text;
}

static const char result[] = "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},"
                             "\"serverInfo\":{\"name\":\"crm\",\"version\":\"3\"}}}";
static const char tools[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
static const char tools_result[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}";

#define JSON "application/json"

static uint64_t id_key(const char *id)
{
	return mcp_session_of_id(&key, slice_str(id));
}

static void test_keys(void **state)
{
	(void)state;
	assert_true(id_key("abc") != 0 && id_key("abc") == id_key("abc") && id_key("abc") != id_key("abd"));
	assert_true(mcp_session_of_id(&other, slice_str("abc")) != id_key("abc"));
	assert_true(id_key("") == 0 && mcp_session_of_id(NULL, slice_str("abc")) == 0);
	for (char c[2] = "a"; c[0] <= 'z'; c[0]++)
		assert_false(id_key(c) & SESSION_KEY_SHARED);
	/* the same id, wherever it stands */
	static const char *const same[] = {"/message?sessionId=0123456789ab", "/x?a=b&session_id=0123456789ab&c=d", "?sessionid=0123456789ab",
	                                   "http://h:1/message?sessionId=0123456789ab#sessionId=ffffffffffff"};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		assert_true(mcp_session_of_uri(&key, slice_str(same[i])) == id_key("0123456789ab"));
	/* too short to be an id, or none: the URI, without the authority that one side may leave out */
	uint64_t plain = mcp_session_of_uri(&key, slice_str("/messages/?user=7"));
	assert_true(plain & SESSION_KEY_SHARED);
	assert_true(plain == mcp_session_of_uri(&key, slice_str("https://mcp.example/messages/?user=7")));
	assert_true(plain != mcp_session_of_uri(&key, slice_str("/messages/?user=8")));
	assert_true(mcp_session_of_uri(&key, slice_str("")) == 0 && mcp_session_of_uri(NULL, slice_str("/a")) == 0);
}

static void test_given_by_the_answer(void **state)
{
	(void)state;
	begin(&key);
	post("/mcp", NULL, initialize("a"));
	assert_int_equal(e.rows[0]->n_session_keys, 0);
	answer("200 OK", JSON, "id-of-a", result);
	assert_int_equal(e.rows[0]->n_session_keys, 1);
	assert_true(e.rows[0]->session_keys[0] == id_key("id-of-a"));
	assert_int_equal(e.rows[0]->names_session, 1);
	post("/mcp", "id-of-a", tools);
	answer("200 OK", JSON, NULL, tools_result);
	assert_int_equal(e.rows[0]->n_session_keys, 1);
	end();
}

static void test_no_key_no_hash(void **state)
{
	(void)state;
	begin(NULL);
	post("/mcp", NULL, initialize("a"));
	answer("200 OK", JSON, "id-of-a", result);
	assert_int_equal(e.rows[0]->n_session_keys, 0);
	assert_int_equal(e.rows[0]->names_session, 0);
	end();
}

/* A proxy's connection: the second client's initialize comes while the row bears the first one's session. */
static void test_strangers_on_one_connection(void **state)
{
	(void)state;
	begin(&key);
	post("/mcp", "id-of-a", tools);
	answer("200 OK", JSON, NULL, tools_result);
	post("/mcp", NULL, initialize("b"));
	assert_string_equal(e.rows[0]->client_name, "b");
	assert_int_equal(e.rows[0]->names_session, 0); /* not a's, at no moment */
	answer("200 OK", JSON, "id-of-b", result);
	assert_int_equal(e.rows[0]->n_session_keys, 2);
	assert_int_equal(e.rows[0]->names_session, 2);
	/* a third one: the names stay b's */
	post("/mcp", NULL, initialize("c"));
	answer("200 OK", JSON, "id-of-c", result);
	assert_int_equal(e.rows[0]->n_session_keys, 3);
	assert_string_equal(e.rows[0]->client_name, "b");
	assert_int_equal(e.rows[0]->names_session, 2);
	end();
}

/* b's initialize was refused, c's gets the id: the name that stands is b's. */
static void test_refused_then_another(void **state)
{
	(void)state;
	begin(&key);
	post("/mcp", NULL, initialize("b"));
	answer("401 Unauthorized", "text/plain", NULL, "no");
	post("/mcp", NULL, initialize("c"));
	answer("200 OK", JSON, "id-of-c", result);
	assert_string_equal(e.rows[0]->client_name, "b");
	assert_int_equal(e.rows[0]->n_session_keys, 1);
	/* the server's name came with c's session, but the row's are one set: b's name must not go there */
	assert_true(e.rows[0]->names_session == 0);
	end();
}

/* Only the client is seen: what it sends next on HTTP/1 is of the session that its initialize began. */
static void test_one_direction(void **state)
{
	(void)state;
	begin(&key);
	post("/mcp", NULL, initialize("a"));
	post("/mcp", "id-of-a", tools);
	assert_int_equal(e.rows[0]->names_session, 1);
	end();
}

static void test_legacy(void **state)
{
	(void)state;
	begin(&key);
	get("/sse");
	stream("event: endpoint\ndata: /message?sessionId=0123456789ab\n\n");
	assert_int_equal(e.rows[0]->n_session_keys, 0); /* chats begin so too: a session it is once MCP follows */
	said(FROM_SERVER, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"tools\":[]}}\n\n");
	assert_int_equal(e.rows[0]->n_session_keys, 1);
	assert_true(e.rows[0]->session_keys[0] == id_key("0123456789ab"));
	end();
	begin(&key);
	post("/message?sessionId=0123456789ab", NULL, initialize("a"));
	answer("202 Accepted", "text/plain", NULL, "Accepted");
	assert_true(e.rows[0]->session_keys[0] == id_key("0123456789ab"));
	assert_int_equal(e.rows[0]->names_session, 1);
	end();
	/* an endpoint without an id: only where the transport showed itself as the legacy one */
	begin(&key);
	post("/message/of/a", NULL, initialize("a"));
	answer("202 Accepted", "text/plain", NULL, "Accepted");
	assert_int_equal(e.rows[0]->n_session_keys, 1);
	assert_true(e.rows[0]->session_keys[0] == mcp_session_of_uri(&key, slice_str("/message/of/a")));
	end();
	begin(&key);
	post("/mcp", NULL, initialize("a"));
	answer("200 OK", JSON, NULL, result);
	assert_int_equal(e.rows[0]->n_session_keys, 0);
	end();
}

static void test_many(void **state)
{
	(void)state;
	begin(&key);
	for (int i = 0; i < 3 * LIMIT_SESSION_KEYS; i++) {
		char id[32];
		snprintf(id, sizeof id, "made-up-%d", i);
		post("/mcp", id, tools);
		answer("200 OK", JSON, NULL, tools_result);
	}
	assert_int_equal(e.rows[0]->n_session_keys, LIMIT_SESSION_KEYS);
	assert_true(e.rows[0]->session_keys[0] == id_key("made-up-0"));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys), cmocka_unit_test(test_given_by_the_answer), cmocka_unit_test(test_no_key_no_hash),
		cmocka_unit_test(test_strangers_on_one_connection), cmocka_unit_test(test_refused_then_another),
		cmocka_unit_test(test_one_direction), cmocka_unit_test(test_legacy), cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
