/* Two directions of HTTP/1.x with gaps and ends: the events are the same when every segment is fed whole, when all is
 * split to small pieces, and when bytes that nobody reads are skipped.
 *
 * Input: operations, each started by 0xF5 and a letter: C or S and the bytes of a segment; G or g (client, server) and
 * a number: a gap; E or e: an end; W and a number: whose bodies are wanted. The bytes before the first are a C. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1.h"

#define MARK 0xF5
#define LOG_CAP (1u << 18)
#define MEMORY_MAX (48u << 20)

struct log {
	struct http1 *h;
	struct anomaly_counts anomalies;
	uint8_t want;
	bool open[2];
	bool coded[2]; /* of a coded body that breaks, how much is handed on may differ */
	bool tunnel;
	uint64_t exchange[2];
	uint64_t body_n[2], body_hash[2];
	uint64_t tunnel_n[2], tunnel_hash[2];
	size_t n;
	char text[LOG_CAP];
};

static struct log logs[4];

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

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

static bool value_is_coding(struct slice v)
{
	return v.p && !slice_ieq_str(v, "chunked") && !slice_ieq_str(v, "identity");
}

static enum http_body on_head(void *context, const struct http_head *head)
{
	struct log *l = context;
	int d = head->direction;
	uint64_t fields = 0;
	CHECK(!l->open[d] && !l->tunnel);
	CHECK(head->unpaired == (head->exchange == 0));
	for (uint32_t i = 0; i < head->n_fields; i++)
		fields = hash_more(hash_more(fields + 1, head->fields[i].name) + 1, head->fields[i].value);
	put(l, "%d head %llu %u %u %llx %llx %d%d%d%d\n", d, (unsigned long long)head->exchange, head->status,
	    head->n_fields, (unsigned long long)fields,
	    (unsigned long long)hash_more(hash_more(1, head->method), head->target), head->fields_cut, head->ambiguous,
	    head->unpaired, http1_resynced(l->h, head->direction));
	if (d == FROM_CLIENT) {
		CHECK(*head->user == 0 && head->exchange > l->exchange[d]);
		*head->user = head->exchange;
	} else {
		CHECK(*head->user == head->exchange);
	}
	l->exchange[d] = head->exchange;
	l->coded[d] = false;
	for (uint32_t i = 0; i < head->n_fields; i++)
		if (slice_ieq_str(head->fields[i].name, "Content-Encoding") ||
		    slice_ieq_str(head->fields[i].name, "Transfer-Encoding"))
			l->coded[d] |= value_is_coding(head->fields[i].value);
	l->body_n[d] = l->body_hash[d] = 0;
	/* Interim answers and the 101 have no end. */
	l->open[d] = head->status / 100 != 1;
	return l->want >> d & 1 ? HTTP_BODY_READ : HTTP_BODY_SKIP;
}

static void on_body(void *context, enum direction d, uint64_t exchange, uint64_t *user, struct slice bytes)
{
	struct log *l = context;
	CHECK(l->open[d] && bytes.n > 0 && exchange == l->exchange[d] && *user == exchange);
	l->body_n[d] += bytes.n;
	l->body_hash[d] = hash_more(l->body_hash[d], bytes);
}

static void on_body_gap(void *context, enum direction d, uint64_t exchange, uint64_t *user, uint64_t n)
{
	struct log *l = context;
	CHECK(l->open[d] && exchange == l->exchange[d] && *user == exchange);
	put(l, "%d gap %llu after %llu\n", d, (unsigned long long)n,
	    (unsigned long long)(l->coded[d] ? 0 : l->body_n[d]));
}

static void on_end(void *context, enum direction d, uint64_t exchange, uint64_t *user, bool complete)
{
	struct log *l = context;
	CHECK(l->open[d] && exchange == l->exchange[d] && *user == exchange);
	l->open[d] = false;
	if (complete || !l->coded[d])
		put(l, "%d body %llu %llx\n", d, (unsigned long long)l->body_n[d], (unsigned long long)l->body_hash[d]);
	put(l, "%d end %llu %d\n", d, (unsigned long long)exchange, complete);
}

