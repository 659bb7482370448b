/* Requests to LLM APIs, from bytes through app_stream to connectors: which server, how sure, how far, with which
 * credentials; and that no secret is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mcp_evidence.h"
#include <stdio.h>

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

static void begin(void)
{
	memset(&anomalies, 0, sizeof anomalies);
	mcp_evidence_init(&e, set, &anomalies);
	e.app = app = app_stream_new(&mcp_evidence_sink, &e, &anomalies, true);
	assert_non_null(app);
}

static void end(void)
{
	app_stream_free(app);
	mcp_evidence_done(&e);
}

static void ask(const char *target, const char *body)
{
	char text[16384];
	int n = snprintf(text, sizeof text,
			 "POST %s HTTP/1.1\r\nHost: Api.Vendor.Example\r\nContent-Type: application/json\r\nX-Api-Key: "
			 "secret\r\nUser-Agent: sdk/1\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 target, strlen(body), body);
	app_stream_bytes(app, FROM_CLIENT, slice_of(text, (size_t)n));
}

static void answer(int status)
{
	char text[200];
	int n = snprintf(text, sizeof text,
			 "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", status);
	app_stream_bytes(app, FROM_SERVER, slice_of(text, (size_t)n));
}

static size_t count(void)
{
	size_t n = 0;
	for (const struct mcp_connector *c = e.connectors; c; c = c->next)
		n++;
	return n;
}

#define ASK(servers) "{\"model\":\"m\",\"messages\":[],\"mcp_servers\":[" servers "]}"
#define URL(url) "{\"type\":\"url\",\"url\":\"" url "\",\"name\":\"n\"}"

static void test_servers_and_stages(void **state)
{
	struct observation o = {0};
	(void)state;
	begin();
	ask("/v1/messages?beta=true",
	    ASK(URL("https://Crm.Example:8443/mcp?token=secret#secret") "," URL("https://b.example")));
	assert_int_equal(count(), 2);
	assert_true(e.any);
	assert_int_equal(e.rows[0]->confidence, CONFIDENCE_NONE); /* the API's own connection is none of MCP */
	mcp_connector_observe(e.connectors, &o);
	assert_int_equal(o.kind, KIND_CONNECTOR);
	assert_string_equal(o.host, "crm.example:8443");
	assert_string_equal(o.path, "/mcp");
	assert_string_equal(o.connector_vendor, "anthropic");
	assert_string_equal(o.connector_api, "api.vendor.example");
	assert_string_equal(o.connector_name, "n");
	assert_null(o.connector_id);
	assert_string_equal(o.user_agent, "sdk/1");
	assert_int_equal(o.auth, AUTH_QUERY_TOKEN);
	assert_int_equal(o.confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(o.stage, STAGE_UNKNOWN);
	assert_true(o.tls && o.via_proxy && !o.encrypted && o.proxy == PROXY_NONE && !o.host_cut);
	assert_int_equal(o.n_reasons, 1);
	assert_null(strstr(o.reasons[0].detail, "secret"));
	mcp_connector_observe(e.connectors->next, &o);
	assert_int_equal(o.kind_ordinal, 1);
	assert_string_equal(o.path, "/");
	assert_int_equal(o.auth, AUTH_NONE);
	answer(200);
	assert_int_equal(e.connectors->row->stage, STAGE_ESTABLISHED);
	/* named again, and refused: one of them stays what it was, the new one was tried */
	ask("/v1/messages", ASK(URL("https://b.example/") "," URL("http://c.example/mcp")));
	answer(403);
	assert_int_equal(count(), 3);
	assert_int_equal(e.connectors->next->row->stage, STAGE_ESTABLISHED);
	assert_int_equal(e.connectors->next->next->row->stage, STAGE_ATTEMPTED);
	mcp_connector_observe(e.connectors->next->next, &o);
	assert_false(o.tls);
	end();
}

