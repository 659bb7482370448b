/* One connection in several encapsulations -> one flow. Two copies of a packet in two encapsulations (two VLANs of one span port,
 * two directions of a tunnel) would look like two connections. Called by flow.c for packets that their own chain gives no flow.
 *
 * Chains go by the ends alone, so a packet of an encapsulation that no flow answers to meets the flows of the
 * same ends: when it is a copy of a packet that one of them had, or the answer to its SYN, that flow answers to this
 * encapsulation too from now on. Without such a proof it opens a flow of its own: two tenants may use the same addresses.
 * Two flows that turn out to be one become the older one, if their sequence numbers agree: whoever can send a datagram to
 * a tunnel's port can make up the other one, and that must not be enough to take a connection's place.
 * docs/encapsulations.md tells it from the user's side. */
#include "flow_table.h"

static void flow_learn(struct flow *f, uint32_t encap)
{
	if (flow_answers(f, encap))
		return;
	if (f->other_encaps == FLOW_OTHER_ENCAPS)
		memmove(f->other_encap, f->other_encap + 1, sizeof f->other_encap - sizeof *f->other_encap);
	else
		f->other_encaps++;
	f->other_encap[f->other_encaps - 1] = encap;
}

void flow_unlearn(struct flow *f, uint32_t encap)
{
	for (unsigned i = 0; i < f->other_encaps; i++)
		if (f->other_encap[i] == encap) {
			f->other_encaps--;
			memmove(f->other_encap + i, f->other_encap + i + 1, (f->other_encaps - i) * sizeof *f->other_encap);
			return;
		}
}

struct flow *flow_find(const struct flow_table *t, uint32_t number, const struct packet *p, unsigned side, uint32_t encap)
{
	while (number) {
		struct flow *f = flow_at(t, number);
		if (flow_has_ends(f, p, side) && flow_answers(f, encap))
			return f;
		number = f->chain_next;
	}
	return NULL;
}

/* The two directions of a connection may travel in different tunnels: a SYN/ACK that acknowledges exactly the number of a
 * SYN whose flow has heard nothing from that side yet. */
static bool answers_syn(const struct flow *f, const struct packet *p, unsigned side)
{
	return p->proto == IP_PROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
	       f->packets[side] == 0 && (f->syn_seen & 1u << !side) && p->tcp_ack == f->isn[!side] + 1;
}

/* How much of a connection was seen: packets made up to push a flow out have to look like one. */
static unsigned flow_worth(const struct flow *f)
{
	return (f->work != NULL) + (f->packets[0] && f->packets[1]) + (f->syn_seen == 3);
}

struct flow *flow_elsewhere(struct flow_table *t, uint32_t chain, uint32_t encap, const struct packet *p, unsigned side,
                            const uint32_t *copied_in)
{
	struct flow *found = copied_in ? flow_find(t, chain, p, side, *copied_in) : NULL, *least = NULL;
	unsigned n = 0;
	for (struct flow *f = flow_or_null(t, chain); f && !found; f = flow_or_null(t, f->chain_next)) {
		if (!flow_has_ends(f, p, side))
			continue;
		if (answers_syn(f, p, side))
			found = f;
		n++;
		if (!least || flow_worth(f) < flow_worth(least) ||
		    (flow_worth(f) == flow_worth(least) && f->last_ns < least->last_ns))
			least = f;
	}
	if (found) {
		anomaly_count(t->anomalies, ANOMALY_FLOW_TWICE);
		flow_learn(found, encap);
	} else if (n >= LIMIT_FLOW_ENCAPS) {
		anomaly_count(t->anomalies, ANOMALY_FLOW_LIMIT);
		flow_table_end(t, least, FLOW_END_EVICTED);
	}
	return found;
}

/* Whether a sequence number of this side is about where a flow is that began at isn. */
static bool number_fits(const struct flow *f, unsigned side, uint32_t number)
{
	uint32_t on = number - f->isn[side];
	return !f->packets[side] || on <= f->bytes[side] + LIMIT_FLOW_MERGE_AHEAD || -on <= LIMIT_FLOW_MERGE_AHEAD;
}

static bool packet_fits(const struct flow *f, unsigned side, const struct packet *p)
{
	return p->proto != IP_PROTO_TCP ||
	       (number_fits(f, side, p->tcp_seq) && (!(p->tcp_flags & TCP_ACK) || number_fits(f, !side, p->tcp_ack)));
}

/* The flow that is read stays, as it may have given an event already, else the
 * older one; but never one that is decided, since that has stopped reading, nor where p fits one of them only. Their counts
 * add up: p and what came before it counted in one of them alone. *repeated: p has still been counted. */
struct flow *flow_merge(struct flow_table *t, struct flow *f, struct flow *g, const struct packet *p, unsigned side,
                        bool *repeated)
{
	if (!packet_fits(f, side, p) || !packet_fits(g, side, p)) {
		*repeated = false;
		return f;
	}
	bool f_stays = !f->work == !g->work ? f->first_ns < g->first_ns : f->work != NULL;
	struct flow *stays = f_stays ? f : g, *goes = f_stays ? g : f;
	if (stays->decided)
		return f;
	anomaly_count(t->anomalies, ANOMALY_FLOW_TWICE);
	flow_learn(stays, goes->key.encap);
	for (unsigned i = 0; i < goes->other_encaps; i++)
		flow_learn(stays, goes->other_encap[i]);
	for (unsigned i = 0; i < 2; i++) {
		stays->packets[i] += goes->packets[i];
		stays->bytes[i] += goes->bytes[i];
	}
	if (f_stays && g->packets[side] && g->bytes[side] >= p->wire_bytes) { /* p counts here, its copy does not */
		stays->packets[side]--;
		stays->bytes[side] -= p->wire_bytes;
		*repeated = false;
	}
	flow_table_end(t, goes, FLOW_END_MERGED);
	return stays;
}
