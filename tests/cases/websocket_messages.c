/* TCP payloads, a line each ("C 474554..." from the client, "S ..." from the server, in hexadecimal) -> the WebSocket
 * messages in them, a line each, as our readers see them. Run by test_websocket_tshark.py; checks nothing itself. */
#include <stdio.h>
#include <stdlib.h>

#include "http1.h"
#include "websocket.h"

struct dump {
	struct anomaly_counts anomalies;
	struct http1 *http;
	struct websocket *ws;
	uint8_t text[2][1 << 20];
	size_t n[2];
};

static void on_begin(void *context, enum direction d, bool text)
{
	struct dump *dump = context;
	(void)text;
	dump->n[d] = 0;
}

static bool on_data(void *context, enum direction d, struct slice piece)
{
	struct dump *dump = context;
	if (piece.n > sizeof dump->text[d] - dump->n[d])
		abort();
	memcpy(dump->text[d] + dump->n[d], piece.p, piece.n);
	dump->n[d] += piece.n;
	return true;
}

static void on_end(void *context, enum direction d, bool complete)
{
	struct dump *dump = context;
	printf("%c %s ", d == FROM_CLIENT ? 'C' : 'S', complete ? "whole" : "cut");
	for (size_t i = 0; i < dump->n[d]; i++)
		printf("%02x", dump->text[d][i]);
	putchar('\n');
}

static const struct websocket_callbacks ws_callbacks = {on_begin, on_data, on_end};

static enum http_body on_head(void *context, const struct http_head *head)
{
	(void)context, (void)head;
	return HTTP_BODY_SKIP;
}

static void on_message_end(void *context, enum direction d, uint64_t exchange, uint64_t *user, bool complete)
{
	(void)context, (void)d, (void)exchange, (void)user, (void)complete;
}

static void on_tunnel(void *context, bool connect, const struct http_head *answer)
{
	struct dump *dump = context;
	struct websocket_terms terms;
	(void)connect;
	if (websocket_terms_read(answer, &terms))
		dump->ws = websocket_new(&ws_callbacks, dump, &dump->anomalies, &terms);
}

static void on_tunnel_bytes(void *context, enum direction d, struct slice bytes)
{
	struct dump *dump = context;
	if (dump->ws)
		websocket_feed(dump->ws, d, bytes);
}

static void on_tunnel_gap(void *context, enum direction d, uint64_t n)
{
	struct dump *dump = context;
	if (dump->ws)
		websocket_gap(dump->ws, d, n);
}

static const struct http1_callbacks http_callbacks = {.head = on_head, .end = on_message_end, .tunnel = on_tunnel,
						      .tunnel_bytes = on_tunnel_bytes, .tunnel_gap = on_tunnel_gap};

int main(void)
{
	static struct dump dump;
	static char line[1 << 20];
	static uint8_t bytes[1 << 19];
	dump.http = http1_new(&http_callbacks, &dump, &dump.anomalies);
	while (dump.http && fgets(line, sizeof line, stdin)) {
		size_t n = 0;
		unsigned value;
		for (const char *hex = line + 2; sscanf(hex, "%2x", &value) == 1; hex += 2)
			bytes[n++] = (uint8_t)value;
		http1_feed(dump.http, line[0] == 'C' ? FROM_CLIENT : FROM_SERVER, slice_of(bytes, n));
	}
	http1_free(dump.http);
	websocket_free(dump.ws);
	return 0;
}
