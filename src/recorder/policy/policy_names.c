/* "tools", "resources" and "prompts" of a policy -> lists of globs. Called by policy_load. Refuses a glob that no
 * recorded name could match: it would look like a rule that is kept. */
#include "policy_load.h"
#include <stdlib.h>

const char *policy_use_name(enum policy_use u)
{
	static const char *const names[POLICY_USES] = {"tools", "resources", "prompts"};
	return names[u];
}

size_t policy_use_limit(enum policy_use u)
{
	return u == POLICY_RESOURCES ? LIMIT_PATH : LIMIT_NAME;
}

static bool read_globs(struct policy_load *l, const struct jsonplace *at, const json_t *array, enum policy_use use,
		       struct policy_globs *ret)
{
	size_t n = json_array_size(array);
	if (n > LIMIT_POLICY_GLOBS)
		return jsonfile_fail(&l->file, at, "has more than %d patterns", LIMIT_POLICY_GLOBS);
	ret->items = calloc(n ? n : 1, sizeof *ret->items);
	if (!ret->items)
		return policy_no_memory(l);
	for (size_t i = 0; i < n; i++) {
		struct jsonplace place = {at, NULL, i};
		const char *text = json_string_value(json_array_get(array, i));
		if (!text || !text[0])
			return jsonfile_fail(&l->file, &place, "must be a name or a pattern such as \"read_*\"");
		if (!policy_glob_valid(text))
			return jsonfile_fail(&l->file, &place,
					     "a backslash stands before '*', '?' or another one only: " QUOTE, text);
		/* a longer name is cut when it is recorded and could never be equal */
		if (policy_glob_least(text) >= policy_use_limit(use))
			return jsonfile_fail(&l->file, &place, "longer than %zu bytes", policy_use_limit(use) - 1);
		if (!policy_keep(l, &ret->items[i].text, text))
			return false;
		ret->items[i].order = i;
		ret->n++;
	}
	if (!policy_globs_index(ret))
		return policy_no_memory(l);
	if (ret->n_kind[GLOB_SCAN] > LIMIT_POLICY_SCAN)
		return jsonfile_fail(&l->file, at, "has more than %d patterns that begin and end with a wildcard",
				     LIMIT_POLICY_SCAN);
	return true;
}

/* {"allow": [...], "deny": [...]} */
static bool read_lists(struct policy_load *l, const struct jsonplace *at, const json_t *object, bool deny_only,
		       enum policy_use use, struct policy_names *ret)
{
	static const char *const both[] = {"allow", "deny", "comment", NULL}, *const denials[] = {"deny", "comment",
												  NULL};
	struct jsonplace allow_at = {at, "allow", 0}, deny_at = {at, "deny", 0};
	const json_t *allow = NULL, *deny = NULL;
	const char *comment = NULL;
	if (!jsonfile_members(&l->file, at, object, deny_only ? denials : both) ||
	    !jsonfile_string(&l->file, at, object, "comment", false, &comment) ||
	    !jsonfile_array(&l->file, at, object, "allow", false, &allow) ||
	    !jsonfile_array(&l->file, at, object, "deny", false, &deny))
		return false;
	ret->listed = allow != NULL;
	return (!allow || read_globs(l, &allow_at, allow, use, &ret->allow)) &&
	       (!deny || read_globs(l, &deny_at, deny, use, &ret->deny));
}

bool policy_read_names(struct policy_load *l, const struct jsonplace *at, const json_t *object,
		       struct policy_names names[POLICY_USES])
{
	for (int use = 0; use < POLICY_USES; use++) {
		struct jsonplace place = {at, policy_use_name((enum policy_use)use), 0};
		const json_t *value = json_object_get(object, place.key);
		if (!value)
			continue;
		names[use].listed = json_is_array(value);
		if (!json_is_array(value) && !json_is_object(value))
			return jsonfile_fail(
			    &l->file, &place,
			    "must be a list of what is allowed, or an object with \"allow\" and \"deny\"");
		if (json_is_array(value) ? !read_globs(l, &place, value, (enum policy_use)use, &names[use].allow)
					 : !read_lists(l, &place, value, false, (enum policy_use)use, &names[use]))
			return false;
	}
	return true;
}

bool policy_read_denied_names(struct policy_load *l, const json_t *root)
{
	for (int use = 0; use < POLICY_USES; use++) {
		struct jsonplace place = {NULL, policy_use_name((enum policy_use)use), 0};
		struct policy_names names = {.listed = false};
		const json_t *object = NULL;
		if (!jsonfile_object(&l->file, NULL, root, place.key, false, &object))
			return false;
		bool ok = !object || read_lists(l, &place, object, true, (enum policy_use)use, &names);
		l->policy->denied_names[use] = names.deny; /* also what was read of it: policy_free takes it */
		if (!ok)
			return false;
	}
	return true;
}

void policy_names_done(struct policy_names *n)
{
	policy_globs_done(&n->allow);
	policy_globs_done(&n->deny);
}
