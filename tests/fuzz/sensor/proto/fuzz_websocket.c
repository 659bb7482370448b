/* Both directions of a WebSocket: the same messages in any split, skipped bytes or not; with gaps memory stays bounded and
 * messages are told as begun and ended in turn. First byte: what the handshake agreed on; second: the split; then turns: a
 * byte that says who and what, a byte or two of length, the bytes. */
#include <stdlib.h>
#undef NDEBUG
#include <assert.h>

#include "limits.h"
#include "websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
	uint64_t digest[2], bytes[2];
	unsigned messages;
	bool open[2], bad[2];
	struct anomaly_counts anomalies;
};

static void mix(struct outcome *o, enum direction d, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		o->digest[d] = (o->digest[d] ^ p[i]) * 1099511628211u;
}

static void on_begin(void *context, enum direction d, bool text)
{
	struct outcome *o = context;
	assert(!o->open[d]);
	o->open[d] = true;
	o->digest[d] += 7 + text;
}

static bool on_data(void *context, enum direction d, struct slice piece)
{
	struct outcome *o = context;
	assert(o->open[d] && piece.n);
	mix(o, d, piece.p, piece.n);
	o->bytes[d] += piece.n;
	return true;
}

static void on_end(void *context, enum direction d, bool complete)
{
	struct outcome *o = context;
	assert(o->open[d]);
	o->open[d] = false;
	o->messages++;
	o->digest[d] = o->digest[d] * 31 + 2 + complete;
}

static const struct websocket_callbacks callbacks = {on_begin, on_data, on_end};

static void feed(struct websocket *w, struct outcome *o, enum direction d, struct slice rest, unsigned split, bool skip)
{
	while (rest.n) {
		struct slice part = slice_first(rest, split ? split : rest.n);
		rest = slice_after(rest, part.n);
		uint64_t drop = skip ? websocket_skippable(w, d) : 0;
		drop = drop < part.n ? drop : part.n;
		if (drop)
			websocket_skipped(w, d, drop);
		part = slice_after(part, (size_t)drop);
		uint8_t *piece = malloc(part.n ? part.n : 1);
		assert(piece);
		if (part.n)
			memcpy(piece, part.p, part.n);
		o->bad[d] |= websocket_feed(w, d, slice_of(piece, part.n)) == PARSE_BAD;
		free(piece);
	}
}

static struct outcome play(struct slice in, uint8_t terms, bool gaps, unsigned split, bool skip)
{
	struct outcome o = {.digest = {1, 2}};
	struct websocket_terms t = {.deflate = terms & 1, .no_takeover = {terms & 2, terms & 4}, .unseen = terms & 8};
	struct websocket *w = websocket_new(&callbacks, &o, &o.anomalies, &t);
	assert(w);
	uint64_t fed = 0;
	while (in.n >= 2) {
		uint8_t what = in.p[0];
		size_t length = in.p[1];
		in = slice_after(in, 2);
		if ((what & 2) && in.n) {
			length = length << 8 | in.p[0];
			in = slice_after(in, 1);
		}
		enum direction d = what & 1 ? FROM_SERVER : FROM_CLIENT;
		if (gaps && (what & 0x1c) == 0x1c) {
			websocket_gap(w, d, what & 0x20 ? 0 : length);
			continue;
		}
		struct slice bytes = slice_first(in, length);
		in = slice_after(in, bytes.n);
		fed += bytes.n;
		feed(w, &o, d, bytes, split, skip);
		assert(websocket_memory(w) < (128u << 10));
	}
	for (int d = 0; d < 2; d++) {
		websocket_end(w, d);
		assert(!o.open[d]);
	}
	assert(o.bytes[0] + o.bytes[1] <= 2 * (1u << 20) + (fed + 8192) * LIMIT_HTTP_UNFOLD_RATIO);
	websocket_free(w);
	return o;
}

static void same(const struct outcome *a, const struct outcome *b)
{
	assert(memcmp(a->digest, b->digest, sizeof a->digest) == 0);
	assert(a->messages == b->messages && memcmp(a->bad, b->bad, sizeof a->bad) == 0);
	assert(memcmp(&a->anomalies, &b->anomalies, sizeof a->anomalies) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 2)
		return 0;
	struct slice in = slice_of(data + 2, n - 2);
	struct outcome whole = play(in, data[0], false, 0, false), skipping = play(in, data[0], false, 0, true);
	struct outcome bytes = play(in, data[0], false, 1, true), split = play(in, data[0], false, 1 + data[1] % 64, false);
	same(&whole, &skipping);
	same(&whole, &bytes);
	same(&whole, &split);
	/* the place is found again at starts of segments only: with gaps the split may matter, memory and order may not */
	play(in, data[0], true, 0, false);
	play(in, data[0], true, 1 + data[1] % 64, true);
	return 0;
}
