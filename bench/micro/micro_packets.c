/* Frames and packets: decode, flow table, reassembly. */
#include "decode.h"
#include "flow.h"
#include "micro.h"
#include "tcp_reasm.h"
#include <stdlib.h>

/* ---- decode ---- */

struct decode_pass {
	const struct recorded *r;
	struct decoder *decoder;
	uint64_t seen; /* what is read must not be optimised away */
};

static uint64_t decode_pass(void *context)
{
	struct decode_pass *c = context;
	struct packet p;
	for (size_t i = 0; i < c->r->n_frames; i++)
		if (decode_frame(c->decoder, &c->r->frames[i], &p) == DECODE_PACKET)
			c->seen += p.payload.n;
	return c->r->n_frames;
}

static void decode_one(const struct micro *m, const char *name, const struct recorded *r)
{
	struct anomaly_counts anomalies = {0};
	struct decode_pass c = {.r = r, .decoder = bench_must(decoder_new(&anomalies))};
	timer_measure(m->timer, name, "frame", r->frame_bytes, decode_pass, &c);
	decoder_free(c.decoder);
}

void micro_decode(const struct micro *m)
{
	decode_one(m, "decode web", m->web);
	decode_one(m, "decode dns", m->dns);
}

/* ---- flow table ---- */

enum { COPIES = 12 };

struct flow_pass {
	struct packet *packets;
	size_t n;
};

static void on_flow_end(void *context, struct flow *f, enum flow_end why)
{
	(void)context, (void)f, (void)why;
}

static uint64_t flow_pass(void *context)
{
	struct flow_pass *c = context;
	struct anomaly_counts anomalies = {0};
	const struct hash_key key = {1, 2};
	struct flow_table *t = bench_must(flow_table_new(on_flow_end, NULL, &anomalies, &key));
	for (size_t i = 0; i < c->n; i++) {
		struct flow_place place = flow_place_of(&c->packets[i], &key);
		(void)flow_table_touch(t, &c->packets[i], &place);
	}
	flow_table_free(t);
	return c->n;
}

/* Of all pieces: copies between other addresses, one after the other. A table of its own for each pass, so opening and
 * ending flows is in it. */
void micro_flow(const struct micro *m)
{
	const struct recorded *all[] = {m->web, m->database, m->dns, m->api};
	struct flow_pass c = {0};
	for (size_t k = 0; k < 4; k++)
		c.n += all[k]->n_packets * COPIES;
	c.packets = bench_alloc(c.n * sizeof *c.packets);
	size_t n = 0;
	for (unsigned copy = 0; copy < COPIES; copy++)
		for (size_t k = 0; k < 4; k++)
			for (size_t i = 0; i < all[k]->n_packets; i++) {
				struct packet *p = &c.packets[n++];
				*p = all[k]->packets[i];
				p->src.b[1] ^= (uint8_t)copy;
				p->dst.b[1] ^= (uint8_t)copy;
			}
	timer_measure(m->timer, "flow", "packet", 0, flow_pass, &c);
	free(c.packets);
}

/* ---- reassembly ---- */

struct reassembly_pass {
	const struct recorded *r;
	uint64_t seen;
	bool reversed; /* each pair of packets the other way round: out of order */
};

static void on_bytes(void *context, unsigned side, struct slice bytes)
{
	(void)side;
	((struct reassembly_pass *)context)->seen += bytes.n;
}

static void on_gap(void *context, unsigned side, uint64_t n)
{
	(void)side;
	((struct reassembly_pass *)context)->seen += n;
}

static void on_end(void *context, unsigned side)
{
	(void)context, (void)side;
}

static uint64_t reassembly_pass(void *context)
{
	static const struct tcp_callbacks callbacks = {
	    .bytes = on_bytes, .gap = on_gap, .skipped = on_gap, .end = on_end};
	struct reassembly_pass *c = context;
	struct anomaly_counts anomalies = {0};
	struct tcp_counts counts = {0};
	uint64_t n = 0;
	for (size_t k = 0; k < c->r->n_streams; k++) {
		const struct recorded_stream *s = &c->r->streams[k];
		struct tcp_reasm reasm;
		tcp_reasm_init(&reasm);
		for (size_t i = 0; i < s->n_packets; i++) {
			size_t at = c->reversed && (i ^ 1) < s->n_packets ? i ^ 1 : i;
			tcp_reasm_push(&reasm, s->sides[at], s->packets[at], &callbacks, c, &anomalies, &counts);
		}
		tcp_reasm_flush(&reasm, &callbacks, c, &anomalies, &counts);
		tcp_reasm_done(&reasm);
		n += s->n_packets;
	}
	return n;
}

void micro_reassembly(const struct micro *m)
{
	struct reassembly_pass in_order = {.r = m->web}, reversed = {.r = m->web, .reversed = true};
	timer_measure(m->timer, "reassembly in order", "segment", m->web->stream_bytes, reassembly_pass, &in_order);
	timer_measure(m->timer, "reassembly out of order", "segment", m->web->stream_bytes, reassembly_pass, &reversed);
}
