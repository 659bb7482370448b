/* The algorithm. Each half has a next sequence number. A segment that starts there is delivered at once; one that starts
 * later is held. A segment is also held while the bytes that it acknowledges have not been delivered: so an answer is
 * never read before its question, even where the capture swapped them. A hole is given up, and becomes a gap, when the
 * receiver is known to have its bytes and they still did not come within a grace of packets or time, when nobody tells
 * what the receiver has and the longer grace is over, or when too much waits behind it.
 * First copy wins: a byte once delivered or held is never replaced, and a held copy that differs is counted. Known
 * weakness: a target whose stack prefers the last copy reads something else (Ptacek and Newsham, 1998); a copy that
 * differs from bytes already delivered cannot be noticed, they are gone. */
#include "tcp_reasm.h"
#include "frame.h"
#include "limits.h"
#include "status.h"
#include <stdlib.h>

struct tcp_segment {
	struct tcp_segment *next;
	uint32_t seq, ack;
	uint32_t n;         /* bytes present */
	uint32_t wire;      /* bytes on the wire; the capture cut the rest */
	bool has_ack, fin;
	uint8_t bytes[];
};

/* What every step needs. */
struct step {
	struct tcp_reasm *r;
	const struct tcp_callbacks *callbacks;
	void *context;
	struct anomaly_counts *anomalies;
	struct tcp_counts *counts;
};

static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b); /* RFC 9293 3.4: comparison modulo 2^32 */
}

void tcp_reasm_init(struct tcp_reasm *r)
{
	*r = (struct tcp_reasm){0};
}

static void half_pop(struct tcp_half *h)
{
	struct tcp_segment *g = h->held;
	h->held = g->next;
	h->held_bytes -= g->n;
	h->n_held--;
	free(g);
}

static void half_end(struct step *s, unsigned side)
{
	struct tcp_half *h = &s->r->half[side];
	if (!h->ended) {
		h->ended = true;
		while (h->held) { /* came before the FIN, and stands behind it */
			anomaly_count(s->anomalies, ANOMALY_TCP_AFTER_FIN);
			s->counts->refused += h->held->n;
			half_pop(h);
		}
		s->callbacks->end(s->context, side);
	}
}

/* Of the next n bytes, those that nobody reads; they count as gone by. */
static uint32_t half_skip(struct step *s, unsigned side, uint32_t n)
{
	struct tcp_half *h = &s->r->half[side];
	if (h->skip < n)
		n = (uint32_t)h->skip;
	if (n) {
		if (h->skip != UINT64_MAX)
			h->skip -= n;
		h->next += n;
		s->callbacks->skipped(s->context, side, n);
	}
	return n;
}

static void half_gap(struct step *s, unsigned side, uint32_t n)
{
	anomaly_count(s->anomalies, ANOMALY_TCP_GAP);
	s->counts->gaps += n;
	n -= half_skip(s, side, n);
	if (n == 0)
		return;
	s->r->half[side].next += n;
	s->callbacks->gap(s->context, side, n);
}

/* Bytes that start at `next`: bytes.n of them present, wire on the wire. */
static void half_deliver(struct step *s, unsigned side, struct slice bytes, uint32_t wire)
{
	s->counts->delivered += bytes.n;
	uint32_t skipped = half_skip(s, side, wire);
	wire -= skipped;
	bytes = slice_after(bytes, skipped);
	s->r->half[side].next += (uint32_t)bytes.n;
	if (bytes.n)
		s->callbacks->bytes(s->context, side, bytes);
	if (wire > bytes.n)
		half_gap(s, side, wire - (uint32_t)bytes.n);
}

/* Whether the bytes that an acknowledgment speaks of have been delivered, as far as that can ever be. */
static bool ack_satisfied(const struct tcp_reasm *r, unsigned side, bool has_ack, uint32_t ack)
{
	const struct tcp_half *other = &r->half[!side];
	if (!has_ack || !other->started || other->ended)
		return true;
	int32_t ahead = seq_diff(ack, other->next);
	/* a FIN takes one number too; a forged acknowledgment far ahead must not make anybody wait */
	return ahead <= 0 || (other->fin_seen && ack == other->fin + 1) || ahead > (int32_t)LIMIT_TCP_AHEAD;
}

