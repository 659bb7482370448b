/* A JSON text, in pieces of any size -> the page of definitions in its first message, as lines of text.
 * Included by the tests of definitions. */
#ifndef SHADOWTAP_DEFINITION_PAGES_H
#define SHADOWTAP_DEFINITION_PAGES_H

#include "jsonrpc.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct definition_lines {
	char *text;
	size_t n, cap;
	uint8_t hash[SHA256_BYTES]; /* of the first one */
	uint8_t parts[PART_COUNT][DEFINITION_PART_BYTES];
	uint8_t hints, flags;
	size_t definitions;
	uint64_t cursor, next_cursor;
	bool page;
};

static inline void lines_say(struct definition_lines *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void lines_say(struct definition_lines *l, const char *format, ...)
{
	va_list args;
	char *line;
	va_start(args, format);
	int n = vasprintf(&line, format, args);
	va_end(args);
	if (n < 0)
		abort();
	l->text = realloc(l->text, l->n + (size_t)n + 1);
	if (!l->text)
		abort();
	memcpy(l->text + l->n, line, (size_t)n + 1);
	l->n += (size_t)n;
	free(line);
}

static inline void on_page(void *context, const struct jsonrpc_message *m)
{
	struct definition_lines *l = context;
	l->cursor = m->cursor;
	l->next_cursor = m->next_cursor;
	lines_say(l, "message cursor=%" PRIx64 " next=%" PRIx64 "\n", m->cursor, m->next_cursor);
	if (!m->page)
		return;
	l->page = true;
	l->definitions = m->page->n;
	lines_say(l, "page %s %zu of %" PRIu64 "%s\n", definition_list_name(m->page->list), m->page->n, m->page->total,
	          m->page->cut ? " cut" : "");
	for (size_t i = 0; i < m->page->n; i++) {
		const struct definition *d = &m->page->items[i];
		if (i == 0) {
			memcpy(l->hash, d->hash, sizeof l->hash);
			memcpy(l->parts, d->parts, sizeof l->parts);
			l->hints = d->hints;
			l->flags = d->flags;
		}
		lines_say(l, "%s bytes=%" PRIu64 " flags=%x hints=%x hash=", d->name, d->bytes, d->flags, d->hints);
		for (int k = 0; k < SHA256_BYTES; k++)
			lines_say(l, "%02x", d->hash[k]);
		for (int part = 0; part < PART_COUNT; part++)
			for (int k = 0; k < DEFINITION_PART_BYTES; k++)
				lines_say(l, "%s%02x", k ? "" : " ", d->parts[part][k]);
		lines_say(l, "%s%s\n", d->text ? " text=" : "", d->text ? d->text : "");
	}
}

/* chunk 0: at once. */
static inline struct definition_lines definition_lines_of(struct slice in, size_t chunk, bool texts)
{
	static struct anomaly_counts anomalies;
	struct definition_lines l = {0};
	struct jsonrpc *j = jsonrpc_new(on_page, &l, &anomalies);
	if (!j)
		abort();
	jsonrpc_want_definitions(j, texts);
	while (in.n) {
		struct slice piece = slice_first(in, chunk ? chunk : in.n);
		(void)jsonrpc_feed(j, piece);
		in = slice_after(in, piece.n);
	}
	(void)jsonrpc_eof(j);
	jsonrpc_free(j);
	return l;
}

#endif
