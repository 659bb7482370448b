#include "http1_state.h"

#include <assert.h>
#include <stdlib.h>

#include "http1_line.h"

uint64_t *side_user(struct side *s)
{
	struct http1_exchange *e = s->exchange ? http1_exchanges_get(&s->h->exchanges, s->exchange) : NULL;
	return e ? &e->user : &s->stray;
}

void side_end(struct side *s, bool complete)
{
	struct http1 *h = s->h;
	if (!s->open)
		return;
	s->open = false;
	s->wanted = false;
	s->doubt = false;
	if (s->coding && complete && content_coding_end(s->coding) != CODING_OK) {
		anomaly_count(h->anomalies, ANOMALY_HTTP_CODING_BAD);
		complete = false;
	}
	content_coding_free(s->coding);
	s->coding = NULL;
	h->callbacks.end(h->context, (enum direction)s->direction, s->exchange, side_user(s), complete);
	http1_exchanges_done(&h->exchanges, s->exchange, (enum direction)s->direction);
}

void side_next(struct side *s)
{
	struct http1 *h = s->h;
	http1_reader_restart(&s->reader);
	s->state = SIDE_HEAD;
	if (s->direction == FROM_SERVER)
		return;
	if (h->tunnel)
		s->state = SIDE_TUNNEL;
	else if (h->held_exchange == s->exchange)
		s->state = SIDE_HELD;
}

static void held_unanswered(struct http1 *h)
{
	if (h->server_seen || h->unanswered_told || !h->held.n || !h->callbacks.tunnel_unanswered)
		return;
	h->unanswered_told = true;
	h->callbacks.tunnel_unanswered(h->context, h->held_exchange, slice_of(h->held.buf, h->held.n));
}

/* The client waits for an answer that will not come readably. */
static void held_abandon(struct http1 *h)
{
	held_unanswered(h);
	h->held_exchange = 0;
	held_free(&h->held);
	if (h->side[FROM_CLIENT].state == SIDE_HELD)
		side_lost(&h->side[FROM_CLIENT]);
}

void side_bad(struct side *s)
{
	struct http1 *h = s->h;
	anomaly_count(h->anomalies, ANOMALY_HTTP_BAD);
	side_end(s, false);
	s->state = SIDE_BAD;
	http1_fields_free(&s->reader.fields);
	if (s->direction == FROM_SERVER) {
		http1_exchanges_drop(&h->exchanges);
		held_abandon(h);
	}
}

void side_lost(struct side *s)
{
	struct http1 *h = s->h;
	side_end(s, false);
	http1_reader_restart(&s->reader);
	if (h->tunnel) {
		s->state = SIDE_TUNNEL;
		h->callbacks.tunnel_gap(h->context, (enum direction)s->direction, 0);
		return;
	}
	s->state = SIDE_LOST;
	s->resynced = true;
	h->found_from = h->exchanges.next;
	if (s->direction == FROM_SERVER)
		http1_exchanges_drop(&h->exchanges);
	else
		h->unsure = true;
}

static void body_plain(void *context, struct slice plain)
{
	struct side *s = context;
	struct http1 *h = s->h;
	if (plain.n)
		h->callbacks.body(h->context, (enum direction)s->direction, s->exchange, side_user(s), plain);
}

static void body_bytes(void *context, struct slice bytes)
{
	struct side *s = context;
	if (!s->wanted)
		return;
	if (!s->coding) {
		body_plain(s, bytes);
		return;
	}
	switch (content_coding_feed(s->coding, bytes, body_plain, s)) {
	case CODING_OK: return;
	case CODING_BAD: anomaly_count(s->h->anomalies, ANOMALY_HTTP_CODING_BAD); break;
	case CODING_LIMIT: anomaly_count(s->h->anomalies, ANOMALY_HTTP_UNFOLD_LIMIT); break;
	case CODING_UNKNOWN: anomaly_count(s->h->anomalies, ANOMALY_HTTP_CODING_UNKNOWN); break;
	case CODING_MEMORY: break;
	}
	side_end(s, false);
}

