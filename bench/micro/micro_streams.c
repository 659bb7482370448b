/* Bytes in order: HTTP/1, JSON-RPC, TLS hellos. */
#include "http1.h"
#include "jsonrpc.h"
#include "micro.h"
#include "tls.h"
#include <stdlib.h>

/* ---- HTTP/1 ---- */

struct http1_pass {
	const struct recorded *r;
	enum http_body bodies;
	uint64_t messages, body_bytes;
	uint8_t *kept; /* where bodies are wanted: all of them, one behind the other */
	size_t *ends;  /* where each ends */
	size_t n_kept, n_ends;
};

static enum http_body on_head(void *context, const struct http_head *head)
{
	struct http1_pass *c = context;
	(void)head;
	c->messages++;
	return c->bodies;
}

static void on_body(void *context, enum direction d, uint64_t exchange, uint64_t *user, struct slice bytes)
{
	struct http1_pass *c = context;
	(void)d, (void)exchange, (void)user;
	c->body_bytes += bytes.n;
	if (c->kept)
		memcpy(c->kept + c->n_kept, bytes.p, bytes.n);
	c->n_kept += c->kept ? bytes.n : 0;
}

static void on_body_gap(void *context, enum direction d, uint64_t exchange, uint64_t *user, uint64_t n)
{
	(void)context, (void)d, (void)exchange, (void)user, (void)n;
}

static void on_end(void *context, enum direction d, uint64_t exchange, uint64_t *user, bool complete)
{
	struct http1_pass *c = context;
	(void)d, (void)exchange, (void)user, (void)complete;
	if (c->ends && (c->n_ends ? c->ends[c->n_ends - 1] : 0) < c->n_kept)
		c->ends[c->n_ends++] = c->n_kept;
}

static void on_tunnel(void *context, bool connect, const struct http_head *answer)
{
	(void)context, (void)connect, (void)answer;
}

static void on_tunnel_bytes(void *context, enum direction d, struct slice bytes)
{
	(void)context, (void)d, (void)bytes;
}

static void on_tunnel_gap(void *context, enum direction d, uint64_t n)
{
	(void)context, (void)d, (void)n;
}

static uint64_t http1_pass(void *context)
{
	static const struct http1_callbacks callbacks = {.head = on_head,
							 .body = on_body,
							 .body_gap = on_body_gap,
							 .end = on_end,
							 .tunnel = on_tunnel,
							 .tunnel_bytes = on_tunnel_bytes,
							 .tunnel_gap = on_tunnel_gap};
	struct http1_pass *c = context;
	struct anomaly_counts anomalies = {0};
	c->messages = 0;
	for (size_t k = 0; k < c->r->n_streams; k++) {
		struct http1 *h = bench_must(http1_new(&callbacks, c, &anomalies));
		for (size_t i = 0; i < c->r->streams[k].n_runs; i++) {
			const struct recorded_run *run = &c->r->streams[k].runs[i];
			/* As the sensor does: what nobody reads is not fed. */
			uint64_t skip = http1_skippable(h, run->side);
			skip = skip < run->bytes.n ? skip : run->bytes.n;
			if (skip)
				http1_skipped(h, run->side, skip);
			if (skip < run->bytes.n)
				http1_feed(h, run->side, slice_after(run->bytes, (size_t)skip));
		}
		http1_eof(h, FROM_CLIENT);
		http1_eof(h, FROM_SERVER);
		http1_free(h);
	}
	return c->messages;
}

void micro_http1(const struct micro *m)
{
	struct http1_pass web = {.r = m->web, .bodies = HTTP_BODY_SKIP}, api = {.r = m->api, .bodies = HTTP_BODY_READ};
	timer_measure(m->timer, "http1 web, bodies skipped", "message", m->web->stream_bytes, http1_pass, &web);
	timer_measure(m->timer, "http1 api, bodies read", "message", m->api->stream_bytes, http1_pass, &api);
}

/* ---- JSON-RPC ---- */

struct jsonrpc_pass {
	const struct http1_pass *bodies;
	struct jsonrpc *reader;
	uint64_t messages;
};

static void on_message(void *context, const struct jsonrpc_message *message)
{
	(void)message;
	((struct jsonrpc_pass *)context)->messages++;
}

static uint64_t jsonrpc_pass(void *context)
{
	struct jsonrpc_pass *c = context;
	size_t from = 0;
	for (size_t i = 0; i < c->bodies->n_ends; i++) {
		jsonrpc_reset(c->reader);
		jsonrpc_feed(c->reader, slice_of(c->bodies->kept + from, c->bodies->ends[i] - from));
		jsonrpc_eof(c->reader);
		from = c->bodies->ends[i];
	}
	return c->bodies->n_ends;
}

void micro_jsonrpc(const struct micro *m)
{
	struct anomaly_counts anomalies = {0};
	struct http1_pass bodies = {.r = m->api, .bodies = HTTP_BODY_READ};
	bodies.kept = bench_alloc(m->api->stream_bytes);
	bodies.ends = bench_alloc(m->api->n_packets * sizeof *bodies.ends);
	http1_pass(&bodies);
	struct jsonrpc_pass c = {.bodies = &bodies};
	c.reader = bench_must(jsonrpc_new(on_message, &c, &anomalies));
	timer_measure(m->timer, "jsonrpc api bodies", "text", bodies.n_kept, jsonrpc_pass, &c);
	jsonrpc_free(c.reader);
	free(bodies.kept);
	free(bodies.ends);
}

/* ---- TLS hellos ---- */

static uint64_t tls_pass(void *context)
{
	const struct recorded *r = context;
	struct anomaly_counts anomalies = {0};
	for (size_t k = 0; k < r->n_streams; k++) {
		struct tls *t = bench_must(tls_new(&anomalies));
		enum parse status[2] = {PARSE_MORE, PARSE_MORE};
		for (size_t i = 0; i < r->streams[k].n_runs && (status[0] == PARSE_MORE || status[1] == PARSE_MORE);
		     i++) {
			const struct recorded_run *run = &r->streams[k].runs[i];
			if (status[run->side] == PARSE_MORE)
				status[run->side] = tls_feed(t, run->side, run->bytes);
		}
		tls_free(t);
	}
	return r->n_streams;
}

void micro_tls(const struct micro *m)
{
	timer_measure(m->timer, "tls hellos", "handshake", 0, tls_pass, (void *)(uintptr_t)m->tls);
}
