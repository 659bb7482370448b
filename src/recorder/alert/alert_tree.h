/* A JSON object that is filled by paths: "tls.client.ja3" makes the objects on the way. Used by the formats that are
 * JSON. What is not known is left out; out of memory is remembered and told once, by tree_take. */
#ifndef SHADOWTAP_ALERT_TREE_H
#define SHADOWTAP_ALERT_TREE_H

#include <jansson.h>
#include <stdbool.h>

struct tree {
	json_t *root;
	bool flat; /* paths are names: dots make no objects */
	bool failed;
};

void tree_init(struct tree *t);
/* Takes the value; NULL: memory ran out. */
void tree_put(struct tree *t, const char *path, json_t *value);
/* Left out if NULL. Bytes that are no UTF-8 become U+FFFD. */
void tree_text(struct tree *t, const char *path, const char *text);
void tree_integer(struct tree *t, const char *path, json_int_t value);
/* A copy, all of it valid UTF-8; left out if NULL, null, or an empty array or object. */
void tree_copy(struct tree *t, const char *path, const json_t *value);
/* {"name": count} -> [{"name", "count"}]: names that strangers chose must not become member names, of which indexes
 * keep a list. Left out if empty. */
void tree_counts(struct tree *t, const char *path, const json_t *counts);
/* Its names alone. */
void tree_names(struct tree *t, const char *path, const json_t *counts);
/* Appends to the array there, which is made. Takes the value; NULL: memory ran out. */
void tree_push(struct tree *t, const char *path, json_t *value);
/* The same with a text; left out if NULL. */
void tree_append(struct tree *t, const char *path, const char *text);
/* Those fields of the event below `prefix`, under their own names; counts as tree_counts. `fields` ends with NULL. */
void tree_fields(struct tree *t, const char *prefix, const json_t *event, const char *const *fields);
/* Hands over the ASCII text of the object (malloc'd, with a NUL), or NULL when memory ran out. */
char *tree_take(struct tree *t, size_t *ret_n);

/* A copy whose texts are valid UTF-8, or NULL when memory ran out. */
json_t *tree_clean(const json_t *value);

#endif
