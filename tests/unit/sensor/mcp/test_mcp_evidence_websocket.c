/* What is said in a WebSocket, and what it proves: whole conversations through app_stream into evidence. Also what is known
 * of the proxies in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mcp_evidence.h"

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

struct connection {
	struct anomaly_counts anomalies;
	struct mcp_evidence e;
	struct app_stream *app;
};

static struct connection *begin(bool roles_known)
{
	struct connection *c = calloc(1, sizeof *c);
	assert_non_null(c);
	mcp_evidence_init(&c->e, set, &c->anomalies);
	c->app = app_stream_new(&mcp_evidence_sink, &c->e, &c->anomalies, roles_known);
	assert_non_null(c->app);
	c->e.app = c->app;
	return c;
}

static void end(struct connection *c)
{
	app_stream_free(c->app);
	mcp_evidence_done(&c->e);
	free(c);
}

/* "C text", "S text": a text frame of that side; "C> bytes", "S> bytes": as they stand, "\n" for CR LF; "C?", "S?": bytes
 * are missing; "C.", "S.": the end. */
static void say(struct connection *c, const char *line)
{
	static uint8_t bytes[1 << 12];
	enum direction d = line[0] == 'S' ? FROM_SERVER : FROM_CLIENT;
	size_t n = 0;
	if (line[1] == '?') {
		app_stream_gap(c->app, d, 0);
		return;
	}
	if (line[1] == '.') {
		app_stream_end(c->app, d);
		return;
	}
	const char *text = line + (line[1] == '>' ? 3 : 2);
	if (line[1] == '>') {
		for (; *text; text++) {
			if (*text == '\n')
				bytes[n++] = '\r';
			bytes[n++] = (uint8_t)*text;
		}
	} else {
		size_t length = strlen(text);
		bytes[n++] = 0x81;
		bytes[n++] = (uint8_t)((d == FROM_CLIENT ? 0x80 : 0) | (length < 126 ? length : 126));
		if (length >= 126) {
			bytes[n++] = (uint8_t)(length >> 8);
			bytes[n++] = (uint8_t)length;
		}
		if (d == FROM_CLIENT)
			for (int i = 0; i < 4; i++)
				bytes[n++] = 0; /* a mask of zeros is a mask */
		memcpy(bytes + n, text, length);
		n += length;
	}
	app_stream_bytes(c->app, d, slice_of(bytes, n));
}

/* The surest row, in words: confidence, stage, transport, host, proxy, claims. */
static const char *verdict(const struct connection *c)
{
	static char text[512];
	const struct mcp_row *best = NULL;
	for (uint32_t i = 0; i < c->e.n_rows; i++)
		if (c->e.rows[i]->confidence != CONFIDENCE_NONE && (!best || c->e.rows[i]->confidence > best->confidence))
			best = c->e.rows[i];
	if (!best)
		return "silence";
	int n = snprintf(text, sizeof text, "%s %s %s %s", confidence_name(best->confidence), stage_name(best->stage),
	                 transport_name(best->transport) ? transport_name(best->transport) : "-", best->host ? best->host : "-");
	if (best->proxy != PROXY_NONE)
		n += snprintf(text + n, sizeof text - (size_t)n, " %s", proxy_kind_name(best->proxy));
	for (unsigned i = 0; i < best->claims.n; i++) {
		char address[IP_ADDR_TEXT];
		ip_addr_format(&best->claims.items[i].address, address);
		n += snprintf(text + n, sizeof text - (size_t)n, " %s=%s", claim_source_name(best->claims.items[i].source), address);
	}
	return text;
}

#define ASK(protocol) "C> GET /ws HTTP/1.1\nHost: a.test\nUpgrade: websocket\nConnection: Upgrade\n" protocol "\n"
#define ACCEPT(protocol) "S> HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n" protocol "\n"
#define MCP "Sec-WebSocket-Protocol: mcp\n"
#define INITIALIZE \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," \
	"\"clientInfo\":{\"name\":\"agent\",\"version\":\"1\"}}}"
