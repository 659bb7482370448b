/* Frames -> records in one arena of bytes, oldest first; a frame that finds no room pushes the oldest out. Called by
 * shard. Allocates nothing after its start and looks at no packet.
 *
 * Places are counted in bytes since the start and never wrap; modulo the arena's size they are offsets. So a place
 * that was overwritten is told by being older than the oldest record, and what still points there needs no repair. A
 * record lies in one piece: where it would pass the arena's end, the rest is skipped and belongs to the record
 * before. Records of connections that hash alike are chained from the newest to the oldest: who is asked for costs a
 * walk of one chain, not of the ring. A chain can be made long (the hash is no secret), but only within the ring,
 * and only who gave an event is looked for. */
#include "evidence_ring.h"
#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_PER_BUCKET = 1024, LEAST_BUCKET_BITS = 4 };

struct record {
	uint64_t older;  /* place of the next older one in its chain; may be gone */
	uint64_t newer;  /* while it is being taken: the next newer one of its connection */
	size_t size;     /* bytes to the next record */
	struct evidence_id id;
	struct frame frame; /* but for data */
	bool taken;
	alignas(8) uint8_t data[];
};

struct evidence_ring {
	uint64_t oldest, head; /* places of the oldest record and of the next one to come; the same: empty */
	uint64_t newest;       /* place of the newest record, if there is any */
	uint64_t overwritten;
	size_t bytes;          /* of the arena, a multiple of 8 */
	unsigned bucket_bits;
	uint8_t *arena;
	uint64_t buckets[];    /* places of the newest record of each chain; before `oldest`: none */
};

static struct record *record_at(const struct evidence_ring *r, uint64_t place)
{
	return (struct record *)(void *)(r->arena + place % r->bytes);
}

static uint64_t *bucket_of(struct evidence_ring *r, const struct evidence_id *id)
{
	uint64_t mixed = (id->first_frame ^ (uint64_t)id->capture << 48) * UINT64_C(0x9e3779b97f4a7c15);
	return &r->buckets[mixed >> (64 - r->bucket_bits)];
}

struct evidence_ring *evidence_ring_new(size_t bytes)
{
	unsigned bits = LEAST_BUCKET_BITS;
	while (bits < 32 && ((size_t)BYTES_PER_BUCKET << bits) < bytes)
		bits++;
	struct evidence_ring *r = calloc(1, sizeof *r + (sizeof *r->buckets << bits));
	if (!r)
		return NULL;
	bytes = bytes < sizeof(struct record) ? sizeof(struct record) : bytes;
	r->bytes = bytes & ~(size_t)7;
	r->bucket_bits = bits;
	r->arena = malloc(r->bytes);
	if (!r->arena) {
		free(r);
		return NULL;
	}
	r->oldest = r->head = r->bytes; /* so that no record lies at the 0 of an empty bucket */
	return r;
}

static void drop_oldest(struct evidence_ring *r)
{
	const struct record *old = record_at(r, r->oldest);
	r->overwritten += !old->taken;
	r->oldest += old->size;
}

void evidence_ring_put(struct evidence_ring *r, const struct evidence_id *id, const struct frame *f)
{
	size_t need = (sizeof(struct record) + f->caplen + 7) & ~(size_t)7;
	if (need > r->bytes) {
		r->overwritten++;
		return;
	}
	size_t to_end = r->bytes - r->head % r->bytes;
	size_t skip = need > to_end ? to_end : 0;
	while (r->oldest != r->head && r->head + skip + need - r->oldest > r->bytes)
		drop_oldest(r);
	if (r->oldest == r->head)
		r->oldest += skip;
	else
		record_at(r, r->newest)->size += skip;
	r->head += skip;

	uint64_t *bucket = bucket_of(r, id);
	struct record *new = record_at(r, r->head);
	*new = (struct record){.older = *bucket, .size = need, .id = *id, .frame = *f};
	memcpy(new->data, f->data, f->caplen);
	*bucket = r->newest = r->head;
	r->head += need;
}

void evidence_ring_take(struct evidence_ring *r, const struct evidence_id *id, evidence_frame_fn *fn, void *context)
{
	uint64_t first = 0;
	for (uint64_t place = *bucket_of(r, id); place >= r->oldest;) {
		struct record *rec = record_at(r, place);
		if (!rec->taken && rec->id.first_frame == id->first_frame && rec->id.capture == id->capture) {
			rec->newer = first;
			first = place;
		}
		assert(rec->older < place);
		place = rec->older;
	}
	while (first) {
		struct record *rec = record_at(r, first);
		struct frame f = rec->frame;
		f.data = rec->data;
		rec->taken = true;
		first = rec->newer;
		fn(context, &f);
	}
}

uint64_t evidence_ring_overwritten(const struct evidence_ring *r)
{
	return r->overwritten;
}

void evidence_ring_free(struct evidence_ring *r)
{
	if (!r)
		return;
	free(r->arena);
	free(r);
}
