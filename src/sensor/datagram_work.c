#include "datagram_work.h"
#include "flow_work.h"
#include "frame.h"
#include <stdlib.h>

struct datagram_work {
	struct flow_work *w;
	struct quic *quic;
};

/* Who opens a QUIC connection is the client, whatever the ports say. Once there is evidence its roles stand: one event
 * cannot have two clients, and what the other end opens on the same ports must not turn round what was said. */
static void on_quic_hello(void *context, const struct quic_hello *hello)
{
	struct flow_work *w = context;
	struct flow *f = w->flow;
	if (w->evidence.any && f->client_side != hello->client)
		return;
	f->client_side = hello->client & 1;
	f->client_known = true;
	mcp_evidence_quic(&w->evidence, hello);
}

struct datagram_work *datagram_work_new(enum datagram_protocol protocol, struct flow_work *w)
{
	struct datagram_work *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->w = w;
	if (protocol == DATAGRAM_QUIC)
		d->quic = quic_new(w->shard->quic_opener, &w->shard->anomalies, on_quic_hello, w);
	if (!d->quic) {
		free(d);
		return NULL;
	}
	return d;
}

/* LIMIT_QUIC_TRIES of a second, counted in the flow itself: there need not be anything else of it from one try to the
 * next. */
void datagram_work_packet(struct datagram_work *d, const struct packet *p, unsigned side)
{
	struct flow *f = d->w->flow;
	uint32_t second = (uint32_t)(p->time_ns / NS_PER_SEC);
	if (f->tries.second != second) {
		f->tries.second = second;
		f->tries.n = 0;
	}
	f->tries.n += quic_datagram(d->quic, side, p->payload, p->payload_bytes, f->tries.n < LIMIT_QUIC_TRIES);
	d->w->shard->counts.out_of_memory += quic_failed(d->quic);
}

bool datagram_work_is_over(const struct datagram_work *d)
{
	return quic_is_idle(d->quic) || quic_is_over(d->quic);
}

bool datagram_work_known(const struct datagram_work *d)
{
	return !quic_is_idle(d->quic);
}

void datagram_work_end(struct datagram_work *d)
{
	quic_end(d->quic);
	d->w->shard->counts.out_of_memory += quic_failed(d->quic);
}

size_t datagram_work_memory(const struct datagram_work *d)
{
	return sizeof *d + quic_memory(d->quic);
}

void datagram_work_free(struct datagram_work *d)
{
	if (!d)
		return;
	quic_free(d->quic);
	free(d);
}