/* Delivers what has become deliverable on either side, until nothing moves. */
static void advance(struct step *s)
{
	bool moved = true;
	while (moved) {
		moved = false;
		for (unsigned side = 0; side < 2; side++) {
			struct tcp_half *h = &s->r->half[side];
			struct tcp_segment *g;
			while ((g = h->held) && seq_diff(g->seq, h->next) <= 0 &&
			       ack_satisfied(s->r, side, g->has_ack, g->ack)) {
				uint32_t old = h->next - g->seq;
				h->held = g->next; /* unlinked before the callback may look at us */
				h->held_bytes -= g->n;
				h->n_held--;
				if (old < g->wire) {
					struct slice bytes = slice_after(slice_of(g->bytes, g->n), old);
					s->counts->duplicate += g->n - bytes.n;
					half_deliver(s, side, bytes, g->wire - old);
				} else {
					s->counts->duplicate += g->n;
				}
				free(g);
				moved = true;
			}
			if (h->fin_seen && !h->ended && seq_diff(h->fin, h->next) <= 0) {
				half_end(s, side);
				moved = true;
			}
		}
	}
	if (!s->r->half[0].held && !s->r->half[1].held) {
		s->r->hole_since_ns = 0;
		s->r->hole_packets = 0;
	}
}

/* Gives up the hole that the rest waits for: up to the first held segment of the half that lacks bytes, or up to what was
 * acknowledged where nothing is held behind it. */
static void give_up_hole(struct step *s)
{
	for (unsigned side = 0; side < 2; side++) {
		struct tcp_half *h = &s->r->half[side];
		if (h->held && seq_diff(h->held->seq, h->next) > 0 &&
		    ack_satisfied(s->r, side, h->held->has_ack, h->held->ack)) {
			half_gap(s, side, h->held->seq - h->next);
			return;
		}
	}
	for (unsigned side = 0; side < 2; side++) {
		struct tcp_half *h = &s->r->half[side], *other = &s->r->half[!side];
		if (!h->held || ack_satisfied(s->r, side, h->held->has_ack, h->held->ack))
			continue;
		if (other->held && seq_diff(other->held->seq, other->next) <= 0) {
			h->held->has_ack = false; /* both wait for each other (forged acknowledgments): one goes first */
			return;
		}
		uint32_t upto = h->held->ack;
		if (other->held && seq_diff(other->held->seq, upto) < 0 && seq_diff(other->held->seq, other->next) > 0)
			upto = other->held->seq;
		if (other->fin_seen && seq_diff(upto, other->fin) > 0)
			upto = other->fin;
		if (seq_diff(upto, other->next) > 0)
			half_gap(s, !side, upto - other->next);
		else
			h->held->has_ack = false;
		return;
	}
}

/* Whether the receiver is known to have the bytes of the hole in front of what is held. */
static bool hole_acknowledged(const struct tcp_reasm *r)
{
	for (unsigned side = 0; side < 2; side++) {
		const struct tcp_half *h = &r->half[side];
		if (h->acked_seen && seq_diff(h->acked, h->next) > 0)
			return true;
	}
	return false;
}

static bool hole_due(const struct tcp_reasm *r, int64_t now_ns)
{
	int64_t waited = now_ns - r->hole_since_ns;
	if (hole_acknowledged(r))
		return waited >= LIMIT_TCP_HOLE_NS || r->hole_packets >= LIMIT_TCP_HOLE_PACKETS;
	return waited >= LIMIT_TCP_HOLE_BLIND_NS;
}

static void give_up_while(struct step *s, int64_t now_ns)
{
	while (tcp_reasm_waiting(s->r) && hole_due(s->r, now_ns)) {
		give_up_hole(s);
		advance(s);
	}
}

static void too_much_held(struct step *s, unsigned side)
{
	struct tcp_half *h = &s->r->half[side];
	while (h->held && (h->held_bytes > LIMIT_TCP_HELD_BYTES || h->n_held > LIMIT_TCP_HELD_SEGMENTS)) {
		anomaly_count(s->anomalies, ANOMALY_TCP_BUFFER_LIMIT);
		give_up_hole(s);
		advance(s);
	}
}

/* Puts the segment in its place among the held ones. Bytes that are held already win: the new segment keeps its place
 * only for what no other has, in at most as many pieces as there are holes. */
