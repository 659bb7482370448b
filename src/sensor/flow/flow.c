/* Packet -> its flow: found, opened, used again, counted. Called by the shard for each packet.
 * Owns no memory and ages nothing: flow_table.c does. */
#include "flow_table.h"
#include "frame.h"

/* Not keyed: it only has to tell encapsulations apart, and takes no part in the hash. FNV-1a, folded. MPLS labels are left
 * out: whoever receives a direction chooses its labels (RFC 3031 3.1), so the two directions never have the same. */
static uint32_t encap_digest(const struct encap *e)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	bool any = false;
	for (unsigned i = 0; i < e->n; i++) {
		if (e->layer[i].kind == ENCAP_MPLS)
			continue;
		h = (h ^ e->layer[i].kind) * 0x100000001b3ULL;
		h = (h ^ e->layer[i].id) * 0x100000001b3ULL;
		any = true;
	}
	return any ? (uint32_t)(h ^ h >> 32) : 0;
}

/* A SYN on a 5-tuple in use. A retransmitted SYN has the old sequence number. Another number on a flow that is over is
 * a new connection; on one that is alive it may be forged (RFC 5961 section 4), so the old connection must have been
 * silent for longer than any retransmission before a lone SYN ends it. */
static bool opens_new_connection(const struct flow *f, const struct packet *p, unsigned side)
{
	if (p->proto != IP_PROTO_TCP || (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return false;
	if ((f->syn_seen & 1u << side) && f->isn[side] == p->tcp_seq)
		return false;
	return f->class == FLOW_CLOSED || f->class == FLOW_HALF_OPEN || f->ended || p->time_ns - f->last_ns > 30 * NS_PER_SEC;
}

static void flow_count(struct flow_table *t, struct flow *f, const struct packet *p, unsigned side)
{
	if (f->last_ns < p->time_ns)
		f->last_ns = p->time_ns;
	if (p->proto == IP_PROTO_TCP && !f->packets[side] && !(f->syn_seen & 1u << side))
		f->isn[side] = p->tcp_seq;
	f->packets[side] += f->packets[side] != UINT32_MAX;
	f->bytes[side] += p->wire_bytes;
	if (f->packets[0] + f->packets[1] == FLOW_JUDGED_PACKETS && p->proto == IP_PROTO_TCP)
		++*(f->packets[!side] ? &t->counts.two_sided : &t->counts.one_sided);
}

static struct flow *flow_open(struct flow_table *t, const struct flow_place *place, uint32_t encap, const struct packet *p)
{
	struct flow *f = flow_table_take(t, p->time_ns);
	if (!f)
		return NULL;
	unsigned side = place->side;
	memcpy(f->key.addr[side], p->src.b, 16);
	memcpy(f->key.addr[!side], p->dst.b, 16);
	f->key.port[side] = p->src_port;
	f->key.port[!side] = p->dst_port;
	f->key.proto = p->proto;
	f->key.family = p->src.family;
	f->key.encap = encap;
	f->first_ns = f->last_ns = f->listed_ns = p->time_ns;
	f->first_frame = p->frame;
	f->capture = p->capture;
	f->class = p->proto == IP_PROTO_UDP ? FLOW_UDP : FLOW_HALF_OPEN;
	flow_table_link(t, f, place->hash);
	return f;
}

/* A packet of no flow, of one that is not decided, or one that may open a connection. */
static struct flow *touch_open(struct flow_table *t, struct flow *f, const struct packet *p, const struct flow_place *place,
                               uint32_t encap)
{
	unsigned side = place->side;
	uint32_t chain = *chain_of(t, place->hash);
	bool opens = f && opens_new_connection(f, p, side);
	uint32_t copied_in;
	/* nobody asks for the packets of a decided flow */
	bool repeated = (!f || !f->decided || opens) && recent_packets_seen(&t->recent, p, place, encap, &copied_in);
	if (opens && !(repeated && flow_answers(f, copied_in))) {
		if (f->key.encap == encap) {
			anomaly_count(t->anomalies, ANOMALY_FLOW_REUSED);
			flow_table_end(t, f, FLOW_END_REUSED);
			chain = *chain_of(t, place->hash);
		} else { /* another tenant of the same addresses; or the same one, as its copy in f's encapsulation will show */
			flow_unlearn(f, encap);
		}
		f = NULL;
	}
	if (!f) {
		f = flow_elsewhere(t, chain, encap, p, side, repeated ? &copied_in : NULL);
		if (!f) {
			repeated = false; /* of a flow that is gone */
			f = flow_open(t, place, encap, p);
		}
		if (!f)
			return NULL;
	} else if (repeated && !flow_answers(f, copied_in) && !(p->tcp_flags & TCP_SYN)) {
		struct flow *g = flow_find(t, chain, p, side, copied_in);
		if (g)
			f = flow_merge(t, f, g, p, side, &repeated);
	}
	f->repeated = repeated;
	if (repeated)
		anomaly_count(t->anomalies, ANOMALY_PACKET_TWICE);
	else
		flow_count(t, f, p, side);
	return f;
}

struct flow *flow_table_touch(struct flow_table *t, const struct packet *p, const struct flow_place *place)
{
	uint32_t encap = p->encap.n ? encap_digest(&p->encap) : 0;
	struct flow *f = flow_find(t, *chain_of(t, place->hash), p, place->side, encap);
	if (!f || !f->decided || (p->tcp_flags & TCP_SYN))
		return touch_open(t, f, p, place, encap);
	f->repeated = false;
	flow_count(t, f, p, place->side);
	return f;
}

void flow_table_fetch_place(const struct flow_table *t, const struct flow_place *place)
{
	__builtin_prefetch(chain_of(t, place->hash));
}

void flow_table_fetch_flow(const struct flow_table *t, const struct flow_place *place)
{
	uint32_t number = *chain_of(t, place->hash);
	if (!number)
		return;
	const char *f = (const char *)flow_at(t, number);
	__builtin_prefetch(f, 1);
	__builtin_prefetch(f + 64, 1);
}

void flow_table_fetch_copies(struct flow_table *t, const struct packet *p, const struct flow_place *place)
{
	const struct flow *f = flow_or_null(t, *chain_of(t, place->hash));
	if (!f || !f->decided || (p->tcp_flags & TCP_SYN))
		recent_packets_fetch(&t->recent, p, place);
}
