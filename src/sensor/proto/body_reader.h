/* The body of one HTTP message -> JSON-RPC messages, directly or as the data of SSE events. One per direction of an
 * app_stream, used for one body after the other. Allocates its readers on first use and keeps them. */
#ifndef SHADOWTAP_BODY_READER_H
#define SHADOWTAP_BODY_READER_H

#include "app_stream.h"

struct sse;

struct body_reader {
	const struct app_sink *sink;
	void *context;
	struct anomaly_counts *anomalies;
	unsigned depth;
	enum direction direction;
	uint64_t exchange;
	struct app_body body;
	struct jsonrpc *json;
	struct sse *sse;
	enum llm_api api;          /* of the request to come, whose body may name connectors: the owner's to set before each start */
	struct llm_request *llm;
	uint8_t *data_first; /* of the SSE event that is being read: LIMIT_SSE_FIELD bytes */
	size_t n_data_first;
	bool data_cut, event_open, event_bad;
};

void body_reader_init(struct body_reader *b, const struct app_sink *sink, void *context,
                      struct anomaly_counts *anomalies, unsigned depth, enum direction d);
/* What a content type says: sets body.json or body.sse. Starts the next body. True if it can carry MCP. */
bool body_reader_start(struct body_reader *b, struct slice content_type, uint64_t exchange);
void body_reader_bytes(struct body_reader *b, struct slice bytes);
void body_reader_gap(struct body_reader *b);
/* Reports http_end to the sink. */
void body_reader_end(struct body_reader *b, uint64_t exchange, bool complete);
size_t body_reader_memory(const struct body_reader *b);
void body_reader_done(struct body_reader *b);

#endif
