/* Callbacks of http2 -> lines of text, as tests/streams/README.md describes them. Pieces of a body are joined, so that
 * the transcript does not depend on how the bytes were split. Included by the tests of http2. */
#ifndef SHADOWTAP_HTTP2_TRANSCRIPT_H
#define SHADOWTAP_HTTP2_TRANSCRIPT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http2.h"

struct transcript {
	struct http2 *h;
	struct anomaly_counts anomalies;
	bool want[2];
	bool fields;
	bool bad[2];
	const void *joining;  /* the reader of the body whose line is open */
	unsigned word_errors; /* the word for a body was not what the head left there */
	size_t n;
	char text[1 << 16];
};

/* What the owner leaves with each body. */
struct transcript_word {
	uint64_t exchange;
	enum direction d;
};

static inline void transcript_put(struct transcript *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void transcript_put(struct transcript *t, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(t->text + t->n, sizeof t->text - t->n, format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof t->text - t->n)
		abort();
	t->n += (size_t)n;
}

static inline void transcript_stop_joining(struct transcript *t)
{
	if (t->joining)
		transcript_put(t, "\n");
	t->joining = NULL;
}

static inline char transcript_side(enum direction d)
{
	return d == FROM_CLIENT ? 'C' : 'S';
}

static inline void transcript_bytes(struct transcript *t, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c == '\n')
			transcript_put(t, "%%n");
		else if (c == '%')
			transcript_put(t, "%%%%");
		else if (c < ' ' || c >= 0x7f)
			transcript_put(t, "%%%02x", c);
		else
			transcript_put(t, "%c", c);
	}
}

static inline enum http_body transcript_head(void *context, const struct http_head *head, void **reader)
{
	struct transcript *t = context;
	transcript_stop_joining(t);
	transcript_put(t, "%c head %llu ", transcript_side(head->direction), (unsigned long long)head->exchange);
	if (head->direction == FROM_CLIENT) {
		transcript_bytes(t, head->method.n ? head->method : SLICE_LITERAL("-"));
		transcript_put(t, " ");
		transcript_bytes(t, head->target.n ? head->target : SLICE_LITERAL("-"));
		transcript_put(t, " ");
		transcript_bytes(t, head->authority.n ? head->authority : SLICE_LITERAL("-"));
	} else {
		transcript_put(t, "%u ", head->status);
		transcript_bytes(t, head->method.n ? head->method : SLICE_LITERAL("-"));
	}
	transcript_put(t, "%s%s%s%s%s\n", head->ambiguous ? " ambiguous" : "", head->fields_cut ? " cut" : "",
		       head->fields_lost ? " lost" : "", head->unpaired ? " unpaired" : "",
		       http2_resynced(t->h, head->direction) ? " resynced" : "");
	for (uint32_t i = 0; t->fields && i < head->n_fields; i++) {
		transcript_put(t, "%c  ", transcript_side(head->direction));
		transcript_bytes(t, head->fields[i].name);
		transcript_put(t, ": ");
		transcript_bytes(t, head->fields[i].value);
		transcript_put(t, "|\n");
	}
	if (head->major != 2 || head->user || *reader)
		t->word_errors++;
	struct transcript_word *word = malloc(sizeof *word);
	if (!word)
		abort();
	*word = (struct transcript_word){head->exchange, head->direction};
	if (head->status / 100 == 1)
		free(word); /* an interim answer has no body and no end */
	else
		*reader = word;
	return t->want[head->direction] ? HTTP_BODY_READ : HTTP_BODY_SKIP;
}

static inline void transcript_body(void *context, void *reader, struct slice bytes)
{
	struct transcript *t = context;
	const struct transcript_word *word = reader;
	if (t->joining != reader) {
		transcript_stop_joining(t);
		transcript_put(t, "%c body %llu ", transcript_side(word->d), (unsigned long long)word->exchange);
		t->joining = reader;
	}
	transcript_bytes(t, bytes);
}

static inline void transcript_body_gap(void *context, void *reader)
{
	struct transcript *t = context;
	const struct transcript_word *word = reader;
	transcript_stop_joining(t);
	transcript_put(t, "%c gap %llu\n", transcript_side(word->d), (unsigned long long)word->exchange);
}

static inline void transcript_end(void *context, enum direction d, uint64_t exchange, void *reader,
				  enum http2_ended how)
{
	static const char *const ends[] = {"complete", "cut", "refused"};
	struct transcript *t = context;
	struct transcript_word *word = reader;
	transcript_stop_joining(t);
	transcript_put(t, "%c end %llu %s%s\n", transcript_side(d), (unsigned long long)exchange, ends[how],
		       word ? "" : " unanswered");
	if (word && (word->d != d || word->exchange != exchange))
		t->word_errors++;
	free(word);
}

static inline void transcript_init(struct transcript *t)
{
	static const struct http2_callbacks callbacks = {transcript_head, transcript_body, transcript_body_gap,
							 transcript_end};
	memset(t, 0, sizeof *t);
	t->h = http2_new(&callbacks, t, &t->anomalies);
	t->want[FROM_CLIENT] = t->want[FROM_SERVER] = true;
}

static inline void transcript_note_bad(struct transcript *t)
{
	for (int d = 0; d < 2; d++) {
		if (t->bad[d] || http2_feed(t->h, (enum direction)d, (struct slice){NULL, 0}) != PARSE_BAD)
			continue;
		t->bad[d] = true;
		transcript_stop_joining(t);
		transcript_put(t, "%c bad\n", transcript_side((enum direction)d));
	}
}

/* In pieces of chunk bytes, each in memory of its own so that a sanitizer sees a read past its end; with skip, what
 * nobody reads is dropped as the packet path drops it. */
static inline void transcript_feed(struct transcript *t, enum direction d, struct slice s, size_t chunk, bool skip)
{
	while (s.n) {
		struct slice part = slice_first(s, chunk);
		s = slice_after(s, part.n);
		while (skip && part.n) {
			uint64_t drop = http2_skippable(t->h, d);
			drop = drop < part.n ? drop : part.n;
			if (!drop)
				break;
			http2_skipped(t->h, d, drop);
			part = slice_after(part, (size_t)drop);
		}
		uint8_t *piece = malloc(part.n ? part.n : 1);
		if (!piece)
			abort();
		if (part.n)
			memcpy(piece, part.p, part.n);
		http2_feed(t->h, d, slice_of(piece, part.n));
		free(piece);
	}
	transcript_note_bad(t);
}

static inline void transcript_finish(struct transcript *t)
{
	/* both close: every body that was begun ends, or its word leaks */
	transcript_stop_joining(t);
	size_t told = t->n;
	http2_eof(t->h, FROM_CLIENT);
	http2_eof(t->h, FROM_SERVER);
	t->n = told;
	t->text[told] = 0;
	t->joining = NULL;
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (t->anomalies.n[i])
			transcript_put(t, "anomaly %s %llu\n", anomaly_name((enum anomaly)i),
				       (unsigned long long)t->anomalies.n[i]);
	if (t->word_errors)
		transcript_put(t, "word of a body lost\n");
	http2_free(t->h);
	t->h = NULL;
}

#endif
