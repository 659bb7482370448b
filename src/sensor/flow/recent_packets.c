/* Content is what no router changes: addresses, ports, sequence numbers, flags, window, length, the transport checksum,
 * and the identification of IPv4. A sender numbers its datagrams anew when it repeats one (RFC 6864 4.3 forbids less), so
 * equal content with a number means a copy, however late; without a number (0, as Linux writes where nothing may be cut,
 * and IPv6) only a copy that comes sooner than any retransmission timer is believed to be one.
 * Known weaknesses: acknowledgments repeated within LIMIT_COPY_NS over IPv6, without timestamps and without selective
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

static uint64_t content_of(const struct recent_packets *r, const struct packet *p)
{
	struct {
		uint8_t addr[2][16];
		uint16_t src_port, dst_port;
		uint32_t seq, ack, payload_bytes;
		uint16_t window, checksum, ip_id;
		uint8_t flags, proto;
	} content = {
		.src_port = p->src_port,
		.dst_port = p->dst_port,
		.seq = p->tcp_seq,
		.ack = p->tcp_ack,
		.payload_bytes = p->payload_bytes,
		.window = p->tcp_window,
		.checksum = p->checksum,
		.ip_id = p->ip_id,
		.flags = p->tcp_flags,
		.proto = p->proto,
	};
	_Static_assert(sizeof content == 32 + 4 + 12 + 8, "hashed whole: no padding");
	memcpy(content.addr[0], p->src.b, 16);
	memcpy(content.addr[1], p->dst.b, 16);
	return siphash(&r->key, &content, sizeof content);
}

bool recent_packets_seen(struct recent_packets *r, const struct packet *p, uint32_t encap, uint32_t *ret_encap)
{
	/* A datagram without a checksum says too little about itself: two alike may be two (RFC 768). */
	if (p->proto == IP_PROTO_UDP && p->checksum == 0)
		return false;
	uint64_t content = content_of(r, p);
	struct recent_packet *slot = &r->slots[content % LIMIT_SHARD_RECENT];
	uint32_t tag = (uint32_t)(content >> 32) | 1;
	int64_t apart = p->time_ns - slot->time_ns;
	int64_t most = p->ip_id ? LIMIT_COPY_NUMBERED_NS : LIMIT_COPY_NS;
	if (slot->tag == tag && apart <= most && apart >= -most) {
		*ret_encap = slot->encap;
		return true;
	}
	*slot = (struct recent_packet){tag, encap, p->time_ns};
	return false;
}
