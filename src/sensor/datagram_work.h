/* Datagrams of a UDP flow -> what reads them, by how they begin, and what that finds -> the flow's evidence. Called by
 * the shard. Flows that begin nothing known here are not kept: they cost a look at their first bytes. */
#ifndef SHADOWTAP_DATAGRAM_WORK_H
#define SHADOWTAP_DATAGRAM_WORK_H

#include "dns.h"
#include "flow.h"
#include "quic_packet.h"

struct flow_work;
struct datagram_work;

enum datagram_protocol {
	DATAGRAM_OTHER, /* nothing that is read here */
	DATAGRAM_QUIC,  /* a QUIC Initial, as far as its header says */
	DATAGRAM_DNS,   /* of a resolver's port: read by itself, without a reader that is kept */
};

/* What a datagram begins that nobody of its flow reads yet. For each packet of each UDP flow that is not read: nothing
 * but compares of bytes that the packet has in its first cache line. A flow that gave observations and lost its work to
 * a cap stays as it is. */
static inline enum datagram_protocol datagram_begins(const struct flow *f, const struct packet *p)
{
	if (quic_begins(p->payload) && !f->told)
		return DATAGRAM_QUIC;
	if (f->key.port[0] == DNS_PORT || f->key.port[1] == DNS_PORT)
		return DATAGRAM_DNS;
	return DATAGRAM_OTHER;
}

/* NULL when out of memory. w outlives it. */
struct datagram_work *datagram_work_new(enum datagram_protocol protocol, struct flow_work *w);
void datagram_work_packet(struct datagram_work *d, const struct packet *p, unsigned side);
/* Nothing further can come of reading on: of what began, or of anything because nothing did. */
bool datagram_work_is_over(const struct datagram_work *d);
/* It was what its beginning promised: a QUIC connection was opened. */
bool datagram_work_known(const struct datagram_work *d);
/* The flow ended: what is incomplete is read as far as it goes. */
void datagram_work_end(struct datagram_work *d);
size_t datagram_work_memory(const struct datagram_work *d);
void datagram_work_free(struct datagram_work *d); /* NULL is fine */

#endif
