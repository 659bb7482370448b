/* Stream ids -> what is known of each stream that is open, at most LIMIT_HTTP2_STREAMS. Called by http2. Says who has
 * to leave when there is no room; what leaving means is its caller's business. */
#ifndef SHADOWTAP_HTTP2_STREAMS_H
#define SHADOWTAP_HTTP2_STREAMS_H

#include "slice.h"
#include "status.h"

struct content_coding;

/* One direction of a stream. */
struct http2_body {
	uint64_t exchange;
	void *reader; /* the owner's */
	struct content_coding *coding;
	bool headed; /* its head was reported */
	bool wanted; /* the owner reads it */
	bool done;   /* nothing more will be said of it */
};

struct http2_stream {
	uint32_t id;
	char method[16]; /* of the request, as far as it fits; empty if not known */
	struct http2_body body[2];
};

struct http2_streams {
	struct http2_stream *items; /* by id: clients count upwards (RFC 9113 5.1.1), so the first is the oldest */
	uint32_t n, cap;
};

void http2_streams_free(struct http2_streams *t);
struct http2_stream *http2_streams_find(const struct http2_streams *t, uint32_t id);
/* A new stream; n is below the limit, id is not there yet. NULL when out of memory. Moves the others. */
struct http2_stream *http2_streams_add(struct http2_streams *t, uint32_t id);
void http2_streams_remove(struct http2_streams *t, struct http2_stream *s);
/* The oldest stream that is read, or that is not; NULL if there is none. */
struct http2_stream *http2_streams_oldest(const struct http2_streams *t, bool wanted);

#endif
