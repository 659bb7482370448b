#include "definition_reader.h"
#include "definition_hash.h"
#include "definition_text.h"
#include "hint_scan.h"
#include "limits.h"
#include "resource_uri.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>

struct definition_reader {
	struct definition_page page;
	size_t cap, bytes;       /* of items; kept in all */
	uint64_t read;           /* bytes of the text that were hashed */
	struct definition_hash *hash;
	struct definition_text *text; /* NULL: not wanted */
	struct hint_scan scan;
	struct sha256 name_hash; /* of all of the name, of which only so much is kept */
	uint64_t at;             /* of the definition that is being read */
	bool known_key, name_next, in_name, has_name;
	char name[LIMIT_OFFER_NAME];
};

struct definition_reader *definition_reader_new(bool texts)
{
	struct definition_reader *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->hash = definition_hash_new();
	r->text = texts ? malloc(sizeof *r->text) : NULL;
	if (r->hash && (r->text || !texts))
		return r;
	definition_reader_free(r);
	return NULL;
}

void definition_reader_reset(struct definition_reader *r)
{
	for (size_t i = 0; i < r->page.n; i++) {
		free((char *)r->page.items[i].name);
		free((char *)r->page.items[i].text);
	}
	free(r->page.items);
	r->page = (struct definition_page){0};
	r->cap = r->bytes = 0;
	r->read = 0;
}

bool definition_reader_list(struct definition_reader *r, enum definition_list list)
{
	if (r->page.list != LIST_NONE)
		return false;
	r->page.list = list;
	return true;
}

bool definition_reader_begin(struct definition_reader *r, enum json_type type, uint64_t at)
{
	r->page.total++;
	if (type != JSON_OBJECT || r->page.n == LIMIT_OFFER_DEFINITIONS || r->bytes >= LIMIT_OFFER_PAGE_BYTES ||
	    r->read >= LIMIT_OFFER_PAGE_READ) {
		r->page.cut = true;
		return false;
	}
	r->at = at;
	r->has_name = r->known_key = r->name_next = r->in_name = false;
	definition_hash_begin(r->hash);
	hint_scan_init(&r->scan);
	if (r->text)
		definition_text_begin(r->text);
	return true;
}

void definition_reader_piece(struct definition_reader *r, struct slice piece)
{
	definition_hash_piece(r->hash, piece);
	hint_scan_piece(&r->scan, piece);
	if (r->text)
		definition_text_piece(r->text, piece);
	if (r->in_name)
		sha256_update(&r->name_hash, piece);
}

static const char *identity(enum definition_list list)
{
	return list == LIST_RESOURCES ? "uri" : list == LIST_TEMPLATES ? "uriTemplate" : "name";
}

static enum definition_part part_of(enum definition_list list, struct slice key)
{
	static const struct { const char *key; enum definition_part part; } parts[] = {
		{"name", PART_NAME}, {"title", PART_DESCRIPTION}, {"description", PART_DESCRIPTION},
		{"inputSchema", PART_INPUT_SCHEMA}, {"outputSchema", PART_OUTPUT_SCHEMA}, {"annotations", PART_ANNOTATIONS}};
	if (slice_eq_str(key, identity(list)))
		return PART_COUNT;
	if (list == LIST_PROMPTS && slice_eq_str(key, "arguments"))
		return PART_INPUT_SCHEMA;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (slice_eq_str(key, parts[i].key))
			return parts[i].part;
	return PART_OTHER;
}

void definition_reader_key(struct definition_reader *r, struct slice key, bool cut)
{
	enum definition_part part = cut ? PART_OTHER : part_of(r->page.list, key);
	definition_hash_key(r->hash, part);
	if (r->text)
		definition_text_key(r->text);
	hint_scan_text(&r->scan);
	/* the first of two names counts here; the hash has both */
	r->name_next = part == PART_COUNT && definition_hash_depth(r->hash) == 0 && !r->has_name;
}

size_t definition_reader_value(struct definition_reader *r, enum json_type type, bool truth)
{
	definition_hash_value(r->hash, type, truth);
	if (r->text)
		definition_text_value(r->text, type, truth);
	hint_scan_text(&r->scan);
	r->in_name = r->name_next && type == JSON_STRING;
	r->name_next = false;
	if (r->in_name)
		sha256_init(&r->name_hash);
	return r->in_name ? LIMIT_OFFER_NAME - 1 : 1;
}

/* What in a resource's URI may be a credential is left out, and so is what does not fit. What stays would be the name of several definitions:
 * the beginning of the whole's hash tells them apart. */
