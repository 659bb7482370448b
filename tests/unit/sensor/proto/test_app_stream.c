/* Two-way conversations and what the sink hears of them, at every size of chunk. Protocols nest here: HTTP, SSE,
 * JSON-RPC, TLS, tunnels, and the roles of a connection whose beginning was not seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app_stream.h"
#include "tls_samples.h"

struct turn {
	char side;        /* C, S: bytes; c, s: a gap of n; x, y: the client's, the server's end */
	const char *text;
	size_t n;         /* 0: strlen(text) */
};

struct script {
	const char *name;
	bool midstream_roles; /* roles are not known, and told the wrong way round */
	bool segments;        /* only as it stands: heads are looked for at starts of segments */
	struct turn turns[12];
	const char *expect;
};

struct notes {
	char text[1 << 14];
	size_t n;
	struct tls_facts tls;
	bool has_tls;
};

static void put(struct notes *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->text + t->n, sizeof t->text - t->n, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < sizeof t->text - t->n);
	t->n += (size_t)n;
}

static void put_who(struct notes *t, unsigned depth, enum direction d, uint64_t exchange)
{
	put(t, "%.*s%c#%u ", (int)depth, ">>>", d == FROM_CLIENT ? 'C' : 'S', (unsigned)exchange);
}

static bool on_head(void *context, unsigned depth, const struct http_head *head)
{
	struct notes *t = context;
	put_who(t, depth, head->direction, head->exchange);
	if (head->direction == FROM_CLIENT)
		put(t, "%.*s %.*s\n", (int)head->method.n, (const char *)head->method.p, (int)head->target.n,
			(const char *)head->target.p);
	else
		put(t, "%u%s\n", head->status, head->unpaired ? " unpaired" : "");
	return true;
}

static void on_end(void *context, unsigned depth, enum direction d, uint64_t exchange, const struct app_body *body)
{
	struct notes *t = context;
	put_who(t, depth, d, exchange);
	put(t, "end %s%s%s%s", body->json ? "json" : body->sse ? "sse" : "plain", body->complete ? " complete" : "",
	    body->lost ? " lost" : "", body->bad ? " bad" : "");
	if (body->json || body->sse)
		put(t, " %u bytes, %u messages", (unsigned)body->bytes, body->messages);
	put(t, "\n");
}

static void on_message(void *context, unsigned depth, enum app_carrier carrier, enum direction d, uint64_t exchange,
                       const struct jsonrpc_message *m)
{
	static const char *const carriers[] = {"body", "sse", "line", "websocket"};
	struct notes *t = context;
	put_who(t, depth, d, exchange);
	put(t, "%s %s\n", carriers[carrier], m->method[0] ? m->method : m->type[JM_RESULT] ? "result" : m->type[JM_ERROR]
		? "error" : "?");
}

static void on_event(void *context, unsigned depth, uint64_t exchange, struct slice type, struct slice data, bool cut)
{
	struct notes *t = context;
	put_who(t, depth, FROM_SERVER, exchange);
	data = slice_first(data, 24);
	put(t, "event %.*s %.*s%s\n", (int)type.n, (const char *)type.p, (int)data.n, (const char *)data.p, cut ? " cut"
		: "");
}

static void on_tls(void *context, unsigned depth, const struct tls_facts *facts)
{
	struct notes *t = context;
	(void)depth;
	t->tls = *facts; /* how often is a matter of the split; what it says last is not */
	t->has_tls = true;
}

static void on_tunnel(void *context, unsigned depth, bool connect, const struct http_head *answer)
{
	struct notes *t = context;
	put(t, "%.*stunnel %s %u\n", (int)depth, ">>>", connect ? "connect" : "upgrade", answer->status);
}

static void on_closed(void *context, unsigned depth, enum direction d)
{
	put(context, "%.*s%c closed\n", (int)depth, ">>>", d == FROM_CLIENT ? 'C' : 'S');
}

static void on_socks(void *context, unsigned depth, unsigned version, struct slice authority)
{
	put(context, "%.*ssocks%u %.*s\n", (int)depth, ">>>", version, (int)authority.n, (const char *)authority.p);
}

