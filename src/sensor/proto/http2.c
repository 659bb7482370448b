#include "http2_state.h"

#include <assert.h>
#include <stdlib.h>

enum { PREFACE = sizeof HTTP2_PREFACE - 1 };

static void side_step_on(struct http2_side *s, enum http2_state state)
{
	s->state = (uint8_t)state;
	s->n_head = 0;
}

static void block_close(struct http2_side *s)
{
	http1_fields_reset(&s->block.fields);
	s->block = (struct http2_block){.fields = s->block.fields};
}

/* Ends what this direction had begun to say. */
static void bodies_cut(struct http2_side *s)
{
	struct http2 *h = s->h;
	for (uint32_t i = h->streams.n; i-- > 0;)
		if (h->streams.items[i].body[s->direction].headed)
			http2_stream_end(h, &h->streams.items[i], (enum direction)s->direction, HTTP2_CUT);
}

static void side_close(struct http2_side *s, enum http2_state state)
{
	bodies_cut(s);
	block_close(s);
	http1_fields_free(&s->block.fields);
	http2_hpack_done(&s->hpack);
	side_step_on(s, state);
}

static void side_bad(struct http2_side *s)
{
	if (s->state == HTTP2_IS_BAD)
		return;
	anomaly_count(s->h->anomalies, ANOMALY_HTTP2_BAD);
	side_close(s, HTTP2_IS_BAD);
}

static void side_lost(struct http2_side *s)
{
	struct http2 *h = s->h;
	block_close(s);
	http2_hpack_lose(&s->hpack);
	side_step_on(s, HTTP2_LOST);
	s->resynced = s->was_lost = true;
	h->found_from = h->exchanges + 1;
	for (uint32_t i = h->streams.n; i-- > 0;)
		http2_stream_gap(h, &h->streams.items[i], (enum direction)s->direction);
}

/* What a receiver answers by closing the connection; or the place that was found was none. */
static void side_error(struct http2_side *s)
{
	if (s->resynced)
		side_lost(s);
	else
		side_bad(s);
}

/* ---- header blocks ---- */

static void block_field(void *context, struct slice name, struct slice value)
{
	struct http2_block *b = context;
	if (name.n == 0) {
		b->fields_lost = true;
		return;
	}
	if (b->dropped)
		return;
	http1_fields_name(&b->fields, name, true);
	http1_fields_value(&b->fields, value, false);
}

static void block_damage(struct http2_side *s)
{
	s->block.damaged = s->block.fields_lost = true;
}

static void block_bytes(struct http2_side *s, struct slice fragment)
{
	struct http2_block *b = &s->block;
	b->bytes += (uint32_t)fragment.n;
	if (b->bytes > LIMIT_HTTP_HEADER_BYTES) {
		anomaly_count(s->h->anomalies, ANOMALY_HTTP2_CONTINUATION_LIMIT);
		side_bad(s);
		return;
	}
	if (b->damaged)
		return;
	bool lost = s->hpack.lost;
	if (http2_hpack_feed(&s->hpack, fragment, block_field, b))
		return;
	if (!lost)
		anomaly_count(s->h->anomalies, ANOMALY_HTTP2_HPACK);
	block_damage(s);
}

static void block_end(struct http2_side *s)
{
	bool lost = s->hpack.lost;
	if (!s->block.damaged && !http2_hpack_end(&s->hpack)) {
		if (!lost)
			anomaly_count(s->h->anomalies, ANOMALY_HTTP2_HPACK);
		block_damage(s);
	}
	if (!s->block.dropped)
		http2_head_complete(s);
	block_close(s);
}

/* ---- frames ---- */

