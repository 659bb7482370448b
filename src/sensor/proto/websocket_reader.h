/* A WebSocket -> the JSON-RPC messages in it, one per message of the WebSocket, text or binary. Called by app_stream,
 * which hands over the bytes that follow a handshake; HTTP/2's extended CONNECT (RFC 8441) can do the same with a
 * stream's DATA. Passes over what is no JSON. Vouches for a place that was found again once an answer has the id of a
 * request. */
#ifndef SHADOWTAP_WEBSOCKET_READER_H
#define SHADOWTAP_WEBSOCKET_READER_H

#include "app_stream.h"
#include "websocket.h"

struct websocket_reader;

/* exchange: of the request that asked for the WebSocket, 0 if that is not known. NULL when out of memory. */
struct websocket_reader *websocket_reader_new(const struct app_sink *sink, void *context,
					      struct anomaly_counts *anomalies, unsigned depth, uint64_t exchange,
					      const struct websocket_terms *terms);
enum parse websocket_reader_feed(struct websocket_reader *r, enum direction d, struct slice bytes);
/* As websocket_gap, and so on. */
void websocket_reader_gap(struct websocket_reader *r, enum direction d, uint64_t n);
void websocket_reader_end(struct websocket_reader *r, enum direction d);
uint64_t websocket_reader_skippable(const struct websocket_reader *r, enum direction d);
void websocket_reader_skipped(struct websocket_reader *r, enum direction d, uint64_t n);
bool websocket_reader_resynced(const struct websocket_reader *r, enum direction d);
size_t websocket_reader_memory(const struct websocket_reader *r);
void websocket_reader_free(struct websocket_reader *r);

#endif
