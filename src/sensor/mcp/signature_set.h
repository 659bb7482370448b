/* The inside of a signature set: what the loader fills, the index orders and the look-ups read.
 * Included by signature*.c alone; everyone else sees signature.h. */
#ifndef SHADOWTAP_SIGNATURE_SET_H
#define SHADOWTAP_SIGNATURE_SET_H

#include "signature.h"
#include "siphash.h"
#include <string.h>

/* Most names that are looked up are nobody's (each DNS answer's is), so what cannot match is told before anything is hashed or compared. Both
 * are open to guesses: whoever makes a name that passes pays for one look-up with one packet, as before. */
enum { FILTER_BITS = 14, FILTER_WORDS = (1 << FILTER_BITS) / 64 };

struct signature_set {
	_Atomic unsigned holders; /* beside the first */
	struct signature *all; /* by kind, then id */
	size_t n_all;
	size_t first[SIGNATURE_KINDS + 1];    /* where each kind begins in all */
	struct signature_endpoint *endpoints; /* of all hosts, one behind the other */
	char *text;                           /* every string of the set */
	char *version;

	/* The index. Exact host names, and "*." suffixes under their text from the dot on, share one open-addressed
	 * table. */
	struct hash_key key;
	const struct signature **hosts;
	size_t host_mask;
	size_t longest_suffix;                           /* bytes with the dot; 0 if there is none */
	const struct signature **pointers;               /* behind the two below */
	const struct signature **exact[SIGNATURE_KINDS]; /* by pattern, for bisection */
	const struct signature **scan[SIGNATURE_KINDS];  /* the rest, most specific first */
	size_t n_exact[SIGNATURE_KINDS], n_scan[SIGNATURE_KINDS];
	size_t n_globs; /* of scan[SIGNATURE_HOST]: they come first */
	uint64_t *scan_letters; /* letters_of() the patterns of scan[SIGNATURE_HOST] */
	uint64_t filter[FILTER_WORDS]; /* filter_bit() of all keys of hosts */
};

/* Fills the index of a set whose signatures stand. FAIL_MEMORY, or FAIL_IO without a source of randomness. */
int signature_index_build(struct signature_set *s);

/* Patterns of these kinds compare without regard to ASCII case. Methods and fingerprints are exact (JSON-RPC 2.0, 4).
 */
static inline bool signature_kind_folds(enum signature_kind k)
{
	return k != SIGNATURE_METHOD && k != SIGNATURE_JA4 && k != SIGNATURE_BEHAVIOUR;
}

/* <0, 0, >0, as memcmp; the shorter first where one begins the other. */
static inline int signature_compare(enum signature_kind k, struct slice a, struct slice b)
{
	bool fold = signature_kind_folds(k);
	for (size_t i = 0; i < a.n && i < b.n; i++) {
		uint8_t x = fold ? ascii_lower(a.p[i]) : a.p[i], y = fold ? ascii_lower(b.p[i]) : b.p[i];
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

/* ---- paths (signature_path.c) ---- */

/* A request path made comparable: no query, escaped letters decoded (RFC 3986 6.2.2.2), lower case. */
struct path_text {
	uint8_t p[1024];
	size_t n;
	bool cut; /* longer than p: its end is unknown */
};

void path_text_of(struct slice path, struct path_text *ret);
/* Without its last slash, unless that is all of it. */
struct slice path_text_trimmed(const struct path_text *t);
bool path_text_matches(const struct path_text *t, const struct signature *path);

/* ---- hosts (signature_host.c) ---- */

/* Which bytes are in a name, or must be because they stand in a pattern. Some share a bit. */
static inline uint64_t letters_of(const char *text, size_t n)
{
	uint64_t letters = 0;
	for (size_t i = 0; i < n; i++)
		letters |= UINT64_C(1) << (text[i] & 63);
	return letters;
}

/* A key's bit in the filter, by its two ends. With a thousand keys one other name of sixteen has a bit that is set; with more than some ten
 * thousand the filter lets everything pass. */
static inline size_t filter_bit(const char *key, size_t n)
{
	uint64_t first = 0, last = 0;
	if (n >= 8) {
		memcpy(&first, key, 8);
		memcpy(&last, key + n - 8, 8);
	} else {
		for (size_t i = 0; i < n; i++)
			first = first << 8 | (uint8_t)key[i];
	}
	return (size_t)((first ^ (last << 23 | last >> 41) ^ n) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - FILTER_BITS));
}

/* '*' stands for any run of bytes but dots. */
bool host_glob_matches(struct slice pattern, struct slice name);

#endif