static void on_foreign(void *context, unsigned depth)
{
	put(context, "%.*sforeign\n", (int)depth, ">>>");
}

static void on_claim(void *context, unsigned depth, const struct ip_addr *client)
{
	char text[IP_ADDR_TEXT];
	ip_addr_format(client, text);
	put(context, "%.*sclaim %s\n", (int)depth, ">>>", text);
}

static const struct app_sink sink = {.http_head = on_head,
                                     .http_end = on_end,
                                     .message = on_message,
                                     .sse_event = on_event,
                                     .tls = on_tls,
                                     .tunnel = on_tunnel,
                                     .closed = on_closed,
                                     .socks = on_socks,
                                     .foreign = on_foreign,
                                     .claim = on_claim};

static void play(const struct script *s, size_t chunk, bool skip, struct notes *t)
{
	struct anomaly_counts anomalies = {{0}};
	memset(t, 0, sizeof *t);
	struct app_stream *a = app_stream_new(&sink, t, &anomalies, !s->midstream_roles);
	assert_non_null(a);
	for (const struct turn *turn = s->turns; turn->side; turn++) {
		enum direction d = strchr("Ccx", turn->side) ? FROM_CLIENT : FROM_SERVER;
		if (s->midstream_roles)
			d = direction_flip(d);
		if (turn->side == 'c' || turn->side == 's')
			app_stream_gap(a, d, turn->n);
		else if (turn->side == 'x' || turn->side == 'y')
			app_stream_end(a, d);
		struct slice rest = slice_of(turn->text, turn->n ? turn->n : turn->text ? strlen(turn->text) : 0);
		while (turn->text && rest.n) {
			struct slice part = slice_first(rest, chunk);
			rest = slice_after(rest, part.n);
			uint64_t drop = skip ? app_stream_skippable(a, d) : 0;
			drop = drop < part.n ? drop : part.n;
			if (drop)
				app_stream_skipped(a, d, drop);
			part = slice_after(part, (size_t)drop);
			uint8_t *piece = malloc(part.n ? part.n : 1);
			memcpy(piece, part.p, part.n);
			app_stream_bytes(a, d, slice_of(piece, part.n));
			free(piece);
		}
		assert_true(app_stream_memory(a) < (1u << 20));
	}
	static const char *const protocols[] = {"undecided", "http", "http2", "tls", "lines", "websocket", "socks", "quic", "other"};
	if (t->has_tls)
		put(t, "tls %s%s\n", t->tls.sni, t->tls.server_hello ? " answered" : "");
	put(t, "= %s%s%s\n", protocols[app_stream_protocol(a)], app_stream_is_flipped(a) ? " flipped" : "",
	    app_stream_is_finished(a) ? " finished" : "");
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (anomalies.n[i])
			put(t, "! %s\n", anomaly_name((enum anomaly)i));
	app_stream_free(a);
}

#define JSON "Content-Type: application/json\r\n"
#define POST_PING \
	"POST /mcp HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 40\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
#define OK_PONG "HTTP/1.1 200 OK\r\n" JSON "Content-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
#define PING_TEXT "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
#define PONG_TEXT "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
#define UPGRADE "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
#define HEARD_PING "C#1 POST /mcp\nC#1 body ping\nC#1 end json complete 40 bytes, 1 messages\n"
#define HEARD_PONG "S#1 200\nS#1 body result\nS#1 end json complete 36 bytes, 1 messages\n"
#define CRLF_8 "\r\n\r\n\r\n\r\n"
#define CRLF_64 CRLF_8 CRLF_8 CRLF_8 CRLF_8 CRLF_8 CRLF_8 CRLF_8 CRLF_8
#define BYTES(array) (const char *)(array), sizeof(array)

