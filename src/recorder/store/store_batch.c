#include "store_batch.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(LIMIT_STORE_BATCH_ROWS * 2 <= STORE_BATCH_SLOTS && LIMIT_STORE_BATCH_ROWS < UINT16_MAX,
               "a slot names a row");

/* jansson's nodes on a 64-bit machine, with what malloc adds. */
#define VALUE_BYTES 48
#define CONTAINER_BYTES 160
#define MEMBER_BYTES 96
#define ELEMENT_BYTES 16

size_t store_batch_weigh(const json_t *value)
{
	size_t n = VALUE_BYTES;
	if (json_is_string(value))
		return n + json_string_length(value);
	if (json_is_array(value)) {
		n += CONTAINER_BYTES;
		for (size_t i = 0; i < json_array_size(value); i++)
			n += ELEMENT_BYTES + store_batch_weigh(json_array_get(value, i));
	} else if (json_is_object(value)) {
		const char *name;
		json_t *member, *object = (json_t *)value; /* the macro takes no const; nothing is changed */
		n += CONTAINER_BYTES;
		json_object_foreach(object, name, member)
			n += MEMBER_BYTES + strlen(name) + store_batch_weigh(member);
	}
	return n;
}

/* FNV-1a without a key: the ids are SHA-256 already, and who could steer them gains 500 comparisons of a look-up at
 * most. */
static size_t slot_of(const struct store_batch *b, const char *id)
{
	uint32_t hash = 2166136261u;
	for (const char *p = id; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	size_t slot = hash % STORE_BATCH_SLOTS;
	while (b->slots[slot] && strcmp(b->rows[b->slots[slot] - 1].id, id) != 0)
		slot = (slot + 1) % STORE_BATCH_SLOTS;
	return slot;
}

bool store_batch_fits(const struct store_batch *b, const char *id, size_t bytes)
{
	uint16_t known = b->slots[slot_of(b, id)];
	size_t others = b->bytes - (known ? b->rows[known - 1].bytes : 0);
	if (others == 0)
		return true;
	return (known || b->n < LIMIT_STORE_BATCH_ROWS) && others + bytes <= LIMIT_STORE_BATCH_BYTES;
}

static void row_done(struct store_batch_row *row)
{
	free(row->row);
	json_decref(row->event);
}

void store_batch_put_take(struct store_batch *b, const char *id, struct store_row *packed, json_t *event, size_t bytes)
{
	size_t slot = slot_of(b, id);
	struct store_batch_row *row;
	if (b->slots[slot]) {
		row = &b->rows[b->slots[slot] - 1];
		b->bytes -= row->bytes;
		row_done(row);
	} else {
		assert(b->n < LIMIT_STORE_BATCH_ROWS);
		row = &b->rows[b->n++];
		b->slots[slot] = (uint16_t)b->n;
	}
	*row = (struct store_batch_row){.row = packed, .event = event, .bytes = bytes};
	snprintf(row->id, sizeof row->id, "%s", id);
	b->bytes += bytes;
}

void store_batch_clear(struct store_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		row_done(&b->rows[i]);
	memset(b->slots, 0, sizeof b->slots);
	b->n = b->bytes = 0;
}
