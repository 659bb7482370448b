#include "shard.h"
#include "dns_stream.h"
#include "flow_work.h"
#include "frame.h"
#include "quic_opener.h"
#include "shard_names.h"
#include "status.h"
#include <stdlib.h>

/* Packets with payload that nDPI sees of a flow which the first-bytes test left open: mostly what each side says first. Its state is
 * some kilobytes, so a flow that waits for a third one costs what thirty decided ones do; few have another name then. */
enum { HINT_OPEN_PACKETS = 2 };
/* JSON texts straight over TCP without a dialogue of MCP, after which nobody expects one. */
enum { LINES_WITHOUT_DIALOGUE = 64 };

/* ---- the list of work, by last packet ---- */

static void work_unlist(struct shard *s, struct flow_work *w)
{
	*(w->staler ? &w->staler->fresher : &s->stalest) = w->fresher;
	*(w->fresher ? &w->fresher->staler : &s->freshest) = w->staler;
}

static void work_list(struct shard *s, struct flow_work *w)
{
	w->staler = s->freshest;
	w->fresher = NULL;
	*(s->freshest ? &s->freshest->fresher : &s->stalest) = w;
	s->freshest = w;
}

static void work_charge(struct shard *s, struct flow_work *w)
{
	size_t n = flow_work_memory(w);
	s->work_bytes = s->work_bytes - w->charged + n;
	w->charged = n;
}

/* The flow's parsers and evidence go; what they found is said for the last time. */
static void work_end(struct shard *s, struct flow_work *w)
{
	struct flow *f = w->flow;
	flow_work_observe(w, true);
	flow_work_tell_unnamed(w);
	shard_tls_forget(s, w);
	f->told |= w->evidence.any;
	f->unnamed &= !w->evidence.any; /* else its end was told as that of any other */
	work_unlist(s, w);
	s->work_bytes -= w->charged;
	flow_work_free(w);
	f->work = NULL;
	f->decided = true;
	if (f->class == FLOW_OPEN)
		flow_table_classify(s->flows, f, FLOW_DECIDED);
}

/* ---- what reassembly calls ---- */

/* As the app_stream was told at first: one that found the roles reversed turns what it is told round by itself. */
static enum direction told_direction(const struct flow_work *w, unsigned side)
{
	return side == w->told_client ? FROM_CLIENT : FROM_SERVER;
}

static void offer_skip(struct flow_work *w, unsigned side)
{
	uint64_t n = app_stream_skippable(w->app, told_direction(w, side));
	if (n)
		tcp_reasm_skip(&w->reasm, side, n);
}

static void on_bytes(void *context, unsigned side, struct slice bytes)
{
	struct flow_work *w = context;
	if (w->dns)
		dns_stream_bytes(w->dns, side, bytes);
	if (app_stream_is_finished(w->app))
		return;
	app_stream_bytes(w->app, told_direction(w, side), bytes);
	offer_skip(w, side);
}

static void on_gap(void *context, unsigned side, uint64_t n)
{
	struct flow_work *w = context;
	if (w->dns)
		dns_stream_gap(w->dns, side);
	app_stream_gap(w->app, told_direction(w, side), n);
	w->evidence.gaps = true;
	offer_skip(w, side);
}

static void on_skipped(void *context, unsigned side, uint64_t n)
{
	struct flow_work *w = context;
	if (w->dns)
		dns_stream_gap(w->dns, side);
	app_stream_skipped(w->app, told_direction(w, side), n);
}

static void on_end(void *context, unsigned side)
{
	struct flow_work *w = context;
	if (w->flow->packets[side]) /* a direction that nobody saw cannot be seen to close */
		app_stream_end(w->app, told_direction(w, side));
}

static const struct tcp_callbacks tcp_callbacks = {on_bytes, on_gap, on_skipped, on_end};

/* ---- labels ---- */

static void count_label(struct label_counts *l, const char *name)
{
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->items[i].name, name) == 0) {
			l->items[i].flows++;
			return;
		}
	if (l->n == sizeof l->items / sizeof *l->items) {
		l->other++;
		return;
	}
	memcpy(l->items[l->n].name, name, sizeof l->items[l->n].name);
	l->items[l->n++].flows = 1;
}

/* Feeds one packet to nDPI; asks for the label when it is sure or has seen enough. */
static bool label_flow(struct shard *s, struct flow_work *w, const struct packet *p, enum direction d, unsigned enough)
{
	if (!w->hint && !(w->hint = hint_flow_new(s->hint)))
		return true;
	if (!hint_feed(s->hint, w->hint, p, d) && ++w->hint_packets < enough)
		return false;
	hint_label(s->hint, w->hint, w->label);
	hint_flow_free(s->hint, w->hint);
	w->hint = NULL;
	w->label_known = true;
	return true;
}

/* ---- packets ---- */