static int hold(struct step *s, unsigned side, const struct packet *p, uint32_t seq, struct slice bytes, uint32_t wire,
                bool fin)
{
	struct tcp_half *h = &s->r->half[side];
	struct tcp_segment **at = &h->held;
	int failed = 0;
	for (;;) {
		while (*at && seq_diff((*at)->seq + (*at)->wire, seq) <= 0 && !((*at)->seq == seq && (*at)->wire == wire))
			at = &(*at)->next;
		struct tcp_segment *g = *at;
		if (g && seq_diff(g->seq, seq) <= 0 && (wire > 0 || g->seq == seq)) { /* its first part is held */
			uint32_t off = seq - g->seq, common = g->wire - off < wire ? g->wire - off : wire;
			uint32_t have = off < g->n ? g->n - off : 0;
			uint32_t compare = have < common ? have : common;
			if (compare > bytes.n)
				compare = (uint32_t)bytes.n;
			if (compare && memcmp(g->bytes + off, bytes.p, compare) != 0)
				anomaly_count(s->anomalies, ANOMALY_TCP_OVERLAP_CONFLICT);
			struct slice rest = slice_after(bytes, common);
			s->counts->duplicate += bytes.n - rest.n;
			bytes = rest;
			seq += common;
			wire -= common;
			if (wire == 0)
				return failed;
			at = &g->next;
			continue;
		}
		uint32_t take = wire;
		if (g && seq_diff(g->seq, seq + wire) < 0)
			take = g->seq - seq;
		struct slice part = slice_first(bytes, take);
		struct tcp_segment *new = malloc(sizeof *new + part.n);
		if (!new) {
			s->counts->refused += part.n;
			failed = FAIL_MEMORY;
		} else {
			*new = (struct tcp_segment){.next = g, .seq = seq, .ack = p->tcp_ack, .n = (uint32_t)part.n,
			                            .wire = take, .has_ack = p->tcp_flags & TCP_ACK, .fin = fin};
			if (part.n)
				memcpy(new->bytes, part.p, part.n);
			*at = new;
			at = &new->next;
			h->held_bytes += (uint32_t)part.n;
			h->n_held++;
		}
		bytes = slice_after(bytes, take);
		seq += take;
		wire -= take;
		if (wire == 0)
			return failed;
	}
}

/* A reset counts only where its number lies within what the receiver could accept (RFC 5961 section 3): between what
 * it has acknowledged and a little past the highest number seen. */
static void take_reset(struct step *s, unsigned side, const struct packet *p)
{
	struct tcp_half *h = &s->r->half[side];
	if (h->started) {
		uint32_t low = h->acked_seen && seq_diff(h->acked, h->next) < 0 ? h->acked : h->next;
		if (seq_diff(p->tcp_seq, low) < 0 || seq_diff(p->tcp_seq, h->seen_end) > 1) {
			anomaly_count(s->anomalies, ANOMALY_TCP_RST_OUT_OF_WINDOW);
			return;
		}
	} else if ((p->tcp_flags & TCP_ACK) && s->r->half[!side].started &&
	           seq_diff(p->tcp_ack, s->r->half[!side].seen_end) > 1) {
		anomaly_count(s->anomalies, ANOMALY_TCP_RST_OUT_OF_WINDOW);
		return;
	}
	s->r->reset = true;
	tcp_reasm_flush(s->r, s->callbacks, s->context, s->anomalies, s->counts);
	half_end(s, side);
	half_end(s, !side);
}

static void note_ack(struct tcp_reasm *r, unsigned side, const struct packet *p)
{
	struct tcp_half *other = &r->half[!side];
	if (!(p->tcp_flags & TCP_ACK) || (other->started && seq_diff(p->tcp_ack, other->next) > (int32_t)LIMIT_TCP_AHEAD))
		return;
	if (!other->acked_seen || seq_diff(p->tcp_ack, other->acked) > 0) {
		other->acked = p->tcp_ack;
		other->acked_seen = true;
	}
}

/* Starts the half at its SYN, or in mid-stream. False if the segment has no place in it. */
static bool half_start(struct step *s, unsigned side, const struct packet *p)
{
	struct tcp_half *h = &s->r->half[side];
	if (p->tcp_flags & TCP_SYN) {
		if (h->started)
			return false; /* retransmitted, or forged: ignored (RFC 5961 section 4) */
		h->next = h->seen_end = p->tcp_seq + 1;
		h->started = true;
		return true;
	}
	if (h->started)
		return true;
	if (h->ended || (p->payload_bytes == 0 && !(p->tcp_flags & TCP_FIN)))
		return false; /* ended before it began: the other side was reset */
	anomaly_count(s->anomalies, ANOMALY_TCP_MIDSTREAM);
	h->next = h->seen_end = p->tcp_seq;
	h->started = true;
	s->callbacks->gap(s->context, side, 0);
	return true;
}

