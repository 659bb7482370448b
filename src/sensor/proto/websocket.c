/* One state machine per direction: a header of 2 to 14 bytes is collected, its payload passes through.
 *
 * What an endpoint would close the connection for is counted, and read past where its length tells how: who tolerates
 * it must not become invisible. After LIMIT_WEBSOCKET_BREACHES of them, or a length without end, the direction is BAD.
 * A place that was found again gives up at the first breach and looks anew: it may never have been one. Known weakness:
 * with context takeover one lost byte of a compressed message costs all compressed messages after it. */
#include "websocket.h"
#include "limits.h"
#include "websocket_frame.h"
#include "websocket_inflate.h"
#include <stdlib.h>

enum state { WS_HEADER, WS_PAYLOAD, WS_LOST, WS_CLOSED, WS_BAD };

/* Of the message that is open. WS_DROPPED: its end was told already, what still comes of it is passed over. */
enum message { WS_NO_MESSAGE, WS_OPEN, WS_DROPPED };

struct ws_side {
	struct websocket *w;
	uint8_t direction, state, message;
	bool compressed, unwanted;
	bool history_lost; /* of its compressed messages, which refer back to it */
	bool resynced;
	bool skip_frame; /* its payload belongs to no message */
	uint8_t n_header, mask_at;
	uint8_t header[WEBSOCKET_HEADER_MAX];
	uint32_t breaches;
	struct websocket_frame frame;
	uint64_t left; /* of its payload */
	struct websocket_inflate *inflate;
};

struct websocket {
	struct websocket_callbacks callbacks;
	void *context;
	struct anomaly_counts *anomalies;
	struct websocket_terms terms;
	struct ws_side side[2];
};

/* "permessage-deflate; server_no_context_takeover; client_max_window_bits=12, other" (RFC 6455 9.1). */
static void read_extensions(struct slice value, struct websocket_terms *t)
{
	while (value.n && !t->deflate) {
		struct slice one = slice_first(value, slice_find(value, ','));
		value = slice_after(value, one.n + 1);
		struct slice name = slice_first(one, slice_find(one, ';'));
		t->deflate = slice_ieq_str(slice_trim(name), "permessage-deflate");
		for (one = slice_after(one, name.n + 1); t->deflate && one.n;) {
			struct slice parameter = slice_first(one, slice_find(one, ';'));
			one = slice_after(one, parameter.n + 1);
			t->no_takeover[FROM_CLIENT] |=
			    slice_ieq_str(slice_trim(parameter), "client_no_context_takeover");
			t->no_takeover[FROM_SERVER] |=
			    slice_ieq_str(slice_trim(parameter), "server_no_context_takeover");
		}
	}
}

bool websocket_terms_read(const struct http_head *answer, struct websocket_terms *ret)
{
	*ret = (struct websocket_terms){0};
	if (!slice_ieq_str(http_field_value(answer, "upgrade"), "websocket"))
		return false;
	for (uint32_t i = 0; i < answer->n_fields; i++)
		if (slice_ieq_str(answer->fields[i].name, "sec-websocket-extensions"))
			read_extensions(answer->fields[i].value, ret);
	ret->unseen = answer->fields_cut;
	return true;
}

struct websocket *websocket_new(const struct websocket_callbacks *callbacks, void *context,
				struct anomaly_counts *anomalies, const struct websocket_terms *terms)
{
	struct websocket *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->callbacks = *callbacks;
	w->context = context;
	w->anomalies = anomalies;
	w->terms = *terms;
	for (unsigned d = 0; d < 2; d++)
		w->side[d] = (struct ws_side){.w = w, .direction = (uint8_t)d};
	return w;
}

static enum direction direction_of(const struct ws_side *s)
{
	return (enum direction)s->direction;
}

static void message_end(struct ws_side *s, bool complete)
{
	if (s->message == WS_OPEN)
		s->w->callbacks.end(s->w->context, direction_of(s), complete);
	s->message = WS_NO_MESSAGE;
}

/* Bytes of the open message are lost; the frames of it that still come say nothing. */
static void message_lost(struct ws_side *s)
{
	if (s->message != WS_OPEN)
		return;
	message_end(s, false);
	s->message = WS_DROPPED;
	if (s->compressed && s->w->terms.no_takeover[s->direction] && s->inflate)
		websocket_inflate_restart(s->inflate);
	else if (s->compressed)
		s->history_lost = true;
}

static void side_lost(struct ws_side *s)
{
	message_lost(s);
	s->message = WS_NO_MESSAGE;
	s->state = WS_LOST;
	s->n_header = 0;
	s->resynced = true;
	s->history_lost |= s->w->terms.deflate && !s->w->terms.no_takeover[s->direction];
	anomaly_count(s->w->anomalies, ANOMALY_WEBSOCKET_LOST);
}

