/* jansson reads a text byte by byte through a stream of decoded characters, at some 170 instructions a byte. Here strings are copied in
 * one go. Not plain, and left to jansson: numbers but short whole ones, \u, keys that are long or hold an escape or more than
 * ASCII, deep nesting, and every mistake. So what is accepted needs no error texts, and what is refused costs no more than the time. */
#include "jsonplain.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	DEPTH_MOST = 16,   /* of arrays and objects: our files have five */
	KEY_BYTES = 64,    /* of a member's name with its NUL */
	NUMBER_DIGITS = 9, /* no overflow, whatever the digits are */
};

struct plain {
	const char *p, *end;
	char *room; /* for a string with escapes: as long as the text */
	size_t room_n;
};

static json_t *value_read(struct plain *r, unsigned depth);

/* The next byte that is no white space, or 0 at the end. A NUL in the text is no plain byte anywhere, so both are refused. */
static char look(struct plain *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
		r->p++;
	return r->p < r->end ? *r->p : 0;
}

static bool take(struct plain *r, char c)
{
	if (look(r) != c)
		return false;
	r->p++;
	return true;
}

/* What stands behind a backslash, or 0 where that is not plain. */
static char escaped(char c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/': return c;
	case 'b': return '\b';
	case 'f': return '\f';
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	default: return 0;
	}
}

/* The bytes between two quotes, the first of which was taken, and whether they are ASCII; false where they are not plain. They lie in the text
 * or, with escapes, in the room, until the next string. */
static bool string_read(struct plain *r, const char **ret, size_t *ret_n, bool *ret_ascii)
{
	const char *start = r->p;
	unsigned char high = 0;
	for (; r->p < r->end && *r->p != '"' && *r->p != '\\'; r->p++) {
		if ((unsigned char)*r->p < 0x20)
			return false;
		high |= (unsigned char)*r->p;
	}
	size_t n = (size_t)(r->p - start);
	*ret = start;
	if (r->p < r->end && *r->p == '\\') {
		if (!r->room && !(r->room = malloc(r->room_n)))
			return false;
		memcpy(r->room, start, n);
		*ret = r->room;
		for (; r->p < r->end && *r->p != '"'; r->p++) {
			char c = *r->p;
			if ((unsigned char)c < 0x20)
				return false;
			if (c == '\\' && (++r->p == r->end || !(c = escaped(*r->p))))
				return false;
			high |= (unsigned char)c;
			r->room[n++] = c;
		}
	}
	if (r->p == r->end)
		return false;
	r->p++;
	*ret_n = n;
	*ret_ascii = high < 0x80;
	return true;
}

static json_t *text_read(struct plain *r)
{
	const char *s;
	size_t n;
	bool ascii;
	if (!string_read(r, &s, &n, &ascii))
		return NULL;
	return ascii ? json_stringn_nocheck(s, n) : json_stringn(s, n); /* which looks at its UTF-8 as the parser does */
}

static bool member_read(struct plain *r, json_t *object, unsigned depth)
{
	char key[KEY_BYTES];
	const char *s;
	size_t n, before = json_object_size(object);
	bool ascii;
	if (!take(r, '"') || !string_read(r, &s, &n, &ascii) || s == r->room || !ascii || n >= sizeof key)
		return false;
	memcpy(key, s, n);
	key[n] = '\0';
	if (!take(r, ':'))
		return false;
	json_t *value = value_read(r, depth);
	/* a name that was there before leaves as many members as there were */
	return value && json_object_set_new_nocheck(object, key, value) == 0 && json_object_size(object) > before;
}

static bool members_read(struct plain *r, json_t *object, unsigned depth)
{
	if (take(r, '}'))
		return true;
	do
		if (!member_read(r, object, depth))
			return false;
	while (take(r, ','));
	return take(r, '}');
}

static bool elements_read(struct plain *r, json_t *array, unsigned depth)
{
	if (take(r, ']'))
		return true;
	do {
		json_t *value = value_read(r, depth);
		if (!value || json_array_append_new(array, value) != 0)
			return false;
	} while (take(r, ','));
	return take(r, ']');
}

static json_t *number_read(struct plain *r)
{
	bool minus = *r->p == '-';
	r->p += minus;
	const char *start = r->p;
	json_int_t v = 0;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
		if (r->p - start == NUMBER_DIGITS)
			return NULL;
		v = 10 * v + (*r->p - '0');
	}
	size_t n = (size_t)(r->p - start);
	bool whole = n && (n == 1 || *start != '0') && !(r->p < r->end && (*r->p == '.' || *r->p == 'e' || *r->p == 'E'));
	return whole ? json_integer(minus ? -v : v) : NULL;
}

static json_t *word_read(struct plain *r, const char *word, json_t *value)
{
	size_t n = strlen(word);
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return NULL;
	r->p += n;
	return value; /* these three are not counted */
}

static json_t *value_read(struct plain *r, unsigned depth)
{
	char c = look(r);
	json_t *value = NULL;
	switch (c) {
	case '"': r->p++; return text_read(r);
	case 't': return word_read(r, "true", json_true());
	case 'f': return word_read(r, "false", json_false());
	case 'n': return word_read(r, "null", json_null());
	case '{':
	case '[':
		r->p++;
		if (depth == DEPTH_MOST || !(value = c == '{' ? json_object() : json_array()))
			return NULL;
		if (c == '{' ? members_read(r, value, depth + 1) : elements_read(r, value, depth + 1))
			return value;
		json_decref(value);
		return NULL;
	default: return c == '-' || (c >= '0' && c <= '9') ? number_read(r) : NULL;
	}
}

json_t *jsonplain_read(const char *text, size_t n)
{
	struct plain r = {.p = text, .end = text + n, .room_n = n};
	char first = look(&r);
	json_t *root = first == '{' || first == '[' ? value_read(&r, 0) : NULL;
	if (root && (look(&r) || r.p < r.end)) {
		json_decref(root);
		root = NULL;
	}
	free(r.room);
	return root;
}
