/* Two directions of HTTP/2 with gaps and ends: the events are the same when every segment is fed whole, when all is
 * split to small pieces, and when bytes that nobody reads are skipped. Memory stays bounded, every body that began
 * ends.
 *
 * Input: operations, each a byte that says what (0 C, 1 S: bytes of a segment; 2 C, 3 S: a gap; 4 C, 5 S: an end; 6:
 * whose bodies are wanted; 7: upgraded), two bytes of a length or number, the bytes. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "http2.h"
#include "limits.h"

#define LOG_CAP (1u << 18)
/* Streams, two HPACK tables, a head, and decoders up to their limit with one more that is past it. */
#define MEMORY_MAX (LIMIT_HTTP2_CODING_BYTES + (20u << 20))

struct word {
	struct word *next;
	uint64_t exchange, n, hash;
	enum direction d;
	bool coded, wanted;
};

struct log {
	struct http2 *h;
	struct anomaly_counts anomalies;
	struct word *words;
	uint8_t want;
	bool lost; /* a side looked for its place: it does so by segments, which then must stay whole */
	uint64_t exchange;
	size_t n;
	char text[LOG_CAP];
};

static struct log logs[4];

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void put(struct log *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct log *l, const char *format, ...)
{
	va_list ap;
	if (LOG_CAP - l->n < 512)
		return;
	va_start(ap, format);
	l->n += (size_t)vsnprintf(l->text + l->n, 512, format, ap);
	va_end(ap);
}

