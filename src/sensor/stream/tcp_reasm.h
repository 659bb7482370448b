/* TCP segments of one connection -> bytes in order for each side, or an explicit gap. Lost, doubled, overlapping and
 * reordered segments, sequence wrap, mid-stream starts, a missing direction, cut segments.
 * Called by the shard with each segment of a flow that is still read. Sides are 0 and 1 as in struct flow; who is the
 * client is not its business. Verifies no checksums. RFC 9293; RFC 5961 for what a blind attacker may try. */
#ifndef SHADOWTAP_TCP_REASM_H
#define SHADOWTAP_TCP_REASM_H

#include "anomaly.h"
#include "packet.h"

struct tcp_segment; /* one held out-of-order segment */

struct tcp_callbacks {
	void (*bytes)(void *context, unsigned side, struct slice bytes);
	/* n bytes are missing; 0: an unknown number (the first bytes of a mid-stream start). */
	void (*gap)(void *context, unsigned side, uint64_t n);
	/* n bytes that nobody reads (tcp_reasm_skip) went by, present or not. */
	void (*skipped)(void *context, unsigned side, uint64_t n);
	/* That side will send no more: FIN reached in order, or the connection was reset. */
	void (*end)(void *context, unsigned side);
};

struct tcp_half {
	uint32_t next;       /* the next sequence number to deliver */
	uint32_t seen_end;   /* the highest sequence number seen, plus one */
	uint32_t acked;      /* the highest acknowledgment of this half's bytes seen from the other side */
	uint32_t fin;        /* sequence number just after the last byte, if fin_seen */
	uint64_t skip;       /* bytes from `next` on that nobody reads; UINT64_MAX: until the end */
	struct tcp_segment *held; /* by sequence number */
	uint32_t held_bytes;
	uint16_t n_held;
	bool started, acked_seen, fin_seen, ended;
};

struct tcp_counts { /* seen == delivered + duplicate + refused + what is held */
	uint64_t seen, delivered, duplicate, refused, gaps;
};

struct tcp_reasm {
	struct tcp_half half[2];
	int64_t hole_since_ns;  /* when bytes first had to wait; 0: none waits */
	uint16_t hole_packets;  /* segments since */
	bool reset;
};

void tcp_reasm_init(struct tcp_reasm *r);

/* side sent the segment p. Calls back as far as bytes are in order. FAIL_MEMORY when a segment could not be held (it
 * becomes a gap later), else 0. */
int tcp_reasm_push(struct tcp_reasm *r, unsigned side, const struct packet *p, const struct tcp_callbacks *callbacks,
                   void *context, struct anomaly_counts *anomalies, struct tcp_counts *counts);

/* Nobody reads the next n bytes of that side: they are counted past, in whatever order they come. */
void tcp_reasm_skip(struct tcp_reasm *r, unsigned side, uint64_t n);

/* True if segments wait for a hole in front of them. */
bool tcp_reasm_waiting(const struct tcp_reasm *r);

/* Gives holes up that have waited long enough at now_ns. */
void tcp_reasm_age(struct tcp_reasm *r, int64_t now_ns, const struct tcp_callbacks *callbacks, void *context,
                   struct anomaly_counts *anomalies, struct tcp_counts *counts);

/* The capture ended or the flow leaves: every hole becomes a gap, everything held is delivered. Does not call end. */
void tcp_reasm_flush(struct tcp_reasm *r, const struct tcp_callbacks *callbacks, void *context,
                     struct anomaly_counts *anomalies, struct tcp_counts *counts);

size_t tcp_reasm_memory(const struct tcp_reasm *r);
void tcp_reasm_done(struct tcp_reasm *r);

#endif
