/* Configuration files in JSON, read strictly: for policy and signatures. Syntax errors name file, line and column;
 * everything else names the file and the JSON pointer (RFC 6901). Duplicate keys and unknown members are errors.
 * Called by loaders; the wire has its own reader (proto/jsonrpc). Third party: jansson. */
#ifndef SHADOWTAP_JSONFILE_H
#define SHADOWTAP_JSONFILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONFILE_ERROR_TEXT 512

/* Where a loader is, for its error messages; and the first error found. Copy freely; errors go to `error`. */
struct jsonfile {
	const char *path;                   /* of the file, borrowed */
	char error[JSONFILE_ERROR_TEXT];    /* first error, empty if none; safe to print */
	int fail;                           /* its enum fail: FAIL_CONFIG, FAIL_IO or FAIL_MEMORY; 0 if none */
};

/* The root value (new reference), or NULL with f->error set: cannot open, over 64 MiB, syntax, duplicate key. */
json_t *jsonfile_load(struct jsonfile *f, const char *path);
/* As jsonfile_load, from memory; path is only a name for messages. */
json_t *jsonfile_parse(struct jsonfile *f, const char *path, const char *text, size_t n);

/* A place in the document: build on the stack, from the root down. The root itself is NULL. */
struct jsonplace {
	const struct jsonplace *up;
	const char *key;   /* member name, or NULL for an index */
	size_t index;
};

/* Records "path: /pointer: sentence" unless an error is recorded already. Always returns false, for `return jsonfile_fail(...)`. */
bool jsonfile_fail(struct jsonfile *f, const struct jsonplace *at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Every member of the object must be in the NULL-terminated list of names. False and an error otherwise, or if it is no object. */
bool jsonfile_members(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *const names[]);

/* Typed members. required: an absent one is an error. False on error. *ret is left alone where the member is absent.
 * Strings are borrowed from the document and never contain NUL. */
bool jsonfile_string(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name, bool required, const char **ret);
bool jsonfile_bool(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name, bool required, bool *ret);
bool jsonfile_integer(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name, bool required, int64_t least, int64_t most, int64_t *ret);
bool jsonfile_array(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name, bool required, const json_t **ret);
bool jsonfile_object(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name, bool required, const json_t **ret);
/* A string that is one of the names: *ret_index is its position. */
bool jsonfile_choice(struct jsonfile *f, const struct jsonplace *at, const json_t *object, const char *name, bool required, const char *const names[], int *ret_index);

/* jansson seeds its tables from a file when the first one is made. A process that will not be able to open files calls this while it is. */
void jsonfile_warm_up(void);

#endif
