#include "http2_messages.h"

#include <stdlib.h>

#include "body_reader.h"

/* As much of a body without a content type as tells what it is: "event:". */
enum { TELLING = 6 };

struct reader {
	struct reader *next, *previous;
	struct body_reader body;
	enum direction direction;
	uint64_t exchange;
	size_t memory;
	bool unknown; /* its content type was lost: the first bytes will tell */
	bool refused; /* and told that it is not of interest */
	uint8_t n_first;
	uint8_t first[TELLING];
};

struct http2_messages {
	const struct app_sink *sink;
	void *context;
	struct anomaly_counts *anomalies;
	unsigned depth;
	struct http2 *h2;
	struct reader *readers;
	size_t reader_bytes;
};

static void reader_free(struct http2_messages *m, struct reader *r)
{
	if (r->next)
		r->next->previous = r->previous;
	if (r->previous)
		r->previous->next = r->next;
	else
		m->readers = r->next;
	m->reader_bytes -= r->memory;
	body_reader_done(&r->body);
	free(r);
}

/* False where the type cannot carry MCP. */
static bool reader_start(struct http2_messages *m, struct reader *r, struct slice content_type)
{
	bool of_interest = body_reader_start(&r->body, content_type, r->exchange);
	m->reader_bytes -= r->memory;
	r->memory = sizeof *r + body_reader_memory(&r->body);
	m->reader_bytes += r->memory;
	return of_interest;
}

static enum http_body on_head(void *context, const struct http_head *head, void **reader)
{
	struct http2_messages *m = context;
	if (!m->sink->http_head(m->context, m->depth, head) ||
	    head->status / 100 == 1) /* an interim answer has no body */
		return HTTP_BODY_SKIP;
	struct slice type = http_field_value(head, "content-type");
	struct reader *r = calloc(1, sizeof *r);
	if (!r)
		return HTTP_BODY_SKIP; /* its end says that it was not read */
	r->next = m->readers;
	if (r->next)
		r->next->previous = r;
	m->readers = r;
	r->direction = head->direction;
	r->exchange = head->exchange;
	r->unknown = !type.p && head->fields_lost;
	body_reader_init(&r->body, m->sink, m->context, m->anomalies, m->depth, r->direction);
	r->body.api = llm_api_of(head);
	if (!reader_start(m, r, type) && !r->unknown) {
		reader_free(m, r);
		return HTTP_BODY_SKIP;
	}
	*reader = r;
	return HTTP_BODY_READ;
}

/* The media type that a body without one has by its first bytes; NULL: it is nothing of interest. *ret_sure: or may
 * still be. */
static const char *type_of(const struct reader *r, bool *ret_sure)
{
	static const char *const fields[] = {"event:", "data:", "id:", "retry:", ":"};
	struct slice first = slice_of(r->first, r->n_first);
	*ret_sure = true;
	if (first.n && (first.p[0] == '{' || first.p[0] == '['))
		return "application/json";
	bool so_far = false;
	for (size_t i = 0; r->direction == FROM_SERVER && i < sizeof fields / sizeof *fields; i++) {
		if (slice_starts(first, fields[i]))
			return "text/event-stream";
		so_far |= slice_eq(first, slice_first(slice_str(fields[i]), first.n));
	}
	*ret_sure = !so_far;
	return NULL;
}

/* Bytes of a body whose type was lost, until it is known; returns those that are left over. */
static struct slice reader_learn(struct http2_messages *m, struct reader *r, struct slice bytes)
{
	while (bytes.n && r->unknown) {
		uint8_t c = bytes.p[0];
		bytes = slice_after(bytes, 1);
		if (r->n_first == 0 && (c == ' ' || c == '\n' || c == '\r' || c == '\t'))
			continue;
		r->first[r->n_first++] = c;
		bool sure;
		const char *type = type_of(r, &sure);
		if (!type && !sure && r->n_first < TELLING)
			continue;
		r->unknown = false;
		r->refused = !type || !reader_start(m, r, slice_str(type));
		if (!r->refused)
			body_reader_bytes(&r->body, slice_of(r->first, r->n_first));
	}
	return bytes;
}

static void on_body(void *context, void *reader, struct slice bytes)
{
	struct reader *r = reader;
	bytes = reader_learn(context, r, bytes);
	if (bytes.n && !r->refused)
		body_reader_bytes(&r->body, bytes);
}

static void on_body_gap(void *context, void *reader)
{
	struct reader *r = reader;
	(void)context;
	r->n_first = 0;
	if (!r->unknown && !r->refused)
		body_reader_gap(&r->body);
}

static void on_end(void *context, enum direction d, uint64_t exchange, void *reader, enum http2_ended how)
{
	struct http2_messages *m = context;
	struct reader *r = reader;
	if (r && !r->unknown && !r->refused) {
		body_reader_end(&r->body, exchange, how == HTTP2_COMPLETE);
	} else {
		struct app_body unread = {.complete = how == HTTP2_COMPLETE, .lost = how == HTTP2_CUT};
		m->sink->http_end(m->context, m->depth, d, exchange, &unread);
	}
	if (r)
		reader_free(m, r);
}

static const struct http2_callbacks callbacks = {on_head, on_body, on_body_gap, on_end};

struct http2_messages *http2_messages_new(const struct app_sink *sink, void *context, struct anomaly_counts *anomalies,
					  unsigned depth)
{
	struct http2_messages *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	m->sink = sink;
	m->context = context;
	m->anomalies = anomalies;
	m->depth = depth;
	m->h2 = http2_new(&callbacks, m, anomalies);
	if (!m->h2) {
		free(m);
		return NULL;
	}
	return m;
}

struct http2 *http2_messages_stream(const struct http2_messages *m)
{
	return m->h2;
}

size_t http2_messages_memory(const struct http2_messages *m)
{
	return sizeof *m + http2_memory(m->h2) + m->reader_bytes;
}

void http2_messages_free(struct http2_messages *m)
{
	if (!m)
		return;
	http2_free(m->h2);
	while (m->readers)
		reader_free(m, m->readers);
	free(m);
}

bool http2_is_upgrade(const struct http_head *answer)
{
	return answer->status == 101 && slice_ieq_str(slice_trim(http_field_value(answer, "upgrade")), "h2c");
}
