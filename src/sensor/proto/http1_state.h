/* The connection's state, shared by the files of http1 and by nobody else: http1.c moves bytes through the two sides,
 * http1_pairing.c says what a complete head means, http1_held.c keeps what cannot be read yet. */
#ifndef SHADOWTAP_HTTP1_STATE_H
#define SHADOWTAP_HTTP1_STATE_H

#include "content_coding.h"
#include "http1.h"
#include "http1_chunks.h"
#include "http1_exchanges.h"
#include "http1_reader.h"

enum side_state {
	SIDE_HEAD,    /* between messages or inside a head */
	SIDE_LENGTH,  /* in a body of known length */
	SIDE_CHUNKED, /* in a chunked body */
	SIDE_CLOSE,   /* in a body that lasts until close */
	SIDE_HELD,    /* client: a CONNECT or Upgrade awaits its answer */
	SIDE_TUNNEL,  /* another protocol */
	SIDE_LOST,    /* looking for a segment that starts with a head */
	SIDE_BAD,     /* no HTTP */
	SIDE_ENDED,   /* the sender closed */
};

/* Longest method, a space and the scheme: enough for http1_looks_like() to be sure. */
#define SIDE_PEEK 24

struct side {
	struct http1 *h;
	uint8_t direction; /* enum direction */
	uint8_t state;     /* enum side_state */
	bool open;         /* a head was reported and its end was not */
	bool wanted;       /* the owner reads this body */
	bool touched;      /* a byte of the body arrived, or was lost */
	bool doubt;        /* client: refused before its body (RFC 9110 10.1.1): body or next request? */
	bool resynced;
	uint8_t n_peek;
	uint8_t peek[SIDE_PEEK];    /* while in doubt */
	uint64_t left;              /* SIDE_LENGTH */
	struct http1_chunks chunks; /* SIDE_CHUNKED */
	uint64_t exchange;          /* of the current message, 0 for an unpaired answer */
	uint64_t stray;             /* the owner's word where no exchange keeps it */
	struct content_coding *coding;
	struct http1_reader reader;
};

struct held {
	uint8_t *buf;
	size_t n, cap;
	uint64_t lost;     /* bytes after buf that were not kept */
	bool lost_unknown; /* and a gap of unknown size among them */
};

struct http1 {
	struct http1_callbacks callbacks;
	void *context;
	struct anomaly_counts *anomalies;
	struct side side[2];
	struct http1_exchanges exchanges;
	struct held held;
	uint64_t held_exchange; /* the CONNECT or Upgrade whose answer decides; 0: none */
	uint64_t found_from;    /* exchanges from this number on were seen after the last loss */
	bool unsure;            /* the client lost bytes while answers were outstanding */
	bool server_moved;      /* the server's side went on since the last request */
	bool server_seen;       /* a byte of the server's, or word of a lost one */
	bool unanswered_told;
	bool tunnel;
	bool pipeline_counted;
};

/* http1.c */
void side_run(struct side *s, struct slice bytes);
/* The end of the current message, if it was not reported yet. */
void side_end(struct side *s, bool complete);
/* The current message was read to its end; what comes next on this side? */
void side_next(struct side *s);
void side_bad(struct side *s);
void side_lost(struct side *s);
/* The owner's word for the current message. */
uint64_t *side_user(struct side *s);

/* http1_pairing.c: the reader has a complete head. */
void request_head(struct side *s);
void answer_head(struct side *s);

/* http1_held.c */
void held_add(struct http1 *h, struct slice bytes);
void held_gap(struct http1 *h, uint64_t n);
/* The offer was accepted: to the owner as the tunnel's first bytes. */
void held_to_tunnel(struct http1 *h);
/* It was refused: they are HTTP. */
void held_to_http(struct http1 *h);
void held_free(struct held *held);

#endif
