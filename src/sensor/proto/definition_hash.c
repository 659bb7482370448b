/* The canonical form (docs/offers.md has it for others to repeat). A value is written as tokens: `n`, `t`, `f`, `#` and a
 * number as it stands and NUL, `s` and a string's UTF-8 and NUL (there is no NUL in it: U+0000 is 0xc0 0x80), `[` and the
 * elements and `]`, `o` and the hash of an object. A member is the SHA-256 of its key, NUL, and its value's tokens. An object
 * is the SHA-256 of its members' hashes in the order of a 64-bit hash of their keys; of members with the same key, which
 * parsers read differently, the order in the text stays and counts. A part is the same over the members that belong to it.
 *
 * Two keys of the same 64-bit hash, which somebody can make, would keep the order of the text too: then the same content in
 * another order has another hash. What differs in content always does. */
#include "definition_hash.h"
#include "limits.h"
#include <stdlib.h>

struct member {
	uint64_t key; /* FNV-1a */
	uint32_t order;
	uint8_t part;
	uint8_t digest[SHA256_BYTES];
};

/* An object that is open. */
struct frame {
	struct sha256 sha; /* of the member that is being read */
	uint64_t key;
	uint32_t first;    /* its members begin here */
	uint8_t part;
	bool in_key;
};

struct definition_hash {
	struct frame frames[LIMIT_DEFINITION_DEPTH + 1];
	uint64_t arrays[(LIMIT_DEFINITION_DEPTH + 64) / 64]; /* a bit per container inside: array or object */
	unsigned depth;    /* containers open inside the outermost object */
	unsigned objects;  /* frames in use */
	bool over;
	struct member *members;
	uint32_t n, cap;
};

struct definition_hash *definition_hash_new(void)
{
	return calloc(1, sizeof(struct definition_hash));
}

static struct frame *top(struct definition_hash *h)
{
	return &h->frames[h->objects - 1];
}

static void token(struct definition_hash *h, char c)
{
	sha256_update(&top(h)->sha, slice_of(&c, 1));
}

static void member_begin(struct frame *f)
{
	sha256_init(&f->sha);
	f->key = 14695981039346656037u;
	f->in_key = true;
	f->part = PART_OTHER;
}

static void object_begin(struct definition_hash *h)
{
	h->objects++;
	top(h)->first = h->n;
	member_begin(top(h));
}

void definition_hash_begin(struct definition_hash *h)
{
	h->n = 0;
	h->objects = 0;
	h->depth = 0;
	h->over = false;
	object_begin(h);
}

void definition_hash_piece(struct definition_hash *h, struct slice piece)
{
	if (h->over)
		return;
	struct frame *f = top(h);
	sha256_update(&f->sha, piece);
	for (size_t i = 0; f->in_key && i < piece.n; i++)
		f->key = (f->key ^ piece.p[i]) * 1099511628211u;
}

void definition_hash_key(struct definition_hash *h, enum definition_part part)
{
	if (h->over)
		return;
	token(h, '\0');
	top(h)->in_key = false;
	top(h)->part = (uint8_t)part;
}

static bool in_array(const struct definition_hash *h)
{
	unsigned level = h->depth - 1;
	return h->depth && h->arrays[level / 64] >> (level % 64) & 1;
}

static bool make_room(struct definition_hash *h)
{
	if (h->n < h->cap)
		return true;
	uint32_t cap = h->cap ? h->cap * 2 : 64;
	struct member *grown = h->n < LIMIT_DEFINITION_MEMBERS ? realloc(h->members, cap * sizeof *grown) : NULL;
	if (!grown)
		return false;
	h->members = grown;
	h->cap = cap;
	return true;
}

/* A value ended: of a member of an object, that is the member's end. */
static void value_end(struct definition_hash *h)
{
	struct frame *f = top(h);
	if (in_array(h))
		return;
	if (!make_room(h)) {
		h->over = true;
		return;
	}
	struct member *m = &h->members[h->n];
	*m = (struct member){.key = f->key, .order = h->n, .part = f->part};
	sha256_final(&f->sha, m->digest);
	h->n++;
	member_begin(f);
}

void definition_hash_value(struct definition_hash *h, enum json_type type, bool truth)
{
	static const char tokens[] = {[JSON_NULL] = 'n', [JSON_NUMBER] = '#', [JSON_STRING] = 's', [JSON_ARRAY] = '[', [JSON_OBJECT] = 'o'};
	bool container = type == JSON_ARRAY || type == JSON_OBJECT;
	h->over |= container && h->depth >= LIMIT_DEFINITION_DEPTH;
	if (!h->over)
		token(h, type == JSON_BOOL ? truth ? 't' : 'f' : tokens[type]);
	if (container) {
		unsigned level = h->depth++;
		if (h->over)
			return;
		uint64_t bit = UINT64_C(1) << (level % 64);
		h->arrays[level / 64] = type == JSON_ARRAY ? h->arrays[level / 64] | bit : h->arrays[level / 64] & ~bit;
		if (type == JSON_OBJECT)
			object_begin(h);
	} else if (!h->over && (type == JSON_BOOL || type == JSON_NULL)) {
		value_end(h);
	}
}

static int by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void object_end(struct definition_hash *h, uint8_t out[SHA256_BYTES])
{
	struct sha256 sha;
	uint32_t first = top(h)->first;
	if (h->n > first + 1)
		qsort(h->members + first, h->n - first, sizeof *h->members, by_key);
	sha256_init(&sha);
	for (uint32_t i = first; i < h->n; i++)
		sha256_update(&sha, slice_of(h->members[i].digest, SHA256_BYTES));
	sha256_final(&sha, out);
}

void definition_hash_end(struct definition_hash *h, enum json_type type)
{
	bool container = type == JSON_ARRAY || type == JSON_OBJECT;
	if (!h->over) {
		uint8_t digest[SHA256_BYTES];
		if (type == JSON_OBJECT) {
			object_end(h, digest);
			h->n = top(h)->first;
			h->objects--;
			sha256_update(&top(h)->sha, slice_of(digest, sizeof digest));
		} else {
			token(h, type == JSON_ARRAY ? ']' : '\0');
		}
	}
	h->depth -= container;
	if (!h->over)
		value_end(h);
}

bool definition_hash_finish(struct definition_hash *h, uint8_t ret_hash[SHA256_BYTES],
                            uint8_t ret_parts[PART_COUNT][DEFINITION_PART_BYTES])
{
	if (h->over)
		return false;
	object_end(h, ret_hash);
	for (int part = 0; part < PART_COUNT; part++) {
		struct sha256 sha;
		uint8_t digest[SHA256_BYTES] = {0};
		bool any = false;
		sha256_init(&sha);
		for (uint32_t i = 0; i < h->n; i++)
			if (h->members[i].part == part) {
				sha256_update(&sha, slice_of(h->members[i].digest, SHA256_BYTES));
				any = true;
			}
		if (any)
			sha256_final(&sha, digest);
		memcpy(ret_parts[part], digest, DEFINITION_PART_BYTES);
	}
	return true;
}

unsigned definition_hash_depth(const struct definition_hash *h)
{
	return h->depth;
}

size_t definition_hash_memory(const struct definition_hash *h)
{
	return sizeof *h + h->cap * sizeof *h->members;
}

void definition_hash_free(struct definition_hash *h)
{
	if (!h)
		return;
	free(h->members);
	free(h);
}
