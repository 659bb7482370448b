/* Frames of connections that may yet turn out to be MCP, kept in a bounded ring: when one gives an event, its
 * packets are still there from the first on, as far as the ring reaches. One per shard, so nobody locks. Called by
 * shard. Knows no files. */
#ifndef SHADOWTAP_EVIDENCE_RING_H
#define SHADOWTAP_EVIDENCE_RING_H

#include "frame.h"
#include <stdbool.h>
#include <stddef.h>

struct evidence_ring;

/* A connection, by its first frame: unique in a sensor's input. */
struct evidence_id {
	uint64_t first_frame;
	uint32_t capture;
};

struct evidence_ring *evidence_ring_new(size_t bytes); /* NULL when out of memory */
/* Copies the frame. The oldest ones make room. A frame larger than the ring is left out. */
void evidence_ring_put(struct evidence_ring *r, const struct evidence_id *id, const struct frame *f);
/* Calls back with each kept frame of the connection, oldest first, and forgets them. The frame is borrowed for the
 * call. */
typedef void evidence_frame_fn(void *context, const struct frame *f);
void evidence_ring_take(struct evidence_ring *r, const struct evidence_id *id, evidence_frame_fn *fn, void *context);
/* Frames that had to leave before anybody asked, and those that were left out. */
uint64_t evidence_ring_overwritten(const struct evidence_ring *r);
void evidence_ring_free(struct evidence_ring *r); /* NULL is fine */

#endif
