/* Chunked bytes -> body bytes (RFC 9112 7.1). Called by http1 after a head that says so. Written here because llhttp
 * before 9 refuses several extensions with values and takes any byte for the LF of a chunk: we must read what servers
 * read, and nothing more. Refuses bare LF and bare CR (line ends are where smuggling begins) and endless trailers. */
#ifndef SHADOWTAP_HTTP1_CHUNKS_H
#define SHADOWTAP_HTTP1_CHUNKS_H

#include "slice.h"
#include "status.h"

/* Zero-initialise for each body. */
struct http1_chunks {
	uint8_t at;              /* enum chunks_at */
	uint32_t trailer_bytes;
	uint64_t left;           /* of the chunk's size line, then of its data */
};

/* PARSE_DONE after the empty line behind the trailers; trailers are dropped (RFC 9110 6.5.1: they must not frame,
 * route or authenticate). body gets each piece of data. */
enum parse http1_chunks_feed(struct http1_chunks *c, struct slice bytes,
			     void (*body)(void *context, struct slice piece), void *context, size_t *ret_used);
/* Bytes of the current chunk's data that are still to come; 0 outside of chunk data. */
uint64_t http1_chunks_left(const struct http1_chunks *c);
/* n <= http1_chunks_left() bytes of it were dropped or lost. */
void http1_chunks_pass(struct http1_chunks *c, uint64_t n);

#endif
