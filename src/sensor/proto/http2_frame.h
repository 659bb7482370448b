/* Nine bytes -> the header of an HTTP/2 frame (RFC 9113 4.1), and whether a frame may look like that. Called by http2
 * and by its search for a place after lost bytes. */
#ifndef SHADOWTAP_HTTP2_FRAME_H
#define SHADOWTAP_HTTP2_FRAME_H

#include "slice.h"
#include "status.h"

#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum { HTTP2_FRAME_HEADER = 9, HTTP2_FRAME_DEFAULT_MAX = 16384 };

enum http2_type {
	HTTP2_DATA,
	HTTP2_HEADERS,
	HTTP2_PRIORITY,
	HTTP2_RST_STREAM,
	HTTP2_SETTINGS,
	HTTP2_PUSH_PROMISE,
	HTTP2_PING,
	HTTP2_GOAWAY,
	HTTP2_WINDOW_UPDATE,
	HTTP2_CONTINUATION,
};

enum {
	HTTP2_END_STREAM = 0x1,
	HTTP2_ACK = 0x1,
	HTTP2_END_HEADERS = 0x4,
	HTTP2_PADDED = 0x8,
	HTTP2_HAS_PRIORITY = 0x20
};

struct http2_frame {
	uint32_t length;
	uint8_t type, flags;
	uint32_t stream;
	bool reserved; /* the bit that must be zero when sent and is ignored when received */
};

/* At least HTTP2_FRAME_HEADER bytes. */
struct http2_frame http2_frame_read(const uint8_t *p);
/* Bytes at the start of the payload that are neither data nor header block: pad length, priority, promised stream. */
unsigned http2_frame_prefix(const struct http2_frame *f);
/* False for what RFC 9113 calls an error of the connection: the receiver closes it. */
bool http2_frame_is_legal(const struct http2_frame *f, enum direction d);
/* Nothing in it is what honest senders do not send: for a reader that guesses. */
bool http2_frame_is_plausible(const struct http2_frame *f);

#endif
