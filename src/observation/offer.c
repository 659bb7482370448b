/* One fixed layout, little endian: magic, reference, times, list, flags, cursors, total, number of items; then each item: bytes,
 * flags, hints, hash, parts, name, text. Strings are a 16-bit length (0xffff for NULL), the bytes and a NUL. */
#include "offer.h"
#include "cursor.h"
#include "text.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define NULL_STRING 0xffffu
_Static_assert(LIMIT_DEFINITION_TEXT < NULL_STRING, "a text's length fits");

enum { FLAG_REQUEST_SEEN = 1, FLAG_FIRST = 2, FLAG_LAST = 4, FLAG_CUT = 8, FLAGS_ALL = 15 };
enum { HEAD_BYTES = 4 + RECORD_REF_BYTES + 8 + 8 + 1 + 1 + 8 + 8 + 8 + 4, ITEM_BYTES = 8 + 1 + 1 + SHA256_BYTES + PART_COUNT * DEFINITION_PART_BYTES + 6 };

static uint8_t *put(uint8_t *p, const void *bytes, size_t n)
{
	if (n)
		memcpy(p, bytes, n);
	return p + n;
}

static uint8_t *put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
	return p + bytes;
}

static uint8_t *put_string(uint8_t *p, const char *s, size_t cap)
{
	size_t n = s ? strnlen(s, cap) : 0;
	assert(n < cap);
	if (!s)
		return put_le(p, NULL_STRING, 2);
	p = put(put_le(p, n, 2), s, n);
	*p = '\0';
	return p + 1;
}

static size_t item_bytes(const struct definition *d)
{
	return ITEM_BYTES + strlen(d->name) + (d->text ? strlen(d->text) : 0);
}

uint8_t *offer_encode(const struct offer *o, size_t *ret_items, size_t *ret_n)
{
	size_t items = 0, room = HEAD_BYTES;
	assert(o->list > LIST_NONE && o->list < LIST_COUNT && o->n <= LIMIT_OFFER_DEFINITIONS);
	while (items < o->n && (items == 0 || room + item_bytes(&o->items[items]) <= LIMIT_OFFER_RECORD))
		room += item_bytes(&o->items[items++]);
	uint8_t *bytes = malloc(room), *p = bytes;
	if (!bytes)
		return NULL;
	p = put(p, record_magic[RECORD_OFFER], 3);
	*p++ = 1;
	memset(p, 0, RECORD_REF_BYTES);
	p += RECORD_REF_BYTES;
	p = put_le(p, (uint64_t)o->time_ns, 8);
	p = put_le(p, o->frame, 8);
	p = put_le(p, o->list, 1);
	bool last = o->last && items == o->n;
	p = put_le(p, (o->request_seen ? FLAG_REQUEST_SEEN : 0) | (o->first ? FLAG_FIRST : 0) | (last ? FLAG_LAST : 0) |
	              (o->cut ? FLAG_CUT : 0), 1);
	p = put_le(p, o->cursor, 8);
	p = put_le(p, o->next_cursor, 8);
	p = put_le(p, o->total, 8);
	p = put_le(p, items, 4);
	for (size_t i = 0; i < items; i++) {
		const struct definition *d = &o->items[i];
		p = put_le(p, d->bytes, 8);
		p = put_le(p, d->flags, 1);
		p = put_le(p, d->hints, 1);
		p = put(p, d->hash, sizeof d->hash);
		p = put(p, d->parts, sizeof d->parts);
		p = put_string(p, d->name, LIMIT_OFFER_NAME);
		p = put_string(p, d->text, LIMIT_DEFINITION_TEXT);
	}
	*ret_items = items;
	*ret_n = (size_t)(p - bytes);
	assert(*ret_n <= room);
	return bytes;
}

static uint64_t get_le(struct cursor *c, unsigned bytes)
{
	struct slice s = cursor_take(c, bytes);
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++)
		v |= (uint64_t)s.p[i] << 8 * i;
	return v;
}

