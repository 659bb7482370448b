/* A set's signatures -> the tables that the look-ups use. Called once, when the set is frozen.
 *
 * Exact host names and "*." suffixes go into one open-addressed table under a keyed hash; other exact patterns are
 * sorted for bisection; what is left (globs, prefixes, templates, label patterns) is tried one by one, most specific
 * first. Known weakness: that last part grows with a site's own patterns, hence LIMIT_SIGNATURE_SCAN. */
#include "signature_set.h"
#include "status.h"
#include <stdlib.h>

/* Lower is tried first. */
static int match_rank(const struct signature *s)
{
	switch (s->match) {
	case MATCH_EXACT: /* headers with a value: the value makes them the most specific */
	case MATCH_TEMPLATE:
	case MATCH_GLOB: return 0;
	case MATCH_PREFIX: return 1;
	case MATCH_SUFFIX: return 2;
	case MATCH_FIRST_LABEL: return 4;
	case MATCH_ANY_LABEL: return 5;
	default: return 3;
	}
}

/* Bytes of the pattern that must be there as written. */
static size_t literal_bytes(const char *pattern)
{
	size_t n = 0;
	for (const char *c = pattern; *c; c++) {
		if (*c == '{')
			c += strcspn(c, "}");
		else
			n += *c != '*';
	}
	return n;
}

static int by_precedence(const void *a, const void *b)
{
	const struct signature *x = *(const struct signature *const *)a, *y = *(const struct signature *const *)b;
	/* "/mcp/.well-known/..." is below an endpoint and yet asks about it only. */
	if (x->role != y->role)
		return x->role == PATH_DISCOVERY ? -1 : 1;
	int rank = match_rank(x) - match_rank(y);
	if (rank)
		return rank;
	size_t n = literal_bytes(x->pattern) + slice_str(x->value).n,
	       m = literal_bytes(y->pattern) + slice_str(y->value).n;
	if (n != m)
		return n > m ? -1 : 1;
	return strcmp(x->id, y->id);
}

static int by_pattern(const void *a, const void *b)
{
	const struct signature *x = *(const struct signature *const *)a, *y = *(const struct signature *const *)b;
	return signature_compare(x->kind, slice_str(x->pattern), slice_str(y->pattern));
}

static bool hashed(const struct signature *s)
{
	return s->kind == SIGNATURE_HOST && (s->match == MATCH_EXACT || s->match == MATCH_BELOW);
}

static void host_insert(struct signature_set *set, const struct signature *s)
{
	const char *key = s->match == MATCH_BELOW ? s->pattern + 1 : s->pattern; /* the dot keeps the two apart */
	size_t n = strlen(key), at = siphash(&set->key, key, n) & set->host_mask;
	while (set->hosts[at])
		at = (at + 1) & set->host_mask;
	set->hosts[at] = s;
	size_t bit = filter_bit(key, n);
	set->filter[bit / 64] |= UINT64_C(1) << bit % 64;
	if (s->match == MATCH_BELOW && n > set->longest_suffix)
		set->longest_suffix = n;
}

/* A name must have all that a pattern has but its '*': the dot of "mcp.*" too. */
static int host_letters_build(struct signature_set *set)
{
	size_t n = set->n_scan[SIGNATURE_HOST];
	set->scan_letters = calloc(n + 1, sizeof *set->scan_letters);
	if (!set->scan_letters)
		return FAIL_MEMORY;
	for (size_t i = 0; i < n; i++)
		for (const char *c = set->scan[SIGNATURE_HOST][i]->pattern; *c; c++)
			if (*c != '*')
				set->scan_letters[i] |= letters_of(c, 1);
	return 0;
}

int signature_index_build(struct signature_set *set)
{
	size_t slots = 8;
	while (slots < 2 * set->n_all)
		slots *= 2;
	set->host_mask = slots - 1;
	set->hosts = calloc(slots, sizeof *set->hosts);
	set->pointers = calloc(set->n_all + 1, sizeof *set->pointers);
	if (!set->hosts || !set->pointers)
		return FAIL_MEMORY;
	if (!hash_key_random(&set->key))
		return FAIL_IO;

	const struct signature **next = set->pointers;
	for (int k = 0; k < SIGNATURE_KINDS; k++) {
		set->exact[k] = next;
		for (size_t i = set->first[k]; i < set->first[k + 1]; i++) {
			const struct signature *s = &set->all[i];
			if (hashed(s))
				host_insert(set, s);
			else if (s->match == MATCH_EXACT && !s->value)
				*next++ = s;
		}
		set->n_exact[k] = (size_t)(next - set->exact[k]);
		set->scan[k] = next;
		for (size_t i = set->first[k]; i < set->first[k + 1]; i++) {
			const struct signature *s = &set->all[i];
			if (hashed(s) || (s->match == MATCH_EXACT && !s->value))
				continue;
			*next++ = s;
			set->n_globs += s->match == MATCH_GLOB;
		}
		set->n_scan[k] = (size_t)(next - set->scan[k]);
		qsort(set->exact[k], set->n_exact[k], sizeof *set->exact[k], by_pattern);
		qsort(set->scan[k], set->n_scan[k], sizeof *set->scan[k], by_precedence);
	}
	return host_letters_build(set);
}
