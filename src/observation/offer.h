/* A page of what a server offers -> bytes and back: the record of an answer to tools/list and its like, in one or several pieces. Made by
 * mcp/, validated before the recorder believes it. Says nothing of whom: that is the observation's, which the reference names. */
#ifndef SHADOWTAP_OFFER_H
#define SHADOWTAP_OFFER_H

#include "definition.h"
#include "limits.h"
#include "record.h"
#include <stdbool.h>

struct offer {
	struct connection_ref connection;
	int64_t time_ns;        /* packet time and frame of the answer's end */
	uint64_t frame;
	enum definition_list list;
	bool request_seen;      /* else it is not known which page was asked for: */
	uint64_t cursor;        /* of the request, as a hash; 0: the first page */
	uint64_t next_cursor;   /* of the answer; 0: it is the last page */
	bool first, last;       /* piece of the page */
	bool cut;               /* the page had more than is told here */
	uint64_t total;         /* elements of the page */
	struct definition *items; /* at most LIMIT_OFFER_DEFINITIONS; texts are all there or all NULL */
	size_t n;
};

/* As many of the items as go into LIMIT_OFFER_RECORD bytes, at least one if there is one. One malloc'd block, or NULL when out of memory.
 * The reference is left empty: record_ref_put() sets it. first and last are as given, but last is false if items are left. */
uint8_t *offer_encode(const struct offer *o, size_t *ret_items, size_t *ret_n);

struct offer_box {
	struct offer o;
	void *memory;
};

/* Validates everything. False if the bytes are no offer (errno EINVAL), or when out of memory (ENOMEM); the box is then empty. */
bool offer_decode(const uint8_t *bytes, size_t n, struct offer_box *ret);
void offer_box_done(struct offer_box *b);

#endif