/* Borrows from the cursor's bytes. A NUL inside would hide what follows it from everybody who reads C strings. */
static const char *get_string(struct cursor *c, size_t cap)
{
	uint64_t n = get_le(c, 2);
	if (n == NULL_STRING)
		return NULL;
	struct slice s = cursor_take(c, n + 1);
	if (c->bad || n >= cap || s.p[n] != 0 || memchr(s.p, 0, n)) {
		c->bad = true;
		return NULL;
	}
	const char *text = (const char *)s.p;
	for (s.n = n; s.n && !c->bad;) {
		size_t len = utf8_char_len(s);
		c->bad |= len == 0;
		s = slice_after(s, len);
	}
	return text;
}

static void get_item(struct cursor *c, struct definition *d)
{
	d->bytes = get_le(c, 8);
	d->flags = (uint8_t)get_le(c, 1);
	d->hints = (uint8_t)get_le(c, 1);
	struct slice hash = cursor_take(c, sizeof d->hash), parts = cursor_take(c, sizeof d->parts);
	if (hash.n && parts.n) {
		memcpy(d->hash, hash.p, sizeof d->hash);
		memcpy(d->parts, parts.p, sizeof d->parts);
	}
	d->name = get_string(c, LIMIT_OFFER_NAME);
	d->text = get_string(c, LIMIT_DEFINITION_TEXT);
	c->bad |= !d->name || !d->name[0] || d->flags & ~DEFINITION_FLAGS || d->hints & ~HINTS_ALL;
}

/* Items and a private copy of the bytes, in which the strings stay, are one block: who wrote the bytes may still hold them. */
bool offer_decode(const uint8_t *bytes, size_t n, struct offer_box *ret)
{
	*ret = (struct offer_box){0};
	errno = EINVAL;
	if (n < HEAD_BYTES)
		return false;
	struct cursor head = cursor_of(slice_of(bytes + HEAD_BYTES - 4, 4));
	uint64_t items = get_le(&head, 4);
	if (items > LIMIT_OFFER_DEFINITIONS || items > n / ITEM_BYTES + 1)
		return false;
	size_t array = items * sizeof(struct definition);
	uint8_t *memory = malloc(array + n);
	if (!memory) {
		errno = ENOMEM;
		return false;
	}
	memset(memory, 0, array);
	memcpy(memory + array, bytes, n);
	struct offer o = {.items = (struct definition *)(void *)memory, .n = items};
	struct cursor c = cursor_of(slice_of(memory + array, n));
	struct slice magic = cursor_take(&c, 4);
	o.connection = record_ref_get(cursor_take(&c, RECORD_REF_BYTES).p);
	o.time_ns = (int64_t)get_le(&c, 8);
	o.frame = get_le(&c, 8);
	uint64_t list = get_le(&c, 1), flags = get_le(&c, 1);
	o.cursor = get_le(&c, 8);
	o.next_cursor = get_le(&c, 8);
	o.total = get_le(&c, 8);
	c.bad |= get_le(&c, 4) != items; /* changed under our hands */
	c.bad |= memcmp(magic.p, record_magic[RECORD_OFFER], 3) != 0 || magic.p[3] != 1;
	c.bad |= list == LIST_NONE || list >= LIST_COUNT || flags & ~(uint64_t)FLAGS_ALL;
	o.list = c.bad ? LIST_NONE : (enum definition_list)list;
	o.request_seen = flags & FLAG_REQUEST_SEEN;
	o.first = flags & FLAG_FIRST;
	o.last = flags & FLAG_LAST;
	o.cut = flags & FLAG_CUT;
	for (size_t i = 0; i < o.n && !c.bad; i++)
		get_item(&c, &o.items[i]);
	if (c.bad || cursor_left(&c) != 0) {
		free(memory);
		errno = EINVAL;
		return false;
	}
	*ret = (struct offer_box){o, memory};
	return true;
}

void offer_box_done(struct offer_box *b)
{
	free(b->memory);
	*b = (struct offer_box){0};
}
