/* Bodies of streams and how they end. */
#include "http2_state.h"

struct http2_stream *http2_stream_new(struct http2 *h, uint32_t id)
{
	if (h->streams.n >= LIMIT_HTTP2_STREAMS) {
		if (!h->streams_counted)
			anomaly_count(h->anomalies, ANOMALY_HTTP2_STREAMS_LIMIT);
		h->streams_counted = true;
		struct http2_stream *idle = http2_streams_oldest(&h->streams, false);
		http2_stream_reset(h, idle ? idle : &h->streams.items[0], FROM_CLIENT);
	}
	return http2_streams_add(&h->streams, id);
}

static bool codings_of(const struct http_head *head, struct coding_list *ret)
{
	*ret = (struct coding_list){0};
	for (uint32_t i = 0; i < head->n_fields; i++)
		if (slice_ieq_str(head->fields[i].name, "content-encoding") &&
		    coding_list_add(ret, head->fields[i].value) != CODING_OK)
			return false;
	return true;
}

static void coding_free(struct http2 *h, struct http2_body *b)
{
	h->coding_bytes -= content_coding_memory(b->coding);
	content_coding_free(b->coding);
	b->coding = NULL;
}

void http2_stream_read(struct http2 *h, struct http2_stream *st, enum direction d, const struct http_head *head)
{
	struct http2_body *b = &st->body[d];
	struct coding_list codings;
	b->wanted = true;
	h->bodies++;
	if (!codings_of(head, &codings)) {
		anomaly_count(h->anomalies, ANOMALY_HTTP_CODING_UNKNOWN);
		http2_stream_end(h, st, d, HTTP2_CUT);
		return;
	}
	if (codings.n) {
		b->coding = content_coding_new(&codings);
		h->coding_bytes += content_coding_memory(b->coding);
		if (!b->coding) {
			http2_stream_end(h, st, d, HTTP2_CUT);
			return;
		}
	}
	if (h->bodies <= LIMIT_HTTP2_BODIES)
		return;
	if (!h->streams_counted)
		anomaly_count(h->anomalies, ANOMALY_HTTP2_STREAMS_LIMIT);
	h->streams_counted = true;
	http2_stream_reset(h, http2_streams_oldest(&h->streams, true), FROM_CLIENT);
}

struct plain_sink {
	struct http2 *h;
	void *reader;
};

static void body_plain(void *context, struct slice plain)
{
	struct plain_sink *sink = context;
	if (plain.n)
		sink->h->callbacks.body(sink->h->context, sink->reader, plain);
}

void http2_stream_bytes(struct http2 *h, struct http2_stream *st, enum direction d, struct slice bytes)
{
	struct http2_body *b = &st->body[d];
	struct plain_sink sink = {h, b->reader};
	if (!b->wanted || bytes.n == 0)
		return;
	if (!b->coding) {
		body_plain(&sink, bytes);
		return;
	}
	size_t before = content_coding_memory(b->coding);
	enum coding_status status = content_coding_feed(b->coding, bytes, body_plain, &sink);
	h->coding_bytes += content_coding_memory(b->coding) - before;
	if (status == CODING_OK && h->coding_bytes > LIMIT_HTTP2_CODING_BYTES)
		status = CODING_LIMIT;
	switch (status) {
	case CODING_OK: return;
	case CODING_BAD: anomaly_count(h->anomalies, ANOMALY_HTTP_CODING_BAD); break;
	case CODING_LIMIT: anomaly_count(h->anomalies, ANOMALY_HTTP_UNFOLD_LIMIT); break;
	case CODING_UNKNOWN: anomaly_count(h->anomalies, ANOMALY_HTTP_CODING_UNKNOWN); break;
	case CODING_MEMORY: break;
	}
	http2_stream_end(h, st, d, HTTP2_CUT);
}

void http2_stream_gap(struct http2 *h, struct http2_stream *st, enum direction d)
{
	struct http2_body *b = &st->body[d];
	if (!b->wanted)
		return;
	h->callbacks.body_gap(h->context, b->reader);
	if (b->coding)
		http2_stream_end(h, st, d, HTTP2_CUT);
}

/* As http2_stream_end, but the stream stays. */
static void body_end(struct http2 *h, struct http2_stream *st, enum direction d, enum http2_ended how)
{
	struct http2_body *b = &st->body[d];
	if (b->done)
		return;
	b->done = true;
	if (b->coding && how == HTTP2_COMPLETE && content_coding_end(b->coding) != CODING_OK) {
		anomaly_count(h->anomalies, ANOMALY_HTTP_CODING_BAD);
		how = HTTP2_CUT;
	}
	coding_free(h, b);
	h->bodies -= b->wanted;
	b->wanted = false;
	void *reader = b->reader;
	b->reader = NULL;
	h->callbacks.end(h->context, d, b->exchange, reader, how);
}

void http2_stream_end(struct http2 *h, struct http2_stream *st, enum direction d, enum http2_ended how)
{
	body_end(h, st, d, how);
	if (st->body[FROM_CLIENT].done && st->body[FROM_SERVER].done)
		http2_streams_remove(&h->streams, st);
}

void http2_stream_reset(struct http2 *h, struct http2_stream *st, enum direction by)
{
	body_end(h, st, FROM_CLIENT, HTTP2_CUT);
	body_end(h, st, FROM_SERVER, by == FROM_SERVER ? HTTP2_REFUSED : HTTP2_CUT);
	http2_streams_remove(&h->streams, st);
}