static void note_flags(struct shard *s, struct flow *f, const struct packet *p, unsigned side)
{
	if (p->tcp_flags & TCP_SYN) {
		if (!(f->syn_seen & 1u << side)) {
			f->syn_seen |= 1u << side;
			f->isn[side] = p->tcp_seq;
		}
		if (!f->client_known && !f->work) {
			f->client_known = true;
			f->client_side = p->tcp_flags & TCP_ACK ? !side : side;
		}
	}
	if (f->work)
		return; /* reassembly judges FIN and RST by their sequence numbers */
	if (p->tcp_flags & TCP_FIN)
		f->fin_seen |= 1u << side;
	if (f->fin_seen == 3 || (p->tcp_flags & TCP_RST))
		flow_table_classify(s->flows, f, FLOW_CLOSED);
}

static struct flow_work *work_new(struct shard *s, struct flow *f, const struct packet *p, unsigned side)
{
	struct flow_work *w = flow_work_new(s, f, p, side);
	if (!w) {
		s->counts.out_of_memory++;
		f->decided = true;
		return NULL;
	}
	f->work = w;
	work_list(s, w);
	if (f->class == FLOW_HALF_OPEN)
		flow_table_classify(s->flows, f, FLOW_OPEN);
	return w;
}

/* True when nothing further can come of reading on. */
static bool reading_is_over(const struct flow_work *w)
{
	return (app_stream_is_finished(w->app) && (!w->dns || dns_stream_is_over(w->dns))) ||
	       (w->evidence.lines > LINES_WITHOUT_DIALOGUE && !w->evidence.dialogue_proved);
}

/* Stops reading where there is a reason to. What waits for a secret is kept, though its connection is closed. */
static void reading_end(struct shard *s, struct flow_work *w)
{
	struct flow *f = w->flow;
	bool closed = w->reasm.reset || (w->reasm.half[0].ended && w->reasm.half[1].ended);
	if (closed && app_stream_waits(w->app)) {
		f->ended = true;
		return;
	}
	if (closed)
		flow_table_classify(s->flows, f, FLOW_CLOSED);
	if (closed || reading_is_over(w)) {
		s->counts.protocols[app_stream_protocol(w->app)]++;
		flow_work_stop_reading(w);
	}
}

void shard_settle(struct shard *s, struct flow_work *w)
{
	app_stream_settle(w->app);
	reading_end(s, w);
	flow_work_observe(w, false);
	if (!w->app && !w->evidence.any)
		work_end(s, w);
	else
		work_charge(s, w);
}

static void read_segment(struct shard *s, struct flow_work *w, const struct packet *p, unsigned side)
{
	struct flow *f = w->flow;
	if (tcp_reasm_push(&w->reasm, side, p, &tcp_callbacks, w, &s->anomalies, &s->counts.tcp) != 0)
		s->counts.out_of_memory++;
	if (!f->client_known && app_stream_is_flipped(w->app)) {
		f->client_known = true;
		f->client_side = !f->client_side;
	}
	reading_end(s, w);
	if (s->freed)
		shard_tls_freed(s);
}

/* Room in the shard's account: the flows that were silent longest are finished early. */
static void make_room(struct shard *s, const struct flow_work *but)
{
	while (s->work_bytes > LIMIT_SHARD_BYTES && s->stalest && s->stalest != but) {
		anomaly_count(&s->anomalies, ANOMALY_FLOW_MEMORY_LIMIT);
		work_end(s, s->stalest);
	}
}

/* The flow's work is the freshest now, and the packet is its. */
static void work_touch(struct shard *s, struct flow_work *w, const struct packet *p, unsigned side)
{
	if (s->freshest != w) {
		work_unlist(s, w);
		work_list(s, w);
	}
	if (!w->flow->repeated)
		w->payload_bytes[side] += p->payload_bytes;
	w->evidence.now_ns = p->time_ns;
	w->evidence.frame = p->frame;
}

static void work_settle(struct shard *s, struct flow_work *w)
{
	work_charge(s, w);
	if (s->work_bytes > LIMIT_SHARD_BYTES)
		make_room(s, w);
}

static void stop_reading_datagrams(struct shard *s, struct flow_work *w)
{
	s->counts.protocols[APP_QUIC] += datagram_work_known(w->datagrams);
	flow_work_stop_reading(w);
}

/* Of UDP only what datagram_begins() knows is read: any other flow is decided at its first packet, and all that its later
 * ones cost is a look at their first bytes, since a connection may begin on ports that carried something else before. */
static void shard_datagram(struct shard *s, struct flow *f, const struct packet *p, unsigned side)
{
	struct flow_work *w = f->work;
	enum datagram_protocol begins = w && w->datagrams ? DATAGRAM_OTHER : datagram_begins(f, p);
	if (begins == DATAGRAM_DNS) {
		if (!f->repeated)
			shard_names_datagram(s, p);
		begins = DATAGRAM_OTHER;
	}
	if (!w && begins == DATAGRAM_OTHER) {
		f->decided = true;
		return;
	}
	if (!w) {
		f->decided = false;
		if (!(w = work_new(s, f, p, side)))
			return;
	}
	if (s->evidence.ring)
		shard_evidence_packet(s, f, p);
	work_touch(s, w, p, side);
	if (begins != DATAGRAM_OTHER && !(w->datagrams = datagram_work_new(begins, w)))
		s->counts.out_of_memory++;
	if (w->datagrams) {
		datagram_work_packet(w->datagrams, p, side);
		if (datagram_work_is_over(w->datagrams))
			stop_reading_datagrams(s, w);
	}
	if (w->evidence.any && !w->label_known && p->payload.n)
		label_flow(s, w, p, side == f->client_side ? FROM_CLIENT : FROM_SERVER, 1);
	flow_work_observe(w, false);
	if (w->datagrams || w->evidence.any)
		work_settle(s, w);
	else
		work_end(s, w);
}

