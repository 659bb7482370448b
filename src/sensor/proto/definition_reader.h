/* The list in an answer to tools/list and its like -> its definitions: name, hashes, hints, and their texts if wanted. Called by
 * jsonrpc with what stands inside the list. Bounded: LIMIT_OFFER_DEFINITIONS, LIMIT_OFFER_PAGE_BYTES and LIMIT_OFFER_PAGE_READ of
 * each list; what is past them is counted and not read. Believes nothing: whether it was an answer at all, mcp/ judges. */
#ifndef SHADOWTAP_DEFINITION_READER_H
#define SHADOWTAP_DEFINITION_READER_H

#include "definition.h"
#include "json_reader.h"

/* One page of a list. */
struct definition_page {
	enum definition_list list;
	struct definition *items;
	size_t n;
	uint64_t total; /* elements of the list, whatever they were */
	bool cut;       /* some could not be kept: a cap, no memory, or no name */
};

struct definition_reader;

struct definition_reader *definition_reader_new(bool texts); /* NULL when out of memory */
/* What was read is forgotten. */
void definition_reader_reset(struct definition_reader *r);
/* An array of the result of that name began. The first one counts; false for others. */
bool definition_reader_list(struct definition_reader *r, enum definition_list list);
/* An element of it. at: where in the text. True: it is read, and until definition_reader_finish() all of its inside is wanted. */
bool definition_reader_begin(struct definition_reader *r, enum json_type type, uint64_t at);
void definition_reader_piece(struct definition_reader *r, struct slice piece);
void definition_reader_key(struct definition_reader *r, struct slice key, bool cut);
/* What is wanted of the value, as of json_hooks.begin. */
size_t definition_reader_value(struct definition_reader *r, enum json_type type, bool truth);
void definition_reader_end(struct definition_reader *r, enum json_type type, struct slice text, bool cut);
void definition_reader_finish(struct definition_reader *r, uint64_t at);
/* The list, or NULL if there was none since the last reset. Stays until then. To be asked for once. */
const struct definition_page *definition_reader_page(struct definition_reader *r);
size_t definition_reader_memory(const struct definition_reader *r);
void definition_reader_free(struct definition_reader *r);

#endif
