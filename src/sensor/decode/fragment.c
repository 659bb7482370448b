/* The algorithm. Each datagram that waits is a slot, found by a keyed hash of what identifies it; its payload is a list
 * of pieces sorted by offset that never overlap. A new fragment adds only what no piece covers: the first copy of a
 * byte wins. Where copies overlap, hosts differ, so the sensor follows what most targets do today:
 *  - a fragment that lies within what is there already is a duplicate and is dropped (as Linux and FreeBSD do);
 *  - IPv4, partial overlap: the new bytes are added (RFC 791 3.2 allows either; Windows and BSD keep the first copy).
 *    Linux drops such a datagram since 2018, so there the sensor may see one that its target did not;
 *  - IPv6, partial overlap: the datagram is dropped (RFC 5722 4, RFC 8200 4.5) and its slot freed, as all current
 *    hosts do. Fragments that come later start afresh: remembering the bad id would let a forged fragment hide a
 *    datagram that the sender repeats.
 * Conflicting bytes are counted in every case. A fragment that the capture cut keeps its place with the missing bytes
 * known to be missing; the datagram then ends, for the reader, before the first of them.
 *
 * Slots and pieces come from fixed arrays, allocated once, so that no packet allocates; pages that no fragment ever
 * touched cost nothing. At a cap the oldest datagram is given up. Known weakness: a flood of fragments pushes honest
 * ones out before they are complete; that is counted, and TCP then sees a gap. */
#include "fragment.h"
#include "frame.h"
#include "limits.h"
#include "siphash.h"

#include <assert.h>
#include <stdlib.h>

enum { DATAGRAM_MAX = 65535, HEADER_MAX = 40, BUCKETS = 2048 };

struct piece {
	uint16_t start;
	uint16_t n;        /* bytes on the wire from start on */
	uint16_t captured; /* how many of them are in bytes */
	uint16_t next;     /* index of the next piece of the datagram, or of the free list; 0 ends either */
	uint8_t bytes[1528]; /* holds a fragment of a 1500-byte link; larger fragments take several pieces */
};

enum { PIECES = LIMIT_FRAGMENT_BYTES / sizeof(struct piece) };

_Static_assert(PIECES < UINT16_MAX && LIMIT_FRAGMENT_DATAGRAMS < UINT16_MAX, "indices are 16 bits wide");

/* Plain bytes, so that it can be hashed and compared whole. */
struct fragment_key {
	uint8_t b[3 + ENCAP_MAX * 5 + 16 + 16 + 4];
};

struct slot {
	struct fragment_key key;
	int64_t first_ns;
	uint32_t have;  /* bytes that pieces cover */
	uint32_t total; /* payload length; 0 until the last fragment told it */
	uint32_t end;   /* furthest byte seen */
	uint16_t first_piece, pieces;
	uint16_t chain;        /* next slot in the bucket, or of the free list */
	uint16_t older, newer; /* order of arrival */
	uint16_t header_bytes; /* of the first fragment; 0 until it came */
	uint8_t proto;
	uint8_t family;
	uint8_t header[HEADER_MAX];
};

/* Index 0 of slots and pieces is never used: it means "none". Zeroed memory is an empty table. */
struct fragment_table {
	struct anomaly_counts *anomalies;
	struct hash_key hash;
	uint32_t slots_used, pieces_used;         /* in use */
	uint16_t slots_touched, pieces_touched;   /* ever in use: above lies untouched memory */
	uint16_t free_slot, free_piece;
	uint16_t oldest, newest;
	uint16_t bucket[BUCKETS];
	struct slot slots[LIMIT_FRAGMENT_DATAGRAMS + 1];
	uint8_t whole[HEADER_MAX + DATAGRAM_MAX];
	struct piece pieces[PIECES + 1];
};

struct fragment_table *fragment_table_new(struct anomaly_counts *anomalies)
{
	struct fragment_table *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->anomalies = anomalies;
	if (!hash_key_random(&t->hash)) {
		free(t);
		return NULL;
	}
	return t;
}

