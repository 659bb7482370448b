#include "body_reader.h"
#include "limits.h"
#include "sse.h"
#include <stdlib.h>

void body_reader_init(struct body_reader *b, const struct app_sink *sink, void *context,
                      struct anomaly_counts *anomalies, unsigned depth, enum direction d)
{
	*b = (struct body_reader){.sink = sink, .context = context, .anomalies = anomalies, .depth = depth, .direction = d};
}

static void on_message(void *context, const struct jsonrpc_message *m)
{
	struct body_reader *b = context;
	b->body.messages++;
	b->sink->message(b->context, b->depth, b->body.sse ? CARRIER_SSE : CARRIER_HTTP_BODY, b->direction, b->exchange, m);
}

static void on_sse_data(void *context, struct slice piece)
{
	struct body_reader *b = context;
	if (!b->event_open) {
		b->event_open = true;
		b->event_bad = false;
		b->n_data_first = 0;
		b->data_cut = false;
		jsonrpc_reset(b->json);
	}
	size_t room = LIMIT_SSE_FIELD - b->n_data_first;
	if (piece.n > room)
		b->data_cut = true;
	struct slice first = slice_first(piece, room);
	if (first.n)
		memcpy(b->data_first + b->n_data_first, first.p, first.n);
	b->n_data_first += first.n;
	/* an event that is no JSON (an endpoint URI, a chat line) is no anomaly: ask the reader only what can be one */
	if (b->event_bad || b->n_data_first == 0 || (b->data_first[0] != '{' && b->data_first[0] != '['))
		return;
	b->event_bad = jsonrpc_feed(b->json, piece) == PARSE_BAD;
}

static void on_sse_event(void *context, struct slice type, bool has_data, bool has_id)
{
	struct body_reader *b = context;
	(void)has_id;
	if (!b->event_open) { /* its data is empty: what is kept is of the event before */
		b->n_data_first = 0;
		b->data_cut = false;
	}
	if (has_data)
		b->sink->sse_event(b->context, b->depth, b->exchange, type, slice_of(b->data_first, b->n_data_first), b->data_cut);
	b->event_open = false;
}

static const struct sse_callbacks sse_callbacks = {.data = on_sse_data, .event = on_sse_event, .comment = NULL};

/* "application/json", "application/json-rpc", "application/vnd.x+json; charset=utf-8": the media type without
 * parameters (RFC 9110 8.3.1). Line-wise JSON types are no single JSON text and carry no MCP. */
static bool is_json_type(struct slice type)
{
	static const char *const names[] = {"application/json", "application/json-rpc", "application/jsonrequest", "text/json"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq_str(type, names[i]))
			return true;
	return type.n > 5 && slice_ieq_str(slice_after(type, type.n - 5), "+json");
}

bool body_reader_start(struct body_reader *b, struct slice content_type, uint64_t exchange)
{
	struct slice type = slice_trim(slice_first(content_type, slice_find(content_type, ';')));
	b->exchange = exchange;
	b->body = (struct app_body){.json = is_json_type(type),
	                            .sse = b->direction == FROM_SERVER && slice_ieq_str(type, "text/event-stream")};
	b->event_open = false;
	if (!b->body.json || !b->sink->connectors)
		b->api = LLM_NONE;
	if (!b->body.json && !b->body.sse)
		return false;
	if (b->api != LLM_NONE && !b->llm)
		b->llm = llm_request_new(b->anomalies);
	if (b->api != LLM_NONE && b->llm)
		llm_request_start(b->llm, b->api);
	if (!b->json) {
		b->json = jsonrpc_new(on_message, b, b->anomalies);
		if (b->json && b->direction == FROM_SERVER && b->sink->definitions)
			jsonrpc_want_definitions(b->json, b->sink->definition_texts);
	}
	if (b->body.sse) {
		sse_free(b->sse); /* a stream starts afresh: byte order mark and half lines belong to the last one */
		b->sse = sse_new(&sse_callbacks, b, b->anomalies);
		if (!b->data_first)
			b->data_first = malloc(LIMIT_SSE_FIELD);
	}
	if (!b->json || (b->body.sse && (!b->sse || !b->data_first))) {
		b->body.lost = true; /* out of memory: declared, not guessed */
		return true;
	}
	jsonrpc_reset(b->json);
	return true;
}

void body_reader_bytes(struct body_reader *b, struct slice bytes)
{
	b->body.bytes += bytes.n;
	if (b->api != LLM_NONE && b->llm && !b->body.lost)
		llm_request_feed(b->llm, bytes);
	if (b->body.sse && b->sse && b->json && b->data_first)
		sse_feed(b->sse, bytes);
	else if (b->body.json && b->json && !b->body.bad && !b->body.lost)
		b->body.bad = jsonrpc_feed(b->json, bytes) == PARSE_BAD;
}

void body_reader_gap(struct body_reader *b)
{
	b->body.lost = true;
	if (b->body.sse && b->sse) {
		sse_gap(b->sse);
		b->event_open = false;
	}
}

void body_reader_end(struct body_reader *b, uint64_t exchange, bool complete)
{
	if (exchange != b->exchange) /* its head was not of interest */
		b->body = (struct app_body){0};
	if (!complete)
		b->body.lost |= b->body.json || b->body.sse;
	if (b->body.json && b->json && !b->body.lost && !b->body.bad && b->body.bytes)
		b->body.bad = jsonrpc_eof(b->json) == PARSE_BAD;
	b->body.complete = complete && !b->body.lost;
	if (b->body.json && b->api != LLM_NONE && b->llm) {
		struct llm_asked asked = llm_request_end(b->llm, b->body.complete);
		if (asked.n)
			b->sink->connectors(b->context, b->depth, exchange, &asked);
	}
	b->api = LLM_NONE;
	b->sink->http_end(b->context, b->depth, b->direction, exchange, &b->body);
	b->body = (struct app_body){0};
}

size_t body_reader_memory(const struct body_reader *b)
{
	return jsonrpc_memory(b->json) + llm_request_memory(b->llm) + (b->sse ? 2048 : 0) + (b->data_first ? LIMIT_SSE_FIELD : 0);
}

void body_reader_done(struct body_reader *b)
{
	jsonrpc_free(b->json);
	sse_free(b->sse);
	llm_request_free(b->llm);
	free(b->data_first);
}