static void side_bad(struct ws_side *s)
{
	message_lost(s);
	s->state = WS_BAD;
	websocket_inflate_free(s->inflate);
	s->inflate = NULL;
}

/* False: the direction is not read on from here. */
static bool breach(struct ws_side *s)
{
	anomaly_count(s->w->anomalies, ANOMALY_WEBSOCKET_FRAME);
	if (s->resynced)
		side_lost(s);
	else if (++s->breaches >= LIMIT_WEBSOCKET_BREACHES)
		side_bad(s);
	else
		return true;
	return false;
}

/* ---- payload ---- */

static void plain_out(void *context, struct slice plain)
{
	struct ws_side *s = context;
	if (s->message == WS_OPEN && !s->unwanted && plain.n)
		s->unwanted = !s->w->callbacks.data(s->w->context, direction_of(s), plain);
}

static void unfolded(struct ws_side *s, enum websocket_unfold u)
{
	if (u == WS_UNFOLD_OK)
		return;
	if (u == WS_UNFOLD_BAD)
		anomaly_count(s->w->anomalies, ANOMALY_WEBSOCKET_DEFLATE);
	else if (u == WS_UNFOLD_LIMIT)
		anomaly_count(s->w->anomalies, ANOMALY_WEBSOCKET_UNFOLD_LIMIT);
	message_lost(s);
}

/* Whether payload can be passed over unread: compressed bytes that nobody wants are still what later ones refer to. */
static bool is_idle(const struct ws_side *s)
{
	return s->skip_frame || s->message != WS_OPEN ||
	       (s->unwanted && (!s->compressed || s->w->terms.no_takeover[s->direction]));
}

static void payload(struct ws_side *s, struct slice bytes)
{
	uint8_t plain[2048];
	while (bytes.n && !is_idle(s)) {
		struct slice part = slice_first(bytes, sizeof plain);
		bytes = slice_after(bytes, part.n);
		if (s->frame.masked) {
			for (size_t i = 0; i < part.n; i++)
				plain[i] = part.p[i] ^ s->frame.mask[(s->mask_at + i) & 3];
			s->mask_at = (uint8_t)((s->mask_at + part.n) & 3);
			part.p = plain;
		}
		if (!s->compressed)
			plain_out(s, part);
		else if (s->inflate)
			unfolded(s, websocket_inflate_feed(s->inflate, part, plain_out, s));
	}
}

static void frame_end(struct ws_side *s)
{
	s->state = WS_HEADER;
	s->n_header = 0;
	if (s->skip_frame) {
		if (s->frame.opcode == WS_CLOSE)
			s->state = WS_CLOSED; /* 5.5.1: nothing may follow */
		return;
	}
	if (!s->frame.fin)
		return;
	bool standing_alone = s->w->terms.no_takeover[s->direction];
	if (s->message == WS_OPEN && s->compressed && s->inflate) {
		if (s->unwanted && standing_alone)
			websocket_inflate_restart(s->inflate);
		else
			unfolded(s, websocket_inflate_end(s->inflate, plain_out, s));
	}
	if (s->message == WS_OPEN)
		message_end(s, true);
	s->message = WS_NO_MESSAGE;
}

/* ---- headers ---- */

/* The first frame of a message. */
static void message_begin(struct ws_side *s)
{
	struct websocket *w = s->w;
	s->message = WS_OPEN;
	s->unwanted = false;
	s->compressed = (s->frame.rsv & 4) && (w->terms.deflate || w->terms.unseen);
	w->callbacks.begin(w->context, direction_of(s), s->frame.opcode == WS_TEXT);
	if (!s->compressed)
		return;
	if (w->terms.deflate && !s->inflate && !s->history_lost)
		s->inflate = websocket_inflate_new(!w->terms.no_takeover[s->direction]);
	if (!s->inflate || s->history_lost) {
		anomaly_count(w->anomalies, ANOMALY_WEBSOCKET_HISTORY);
		message_lost(s);
		s->history_lost = !w->terms.no_takeover[s->direction] || !w->terms.deflate;
		websocket_inflate_free(s->inflate);
		s->inflate = NULL;
	}
}