#define INITIALIZED \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," \
	"\"serverInfo\":{\"name\":\"crm\",\"version\":\"2\"}}}"
#define LIST "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\"}"
#define LISTED "{\"id\":7,\"result\":{\"tools\":[{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"}}]},\"jsonrpc\":\"2.0\"}"
#define REFUSED "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32600,\"message\":\"no\"}}"

struct conversation {
	const char *name;
	bool midstream;
	const char *lines[12];
	const char *expect;
};

static const struct conversation conversations[] = {
	{"subprotocol agreed, initialize", false, {ASK(MCP), ACCEPT(MCP), "C " INITIALIZE, "S " INITIALIZED},
	 "confirmed established websocket a.test"},
	{"subprotocol agreed, no answer yet", false, {ASK(MCP), ACCEPT(MCP), "C " INITIALIZE}, "confirmed unknown websocket a.test"},
	{"subprotocol agreed, closed without an answer", false, {ASK(MCP), ACCEPT(MCP), "C " INITIALIZE, "S."},
	 "confirmed attempted websocket a.test"},
	{"subprotocol refused with the handshake", false, {ASK(MCP), "S> HTTP/1.1 404 No\nContent-Length: 0\n\n", "S."},
	 "possible attempted websocket a.test"},
	{"one of several subprotocols", false, {ASK("Sec-WebSocket-Protocol: chat, mcp\n"), ACCEPT(MCP), "C " LIST, "S " LISTED},
	 "confirmed established websocket a.test"},
	{"no subprotocol: the dialogue tells", false, {ASK(""), ACCEPT(""), "C " INITIALIZE, "S " INITIALIZED},
	 "confirmed established websocket a.test"},
	{"no subprotocol, initialize is refused", false, {ASK(""), ACCEPT(""), "C " INITIALIZE, "S " REFUSED},
	 "confirmed established websocket a.test"},
	{"no subprotocol, a list", false, {ASK(""), ACCEPT(""), "C " LIST, "S " LISTED},
	 "confirmed established websocket a.test"},
	{"no subprotocol, nobody answers", false, {ASK(""), ACCEPT(""), "C " INITIALIZE}, "possible unknown websocket a.test"},
	{"a chat about MCP", false, {ASK(""), ACCEPT(""), "C hi, look at this", "C " INITIALIZE, "S " INITIALIZE, "S hm",
	 "S " INITIALIZED}, "silence"},
	{"a chat that quotes both sides, as one of them", false, {ASK(""), ACCEPT(""), "C look", "C " INITIALIZE, "C " INITIALIZED, "S and?"},
	 "silence"},
	{"a chat in which MCP is wrapped", false, {ASK(""), ACCEPT(""), "C {\"say\":" INITIALIZE "}", "S {\"said\":" INITIALIZED "}"},
	 "silence"},
	{"an echo", false, {ASK(""), ACCEPT(""), "C echo please", "C " LIST, "S " LIST}, "silence"},
	{"subprotocol asked for, not agreed: a chat", false, {ASK(MCP), ACCEPT(""), "C look", "C " INITIALIZE, "S ?"},
	 "possible unknown websocket a.test"},
	{"MCP among heartbeats in words", false, {ASK(""), ACCEPT(""), "S hello", "C " LIST, "S " LISTED, "C " INITIALIZE, "S " INITIALIZED,
	 "C " LIST, "S " LISTED}, "confirmed established websocket a.test"},
	{"another id", false, {ASK(""), ACCEPT(""), "C x", "C " INITIALIZE, "S " LISTED}, "silence"},
	{"a language server", false, {ASK(""), ACCEPT(""),
	 "C {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"processId\":1,\"rootUri\":null,\"capabilities\":{}}}",
	 "S {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"capabilities\":{}}}"}, "silence"},
	{"no answer of the server was captured", false, {ASK(MCP), "C " INITIALIZE, "C."}, "confirmed unknown websocket a.test"},
	{"the same without the subprotocol", false, {ASK(""), "C " INITIALIZE, "C.", "S?"}, "likely unknown websocket a.test"},
	{"the server's side alone", false, {ACCEPT(MCP), "S " INITIALIZED}, "confirmed unknown websocket -"},
	{"the server's side alone, no subprotocol", false, {ACCEPT(""), "S " INITIALIZED}, "likely unknown websocket -"},
	{"the server's side alone, a chat", false, {ACCEPT(""), "S hello", "S " INITIALIZED}, "silence"},
	{"found in mid-stream, nothing answered", true, {"C?", "C " LIST, "C " LIST}, "silence"},
	{"found in mid-stream, answered", true, {"C?", "C " LIST, "S " LISTED}, "confirmed established websocket -"},
	{"found in mid-stream, only a proof", true, {"C?", "S " INITIALIZED}, "possible unknown websocket -"},
	{"through SOCKS5", false, {"C> \5\1\2", "S> \5\2", "C> \1\1u\1p", ASK(MCP)}, "silence"}, /* no request: no tunnel */
	{"through CONNECT", false, {"C> CONNECT a.test:80 HTTP/1.1\nHost: a.test:80\n\n", "S> HTTP/1.1 200 OK\n\n", ASK(MCP), ACCEPT(MCP),
	 "C " INITIALIZE, "S " INITIALIZED}, "confirmed established websocket a.test http-connect"},
	{"through a proxy by absolute-form", false, {"C> GET http://a.test/ws HTTP/1.1\nHost: x\nUpgrade: websocket\nConnection: Upgrade\n\n",
	 ACCEPT(""), "C " INITIALIZE, "S " INITIALIZED}, "confirmed established websocket a.test http-absolute"},
	{"a claimed client", false, {ASK("X-Forwarded-For: 192.0.2.7, unknown\nForwarded: for=192.0.2.8\n"), ACCEPT(""), "C " INITIALIZE,
	 "S " INITIALIZED}, "confirmed established websocket a.test x-forwarded-for=192.0.2.7 forwarded=192.0.2.8"},
	{"a claim before the first byte", false, {"C> PROXY TCP4 192.0.2.9 192.0.2.1 5 6\n", ASK(""), ACCEPT(""), "C " INITIALIZE,
	 "S " INITIALIZED}, "confirmed established websocket a.test proxy-protocol=192.0.2.9"},
};

