/* A body that is too long for its receiver -> one that fits and says that it does not say all. Called by
 * syslog_message. JSON stays JSON: members that are null leave first, then those whose value is a text, a list, or a
 * table of counts, the longest first (of equals the one that comes first), but none shorter than KEPT, so that ids,
 * times, addresses and what a schema requires stay; then any but the ids. */
#include "syslog_message.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 48, DEPTH = 8 };
#define DUMP (JSON_COMPACT | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(16))

static char *copy_of(struct slice s, size_t *ret_n)
{
	char *copy = malloc(s.n + 1);
	if (copy) {
		memcpy(copy, s.p, s.n);
		copy[s.n] = 0;
		*ret_n = s.n;
	}
	return copy;
}

/* ---- text ---- */

/* Not inside a character, and not behind a backslash whose second half would be missing. */
static size_t cut_at(struct slice s, size_t n)
{
	while (n && (s.p[n] & 0xc0) == 0x80)
		n--;
	size_t slashes = 0;
	while (slashes < n && s.p[n - 1 - slashes] == '\\')
		slashes++;
	return n - slashes % 2;
}

static char *fit_text(struct slice body, size_t room, size_t *ret_n)
{
	char mark[48];
	/* The number may be as long as that of all bytes. */
	size_t mark_n = (size_t)snprintf(mark, sizeof mark, "...[cut %zu bytes]", body.n);
	size_t n = cut_at(body, room > mark_n ? room - mark_n : 0);
	char *out = malloc(n + sizeof mark);
	if (!out)
		return NULL;
	memcpy(out, body.p, n);
	*ret_n = n + (size_t)snprintf(out + n, sizeof mark, "...[cut %zu bytes]", body.n - n);
	return out;
}

/* ---- JSON ---- */

struct longest {
	json_t *parent;
	const char *key;
	size_t n;
};

static size_t dumped(const json_t *v)
{
	char *text = json_dumps(v, DUMP | JSON_ENCODE_ANY);
	size_t n = text ? strlen(text) : 0;
	free(text);
	return n;
}

static bool only_numbers(const json_t *object)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)object, key, value)
	{
		if (!json_is_number(value))
			return false;
	}
	return true;
}

static bool is_id(const char *key)
{
	static const char *const ids[] = {"alert_id", "alert_cut", "event_id", "verdict", "uid"};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (strcmp(key, ids[i]) == 0)
			return true;
	return false;
}

/* last: nothing but the ids is worth keeping any more. */
static void find_longest(json_t *object, bool last, int depth, struct longest *best)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		bool leaf = !json_is_object(value) || only_numbers(value) || depth == DEPTH;
		if (!leaf) {
			find_longest(value, last, depth + 1, best);
		} else if (last ? !is_id(key)
		                : json_is_object(value) || json_is_array(value) || json_is_string(value)) {
			size_t n = dumped(value);
			if (n > (last ? 0 : KEPT) && n > best->n)
				*best = (struct longest){object, key, n};
		}
	}
}

static void drop_nulls(json_t *object, int depth)
{
	const char *key;
	json_t *value;
	void *next;
	json_object_foreach_safe(object, next, key, value)
	{
		if (json_is_null(value))
			json_object_del(object, key);
		else if (json_is_object(value) && depth < DEPTH)
			drop_nulls(value, depth + 1);
	}
}

/* An object that is there, or one made for it; NULL when out of memory. */
static json_t *child(json_t *parent, const char *key)
{
	json_t *there = json_object_get(parent, key);
	if (json_is_object(there))
		return there;
	json_t *made = json_object();
	return made && json_object_set_new(parent, key, made) == 0 ? made : NULL;
}

/* How many members left, besides those that were null, where each schema leaves room for it. */
static bool mark(json_t *root, enum alert_format format, int cut)
{
	json_t *at = root;
	const char *key = "alert_cut";
	json_t *value = json_integer(cut);
	switch (format) {
	case ALERT_EVE:
		at = child(root, "alert");
		at = at ? child(at, "metadata") : NULL;
		json_decref(value);
		value = json_pack("[s]", "members");
		break;
	case ALERT_ECS: at = child(root, "shadowtap"); break;
	case ALERT_OCSF: at = child(root, "unmapped"); break;
	case ALERT_ZEEK:
	case ALERT_JSON:
	default: break;
	}
	if (at)
		return json_object_set_new(at, key, value) == 0;
	json_decref(value);
	return false;
}

/* NULL: not to be had this way. */
static char *fit_json(enum alert_format format, struct slice body, size_t room, size_t *ret_n)
{
	json_t *root = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	char *text = NULL;
	bool last = false;
	if (json_is_object(root))
		drop_nulls(root, 0);
	for (int cut = 0; json_is_object(root); cut++) {
		if (!mark(root, format, cut))
			break;
		text = json_dumps(root, DUMP);
		if (!text || strlen(text) <= room)
			break;
		free(text);
		text = NULL;
		struct longest l = {NULL, NULL, 0};
		find_longest(root, last, 0, &l);
		if (!l.parent) {
			last = true;
			find_longest(root, last, 0, &l);
		}
		if (!l.parent || json_object_del(l.parent, l.key) != 0)
			break;
	}
	json_decref(root);
	if (text)
		*ret_n = strlen(text);
	return text;
}

char *syslog_fit(enum alert_format format, struct slice body, size_t room, size_t *ret_n)
{
	char *json = NULL;
	if (body.n <= room)
		return copy_of(body, ret_n);
	if (format != ALERT_TEXT && format != ALERT_CEF)
		json = fit_json(format, body, room, ret_n);
	return json ? json : fit_text(body, room, ret_n);
}
