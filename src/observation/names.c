/* One fixed layout, little endian: magic, where it was seen; flags, confidence, numbers of layers and addresses; client; layers; name, signature,
 * reason, each a 16-bit length and its bytes; addresses. */
#include "names.h"
#include "cursor.h"
#include "text.h"
#include <assert.h>
#include <stdlib.h>

enum { FLAG_ANSWERED = 1, FLAG_CUT = 2, FLAG_DEDICATED = 4, FLAGS_ALL = 7 };
enum { VERSION = 1 };

static uint8_t *put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
	return p + bytes;
}

static uint8_t *put_text(uint8_t *p, const char *text)
{
	size_t n = text ? strlen(text) : 0;
	p = put_le(p, n, 2);
	if (n)
		memcpy(p, text, n);
	return p + n;
}

static uint8_t *put_addr(uint8_t *p, const struct ip_addr *a)
{
	*p++ = a->family;
	memcpy(p, a->b, sizeof a->b);
	return p + sizeof a->b;
}

uint8_t *names_encode(const struct names *n, size_t *ret_n)
{
	assert(n->n_addresses <= LIMIT_DNS_ADDRESSES && n->encap.n <= ENCAP_MAX && strlen(n->name) < HOSTNAME_TEXT);
	assert(!n->signature || (strlen(n->signature) < LIMIT_SIGNATURE_ID && strlen(n->reason) < LIMIT_DETAIL));
	uint8_t *bytes = malloc(NAMES_BYTES), *p = bytes;
	if (!bytes)
		return NULL;
	memcpy(p, record_magic[RECORD_NAMES], 3);
	p[3] = VERSION;
	const struct connection_ref where = {n->time_ns, n->frame, n->capture, 0};
	record_ref_put(bytes, &where);
	p += RECORD_REF_AT + RECORD_REF_BYTES;
	p = put_le(p, (n->answered ? FLAG_ANSWERED : 0u) | (n->cut ? FLAG_CUT : 0u) | (n->dedicated ? FLAG_DEDICATED : 0u), 1);
	p = put_le(p, n->confidence, 1);
	p = put_le(p, n->encap.n, 1);
	p = put_le(p, n->n_addresses, 1);
	p = put_addr(p, &n->client);
	for (unsigned i = 0; i < n->encap.n; i++) {
		p = put_le(p, n->encap.layer[i].kind, 1);
		p = put_le(p, n->encap.layer[i].id, 4);
	}
	p = put_text(p, n->name);
	p = put_text(p, n->signature);
	p = put_text(p, n->reason);
	for (unsigned i = 0; i < n->n_addresses; i++) {
		p = put_addr(p, &n->addresses[i].addr);
		p = put_le(p, n->addresses[i].ttl, 4);
	}
	*ret_n = (size_t)(p - bytes);
	return bytes;
}

static uint32_t get_le32(struct cursor *c)
{
	struct slice s = cursor_take(c, 4);
	return s.n ? (uint32_t)s.p[3] << 24 | (uint32_t)s.p[2] << 16 | (uint32_t)s.p[1] << 8 | s.p[0] : 0;
}

static bool get_text(struct cursor *c, char *out, size_t cap)
{
	size_t n = cursor_u8(c);
	n |= (size_t)cursor_u8(c) << 8;
	struct slice text = cursor_take(c, n);
	/* what a copy would change is no text that an honest sensor sends */
	return cursor_ok(c) && text.n < cap && text_copy(out, cap, text) && slice_eq_str(text, out);
}

static bool get_addr(struct cursor *c, struct ip_addr *ret)
{
	static const uint8_t zeros[12];
	ret->family = cursor_u8(c);
	struct slice b = cursor_take(c, sizeof ret->b);
	if (!cursor_ok(c) || (ret->family != 4 && ret->family != 6))
		return false;
	memcpy(ret->b, b.p, sizeof ret->b);
	return ret->family == 6 || memcmp(ret->b + 4, zeros, sizeof zeros) == 0;
}

static bool get_all(struct cursor *c, struct names_box *box)
{
	struct names *n = &box->n;
	char normal[HOSTNAME_TEXT];
	uint8_t flags = cursor_u8(c), confidence = cursor_u8(c);
	n->encap.n = cursor_u8(c);
	n->n_addresses = cursor_u8(c);
	if (!cursor_ok(c) || (flags & ~FLAGS_ALL) || confidence >= CONFIDENCE_CONFIRMED || n->encap.n > ENCAP_MAX ||
	    n->n_addresses > LIMIT_DNS_ADDRESSES)
		return false;
	n->answered = flags & FLAG_ANSWERED;
	n->cut = flags & FLAG_CUT;
	n->dedicated = flags & FLAG_DEDICATED;
	n->confidence = (enum confidence)confidence;
	if (!get_addr(c, &n->client))
		return false;
	for (unsigned i = 0; i < n->encap.n; i++) {
		n->encap.layer[i].kind = cursor_u8(c);
		n->encap.layer[i].id = get_le32(c);
		if (!cursor_ok(c) || !encap_layer_valid(n->encap.layer[i].kind, n->encap.layer[i].id))
			return false;
	}
	if (!get_text(c, box->name, sizeof box->name) || !get_text(c, box->signature, sizeof box->signature) ||
	    !get_text(c, box->reason, sizeof box->reason))
		return false;
	if (!hostname_normalize(slice_str(box->name), normal) || strcmp(normal, box->name) != 0)
		return false;
	if ((n->confidence == CONFIDENCE_NONE) != !box->signature[0] || (!box->signature[0] && (box->reason[0] || n->dedicated)))
		return false;
	for (unsigned i = 0; i < n->n_addresses; i++) {
		if (!get_addr(c, &n->addresses[i].addr))
			return false;
		n->addresses[i].ttl = get_le32(c);
	}
	return cursor_ok(c) && cursor_left(c) == 0 && (n->answered || n->n_addresses == 0);
}

bool names_decode(const uint8_t *bytes, size_t n, struct names_box *ret)
{
	if (n < RECORD_REF_AT + RECORD_REF_BYTES || record_kind_of(bytes, n) != RECORD_NAMES || bytes[3] != VERSION)
		return false;
	struct connection_ref where = record_ref_get(bytes + RECORD_REF_AT);
	struct cursor c = cursor_of(slice_of(bytes + RECORD_REF_AT + RECORD_REF_BYTES, n - RECORD_REF_AT - RECORD_REF_BYTES));
	memset(ret, 0, sizeof *ret);
	ret->n.time_ns = where.connection_time_ns;
	ret->n.frame = where.first_frame;
	ret->n.capture = where.capture;
	ret->n.name = ret->name;
	ret->n.signature = ret->signature;
	ret->n.reason = ret->reason;
	return where.authority_ordinal == 0 && get_all(&c, ret);
}
