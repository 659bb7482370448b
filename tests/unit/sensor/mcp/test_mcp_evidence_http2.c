/* MCP over HTTP/2, from frames through app_stream to evidence: several authorities, an upgraded connection, one that is seen
 * from its middle, and what must stay silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mcp_evidence.h"
#include "sensor/proto/http2_build.h"

static struct signature_set *set;

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
static struct http2_build b;

static void begin(bool roles_known)
{
	memset(&anomalies, 0, sizeof anomalies);
	mcp_evidence_init(&e, set, &anomalies);
	e.app = app = app_stream_new(&mcp_evidence_sink, &e, &anomalies, roles_known);
	assert_non_null(app);
	build_init(&b);
}

static void end(void)
{
	app_stream_free(app);
	mcp_evidence_done(&e);
	build_done(&b);
}

/* A line of tests/streams/http2; "C> text" and "S> text" as they stand; "-C" and "-S" are built and lost. */
static void say(const char *text)
{
	char line[2048];
	bool lost = text[0] == '-';
	text += lost;
	enum direction d = text[0] == 'C' ? FROM_CLIENT : FROM_SERVER;
	snprintf(line, sizeof line, "%s", text + 2);
	b.n = 0;
	if (text[1] == '>')
		build_bytes(&b, text + 3, strlen(text + 3));
	else
		assert_true(build_line(&b, d, line));
	if (lost)
		app_stream_gap(app, d, b.n);
	else
		app_stream_bytes(app, d, slice_of(b.bytes, b.n));
	assert_true(app_stream_memory(app) < (1u << 20));
}

static void say_all(const char *const *lines)
{
	for (; *lines; lines++)
		say(*lines);
}

#define HEAD(id, authority, path) \
	"C headers " #id " | :method POST | :scheme http | :path " path " | :authority " authority \
	" | content-type application/json | accept application/json, text/event-stream"
#define LIST "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"params\":{}}"
#define LISTED "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"}}]}}"
#define INITIALIZE \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\"," \
	"\"capabilities\":{},\"clientInfo\":{\"name\":\"agent\",\"version\":\"1\"}}}"
_Static_assert(sizeof INITIALIZE - 1 == 150, "the Content-Length that is written below");
#define INITIALIZED \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," \
	"\"serverInfo\":{\"name\":\"crm\",\"version\":\"2\"}}}"
#define JSON_ANSWER(id) "S headers " #id " | :status 200 | content-type application/json"

static void test_each_request_by_its_own_authority(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"C preface", "S settings",
		HEAD(1, "one.test", "/mcp"), HEAD(3, "two.test:8080", "/rpc"),
		"C data 3 end | " LIST, "C data 1 end | " INITIALIZE,
		"S headers 3 | :status 200 | content-type text/event-stream",
		JSON_ANSWER(1), "S data 3 | data: " LISTED "%n%n", "S data 1 end | " INITIALIZED, "S data 3 end",
		/* a third server, on which nothing is MCP */
		"C headers 5 end | :method GET | :scheme http | :path / | :authority three.test", "S headers 5 end | :status 200", NULL,
	};
	begin(true);
	say_all(lines);
	assert_int_equal(e.n_rows, 3);
	assert_string_equal(e.rows[0]->host, "one.test");
	assert_string_equal(e.rows[1]->host, "two.test:8080");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(e.rows[i]->confidence, CONFIDENCE_CONFIRMED);
		assert_int_equal(e.rows[i]->stage, STAGE_ESTABLISHED);
		assert_int_equal(e.rows[i]->http_version, HTTP_VERSION_H2C);
		assert_int_equal(e.rows[i]->transport, TRANSPORT_STREAMABLE_HTTP);
	}
	assert_string_equal(e.rows[0]->server_name, "crm");
	assert_null(e.rows[1]->server_name);
	assert_string_equal(e.rows[1]->path, "/rpc");
	assert_int_equal(e.rows[2]->confidence, CONFIDENCE_NONE);
	/* a tunnel is one stream: what follows on others is not for its server */
	say("C headers 7 | :method CONNECT | :authority four.test:443");
	say("S headers 7 | :status 200");
	say("C headers 9 | :method POST | :scheme http | :path /mcp | content-type application/json | host one.test");
	say("C data 9 end | " INITIALIZE);
	assert_int_equal(e.n_rows, 4);
	assert_string_equal(e.rows[3]->host, "four.test:443");
	assert_int_equal(e.rows[3]->confidence, CONFIDENCE_NONE);
	assert_int_equal(e.rows[0]->requests, 2);
	assert_null(e.tunnel);
	end();
}

