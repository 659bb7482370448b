/* Content is what no router changes: addresses, ports, sequence numbers, flags, window, length, the transport checksum,
 * and the identification of IPv4. A host that repeats a segment gives it a new number, so equal content with a number
 * means a copy, however late; without a number (0, as Linux writes where nothing may be cut, and IPv6) only a copy that
 * comes sooner than any retransmission timer is believed to be one.
 * Known weaknesses: a stack that repeats a segment under its old number (RFC 1122 3.2.1.5 lets it) has the repetition
 * taken for a copy; acknowledgments repeated within LIMIT_COPY_NS over IPv6, without timestamps and without selective
 * acknowledgment, count once; a burst between the two copies that fills the slots makes both count. */
#include "recent_packets.h"

#include <string.h>

void recent_packets_forget(struct recent_packets *r)
{
	memset(r->slots, 0, sizeof r->slots);
}

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* Both ends of a datagram: its checksum need not stand for them, because a host that captures its own packets sees them before the
 * network card fills it in. Those of two datagrams of one length are then the same, and nothing numbers them. */
static uint64_t mix_ends(uint64_t h, struct slice payload, bool cut)
{
	uint64_t ends[4] = {0};
	size_t half = sizeof ends / 2, n = payload.n < half ? payload.n : half;
	if (n)
		memcpy(ends, payload.p, n);
	if (n && !cut)
		memcpy((uint8_t *)ends + half, payload.p + payload.n - n, n);
	for (unsigned i = 0; i < 4; i++)
		h = mix(h, ends[i]);
	return h;
}

/* The ends are in the place's hash already, whose key keeps strangers from guessing slots. The rest is not SipHash: this runs for
 * every packet of an undecided connection, and whoever makes contents collide hides no more than his own packets' count, since
 * copies are read all the same. */
static uint64_t content_of(const struct packet *p, const struct flow_place *place)
{
	uint64_t h = mix(place->hash + place->side, (uint64_t)p->tcp_seq << 32 | p->tcp_ack);
	h = mix(h, (uint64_t)p->payload_bytes << 32 | (uint32_t)p->checksum << 16 | p->ip_id);
	h = mix(h, (uint32_t)p->tcp_window << 16 | (uint32_t)p->tcp_flags << 8 | p->proto);
	if (p->proto == IP_PROTO_UDP)
		h = mix_ends(h, p->payload, p->payload.n < p->payload_bytes);
	return mix(h, place->hash);
}

static struct recent_packet *set_of(struct recent_packets *r, uint64_t content)
{
	return &r->slots[(content >> 32) % (LIMIT_SHARD_RECENT / RECENT_WAYS) * RECENT_WAYS];
}

void recent_packets_fetch(struct recent_packets *r, const struct packet *p, const struct flow_place *place)
{
	__builtin_prefetch(set_of(r, content_of(p, place)), 1);
}

bool recent_packets_seen(struct recent_packets *r, const struct packet *p, const struct flow_place *place, uint32_t encap,
                         uint32_t *ret_encap)
{
	/* A datagram without a checksum says too little about itself: two alike may be two (RFC 768). */
	if (p->proto == IP_PROTO_UDP && p->checksum == 0)
		return false;
	uint64_t content = content_of(p, place);
	struct recent_packet *set = set_of(r, content);
	struct recent_packet *goes = set;
	uint32_t tag = (uint32_t)content | 1;
	int64_t most = p->ip_id ? LIMIT_COPY_NUMBERED_NS : LIMIT_COPY_NS;
	for (unsigned i = 0; i < RECENT_WAYS; i++) {
		int64_t apart = p->time_ns - set[i].time_ns;
		if (set[i].tag == tag && apart <= most && apart >= -most) {
			*ret_encap = set[i].encap;
			return true;
		}
		if (set[i].time_ns < goes->time_ns)
			goes = &set[i];
	}
	*goes = (struct recent_packet){tag, encap, p->time_ns};
	return false;
}
