/* A jansson tree of a JSON-RPC-like message -> its text, written in one of the many ways that JSON allows.
 * Included by test_jsonrpc. White space, escapes and member order vary with the seed; no key stands twice. */
#ifndef SHADOWTAP_JSON_GENERATOR_H
#define SHADOWTAP_JSON_GENERATOR_H

#include "jansson_apart.h"

#include <stdio.h>
#include <stdlib.h>

#include "jsonrpc_members.h"

struct generator {
	uint64_t seed;
	char out[1 << 16];
	size_t n;
};

static inline uint32_t generator_below(struct generator *g, uint32_t n)
{
	g->seed = g->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(g->seed >> 33) % n;
}

static inline void put(struct generator *g, const char *text, size_t n)
{
	if (n > sizeof g->out - g->n)
		abort();
	memcpy(g->out + g->n, text, n);
	g->n += n;
}

static inline void put_space(struct generator *g)
{
	for (uint32_t n = generator_below(g, 4) ? 0 : generator_below(g, 3); n; n--)
		put(g, &" \t\r\n"[generator_below(g, 4)], 1);
}

static inline void put_escape(struct generator *g, uint32_t unit)
{
	char escape[8];
	put(g, escape, (size_t)snprintf(escape, sizeof escape, generator_below(g, 2) ? "\\u%04x" : "\\u%04X", unit));
}

static inline void put_string(struct generator *g, const char *text, size_t n)
{
	put(g, "\"", 1);
	for (size_t i = 0; i < n;) {
		uint8_t c = (uint8_t)text[i];
		size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		uint32_t point = c < 0x80 ? c : c & (0x7fu >> length);
		for (size_t k = 1; k < length; k++)
			point = point << 6 | ((uint8_t)text[i + k] & 0x3f);
		const char *short_form = c ? strchr("\"\"\\\\//\bb\ff\nn\rr\tt", c) : NULL;
		if (c < 0x20 || c == '"' || c == '\\' || generator_below(g, 8) == 0) {
			if (short_form && c != 'b' && c != 'f' && c != 'n' && c != 'r' && c != 't' &&
			    generator_below(g, 2)) {
				put(g, "\\", 1);
				put(g, short_form + 1, 1);
			} else if (point < 0x10000) {
				put_escape(g, point);
			} else {
				put_escape(g, 0xd800 + (point - 0x10000) / 1024);
				put_escape(g, 0xdc00 + (point - 0x10000) % 1024);
			}
		} else {
			put(g, text + i, length);
		}
		i += length;
	}
	put(g, "\"", 1);
}

static inline void put_tree(struct generator *g, json_t *v)
{
	char number[64];
	const char *key;
	json_t *member;
	bool first = true;
	put_space(g);
	switch (json_typeof(v)) {
	case JANSSON_OBJECT:
		put(g, "{", 1);
		json_object_foreach(v, key, member) {
			put(g, ",", first ? 0 : 1);
			first = false;
			put_space(g);
			put_string(g, key, strlen(key));
			put_space(g);
			put(g, ":", 1);
			put_tree(g, member);
		}
		put_space(g);
		put(g, "}", 1);
		break;
	case JANSSON_ARRAY:
		put(g, "[", 1);
		for (size_t i = 0; i < json_array_size(v); i++) {
			put(g, ",", i ? 1 : 0);
			put_tree(g, json_array_get(v, i));
		}
		put_space(g);
		put(g, "]", 1);
		break;
	case JANSSON_STRING: put_string(g, json_string_value(v), json_string_length(v)); break;
	case JSON_INTEGER:
		put(g, number, (size_t)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v)));
		break;
	case JSON_REAL: put(g, number, (size_t)snprintf(number, sizeof number, "%.3e", json_real_value(v))); break;
	case JSON_TRUE: put(g, "true", 4); break;
	case JSON_FALSE: put(g, "false", 5); break;
	case JANSSON_NULL: put(g, "null", 4); break;
	}
	put_space(g);
}

static inline json_t *random_string(struct generator *g)
{
	static const char *const pieces[] = {
	    "a",        "2.0",          "tools/list",       "\"",   "\\",         "/",     "\n", "\x01",
	    "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f", "2025-06-18", "long long long long long text"};
	char text[1024];
	size_t n = 0;
	if (generator_below(g, 4) == 0)
		return json_string("2.0");
	for (uint32_t left = generator_below(g, generator_below(g, 8) ? 5 : 60); left && n < 900; left--)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s", pieces[generator_below(g, 14)]);
	if (generator_below(g, 16) == 0)
		text[n++] = '\0';
	return json_stringn(text, n);
}

static inline json_t *random_value(struct generator *g, int depth)
{
	static const char *const keys[] = {"name", "type", "\xc3\xa9\"\\"};
	json_t *v;
	switch (generator_below(g, depth ? 10 : 8)) {
	case 0: return json_null();
	case 1: return json_boolean(generator_below(g, 2));
	case 2: return json_integer((json_int_t)generator_below(g, 1000) - 500);
	case 3: return json_integer(((json_int_t)generator_below(g, 1u << 31) << 32) - generator_below(g, 1u << 31));
	case 4: return json_real((double)generator_below(g, 1000000) / 7 - 1000);
	case 8:
		v = json_array();
		for (uint32_t n = generator_below(g, 4); n; n--)
			json_array_append_new(v, random_value(g, depth - 1));
		return v;
	case 9:
		v = json_object();
		for (uint32_t n = generator_below(g, 4); n; n--)
			json_object_set_new(v, keys[n - 1], random_value(g, depth - 1));
		return v;
	default: return random_string(g);
	}
}

/* Puts a random value at the end of the path, making what stands on the way unless something else is there. */
static inline void grow(struct generator *g, json_t *root, const char *path)
{
	json_t *at = root;
	for (const char *step = path; *step;) {
		char key[96];
		size_t n = strcspn(step, ">");
		bool last = step[n] == '\0', elements = strncmp(step + n, ">[]", 3) == 0;
		if (strncmp(step, "[]", 2) == 0) {
			json_t *element = generator_below(g, 2) ? json_array_get(at, json_array_size(at) - 1) : NULL;
			if (!element || json_typeof(element) != JANSSON_OBJECT) {
				json_array_append_new(at, json_object());
				element = json_array_get(at, json_array_size(at) - 1);
			}
			if (generator_below(g, 4) == 0)
				json_array_append_new(at, random_value(g, 1));
			at = element;
		} else {
			snprintf(key, sizeof key, "%.*s", (int)n, step);
			if (key[n - 1] == '^' || key[0] == '!')
				snprintf(key + n - 1, sizeof key - n + 1, "k%u", generator_below(g, 1000));
			json_t *next = json_object_get(at, key);
			if (next && (last || json_typeof(next) != (elements ? JANSSON_ARRAY : JANSSON_OBJECT)))
				return;
			if (!next && last)
				json_object_set_new(at, key, random_value(g, 3));
			else if (!next)
				json_object_set_new(at, key, elements ? json_array() : json_object());
			at = json_object_get(at, key);
		}
		step += n + !last;
	}
}

static inline json_t *random_message(struct generator *g)
{
	json_t *root = json_object();
	for (uint32_t n = 1 + generator_below(g, 25); n; n--)
		grow(g, root, members[generator_below(g, MEMBERS)].path);
	return root;
}

#endif
