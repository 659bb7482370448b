/* Paths and values -> a JSON object and its text. Called by the formats. Real numbers keep 16 digits: microseconds
 * since 1970. */
#include "alert_tree.h"
#include "alert_line.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>

#define TREE_NAME 64 /* a member's name in a path of ours */

void tree_init(struct tree *t)
{
	*t = (struct tree){.root = json_object()};
	t->failed = !t->root;
}

static json_t *clean_text(const char *text)
{
	json_t *value = json_string(text);
	if (value)
		return value;
	size_t n = strlen(text);
	char *copy = text_dup(slice_of(text, n), 3 * n + 1);
	value = copy ? json_string(copy) : NULL;
	free(copy);
	return value;
}

static json_t *clean_array(const json_t *value)
{
	json_t *array = json_array();
	size_t i;
	json_t *item;
	json_array_foreach(value, i, item) {
		if (array && json_array_append_new(array, tree_clean(item)) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *clean_object(const json_t *value)
{
	json_t *object = json_object();
	for (void *at = json_object_iter((json_t *)value); at && object;
	     at = json_object_iter_next((json_t *)value, at)) {
		json_t *name = clean_text(json_object_iter_key(at));
		if (!name ||
		    json_object_set_new(object, json_string_value(name), tree_clean(json_object_iter_value(at))) != 0) {
			json_decref(object);
			object = NULL;
		}
		json_decref(name);
	}
	return object;
}

json_t *tree_clean(const json_t *value)
{
	if (json_is_string(value))
		return clean_text(json_string_value(value));
	if (json_is_array(value))
		return clean_array(value);
	if (json_is_object(value))
		return clean_object(value);
	return json_copy((json_t *)value);
}

/* The object that holds the path's last name, which is what *path then is. */
static json_t *holder(struct tree *t, const char **path)
{
	json_t *object = t->root;
	const char *dot;
	while (object && !t->flat && (dot = strchr(*path, '.'))) {
		char name[TREE_NAME];
		text_copy(name, sizeof name, slice_of(*path, (size_t)(dot - *path)));
		json_t *next = json_object_get(object, name);
		if (!next) {
			next = json_object();
			if (json_object_set_new(object, name, next) != 0)
				next = NULL;
		}
		object = next;
		*path = dot + 1;
	}
	return object;
}

void tree_put(struct tree *t, const char *path, json_t *value)
{
	json_t *object = t->failed ? NULL : holder(t, &path);
	if (!object) {
		json_decref(value);
		t->failed = true;
	} else if (json_object_set_new(object, path, value) != 0) {
		t->failed = true;
	}
}

void tree_text(struct tree *t, const char *path, const char *text)
{
	if (text)
		tree_put(t, path, clean_text(text));
}

void tree_integer(struct tree *t, const char *path, json_int_t value)
{
	tree_put(t, path, json_integer(value));
}

void tree_copy(struct tree *t, const char *path, const json_t *value)
{
	bool empty = (json_is_array(value) && json_array_size(value) == 0) ||
		     (json_is_object(value) && json_object_size(value) == 0);
	if (value && !json_is_null(value) && !empty)
		tree_put(t, path, tree_clean(value));
}

static json_t *counted(const char *name, const json_t *count)
{
	struct tree item;
	tree_init(&item);
	tree_text(&item, "name", name);
	tree_integer(&item, "count", json_integer_value(count));
	if (item.failed) {
		json_decref(item.root);
		return NULL;
	}
	return item.root;
}

void tree_counts(struct tree *t, const char *path, const json_t *counts)
{
	for (void *at = json_object_iter((json_t *)counts); at; at = json_object_iter_next((json_t *)counts, at))
		tree_push(t, path, counted(json_object_iter_key(at), json_object_iter_value(at)));
}

void tree_names(struct tree *t, const char *path, const json_t *counts)
{
	for (void *at = json_object_iter((json_t *)counts); at; at = json_object_iter_next((json_t *)counts, at))
		tree_append(t, path, json_object_iter_key(at));
}

void tree_push(struct tree *t, const char *path, json_t *value)
{
	const char *name = path;
	json_t *object = t->failed ? NULL : holder(t, &name);
	json_t *array = json_object_get(object, name);
	if (object && !array) {
		array = json_array();
		if (json_object_set_new(object, name, array) != 0)
			array = NULL;
	}
	if (json_array_append_new(array, value) != 0)
		t->failed = true;
}

void tree_append(struct tree *t, const char *path, const char *text)
{
	if (text)
		tree_push(t, path, clean_text(text));
}

static bool counted_by_name(const char *field)
{
	static const char *const fields[] = {"methods", "server_methods", "tools_called", "resources_read", "prompts_got"};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strcmp(field, fields[i]) == 0)
			return true;
	return false;
}

void tree_fields(struct tree *t, const char *prefix, const json_t *event, const char *const *fields)
{
	for (; *fields; fields++) {
		const json_t *value = json_object_get(event, *fields);
		char path[2 * TREE_NAME];
		size_t n = 0;
		text_append(path, sizeof path, &n, "%s.%s", prefix, *fields);
		if (counted_by_name(*fields))
			tree_counts(t, path, value);
		else
			tree_copy(t, path, value);
	}
}

/* jansson writes DEL as it is, which a terminal acts upon. */
static char *spell_del(char *text, size_t *ret_n)
{
	struct line l = {0};
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, "\x7f");
		line_put(&l, at, n);
		at += n;
		if (*at) {
			line_puts(&l, "\\u007F");
			at++;
		}
	}
	free(text);
	return line_take(&l, ret_n);
}

char *tree_take(struct tree *t, size_t *ret_n)
{
	char *text = t->failed ? NULL : json_dumps(t->root, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(16));
	json_decref(t->root);
	*t = (struct tree){0};
	if (text && strchr(text, 0x7f))
		return spell_del(text, ret_n);
	if (text)
		*ret_n = strlen(text);
	return text;
}
