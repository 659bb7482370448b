#include "app_stream_state.h"
#include "limits.h"
#include "websocket_frame.h"
#include <stdlib.h>

static struct app_stream *stream_new(const struct app_sink *sink, void *context, struct anomaly_counts *anomalies,
                                     bool roles_known, unsigned depth)
{
	struct app_stream *a = calloc(1, sizeof *a);
	if (!a)
		return NULL;
	a->sink = sink;
	a->context = context;
	a->anomalies = anomalies;
	a->roles_known = roles_known;
	a->depth = depth;
	for (int d = 0; d < 2; d++)
		body_reader_init(&a->body[d], sink, context, anomalies, depth, d);
	return a;
}

struct app_stream *app_stream_inside(const struct app_stream *a, unsigned depth)
{
	struct app_stream *inner = stream_new(a->sink, a->context, a->anomalies, true, depth);
	if (inner) {
		inner->room = a->room;
		inner->tls_depth = a->tls_depth;
	}
	return inner;
}

void app_stream_decrypts(struct app_stream *a, struct tls_room *room)
{
	a->room = room;
}

struct app_stream *app_stream_new(const struct app_sink *sink, void *context, struct anomaly_counts *anomalies,
                                  bool roles_known)
{
	return stream_new(sink, context, anomalies, roles_known, 0);
}

bool app_stream_is_flipped(const struct app_stream *a)
{
	return a->flipped;
}

static enum direction true_direction(const struct app_stream *a, enum direction d)
{
	return a->flipped ? direction_flip(d) : d;
}

/* ---- HTTP ---- */

static enum http_body on_head(void *context, const struct http_head *head)
{
	struct app_stream *a = context;
	bool wanted = a->sink->http_head(a->context, a->depth, head);
	a->body[head->direction].api = llm_api_of(head);
	if (!body_reader_start(&a->body[head->direction], http_field_value(head, "content-type"), head->exchange))
		return HTTP_BODY_SKIP;
	return wanted ? HTTP_BODY_READ : HTTP_BODY_SKIP;
}

static void on_body(void *context, enum direction d, uint64_t exchange, uint64_t *user, struct slice bytes)
{
	struct app_stream *a = context;
	(void)exchange, (void)user;
	body_reader_bytes(&a->body[d], bytes);
}

static void on_body_gap(void *context, enum direction d, uint64_t exchange, uint64_t *user, uint64_t n)
{
	struct app_stream *a = context;
	(void)exchange, (void)user, (void)n;
	body_reader_gap(&a->body[d]);
}

static void on_body_end(void *context, enum direction d, uint64_t exchange, uint64_t *user, bool complete)
{
	struct app_stream *a = context;
	(void)user;
	body_reader_end(&a->body[d], exchange, complete);
}

static void tunnel_open(struct app_stream *a)
{
	if (a->depth + 1 < LIMIT_TUNNEL_DEPTH)
		a->inner = app_stream_inside(a, a->depth + 1);
	else
		anomaly_count(a->anomalies, ANOMALY_TUNNEL_DEPTH);
	if (!a->inner)
		a->finished = true;
}

static void on_tunnel(void *context, bool connect, const struct http_head *answer)
{
	struct app_stream *a = context;
	struct websocket_terms terms;
	if (!connect && http2_is_upgrade(answer)) { /* it goes on as HTTP */
		a->h2 = http2_messages_new(a->sink, a->context, a->anomalies, a->depth);
		if (a->h2)
			http2_upgraded(http2_messages_stream(a->h2), answer->exchange, answer->method);
		a->finished = !a->h2;
		return;
	}
	a->sink->tunnel(a->context, a->depth, connect, answer);
	if (connect)
		tunnel_open(a);
	else if (a->websocket) /* an answer after all that was held was read without one: do not read it twice */
		a->finished = true;
	else if (websocket_terms_read(answer, &terms))
		a->websocket = websocket_reader_new(a->sink, a->context, a->anomalies, a->depth, answer->exchange, &terms);
	a->finished |= !a->inner && !a->websocket;
}

/* What a client said after it asked for an Upgrade whose answer was not captured: a WebSocket's frames show themselves. */
static void on_tunnel_unanswered(void *context, uint64_t exchange, struct slice said)
{
	static const struct websocket_terms terms = {.unseen = true};
	struct app_stream *a = context;
	bool masked;
	if (!websocket_looks_like(said, &masked) || !masked)
		return;
	a->websocket = websocket_reader_new(a->sink, a->context, a->anomalies, a->depth, exchange, &terms);
	if (a->websocket)
		websocket_reader_feed(a->websocket, FROM_CLIENT, said);
}