static void test_conversations(void **state)
{
	(void)state;
	unsigned failed = 0;
	for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
		const struct conversation *v = &conversations[i];
		struct connection *c = begin(!v->midstream);
		for (int k = 0; k < 12 && v->lines[k]; k++)
			say(c, v->lines[k]);
		if (strcmp(verdict(c), v->expect) != 0) {
			print_error("%s: %s\n  expected %s\n", v->name, verdict(c), v->expect);
			failed++;
		}
		end(c);
	}
	assert_int_equal(failed, 0);
}

/* SOCKS holds zeros, so that it needs more than text. */
static void test_socks(void **state)
{
	(void)state;
	for (int version = 4; version <= 5; version++) {
		struct connection *c = begin(true);
		if (version == 5) {
			app_stream_bytes(c->app, FROM_CLIENT, SLICE_LITERAL("\5\1\0"));
			app_stream_bytes(c->app, FROM_SERVER, SLICE_LITERAL("\5\0"));
			app_stream_bytes(c->app, FROM_CLIENT, SLICE_LITERAL("\5\1\0\3\6a.test\0\120"));
			app_stream_bytes(c->app, FROM_SERVER, SLICE_LITERAL("\5\0\0\1\0\0\0\0\0\0"));
		} else {
			app_stream_bytes(c->app, FROM_CLIENT, SLICE_LITERAL("\4\1\0\120\0\0\0\1\0a.test\0"));
			app_stream_bytes(c->app, FROM_SERVER, SLICE_LITERAL("\0\132\0\0\0\0\0\0"));
		}
		assert_string_equal(verdict(c), "silence");
		assert_int_equal(c->e.n_rows, 1);
		assert_string_equal(c->e.rows[0]->host, "a.test:80");
		say(c, ASK(MCP));
		say(c, ACCEPT(MCP));
		say(c, "C " INITIALIZE);
		say(c, "S " INITIALIZED);
		assert_string_equal(verdict(c), version == 5 ? "confirmed established websocket a.test socks5"
		                                             : "confirmed established websocket a.test socks4");
		assert_int_equal(c->e.n_rows, 1); /* the server that SOCKS was asked for and the Host are one */
		struct observation o = {0};
		mcp_row_observe(c->e.rows[0], &o);
		assert_true(o.via_proxy);
		end(c);
	}
	/* a server that serves nothing but MCP, asked for by name: what is said to it need not be seen */
	struct connection *c = begin(true);
	app_stream_bytes(c->app, FROM_CLIENT, SLICE_LITERAL("\5\1\0\5\1\0\3\16mcp.stripe.com\1\273"));
	assert_string_equal(verdict(c), "likely unknown - mcp.stripe.com:443 socks5");
	end(c);
	/* lines of JSON-RPC in a tunnel belong to the server that was asked for */
	c = begin(true);
	app_stream_bytes(c->app, FROM_CLIENT, SLICE_LITERAL("\5\1\0\5\1\0\3\6a.test\37\220"));
	app_stream_bytes(c->app, FROM_SERVER, SLICE_LITERAL("\5\0\5\0\0\1\0\0\0\0\0\0"));
	say(c, "C> " INITIALIZE "\n");
	say(c, "S> " INITIALIZED "\n");
	assert_string_equal(verdict(c), "confirmed established tcp a.test:8080 socks5");
	end(c);
	/* the opening lost bytes: the tunnel is found all the same */
	c = begin(true);
	app_stream_bytes(c->app, FROM_CLIENT, SLICE_LITERAL("\5\1\0"));
	app_stream_gap(c->app, FROM_CLIENT, 0);
	app_stream_gap(c->app, FROM_SERVER, 0);
	say(c, "C> POST /mcp HTTP/1.1\nHost: b.test\nContent-Type: application/json\nContent-Length: 150\n\n" INITIALIZE);
	assert_int_equal(c->e.proxy, PROXY_SOCKS5);
	assert_string_equal(verdict(c), "possible unknown streamable-http b.test socks5");
	end(c);
}

