/* The look-ups other than hosts and the matching of paths, and the set's life. Allocates nothing after loading. */
#include "signature_set.h"
#include <stdatomic.h>
#include <stdlib.h>

struct signature_set *signature_set_hold(struct signature_set *s)
{
	atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
	return s;
}

void signature_set_free(struct signature_set *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) > 0)
		return;
	free(s->all);
	free(s->endpoints);
	free(s->text);
	free(s->version);
	free(s->hosts);
	free(s->pointers);
	free(s->scan_letters);
	free(s);
}

const char *signature_set_version(const struct signature_set *s)
{
	return s->version;
}

size_t signature_set_count(const struct signature_set *s, enum signature_kind kind)
{
	return s->first[kind + 1] - s->first[kind];
}

const struct signature *signature_set_at(const struct signature_set *s, enum signature_kind kind, size_t index)
{
	return index < signature_set_count(s, kind) ? &s->all[s->first[kind] + index] : NULL;
}

static const struct signature *exact_find(const struct signature_set *set, enum signature_kind kind, struct slice text)
{
	size_t low = 0, high = set->n_exact[kind];
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = signature_compare(kind, text, slice_str(set->exact[kind][middle]->pattern));
		if (order == 0)
			return set->exact[kind][middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct signature *signature_path(const struct signature_set *s, struct slice path)
{
	struct path_text t;
	path_text_of(path, &t);
	if (!t.cut) {
		const struct signature *found = exact_find(s, SIGNATURE_PATH, slice_of(t.p, t.n));
		if (!found)
			found = exact_find(s, SIGNATURE_PATH, path_text_trimmed(&t));
		if (found)
			return found;
	}
	for (size_t i = 0; i < s->n_scan[SIGNATURE_PATH]; i++)
		if (path_text_matches(&t, s->scan[SIGNATURE_PATH][i]))
			return s->scan[SIGNATURE_PATH][i];
	return NULL;
}

const struct signature *signature_header(const struct signature_set *s, struct slice name, struct slice value)
{
	const struct signature *prefix = NULL;
	for (size_t i = 0; i < s->n_scan[SIGNATURE_HEADER]; i++) {
		const struct signature *one = s->scan[SIGNATURE_HEADER][i];
		if (one->value && !slice_istarts(slice_trim(value), one->value))
			continue;
		if (one->match == MATCH_EXACT && slice_ieq_str(name, one->pattern))
			return one;
		if (one->match == MATCH_PREFIX && name.n > strlen(one->pattern) && slice_istarts(name, one->pattern)) {
			prefix = one;
			break; /* exact names with a value come before prefixes */
		}
	}
	const struct signature *found = exact_find(s, SIGNATURE_HEADER, name);
	return found ? found : prefix;
}

const struct signature *signature_method(const struct signature_set *s, struct slice method)
{
	return exact_find(s, SIGNATURE_METHOD, method);
}

static bool contains(struct slice text, const char *what)
{
	for (size_t n = strlen(what); text.n >= n; text = slice_after(text, 1))
		if (slice_istarts(text, what))
			return true;
	return false;
}

static const struct signature *name_find(const struct signature_set *s, enum signature_kind kind, struct slice text)
{
	const struct signature *found = exact_find(s, kind, text);
	for (size_t i = 0; !found && i < s->n_scan[kind]; i++) {
		const struct signature *one = s->scan[kind][i];
		if (one->match == MATCH_PREFIX ? slice_istarts(text, one->pattern) : contains(text, one->pattern))
			found = one;
	}
	return found;
}

/* Longer texts are cut: patterns are short, and a hostile megabyte must not be searched for each of them. */
const struct signature *signature_user_agent(const struct signature_set *s, struct slice user_agent)
{
	return name_find(s, SIGNATURE_USER_AGENT, slice_first(user_agent, LIMIT_SIGNATURE_TEXT));
}

const struct signature *signature_client(const struct signature_set *s, struct slice name)
{
	return name_find(s, SIGNATURE_CLIENT, slice_first(name, LIMIT_SIGNATURE_TEXT));
}

const struct signature *signature_ja4(const struct signature_set *s, const char *ja4)
{
	return exact_find(s, SIGNATURE_JA4, slice_str(ja4));
}

const struct signature *signature_behaviour(const struct signature_set *s, const char *id)
{
	return exact_find(s, SIGNATURE_BEHAVIOUR, slice_str(id));
}