static void body_lost(struct side *s, uint64_t n)
{
	struct http1 *h = s->h;
	s->touched = true;
	if (!s->wanted)
		return;
	h->callbacks.body_gap(h->context, (enum direction)s->direction, s->exchange, side_user(s), n);
	if (s->coding)
		side_end(s, false);
}

static size_t step_head(struct side *s, struct slice bytes)
{
	size_t used;
	bool length_bad;
	switch (http1_reader_head(&s->reader, bytes, &used, &length_bad)) {
	case PARSE_MORE: break;
	case PARSE_BAD:
		if (length_bad)
			anomaly_count(s->h->anomalies, ANOMALY_HTTP_LENGTH_AMBIGUOUS);
		side_bad(s);
		return bytes.n;
	case PARSE_DONE:
		if (s->direction == FROM_CLIENT)
			request_head(s);
		else
			answer_head(s);
		break;
	}
	return used;
}

static size_t step_length(struct side *s, struct slice bytes)
{
	struct slice part = slice_first(bytes, s->left < bytes.n ? (size_t)s->left : bytes.n);
	s->touched = true;
	s->left -= part.n;
	body_bytes(s, part);
	if (s->left == 0) {
		side_end(s, true);
		side_next(s);
	}
	return part.n;
}

static size_t step_chunked(struct side *s, struct slice bytes)
{
	size_t used;
	s->touched = true;
	switch (http1_chunks_feed(&s->chunks, bytes, body_bytes, s, &used)) {
	case PARSE_MORE: break;
	case PARSE_BAD:
		side_bad(s);
		return bytes.n;
	case PARSE_DONE:
		side_end(s, true);
		side_next(s);
		break;
	}
	return used;
}

/* What a client in doubt sent is its body after all. */
static void doubt_is_body(struct side *s)
{
	uint8_t peek[SIDE_PEEK];
	size_t n = s->n_peek;
	memcpy(peek, s->peek, n);
	s->n_peek = 0;
	s->doubt = false;
	side_run(s, slice_of(peek, n));
}

/* A client whose expectation was refused may send the body all the same, or leave it out and go on with the next
 * request, although RFC 9110 10.1.1 would have it close. The first bytes tell. */
static size_t step_doubt(struct side *s, struct slice bytes)
{
	s->peek[s->n_peek++] = bytes.p[0];
	bool sure;
	bool request = http1_looks_like(slice_of(s->peek, s->n_peek), FROM_CLIENT, &sure);
	if (!sure && s->n_peek < SIDE_PEEK)
		return 1;
	if (request && sure) {
		side_end(s, false);
		side_next(s);
	}
	doubt_is_body(s);
	return 1;
}

static size_t side_step(struct side *s, struct slice bytes)
{
	struct http1 *h = s->h;
	if (s->doubt)
		return step_doubt(s, bytes);
	switch ((enum side_state)s->state) {
	case SIDE_HEAD: return step_head(s, bytes);
	case SIDE_LENGTH: return step_length(s, bytes);
	case SIDE_CHUNKED: return step_chunked(s, bytes);
	case SIDE_CLOSE: body_bytes(s, bytes); break;
	case SIDE_HELD: held_add(h, bytes); break;
	case SIDE_TUNNEL: h->callbacks.tunnel_bytes(h->context, (enum direction)s->direction, bytes); break;
	case SIDE_LOST:
		if (!http1_line_complete(bytes, (enum direction)s->direction))
			break;
		s->state = SIDE_HEAD;
		return 0;
	case SIDE_BAD:
	case SIDE_ENDED: break;
	}
	return bytes.n;
}

void side_run(struct side *s, struct slice bytes)
{
	while (bytes.n)
		bytes = slice_after(bytes, side_step(s, bytes));
}

struct http1 *http1_new(const struct http1_callbacks *callbacks, void *context, struct anomaly_counts *anomalies)
{
	struct http1 *h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->callbacks = *callbacks;
	h->context = context;
	h->anomalies = anomalies;
	http1_exchanges_init(&h->exchanges);
	for (int d = 0; d < 2; d++) {
		struct side *s = &h->side[d];
		s->h = h;
		s->direction = (uint8_t)d;
		http1_reader_init(&s->reader, (enum direction)d);
	}
	return h;
}

