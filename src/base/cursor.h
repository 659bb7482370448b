/* Sticky cursor over wire bytes: reads past the end return zero and mark the cursor bad, so that a parser reads
 * a whole structure and checks once. Used by every binary parser. Never reads outside its slice. */
#ifndef SHADOWTAP_CURSOR_H
#define SHADOWTAP_CURSOR_H

#include "slice.h"

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
	bool bad; /* a read went past the end; stays set */
};

static inline struct cursor cursor_of(struct slice s)
{
	return (struct cursor){s.p, s.n ? s.p + s.n : s.p, false};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

static inline bool cursor_ok(const struct cursor *c)
{
	return !c->bad;
}

/* The next n bytes as a slice, or an empty slice and a bad cursor. */
static inline struct slice cursor_take(struct cursor *c, size_t n)
{
	if (c->bad || n > cursor_left(c)) {
		c->bad = true;
		return (struct slice){c->end, 0};
	}
	struct slice s = {c->p, n};
	c->p += n;
	return s;
}

static inline void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	struct slice s = cursor_take(c, 1);
	return s.n ? s.p[0] : 0;
}

static inline uint16_t cursor_be16(struct cursor *c)
{
	struct slice s = cursor_take(c, 2);
	return s.n ? (uint16_t)(s.p[0] << 8 | s.p[1]) : 0;
}

static inline uint32_t cursor_be24(struct cursor *c)
{
	struct slice s = cursor_take(c, 3);
	return s.n ? (uint32_t)s.p[0] << 16 | (uint32_t)s.p[1] << 8 | s.p[2] : 0;
}

static inline uint32_t cursor_be32(struct cursor *c)
{
	struct slice s = cursor_take(c, 4);
	return s.n ? (uint32_t)s.p[0] << 24 | (uint32_t)s.p[1] << 16 | (uint32_t)s.p[2] << 8 | s.p[3] : 0;
}

/* A vector with a 1- or 2-byte length before it, as TLS writes them (RFC 8446 3.4). */
static inline struct slice cursor_vec8(struct cursor *c)
{
	uint8_t n = cursor_u8(c);
	return cursor_take(c, n);
}

static inline struct slice cursor_vec16(struct cursor *c)
{
	uint16_t n = cursor_be16(c);
	return cursor_take(c, n);
}

#endif