static void feed_websocket(struct app_stream *a, enum direction d, struct slice bytes)
{
	if (websocket_reader_feed(a->websocket, d, bytes) == PARSE_BAD &&
	    websocket_reader_feed(a->websocket, direction_flip(d), slice_of(NULL, 0)) == PARSE_BAD)
		a->finished = true;
}

static void feed_http2(struct app_stream *a, enum direction d, struct slice bytes)
{
	struct http2 *h = http2_messages_stream(a->h2);
	if (http2_feed(h, d, bytes) == PARSE_BAD && http2_feed(h, direction_flip(d), slice_of(NULL, 0)) == PARSE_BAD)
		a->finished = true;
}

static void on_tunnel_bytes(void *context, enum direction d, struct slice bytes)
{
	struct app_stream *a = context;
	if (a->inner)
		app_stream_bytes(a->inner, d, bytes);
	else if (a->websocket)
		feed_websocket(a, d, bytes);
	else if (a->h2)
		feed_http2(a, d, bytes);
}

static void on_tunnel_gap(void *context, enum direction d, uint64_t n)
{
	struct app_stream *a = context;
	if (a->inner)
		app_stream_gap(a->inner, d, n);
	else if (a->websocket)
		websocket_reader_gap(a->websocket, d, n);
	else if (a->h2)
		http2_gap(http2_messages_stream(a->h2), d, n);
}

const struct http1_callbacks app_http1_callbacks = {
	.head = on_head, .body = on_body, .body_gap = on_body_gap, .end = on_body_end,
	.tunnel = on_tunnel, .tunnel_bytes = on_tunnel_bytes, .tunnel_gap = on_tunnel_gap,
	.tunnel_unanswered = on_tunnel_unanswered,
};

/* ---- JSON texts on a bare TCP connection ---- */

void app_line(void *context, const struct jsonrpc_message *m)
{
	struct app_stream *a = context;
	a->sink->message(a->context, a->depth, CARRIER_LINE, a->line_direction, 0, m);
}

static void feed_lines(struct app_stream *a, enum direction d, struct slice bytes)
{
	a->line_direction = d;
	while (bytes.n && !a->finished) {
		size_t consumed = 0;
		enum parse p = jsonrpc_feed_one(a->lines[d], bytes, &consumed);
		bytes = slice_after(bytes, consumed);
		if (p == PARSE_BAD)
			a->finished = true; /* log lines, another framing: whatever it is, it is no such dialogue */
		else if (p == PARSE_DONE)
			jsonrpc_reset(a->lines[d]);
	}
}

/* ---- SOCKS ---- */

static void socks_through(struct app_stream *a, enum direction d)
{
	const struct socks_facts *facts = socks_facts(a->socks);
	a->socks_open[d] = true;
	if (a->inner)
		return;
	a->sink->socks(a->context, a->depth, facts->version, slice_str(facts->authority));
	tunnel_open(a);
}

static void feed_socks(struct app_stream *a, enum direction d, struct slice bytes)
{
	if (!a->socks_open[d]) {
		size_t used;
		enum parse p = socks_feed(a->socks, d, bytes, &used);
		bytes = slice_after(bytes, used);
		if (p == PARSE_DONE)
			socks_through(a, d);
		else if (p == PARSE_BAD)
			a->finished = true;
	}
	if (a->finished || !bytes.n)
		return;
	app_stream_bytes(a->inner, d, bytes);
	a->finished = a->inner->finished;
}

/* Lost bytes of the opening: what they asked for is not known, what they opened may be. */
static void gap_socks(struct app_stream *a, enum direction d, uint64_t n)
{
	bool opening = !a->socks_open[d];
	if (opening)
		socks_through(a, d);
	if (a->inner)
		app_stream_gap(a->inner, d, opening ? 0 : n);
}

/* ---- bytes ---- */

void app_feed(struct app_stream *a, enum direction d, struct slice bytes)
{
	switch (a->protocol) {
	case APP_HTTP1:
		if (http1_feed(a->http, d, bytes) == PARSE_BAD && http1_feed(a->http, direction_flip(d), slice_of(NULL, 0)) == PARSE_BAD)
			a->finished = true;
		if (a->inner && a->inner->finished)
			a->finished = true;
		break;
	case APP_TLS: app_tls_feed(a, d, bytes); break;
	case APP_JSON_LINES: feed_lines(a, d, bytes); break;
	case APP_WEBSOCKET: feed_websocket(a, d, bytes); break;
	case APP_SOCKS: feed_socks(a, d, bytes); break;
	case APP_HTTP2: feed_http2(a, d, bytes); break;
	default: break;
	}
}

