/* The state of an app_stream, shared by its files and by nobody else: app_stream.c moves bytes to what reads them,
 * app_start.c finds out what that is, app_tls.c reads TLS. */
#ifndef SHADOWTAP_APP_STREAM_STATE_H
#define SHADOWTAP_APP_STREAM_STATE_H

#include "app_stream.h"
#include "body_reader.h"
#include "http2_messages.h"
#include "socks.h"
#include "tls_decrypt.h"
#include "websocket_reader.h"

/* Bytes of a direction that may wait until the protocol is known: a method name, a record and message header, or a header
 * of the PROXY protocol before them. */
enum { APP_FIRST_BYTES = 600 };

struct app_stream {
	const struct app_sink *sink;
	void *context;
	struct anomaly_counts *anomalies;
	unsigned depth;
	enum app_protocol protocol;
	bool roles_known, flipped, finished;
	bool midstream;                /* bytes before the first seen are missing */
	bool missing[2];               /* of that direction as told */
	uint16_t searched;
	uint8_t *first[2]; /* FIRST_BYTES of them, while undecided and only if one segment was not enough */
	uint16_t n_first[2];
	bool proxied;                  /* a header of the PROXY protocol was stepped over, or will not come any more */
	bool tls_done[2];
	struct http1 *http;
	struct tls *tls;
	struct tls_decrypt *decrypt;   /* NULL: nothing of it is decrypted */
	struct tls_room *room;         /* NULL, or without secrets: nothing ever is */
	unsigned tls_depth;            /* layers of TLS around it */
	struct jsonrpc *lines[2];
	enum direction line_direction; /* of the line that is being read */
	struct body_reader body[2];
	struct http2_messages *h2;     /* from the start, or after an Upgrade */
	struct websocket_reader *websocket; /* after an accepted Upgrade, or found in mid-stream */
	struct socks *socks;
	bool socks_open[2];            /* that direction is in the tunnel behind SOCKS */
	struct app_stream *inner;      /* what the tunnel carries, or TLS */
};

/* app_start.c: the first bytes of a direction while nothing is known yet. */
void app_start(struct app_stream *a, enum direction d, struct slice bytes);

/* app_tls.c */
bool app_tls_start(struct app_stream *a);
void app_tls_feed(struct app_stream *a, enum direction d, struct slice bytes);
void app_tls_gap(struct app_stream *a, enum direction d, uint64_t n);

/* app_stream.c */
/* What is inside; its first byte is still to come. NULL when out of memory. */
struct app_stream *app_stream_inside(const struct app_stream *a, unsigned depth);
extern const struct http1_callbacks app_http1_callbacks;
/* A JSON text of a bare TCP connection. */
void app_line(void *context, const struct jsonrpc_message *m);
/* The protocol is known: d is the true direction. */
void app_feed(struct app_stream *a, enum direction d, struct slice bytes);

#endif