static void frame_end(struct http2_side *s)
{
	struct http2 *h = s->h;
	const struct http2_frame *f = &s->frame;
	struct http2_stream *st = f->stream ? http2_streams_find(&h->streams, f->stream) : NULL;
	side_step_on(s, HTTP2_IN_HEADER);
	switch (f->type) {
	case HTTP2_DATA:
		if (!(f->flags & HTTP2_END_STREAM) || !st)
			break;
		if (st->body[s->direction].headed)
			http2_stream_end(h, st, (enum direction)s->direction, HTTP2_COMPLETE);
		else if (s->was_lost) /* its head is what was lost */
			http2_stream_end(h, st, (enum direction)s->direction, HTTP2_CUT);
		break;
	case HTTP2_HEADERS:
	case HTTP2_PUSH_PROMISE:
	case HTTP2_CONTINUATION:
		if (f->flags & HTTP2_END_HEADERS)
			block_end(s);
		break;
	case HTTP2_RST_STREAM:
		if (h->resets < UINT32_MAX && ++h->resets == LIMIT_HTTP2_RESETS)
			anomaly_count(h->anomalies, ANOMALY_HTTP2_RESET_FLOOD);
		if (st)
			http2_stream_reset(h, st, (enum direction)s->direction);
		break;
	default: break;
	}
}

/* The prefix was read: what of the rest is padding. */
static void frame_prefixed(struct http2_side *s)
{
	s->pad = s->pad_length;
	if (s->pad > s->left) /* RFC 9113 6.1 */
		side_error(s);
	else if (s->left == 0)
		frame_end(s);
}

static void frame_begin(struct http2_side *s)
{
	struct http2 *h = s->h;
	struct http2_block *b = &s->block;
	s->frame = http2_frame_read(s->head);
	const struct http2_frame *f = &s->frame;
	bool continues = f->type == HTTP2_CONTINUATION;
	/* text read as a header is a frame of megabytes: where the place is a guess, only an open stream may have those
	 */
	if (s->resynced && f->length > HTTP2_FRAME_DEFAULT_MAX && !http2_streams_find(&h->streams, f->stream)) {
		side_error(s);
		return;
	}
	if (!http2_frame_is_legal(f, (enum direction)s->direction) || b->open != continues ||
	    (continues && f->stream != b->stream)) { /* 6.10: nothing may stand between a block's frames */
		side_error(s);
		return;
	}
	switch (f->type) {
	case HTTP2_HEADERS:
	case HTTP2_PUSH_PROMISE:
		b->open = true;
		b->stream = f->stream;
		b->dropped = f->type == HTTP2_PUSH_PROMISE || f->stream % 2 == 0;
		b->end_stream = f->type == HTTP2_HEADERS && f->flags & HTTP2_END_STREAM;
		break;
	case HTTP2_CONTINUATION:
		if (b->continuations <= LIMIT_HTTP2_CONTINUATIONS && ++b->continuations > LIMIT_HTTP2_CONTINUATIONS)
			anomaly_count(h->anomalies, ANOMALY_HTTP2_CONTINUATION_LIMIT);
		break;
	case HTTP2_DATA:
	case HTTP2_RST_STREAM:
	case HTTP2_GOAWAY:
	case HTTP2_WINDOW_UPDATE: break;
	default:
		if (h->controls < UINT32_MAX && ++h->controls == LIMIT_HTTP2_CONTROLS)
			anomaly_count(h->anomalies, ANOMALY_HTTP2_CONTROL_FLOOD);
		break;
	}
	side_step_on(s, HTTP2_IN_PAYLOAD);
	s->left = f->length;
	s->pad = s->pad_length = 0;
	s->n_prefix = 0;
	s->prefix_need = (uint8_t)http2_frame_prefix(f);
	if (s->prefix_need == 0)
		frame_prefixed(s);
}

static void frame_bytes(struct http2_side *s, struct slice part)
{
	struct http2_stream *st;
	switch (s->frame.type) {
	case HTTP2_DATA:
		st = http2_head_of_data(s, s->frame.stream);
		if (st)
			http2_stream_bytes(s->h, st, (enum direction)s->direction, part);
		break;
	case HTTP2_HEADERS:
	case HTTP2_PUSH_PROMISE:
	case HTTP2_CONTINUATION: block_bytes(s, part); break;
	default: break;
	}
}

static size_t step_payload(struct http2_side *s, struct slice bytes)
{
	if (s->n_prefix < s->prefix_need) {
		if (s->n_prefix++ == 0 && s->frame.flags & HTTP2_PADDED)
			s->pad_length = bytes.p[0];
		s->left--;
		if (s->n_prefix == s->prefix_need)
			frame_prefixed(s);
		return 1;
	}
	bool padding = s->left == s->pad;
	struct slice part = slice_first(bytes, padding ? s->left : s->left - s->pad);
	s->left -= (uint32_t)part.n;
	if (padding)
		s->pad = s->left;
	else
		frame_bytes(s, part);
	if (s->left == 0 && s->state == HTTP2_IN_PAYLOAD)
		frame_end(s);
	return part.n;
}

