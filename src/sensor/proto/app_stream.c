#include "app_stream.h"
#include "app_guess.h"
#include "body_reader.h"
#include "limits.h"
#include "proxy_protocol.h"
#include "socks.h"
#include "websocket_frame.h"
#include "websocket_reader.h"
#include <stdlib.h>

/* Bytes of a direction that may wait until the protocol is known: a method name, a record and message header, or a header
 * of the PROXY protocol before them. */
enum { FIRST_BYTES = 600 };
/* Segments that a mid-stream start is searched for a head of HTTP before the connection is given up. */
enum { SEARCH_SEGMENTS = 512 };

struct app_stream {
	const struct app_sink *sink;
	void *context;
	struct anomaly_counts *anomalies;
	unsigned depth;
	enum app_protocol protocol;
	bool roles_known, flipped, finished;
	bool midstream;                /* bytes before the first seen are missing */
	uint16_t searched;
	uint8_t *first[2]; /* FIRST_BYTES of them, while undecided and only if one segment was not enough */
	uint16_t n_first[2];
	bool proxied;                  /* a PROXY protocol header was stepped over */
	bool tls_done[2];
	struct http1 *http;
	struct tls *tls;
	struct jsonrpc *lines[2];
	enum direction line_direction; /* of the line that is being read */
	struct body_reader body[2];
	struct websocket_reader *websocket; /* after an accepted Upgrade, or found in mid-stream */
	struct socks *socks;
	bool socks_open[2];            /* that direction is in the tunnel behind SOCKS */
	struct app_stream *inner;      /* what the tunnel carries */
};

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
		a->inner = stream_new(a->sink, a->context, a->anomalies, true, a->depth + 1);
	else
		anomaly_count(a->anomalies, ANOMALY_TUNNEL_DEPTH);
	if (!a->inner)
		a->finished = true;
}