void app_stream_bytes(struct app_stream *a, enum direction d, struct slice bytes)
{
	if (a->finished || bytes.n == 0)
		return;
	d = true_direction(a, d);
	if (a->protocol == APP_UNDECIDED)
		app_start(a, d, bytes);
	else
		app_feed(a, d, bytes);
}

void app_stream_gap(struct app_stream *a, enum direction d, uint64_t n)
{
	if (a->finished)
		return;
	d = true_direction(a, d);
	switch (a->protocol) {
	case APP_UNDECIDED:
		a->midstream = a->missing[d] = true;
		a->n_first[d] = 0;
		break;
	case APP_HTTP1: http1_gap(a->http, d, n); break;
	case APP_WEBSOCKET: websocket_reader_gap(a->websocket, d, n); break;
	case APP_SOCKS: gap_socks(a, d, n); break;
	case APP_HTTP2: http2_gap(http2_messages_stream(a->h2), d, n); break;
	case APP_TLS: app_tls_gap(a, d, n); break;
	default: a->finished = true; break;
	}
}

void app_stream_end(struct app_stream *a, enum direction d)
{
	d = true_direction(a, d);
	if (a->http)
		http1_eof(a->http, d);
	if (a->websocket)
		websocket_reader_end(a->websocket, d);
	if (a->h2)
		http2_eof(http2_messages_stream(a->h2), d);
	if (a->decrypt)
		tls_decrypt_end(a->decrypt, d); /* it ends what is inside, once all before the end is read */
	else if (a->inner)
		app_stream_end(a->inner, d);
	a->sink->closed(a->context, a->depth, d);
}

enum app_protocol app_stream_protocol(const struct app_stream *a)
{
	return a->protocol;
}

bool app_stream_is_finished(const struct app_stream *a)
{
	return a->finished;
}

uint64_t app_stream_skippable(const struct app_stream *a, enum direction d)
{
	if (a->websocket)
		return websocket_reader_skippable(a->websocket, true_direction(a, d));
	if (a->h2)
		return http2_skippable(http2_messages_stream(a->h2), true_direction(a, d));
	return a->http && !a->inner ? http1_skippable(a->http, true_direction(a, d)) : 0;
}

void app_stream_skipped(struct app_stream *a, enum direction d, uint64_t n)
{
	if (a->websocket)
		websocket_reader_skipped(a->websocket, true_direction(a, d), n);
	else if (a->h2)
		http2_skipped(http2_messages_stream(a->h2), true_direction(a, d), n);
	else if (a->http)
		http1_skipped(a->http, true_direction(a, d), n);
}

bool app_stream_is_resynced(const struct app_stream *a, enum direction d)
{
	if (a->inner)
		return app_stream_is_resynced(a->inner, d);
	if (a->websocket)
		return websocket_reader_resynced(a->websocket, d);
	if (a->h2)
		return http2_resynced(http2_messages_stream(a->h2), d);
	return a->http && http1_resynced(a->http, d);
}

size_t app_stream_memory(const struct app_stream *a)
{
	size_t n = sizeof *a + (a->first[0] ? APP_FIRST_BYTES : 0) + (a->first[1] ? APP_FIRST_BYTES : 0) +
	           body_reader_memory(&a->body[0]) + body_reader_memory(&a->body[1]);
	if (a->http)
		n += http1_memory(a->http);
	if (a->tls)
		n += tls_memory(a->tls);
	if (a->decrypt)
		n += tls_decrypt_memory(a->decrypt);
	n += jsonrpc_memory(a->lines[0]) + jsonrpc_memory(a->lines[1]);
	if (a->websocket)
		n += websocket_reader_memory(a->websocket);
	if (a->socks)
		n += socks_memory();
	if (a->h2)
		n += http2_messages_memory(a->h2);
	return a->inner ? n + app_stream_memory(a->inner) : n;
}

void app_stream_free(struct app_stream *a)
{
	if (!a)
		return;
	app_stream_free(a->inner);
	http1_free(a->http);
	tls_decrypt_free(a->decrypt);
	tls_free(a->tls);
	websocket_reader_free(a->websocket);
	http2_messages_free(a->h2);
	socks_free(a->socks);
	jsonrpc_free(a->lines[0]);
	jsonrpc_free(a->lines[1]);
	free(a->first[0]);
	free(a->first[1]);
	body_reader_done(&a->body[0]);
	body_reader_done(&a->body[1]);
	free(a);
}