static void frame_begin(struct ws_side *s)
{
	struct websocket_frame *f = &s->frame;
	websocket_frame_read(slice_of(s->header, s->n_header), f);
	s->left = f->length;
	s->mask_at = 0;
	s->state = WS_PAYLOAD;
	s->skip_frame = websocket_is_control(f->opcode) || f->breach == WS_BREACH_OPCODE;
	if (f->breach == WS_BREACH_ENDLESS) {
		anomaly_count(s->w->anomalies, ANOMALY_WEBSOCKET_FRAME);
		if (s->resynced)
			side_lost(s);
		else
			side_bad(s);
		return;
	}
	bool first = f->opcode == WS_TEXT || f->opcode == WS_BINARY;
	bool may_compress = first && (s->w->terms.deflate || s->w->terms.unseen);
	bool rsv_bad = (f->rsv & 3) || ((f->rsv & 4) && !may_compress);
	/* 5.4: a message is a first frame and its continuations, control frames may stand between them */
	bool order_bad = !s->skip_frame && (s->message == WS_NO_MESSAGE ? !first : first);
	/* after a gap the rest of a message is no breach */
	bool orphan = s->resynced && order_bad && !first;
	/* 5.1: clients mask, servers do not */
	bool mask_bad = f->masked != (s->direction == FROM_CLIENT);
	if ((f->breach != WS_BREACH_NONE || rsv_bad || (order_bad && !orphan) || mask_bad) && !breach(s))
		return;
	if (s->skip_frame)
		return;
	if (order_bad && first) {
		message_lost(s);
		s->message = WS_NO_MESSAGE;
	} else if (order_bad) {
		s->message = WS_DROPPED; /* a continuation of what nobody began */
	}
	if (first)
		message_begin(s);
	if (rsv_bad)
		message_lost(s); /* an extension that was not agreed on: it says nothing readable */
}

static size_t step_header(struct ws_side *s, struct slice bytes)
{
	s->header[s->n_header++] = bytes.p[0];
	if (s->n_header < websocket_header_size(slice_of(s->header, s->n_header)))
		return 1;
	frame_begin(s);
	if (s->state == WS_PAYLOAD && s->left == 0)
		frame_end(s);
	/* a place that was none is looked for in the next segment: frames made to disappoint must not be read again and
	 * again */
	return s->state == WS_LOST ? bytes.n : 1;
}

static size_t step(struct ws_side *s, struct slice bytes)
{
	bool masked;
	switch ((enum state)s->state) {
	case WS_HEADER: return step_header(s, bytes);
	case WS_PAYLOAD: {
		struct slice part = slice_first(bytes, s->left < bytes.n ? (size_t)s->left : bytes.n);
		payload(s, part);
		s->left -= part.n;
		if (s->left == 0)
			frame_end(s);
		return part.n;
	}
	case WS_LOST:
		if (!websocket_looks_like(bytes, &masked) || masked != (s->direction == FROM_CLIENT))
			return bytes.n;
		s->state = WS_HEADER;
		return 0;
	case WS_CLOSED:
	case WS_BAD: break;
	}
	return bytes.n;
}

enum parse websocket_feed(struct websocket *w, enum direction d, struct slice bytes)
{
	struct ws_side *s = &w->side[d];
	while (bytes.n)
		bytes = slice_after(bytes, step(s, bytes));
	return s->state == WS_BAD ? PARSE_BAD : PARSE_MORE;
}

void websocket_gap(struct websocket *w, enum direction d, uint64_t n)
{
	struct ws_side *s = &w->side[d];
	if (s->state == WS_HEADER || (s->state == WS_PAYLOAD && (n == 0 || n > s->left))) {
		side_lost(s);
	} else if (s->state == WS_PAYLOAD) {
		if (!s->skip_frame)
			message_lost(s);
		s->left -= n;
		if (s->left == 0)
			frame_end(s);
	}
}

void websocket_end(struct websocket *w, enum direction d)
{
	struct ws_side *s = &w->side[d];
	message_lost(s);
	if (s->state != WS_BAD)
		s->state = WS_CLOSED;
}

uint64_t websocket_skippable(const struct websocket *w, enum direction d)
{
	const struct ws_side *s = &w->side[d];
	if (s->state == WS_CLOSED || s->state == WS_BAD)
		return UINT64_MAX;
	return s->state == WS_PAYLOAD && is_idle(s) ? s->left : 0;
}

void websocket_skipped(struct websocket *w, enum direction d, uint64_t n)
{
	struct ws_side *s = &w->side[d];
	if (s->state != WS_PAYLOAD || n == 0)
		return;
	s->left -= n;
	if (s->left == 0)
		frame_end(s);
}

bool websocket_resynced(const struct websocket *w, enum direction d)
{
	return w->side[d].resynced;
}

void websocket_trust(struct websocket *w)
{
	w->side[FROM_CLIENT].resynced = w->side[FROM_SERVER].resynced = false;
}

size_t websocket_memory(const struct websocket *w)
{
	return sizeof *w + websocket_inflate_memory(w->side[0].inflate) + websocket_inflate_memory(w->side[1].inflate);
}

void websocket_free(struct websocket *w)
{
	if (!w)
		return;
	websocket_inflate_free(w->side[0].inflate);
	websocket_inflate_free(w->side[1].inflate);
	free(w);
}
