/* Text -> a line: escaped character by character, so that nothing depends on where a buffer ends. Called by the
 * formats. Cuts nothing but lists: events are bounded, so lines are. */
#include "alert_line.h"
#include "limits.h"
#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for n more bytes and a NUL. */
static bool reserve(struct line *l, size_t n)
{
	if (l->failed)
		return false;
	if (l->cap - l->n > n)
		return true;
	size_t cap = l->cap ? l->cap : 512;
	while (cap - l->n <= n)
		cap *= 2;
	char *text = realloc(l->text, cap);
	if (!text) {
		l->failed = true;
		return false;
	}
	l->text = text;
	l->cap = cap;
	return true;
}

void line_put(struct line *l, const char *text, size_t n)
{
	if (!reserve(l, n))
		return;
	memcpy(l->text + l->n, text, n);
	l->n += n;
	l->text[l->n] = 0;
}

void line_puts(struct line *l, const char *text)
{
	line_put(l, text, strlen(text));
}

void line_printf(struct line *l, const char *format, ...)
{
	char piece[256]; /* numbers, times, addresses and names of ours only */
	size_t n = 0;
	va_list args;
	va_start(args, format);
	int wanted = vsnprintf(piece, sizeof piece, format, args);
	va_end(args);
	if (wanted > 0)
		n = (size_t)wanted < sizeof piece ? (size_t)wanted : sizeof piece - 1;
	line_put(l, piece, n);
}

static void put_escaped(struct line *l, const char *piece, size_t n, int how)
{
	for (size_t i = 0; i < n; i++) {
		char c = piece[i];
		if ((c == '"' && (how & LINE_QUOTE)) || (c == '\\' && (how & (LINE_CEF_HEADER | LINE_CEF_VALUE))) ||
		    (c == '|' && (how & LINE_CEF_HEADER)) || (c == '=' && (how & LINE_CEF_VALUE)))
			line_put(l, "\\", 1);
		line_put(l, &c, 1);
	}
}

void line_text(struct line *l, const char *text, int how)
{
	struct slice s = slice_str(text);
	if (!(how & LINE_SPELL)) {
		put_escaped(l, text, s.n, how);
		return;
	}
	while (s.n) {
		size_t len = utf8_char_len(s);
		if (len == 0)
			len = 1; /* a byte that is none: spelt out too */
		if ((how & LINE_CEF_VALUE) && (s.p[0] == '\n' || s.p[0] == '\r')) {
			line_puts(l, s.p[0] == '\n' ? "\\n" : "\\r");
		} else {
			char piece[16];
			text_escape_terminal(piece, sizeof piece, slice_first(s, len));
			put_escaped(l, piece, strlen(piece), how);
		}
		s = slice_after(s, len);
	}
}

static bool harmless(const char *text)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:@+()[]";
	return text[0] && text[strspn(text, word)] == 0;
}

void line_name(struct line *l, const char *text)
{
	if (harmless(text)) {
		line_puts(l, text);
		return;
	}
	line_puts(l, "\"");
	line_text(l, text, LINE_SPELL | LINE_QUOTE);
	line_puts(l, "\"");
}

static bool listed(struct line *l, size_t i, size_t n)
{
	if (i < LIMIT_ALERT_LISTED)
		line_puts(l, i ? ", " : "");
	else if (i == LIMIT_ALERT_LISTED)
		line_printf(l, " and %zu more", n - i);
	return i < LIMIT_ALERT_LISTED;
}

static bool list_counts(struct line *l, const json_t *counts)
{
	size_t i = 0, n = json_object_size(counts);
	for (void *at = json_object_iter((json_t *)counts); at; at = json_object_iter_next((json_t *)counts, at), i++) {
		if (!listed(l, i, n))
			break;
		line_name(l, json_object_iter_key(at));
		json_int_t count = json_integer_value(json_object_iter_value(at));
		if (count != 1)
			line_printf(l, " x%" JSON_INTEGER_FORMAT, count);
	}
	return n > 0;
}

bool line_list(struct line *l, const json_t *list, const char *member)
{
	if (json_is_object(list))
		return list_counts(l, list);
	size_t n = json_array_size(list);
	for (size_t i = 0; i < n && listed(l, i, n); i++) {
		const json_t *item = json_array_get(list, i);
		const char *text = json_string_value(member ? json_object_get(item, member) : item);
		line_name(l, text ? text : "?");
	}
	return n > 0;
}

char *line_take(struct line *l, size_t *ret_n)
{
	line_put(l, "", 0);
	char *text = l->text;
	if (l->failed) {
		free(text);
		text = NULL;
	} else {
		*ret_n = l->n;
	}
	*l = (struct line){0};
	return text;
}

void line_done(struct line *l)
{
	free(l->text);
	*l = (struct line){0};
}