int tcp_reasm_push(struct tcp_reasm *r, unsigned side, const struct packet *p, const struct tcp_callbacks *callbacks,
                   void *context, struct anomaly_counts *anomalies, struct tcp_counts *counts)
{
	struct step s = {r, callbacks, context, anomalies, counts};
	struct tcp_half *h = &r->half[side];
	uint32_t seq = p->tcp_seq, wire = p->payload_bytes;
	struct slice bytes = p->payload;
	bool fin = p->tcp_flags & TCP_FIN;
	int failed = 0;

	counts->seen += bytes.n;
	note_ack(r, side, p);
	if (p->tcp_flags & TCP_RST) {
		counts->refused += bytes.n; /* some stacks put a text into a reset */
		take_reset(&s, side, p);
		return 0;
	}
	if (!half_start(&s, side, p)) {
		counts->refused += bytes.n;
		return 0;
	}
	if (p->tcp_flags & TCP_SYN)
		seq++; /* data on a SYN (TCP fast open, RFC 7413) starts after it */
	if (h->ended || (h->fin_seen && seq_diff(seq + wire, h->fin) > 0)) {
		counts->refused += bytes.n;
		if (wire)
			anomaly_count(anomalies, ANOMALY_TCP_AFTER_FIN);
		return 0;
	}
	int32_t ahead = seq_diff(seq, h->next);
	if (ahead > (int32_t)LIMIT_TCP_AHEAD || ahead < -(int32_t)LIMIT_TCP_AHEAD) {
		counts->refused += bytes.n;
		anomaly_count(anomalies, ANOMALY_TCP_OUT_OF_WINDOW);
		return 0;
	}
	if (seq_diff(seq + wire, h->seen_end) > 0)
		h->seen_end = seq + wire;
	if (fin && !h->fin_seen && seq_diff(seq + wire, h->next) >= 0) {
		h->fin_seen = true;
		h->fin = seq + wire;
	}
	if (ahead < 0) { /* retransmitted: what is left of it starts at next */
		uint32_t old = h->next - seq;
		struct slice rest = slice_after(bytes, old);
		counts->duplicate += bytes.n - rest.n;
		bytes = rest;
		if (old >= wire)
			wire = 0;
		else
			wire -= old;
		seq = h->next;
	}
	if (wire) {
		bool in_place = seq == h->next || (h->skip && (uint64_t)(seq - h->next) + wire <= h->skip);
		if (in_place && seq != h->next) /* holes in what nobody reads do not matter */
			half_gap(&s, side, seq - h->next);
		if (in_place && !h->held && ack_satisfied(r, side, p->tcp_flags & TCP_ACK, p->tcp_ack)) {
			half_deliver(&s, side, bytes, wire);
		} else {
			if (!r->hole_since_ns)
				r->hole_since_ns = p->time_ns;
			failed = hold(&s, side, p, seq, bytes, wire, fin);
		}
	}
	if (r->hole_since_ns && r->hole_packets < UINT16_MAX)
		r->hole_packets++;
	advance(&s);
	if (r->hole_since_ns) {
		too_much_held(&s, side);
		give_up_while(&s, p->time_ns);
	}
	return failed;
}

void tcp_reasm_skip(struct tcp_reasm *r, unsigned side, uint64_t n)
{
	r->half[side].skip = n;
}

bool tcp_reasm_waiting(const struct tcp_reasm *r)
{
	return r->half[0].held || r->half[1].held;
}

void tcp_reasm_age(struct tcp_reasm *r, int64_t now_ns, const struct tcp_callbacks *callbacks, void *context,
                   struct anomaly_counts *anomalies, struct tcp_counts *counts)
{
	struct step s = {r, callbacks, context, anomalies, counts};
	give_up_while(&s, now_ns);
}

void tcp_reasm_flush(struct tcp_reasm *r, const struct tcp_callbacks *callbacks, void *context,
                     struct anomaly_counts *anomalies, struct tcp_counts *counts)
{
	struct step s = {r, callbacks, context, anomalies, counts};
	advance(&s);
	while (tcp_reasm_waiting(r)) {
		give_up_hole(&s);
		advance(&s);
	}
}

size_t tcp_reasm_memory(const struct tcp_reasm *r)
{
	return r->half[0].held_bytes + r->half[1].held_bytes +
	       (size_t)(r->half[0].n_held + r->half[1].n_held) * sizeof(struct tcp_segment);
}

void tcp_reasm_done(struct tcp_reasm *r)
{
	for (unsigned side = 0; side < 2; side++)
		while (r->half[side].held)
			half_pop(&r->half[side]);
}
