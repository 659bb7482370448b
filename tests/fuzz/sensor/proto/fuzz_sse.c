/* Any bytes as an event stream: the same events in any split, as many bytes of data out as a plain reading line by line
 * gives, nothing after a gap before an empty line. The first byte seeds the split, the second the place of a gap. */
#include <stdlib.h>

#include "limits.h"
#include "sse.h"

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
	uint64_t digest;
	uint64_t data_bytes;
	uint32_t events, comments;
	struct anomaly_counts anomalies;
};

static void mix(struct outcome *o, const void *p, size_t n)
{
	const uint8_t *bytes = p;
	for (size_t i = 0; i < n; i++)
		o->digest = (o->digest ^ bytes[i]) * 1099511628211u;
}

static void on_data(void *context, struct slice piece)
{
	struct outcome *o = context;
	CHECK(piece.n > 0);
	o->data_bytes += piece.n;
	mix(o, piece.p, piece.n);
}

static void on_event(void *context, struct slice type, bool has_data, bool has_id)
{
	struct outcome *o = context;
	uint8_t flags[] = {0xfe, has_data, has_id};
	CHECK(type.n > 0 && type.n <= LIMIT_SSE_FIELD);
	CHECK(slice_find(type, '\n') == type.n && slice_find(type, '\r') == type.n);
	o->events++;
	mix(o, type.p, type.n);
	mix(o, flags, sizeof flags);
}

static void on_comment(void *context, struct slice bytes)
{
	struct outcome *o = context;
	CHECK(bytes.n <= LIMIT_SSE_FIELD);
	o->comments++;
	mix(o, bytes.p, bytes.n);
	mix(o, "\xfd", 1);
}

static struct outcome read_stream(struct slice in, uint32_t chunk, size_t gap_at)
{
	static const struct sse_callbacks callbacks = {on_data, on_event, on_comment};
	struct outcome o = {.digest = 14695981039346656037u};
	uint32_t seed = chunk;
	size_t at = 0;
	struct sse *s = sse_new(&callbacks, &o, &o.anomalies);
	CHECK(s);
	while (in.n) {
		seed = seed * 1664525 + 1013904223;
		size_t want = chunk ? 1 + (seed >> 16) % chunk : in.n;
		if (at == gap_at)
			sse_gap(s);
		else if (at < gap_at && want > gap_at - at)
			want = gap_at - at;
		struct slice piece = slice_first(in, want);
		sse_feed(s, piece);
		at += piece.n;
		in = slice_after(in, piece.n);
	}
	sse_free(s);
	return o;
}

static void same(const struct outcome *a, const struct outcome *b)
{
	CHECK(a->digest == b->digest && a->data_bytes == b->data_bytes);
	CHECK(a->events == b->events && a->comments == b->comments);
	CHECK(memcmp(&a->anomalies, &b->anomalies, sizeof a->anomalies) == 0);
}

/* The data bytes of a stream, read the simple way: with all of it in hand. */
static uint64_t plain_data_bytes(struct slice in)
{
	uint64_t total = 0;
	bool has_data = false;
	if (slice_starts(in, "\xef\xbb\xbf"))
		in = slice_after(in, 3);
	while (in.n) {
		size_t end = 0;
		while (end < in.n && in.p[end] != '\r' && in.p[end] != '\n')
			end++;
		struct slice line = slice_first(in, end);
		bool ended = end < in.n, crlf = ended && in.p[end] == '\r' && end + 1 < in.n && in.p[end + 1] == '\n';
		in = slice_after(in, end + (ended ? crlf ? 2 : 1 : 0));
		if (ended && line.n == 0)
			has_data = false;
		if (!slice_starts(line, "data:") && !(ended && slice_eq_str(line, "data")))
			continue;
		line = slice_after(line, 5);
		if (line.n && line.p[0] == ' ')
			line = slice_after(line, 1);
		total += line.n + has_data;
		has_data = true;
	}
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 2)
		return 0;
	struct slice in = slice_of(data + 2, n - 2);
	uint32_t chunk = 1 + data[0] % 32;
	struct outcome whole = read_stream(in, 0, SIZE_MAX), split = read_stream(in, chunk, SIZE_MAX);
	struct outcome bytes = read_stream(in, 1, SIZE_MAX);
	same(&whole, &split);
	same(&whole, &bytes);
	CHECK(whole.data_bytes == plain_data_bytes(in));

	size_t gap_at = in.n ? data[1] % in.n : 0;
	struct outcome gap = read_stream(in, 0, gap_at), gap_split = read_stream(in, chunk, gap_at);
	same(&gap, &gap_split);
	CHECK(gap.events <= whole.events + 1);
	return 0;
}
