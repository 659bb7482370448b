#include "policy_glob.h"
#include <stdlib.h>
#include <string.h>

_Static_assert(LIMIT_PATH % 64 == 0 && LIMIT_NAME <= LIMIT_PATH, "a bit for each length of a name");

/* ---- one glob ---- */

bool policy_glob_valid(const char *glob)
{
	for (; *glob; glob++)
		if (*glob == '\\' && !strchr("*?\\", *++glob ? *glob : 'x'))
			return false;
	return true;
}

/* A character may have several bytes: names are UTF-8. */
static const char *after_character(const char *p)
{
	do
		p++;
	while (((unsigned char)*p & 0xc0) == 0x80);
	return p;
}

/* Goes back to the latest '*' alone, which is enough: an earlier one that took more could only help a later part to
 * begin later, and that the latest one does as well. So the cost is the product of both lengths at worst. */
bool policy_glob_match(const char *glob, const char *name)
{
	const char *star = NULL, *mark = NULL;
	while (*name) {
		const char *literal = *glob == '\\' ? glob + 1 : glob;
		if (*glob == '*') {
			star = ++glob;
			mark = name;
		} else if (*glob == '?') {
			glob++;
			name = after_character(name);
		} else if (*literal == *name) {
			glob = literal + 1;
			name++;
		} else if (star) {
			glob = star;
			name = mark = after_character(mark);
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

/* The next '*', '?' or character of a glob. */
static const char *after_token(const char *p)
{
	return after_character(*p == '\\' ? p + 1 : p);
}

/* As policy_glob_match, with the inner glob for a name: only a '*' of the outer one takes a '*' of it. */
bool policy_glob_covers(const char *outer, const char *inner)
{
	const char *star = NULL, *mark = NULL;
	while (*inner) {
		const char *literal = *outer == '\\' ? outer + 1 : outer;
		bool wild = *inner == '*' || *inner == '?';
		const char *character = *inner == '\\' ? inner + 1 : inner;
		if (*outer == '*') {
			star = ++outer;
			mark = inner;
		} else if (*outer == '?' && *inner != '*') {
			outer++;
			inner = after_token(inner);
		} else if (*outer != '?' && !wild && *literal == *character) {
			outer = literal + 1;
			inner = character + 1;
		} else if (star) {
			outer = star;
			inner = mark = after_token(mark);
		} else {
			return false;
		}
	}
	while (*outer == '*')
		outer++;
	return !*outer;
}

size_t policy_glob_least(const char *glob)
{
	size_t n = 0;
	for (; *glob; glob++) {
		n += *glob != '*';
		if (*glob == '\\')
			glob++;
	}
	return n;
}

/* ---- a list of them ---- */

/* The literal characters from p to the first wildcard or the end, unescaped; *ret_end is where that is. */
static size_t literal_run(const char *p, char *out, const char **ret_end)
{
	size_t n = 0;
	for (; *p && *p != '*' && *p != '?'; p++) {
		if (*p == '\\')
			p++;
		out[n++] = *p;
	}
	*ret_end = p;
	return n;
}

static bool glob_prepare(struct policy_glob *g)
{
	char head[LIMIT_PATH], tail[LIMIT_PATH];
	const char *end;
	size_t n_head = literal_run(g->text, head, &end), n_tail = 0;
	g->kind = *end ? GLOB_SCAN : GLOB_EXACT;
	while (*end)
		n_tail = literal_run(end + 1, tail, &end);
	if (g->kind == GLOB_SCAN && n_head + n_tail)
		g->kind = n_head >= n_tail ? GLOB_HEAD : GLOB_TAIL;
	g->n_key = (uint16_t)(g->kind == GLOB_TAIL ? n_tail : n_head);
	g->key = malloc(g->n_key + 1u);
	if (!g->key)
		return false;
	for (size_t i = 0; i < g->n_key; i++)
		g->key[i] = g->kind == GLOB_TAIL ? tail[n_tail - 1 - i] : head[i];
	return true;
}

static int key_compare(unsigned kind, const char *key, size_t n, const struct policy_glob *g)
{
	if (kind != g->kind)
		return kind < g->kind ? -1 : 1;
	int order = memcmp(key, g->key, n < g->n_key ? n : g->n_key);
	return order ? order : n < g->n_key ? -1 : n > g->n_key;
}

static int glob_compare(const void *a, const void *b)
{
	const struct policy_glob *x = a, *y = b;
	int order = key_compare(x->kind, x->key, x->n_key, y);
	return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

bool policy_globs_index(struct policy_globs *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct policy_glob *one = &g->items[i];
		if (!glob_prepare(one))
			return false;
		g->n_kind[one->kind]++;
		g->used[one->kind][one->n_key / 64] |= UINT64_C(1) << one->n_key % 64;
	}
	if (g->n)
		qsort(g->items, g->n, sizeof *g->items, glob_compare);
	return true;
}

/* Asks those of one key. */
static const struct policy_glob *find_key(const struct policy_globs *g, unsigned kind, const char *key, size_t n,
					  const char *name)
{
	size_t low = 0, high = g->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (key_compare(kind, key, n, &g->items[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < g->n && key_compare(kind, key, n, &g->items[low]) == 0; low++)
		if (kind == GLOB_EXACT || policy_glob_match(g->items[low].text, name))
			return &g->items[low];
	return NULL;
}

const struct policy_glob *policy_globs_find(const struct policy_globs *g, const char *name)
{
	char backwards[LIMIT_PATH];
	size_t n = strnlen(name, LIMIT_PATH - 1);
	const struct policy_glob *found = g->n_kind[GLOB_EXACT] ? find_key(g, GLOB_EXACT, name, n, name) : NULL;
	for (size_t i = 0; i < n && g->n_kind[GLOB_TAIL]; i++)
		backwards[i] = name[n - 1 - i];
	for (unsigned kind = GLOB_HEAD; !found && kind <= GLOB_TAIL; kind++)
		for (size_t length = 1; !found && g->n_kind[kind] && length <= n; length++)
			if (g->used[kind][length / 64] >> length % 64 & 1)
				found = find_key(g, kind, kind == GLOB_HEAD ? name : backwards, length, name);
	return found || !g->n_kind[GLOB_SCAN] ? found : find_key(g, GLOB_SCAN, "", 0, name);
}

void policy_globs_done(struct policy_globs *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->items[i].text);
		free(g->items[i].key);
	}
	free(g->items);
	*g = (struct policy_globs){0};
}
