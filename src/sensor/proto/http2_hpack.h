/* Fragments of header blocks of one direction -> fields, by nghttp2's HPACK inflater (RFC 7541). Called by http2.
 * After lost bytes it goes on with what can still be known, and never hands out a field that could be another.
 *
 * The sender's table is a queue: index 62 is what was added last. A table in which lost entries have place-holders and
 * all later ones are real therefore gives, for each index, the right field or a place-holder. It starts out full of
 * those, of the least size that an entry can have, so that it always reaches as far back as the sender's; eviction
 * takes the oldest first on both sides. The size of the sender's table is followed by the updates that it must send
 * (RFC 7541 4.2), so SETTINGS need not be read, which in a capture of one direction nobody could. If an index is beyond
 * the place-holders, the table was larger than thought: once more with the largest, then header blocks are given up. */
#ifndef SHADOWTAP_HTTP2_HPACK_H
#define SHADOWTAP_HTTP2_HPACK_H

#include "slice.h"

struct nghttp2_hd_inflater;

struct http2_hpack {
	struct nghttp2_hd_inflater *inflater; /* NULL before the first block, and after its state was lost */
	uint32_t table;                       /* bytes of the sender's table as far as known */
	bool lost;                            /* entries from before the loss may still be asked for */
	bool dead;                            /* not even place-holders help */
};

/* A field that is not known has an empty name: whatever it was, it is no longer to be had. */
typedef void http2_field_fn(void *context, struct slice name, struct slice value);

void http2_hpack_init(struct http2_hpack *p);
void http2_hpack_done(struct http2_hpack *p);
/* Bytes of a block were lost, or whole blocks. */
void http2_hpack_lose(struct http2_hpack *p);
/* A fragment of a block in any split. False: the block cannot be read on, nor its rest; the state is lost. */
bool http2_hpack_feed(struct http2_hpack *p, struct slice fragment, http2_field_fn *field, void *context);
/* The block is complete. False as above. */
bool http2_hpack_end(struct http2_hpack *p);
size_t http2_hpack_memory(const struct http2_hpack *p);

#endif