static void on_tunnel(void *context, bool connect, const struct http_head *answer)
{
	struct log *l = context;
	CHECK(!l->tunnel && !l->open[FROM_SERVER]);
	l->tunnel = true;
	put(l, "tunnel %d %u\n", connect, answer->status);
}

static void on_tunnel_bytes(void *context, enum direction d, struct slice bytes)
{
	struct log *l = context;
	CHECK(l->tunnel && !l->open[d] && bytes.n > 0);
	l->tunnel_n[d] += bytes.n;
	l->tunnel_hash[d] = hash_more(l->tunnel_hash[d], bytes);
}

static void on_tunnel_gap(void *context, enum direction d, uint64_t n)
{
	struct log *l = context;
	CHECK(l->tunnel);
	put(l, "%d tunnel-gap %llu after %llu\n", d, (unsigned long long)n, (unsigned long long)l->tunnel_n[d]);
}

static const struct http1_callbacks callbacks = {
	.head = on_head,
	.body = on_body,
	.body_gap = on_body_gap,
	.end = on_end,
	.tunnel = on_tunnel,
	.tunnel_bytes = on_tunnel_bytes,
	.tunnel_gap = on_tunnel_gap,
};

/* chunk 0: whole. A side that looks for its place again does so by segments, which then must stay whole. */
static void feed(struct log *l, enum direction d, struct slice s, size_t chunk, bool skip)
{
	bool whole = chunk == 0 || http1_resynced(l->h, d);
	while (s.n) {
		struct slice part = whole ? s : slice_first(s, chunk);
		s = slice_after(s, part.n);
		if (skip) {
			uint64_t drop = http1_skippable(l->h, d);
			drop = drop < part.n ? drop : part.n;
			http1_skipped(l->h, d, drop / 2); /* less than offered, and in two goes */
			http1_skipped(l->h, d, drop - drop / 2);
			part = slice_after(part, (size_t)drop);
		}
		bool was_bad = http1_feed(l->h, d, (struct slice){NULL, 0}) == PARSE_BAD;
		uint8_t *exact = malloc(part.n ? part.n : 1);
		CHECK(exact);
		if (part.n)
			memcpy(exact, part.p, part.n);
		enum parse status = http1_feed(l->h, d, slice_of(exact, part.n));
		free(exact);
		CHECK(status == PARSE_BAD || (status == PARSE_MORE && !was_bad));
		CHECK(http1_memory(l->h) < MEMORY_MAX);
	}
}

static void run(struct log *l, struct slice in, size_t chunk, bool skip)
{
	memset(l, 0, offsetof(struct log, text));
	l->h = http1_new(&callbacks, l, &l->anomalies);
	l->want = 3;
	CHECK(l->h);
	char op = 'C';
	while (in.n) {
		size_t n = slice_find(in, MARK);
		struct slice arg = slice_first(in, n);
		uint64_t number = arg.n ? arg.p[0] : 0;
		switch (op) {
		case 'C': feed(l, FROM_CLIENT, arg, chunk, skip); break;
		case 'S': feed(l, FROM_SERVER, arg, chunk, skip); break;
		case 'G': http1_gap(l->h, FROM_CLIENT, number); break;
		case 'g': http1_gap(l->h, FROM_SERVER, number); break;
		case 'E': http1_eof(l->h, FROM_CLIENT); break;
		case 'e': http1_eof(l->h, FROM_SERVER); break;
		case 'W': l->want = (uint8_t)number; break;
		default: break;
		}
		in = slice_after(in, n + 1);
		op = in.n ? (char)in.p[0] : 'C';
		in = slice_after(in, 1);
		/* a mark at the very end still is an operation */
		if (in.n == 0 && (op == 'E' || op == 'e'))
			http1_eof(l->h, op == 'E' ? FROM_CLIENT : FROM_SERVER);
	}
	for (int d = 0; d < 2; d++) {
		http1_eof(l->h, (enum direction)d);
		CHECK(!l->open[d]);
		put(l, "%d tunnel %llu %llx\n", d, (unsigned long long)l->tunnel_n[d],
		    (unsigned long long)l->tunnel_hash[d]);
	}
	for (int i = 0; i < ANOMALY_COUNT; i++)
		put(l, "%llu ", (unsigned long long)l->anomalies.n[i]);
	http1_free(l->h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
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