static void test_facts(void **state)
{
	(void)state;
	static const char *const lines[] = {
		ASK("Authorization: Bearer t\n"), ACCEPT(""), "C " INITIALIZE, "S " INITIALIZED,
		"C {\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", "C " LIST, "S " LISTED,
		"C {\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"arguments\":{}}}",
		"S {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":2}}",
		"S {\"jsonrpc\":\"2.0\",\"id\":8,\"error\":{\"code\":-1,\"message\":\"no\"}}",
	};
	struct connection *c = begin(true);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		say(c, lines[i]);
	struct observation o = {0};
	mcp_row_observe(c->e.rows[0], &o);
	assert_int_equal(o.transport, TRANSPORT_WEBSOCKET);
	assert_int_equal(o.http_version, HTTP_VERSION_1_1);
	assert_int_equal(o.auth, AUTH_BEARER);
	assert_string_equal(o.path, "/ws");
	assert_string_equal(o.client_name, "agent");
	assert_string_equal(o.server_name, "crm");
	assert_string_equal(o.protocol_version, "2025-06-18");
	assert_string_equal(o.protocol_version_requested, "2025-06-18");
	assert_int_equal(o.methods.n, 4);
	assert_int_equal(o.server_methods.n, 1);
	assert_int_equal(o.tools_called.n, 1);
	assert_int_equal(o.requests, 3);
	assert_int_equal(o.errors, 1);
	end(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_socks),
		cmocka_unit_test(test_facts),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
