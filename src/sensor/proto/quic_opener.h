/* A protected Initial packet and the connection ID that its keys are made of -> its frames. The keys are public: they
 * keep devices that know nothing of QUIC from meddling, and nobody from reading (RFC 9001 5.2). Called by quic. Hands
 * out nothing whose tag is wrong, and never allocates but in quic_opener_new(). RFC 9001 5, RFC 9369 3.3. */
#ifndef SHADOWTAP_QUIC_OPENER_H
#define SHADOWTAP_QUIC_OPENER_H

#include "quic_packet.h"
#include "status.h"

/* Keys of one direction of one connection. */
struct quic_keys {
	uint8_t key[16], iv[12], mask[16];
};

/* Contexts of libcrypto and a place for what was opened. One per shard: not thread-safe. */
struct quic_opener;

/* NULL when out of memory. libcrypto opens its configuration when this is called for the first time in a process: a
 * sensor that will be confined calls it before. */
struct quic_opener *quic_opener_new(void);

/* id: the Destination Connection ID of the client's first Initial, or of its first one after a Retry. */
void quic_keys_derive(uint32_t version, struct slice id, enum direction sender, struct quic_keys *ret);

/* An Initial: true if its tag is right. expected: the packet number after the largest that was opened so far.
 * ret_frames is borrowed from the opener until its next call. */
bool quic_open(struct quic_opener *o, const struct quic_keys *keys, const struct quic_packet *p, uint64_t expected,
	       uint64_t *ret_number, struct slice *ret_frames);

void quic_opener_free(struct quic_opener *o); /* NULL is fine */

#endif
