/* A packet whose bytes will not stay -> one whose bytes lie in memory of the caller's choosing. Used where packets wait: the sensor's
 * batches and the lanes'. */
#ifndef SHADOWTAP_PACKET_COPY_H
#define SHADOWTAP_PACKET_COPY_H

#include "packet.h"
#include <string.h>

static inline size_t packet_copy_size(const struct packet *p)
{
	return (size_t)p->ip_n + 12; /* and two MAC addresses */
}

/* to: packet_copy_size() bytes. The packet then points there. */
static inline void packet_copy(struct packet *p, uint8_t *to)
{
	size_t payload_at = p->payload.n ? (size_t)(p->payload.p - p->ip) : 0;
	memcpy(to, p->ip, p->ip_n);
	p->ip = to;
	p->payload.p = to + payload_at;
	to += p->ip_n;
	if (p->src_mac)
		p->src_mac = memcpy(to, p->src_mac, 6);
	if (p->dst_mac)
		p->dst_mac = memcpy(to + 6, p->dst_mac, 6);
}

#endif