/* What a URL means to a cloud's software need not be what it means here: then it approves nothing. */
static void test_urls(void **state)
{
	static const struct {
		const char *url, *host;
		bool cut;
		enum auth_kind auth;
	} rows[] = {
	    {"https://a.example/mcp", "a.example", false, AUTH_NONE},
	    {"HTTPS://A.example", "a.example", false, AUTH_NONE},
	    {"https://user:secret@a.example/mcp", "a.example", false, AUTH_BASIC},
	    {"https://good.example@evil.example/mcp", "evil.example", false, AUTH_BASIC},
	    {"https://evil.example\\\\@good.example/mcp", "good.example", true, AUTH_BASIC},
	    {"https://good.example\\\\.evil.example/mcp", "good.example\\.evil.example", true, AUTH_NONE},
	    {"https://a.ex\\tample/mcp", "a.ex\tample", true, AUTH_NONE},
	    {"https://a\xe3\x80\x82"
	     "example/mcp",
	     "a\xe3\x80\x82"
	     "example",
	     true, AUTH_NONE},
	    {"https://a.example?apiKey=secret", "a.example", false, AUTH_QUERY_TOKEN},
	    {"https://[2001:db8::1]:8443/mcp", "[2001:db8::1]:8443", false, AUTH_NONE},
	};
	static const char *const none[] = {"ftp://a.example/", "litellm_proxy", "https://",
					   "https:///mcp",     "//a.example",   "https:/a.example"};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char body[600];
		struct observation o = {0};
		begin();
		snprintf(body, sizeof body, ASK(URL("%s")), rows[i].url);
		ask("/v1/messages", body);
		assert_int_equal(count(), 1);
		mcp_connector_observe(e.connectors, &o);
		assert_string_equal(o.host, rows[i].host);
		assert_int_equal(o.host_cut, rows[i].cut);
		assert_int_equal(o.auth, rows[i].auth);
		assert_null(strstr(o.reasons[0].detail, "secret"));
		end();
	}
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		char body[600];
		begin();
		snprintf(body, sizeof body, ASK(URL("%s")), none[i]);
		ask("/v1/messages", body);
		assert_int_equal(count(), 0);
		assert_false(e.any);
		end();
	}
	/* cut in its path, and cut in its query */
	for (int query = 0; query < 2; query++) {
		char body[1200];
		begin();
		snprintf(body, sizeof body, ASK(URL("https://a.example/m%s%0600d")), query ? "?" : "", 0);
		ask("/v1/messages", body);
		assert_int_equal(count(), 1);
		assert_int_equal(e.connectors->row->host_cut, !query);
		end();
	}
}

/* Two URLs for one server, two lists of servers: told of, and approved by nothing. */
static void test_twice_is_doubtful(void **state)
{
	struct observation o = {0};
	(void)state;
	begin();
	ask("/v1/messages", ASK("{\"type\":\"url\",\"url\":\"https://a.example\",\"url\":\"https://b.example\"}"));
	assert_int_equal(count(), 1);
	mcp_connector_observe(e.connectors, &o);
	assert_string_equal(o.host, "b.example");
	assert_true(o.host_cut);
	end();
	begin();
	ask("/v1/messages", "{\"messages\":[],\"mcp_servers\":[" URL("https://a.example") "],\"mcp_servers\":[]}");
	assert_int_equal(count(), 1);
	mcp_connector_observe(e.connectors, &o);
	assert_true(o.host_cut);
	end();
}

static void test_what_is_no_such_request(void **state)
{
	(void)state;
	begin();
	ask("/v1/threads", ASK(URL("https://a.example")));
	ask("/v1/messages", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"mcp_servers\"}]}");
	ask("/v1/responses", ASK(URL("https://a.example")));
	app_stream_bytes(
	    app, FROM_CLIENT,
	    slice_str("POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 68\r\n\r\n"
		      "{\"messages\":[],\"mcp_servers\":[{\"type\":\"url\",\"url\":\"https://a.ex/\"}]}"));
	assert_int_equal(count(), 0);
	assert_false(e.any);
	end();
}

static void test_a_lost_part_makes_it_likely(void **state)
{
	static const char head[] = "POST /v1/messages HTTP/1.1\r\nHost: api.example\r\nContent-Type: "
				   "application/json\r\nContent-Length: 300\r\n\r\n"
				   "{\"mcp_servers\":[" URL("https://a.example/mcp") "],\"messages\":[";
	(void)state;
	begin();
	app_stream_bytes(app, FROM_CLIENT, slice_str(head));
	app_stream_gap(app, FROM_CLIENT, 300 - (strlen(head) - (size_t)(strstr(head, "{\"mcp") - head)));
	answer(200);
	assert_int_equal(count(), 1);
	assert_int_equal(e.connectors->row->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(e.connectors->row->stage, STAGE_ESTABLISHED);
	end();
}

static void test_no_more_than_the_cap(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 2 * LIMIT_CONNECTORS; i++) {
		char body[300];
		snprintf(body, sizeof body, ASK(URL("https://h%d.example")), i);
		ask("/v1/messages", body);
		answer(200);
	}
	assert_int_equal(count(), LIMIT_CONNECTORS);
	assert_int_equal(anomalies.n[ANOMALY_CONNECTORS_LIMIT], LIMIT_CONNECTORS);
	/* the authority that was asked stays, whoever else is asked on this connection */
	for (int i = 0; i < 2 * LIMIT_AUTHORITIES; i++) {
		char text[200];
		snprintf(text, sizeof text,
			 "POST / HTTP/1.1\r\nHost: w%d.example\r\nContent-Type: application/json\r\nContent-Length: "
			 "2\r\n\r\n{}",
			 i);
		app_stream_bytes(app, FROM_CLIENT, slice_str(text));
		answer(200);
	}
	assert_ptr_equal(e.connectors->api, e.rows[0]);
	assert_string_equal(e.rows[0]->host, "api.vendor.example");
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_servers_and_stages),      cmocka_unit_test(test_urls),
	    cmocka_unit_test(test_twice_is_doubtful),
	    cmocka_unit_test(test_what_is_no_such_request), cmocka_unit_test(test_a_lost_part_makes_it_likely),
	    cmocka_unit_test(test_no_more_than_the_cap),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
