/* Encoded body bytes -> plain body bytes: gzip, deflate, br, zstd, and short lists of them (RFC 9110 8.4, RFC 8878).
 * Called by http1 (and whoever else carries HTTP bodies) for bodies that somebody wants to read; decoder memory exists
 * only between _new and _free. Refuses unknown codings, long lists, large windows and bodies that unfold too far. */
#ifndef SHADOWTAP_CONTENT_CODING_H
#define SHADOWTAP_CONTENT_CODING_H

#include "slice.h"

/* More layers than any honest sender stacks: each layer multiplies what a few bytes can unfold to. */
#define CONTENT_CODING_LAYERS 3

enum coding_status {
	CODING_OK,
	CODING_UNKNOWN, /* a coding, a list or a zstd window that is not read here */
	CODING_MEMORY,  /* out of memory */
	CODING_BAD,     /* the bytes break their format, go on after its end, or stop before it */
	CODING_LIMIT,   /* LIMIT_HTTP_UNFOLD_BYTES or LIMIT_HTTP_UNFOLD_RATIO was reached */
};

/* The codings of one body in the order in which the sender applied them. Zero-initialise. */
struct coding_list {
	uint8_t n;
	uint8_t kind[CONTENT_CODING_LAYERS];
};

/* Appends one field value ("gzip, br"); identity and empty elements add nothing. CODING_OK or CODING_UNKNOWN. */
enum coding_status coding_list_add(struct coding_list *list, struct slice value);

struct content_coding;

/* list->n > 0. NULL when out of memory. */
struct content_coding *content_coding_new(const struct coding_list *list);
/* Hands plain bytes to sink as they become readable. Any status but CODING_OK stays: later bytes are ignored.
 * The same bytes in any split give the same plain bytes; of a body that turns out broken, how much was handed on
 * before the break was noticed may differ, one result being the beginning of the other. */
enum coding_status content_coding_feed(struct content_coding *c, struct slice bytes,
				       void (*sink)(void *context, struct slice plain), void *context);
/* The body ended here: CODING_OK if all layers ended too (a body without any bytes is fine), else CODING_BAD. */
enum coding_status content_coding_end(const struct content_coding *c);
size_t content_coding_memory(const struct content_coding *c);
void content_coding_free(struct content_coding *c);

#endif