void shard_packet(struct shard *s, const struct packet *p, const struct flow_place *place)
{
	unsigned side = place->side;
	if (s->tls.secrets)
		shard_secrets(s);
	struct flow *f = flow_table_touch(s->flows, p, place);
	if (!f) {
		s->counts.out_of_memory++;
		return;
	}
	if (p->proto != IP_PROTO_TCP) {
		shard_datagram(s, f, p, side);
		return;
	}
	if (p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST))
		note_flags(s, f, p, side);
	if (s->evidence.ring)
		shard_evidence_packet(s, f, p);
	struct flow_work *w = f->work;
	if (!w) {
		if (f->decided || p->payload_bytes == 0 || (p->tcp_flags & TCP_RST) || !(w = work_new(s, f, p, side)))
			return;
	}
	work_touch(s, w, p, side);
	s->tls.moment = (struct tls_moment){p->time_ns, p->frame};
	bool was_reading = w->app;
	enum app_protocol protocol = APP_OTHER;
	if (w->app) {
		protocol = app_stream_protocol(w->app);
		read_segment(s, w, p, side);
		if (w->app)
			protocol = app_stream_protocol(w->app);
	}
	if (w->evidence.any && !w->label_known && p->payload.n)
		label_flow(s, w, p, told_direction(w, side), 1);
	flow_work_observe(w, false);
	if (!w->app && !w->evidence.any) {
		/* the first bytes told nothing that is ours: nDPI may name it, then it is decided */
		bool open = (!was_reading || protocol == APP_OTHER || protocol == APP_UNDECIDED) && f->class != FLOW_CLOSED;
		if (!open || !p->payload.n || label_flow(s, w, p, told_direction(w, side), HINT_OPEN_PACKETS)) {
			if (open && w->label[0])
				count_label(s->labels, w->label);
			work_end(s, w);
			return;
		}
	}
	work_settle(s, w);
}

/* ---- life and death ---- */

static void on_flow_end(void *context, struct flow *f, enum flow_end why)
{
	struct shard *s = context;
	struct flow_work *w = f->work;
	(void)why;
	if (!w) {
		if (f->unnamed)
			flow_tell_unnamed_end(s, f);
		return;
	}
	if (w->app) {
		tcp_reasm_flush(&w->reasm, &tcp_callbacks, w, &s->anomalies, &s->counts.tcp);
		s->counts.protocols[app_stream_protocol(w->app)]++;
	}
	if (w->datagrams) {
		datagram_work_end(w->datagrams);
		stop_reading_datagrams(s, w);
	}
	work_end(s, w);
	if (f->unnamed)
		flow_tell_unnamed_end(s, f);
}

int shard_init(struct shard *s, struct signature_set *signatures, const struct hash_key *key)
{
	*s = (struct shard){.signatures = signatures};
	shard_tls_init(s);
	s->quic_opener = quic_opener_new();
	s->flows = flow_table_new(on_flow_end, s, &s->anomalies, key);
	return s->flows && s->quic_opener ? 0 : FAIL_MEMORY; /* shard_done() frees what there is */
}

void shard_age(struct shard *s, int64_t now_ns)
{
	shard_secrets(s);
	/* holes that wait in flows which went silent; the list is in order of last packet */
	for (struct flow_work *w = s->freshest; w && now_ns - w->flow->last_ns < 4 * NS_PER_SEC; w = w->staler)
		if (w->app && tcp_reasm_waiting(&w->reasm)) {
			tcp_reasm_age(&w->reasm, now_ns, &tcp_callbacks, w, &s->anomalies, &s->counts.tcp);
			flow_work_observe(w, false);
		}
	flow_table_age(s->flows, now_ns);
}

void shard_clock_stepped(struct shard *s, int64_t by_ns)
{
	for (struct flow_work *w = s->stalest; w; w = w->fresher) {
		if (w->reasm.hole_since_ns)
			w->reasm.hole_since_ns += by_ns;
		for (size_t i = 0; i < LIMIT_AUTHORITIES; i++)
			w->emitted_ns[i] += by_ns;
	}
	shard_names_clock_stepped(s, by_ns);
	flow_table_clock_stepped(s->flows, by_ns);
}

void shard_drain(struct shard *s)
{
	shard_secrets(s);
	flow_table_drain(s->flows);
}

void shard_done(struct shard *s)
{
	flow_table_free(s->flows);
	s->flows = NULL;
	quic_opener_free(s->quic_opener);
	s->quic_opener = NULL;
	shard_evidence_done(&s->evidence);
	shard_names_done(s);
	tls_room_done(&s->tls);
}
