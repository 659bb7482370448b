/* Patterns of names and lists of them: which one matches. '*' stands for any characters, '?' for one, '\' takes the
 * next of these three as it is; everything else, '[' too, stands for itself, in its case. Called by the loader, the
 * judge and policy_check. Refuses regular expressions: whoever writes a policy must be able to read it. */
#ifndef SHADOWTAP_POLICY_GLOB_H
#define SHADOWTAP_POLICY_GLOB_H

#include "limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A backslash stands before '*', '?' or '\' only. */
bool policy_glob_valid(const char *glob);
bool policy_glob_match(const char *glob, const char *name);
/* Every name that `inner` matches is matched by `outer`. May miss that it is so, never claims it wrongly. */
bool policy_glob_covers(const char *outer, const char *inner);
/* Bytes of the shortest name that it matches. */
size_t policy_glob_least(const char *glob);

/* How a glob of a list is found, in the order in which they are asked. */
enum policy_glob_kind {
	GLOB_EXACT, /* by all of it */
	GLOB_HEAD,  /* by what stands before its first wildcard */
	GLOB_TAIL,  /* by what stands behind its last one, backwards */
	GLOB_SCAN,  /* wildcards at both ends: one by one, LIMIT_POLICY_SCAN of them */
	GLOB_KINDS
};

struct policy_glob {
	char *text; /* as written */
	char *key;  /* literal, n_key bytes */
	uint16_t n_key;
	uint8_t kind;
	size_t order; /* position in the file */
};

struct policy_globs {
	struct policy_glob *items; /* sorted by kind, then key */
	size_t n, n_kind[GLOB_KINDS];
	uint64_t used[GLOB_KINDS][LIMIT_PATH / 64]; /* lengths of keys that occur */
};

/* Prepares a list whose n items have their text and order: keys, order, index. False when out of memory. */
bool policy_globs_index(struct policy_globs *g);
/* One that matches, or NULL. Cost: a binary search for the name and for each length of a head or tail in use, then
 * those that share it. */
const struct policy_glob *policy_globs_find(const struct policy_globs *g, const char *name);
void policy_globs_done(struct policy_globs *g);

#endif
