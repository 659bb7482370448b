/* A packet whose bytes will not stay -> one whose bytes lie in memory of the caller's choosing: the whole frame,
 * since evidence is made of frames. Used where packets wait: the sensor's batches and the lanes'. */
#ifndef SHADOWTAP_PACKET_COPY_H
#define SHADOWTAP_PACKET_COPY_H

#include "packet.h"
#include <string.h>

/* A datagram that was put together from fragments, or tunnelled in one, lies elsewhere. */
static inline bool packet_lies_in_frame(const struct packet *p)
{
	return p->captured.n >= p->ip_n && p->ip >= p->captured.p && p->ip <= p->captured.p + (p->captured.n - p->ip_n);
}

static inline size_t packet_copy_size(const struct packet *p)
{
	return p->captured.n + (packet_lies_in_frame(p) ? 0 : p->ip_n) + 12; /* and two MAC addresses */
}

/* to: packet_copy_size() bytes. The packet then points there. */
static inline void packet_copy(struct packet *p, uint8_t *to)
{
	size_t payload_at = p->payload.n ? (size_t)(p->payload.p - p->ip) : 0;
	bool inside = packet_lies_in_frame(p);
	size_t ip_at = inside ? (size_t)(p->ip - p->captured.p) : p->captured.n;
	if (!inside)
		memcpy(to + ip_at, p->ip, p->ip_n);
	if (p->captured.n)
		p->captured.p = memcpy(to, p->captured.p, p->captured.n);
	p->ip = to + ip_at;
	p->payload.p = p->ip + payload_at;
	to += p->captured.n + (inside ? 0 : p->ip_n);
	if (p->src_mac)
		p->src_mac = memcpy(to, p->src_mac, 6);
	if (p->dst_mac)
		p->dst_mac = memcpy(to + 6, p->dst_mac, 6);
}

#endif