static void take_name(struct definition_reader *r, struct slice text, bool cut)
{
	bool uri = r->page.list == LIST_RESOURCES || r->page.list == LIST_TEMPLATES;
	uint8_t digest[SHA256_BYTES];
	char plain[LIMIT_OFFER_NAME] = "";
	size_t mark = 10; /* "~" and 8 digits, and the NUL */
	if ((!uri || resource_uri_plain(text, r->page.list == LIST_TEMPLATES, plain, sizeof plain)) && !cut) {
		text_copy(r->name, sizeof r->name, text);
		return;
	}
	text_copy(r->name, sizeof r->name - mark + 1, uri ? slice_str(plain) : text);
	sha256_final(&r->name_hash, digest);
	snprintf(r->name + strlen(r->name), mark, "~%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
}

void definition_reader_end(struct definition_reader *r, enum json_type type, struct slice text, bool cut)
{
	definition_hash_end(r->hash, type);
	if (r->text)
		definition_text_end(r->text, type);
	hint_scan_text(&r->scan);
	if (!r->in_name)
		return;
	r->in_name = false;
	r->has_name = text.n != 0;
	take_name(r, text, cut);
}

static bool make_room(struct definition_reader *r)
{
	if (r->page.n < r->cap)
		return true;
	size_t cap = r->cap ? r->cap * 2 : 16;
	struct definition *grown = realloc(r->page.items, cap * sizeof *grown);
	if (!grown)
		return false;
	r->page.items = grown;
	r->cap = cap;
	return true;
}

void definition_reader_finish(struct definition_reader *r, uint64_t at)
{
	struct definition d = {.bytes = at - r->at, .hints = r->scan.hints};
	r->read += d.bytes;
	if (!definition_hash_finish(r->hash, d.hash, d.parts))
		d.flags |= DEFINITION_UNHASHED;
	if (!r->has_name || !make_room(r)) {
		r->page.cut = true;
		return;
	}
	if (r->text) {
		const char *text = definition_text_finish(r->text);
		bool room = r->bytes + r->text->n < LIMIT_OFFER_PAGE_BYTES;
		d.text = room ? strndup(text, r->text->n) : NULL;
		if (r->text->cut || !d.text)
			d.flags |= DEFINITION_TEXT_CUT;
		r->bytes += d.text ? r->text->n : 0;
	}
	d.name = strdup(r->name);
	if (!d.name) {
		free((char *)d.text);
		r->page.cut = true;
		return;
	}
	r->bytes += sizeof d + strlen(d.name);
	r->page.items[r->page.n++] = d;
}

static int by_name(const void *a, const void *b)
{
	const struct definition *const *x = a, *const *y = b;
	int order = strcmp((*x)->name, (*y)->name);
	return order ? order : *x < *y ? -1 : *x > *y;
}

/* Which of two clients take differs, so both are kept: the k-th has "~k" behind its name. */
static void mark_duplicates(struct definition_page *p)
{
	struct definition **sorted = p->n > 1 ? malloc(p->n * sizeof(struct definition *)) : NULL;
	if (!sorted)
		return;
	for (size_t i = 0; i < p->n; i++)
		sorted[i] = &p->items[i];
	qsort(sorted, p->n, sizeof(struct definition *), by_name);
	for (size_t i = 1, first = 0; i < p->n; i++) {
		if (strcmp(sorted[first]->name, sorted[i]->name) != 0) {
			first = i;
			continue;
		}
		char *name, cut[LIMIT_OFFER_NAME - 8];
		text_copy(cut, sizeof cut, slice_str(sorted[i]->name));
		if (asprintf(&name, "%s~%zu", cut, i - first + 1) < 0)
			continue;
		free((char *)sorted[i]->name);
		sorted[i]->name = name;
		sorted[i]->flags |= DEFINITION_DUPLICATE;
	}
	free(sorted);
}

const struct definition_page *definition_reader_page(struct definition_reader *r)
{
	if (r->page.list == LIST_NONE)
		return NULL;
	mark_duplicates(&r->page);
	return &r->page;
}

size_t definition_reader_memory(const struct definition_reader *r)
{
	return sizeof *r + definition_hash_memory(r->hash) + (r->text ? sizeof *r->text : 0) + r->bytes + r->page.n * 32;
}

void definition_reader_free(struct definition_reader *r)
{
	if (!r)
		return;
	definition_reader_reset(r);
	definition_hash_free(r->hash);
	free(r->text);
	free(r);
}
