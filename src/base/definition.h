/* What a server offers, one by one: the words that both halves and the store share for definitions of tools, prompts and
 * resources. How they are read is proto/definition_reader.h, what becomes of them docs/offers.md. */
#ifndef SHADOWTAP_DEFINITION_H
#define SHADOWTAP_DEFINITION_H

#include "sha256.h"

enum definition_list { LIST_NONE, LIST_TOOLS, LIST_PROMPTS, LIST_RESOURCES, LIST_TEMPLATES, LIST_COUNT };
/* "tools", "prompts", "resources", "resource-templates"; NULL for none. */
const char *definition_list_name(enum definition_list list);

/* What it is known by: a tool's or prompt's name, a resource's URI, a template's URI template. The other members: */
enum definition_part {
	PART_NAME,          /* of a resource or template */
	PART_DESCRIPTION,   /* title, description */
	PART_INPUT_SCHEMA,  /* inputSchema; a prompt's arguments */
	PART_OUTPUT_SCHEMA, /* outputSchema */
	PART_ANNOTATIONS,   /* annotations */
	PART_OTHER,         /* every other member */
	PART_COUNT
};
/* "name", "description", "input-schema", "output-schema", "annotations", "other". */
const char *definition_part_name(enum definition_part part);

/* What in a definition's texts is meant for the model and not for people (docs/offers.md). A set of bits. */
enum definition_hint {
	HINT_HIDDEN_UNICODE = 1 << 0,
	HINT_BIDI = 1 << 1,
	HINT_HIDDEN_MARKUP = 1 << 2,
	HINT_INSTRUCTIONS = 1 << 3,
	HINTS_ALL = (1 << 4) - 1,
};
#define HINT_COUNT 4
/* "offer.hidden-unicode", "offer.bidi", "offer.hidden-markup", "offer.instructions", by number of the bit. */
const char *definition_hint_id(unsigned bit);

enum definition_flag {
	DEFINITION_UNHASHED = 1 << 0,  /* too deep or too large: hash and parts are not known */
	DEFINITION_DUPLICATE = 1 << 1, /* the name stood in this list before: clients will disagree which one counts */
	DEFINITION_TEXT_CUT = 1 << 2,  /* the text, where one was wanted, is not all there */
	DEFINITION_FLAGS = (1 << 3) - 1,
};

#define DEFINITION_PART_BYTES 16

struct definition {
	const char *name;                 /* LIMIT_OFFER_NAME with its NUL */
	const char *text;                 /* JSON, LIMIT_DEFINITION_TEXT with its NUL; NULL: not wanted */
	uint64_t bytes;                   /* on the wire */
	uint8_t flags;                    /* set of enum definition_flag */
	uint8_t hints;                    /* set of enum definition_hint */
	uint8_t hash[SHA256_BYTES];
	uint8_t parts[PART_COUNT][DEFINITION_PART_BYTES]; /* beginning of each part's hash; zeros: not there */
};

#endif
