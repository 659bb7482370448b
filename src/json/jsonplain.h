/* Plain JSON text -> jansson's tree, in a third of the time that jansson takes, which is most of a start. Called by jsonfile. Refuses
 * whatever is not plain, right or wrong: then jansson reads the text, and says what is wrong with it. */
#ifndef SHADOWTAP_JSONPLAIN_H
#define SHADOWTAP_JSONPLAIN_H

#include <jansson.h>
#include <stddef.h>

/* What json_loadb() with JSON_REJECT_DUPLICATES would give (new reference), or NULL: ask that one. */
json_t *jsonplain_read(const char *text, size_t n);

#endif
