/* Two directions of bytes -> HTTP/2 requests and answers by stream (RFC 9113), header blocks by nghttp2's inflater.
 * Called by http2_messages. Knows no flow, no clock, no MCP, and not whether TLS was around it. Server push and CONNECT
 * tunnels are parsed, not followed; extensions are passed over. */
#ifndef SHADOWTAP_HTTP2_H
#define SHADOWTAP_HTTP2_H

#include "anomaly.h"
#include "http_head.h"

struct http2;

/* How one direction of an exchange ended. */
enum http2_ended {
	HTTP2_COMPLETE,
	HTTP2_CUT,     /* bytes were lost, its coding was broken, or the client gave the stream up */
	HTTP2_REFUSED, /* the server reset the stream */
};

/* Exchanges are numbered in the order in which their streams were first seen. reader is the owner's word of memory for
 * one body, NULL at first. */
struct http2_callbacks {
	/* A head is complete (for an answer: also each 1xx); trailers are not reported. */
	enum http_body (*head)(void *context, const struct http_head *head, void **reader);
	/* Bytes of a wanted body, padding and content codings removed. */
	void (*body)(void *context, void *reader, struct slice bytes);
	/* Bytes of it are missing here. With a content coding `end` follows. */
	void (*body_gap)(void *context, void *reader);
	/* Once for each direction that had a head, and for the answer that will not come. Not for 1xx. Where the
	 * connection ends without an answer nothing is said of it. */
	void (*end)(void *context, enum direction d, uint64_t exchange, void *reader, enum http2_ended how);
};

/* NULL when out of memory. anomalies is borrowed. */
struct http2 *http2_new(const struct http2_callbacks *callbacks, void *context, struct anomaly_counts *anomalies);

/* The connection was HTTP/1.1 until a 101 (RFC 7540 3.2): stream 1 is that request, already told under its number
 * there. */
void http2_upgraded(struct http2 *h, uint64_t exchange, struct slice method);

/* PARSE_MORE, or PARSE_BAD: that direction is no HTTP/2 (any more) and ignores what follows. */
enum parse http2_feed(struct http2 *h, enum direction d, struct slice bytes);

/* n bytes are missing in direction d; n == 0 means an unknown number. Inside a frame they are counted past: of DATA the
 * body has a hole, of a header block the compression state is lost. Any other gap makes the reader look for a frame in
 * the segments that follow (http2_feed is called with segments as they arrived), and both are lost: see
 * http2_resynced(). A gap before any byte means a start in mid-stream. */
void http2_gap(struct http2 *h, enum direction d, uint64_t n);

/* The sender closed its direction. */
void http2_eof(struct http2 *h, enum direction d);

/* Bytes from here on that nobody will read, as http1_skippable(). */
uint64_t http2_skippable(const struct http2 *h, enum direction d);
void http2_skipped(struct http2 *h, enum direction d, uint64_t n);

/* True while what this direction reads was found again after a gap of unknown content, and no answer has yet matched
 * its request: an upload that quotes HTTP/2 looks just like it. */
bool http2_resynced(const struct http2 *h, enum direction d);

/* True if these first bytes of a direction could be the start of HTTP/2: the client's preface, the server's SETTINGS.
 * *ret_sure once there are enough to know. */
bool http2_looks_like(struct slice first, enum direction d, bool *ret_sure);

/* True if this segment of a connection whose beginning was not seen is a run of frames with a head among them;
 * *ret_speaker: whose. */
bool http2_found(struct slice segment, enum direction *ret_speaker);

size_t http2_memory(const struct http2 *h);
void http2_free(struct http2 *h);

#endif
