/* A segment of a direction that lost bytes -> where a frame begins in it.
 *
 * A frame's header is nine bytes with many zeros, so alone it proves little. It is believed where the whole chain of
 * frames to the end of the segment makes sense, and: its header block can be unfolded and reads as a head; or its
 * stream is one that is open; or it stands at the start of the segment and the chain has two frames or ends with it.
 * Known weakness: frames larger than the default size are not found, nor a frame whose header is split over segments.
 */
#include "http2_state.h"

struct trial {
	bool bad;
	bool request, answer; /* pseudo-headers of either were read */
};

static void trial_field(void *context, struct slice name, struct slice value)
{
	struct trial *t = context;
	if (name.n == 0)
		return;
	if (slice_eq_str(name, ":status"))
		t->answer |= value.n == 3;
	else if (name.p[0] == ':')
		t->request |= slice_eq_str(name, ":method") || slice_eq_str(name, ":path") ||
			      slice_eq_str(name, ":scheme") || slice_eq_str(name, ":authority");
	for (size_t i = 0; i < name.n; i++)
		t->bad |= name.p[i] <= ' ' || name.p[i] >= 0x7f || (name.p[i] >= 'A' && name.p[i] <= 'Z');
	for (size_t i = 0; i < value.n; i++)
		t->bad |= value.p[i] < ' ' && value.p[i] != '\t';
}

/* A header block that is complete in this payload, unfolded with nothing known of what came before. */
static struct trial trial_of(const struct http2_frame *f, struct slice payload)
{
	struct trial t = {0};
	struct http2_hpack hpack;
	size_t prefix = http2_frame_prefix(f), pad = f->flags & HTTP2_PADDED ? payload.p[0] : 0;
	if (!(f->flags & HTTP2_END_HEADERS) || prefix + pad >= payload.n) {
		t.bad = true;
		return t;
	}
	http2_hpack_init(&hpack);
	http2_hpack_lose(&hpack);
	struct slice block = slice_first(slice_after(payload, prefix), payload.n - prefix - pad);
	t.bad |= !http2_hpack_feed(&hpack, block, trial_field, &t) || !http2_hpack_end(&hpack);
	t.bad |= t.request && t.answer;
	http2_hpack_done(&hpack);
	return t;
}

/* Frames that are looked at from one place on: a segment of small frames must not cost its square. */
enum { CHAIN_FRAMES = 32 };

/* Frames from the start of s to its end, the last of which may be cut; 0 if it is no such chain. */
static unsigned chain(struct slice s, bool *ret_exact)
{
	unsigned n = 0;
	*ret_exact = true;
	while (s.n >= HTTP2_FRAME_HEADER && n < CHAIN_FRAMES) {
		struct http2_frame f = http2_frame_read(s.p);
		if (!http2_frame_is_plausible(&f) || (n == 0 && f.type == HTTP2_CONTINUATION))
			return 0;
		n++;
		s = slice_after(s, HTTP2_FRAME_HEADER);
		*ret_exact = f.length <= s.n;
		s = slice_after(s, f.length);
	}
	*ret_exact &= s.n == 0;
	return n;
}

/* A trial fills a table with place-holders, and so does the first header block after a place was found. Segments made to be
 * tried in vain would cost hundreds of times what they weigh. */
static bool may_try(const struct http2_side *s)
{
	return s->tried < LIMIT_HTTP2_PLACES + s->searched / LIMIT_HTTP2_PLACE_BYTES;
}

static bool frame_begins(struct http2_side *side, struct slice s, bool at_start, unsigned *trials)
{
	bool exact;
	struct http2_frame f = http2_frame_read(s.p);
	if (!http2_frame_is_plausible(&f))
		return false;
	unsigned frames = chain(s, &exact);
	if (frames == 0)
		return false;
	bool open = f.stream && http2_streams_find(&side->h->streams, f.stream);
	struct slice payload = slice_first(slice_after(s, HTTP2_FRAME_HEADER), f.length);
	if (f.type == HTTP2_HEADERS && payload.n == f.length) {
		if ((*trials)++ >= LIMIT_HTTP2_TRIALS)
			return false;
		side->tried++;
		struct trial t = trial_of(&f, payload);
		bool trailers = open && !t.request && !t.answer;
		return !t.bad && (trailers || (side->direction == FROM_CLIENT ? t.request : t.answer));
	}
	return open || (at_start && f.type != HTTP2_HEADERS && (frames > 1 || exact));
}

size_t http2_resync(struct http2_side *s, struct slice bytes)
{
	unsigned trials = 0;
	s->searched += bytes.n;
	for (size_t at = 0; at + HTTP2_FRAME_HEADER <= bytes.n && may_try(s); at++) {
		/* lengths below 65,536: their first byte is zero, which text never is */
		const uint8_t *zero = memchr(bytes.p + at, 0, bytes.n - at);
		if (!zero || (at = (size_t)(zero - bytes.p)) + HTTP2_FRAME_HEADER > bytes.n)
			break;
		if (frame_begins(s, slice_after(bytes, at), at == 0, &trials)) {
			s->tried += s->hpack.table / 4096;
			return at;
		}
	}
	return bytes.n;
}

bool http2_found(struct slice segment, enum direction *ret_speaker)
{
	bool exact;
	if (segment.n < HTTP2_FRAME_HEADER || chain(segment, &exact) == 0)
		return false;
	while (segment.n >= HTTP2_FRAME_HEADER) {
		struct http2_frame f = http2_frame_read(segment.p);
		segment = slice_after(segment, HTTP2_FRAME_HEADER);
		if (f.type == HTTP2_HEADERS && f.length <= segment.n) {
			struct trial t = trial_of(&f, slice_first(segment, f.length));
			*ret_speaker = t.answer ? FROM_SERVER : FROM_CLIENT;
			return !t.bad && (t.answer || t.request);
		}
		segment = slice_after(segment, f.length);
	}
	return false;
}