/* n bytes of this frame are missing, at most what is left of it. */
static void frame_gap(struct http2_side *s, uint32_t n)
{
	struct http2_stream *st;
	bool data = s->left > s->pad;
	s->left -= n;
	switch (s->frame.type) {
	case HTTP2_DATA:
		if (s->n_prefix < s->prefix_need) /* who knows how much is padding: all is passed */
			s->pad = s->left;
		if (s->pad > s->left)
			s->pad = s->left;
		st = data ? http2_head_of_data(s, s->frame.stream) : NULL;
		if (st)
			http2_stream_gap(s->h, st, (enum direction)s->direction);
		break;
	case HTTP2_HEADERS:
	case HTTP2_PUSH_PROMISE:
	case HTTP2_CONTINUATION:
		if (data) { /* what follows is passed, padding too */
			block_damage(s);
			http2_hpack_lose(&s->hpack);
			s->pad = 0;
		} else {
			s->pad = s->left;
		}
		break;
	default: break;
	}
	s->n_prefix = s->prefix_need;
	if (s->left == 0)
		frame_end(s);
}

/* ---- bytes ---- */

static size_t step_preface(struct http2_side *s, struct slice bytes)
{
	if (bytes.p[0] != (uint8_t)HTTP2_PREFACE[s->n_head]) { /* 3.4: the connection is something else */
		side_bad(s);
		side_bad(&s->h->side[FROM_SERVER]);
	} else if (++s->n_head == PREFACE) {
		side_step_on(s, HTTP2_IN_HEADER);
	}
	return 1;
}

static size_t step_header(struct http2_side *s, struct slice bytes)
{
	struct slice part = slice_first(bytes, (size_t)(HTTP2_FRAME_HEADER - s->n_head));
	memcpy(s->head + s->n_head, part.p, part.n);
	s->n_head += (uint8_t)part.n;
	if (s->n_head == HTTP2_FRAME_HEADER)
		frame_begin(s);
	return part.n;
}

static size_t side_step(struct http2_side *s, struct slice bytes)
{
	switch ((enum http2_state)s->state) {
	case HTTP2_IN_PREFACE: return step_preface(s, bytes);
	case HTTP2_IN_HEADER: return step_header(s, bytes);
	case HTTP2_IN_PAYLOAD: return step_payload(s, bytes);
	case HTTP2_LOST: {
		size_t at = http2_resync(s, bytes);
		if (at < bytes.n)
			side_step_on(s, HTTP2_IN_HEADER);
		return at;
	}
	case HTTP2_IS_BAD:
	case HTTP2_IS_ENDED: break;
	}
	return bytes.n;
}

struct http2 *http2_new(const struct http2_callbacks *callbacks, void *context, struct anomaly_counts *anomalies)
{
	struct http2 *h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->callbacks = *callbacks;
	h->context = context;
	h->anomalies = anomalies;
	for (int d = 0; d < 2; d++) {
		struct http2_side *s = &h->side[d];
		s->h = h;
		s->direction = (uint8_t)d;
		s->state = d == FROM_CLIENT ? HTTP2_IN_PREFACE : HTTP2_IN_HEADER;
		http2_hpack_init(&s->hpack);
	}
	return h;
}

void http2_upgraded(struct http2 *h, uint64_t exchange, struct slice method)
{
	/* which request it was is not known: other numbers than those of HTTP/1.1 */
	h->exchanges = exchange ? exchange : UINT32_MAX;
	struct http2_stream *st = exchange ? http2_stream_new(h, 1) : NULL;
	if (!st)
		return;
	h->highest = 1;
	st->body[FROM_CLIENT] = (struct http2_body){.exchange = exchange, .headed = true, .done = true};
	st->body[FROM_SERVER].exchange = exchange;
	method = slice_first(method, sizeof st->method - 1);
	if (method.n)
		memcpy(st->method, method.p, method.n);
}