void fragment_table_free(struct fragment_table *t)
{
	free(t);
}

size_t fragment_table_memory(const struct fragment_table *t)
{
	return t->slots_used * sizeof(struct slot) + t->pieces_used * sizeof(struct piece);
}

/* IPv4 identifies a datagram by protocol too (RFC 791 3.2), IPv6 does not (RFC 8200 4.5). The same addresses in another
 * VLAN are other hosts. */
static struct fragment_key key_of(const struct fragment *f)
{
	struct fragment_key key = {{f->family, f->family == 4 ? f->proto : 0, f->encap->n}};
	uint8_t *b = key.b + 3;
	for (unsigned i = 0; i < f->encap->n; i++) {
		*b++ = f->encap->layer[i].kind;
		memcpy(b, &f->encap->layer[i].id, 4);
		b += 4;
	}
	size_t address = f->family == 4 ? 4 : 16;
	memcpy(b, f->src, address);
	memcpy(b + address, f->dst, address);
	memcpy(b + 2 * address, &f->id, 4);
	return key;
}

static uint16_t *bucket_of(struct fragment_table *t, const struct fragment_key *key)
{
	return &t->bucket[siphash(&t->hash, key->b, sizeof key->b) % BUCKETS];
}

static void slot_drop(struct fragment_table *t, uint16_t which)
{
	struct slot *s = &t->slots[which];
	while (s->first_piece) {
		uint16_t i = s->first_piece;
		s->first_piece = t->pieces[i].next;
		t->pieces[i].next = t->free_piece;
		t->free_piece = i;
		t->pieces_used--;
	}
	uint16_t *link = bucket_of(t, &s->key);
	while (*link != which)
		link = &t->slots[*link].chain;
	*link = s->chain;
	*(s->older ? &t->slots[s->older].newer : &t->oldest) = s->newer;
	*(s->newer ? &t->slots[s->newer].older : &t->newest) = s->older;
	s->chain = t->free_slot;
	t->free_slot = which;
	t->slots_used--;
}

static void slot_give_up(struct fragment_table *t, uint16_t which, enum anomaly why)
{
	anomaly_count(t->anomalies, why);
	slot_drop(t, which);
}

/* Packet time may jump either way (files joined, clocks set): far is far in both directions. */
static bool slot_is_old(const struct slot *s, int64_t now_ns)
{
	uint64_t age = now_ns > s->first_ns ? (uint64_t)now_ns - (uint64_t)s->first_ns
					    : (uint64_t)s->first_ns - (uint64_t)now_ns;
	return age > (uint64_t)(LIMIT_FRAGMENT_SECONDS * NS_PER_SEC);
}

void fragment_table_age(struct fragment_table *t, int64_t now_ns)
{
	while (t->oldest && slot_is_old(&t->slots[t->oldest], now_ns))
		slot_give_up(t, t->oldest, ANOMALY_FRAGMENT_TIMEOUT);
}

static uint16_t slot_find(struct fragment_table *t, const struct fragment_key *key)
{
	uint16_t i = *bucket_of(t, key);
	while (i && memcmp(t->slots[i].key.b, key->b, sizeof key->b) != 0)
		i = t->slots[i].chain;
	return i;
}

static uint16_t slot_take(struct fragment_table *t, const struct fragment_key *key, uint8_t family, int64_t now_ns)
{
	if (t->slots_used == LIMIT_FRAGMENT_DATAGRAMS)
		slot_give_up(t, t->oldest, ANOMALY_FRAGMENT_LIMIT);
	uint16_t which = t->free_slot;
	if (which)
		t->free_slot = t->slots[which].chain;
	else
		which = ++t->slots_touched;
	uint16_t *bucket = bucket_of(t, key);
	t->slots[which] = (struct slot){
		.key = *key,
		.first_ns = now_ns,
		.family = family,
		.chain = *bucket,
		.older = t->newest,
	};
	*bucket = which;
	*(t->newest ? &t->slots[t->newest].newer : &t->oldest) = which;
	t->newest = which;
	t->slots_used++;
	return which;
}

