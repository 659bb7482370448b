/* Lists of names -> warnings about globs that cannot mean what their author wanted. Called by policy_check. Pairwise
 * only: a glob that several others cover together is not found. */
#include "policy_entry.h"
#include "text.h"

#define SENTENCE 768

struct names_check {
	const char *id; /* of the entry; NULL: the file's own */
	enum policy_use use;
	void (*warn)(void *context, const char *sentence);
	void *context;
};

static void warn(const struct names_check *c, const char *list, const struct policy_glob *g, const char *what,
		 const struct policy_glob *by, const char *by_list)
{
	char sentence[SENTENCE];
	size_t n = 0;
	if (c->id)
		text_append(sentence, sizeof sentence, &n, "\"%s\": ", c->id);
	text_append(sentence, sizeof sentence, &n, "%s, %s: \"%.130s\" %s", policy_use_name(c->use), list, g->text,
		    what);
	if (by)
		text_append(sentence, sizeof sentence, &n, " \"%.130s\"%s", by->text, by_list);
	char shown[SENTENCE];
	text_escape_terminal(shown, sizeof shown, slice_str(sentence));
	c->warn(c->context, shown);
}

/* Another glob of a list that covers g. Of two that are equal the first one does. */
static const struct policy_glob *cover_of(const struct policy_globs *list, const struct policy_glob *g)
{
	const struct policy_glob *found = NULL;
	for (size_t i = 0; i < list->n; i++) {
		const struct policy_glob *other = &list->items[i];
		if (other == g || (found && found->order < other->order) || !policy_glob_covers(other->text, g->text))
			continue;
		bool itself = g >= list->items && g < list->items + list->n;
		if (!itself || !policy_glob_covers(g->text, other->text) || other->order < g->order)
			found = other;
	}
	return found;
}

/* What is recorded of a resource has neither query nor fragment: that is where credentials travel. */
static bool needs_query(const char *glob)
{
	for (; *glob; glob++) {
		if (*glob == '\\' && *++glob == '?')
			return true;
		if (*glob == '#')
			return true;
	}
	return false;
}

static void check_list(const struct names_check *c, const struct policy_globs *list, const char *name,
		       const struct policy_globs *const denied[2])
{
	static const char *const whose[2] = {" of the file's own denials", " of its denials"};
	for (size_t i = 0; i < list->n; i++) {
		const struct policy_glob *g = &list->items[i], *by = NULL;
		if (c->use == POLICY_RESOURCES && needs_query(g->text)) {
			warn(c, name, g, "never matches: what is compared has neither query nor fragment", NULL, "");
			continue;
		}
		for (int d = 0; d < 2 && !by; d++) {
			by = denied[d] ? cover_of(denied[d], g) : NULL;
			if (by)
				warn(c, name, g, "has no effect: all of it is covered by", by, whose[d]);
		}
		by = by ? NULL : cover_of(list, g);
		if (by)
			warn(c, name, g, "says nothing more than", by, "");
	}
}

void policy_check_names(const struct policy *p, const struct policy_entry *e,
			void (*warn_fn)(void *context, const char *sentence), void *context)
{
	for (int use = 0; use < POLICY_USES; use++) {
		const struct names_check c = {e ? e->id : NULL, (enum policy_use)use, warn_fn, context};
		const struct policy_globs *file = &p->denied_names[use];
		const struct policy_globs *const allowed_by[2] = {file, e ? &e->names[use].deny : NULL},
						 *const denied_by[2] = {e ? file : NULL, NULL};
		if (!e) {
			check_list(&c, file, "deny", denied_by);
			continue;
		}
		check_list(&c, &e->names[use].allow, "allow", allowed_by);
		check_list(&c, &e->names[use].deny, "deny", denied_by);
		if (e->names[use].listed && e->names[use].allow.n == 0 && e->names[use].deny.n)
			warn(&c, "deny", &e->names[use].deny.items[0],
			     "has no effect: the list of what is allowed is empty, so nothing is", NULL, "");
	}
}
