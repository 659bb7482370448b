#include "quic_packet.h"

/* Packet number and 16 bytes of sample behind where a number of four bytes would end (RFC 9001 5.4.2). */
enum { PROTECTED_LEAST = 4 + 16 };

uint64_t quic_varint(struct cursor *c)
{
	uint8_t first = cursor_u8(c);
	uint64_t v = first & 0x3f;
	for (unsigned left = (1u << (first >> 6)) - 1; left; left--)
		v = v << 8 | cursor_u8(c);
	return cursor_ok(c) ? v : 0;
}

static struct slice connection_id(struct cursor *c)
{
	struct slice id = cursor_vec8(c);
	if (id.n > QUIC_ID_MAX)
		c->bad = true;
	return id;
}

enum quic_next quic_packet_next(struct slice *datagram, struct quic_packet *ret)
{
	struct slice all = *datagram;
	if (all.n == 0)
		return QUIC_NEXT_NONE;
	*ret = (struct quic_packet){.type = QUIC_SHORT, .bytes = all};
	struct cursor c = cursor_of(all);
	uint8_t first = cursor_u8(&c);
	if (!(first & 0x80)) {
		*datagram = slice_after(all, all.n);
		return QUIC_NEXT_ONE;
	}
	ret->version = cursor_be32(&c);
	if (!cursor_ok(&c))
		return QUIC_NEXT_BAD;
	if (!quic_version_is_read(ret->version)) {
		ret->type = QUIC_UNKNOWN;
		*datagram = slice_after(all, all.n);
		return QUIC_NEXT_ONE;
	}
	ret->type = quic_long_type(first, ret->version);
	ret->dcid = connection_id(&c);
	ret->scid = connection_id(&c);
	if (ret->type == QUIC_RETRY) {
		*datagram = slice_after(all, all.n);
		return cursor_ok(&c) ? QUIC_NEXT_ONE : QUIC_NEXT_BAD;
	}
	if (ret->type == QUIC_INITIAL) {
		uint64_t token = quic_varint(&c);
		if (token > cursor_left(&c))
			return QUIC_NEXT_BAD;
		cursor_skip(&c, (size_t)token);
	}
	uint64_t length = quic_varint(&c);
	if (!cursor_ok(&c) || length > cursor_left(&c) || length < PROTECTED_LEAST)
		return QUIC_NEXT_BAD;
	ret->number_at = (size_t)(c.p - all.p);
	ret->bytes = slice_first(all, ret->number_at + (size_t)length);
	*datagram = slice_after(all, ret->bytes.n);
	return QUIC_NEXT_ONE;
}
