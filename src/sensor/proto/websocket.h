/* The two directions of a WebSocket, after its handshake -> messages, unmasked and unfolded (RFC 6455, RFC 7692).
 * Called by websocket_reader. Holds no payload: frames of any length and any number of fragments pass through.
 * Refuses to read on where a frame has no end (a length of 2^63 and more), and to guess at messages that lost bytes. */
#ifndef SHADOWTAP_WEBSOCKET_H
#define SHADOWTAP_WEBSOCKET_H

#include "anomaly.h"
#include "http1.h"
#include "slice.h"
#include "status.h"

/* What the handshake agreed on. By enum direction. */
struct websocket_terms {
	bool unseen;         /* there was no handshake to read: compressed messages may come, and cannot be read */
	bool deflate;        /* permessage-deflate */
	bool no_takeover[2]; /* each message of that sender stands alone */
};

/* The server's answer decides (RFC 6455 4.1, RFC 7692 5.1). False if it accepts no WebSocket. */
bool websocket_terms_read(const struct http_head *answer, struct websocket_terms *ret);

struct websocket_callbacks {
	/* The first frame of a message. */
	void (*begin)(void *context, enum direction d, bool text);
	/* A piece of its payload. Says whether the rest is wanted. */
	bool (*data)(void *context, enum direction d, struct slice piece);
	/* complete is false where bytes of it are lost or could not be unfolded: what came is not all. */
	void (*end)(void *context, enum direction d, bool complete);
};

struct websocket;

/* NULL when out of memory. anomalies is borrowed. */
struct websocket *websocket_new(const struct websocket_callbacks *callbacks, void *context,
				struct anomaly_counts *anomalies, const struct websocket_terms *terms);
/* PARSE_MORE, or PARSE_BAD: that direction is not read any more. */
enum parse websocket_feed(struct websocket *w, enum direction d, struct slice bytes);
/* n bytes are missing; 0: an unknown number. Inside a frame's payload the message is lost, the place is not. Otherwise
 * frames are looked for at starts of segments (websocket_looks_like); messages found so carry websocket_resynced(). */
void websocket_gap(struct websocket *w, enum direction d, uint64_t n);
/* The direction said its last. */
void websocket_end(struct websocket *w, enum direction d);

/* As http1_skippable: control frames and the rest of what nobody wants need not be fed. */
uint64_t websocket_skippable(const struct websocket *w, enum direction d);
void websocket_skipped(struct websocket *w, enum direction d, uint64_t n);

/* The place was found again after a gap of unknown content, and nobody vouched for it since. */
bool websocket_resynced(const struct websocket *w, enum direction d);
void websocket_trust(struct websocket *w);

size_t websocket_memory(const struct websocket *w);
void websocket_free(struct websocket *w);

#endif
