#include "tls_record.h"
#include "cursor.h"
#include "limits.h"
#include "status.h"
#include <stdlib.h>

#define KEPT_FIRST 512 /* a shorter hello is rare, and its first segment seldom shorter */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Moves bytes into a fixed header until it is full. */
static void fill(uint8_t *header, uint8_t *n, size_t size, struct slice *bytes)
{
	size_t take = smaller(size - *n, bytes->n);
	if (take == 0)
		return;
	memcpy(header + *n, bytes->p, take);
	*n = (uint8_t)(*n + take);
	*bytes = slice_after(*bytes, take);
}

/* Each byte is judged as soon as it is there, so that a direction which is no TLS is given up at its first bytes. The
 * minor version says nothing (RFC 8446 5.1: legacy_record_version MUST be ignored), but nobody ever sent another
 * major. */
static bool header_ok(const struct tls_records *r)
{
	if (r->header_n >= 1 && (r->header[0] < TLS_CHANGE_CIPHER_SPEC || r->header[0] > TLS_HEARTBEAT))
		return false;
	if (r->header_n >= 2 && r->header[1] != 3)
		return false;
	return r->header_n < TLS_RECORD_HEADER || (unsigned)(r->header[3] << 8 | r->header[4]) <= TLS_RECORD_MAX;
}

enum tls_next tls_records_next(struct tls_records *r, struct slice *bytes, struct tls_piece *ret_piece)
{
	if (r->header_n < TLS_RECORD_HEADER) {
		fill(r->header, &r->header_n, TLS_RECORD_HEADER, bytes);
		if (!header_ok(r))
			return TLS_NEXT_BAD;
		if (r->header_n < TLS_RECORD_HEADER)
			return TLS_NEXT_NONE;
		r->left = (uint16_t)(r->header[3] << 8 | r->header[4]);
		r->begun = false;
	}
	bool empty = r->left == 0;
	if (bytes->n == 0 && !empty)
		return TLS_NEXT_NONE;
	size_t n = smaller(r->left, bytes->n);
	*ret_piece = (struct tls_piece){r->header[0], !r->begun, empty, slice_first(*bytes, n)};
	*bytes = slice_after(*bytes, n);
	r->begun = true;
	r->left = (uint16_t)(r->left - n);
	if (r->left == 0)
		r->header_n = 0;
	return TLS_NEXT_ONE;
}

static uint32_t message_length(const struct tls_messages *m)
{
	return (uint32_t)m->header[1] << 16 | (uint32_t)m->header[2] << 8 | m->header[3];
}

/* How much of the current message has to be in one place before it can be read; body is what there is of it. */
static size_t wanted(const struct tls_messages *m, struct slice body)
{
	size_t length = message_length(m);
	switch (m->header[0]) {
	case TLS_CLIENT_HELLO:
	case TLS_SERVER_HELLO: return smaller(length, LIMIT_TLS_HELLO);
	case TLS_CERTIFICATE: {
		/* RFC 5246 7.4.2: length of the list, length of the leaf, the leaf. The rest is not needed. RFC 8446 4.4.2: a context
		 * with a length of one byte is before it. */
		size_t before = 0;
		if (m->reads == TLS_READS_SECRET)
			return 0;
		if (m->reads == TLS_READS_SECRET_13)
			before = body.n ? 1u + body.p[0] : 1;
		if (body.n < before + 6)
			return smaller(length, before + 6);
		struct cursor c = cursor_of(slice_after(body, before + 3));
		return smaller(smaller(length, LIMIT_TLS_SERVER_FLIGHT), before + 6 + cursor_be24(&c));
	}
	case TLS_NEW_SESSION_TICKET: return m->reads == TLS_READS_SECRET ? smaller(length, LIMIT_TLS_HELLO) : 0;
	case TLS_ENCRYPTED_EXTENSIONS:
	case TLS_FINISHED: /* the keys change behind the end of it */
	case TLS_KEY_UPDATE: return m->reads != TLS_READS_CLEAR ? smaller(length, LIMIT_TLS_HELLO) : 0;
	default: return 0;
	}
}

/* Grows with the bytes that are really there, not with what a length field promises. */
static int keep(struct tls_messages *m, struct slice bytes, size_t want)
{
	size_t need = m->kept_n + bytes.n;
	if (need > m->kept_cap) {
		size_t cap = m->kept_cap ? (size_t)m->kept_cap * 2 : KEPT_FIRST;
		if (cap < need)
			cap = need;
		if (cap > want)
			cap = want;
		uint8_t *more = realloc(m->kept, cap);
		if (!more)
			return FAIL_MEMORY;
		m->kept = more;
		m->kept_cap = (uint32_t)cap;
	}
	memcpy(m->kept + m->kept_n, bytes.p, bytes.n);
	m->kept_n = (uint32_t)need;
	return 0;
}

static void advance(struct tls_messages *m, struct slice *bytes, size_t n)
{
	*bytes = slice_after(*bytes, n);
	m->left -= (uint32_t)n;
}

int tls_messages_next(struct tls_messages *m, struct slice *bytes, struct tls_message *ret_message)
{
	if (m->delivered)
		tls_messages_done(m);
	for (;;) {
		if (m->delivered) {
			advance(m, bytes, smaller(m->left, bytes->n));
			if (m->left)
				return 0;
			m->header_n = 0;
			m->delivered = false;
		}
		if (m->header_n < sizeof m->header) {
			fill(m->header, &m->header_n, sizeof m->header, bytes);
			if (m->header_n < sizeof m->header)
				return 0;
			m->left = message_length(m);
		}
		size_t here = smaller(m->left, bytes->n);
		struct slice body = m->kept_n ? slice_of(m->kept, m->kept_n) : slice_first(*bytes, here);
		size_t want = wanted(m, body);
		if (body.n >= want) {
			if (!m->kept_n)
				advance(m, bytes, want);
			m->delivered = true;
			*ret_message = (struct tls_message){m->header[0], message_length(m), slice_first(body, want)};
			return 1;
		}
		here = smaller(here, want - m->kept_n);
		if (here == 0)
			return 0;
		if (keep(m, slice_first(*bytes, here), want) != 0)
			return FAIL_MEMORY;
		advance(m, bytes, here);
	}
}

struct slice tls_messages_partial(const struct tls_messages *m, uint8_t type)
{
	if (m->delivered || m->header_n < sizeof m->header || m->header[0] != type)
		return slice_of(NULL, 0);
	return slice_of(m->kept, m->kept_n);
}

void tls_messages_done(struct tls_messages *m)
{
	free(m->kept);
	m->kept = NULL;
	m->kept_n = m->kept_cap = 0;
}
