/* A host name -> the most specific signature. Called once per SNI, Host, CONNECT target and certificate name.
 * Allocates nothing; compares whole labels, so that mcp.stripe.com.evil.net is not mcp.stripe.com. */
#include "signature_set.h"

bool host_glob_matches(struct slice pattern, struct slice name)
{
	/* The last '*' takes one byte more after each mismatch; a dot ends what it may take. So each '*' stays in its
	 * label, and the whole costs at most pattern times name. */
	size_t p = 0, n = 0, star = SIZE_MAX, taken = 0;
	while (n < name.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			taken = n;
		} else if (p < pattern.n && pattern.p[p] == name.p[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX && name.p[taken] != '.') {
			p = star + 1;
			n = ++taken;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

static bool label_matches(const struct signature *s, struct slice name)
{
	struct slice pattern = slice_str(s->pattern);
	if (s->match == MATCH_FIRST_LABEL) {
		size_t first = slice_find(name, '.');
		pattern.n -= 2; /* ".*" */
		return first < name.n && host_glob_matches(pattern, slice_first(name, first));
	}
	while (name.n) {
		size_t end = slice_find(name, '.');
		if (host_glob_matches(pattern, slice_first(name, end)))
			return true;
		name = slice_after(name, end + 1);
	}
	return false;
}

/* key: a name, or a suffix with its dot. */
static const struct signature *table_find(const struct signature_set *set, const char *key, size_t n)
{
	size_t bit = filter_bit(key, n);
	if (!(set->filter[bit / 64] >> bit % 64 & 1))
		return NULL;
	for (size_t at = siphash(&set->key, key, n) & set->host_mask; set->hosts[at]; at = (at + 1) & set->host_mask) {
		const struct signature *s = set->hosts[at];
		const char *pattern = s->match == MATCH_BELOW ? s->pattern + 1 : s->pattern;
		if (strlen(pattern) == n && memcmp(pattern, key, n) == 0)
			return s;
	}
	return NULL;
}

static const struct signature *host_find(const struct signature_set *set, const char *name, size_t n)
{
	struct slice text = slice_of(name, n);
	const struct signature *s = table_find(set, name, n);
	if (s)
		return s;
	uint64_t missing = ~letters_of(name, n);
	for (size_t i = 0; i < set->n_globs; i++)
		if (!(set->scan_letters[i] & missing) && host_glob_matches(slice_str(set->scan[SIGNATURE_HOST][i]->pattern), text))
			return set->scan[SIGNATURE_HOST][i];
	for (size_t i = 1; i < n; i++) {
		if (name[i] != '.' || n - i > set->longest_suffix)
			continue;
		s = table_find(set, name + i, n - i);
		if (s)
			return s;
	}
	for (size_t i = set->n_globs; i < set->n_scan[SIGNATURE_HOST]; i++)
		if (!(set->scan_letters[i] & missing) && label_matches(set->scan[SIGNATURE_HOST][i], text))
			return set->scan[SIGNATURE_HOST][i];
	return NULL;
}

const struct signature *signature_host(const struct signature_set *s, const char *name)
{
	size_t n = strlen(name);
	/* Longer than a name can be (RFC 1035 2.3.4), or nothing: hostname_normalize() refused it. */
	if (n == 0 || n > 253)
		return NULL;
	const struct signature *found = host_find(s, name, n);
	return found && found->tier != HOST_IGNORED ? found : NULL;
}
