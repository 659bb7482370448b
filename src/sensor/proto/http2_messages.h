/* An HTTP/2 connection -> what the sink of an app_stream hears: heads, JSON-RPC messages, events, ends. Called by
 * app_stream with the bytes of a connection, or of what it carries inside. A reader for each body that is wanted, made
 * and freed with it. */
#ifndef SHADOWTAP_HTTP2_MESSAGES_H
#define SHADOWTAP_HTTP2_MESSAGES_H

#include "app_stream.h"
#include "http2.h"

struct http2_messages;

/* NULL when out of memory. All borrowed. */
struct http2_messages *http2_messages_new(const struct app_sink *sink, void *context, struct anomaly_counts *anomalies,
					  unsigned depth);
/* What is fed, lost, skipped and asked goes straight to it. */
struct http2 *http2_messages_stream(const struct http2_messages *m);
size_t http2_messages_memory(const struct http2_messages *m);
void http2_messages_free(struct http2_messages *m);

/* Does this answer turn an HTTP/1.1 connection into HTTP/2 (RFC 7540 3.2)? */
bool http2_is_upgrade(const struct http_head *answer);

#endif
