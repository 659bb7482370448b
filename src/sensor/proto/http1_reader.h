/* Bytes of one direction -> one message at a time, by llhttp: its head, then, for chunked bodies, its chunks.
 * Called by http1, which owns framing: bodies of known length and until close never come here. A message is a fresh
 * llhttp state, and it is paused at every head, so llhttp never decides what an answer's body or an Upgrade means. */
#ifndef SHADOWTAP_HTTP1_READER_H
#define SHADOWTAP_HTTP1_READER_H

#include <llhttp.h>

#include "http1_fields.h"

struct http1_reader {
	llhttp_t llhttp;
	struct http1_fields fields;
	void (*body)(void *context, struct slice bytes);
	void *context;
	const uint8_t *fed; /* start of the bytes being fed */
	uint32_t head_bytes;
	uint8_t before;  /* the byte before fed */
	uint8_t spans;   /* kind of the last span: enum http1_span */
	bool started;    /* a byte of the message was seen (empty lines before it do not count: RFC 9112 2.2) */
	bool complete;   /* the head, or the chunked message, is complete */
	bool in_chunk;   /* llhttp's content_length counts what is left of a chunk's data */
	bool muted;      /* the byte being fed stands for lost ones */
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

void http1_reader_init(struct http1_reader *r, enum direction d, void (*body)(void *context, struct slice bytes),
		       void *context);
void http1_reader_free(struct http1_reader *r);
/* Ready for the next message. */
void http1_reader_restart(struct http1_reader *r);

/* PARSE_DONE at the end of the head; *ret_length_bad on PARSE_BAD: the framing fields were the reason. */
enum parse http1_reader_head(struct http1_reader *r, struct slice bytes, size_t *ret_used, bool *ret_length_bad);
void http1_reader_framing(const struct http1_reader *r, const struct http_field *fields, uint32_t n,
			  struct http1_framing *ret);

/* After a head with a chunked body. PARSE_DONE after the trailers. */
void http1_reader_chunks_begin(struct http1_reader *r);
enum parse http1_reader_chunks(struct http1_reader *r, struct slice bytes, size_t *ret_used);
/* Bytes of the current chunk's data that are still to come; 0 outside of chunk data. */
uint64_t http1_reader_chunk_left(const struct http1_reader *r);
/* n <= chunk_left bytes of it were dropped or lost. */
void http1_reader_chunk_pass(struct http1_reader *r, uint64_t n);

#endif
