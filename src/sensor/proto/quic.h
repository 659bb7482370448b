/* Datagrams of one UDP flow -> the hellos of the QUIC connections in it: what a client asks for and what the server
 * chose, as far as Initial packets show it. Called by the shard's datagram_work. Reads nothing past the Initials,
 * follows no connection to other addresses, and believes no packet whose tag is wrong. RFC 9000, RFC 9001, RFC 9369;
 * compatible version negotiation (RFC 9368) as far as it shows in Initials. */
#ifndef SHADOWTAP_QUIC_H
#define SHADOWTAP_QUIC_H

#include "quic_opener.h"
#include "tls.h"

struct quic;

struct quic_hello {
	uint32_t version;              /* of the packets that carried it */
	unsigned client;               /* the side that opened the connection */
	const struct tls_facts *facts; /* as tls.h describes them; certificates never show */
};

/* A hello was read, or the beginning of one whose rest is lost. Again when the server's is. All borrowed. */
typedef void quic_hello_fn(void *context, const struct quic_hello *hello);

/* NULL when out of memory. opener and anomalies are borrowed. */
struct quic *quic_new(struct quic_opener *opener, struct anomaly_counts *anomalies, quic_hello_fn *fn, void *context);

/* side: 0 or 1; whichever opens a connection is its client. wire_bytes: the datagram's length, more than there is of it
 * where the capture cut it. may_try: it may be asked whether a packet opens a connection not known yet, or goes on
 * in another version, which costs some ten microseconds. True if that was asked. */
bool quic_datagram(struct quic *q, unsigned side, struct slice datagram, uint32_t wire_bytes, bool may_try);

/* The flow ended: what is there of a hello that is not complete is read as far as it goes. */
void quic_end(struct quic *q);

/* No connection of the flow is known: nothing is held, and the next datagram tells no more because of this one. */
bool quic_is_idle(const struct quic *q);
/* Every hello was read and the client has gone on: it sends no Initial of these connections any more (RFC 9001 4.9.1).
 */
bool quic_is_over(const struct quic *q);

/* Memory ran out since the last call: some bytes are lost. */
bool quic_failed(struct quic *q);
size_t quic_memory(const struct quic *q);
void quic_free(struct quic *q); /* NULL is fine */

/* "1", "2", "draft-29" ... */
void quic_version_text(uint32_t version, char ret[16]);

#endif
