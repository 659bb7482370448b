#include "http2_frame.h"

struct http2_frame http2_frame_read(const uint8_t *p)
{
	uint32_t stream = (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
	return (struct http2_frame){
	    .length = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2],
	    .type = p[3],
	    .flags = p[4],
	    .stream = stream & 0x7fffffff,
	    .reserved = stream >> 31,
	};
}

unsigned http2_frame_prefix(const struct http2_frame *f)
{
	unsigned padded = f->flags & HTTP2_PADDED ? 1 : 0;
	switch (f->type) {
	case HTTP2_DATA: return padded;
	case HTTP2_HEADERS: return padded + (f->flags & HTTP2_HAS_PRIORITY ? 5 : 0);
	case HTTP2_PUSH_PROMISE: return padded + 4;
	default: return 0;
	}
}

bool http2_frame_is_legal(const struct http2_frame *f, enum direction d)
{
	switch (f->type) {
	case HTTP2_DATA:
	case HTTP2_HEADERS: return f->stream && f->length >= http2_frame_prefix(f);
	case HTTP2_PRIORITY: return f->stream; /* a wrong length is the stream's error only (6.3) */
	case HTTP2_RST_STREAM: return f->stream && f->length == 4;
	case HTTP2_SETTINGS: return !f->stream && f->length % 6 == 0 && !(f->flags & HTTP2_ACK && f->length);
	case HTTP2_PUSH_PROMISE: return d == FROM_SERVER && f->stream && f->length >= http2_frame_prefix(f);
	case HTTP2_PING: return !f->stream && f->length == 8;
	case HTTP2_GOAWAY: return !f->stream && f->length >= 8;
	case HTTP2_WINDOW_UPDATE: return f->length == 4;
	case HTTP2_CONTINUATION: return f->stream;
	default: return true; /* unknown types are ignored (4.1) */
	}
}

bool http2_frame_is_plausible(const struct http2_frame *f)
{
	static const uint8_t flags[] = {
	    [HTTP2_DATA] = HTTP2_END_STREAM | HTTP2_PADDED,
	    [HTTP2_HEADERS] = HTTP2_END_STREAM | HTTP2_END_HEADERS | HTTP2_PADDED | HTTP2_HAS_PRIORITY,
	    [HTTP2_SETTINGS] = HTTP2_ACK,
	    [HTTP2_PUSH_PROMISE] = HTTP2_END_HEADERS | HTTP2_PADDED,
	    [HTTP2_PING] = HTTP2_ACK,
	    [HTTP2_CONTINUATION] = HTTP2_END_HEADERS,
	};
	bool odd = f->stream & 1; /* even ones are pushed, which nobody does any more */
	if (f->reserved || f->type > HTTP2_CONTINUATION || (f->flags & ~flags[f->type]) ||
	    !http2_frame_is_legal(f, FROM_SERVER) || f->length > HTTP2_FRAME_DEFAULT_MAX)
		return false;
	switch (f->type) {
	case HTTP2_DATA: return odd;
	case HTTP2_HEADERS: return odd && f->length > http2_frame_prefix(f);
	case HTTP2_PRIORITY: return f->length == 5;
	case HTTP2_SETTINGS: return f->length <= 6 * 64;
	case HTTP2_GOAWAY: return f->length <= 1024;
	default: return true;
	}
}
