/* Content is what no router changes: addresses, ports, sequence numbers, flags, window, length, the transport checksum,
 * and the identification of IPv4. A host that repeats a segment gives it a new number, so equal content with a number
 * means a copy, however late; without a number (0, as Linux writes where nothing may be cut, and IPv6) only a copy that
 * comes sooner than any retransmission timer is believed to be one.
 * Known weaknesses: a stack that repeats a segment under its old number (RFC 1122 3.2.1.5 lets it) has the repetition
 * taken for a copy; acknowledgments repeated within LIMIT_COPY_NS over IPv6, without timestamps and without selective
 * acknowledgment, count once; a burst between the two copies that fills the slots makes both count. */
#include "recent_packets.h"

#include <string.h>

void recent_packets_init(struct recent_packets *r, const struct hash_key *key)
{
	r->key = *key;
	recent_packets_forget(r);
}

void recent_packets_forget(struct recent_packets *r)
{
	memset(r->slots, 0, sizeof r->slots);
}

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static uint64_t word_of(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return word;
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

/* Not SipHash: this runs for every packet of an undecided connection, and whoever makes contents collide hides no more
 * than his own packets' count, since copies are read all the same. The key keeps others from guessing slots. */
static uint64_t content_of(const struct recent_packets *r, const struct packet *p)
{
	uint64_t h = mix(r->key.k0, (uint64_t)p->tcp_seq << 32 | p->tcp_ack);
	h = mix(h, (uint64_t)p->src_port << 48 | (uint64_t)p->dst_port << 32 | p->payload_bytes);
	h = mix(h, (uint64_t)p->checksum << 48 | (uint64_t)p->ip_id << 32 | (uint32_t)p->tcp_window << 16 |
		       (uint32_t)p->tcp_flags << 8 | p->proto);
	h = mix(h, word_of(p->src.b) ^ r->key.k1);
	h = mix(h, word_of(p->dst.b));
	if (p->src.family == 6) {
		h = mix(h, word_of(p->src.b + 8));
		h = mix(h, word_of(p->dst.b + 8));
	}
	if (p->proto == IP_PROTO_UDP)
		h = mix_ends(h, p->payload, p->payload.n < p->payload_bytes);
	return mix(h, r->key.k1);
}

bool recent_packets_seen(struct recent_packets *r, const struct packet *p, uint32_t encap, uint32_t *ret_encap)
{
	/* A datagram without a checksum says too little about itself: two alike may be two (RFC 768). */
	if (p->proto == IP_PROTO_UDP && p->checksum == 0)
		return false;
	uint64_t content = content_of(r, p);
	struct recent_packet *set = &r->slots[(content >> 32) % (LIMIT_SHARD_RECENT / RECENT_WAYS) * RECENT_WAYS];
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