enum parse http1_feed(struct http1 *h, enum direction d, struct slice bytes)
{
	struct side *s = &h->side[d];
	if (d == FROM_SERVER && bytes.n)
		h->server_seen = h->server_moved = true;
	side_run(s, bytes);
	return s->state == SIDE_BAD ? PARSE_BAD : PARSE_MORE;
}

void http1_gap(struct http1 *h, enum direction d, uint64_t n)
{
	struct side *s = &h->side[d];
	if (d == FROM_SERVER)
		h->server_seen = h->server_moved = true;
	if (s->doubt)
		doubt_is_body(s);
	switch ((enum side_state)s->state) {
	case SIDE_LENGTH:
		body_lost(s, n < s->left ? n : s->left);
		if (n == 0 || n > s->left) {
			side_lost(s);
		} else if ((s->left -= n) == 0) {
			side_end(s, false);
			side_next(s);
		}
		break;
	case SIDE_CHUNKED:
		body_lost(s, n);
		if (n == 0 || n > http1_chunks_left(&s->chunks))
			side_lost(s);
		else
			http1_chunks_pass(&s->chunks, n);
		break;
	case SIDE_CLOSE: body_lost(s, n); break;
	case SIDE_HELD: held_gap(h, n); break;
	case SIDE_TUNNEL: h->callbacks.tunnel_gap(h->context, d, n); break;
	case SIDE_HEAD: side_lost(s); break;
	case SIDE_LOST:
	case SIDE_BAD:
	case SIDE_ENDED: break;
	}
}

void http1_eof(struct http1 *h, enum direction d)
{
	struct side *s = &h->side[d];
	if (s->doubt)
		doubt_is_body(s);
	side_end(s, s->state == SIDE_CLOSE);
	if (s->state == SIDE_HELD)
		held_unanswered(h);
	/* Bytes that are held may still become a tunnel's, and a bad direction stays bad. */
	if (s->state == SIDE_HELD || s->state == SIDE_TUNNEL || s->state == SIDE_BAD)
		return;
	s->state = SIDE_ENDED;
	http1_fields_free(&s->reader.fields);
	if (d == FROM_SERVER) {
		http1_exchanges_drop(&h->exchanges);
		held_abandon(h);
	}
}

uint64_t http1_skippable(const struct http1 *h, enum direction d)
{
	const struct side *s = &h->side[d];
	if (s->wanted || s->doubt)
		return 0;
	switch ((enum side_state)s->state) {
	case SIDE_LENGTH: return s->left;
	case SIDE_CHUNKED: return http1_chunks_left(&s->chunks);
	case SIDE_CLOSE:
	case SIDE_BAD:
	case SIDE_ENDED: return UINT64_MAX;
	default: return 0;
	}
}

void http1_skipped(struct http1 *h, enum direction d, uint64_t n)
{
	struct side *s = &h->side[d];
	assert(n <= http1_skippable(h, d));
	if (n == 0)
		return;
	s->touched = true;
	if (d == FROM_SERVER)
		h->server_moved = true;
	if (s->state == SIDE_CHUNKED) {
		http1_chunks_pass(&s->chunks, n);
	} else if (s->state == SIDE_LENGTH && (s->left -= n) == 0) {
		side_end(s, true);
		side_next(s);
	}
}

bool http1_resynced(const struct http1 *h, enum direction d)
{
	return h->side[d].resynced;
}

size_t http1_memory(const struct http1 *h)
{
	size_t n = sizeof *h + h->exchanges.cap * sizeof *h->exchanges.ring + h->held.cap;
	for (int d = 0; d < 2; d++)
		n += h->side[d].reader.fields.cap + content_coding_memory(h->side[d].coding);
	return n;
}

void http1_free(struct http1 *h)
{
	if (!h)
		return;
	for (int d = 0; d < 2; d++) {
		http1_reader_free(&h->side[d].reader);
		content_coding_free(h->side[d].coding);
	}
	http1_exchanges_free(&h->exchanges);
	held_free(&h->held);
	free(h);
}
