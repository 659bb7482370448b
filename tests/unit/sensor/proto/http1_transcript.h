/* Callbacks of http1 -> lines of text, as tests/streams/README.md describes them. Pieces of a body are joined, so that
 * the transcript does not depend on how the bytes were split. Included by the tests of http1. */
#ifndef SHADOWTAP_HTTP1_TRANSCRIPT_H
#define SHADOWTAP_HTTP1_TRANSCRIPT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1.h"

struct transcript {
	struct http1 *h;
	struct anomaly_counts anomalies;
	bool want[2];
	bool fields;
	bool count_only;     /* body bytes are counted, not written */
	uint64_t body_bytes;
	bool bad[2];
	bool joining;        /* the last line is a body or tunnel line that can go on */
	char join_what;      /* 'b' or 't' */
	enum direction join_direction;
	uint64_t join_exchange;
	uint64_t user_errors; /* the word for the exchange was not what the head left there */
	size_t n;
	char text[1 << 17];
};

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
	t->joining = false;
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
		else if (c == '\r')
			transcript_put(t, "%%r");
		else if (c == '%')
			transcript_put(t, "%%%%");
		else if (c < ' ' || c >= 0x7f)
			transcript_put(t, "%%%02x", c);
		else
			transcript_put(t, "%c", c);
	}
}

static inline void transcript_join(struct transcript *t, char what, enum direction d, uint64_t exchange, struct slice s)
{
	if (!t->joining || t->join_what != what || t->join_direction != d || t->join_exchange != exchange) {
		transcript_stop_joining(t);
		if (what == 'b')
			transcript_put(t, "%c body %llu ", transcript_side(d), (unsigned long long)exchange);
		else
			transcript_put(t, "%c tunnel ", transcript_side(d));
		t->joining = true;
		t->join_what = what;
		t->join_direction = d;
		t->join_exchange = exchange;
	}
	transcript_bytes(t, s);
}

/* Each request head writes a word that only its exchange has; everything later must find it again. */
static inline void transcript_user(struct transcript *t, uint64_t exchange, const uint64_t *user)
{
	if (*user != (exchange ? exchange * 1000 : 0))
		t->user_errors++;
}

static inline enum http_body transcript_head(void *context, const struct http_head *head)
{
	struct transcript *t = context;
	transcript_stop_joining(t);
	transcript_put(t, "%c head %llu ", transcript_side(head->direction), (unsigned long long)head->exchange);
	if (head->direction == FROM_CLIENT) {
		*head->user = head->exchange * 1000;
		transcript_bytes(t, head->method);
		transcript_put(t, " ");
		transcript_bytes(t, head->target);
	} else {
		transcript_user(t, head->exchange, head->user);
		transcript_put(t, "%u ", head->status);
		transcript_bytes(t, head->method.n ? head->method : SLICE_LITERAL("-"));
	}
	transcript_put(t, " %u.%u%s%s%s%s\n", head->major, head->minor, head->ambiguous ? " ambiguous" : "",
		       head->fields_cut ? " cut" : "", head->unpaired ? " unpaired" : "",
		       http1_resynced(t->h, head->direction) ? " resynced" : "");
	for (uint32_t i = 0; t->fields && i < head->n_fields; i++) {
		transcript_put(t, "%c  ", transcript_side(head->direction));
		transcript_bytes(t, head->fields[i].name);
		transcript_put(t, ": ");
		transcript_bytes(t, head->fields[i].value);
		transcript_put(t, "|\n");
	}
	return t->want[head->direction] ? HTTP_BODY_READ : HTTP_BODY_SKIP;
}

static inline void transcript_body(void *context, enum direction d, uint64_t exchange, uint64_t *user,
				   struct slice bytes)
{
	struct transcript *t = context;
	transcript_user(t, exchange, user);
	t->body_bytes += bytes.n;
	if (!t->count_only)
		transcript_join(t, 'b', d, exchange, bytes);
}

static inline void transcript_body_gap(void *context, enum direction d, uint64_t exchange, uint64_t *user,
				       uint64_t n)
{
	struct transcript *t = context;
	transcript_user(t, exchange, user);
	transcript_stop_joining(t);
	transcript_put(t, "%c gap %llu %llu\n", transcript_side(d), (unsigned long long)exchange,
		       (unsigned long long)n);
}

static inline void transcript_end(void *context, enum direction d, uint64_t exchange, uint64_t *user, bool complete)
{
	struct transcript *t = context;
	transcript_user(t, exchange, user);
	transcript_stop_joining(t);
	transcript_put(t, "%c end %llu %s\n", transcript_side(d), (unsigned long long)exchange,
		       complete ? "complete" : "cut");
}

static inline void transcript_tunnel(void *context, bool connect, const struct http_head *answer)
{
	struct transcript *t = context;
	transcript_stop_joining(t);
	transcript_put(t, "tunnel %s %u\n", connect ? "connect" : "upgrade", answer->status);
}

static inline void transcript_tunnel_bytes(void *context, enum direction d, struct slice bytes)
{
	transcript_join(context, 't', d, 0, bytes);
}

static inline void transcript_tunnel_gap(void *context, enum direction d, uint64_t n)
{
	struct transcript *t = context;
	transcript_stop_joining(t);
	transcript_put(t, "%c tunnel-gap %llu\n", transcript_side(d), (unsigned long long)n);
}

static inline void transcript_init(struct transcript *t)
{
	static const struct http1_callbacks callbacks = {
		.head = transcript_head,
		.body = transcript_body,
		.body_gap = transcript_body_gap,
		.end = transcript_end,
		.tunnel = transcript_tunnel,
		.tunnel_bytes = transcript_tunnel_bytes,
		.tunnel_gap = transcript_tunnel_gap,
	};
	t->h = http1_new(&callbacks, t, &t->anomalies);
	t->want[FROM_CLIENT] = t->want[FROM_SERVER] = true;
}

static inline void transcript_note_bad(struct transcript *t)
{
	for (int d = 0; d < 2; d++) {
		if (t->bad[d] || http1_feed(t->h, (enum direction)d, (struct slice){NULL, 0}) != PARSE_BAD)
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
		if (skip) {
			uint64_t drop = http1_skippable(t->h, d);
			drop = drop < part.n ? drop : part.n;
			http1_skipped(t->h, d, drop);
			part = slice_after(part, (size_t)drop);
		}
		uint8_t *piece = malloc(part.n ? part.n : 1);
		if (!piece)
			abort();
		if (part.n)
			memcpy(piece, part.p, part.n);
		http1_feed(t->h, d, slice_of(piece, part.n));
		free(piece);
	}
	transcript_note_bad(t);
}

static inline void transcript_finish(struct transcript *t)
{
	transcript_stop_joining(t);
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (t->anomalies.n[i])
			transcript_put(t, "anomaly %s %llu\n", anomaly_name((enum anomaly)i),
				       (unsigned long long)t->anomalies.n[i]);
	if (t->user_errors)
		transcript_put(t, "word of the exchange lost\n");
	http1_free(t->h);
	t->h = NULL;
}

#endif
