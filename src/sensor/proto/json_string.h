/* The inside of a JSON string -> its text: escapes decoded, UTF-8 checked, the first bytes kept, the rest skipped.
 * Called by json_reader between the quotes, for keys and values alike. Any split, constant memory.
 * Refuses what RFC 8259 section 7 refuses; invalid UTF-8 and lone surrogates become U+FFFD and are only noted. */
#ifndef SHADOWTAP_JSON_STRING_H
#define SHADOWTAP_JSON_STRING_H

#include "slice.h"

/* All of a text's content, as it comes, in whole characters, whatever is kept of it. Exact where the kept text is not: a NUL
 * is 0xc0 0x80, a lone surrogate what UTF-8 would write for it, an invalid byte 0xff and that byte. None of these is UTF-8, so
 * no two texts give the same pieces. */
typedef void json_piece_fn(void *context, struct slice piece);

/* Most bytes that are ever kept of one string or number. */
#define JSON_TEXT_KEPT 512

enum json_string_end {
	JSON_STRING_OPEN,   /* all bytes were taken, the string goes on */
	JSON_STRING_CLOSED, /* the closing quote was taken */
	JSON_STRING_BROKEN, /* the next byte may not stand here */
};

struct json_string {
	uint8_t state;      /* enum string_state in json_string.c */
	uint8_t hex_have;   /* digits of \uXXXX seen */
	uint8_t split_have; /* bytes in split */
	uint8_t split[4];   /* a UTF-8 character that the end of a feed cut in two */
	uint16_t unit;      /* the value of \uXXXX so far */
	uint16_t high;      /* a high surrogate that waits for its other half, or 0 */
	uint16_t keep;      /* bytes wanted */
	uint16_t n;         /* bytes kept */
	bool cut;           /* the text was longer than keep */
	bool utf8_bad;      /* sticky over strings; whoever reads it clears it */
	json_piece_fn *piece; /* of the string that was begun, or NULL */
	void *piece_context;
	char text[JSON_TEXT_KEPT];
};

/* Starts a string of which the first keep bytes are wanted (whole characters; at most JSON_TEXT_KEPT), and no pieces. */
void json_string_begin(struct json_string *s, size_t keep);
/* Takes bytes up to and with the closing quote. */
enum json_string_end json_string_feed(struct json_string *s, struct slice bytes, size_t *ret_consumed);
/* Appends bytes as they are: for numbers, which share the buffer. */
void json_string_append(struct json_string *s, struct slice bytes);

static inline struct slice json_string_text(const struct json_string *s)
{
	return slice_of(s->text, s->n);
}

#endif