enum parse http2_feed(struct http2 *h, enum direction d, struct slice bytes)
{
	struct http2_side *s = &h->side[d];
	while (bytes.n)
		bytes = slice_after(bytes, side_step(s, bytes));
	return s->state == HTTP2_IS_BAD ? PARSE_BAD : PARSE_MORE;
}

void http2_gap(struct http2 *h, enum direction d, uint64_t n)
{
	struct http2_side *s = &h->side[d];
	switch ((enum http2_state)s->state) {
	case HTTP2_IN_PAYLOAD:
		if (n == 0 || n > s->left)
			side_lost(s);
		else
			frame_gap(s, (uint32_t)n);
		break;
	case HTTP2_IN_PREFACE:
	case HTTP2_IN_HEADER: side_lost(s); break;
	case HTTP2_LOST:
	case HTTP2_IS_BAD:
	case HTTP2_IS_ENDED: break;
	}
}

void http2_eof(struct http2 *h, enum direction d)
{
	struct http2_side *s = &h->side[d];
	if (s->state != HTTP2_IS_BAD)
		side_close(s, HTTP2_IS_ENDED);
}

uint64_t http2_skippable(const struct http2 *h, enum direction d)
{
	const struct http2_side *s = &h->side[d];
	if (s->state == HTTP2_IS_BAD || s->state == HTTP2_IS_ENDED)
		return UINT64_MAX;
	if (s->state != HTTP2_IN_PAYLOAD || s->frame.type != HTTP2_DATA || s->n_prefix < s->prefix_need || s->was_lost)
		return 0;
	const struct http2_stream *st = http2_streams_find(&h->streams, s->frame.stream);
	return st && st->body[d].wanted ? 0 : s->left;
}

void http2_skipped(struct http2 *h, enum direction d, uint64_t n)
{
	struct http2_side *s = &h->side[d];
	assert(n <= http2_skippable(h, d));
	if (n == 0 || s->state != HTTP2_IN_PAYLOAD)
		return;
	s->left -= (uint32_t)n;
	if (s->pad > s->left)
		s->pad = s->left;
	if (s->left == 0)
		frame_end(s);
}

bool http2_resynced(const struct http2 *h, enum direction d)
{
	return h->side[d].resynced;
}

bool http2_looks_like(struct slice first, enum direction d, bool *ret_sure)
{
	/* a SETTINGS frame of at most 64 values, no acknowledgement */
	static const uint8_t most[HTTP2_FRAME_HEADER] = {0, 1, 0xff, HTTP2_SETTINGS};
	static const uint8_t least[HTTP2_FRAME_HEADER] = {0, 0, 0, HTTP2_SETTINGS};
	size_t need = d == FROM_CLIENT ? PREFACE : HTTP2_FRAME_HEADER;
	*ret_sure = true;
	for (size_t i = 0; i < first.n && i < need; i++) {
		bool fits = d == FROM_CLIENT ? first.p[i] == (uint8_t)HTTP2_PREFACE[i]
					     : first.p[i] >= least[i] && first.p[i] <= most[i];
		if (!fits)
			return false;
	}
	*ret_sure = first.n >= need;
	if (*ret_sure && d == FROM_SERVER) {
		struct http2_frame f = http2_frame_read(first.p);
		return http2_frame_is_plausible(&f);
	}
	return true;
}

size_t http2_memory(const struct http2 *h)
{
	size_t n = sizeof *h + h->streams.cap * sizeof *h->streams.items + h->coding_bytes;
	for (int d = 0; d < 2; d++)
		n += h->side[d].block.fields.cap + http2_hpack_memory(&h->side[d].hpack);
	return n;
}

void http2_free(struct http2 *h)
{
	if (!h)
		return;
	for (uint32_t i = 0; i < h->streams.n; i++)
		for (int d = 0; d < 2; d++)
			content_coding_free(h->streams.items[i].body[d].coding);
	http2_streams_free(&h->streams);
	for (int d = 0; d < 2; d++) {
		http1_fields_free(&h->side[d].block.fields);
		http2_hpack_done(&h->side[d].hpack);
	}
	free(h);
}
