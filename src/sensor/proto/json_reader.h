/* JSON text -> keys and values as they come, incrementally, in constant memory: nesting is a bit per level.
 * Called by jsonrpc, which says value by value whether it wants the text or what is inside; the rest is checked and
 * skipped. Strict RFC 8259; refuses UTF-16 and nesting beyond LIMIT_JSON_DEPTH. Builds no tree, converts no number. */
#ifndef SHADOWTAP_JSON_READER_H
#define SHADOWTAP_JSON_READER_H

#include "json_string.h"
#include "limits.h"
#include "status.h"

/* What a member's value was; JSON_ABSENT if the key was not there. */
enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Keys longer than this are handed over cut. */
#define JSON_KEY_KEPT 48

/* The hooks must not call the reader that calls them. Nothing is said of what is inside an unwanted value. */
struct json_hooks {
	/* A key in a wanted object, unescaped; its value comes next. */
	void (*key)(void *context, struct slice key, bool cut);
	/* A value begins. Returns what is wanted of it: of a string or number that many bytes of its text, of an array
	 * or object anything but 0 to be told of its inside. Of null, true and false there is nothing to want. */
	size_t (*begin)(void *context, enum json_type type);
	/* A wanted string, number, array or object ended; text is empty for the last two. */
	void (*end)(void *context, enum json_type type, struct slice text, bool cut);
	/* While `pieces` is set: all of each key in a wanted object (before key) and of each string and number (between begin
	 * and end). May be NULL where it never is. */
	json_piece_fn *piece;
};

struct json_reader {
	const struct json_hooks *hooks;
	void *context;
	uint64_t fed;       /* bytes of earlier feeds */
	uint64_t at;        /* offset in the text: in begin of the value's first byte, in end after its last */
	const char *word;   /* what is left of true, false or null */
	uint32_t depth;
	uint32_t quiet;     /* depth of the unwanted array or object that we are in, or 0 */
	uint8_t state;      /* enum reader_state in json_reader.c */
	uint8_t bom_have;
	bool in_key;
	bool wanted;        /* the value being read was wanted */
	bool truth;         /* in begin of a JSON_BOOL: which */
	bool pieces;        /* the owner's to set, also in begin for the value that begins; off after a reset */
	bool too_deep;      /* why it turned bad */
	uint64_t objects[(LIMIT_JSON_DEPTH + 63) / 64]; /* a bit per level: object or array */
	struct json_string string;
};

/* hooks stay the caller's and must outlive the reader. */
void json_reader_init(struct json_reader *r, const struct json_hooks *hooks, void *context);
/* Back to the start of a text. */
void json_reader_reset(struct json_reader *r);
/* PARSE_DONE right after the last byte of the text, with what follows left alone. A number at top level ends before
 * the first byte that cannot belong to it, or at json_reader_eof. On PARSE_BAD what is consumed is what stands before
 * the first byte that no JSON text can have there. */
enum parse json_reader_feed(struct json_reader *r, struct slice bytes, size_t *ret_consumed);
/* What may follow a complete text: white space. */
enum parse json_reader_trail(struct json_reader *r, struct slice bytes);
/* The text ended here: PARSE_DONE if it was complete, else PARSE_BAD. */
enum parse json_reader_eof(struct json_reader *r);
/* Whether anything but white space was seen. */
bool json_reader_begun(const struct json_reader *r);

#endif