/* A free piece for this datagram, at the cost of the oldest one if need be; 0 when this is the one to give up. */
static uint16_t piece_take(struct fragment_table *t, uint16_t which)
{
	if (t->slots[which].pieces == LIMIT_FRAGMENTS_PER_DATAGRAM)
		return 0;
	while (t->pieces_used == PIECES) {
		if (t->oldest == which)
			return 0;
		slot_give_up(t, t->oldest, ANOMALY_FRAGMENT_LIMIT);
	}
	uint16_t i = t->free_piece;
	if (i)
		t->free_piece = t->pieces[i].next;
	else
		i = ++t->pieces_touched;
	t->pieces_used++;
	t->slots[which].pieces++;
	return i;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t piece_end(const struct piece *q)
{
	return (uint32_t)q->start + q->n;
}

/* How many bytes of the fragment are there already, and whether any of them differ. */
static uint32_t slot_covers(const struct fragment_table *t, const struct slot *s, const struct fragment *f,
			    bool *ret_conflict)
{
	uint32_t covered = 0, end = f->offset + f->bytes;
	bool conflict = false;
	for (uint16_t i = s->first_piece; i && t->pieces[i].start < end; i = t->pieces[i].next) {
		const struct piece *q = &t->pieces[i];
		uint32_t from = q->start > f->offset ? q->start : f->offset;
		uint32_t to = min_u32(piece_end(q), end);
		if (from >= to)
			continue;
		covered += to - from;
		uint32_t seen = min_u32(to, min_u32((uint32_t)q->start + q->captured, f->offset + (uint32_t)f->data.n));
		if (from < seen && memcmp(q->bytes + (from - q->start), f->data.p + (from - f->offset), seen - from) != 0)
			conflict = true;
	}
	*ret_conflict = conflict;
	return covered;
}

/* Adds what no piece covers. False when a cap was met. */
static bool slot_fill(struct fragment_table *t, uint16_t which, const struct fragment *f)
{
	struct slot *s = &t->slots[which];
	uint32_t end = f->offset + f->bytes, captured_end = f->offset + (uint32_t)f->data.n;
	uint16_t *link = &s->first_piece;
	for (uint32_t at = f->offset; at < end;) {
		struct piece *next = *link ? &t->pieces[*link] : NULL;
		if (next && next->start <= at) {
			if (piece_end(next) > at)
				at = piece_end(next);
			link = &next->next;
			continue;
		}
		uint32_t stop = next ? min_u32(next->start, end) : end;
		uint32_t captured = captured_end > at ? min_u32(captured_end, stop) - at : 0;
		if (captured > sizeof next->bytes) {
			captured = sizeof next->bytes;
			stop = at + captured;
		}
		uint16_t i = piece_take(t, which);
		if (!i)
			return false;
		struct piece *q = &t->pieces[i];
		q->start = (uint16_t)at;
		q->n = (uint16_t)(stop - at);
		q->captured = (uint16_t)captured;
		if (captured)
			memcpy(q->bytes, f->data.p + (at - f->offset), captured);
		q->next = *link;
		*link = i;
		link = &q->next;
		s->have += stop - at;
		at = stop;
	}
	return true;
}

/* The header that the datagram gets: the first fragment's, without options or extension headers, which nobody reads. */
static void slot_keep_header(struct slot *s, const struct fragment *f)
{
	s->header_bytes = (uint16_t)f->header_bytes;
	s->proto = f->proto;
	if (f->family == 4) {
		memcpy(s->header, f->ip, 20);
		s->header[0] = 0x45;
		memset(s->header + 6, 0, 2);  /* flags and offset */
		memset(s->header + 10, 0, 2); /* checksum: not computed, nobody checks it */
	} else {
		memcpy(s->header, f->ip, 40);
		s->header[6] = f->proto;
	}
}

static void put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static struct whole slot_assemble(struct fragment_table *t, struct slot *s)
{
	size_t header = s->family == 4 ? 20 : 40;
	uint8_t *ip = t->whole + HEADER_MAX - header;
	if (s->family == 4)
		put_be16(s->header + 2, (uint32_t)header + s->total);
	else
		put_be16(s->header + 4, s->total);
	memcpy(ip, s->header, header);
	uint32_t n = 0;
	for (uint16_t i = s->first_piece; i; i = t->pieces[i].next) {
		const struct piece *q = &t->pieces[i];
		memcpy(t->whole + HEADER_MAX + q->start, q->bytes, q->captured);
		n += q->captured;
		if (q->captured < q->n)
			break;
	}
	return (struct whole){
		.ip = slice_of(ip, header + n),
		.payload = slice_of(t->whole + HEADER_MAX, n),
		.payload_bytes = s->total,
		.wire_bytes = s->header_bytes + s->total,
		.proto = s->proto,
	};
}

static enum fragment_result refuse(struct fragment_table *t, enum anomaly why)
{
	anomaly_count(t->anomalies, why);
	return FRAGMENT_REFUSED;
}

enum fragment_result fragment_push(struct fragment_table *t, const struct fragment *fragment, int64_t now_ns,
				   struct whole *ret)
{
	struct fragment f = *fragment;
	if (f.more && f.bytes % 8) {
		/* Only the last may end between units of 8. IPv4 hosts round down (RFC 791 3.2 sends none such), IPv6
		 * hosts refuse (RFC 8200 4.5). */
		if (f.family == 6)
			return refuse(t, ANOMALY_FRAGMENT_BAD);
		anomaly_count(t->anomalies, ANOMALY_FRAGMENT_BAD);
		f.bytes &= ~7u;
		f.data = slice_first(f.data, f.bytes);
		if (f.bytes == 0)
			return FRAGMENT_REFUSED;
	}
	uint32_t end = f.offset + f.bytes;
	uint32_t counted_header = f.family == 4 ? f.header_bytes : f.header_bytes - 40; /* IPv6 counts from after it */
	/* Empty, or past the largest datagram: the "ping of death" (CVE-1999-0128). */
	if (f.bytes == 0 || counted_header + end > DATAGRAM_MAX)
		return refuse(t, ANOMALY_FRAGMENT_BAD);

	struct fragment_key key = key_of(&f);
	uint16_t which = slot_find(t, &key);
	if (which && slot_is_old(&t->slots[which], now_ns)) {
		slot_give_up(t, which, ANOMALY_FRAGMENT_TIMEOUT);
		which = 0;
	}
	if (!which)
		which = slot_take(t, &key, f.family, now_ns);
	struct slot *s = &t->slots[which];

	/* Two ends, or bytes behind the end: hosts drop the later claim. */
	if (s->total ? (f.more ? end > s->total : end != s->total) : !f.more && end < s->end)
		return refuse(t, ANOMALY_FRAGMENT_BAD);
	if (!f.more)
		s->total = end;
	if (end > s->end)
		s->end = end;

	bool conflict;
	uint32_t covered = slot_covers(t, s, &f, &conflict);
	if (conflict)
		anomaly_count(t->anomalies, ANOMALY_FRAGMENT_CONFLICT);
	/* A span port shows packets twice: a true duplicate is no anomaly. Teardrop (CVE-1999-0015) and evasion are. */
	if (covered && (covered < f.bytes || conflict))
		anomaly_count(t->anomalies, ANOMALY_FRAGMENT_OVERLAP);
	if (f.family == 6 && covered && covered < f.bytes) {
		slot_drop(t, which);
		return FRAGMENT_REFUSED;
	}
	if (f.offset == 0 && s->header_bytes == 0)
		slot_keep_header(s, &f);
	if (covered < f.bytes && !slot_fill(t, which, &f)) {
		slot_give_up(t, which, ANOMALY_FRAGMENT_LIMIT);
		return FRAGMENT_REFUSED;
	}
	if (s->total == 0 || s->have < s->total)
		return FRAGMENT_HELD;
	assert(s->have == s->total && s->header_bytes);
	*ret = slot_assemble(t, s);
	slot_drop(t, which);
	return FRAGMENT_COMPLETE;
}
