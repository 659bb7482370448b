/* A definition, as the hooks of json_reader tell it -> its JSON text again, in the order in which it was sent, without white
 * space, in LIMIT_DEFINITION_TEXT bytes. Called by definition_reader where texts are wanted. What does not fit is cut off. */
#ifndef SHADOWTAP_DEFINITION_TEXT_H
#define SHADOWTAP_DEFINITION_TEXT_H

#include "json_reader.h"

struct definition_text {
	size_t n;
	bool cut, in_string, in_key, comma;
	char text[LIMIT_DEFINITION_TEXT];
};

void definition_text_begin(struct definition_text *t);
void definition_text_piece(struct definition_text *t, struct slice piece);
void definition_text_key(struct definition_text *t);
void definition_text_value(struct definition_text *t, enum json_type type, bool truth);
void definition_text_end(struct definition_text *t, enum json_type type);
/* NUL-terminated, valid UTF-8; whole JSON unless cut. */
const char *definition_text_finish(struct definition_text *t);

#endif