static void on_tunnel(void *context, bool connect, const struct http_head *answer)
{
	struct app_stream *a = context;
	struct websocket_terms terms;
	a->sink->tunnel(a->context, a->depth, connect, answer);
	if (connect)
		tunnel_open(a);
	else if (websocket_terms_read(answer, &terms))
		a->websocket = websocket_reader_new(a->sink, a->context, a->anomalies, a->depth, answer->exchange, &terms);
	if (!a->inner && !a->websocket)
		a->finished = true;
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

static void on_tunnel_bytes(void *context, enum direction d, struct slice bytes)
{
	struct app_stream *a = context;
	if (a->inner)
		app_stream_bytes(a->inner, d, bytes);
	else if (a->websocket)
		feed_websocket(a, d, bytes);
}

static void on_tunnel_gap(void *context, enum direction d, uint64_t n)
{
	struct app_stream *a = context;
	if (a->inner)
		app_stream_gap(a->inner, d, n);
	else if (a->websocket)
		websocket_reader_gap(a->websocket, d, n);
}

static const struct http1_callbacks http_callbacks = {
	.head = on_head, .body = on_body, .body_gap = on_body_gap, .end = on_body_end,
	.tunnel = on_tunnel, .tunnel_bytes = on_tunnel_bytes, .tunnel_gap = on_tunnel_gap,
	.tunnel_unanswered = on_tunnel_unanswered,
};

/* ---- JSON texts on a bare TCP connection ---- */

static void on_line(void *context, const struct jsonrpc_message *m)
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

/* ---- TLS ---- */

static void feed_tls(struct app_stream *a, enum direction d, struct slice bytes)
{
	const struct tls_facts *facts = tls_facts(a->tls);
	bool had_client = facts->client_hello, had_server = facts->server_hello;
	uint8_t had_names = facts->n_cert_names;
	enum parse p = tls_feed(a->tls, d, bytes);
	if (p != PARSE_MORE)
		a->tls_done[d] = true;
	if (facts->client_hello != had_client || facts->server_hello != had_server || facts->n_cert_names != had_names ||
	    (p != PARSE_MORE && d == FROM_CLIENT && !facts->client_hello))
		a->sink->tls(a->context, a->depth, facts);
	/* a server that is no TLS, or whose hello was lost, tells nothing more */
	if (a->tls_done[FROM_CLIENT] && a->tls_done[FROM_SERVER])
		a->finished = true;
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

/* ---- first bytes ---- */

static bool start(struct app_stream *a, enum app_protocol protocol)
{
	switch (protocol) {
	case APP_HTTP1:
		a->http = http1_new(&http_callbacks, a, a->anomalies);
		if (a->http && a->midstream) {
			http1_gap(a->http, FROM_CLIENT, 0);
			http1_gap(a->http, FROM_SERVER, 0);
		}
		return a->http;
	case APP_TLS:
		a->tls = tls_new(a->anomalies);
		return a->tls;
	case APP_JSON_LINES:
		for (int d = 0; d < 2; d++)
			a->lines[d] = jsonrpc_new(on_line, a, a->anomalies);
		return a->lines[0] && a->lines[1];
	case APP_SOCKS:
		a->socks = socks_new();
		return a->socks;
	case APP_WEBSOCKET: {
		static const struct websocket_terms terms = {.unseen = true};
		a->websocket = websocket_reader_new(a->sink, a->context, a->anomalies, a->depth, 0, &terms);
		for (int d = 0; d < 2 && a->websocket; d++)
			websocket_reader_gap(a->websocket, d, 0);
		return a->websocket;
	}
	default:
		return false;
	}
}

static void feed(struct app_stream *a, enum direction d, struct slice bytes)
{
	switch (a->protocol) {
	case APP_HTTP1:
		if (http1_feed(a->http, d, bytes) == PARSE_BAD && http1_feed(a->http, direction_flip(d), slice_of(NULL, 0)) == PARSE_BAD)
			a->finished = true;
		if (a->inner && a->inner->finished)
			a->finished = true;
		break;
	case APP_TLS: feed_tls(a, d, bytes); break;
	case APP_JSON_LINES: feed_lines(a, d, bytes); break;
	case APP_WEBSOCKET: feed_websocket(a, d, bytes); break;
	case APP_SOCKS: feed_socks(a, d, bytes); break;
	default: break;
	}
}

static void wait_for_more(struct app_stream *a, enum direction d, struct slice first)
{
	if (!a->first[d] && !(a->first[d] = malloc(FIRST_BYTES))) {
		a->finished = true;
		return;
	}
	memmove(a->first[d], first.p, first.n); /* first may lie in it already */
	a->n_first[d] = (uint16_t)first.n;
}

/* The first bytes of a direction while nothing is known yet. */
static void decide(struct app_stream *a, enum direction d, struct slice bytes)
{
	struct slice first = bytes;
	if (a->n_first[d]) {
		struct slice more = slice_first(bytes, (size_t)(FIRST_BYTES - a->n_first[d]));
		memcpy(a->first[d] + a->n_first[d], more.p, more.n);
		a->n_first[d] += (uint16_t)more.n;
		bytes = slice_after(bytes, more.n);
		first = slice_of(a->first[d], a->n_first[d]);
	}
	if (d == FROM_CLIENT && !a->proxied && !a->midstream) {
		bool sure_proxy;
		struct ip_addr client;
		size_t header = proxy_protocol_read(first, &sure_proxy, &client);
		if (!sure_proxy && first.n < FIRST_BYTES) {
			wait_for_more(a, d, first);
			return;
		}
		a->proxied = header > 0;
		if (client.family)
			a->sink->claim(a->context, a->depth, &client);
		first = slice_after(first, header);
		if (first.n == 0 && bytes.n == 0) {
			a->n_first[d] = 0;
			return;
		}
	}
	bool sure, flip, masked;
	enum app_protocol p = app_guess(first, d, a->roles_known, &sure, &flip);
	if (!sure && first.n < APP_GUESS_BYTES) {
		wait_for_more(a, d, first);
		return;
	}
	/* JSON texts from one side mean nothing before the other side answers in kind: see feed_lines */
	if (a->midstream && p == APP_SOCKS)
		p = APP_OTHER; /* two bytes in the middle of something */
	if (a->midstream && p == APP_OTHER && websocket_looks_like(bytes, &masked) &&
	    (!a->roles_known || masked == (d == FROM_CLIENT))) {
		p = APP_WEBSOCKET; /* who masks is the client (RFC 6455 5.1) */
		flip = masked != (d == FROM_CLIENT);
	}
	if (a->midstream && (p == APP_OTHER || p == APP_JSON_LINES)) {
		a->n_first[d] = 0; /* in the middle of something: a later segment may start with a head */
		if (++a->searched >= SEARCH_SEGMENTS)
			a->finished = true;
		return;
	}
	a->protocol = p;
	if (!start(a, p)) {
		a->finished = true;
		return;
	}
	a->flipped ^= flip;
	if (flip)
		d = direction_flip(d);
	enum direction told = flip ? direction_flip(d) : d, other = direction_flip(told);
	bool waited = a->n_first[told] != 0;
	feed(a, d, first);
	if (waited && bytes.n && !a->finished)
		feed(a, d, bytes);
	if (!a->finished && a->n_first[other]) /* what the other side said meanwhile */
		feed(a, direction_flip(d), slice_of(a->first[other], a->n_first[other]));
}

void app_stream_bytes(struct app_stream *a, enum direction d, struct slice bytes)
{
	if (a->finished || bytes.n == 0)
		return;
	d = true_direction(a, d);
	if (a->protocol == APP_UNDECIDED)
		decide(a, d, bytes);
	else
		feed(a, d, bytes);
}

void app_stream_gap(struct app_stream *a, enum direction d, uint64_t n)
{
	if (a->finished)
		return;
	d = true_direction(a, d);
	switch (a->protocol) {
	case APP_UNDECIDED:
		a->midstream = true;
		a->n_first[d] = 0;
		break;
	case APP_HTTP1: http1_gap(a->http, d, n); break;
	case APP_WEBSOCKET: websocket_reader_gap(a->websocket, d, n); break;
	case APP_SOCKS: gap_socks(a, d, n); break;
	case APP_TLS:
		tls_gap(a->tls, d, n);
		a->tls_done[d] = true;
		a->sink->tls(a->context, a->depth, tls_facts(a->tls));
		a->finished = a->tls_done[FROM_CLIENT] && a->tls_done[FROM_SERVER];
		break;
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
	if (a->inner)
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
	return a->http && !a->inner ? http1_skippable(a->http, true_direction(a, d)) : 0;
}

void app_stream_skipped(struct app_stream *a, enum direction d, uint64_t n)
{
	if (a->websocket)
		websocket_reader_skipped(a->websocket, true_direction(a, d), n);
	else if (a->http)
		http1_skipped(a->http, true_direction(a, d), n);
}

bool app_stream_is_resynced(const struct app_stream *a, enum direction d)
{
	if (a->inner)
		return app_stream_is_resynced(a->inner, d);
	if (a->websocket)
		return websocket_reader_resynced(a->websocket, d);
	return a->http && http1_resynced(a->http, d);
}

size_t app_stream_memory(const struct app_stream *a)
{
	size_t n = sizeof *a + (a->first[0] ? FIRST_BYTES : 0) + (a->first[1] ? FIRST_BYTES : 0) +
	           body_reader_memory(&a->body[0]) + body_reader_memory(&a->body[1]);
	if (a->http)
		n += http1_memory(a->http);
	if (a->tls)
		n += tls_memory(a->tls);
	if (a->lines[0])
		n += 2 * 6144;
	if (a->websocket)
		n += websocket_reader_memory(a->websocket);
	if (a->socks)
		n += socks_memory();
	return a->inner ? n + app_stream_memory(a->inner) : n;
}

void app_stream_free(struct app_stream *a)
{
	if (!a)
		return;
	app_stream_free(a->inner);
	http1_free(a->http);
	tls_free(a->tls);
	websocket_reader_free(a->websocket);
	socks_free(a->socks);
	jsonrpc_free(a->lines[0]);
	jsonrpc_free(a->lines[1]);
	free(a->first[0]);
	free(a->first[1]);
	body_reader_done(&a->body[0]);
	body_reader_done(&a->body[1]);
	free(a);
}
