/* Frames through app_stream to what a sink hears: JSON and events of several streams at a time, bodies whose type was
 * lost, protocols told apart by their first bytes, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "app_stream.h"
#include "http2_build.h"

struct notes {
	size_t n;
	char text[8192];
};

static void put(struct notes *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct notes *t, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(t->text + t->n, sizeof t->text - t->n, format, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < sizeof t->text - t->n);
	t->n += (size_t)n;
}

static bool on_head(void *context, unsigned depth, const struct http_head *head)
{
	put(context, "%u%c#%u head%s\n", depth, "CS"[head->direction], (unsigned)head -> exchange,
	    head -> fields_lost ? " lost" : "");
	return true;
}

static void on_end(void *context, unsigned depth, enum direction d, uint64_t exchange, const struct app_body *body)
{
	put(context, "%u%c#%u end%s%s%s%s\n", depth, "CS"[d], (unsigned)exchange, body -> json ? " json" : "",
	    body->sse ? " sse" : "", body->complete ? " complete" : "", body->lost ? " lost" : "");
}

static void on_message(void *context, unsigned depth, enum app_carrier carrier, enum direction d, uint64_t exchange,
		       const struct jsonrpc_message *m)
{
	put(context, "%u%c#%u %s %s\n", depth, "CS"[d], (unsigned)exchange, carrier == CARRIER_SSE ? "event" : "body",
	    m->method[0] ? m->method : "result");
}

static void on_sse(void *context, unsigned depth, uint64_t exchange, struct slice type, struct slice data, bool cut)
{
	(void)context, (void)depth, (void)exchange, (void)type, (void)data, (void)cut;
}

static void on_tunnel(void *context, unsigned depth, bool connect, const struct http_head *answer)
{
	(void)answer;
	put(context, "%u tunnel %d\n", depth, connect);
}

static void on_closed(void *context, unsigned depth, enum direction d)
{
	(void)context, (void)depth, (void)d;
}

static const struct app_sink sink = {.http_head = on_head,
				     .http_end = on_end,
				     .message = on_message,
				     .sse_event = on_sse,
				     .tunnel = on_tunnel,
				     .closed = on_closed};

#define JSON " | content-type application/json"
#define PING "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"
#define PONG "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
#define POST(id) "C headers " #id " | :method POST | :scheme http | :path /mcp | :authority a" JSON

/* Lines as in tests/streams/http2; '-' before one: built and lost; '>' after the side: bytes as they stand. */
static const struct {
	const char *name;
	bool segments; /* places are found in segments: not split */
	const char *lines[14];
	const char *expect;
} cases[] = {
    {"two bodies at a time, an open event stream",
     false,
     {"C preface", "S settings", "C headers 1 end | :method GET | :scheme http | :path / | :authority a",
      "S headers 1 | :status 200 | content-type text/event-stream", POST(3), POST(5),
      "C data 3 | {\"jsonrpc\":\"2.0\",\"id\":1,", "C data 5 end | " PING,
      "S data 1 | data: {\"jsonrpc\":", "C data 3 end | \"method\":\"x\"}", "S data 1 | \"2.0\",\"method\":\"y\"}%n%n",
      "S headers 5 | :status 200" JSON, "S data 5 end | " PONG},
     "0C#1 head\n0C#1 end complete\n0S#1 head\n0C#2 head\n0C#3 head\n0C#3 body ping\n0C#3 end json complete\n0C#2 body "
     "x\n"
     "0C#2 end json complete\n0S#1 event y\n0S#3 head\n0S#3 body result\n0S#3 end json complete\n"},
    {"inside a CONNECT tunnel",
     false,
     {"C> CONNECT b:80 HTTP/1.1\r\nHost: b:80\r\n\r\n", "S> HTTP/1.1 200 OK\r\n\r\n", "C preface", "S settings",
      POST(1), "C data 1 end | " PING},
     "0C#1 head\n0C#1 end complete\n0S#1 head\n0S#1 end complete\n0 tunnel 1\n1C#1 head\n1C#1 body ping\n1C#1 end json "
     "complete\n"},
    {"types that were lost are told by the first bytes",
     true,
     {"C preface", "-" POST(1), "-S headers 1 | :status 200" JSON, POST(3), "C data 3 |   " PING, "C data 3 end",
      "S headers 3 | :status 200" JSON, "S data 3 end | data: " PONG "%n%n", POST(5),
      "C data 5 end | %00%00%00%00%05proto"},
     "0C#1 head lost\n0C#1 body ping\n0C#1 end json complete\n0S#1 head lost\n0S#1 event result\n0S#1 end sse "
     "complete\n"
     "0C#2 head lost\n0C#2 end complete\n"},
    {"a preface that is none", false, {"C> PRI * HTTP/2.0\r\n\r\nSX whatever follows, at length"}, ""},
    {"a server that says SETTINGS, a client that says something else",
     false,
     {"S settings", "C> GET / HTTP/1.1\r\n\r\n"},
     ""},
};

static void play(size_t k, size_t chunk, struct notes *t)
{
	static struct http2_build b;
	struct anomaly_counts anomalies = {{0}};
	memset(t, 0, sizeof *t);
	build_init(&b);
	struct app_stream *a = app_stream_new(&sink, t, &anomalies, true);
	assert_non_null(a);
	for (size_t i = 0; i < 14 && cases[k].lines[i]; i++) {
		char line[1024];
		const char *text = cases[k].lines[i];
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
			app_stream_gap(a, d, b.n);
		for (size_t at = 0; !lost && at < b.n; at += chunk)
			app_stream_bytes(a, d, slice_of(b.bytes + at, b.n - at < chunk ? b.n - at : chunk));
		assert_true(app_stream_memory(a) < (1u << 17));
	}
	app_stream_free(a);
	build_done(&b);
}

static void test_cases(void **state)
{
	(void)state;
	static struct notes t;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
		for (size_t chunk = 1 << 12; chunk; chunk = chunk == 1 << 12 ? 60 : chunk - 1) {
			if (chunk < 1 << 12 && cases[k].segments)
				break;
			play(k, chunk, &t);
			if (strcmp(t.text, cases[k].expect) != 0)
				fail_msg("%s, chunks of %zu\n%s--- expected\n%s", cases[k].name, chunk, t.text,
					 cases[k].expect);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
