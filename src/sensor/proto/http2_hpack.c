#include "http2_hpack.h"

#include <nghttp2/nghttp2.h>

#include "limits.h"

enum {
	DEFAULT_TABLE = 4096,   /* RFC 9113 6.5.2 */
	ENTRY_OVERHEAD = 32,    /* RFC 7541 4.1 */
	PLACE_HOLDER_SIZE = 33, /* a name of one byte, no value */
	STATIC_ENTRIES = 61,
	ENTRY_MEMORY = 200, /* what nghttp2 allocates for an entry besides its text */
	INFLATER_MEMORY = 2048,
};

/* Literal with incremental indexing, new name "?", empty value. No field can have that name (RFC 9110 5.1). */
static const uint8_t place_holder[] = {0x40, 1, '?', 0};

void http2_hpack_init(struct http2_hpack *p)
{
	*p = (struct http2_hpack){.table = DEFAULT_TABLE};
}

void http2_hpack_done(struct http2_hpack *p)
{
	if (p->inflater)
		nghttp2_hd_inflate_del(p->inflater);
	p->inflater = NULL;
}

void http2_hpack_lose(struct http2_hpack *p)
{
	if (p->inflater)
		p->table = (uint32_t)nghttp2_hd_inflate_get_max_dynamic_table_size(p->inflater);
	http2_hpack_done(p);
	p->lost = true;
}

/* Beyond the place-holders, or broken for good. */
static bool hpack_failed(struct http2_hpack *p)
{
	p->dead = p->lost && p->table >= LIMIT_HTTP2_TABLE_BYTES;
	bool again = p->lost;
	http2_hpack_lose(p);
	if (again)
		p->table = LIMIT_HTTP2_TABLE_BYTES;
	return false;
}

static bool fill(nghttp2_hd_inflater *inflater, uint32_t table)
{
	uint8_t resize[6];
	size_t n = 0;
	if (table != DEFAULT_TABLE) { /* dynamic table size update, RFC 7541 6.3 */
		uint32_t rest = table;
		resize[n++] = (uint8_t)(0x20 | (rest < 31 ? rest : 31));
		for (rest = rest < 31 ? 0 : rest - 31; resize[0] == 0x3f; rest >>= 7) {
			resize[n++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
			if (rest <= 0x7f)
				break;
		}
	}
	const uint8_t *in = resize;
	size_t left = n;
	for (uint32_t entries = table / PLACE_HOLDER_SIZE;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, in, left, 0);
		if (used < 0)
			return false;
		in += used;
		left -= (size_t)used;
		if (left || (flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		if (entries-- == 0)
			break;
		in = place_holder;
		left = sizeof place_holder;
	}
	nghttp2_nv nv;
	int flags = 0;
	return nghttp2_hd_inflate_hd2(inflater, &nv, &flags, in, 0, 1) >= 0 &&
	       nghttp2_hd_inflate_end_headers(inflater) == 0;
}

static bool hpack_ready(struct http2_hpack *p)
{
	if (p->inflater)
		return true;
	if (p->dead || nghttp2_hd_inflate_new(&p->inflater) != 0) {
		p->inflater = NULL;
		return false;
	}
	nghttp2_hd_inflate_change_table_size(p->inflater, LIMIT_HTTP2_TABLE_BYTES);
	if (p->lost && !fill(p->inflater, p->table))
		return hpack_failed(p);
	return true;
}

bool http2_hpack_feed(struct http2_hpack *p, struct slice fragment, http2_field_fn *field, void *context)
{
	if (!hpack_ready(p))
		return false;
	for (bool more = fragment.n > 0; more;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, fragment.p, fragment.n, 0);
		if (used < 0)
			return hpack_failed(p);
		fragment = slice_after(fragment, (size_t)used);
		more = fragment.n > 0 || (flags & NGHTTP2_HD_INFLATE_EMIT);
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		struct slice name = {nv.name, nv.namelen}, value = {nv.value, nv.valuelen};
		if (slice_eq_str(name, "?"))
			name = value = slice_of("", 0);
		field(context, name, value);
	}
	return true;
}

bool http2_hpack_end(struct http2_hpack *p)
{
	nghttp2_nv nv;
	int flags = 0;
	static const uint8_t nothing[1];
	if (!hpack_ready(p))
		return false;
	if (nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, nothing, 0, 1) < 0 ||
	    nghttp2_hd_inflate_end_headers(p->inflater) != 0)
		return hpack_failed(p);
	return true;
}

size_t http2_hpack_memory(const struct http2_hpack *p)
{
	if (!p->inflater)
		return 0;
	size_t entries = nghttp2_hd_inflate_get_num_table_entries(p->inflater) - STATIC_ENTRIES;
	return INFLATER_MEMORY + nghttp2_hd_inflate_get_dynamic_table_size(p->inflater) +
	       entries * (ENTRY_MEMORY - ENTRY_OVERHEAD);
}
