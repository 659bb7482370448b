/* A UDP datagram -> the QUIC packets that lie in it one behind the other, by what their headers say in the clear.
 * Called by quic, and for the first bytes of a flow by datagram_work. Decrypts nothing and believes nothing: whoever
 * can send a datagram can write a header. RFC 9000 12.2 and 17.2, RFC 9369 3.2. */
#ifndef SHADOWTAP_QUIC_PACKET_H
#define SHADOWTAP_QUIC_PACKET_H

#include "cursor.h"

#define QUIC_V1 0x00000001u
#define QUIC_V2 0x6b3343cfu
#define QUIC_DRAFT_FIRST 0xff000017u /* drafts before 23 packed and keyed their Initials in other ways */
#define QUIC_DRAFT_LAST 0xff000022u
#define QUIC_ID_MAX 20 /* bytes of a connection ID (RFC 9000 17.2) */
/* A client's Initial travels in a datagram of that many bytes or more, and a server must discard it otherwise (RFC
 * 9000 14.1). */
#define QUIC_DATAGRAM_LEAST 1200

enum quic_type {
	QUIC_INITIAL,
	QUIC_ZERO_RTT,
	QUIC_HANDSHAKE,
	QUIC_RETRY,
	QUIC_SHORT,   /* a packet after the handshake: nothing of it can be read */
	QUIC_UNKNOWN, /* a version that is not read, or Version Negotiation */
};

struct quic_packet {
	enum quic_type type;
	uint32_t version;
	struct slice dcid, scid;
	struct slice bytes; /* the whole packet */
	size_t number_at;   /* of an Initial: where its protected packet number begins */
};

/* Borrowed from the datagram. NONE: nothing is left. BAD: the header contradicts itself or passes the end. */
enum quic_next { QUIC_NEXT_NONE, QUIC_NEXT_ONE, QUIC_NEXT_BAD };

/* Takes the next packet off the datagram. What cannot be stepped over (RETRY, SHORT, UNKNOWN) takes all that is left.
 */
enum quic_next quic_packet_next(struct slice *datagram, struct quic_packet *ret);

/* A variable-length integer (RFC 9000 16). */
uint64_t quic_varint(struct cursor *c);

static inline bool quic_version_is_read(uint32_t version)
{
	return version == QUIC_V1 || version == QUIC_V2 ||
	       version - QUIC_DRAFT_FIRST <= QUIC_DRAFT_LAST - QUIC_DRAFT_FIRST;
}

/* Version 2 numbers the types of long headers one higher (RFC 9369 3.2). */
static inline enum quic_type quic_long_type(uint8_t first, uint32_t version)
{
	return (enum quic_type)(((first >> 4 & 3) - (version == QUIC_V2)) & 3);
}

/* Does it begin with an Initial? Asked of every datagram of flows that nobody reads: two compares for nearly all of
 * them. The fixed bit is not asked for: RFC 9287 lets both sides send it as 0. */
static inline bool quic_begins(struct slice datagram)
{
	const uint8_t *p = datagram.p;
	if (datagram.n < 7 || !(p[0] & 0x80))
		return false;
	uint32_t version = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
	return quic_version_is_read(version) && quic_long_type(p[0], version) == QUIC_INITIAL;
}

#endif
