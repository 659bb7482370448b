/* jansson.h with its enumerators under other names, because json_reader.h has some of the same.
 * Included by tests that hold the one against the other. The json_is_…() macros of jansson do not work here: they would
 * compare with the wrong enumerators; use json_typeof(). */
#ifndef SHADOWTAP_JANSSON_APART_H
#define SHADOWTAP_JANSSON_APART_H

#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_NULL
#undef json_is_object
#undef json_is_array
#undef json_is_string
#undef json_is_null

#endif