static const struct script scripts[] = {
	{.name = "JSON over HTTP", .turns = {{'C', POST_PING, 0}, {'S', OK_PONG, 0}, {'x', NULL, 0}, {'y', NULL, 0}},
	 .expect = HEARD_PING HEARD_PONG "C closed\nS closed\n= http\n"},
	{.name = "two exchanges on one connection",
	 .turns = {{'C', POST_PING, 0}, {'S', OK_PONG, 0}, {'C', "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	           {'S', "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n{\"a\"}", 0}},
	 .expect = HEARD_PING HEARD_PONG "C#2 GET /x\nC#2 end plain complete\nS#2 200\nS#2 end plain complete\n= http\n"},
	{.name = "event stream",
	 .turns = {{'C', "GET /sse HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n", 0},
	           {'S', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
	                 "event: endpoint\ndata: /m?sessionId=12345678\n\n", 0},
	           {'S', ": ping\n\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{}}"
	           "\n\nid: 7\ndata:\n\ndata: hello\n\n", 0},
	           {'y', NULL, 0}},
	 .expect = "C#1 GET /sse\nC#1 end plain complete\nS#1 200\nS#1 event endpoint /m?sessionId=12345678\n"
	           "S#1 sse result\nS#1 event message {\"jsonrpc\":\"2.0\","
	           "\n\"id\":1\nS#1 event message \nS#1 event message hello\n"
	           "S#1 end sse complete 130 bytes, 1 messages\nS closed\n= http\n"},
	{.name = "bad JSON",
	 .turns = {{'C', "POST / HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 6\r\n\r\n{nope}", 0}},
	 .expect = "C#1 POST /\nC#1 end json complete bad 6 bytes, 0 messages\n= http\n! json-syntax\n"},
	{.name = "a tunnel with HTTP in it",
	 .turns = {{'C', "CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", 0}, {'S', "HTTP/1.1 200 OK\r\n\r\n", 0},
	           {'C', POST_PING, 0}, {'S', OK_PONG, 0}, {'y', NULL, 0}},
	 .expect = "C#1 CONNECT b:80\nC#1 end plain complete\nS#1 200\nS#1 end plain complete\ntunnel connect 200\n"
	           ">C#1 POST /mcp\n>C#1 body ping\n>C#1 end json complete 40 bytes, 1 messages\n"
	           ">S#1 200\n>S#1 body result\n>S#1 end json complete 36 bytes,"
	           " 1 messages\n>S closed\nS closed\n= http\n"},
	{.name = "a tunnel that is refused",
	 .turns = {{'C', "CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", 0},
	           {'S', "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", 0}, {'C', POST_PING, 0}, {'S', OK_PONG, 0}},
	 .expect = "C#1 CONNECT b:80\nC#1 end plain complete\nS#1 407\nS#1 end plain complete\n"
	           "C#2 POST /mcp\nC#2 body ping\nC#2 end json complete 40 bytes, 1 messages\n"
	           "S#2 200\nS#2 body result\nS#2 end json complete 36 bytes, 1 messages\n= http\n"},
	{.name = "TLS in a tunnel",
	 .turns = {{'C', "CONNECT mcp.stripe.com:443 HTTP/1.1\r\nHost: mcp.stripe.com:443\r\n\r\n", 0}, {'S',
	 "HTTP/1.1 200 OK\r\n\r\n", 0},
	           {'C', BYTES(node_client)}, {'S', BYTES(node_server)}, {'C', "whatever follows", 0}},
	 .expect = "C#1 CONNECT mcp.stripe.com:443\nC#1 end plain complete\nS#1 200\nS#1 end plain complete\n"
	           "tunnel connect 200\ntls mcp.stripe.com answered\n= http finished\n"},
	{.name = "TLS", .turns = {{'C', BYTES(node_client)}, {'S', BYTES(node_server)}},
	 .expect = "tls mcp.stripe.com answered\n= tls finished\n"},
	{.name = "TLS, and the answer comes first in a capture that began late", .midstream_roles = true,
	 .turns = {{'S', BYTES(node_server)}, {'C', BYTES(node_client)}},
	 .expect = "tls mcp.stripe.com answered\n= tls flipped finished\n"},
	{.name = "roles the other way round", .midstream_roles = true, .turns = {{'C', POST_PING, 0}, {'S', OK_PONG, 0},
	 {'y', NULL, 0}},
	 .expect = HEARD_PING HEARD_PONG "S closed\n= http flipped\n"},
	{.name = "an answer first, roles the other way round", .midstream_roles = true, .turns = {{'S', OK_PONG, 0}, {'C',
	 POST_PING, 0}},
	 .expect = "S#0 200 unpaired\nS#0 body result\nS#0 end json complete 36 bytes, 1 messages\n" HEARD_PING
	           "= http flipped\n! http-answer-without-request\n"},
	{.name = "JSON texts, one a line",
	 .turns = {{'C', "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n", 0},
	           {'S', "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n", 0}},
	 .expect = "C#0 line ping\nC#0 line x\nS#0 line result\n= lines\n"},
	{.name = "white space before JSON texts",
	 .turns = {{'C', "\n  {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", 0}, {'S',
	 "\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 0}},
	 .expect = "C#0 line ping\nS#0 line result\n= lines\n"},
	{.name = "JSON texts, then a log line",
	 .turns = {{'C', "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\nINFO started\n{\"method\":\"x\"}\n", 0}},
	 .expect = "C#0 line ping\n= lines finished\n! json-syntax\n"},
	{.name = "SSH", .turns = {{'C', "SSH-2.0-OpenSSH_9.2\r\n", 0}, {'S', "SSH-2.0-OpenSSH_9.2\r\n", 0}},
	 .expect = "= other finished\n"},
	{.name = "a server that speaks first", .turns = {{'S', "220 mail ESMTP\r\n", 0}, {'C', POST_PING, 0}},
	 .expect = "= other finished\n"},
	{.name = "the client says what a server would", .turns = {{'C', OK_PONG, 0}}, .expect = "= other finished\n"},
	{.name = "empty lines before a request, more than are looked at to tell the protocol",
	 .turns = {{'C', CRLF_64 CRLF_64 "\n" CRLF_64, 0}, {'C', CRLF_64 POST_PING, 0}, {'S', OK_PONG, 0}},
	 .expect = HEARD_PING HEARD_PONG "= http\n"},
	{.name = "empty lines, more than wait for a header of the PROXY protocol",
	 .turns = {{'C', "PROXY UNKNOWN\r\n" CRLF_64 CRLF_64 CRLF_64 CRLF_64 CRLF_64 CRLF_64 CRLF_64 CRLF_64 CRLF_64 CRLF_64, 0},
	           {'C', POST_PING, 0}, {'S', OK_PONG, 0}},
	 .expect = HEARD_PING HEARD_PONG "= http\n"},
	{.name = "what begins like a header of the PROXY protocol after empty lines is none",
	 .turns = {{'C', CRLF_64 "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0" POST_PING, 64 + 16 + sizeof POST_PING - 1},
	           {'S', OK_PONG, 0}},
	 .expect = "= other finished\n"},
	{.name = "a header of the PROXY protocol",
	 .turns = {{'C', "PROXY TCP4 10.0.0.1 10.0.0.2 5 80\r\n" POST_PING, 0}, {'S', OK_PONG, 0}},
	 .expect = "claim 10.0.0.1\n" HEARD_PING HEARD_PONG "= http\n"},
	{.name = "a WebSocket",
	 .turns = {{'C', UPGRADE, 0}, {'S', SWITCHED, 0}, {'C', BYTES("\x81\xa8\0\0\0\0" PING_TEXT) - 1}, {'S', "\x81\x24" PONG_TEXT "\x81\x02hi", 0},
	           {'C', BYTES("\x88\x80\0\0\0\0") - 1}, {'y', NULL, 0}},
	 .expect = "C#1 GET /ws\nC#1 end plain complete\nS#1 101\ntunnel upgrade 101\nC#1 websocket ping\nS#1 websocket result\n"
	           "foreign\nS closed\n= http\n"},
	{.name = "a WebSocket in a tunnel, its first frame right behind the answer",
	 .turns = {{'C', "CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", 0}, {'S', "HTTP/1.1 200 OK\r\n\r\n", 0},
	           {'C', UPGRADE, 0}, {'S', SWITCHED "\x81\x24" PONG_TEXT, 0}, {'y', NULL, 0}},
	 .expect = "C#1 CONNECT b:80\nC#1 end plain complete\nS#1 200\nS#1 end plain complete\ntunnel connect 200\n"
	           ">C#1 GET /ws\n>C#1 end plain complete\n>S#1 101\n>tunnel upgrade 101\n>S#1 websocket result\n>S closed\n"
	           "S closed\n= http\n"},
	{.name = "an Upgrade to something else", .turns = {{'C', UPGRADE, 0},
	           {'S', "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\nhello", 0}},
	 .expect = "C#1 GET /ws\nC#1 end plain complete\nS#1 101\ntunnel upgrade 101\n= http finished\n"},
	{.name = "a WebSocket whose server was not captured",
	 .turns = {{'C', UPGRADE, 0}, {'C', BYTES("\x81\xa8\0\0\0\0" PING_TEXT "\x88\x80\0\0\0\0") - 1}, {'x', NULL, 0}},
	 .expect = "C#1 GET /ws\nC#1 end plain complete\nC#1 websocket ping\nC closed\n= http\n"},
	{.name = "whatever a client says without an answer", .turns = {{'C', UPGRADE, 0}, {'C', "{\"jsonrpc\"}", 0}, {'x', NULL, 0}},
	 .expect = "C#1 GET /ws\nC#1 end plain complete\nC closed\n= http\n"},
	{.name = "a start in the middle of a WebSocket, roles the other way round", .segments = true, .midstream_roles = true,
	 .turns = {{'c', NULL, 0}, {'S', "\x81\x7e\1\1rest", 0}, {'C', BYTES("\x81\xa8\0\0\0\0" PING_TEXT) - 1},
	           {'S', "\x81\x24" PONG_TEXT, 0}},
	 .expect = "C#0 websocket ping\nS#0 websocket result\n= websocket flipped\n! websocket-place-lost\n"},
	{.name = "SOCKS5, and HTTP behind it",
	 .turns = {{'C', BYTES("\5\1\0") - 1}, {'S', "\5\0", 2}, {'C', BYTES("\5\1\0\3\1b\0\120") - 1},
	           {'S', BYTES("\5\0\0\1\12\0\0\1\0\120") - 1}, {'C', POST_PING, 0}, {'S', OK_PONG, 0}, {'y', NULL, 0}},
	 .expect = "socks5 b:80\n>C#1 POST /mcp\n>C#1 body ping\n>C#1 end json complete 40 bytes, 1 messages\n"
	           ">S#1 200\n>S#1 body result\n>S#1 end json complete 36 bytes, 1 messages\n>S closed\nS closed\n= socks\n"},
	{.name = "SOCKS4a, and TLS behind it",
	 .turns = {{'C', BYTES("\4\1\1\273\0\0\0\1\0b\0") - 1}, {'S', BYTES("\0\132\0\0\0\0\0\0") - 1}, {'C', BYTES(node_client)},
	           {'S', BYTES(node_server)}},
	 .expect = "socks4 b:443\ntls mcp.stripe.com answered\n= socks finished\n"},
	{.name = "SOCKS5 refuses",
	 .turns = {{'C', BYTES("\5\1\0") - 1}, {'S', "\5\377", 2}, {'C', POST_PING, 0}},
	 .expect = "= socks finished\n"},
	{.name = "SOCKS5 that lost bytes", .segments = true,
	 .turns = {{'C', BYTES("\5\1\0") - 1}, {'c', NULL, 0}, {'C', POST_PING, 0}, {'s', NULL, 0}, {'S', OK_PONG, 0}},
	 .expect = "socks5 \n>C#1 POST /mcp\n>C#1 body ping\n>C#1 end json complete 40 bytes, 1 messages\n"
	           ">S#1 200\n>S#1 body result\n>S#1 end json complete 36 bytes, 1 messages\n= socks\n"},
	{.name = "bytes of a body are lost",
	 .turns = {{'C', "POST /mcp HTTP/1.1\r\nHost: a\r\n" JSON "Content-Length: 40\r\n\r\n{\"jsonrpc\":", 0}, {'c',
	 NULL, 10},
	           {'C', "\"id\":1,\"method\":\"x", 19}, {'S', OK_PONG, 0}},
	 .expect = "C#1 POST /mcp\nC#1 end json lost 30 bytes, 0 messages\n" HEARD_PONG "= http\n"},
	{.name = "an event is lost, the next is whole",
	 .turns = {{'C', "GET /sse HTTP/1.1\r\nHost: a\r\n\r\n", 0},
	           {'S', "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"jsonrpc\":\"2.0\",", 0},
	           {'s', NULL, 9},
	           {'S', "\"result\":{}}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\n", 0}},
	 .expect = "C#1 GET /sse\nC#1 end plain complete\nS#1 200\nS#1 sse result\n"
	           "S#1 event message {\"jsonrpc\":\"2.0\",\"id\":2,\n= http\n"},
	{.name = "a start in the middle of a body", .segments = true,
	 .turns = {{'c', NULL, 0}, {'C', "rest of an upload", 0}, {'C', POST_PING, 0}, {'S', OK_PONG, 0}},
	 .expect = HEARD_PING HEARD_PONG "= http\n"},
	{.name = "a start in the middle of something else", .segments = true,
	 .turns = {{'c', NULL, 0}, {'C', "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n", 0}},
	 .expect = "= undecided\n"},
	{.name = "a hello with a hole", .turns = {{'C', (const char *)node_client, 100}, {'c', NULL, 50}, {'s', NULL, 0}},
	 .expect = "tls \n= tls finished\n"},
	{.name = "nothing", .turns = {{'x', NULL, 0}, {'y', NULL, 0}}, .expect = "C closed\nS closed\n= undecided\n"},
};

static void test_scripts(void **state)
{
	(void)state;
	struct notes *t = malloc(sizeof *t);
	unsigned failed = 0;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		for (size_t chunk = 4096; chunk; chunk = chunk == 4096 ? 67 : chunk - 1) {
			if (chunk < 4096 && scripts[i].segments)
				break;
			play(&scripts[i], chunk, chunk & 1, t);
			if (strcmp(t->text, scripts[i].expect) == 0)
				continue;
			print_error("--- %s, chunks of %zu\n%s--- expected\n%s", scripts[i].name, chunk, t->text,
				scripts[i].expect);
			failed++;
			break;
		}
	free(t);
	assert_int_equal(failed, 0);
}

static void test_tunnels_nest_so_far(void **state)
{
	(void)state;
	struct notes *t = calloc(1, sizeof *t);
	struct anomaly_counts anomalies = {{0}};
	struct app_stream *a = app_stream_new(&sink, t, &anomalies, true);
	for (int i = 0; i < LIMIT_TUNNEL_DEPTH; i++) {
		assert_false(app_stream_is_finished(a));
		app_stream_bytes(a, FROM_CLIENT, SLICE_LITERAL("CONNECT b:80 HTTP/1.1\r\nHost: b\r\n\r\n"));
		app_stream_bytes(a, FROM_SERVER, SLICE_LITERAL("HTTP/1.1 200 OK\r\n\r\n"));
	}
	assert_int_equal(anomalies.n[ANOMALY_TUNNEL_DEPTH], 1);
	size_t n = t->n;
	app_stream_bytes(a, FROM_CLIENT, SLICE_LITERAL(POST_PING));
	assert_int_equal(t->n, n);
	app_stream_free(a);
	free(t);
}

/* What is found again after lost bytes is in doubt until an answer matches its request. */
static void test_doubt(void **state)
{
	(void)state;
	struct notes *t = calloc(1, sizeof *t);
	struct anomaly_counts anomalies = {{0}};
	struct app_stream *a = app_stream_new(&sink, t, &anomalies, true);
	app_stream_gap(a, FROM_CLIENT, 0);
	app_stream_bytes(a, FROM_CLIENT, SLICE_LITERAL(POST_PING));
	assert_true(app_stream_is_resynced(a, FROM_CLIENT));
	app_stream_bytes(a, FROM_SERVER, SLICE_LITERAL(OK_PONG));
	assert_false(app_stream_is_resynced(a, FROM_CLIENT));
	app_stream_free(a);
	app_stream_free(NULL);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_tunnels_nest_so_far),
		cmocka_unit_test(test_doubt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