static uint64_t hash_more(uint64_t hash, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		hash = (hash ^ s.p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static enum http_body on_head(void *context, const struct http_head *head, void **reader)
{
	struct log *l = context;
	uint64_t fields = 0;
	CHECK(head->major == 2 && head->exchange > 0 && !*reader && !head->user);
	CHECK(head->direction == FROM_SERVER || (head->status == 0 && !head->unpaired && head->exchange > l->exchange));
	CHECK(head->status <= 999 && head->n_fields <= LIMIT_HTTP_FIELDS);
	bool coded = false;
	for (uint32_t i = 0; i < head->n_fields; i++) {
		fields = hash_more(hash_more(fields + 1, head->fields[i].name) + 1, head->fields[i].value);
		coded |= slice_ieq_str(head->fields[i].name, "content-encoding");
	}
	put(l, "%d head %llu %u %u %llx %llx %d%d%d%d%d\n", head->direction, (unsigned long long)head->exchange,
	    head->status, head->n_fields, (unsigned long long)fields,
	    (unsigned long long)hash_more(hash_more(hash_more(1, head->method), head->target), head->authority),
	    head->fields_cut, head->ambiguous, head->fields_lost, head->unpaired,
	    http2_resynced(l->h, head->direction));
	if (head->direction == FROM_CLIENT)
		l->exchange = head->exchange;
	bool wanted = l->want >> head->direction & 1;
	if (head->status / 100 == 1)
		return HTTP_BODY_SKIP;
	struct word *w = calloc(1, sizeof *w);
	CHECK(w);
	*w = (struct word){
	    .next = l->words, .exchange = head->exchange, .d = head->direction, .coded = coded, .wanted = wanted};
	*reader = l->words = w;
	return wanted ? HTTP_BODY_READ : HTTP_BODY_SKIP;
}

static void on_body(void *context, void *reader, struct slice bytes)
{
	struct word *w = reader;
	(void)context;
	CHECK(w && w->wanted && bytes.n > 0);
	w->n += bytes.n;
	w->hash = hash_more(w->hash, bytes);
}

static void on_body_gap(void *context, void *reader)
{
	struct word *w = reader;
	CHECK(w && w->wanted);
	put(context, "%d gap %llu after %llu\n", w->d, (unsigned long long)w->exchange,
	    (unsigned long long)(w->coded ? 0 : w->n));
}

static void on_end(void *context, enum direction d, uint64_t exchange, void *reader, enum http2_ended how)
{
	struct log *l = context;
	struct word *w = reader;
	CHECK(exchange > 0 && how <= HTTP2_REFUSED && (w || d == FROM_SERVER));
	put(l, "%d end %llu %d", d, (unsigned long long)exchange, how);
	if (w &&
	    (how == HTTP2_COMPLETE || !w->coded)) /* of a coded body that breaks, how much is handed on may differ */
		put(l, " %llu %llx", (unsigned long long)w->n, (unsigned long long)w->hash);
	put(l, "\n");
	if (!w)
		return;
	CHECK(w->exchange == exchange && w->d == d);
	struct word **at = &l->words;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
}

static const struct http2_callbacks callbacks = {on_head, on_body, on_body_gap, on_end};

/* chunk 0: whole. */
static void feed(struct log *l, enum direction d, struct slice s, size_t chunk, bool skip)
{
	bool whole = chunk == 0 || l->lost;
	while (s.n) {
		struct slice part = whole ? s : slice_first(s, chunk);
		s = slice_after(s, part.n);
		if (skip && !l->lost) {
			uint64_t drop = http2_skippable(l->h, d);
			drop = drop < part.n ? drop : part.n;
			http2_skipped(l->h, d, drop / 2); /* less than offered, and in two goes */
			http2_skipped(l->h, d, drop - drop / 2);
			part = slice_after(part, (size_t)drop);
		}
		bool was_bad = http2_feed(l->h, d, (struct slice){NULL, 0}) == PARSE_BAD;
		uint8_t *exact = malloc(part.n ? part.n : 1);
		CHECK(exact);
		if (part.n)
			memcpy(exact, part.p, part.n);
		enum parse status = http2_feed(l->h, d, slice_of(exact, part.n));
		free(exact);
		CHECK(status == PARSE_BAD || (status == PARSE_MORE && !was_bad));
		CHECK(http2_memory(l->h) < MEMORY_MAX);
	}
}

static void gap(struct log *l, enum direction d, uint64_t n)
{
	http2_gap(l->h, d, n);
	l->lost |= http2_resynced(l->h, d);
}

static void run(struct log *l, struct slice in, size_t chunk, bool skip)
{
	memset(l, 0, offsetof(struct log, text));
	l->h = http2_new(&callbacks, l, &l->anomalies);
	l->want = 3;
	CHECK(l->h);
	struct cursor c = cursor_of(in);
	for (bool first = true; cursor_left(&c) >= 3; first = false) {
		uint8_t op = cursor_u8(&c) % 8;
		uint16_t number = cursor_be16(&c);
		switch (op) {
		case 0:
		case 1:
			feed(l, op, cursor_take(&c, number < cursor_left(&c) ? number : cursor_left(&c)), chunk, skip);
			break;
		case 2:
		case 3: gap(l, op - 2, number); break;
		case 4:
		case 5: http2_eof(l->h, op - 4); break;
		case 6: l->want = number & 3; break;
		case 7:
			if (first) {
				http2_upgraded(l->h, number, SLICE_LITERAL("POST"));
				l->exchange = number;
			}
			break;
		}
	}
	put(l, "skippable %d %d\n", http2_skippable(l->h, FROM_CLIENT) > 0, http2_skippable(l->h, FROM_SERVER) > 0);
	http2_eof(l->h, FROM_CLIENT);
	http2_eof(l->h, FROM_SERVER);
	for (int i = 0; i < ANOMALY_COUNT; i++)
		put(l, "%llu ", (unsigned long long)l->anomalies.n[i]);
	http2_free(l->h);
	CHECK(!l->words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = slice_of(data, n);
	run(&logs[0], in, 0, false);
	run(&logs[1], in, 1, false);
	run(&logs[2], in, 1 + n % 11, true);
	run(&logs[3], in, 0, true);
	for (int i = 1; i < 4; i++) {
		if (logs[i].n == logs[0].n && memcmp(logs[i].text, logs[0].text, logs[0].n) == 0)
			continue;
		fprintf(stderr, "--- whole\n%.*s\n--- run %d\n%.*s\n", (int)logs[0].n, logs[0].text, i, (int)logs[i].n,
			logs[i].text);
		abort();
	}
	return 0;
}
