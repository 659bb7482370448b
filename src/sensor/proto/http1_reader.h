/* Bytes of one direction -> one head at a time, by llhttp. Called by http1, which owns what follows: bodies never come
 * here. A message is a fresh llhttp state that ends at its head, so llhttp never decides what an answer's body, an
 * Upgrade or a Connection: close means. */
#ifndef SHADOWTAP_HTTP1_READER_H
#define SHADOWTAP_HTTP1_READER_H

#include <llhttp.h>

#include "http1_fields.h"

struct http1_reader {
	llhttp_t llhttp;
	struct http1_fields fields;
	const uint8_t *fed; /* start of the bytes being fed */
	uint32_t head_bytes;
	uint8_t before;  /* the byte before fed */
	uint8_t spans;   /* kind of the last span: enum http1_span */
	bool complete;
};

/* How a head says that its body is framed (RFC 9112 6.3), before the rules about status and method. */
struct http1_framing {
	bool chunked;
	bool other_coding; /* Transfer-Encoding without a final chunked */
	bool has_length;
	bool upgrade;   /* Upgrade and Connection: upgrade */
	bool ambiguous; /* two recipients may read it in two ways (RFC 9112 11.2) */
	uint64_t length;
};

void http1_reader_init(struct http1_reader *r, enum direction d);
void http1_reader_free(struct http1_reader *r);
/* Ready for the next message. */
void http1_reader_restart(struct http1_reader *r);

/* PARSE_DONE at the end of the head; *ret_length_bad on PARSE_BAD: the framing fields were the reason. */
enum parse http1_reader_head(struct http1_reader *r, struct slice bytes, size_t *ret_used, bool *ret_length_bad);
void http1_reader_framing(const struct http1_reader *r, const struct http_field *fields, uint32_t n,
			  struct http1_framing *ret);

#endif
