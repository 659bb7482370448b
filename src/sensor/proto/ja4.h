/* The lists of a ClientHello -> its JA4 fingerprint, by the description that FoxIO published for JA4 (BSD-3).
 * Called by tls_hello. Only JA4 of the TLS client: the rest of that family is not under a free licence.
 * Refuses (empty text) a hello whose lists are longer than LIMIT_TLS_JA4_VALUES: none of that size is honest. */
#ifndef SHADOWTAP_JA4_H
#define SHADOWTAP_JA4_H

#include "slice.h"

#define JA4_TEXT 40 /* 10 + 1 + 12 + 1 + 12 characters and the NUL, rounded up */

/* All slices are borrowed, their framing was checked by the caller. */
struct ja4_input {
	char transport;          /* 't' TCP, 'q' QUIC */
	uint16_t version;        /* the highest offered, GREASE aside */
	bool server_name;        /* the extension is there, whatever is in it */
	struct slice ciphers;    /* 16-bit values */
	struct slice extensions; /* the block: type, length, data, again and again */
	struct slice signatures; /* 16-bit values of signature_algorithms, empty if none */
	struct slice alpn;       /* the first protocol offered, GREASE aside; empty if none */
};

/* False, and ret empty, at the cap. */
bool ja4_write(const struct ja4_input *in, char ret[JA4_TEXT]);

/* RFC 8701: 0x0a0a, 0x1a1a ... 0xfafa, sent by clients only to see that they are ignored. */
static inline bool tls_is_grease(uint16_t value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

#endif
