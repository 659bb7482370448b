/* The inside of one JSON object -> its canonical SHA-256 and those of its parts, while it is read: independent of key order,
 * white space and escapes; numbers count as written. Called by definition_reader. Keeps hashes, never texts: a stack of the
 * members of the objects that are open, LIMIT_DEFINITION_MEMBERS at most; past it, or past LIMIT_DEFINITION_DEPTH, there is none. */
#ifndef SHADOWTAP_DEFINITION_HASH_H
#define SHADOWTAP_DEFINITION_HASH_H

#include "definition.h"
#include "json_reader.h"

struct definition_hash;

struct definition_hash *definition_hash_new(void); /* NULL when out of memory; some 10 KiB */
/* An object was opened. */
void definition_hash_begin(struct definition_hash *h);
/* As json_hooks have them, of all that is inside, pieces included. truth: of a JSON_BOOL. */
void definition_hash_piece(struct definition_hash *h, struct slice piece);
/* part: of the member of the outermost object whose key it is; further inside it says nothing. */
void definition_hash_key(struct definition_hash *h, enum definition_part part);
void definition_hash_value(struct definition_hash *h, enum json_type type, bool truth);
void definition_hash_end(struct definition_hash *h, enum json_type type);
/* It was closed. False: over a cap, nothing is returned. part PART_COUNT (its own name) is in no part, but in the whole. */
bool definition_hash_finish(struct definition_hash *h, uint8_t ret_hash[SHA256_BYTES],
                            uint8_t ret_parts[PART_COUNT][DEFINITION_PART_BYTES]);
/* How many objects and arrays are open inside the outermost object. */
unsigned definition_hash_depth(const struct definition_hash *h);
size_t definition_hash_memory(const struct definition_hash *h);
void definition_hash_free(struct definition_hash *h);

#endif
