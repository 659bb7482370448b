/* The connection's state, shared by the files of http2 and by nobody else: http2.c takes frames apart, http2_head.c
 * says what a complete header block means, http2_stream.c moves bodies and ends them, http2_resync.c finds a place
 * again. */
#ifndef SHADOWTAP_HTTP2_STATE_H
#define SHADOWTAP_HTTP2_STATE_H

#include "content_coding.h"
#include "http1_fields.h"
#include "http2.h"
#include "http2_frame.h"
#include "http2_hpack.h"
#include "http2_streams.h"

enum http2_state {
	HTTP2_IN_PREFACE, /* client: the first 24 bytes */
	HTTP2_IN_HEADER,  /* in the nine bytes before a frame */
	HTTP2_IN_PAYLOAD,
	HTTP2_LOST,     /* looking for a segment with a frame in it */
	HTTP2_IS_BAD,   /* no HTTP/2 */
	HTTP2_IS_ENDED, /* the sender closed */
};

/* A header block while it is read: HEADERS or PUSH_PROMISE and what continues them. */
struct http2_block {
	bool open;
	bool dropped; /* nobody's head: only the compression state is of interest */
	bool damaged; /* bytes of it were lost, or it could not be unfolded: the rest is passed */
	bool fields_lost;
	bool end_stream;
	uint32_t stream;
	uint32_t bytes;
	uint32_t continuations;
	struct http1_fields fields; /* serves any version; pseudo-headers are fields of it too */
};

struct http2_side {
	struct http2 *h;
	uint8_t direction; /* enum direction */
	uint8_t state;     /* enum http2_state */
	bool resynced;
	bool was_lost;  /* ever: frames of streams that began unseen may come */
	uint32_t tried;    /* places, since an answer vouched for one; a large table counts for many */
	uint64_t searched; /* bytes that a place was looked for in, likewise */
	uint8_t n_head; /* bytes of head, or of the preface */
	uint8_t n_prefix, prefix_need;
	uint8_t head[HTTP2_FRAME_HEADER];
	uint8_t pad_length; /* as read from the prefix */
	struct http2_frame frame;
	uint32_t left; /* of the payload, padding included */
	uint32_t pad;  /* of it, padding */
	struct http2_block block;
	struct http2_hpack hpack;
};

struct http2 {
	struct http2_callbacks callbacks;
	void *context;
	struct anomaly_counts *anomalies;
	struct http2_side side[2];
	struct http2_streams streams;
	uint64_t exchanges;  /* number of the last one */
	uint64_t found_from; /* exchanges from this number on were seen after the last loss */
	uint32_t highest;    /* stream that the client began */
	uint32_t bodies;     /* that are read now */
	uint32_t resets, controls;
	size_t coding_bytes; /* of all decoders */
	bool streams_counted;
};

/* http2_head.c: s->block is complete. */
void http2_head_complete(struct http2_side *s);
/* The stream that DATA belongs to; one whose head was lost gets a head without fields. NULL: nobody's. */
struct http2_stream *http2_head_of_data(struct http2_side *s, uint32_t id);

/* http2_stream.c */
/* NULL when out of memory. Another stream may leave. */
struct http2_stream *http2_stream_new(struct http2 *h, uint32_t id);
/* Its body is read from here on, decoded as the head says. */
void http2_stream_read(struct http2 *h, struct http2_stream *st, enum direction d, const struct http_head *head);
void http2_stream_bytes(struct http2 *h, struct http2_stream *st, enum direction d, struct slice bytes);
void http2_stream_gap(struct http2 *h, struct http2_stream *st, enum direction d);
/* Direction d is over; the stream leaves when both are. */
void http2_stream_end(struct http2 *h, struct http2_stream *st, enum direction d, enum http2_ended how);
/* by: who reset it. */
void http2_stream_reset(struct http2 *h, struct http2_stream *st, enum direction by);

/* http2_resync.c */
/* Where in this segment of a direction a frame begins, or bytes.n. */
size_t http2_resync(struct http2_side *s, struct slice bytes);

#endif
