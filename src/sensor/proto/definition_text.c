#include "definition_text.h"
#include <stdio.h>

static void put(struct definition_text *t, const void *bytes, size_t n)
{
	if (t->cut || n >= sizeof t->text - t->n) {
		t->cut = true; /* whole characters and escapes alone: what follows must not close the gap */
		return;
	}
	memcpy(t->text + t->n, bytes, n);
	t->n += n;
}

void definition_text_begin(struct definition_text *t)
{
	t->n = 0;
	t->cut = t->in_string = t->in_key = t->comma = false;
	put(t, "{", 1);
}

static void comma(struct definition_text *t)
{
	if (t->comma)
		put(t, ",", 1);
	t->comma = false;
}

/* Pieces without a value that began are of a key. */
static void open_key(struct definition_text *t)
{
	if (t->in_string || t->in_key)
		return;
	comma(t);
	put(t, "\"", 1);
	t->in_key = true;
}

/* One character; what is none (see json_piece_fn) as U+FFFD. How many bytes it took. */
static size_t put_character(struct definition_text *t, struct slice s)
{
	uint8_t c = s.p[0];
	char escape[8];
	if (c == '"' || c == '\\') {
		put(t, (char[]){'\\', (char)c}, 2);
		return 1;
	}
	if (c < 0x20) {
		put(t, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
		return 1;
	}
	bool surrogate = c == 0xed && s.n > 1 && s.p[1] >= 0xa0;
	if (c == 0xff || c == 0xc0 || surrogate) {
		put(t, "\xef\xbf\xbd", 3);
		return surrogate ? 3 : 2;
	}
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	put(t, s.p, n);
	return n;
}

static bool in_number(const struct definition_text *t)
{
	return t->in_string && !t->in_key && t->comma;
}

void definition_text_piece(struct definition_text *t, struct slice piece)
{
	open_key(t);
	if (in_number(t)) {
		put(t, piece.p, piece.n);
		return;
	}
	while (piece.n && !t->cut)
		piece = slice_after(piece, put_character(t, piece));
}

void definition_text_key(struct definition_text *t)
{
	open_key(t); /* it may be empty */
	put(t, "\":", 2);
	t->in_key = false;
}

void definition_text_value(struct definition_text *t, enum json_type type, bool truth)
{
	comma(t);
	switch (type) {
	case JSON_NULL: put(t, "null", 4); break;
	case JSON_BOOL: put(t, truth ? "true" : "false", truth ? 4 : 5); break;
	case JSON_STRING: put(t, "\"", 1); break;
	case JSON_ARRAY: put(t, "[", 1); break;
	case JSON_OBJECT: put(t, "{", 1); break;
	default: break;
	}
	t->in_string = type == JSON_STRING || type == JSON_NUMBER;
	t->comma = type == JSON_NULL || type == JSON_BOOL || type == JSON_NUMBER;
}

void definition_text_end(struct definition_text *t, enum json_type type)
{
	if (type != JSON_NUMBER)
		put(t, type == JSON_STRING ? "\"" : type == JSON_ARRAY ? "]" : "}", 1);
	t->in_string = false;
	t->comma = true;
}

const char *definition_text_finish(struct definition_text *t)
{
	put(t, "}", 1);
	t->text[t->n] = '\0';
	return t->text;
}