static void test_upgrade(void **state)
{
	(void)state;
	begin(true);
	say("C> POST /mcp HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
	    "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\nContent-Length: 150\r\n\r\n" INITIALIZE);
	say("S> HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	static const char *const lines[] = {
		"S settings", "C preface", "C settings", JSON_ANSWER(1), "S data 1 end | " INITIALIZED,
		HEAD(3, "a.test", "/mcp"), "C data 3 end | " LIST, JSON_ANSWER(3), "S data 3 end | " LISTED, NULL,
	};
	say_all(lines);
	assert_int_equal(e.n_rows, 1);
	assert_int_equal(e.rows[0]->stage, STAGE_ESTABLISHED);
	assert_int_equal(e.rows[0]->http_version, HTTP_VERSION_H2C);
	assert_int_equal(e.rows[0]->requests, 2);
	assert_string_equal(e.rows[0]->server_name, "crm");
	end();

	/* a server that goes on in HTTP/1.1 */
	begin(true);
	say("C> GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
	say("S> HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	say("C> POST /mcp HTTP/1.1\r\nHost: a.test\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
	    "Content-Length: 150\r\n\r\n" INITIALIZE);
	assert_int_equal(e.rows[0]->confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(e.rows[0]->http_version, HTTP_VERSION_1_1);
	end();
}

static void test_from_the_middle(void **state)
{
	(void)state;
	static const char *const lines[] = {
		/* what taught the tables is lost; of the next request only the method is known, of its answer the status */
		"-" HEAD(1, "a.test", "/mcp"), "-" JSON_ANSWER(1),
		JSON_ANSWER(3), HEAD(5, "a.test", "/mcp"), "C data 5 end | " LIST, JSON_ANSWER(5), "S data 5 end | " LISTED, NULL,
	};
	for (int flipped = 0; flipped < 2; flipped++) {
		begin(flipped);
		say_all(lines);
		assert_int_equal(app_stream_protocol(app), APP_HTTP2);
		assert_int_equal(e.n_rows, 1);
		assert_int_equal(e.rows[0]->confidence, CONFIDENCE_CONFIRMED);
		assert_int_equal(e.rows[0]->stage, STAGE_ESTABLISHED);
		assert_int_equal(e.rows[0]->http_version, HTTP_VERSION_H2C);
		assert_null(e.rows[0]->host);
		assert_int_equal(e.rows[0]->requests, 1);
		/* the server's name is learned later: no second row */
		say("C headers 7 noindex | :method POST | :scheme http | :path /mcp | :authority b.test | content-type application/json");
		assert_int_equal(e.n_rows, 1);
		assert_string_equal(e.rows[0]->host, "b.test");
		end();
	}
}

static void test_in_doubt_until_an_answer_matches(void **state)
{
	(void)state;
	begin(true);
	say("C preface");
	say("-" HEAD(1, "a.test", "/mcp"));
	say("C headers 3 noindex | :method POST | :scheme http | :path /mcp | :authority a.test | content-type application/json | "
	    "accept application/json, text/event-stream");
	say("C data 3 end | " INITIALIZE);
	assert_int_equal(e.rows[0]->confidence, CONFIDENCE_POSSIBLE);
	say(JSON_ANSWER(3));
	assert_int_equal(e.rows[0]->confidence, CONFIDENCE_CONFIRMED);
	end();
}

static void test_answers_alone(void **state)
{
	(void)state;
	/* two at a time, one with a session and one from a disk: what one says is not believed of the other */
	static const char *const lines[] = {
		"S settings",
		"S headers 1 | :status 200 | content-type application/json | last-modified Sun, 22 Nov 2026 07:16:32 GMT",
		"S headers 3 | :status 200 | content-type application/json | mcp-session-id abc",
		"S data 1 end | " INITIALIZED, NULL,
	};
	begin(true);
	say_all(lines);
	assert_int_equal(e.rows[0]->stage, STAGE_UNKNOWN);
	say("S data 3 end | " INITIALIZED);
	assert_int_equal(e.rows[0]->stage, STAGE_ESTABLISHED);
	assert_int_equal(e.rows[0]->confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(e.n_exchanges, 0);
	end();
}

static void test_refused_or_given_up(void **state)
{
	(void)state;
	for (int server = 0; server < 2; server++) {
		begin(true);
		say("C preface");
		say(HEAD(1, "a.test", "/mcp"));
		say("C data 1 end | " INITIALIZE);
		say(server ? "S reset 1" : "C reset 1");
		assert_int_equal(e.rows[0]->confidence, CONFIDENCE_CONFIRMED);
		assert_int_equal(e.rows[0]->stage, server ? STAGE_ATTEMPTED : STAGE_UNKNOWN);
		assert_int_equal(e.n_exchanges, 0);
		end();
	}
}

/* Requests to made-up hosts, answered or not, must not use up the room of the one that matters; evidence stays. */
static void test_many_authorities(void **state)
{
	(void)state;
	for (int pending = 0; pending < 2; pending++) {
		char line[512];
		begin(true);
		say("C preface");
		say("S settings");
		say(HEAD(1, "first.test", "/mcp"));
		say("C data 1 end | " INITIALIZE);
		for (unsigned i = 0; i < 3 * LIMIT_AUTHORITIES; i++) {
			snprintf(line, sizeof line, "C headers %u end | :method GET | :scheme http | :path / | :authority h%u.test%s",
			         2 * i + 3, i, pending ? " | accept text/event-stream" : "");
			say(line);
		}
		assert_int_equal(e.n_rows, LIMIT_AUTHORITIES);
		assert_true(e.n_exchanges <= LIMIT_AUTHORITIES);
		say(HEAD(201, "last.test", "/mcp"));
		say("C data 201 end | " INITIALIZE);
		say(JSON_ANSWER(201));
		say("S data 201 end | " INITIALIZED);
		struct mcp_row *first = mcp_evidence_row(&e, slice_str("first.test")), *last = mcp_evidence_row(&e, slice_str("last.test"));
		assert_int_equal(first->confidence, CONFIDENCE_CONFIRMED);
		assert_int_equal(first->ordinal, 0);
		assert_int_equal(last->confidence, CONFIDENCE_CONFIRMED);
		assert_int_equal(last->stage, STAGE_ESTABLISHED);
		assert_int_equal(anomalies.n[ANOMALY_AUTHORITIES_LIMIT], 0);
		/* where all say something the next finds no room */
		for (unsigned i = 0; i < LIMIT_AUTHORITIES; i++) {
			snprintf(line, sizeof line,
			         "C headers %u end | :method GET | :scheme http | :path / | :authority m%u.test | mcp-session-id 12345678",
			         2 * i + 203, i);
			say(line);
		}
		assert_true(anomalies.n[ANOMALY_AUTHORITIES_LIMIT] > 0);
		assert_ptr_equal(mcp_evidence_row(&e, slice_str("first.test")), first);
		end();
	}
}

static void test_silence(void **state)
{
	(void)state;
	static const char *const cases[][6] = {
		/* a document that quotes MCP, a JSON-RPC homonym, a head that two servers would read differently, an upload */
		{"C headers 1 end | :method GET | :scheme http | :path /doc.json | :authority a.test", JSON_ANSWER(1),
		 "S data 1 end | " INITIALIZED},
		{"C headers 1 | :method POST | :scheme http | :path /rpc | :authority a.test | content-type application/json",
		 "C data 1 end | " LIST, JSON_ANSWER(1), "S data 1 end | {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":[\"hammer\"]}"},
		{"C headers 1 | :method POST | :scheme http | :path /mcp | :path /other | :authority a.test | content-type application/json",
		 "C data 1 end | " INITIALIZE},
		{"C headers 1 | :method PUT | :scheme http | :path /x | :authority a.test | content-type text/plain",
		 "C data 1 end | " INITIALIZE, JSON_ANSWER(1), "S data 1 end | {}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(true);
		say("C preface");
		say_all(cases[i]);
		for (uint32_t row = 0; row < e.n_rows; row++)
			assert_int_equal(e.rows[row]->confidence, CONFIDENCE_NONE);
		end();
	}
}

/* Two requests to LLM APIs at a time, of two authorities: each server belongs to the one that was asked for it. */
static void test_connectors_of_two_apis(void **state)
{
	static const char *const lines[] = {
		"C preface", "S settings",
		"C headers 1 | :method POST | :scheme http | :path /v1/messages | :authority one.test | content-type application/json",
		"C headers 3 | :method POST | :scheme http | :path /gateway/v1/messages | :authority two.test | content-type application/json",
		"C data 1 | {\"messages\":[],\"mcp_servers\":[{\"type\":\"url\",",
		"C data 3 end | {\"messages\":[],\"mcp_servers\":[{\"type\":\"url\",\"url\":\"https://b.test/mcp\"}]}",
		"C data 1 end | \"url\":\"https://a.test/mcp\"}]}",
		"S headers 3 end | :status 400", "S headers 1 end | :status 200", NULL,
	};
	(void)state;
	begin(true);
	say_all(lines);
	const struct mcp_connector *first = e.connectors, *second = first ? first->next : NULL;
	assert_non_null(second);
	assert_null(second->next);
	assert_string_equal(first->row->host, "b.test");
	assert_string_equal(first->api->host, "two.test");
	assert_int_equal(first->row->stage, STAGE_ATTEMPTED);
	assert_string_equal(second->row->host, "a.test");
	assert_string_equal(second->api->host, "one.test");
	assert_int_equal(second->row->stage, STAGE_ESTABLISHED);
	assert_int_equal(first->ordinal, 0);
	assert_int_equal(second->ordinal, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_request_by_its_own_authority),
		cmocka_unit_test(test_upgrade),
		cmocka_unit_test(test_from_the_middle),
		cmocka_unit_test(test_in_doubt_until_an_answer_matches),
		cmocka_unit_test(test_answers_alone),
		cmocka_unit_test(test_refused_or_given_up),
		cmocka_unit_test(test_many_authorities),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_connectors_of_two_apis),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
