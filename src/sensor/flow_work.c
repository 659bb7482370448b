#include "flow_work.h"
#include "dns.h"
#include "dns_stream.h"
#include "frame.h"
#include "observation.h"
#include "record.h"
#include "shard_names.h"
#include <stdlib.h>

struct flow_work *flow_work_new(struct shard *s, struct flow *f, const struct packet *p, unsigned side)
{
	struct flow_work *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	if (!f->client_known) /* the SYN was not seen: servers have the lower port, until the content says otherwise */
		f->client_side = f->key.port[0] == f->key.port[1] ? side : f->key.port[0] < f->key.port[1];
	w->flow = f;
	w->shard = s;
	w->encap = p->encap;
	tcp_reasm_init(&w->reasm);
	for (unsigned i = 0; i < 2; i++)
		if (f->syn_seen & 1u << i) {
			w->reasm.half[i].started = true;
			w->reasm.half[i].next = w->reasm.half[i].seen_end = f->isn[i] + 1;
		}
	w->signatures = signature_set_hold(s->signatures);
	mcp_evidence_init(&w->evidence, w->signatures, &s->anomalies);
	w->evidence.session_key = &s->session_key;
	w->evidence.calls.wanted = s->audit;
	if (p->proto == IP_PROTO_TCP)
		w->app = app_stream_new(s->definition_texts ? &mcp_evidence_sink_texts : &mcp_evidence_sink, &w->evidence, &s->anomalies, f->client_known);
	if (p->proto == IP_PROTO_TCP && !w->app) {
		signature_set_free(w->signatures);
		free(w);
		return NULL;
	}
	if (p->proto == IP_PROTO_TCP && (f->key.port[0] == DNS_PORT || f->key.port[1] == DNS_PORT) &&
	    !(w->dns = dns_stream_new(shard_names_stream, w)))
		s->counts.out_of_memory++;
	w->evidence.app = w->app;
	if (w->app)
		app_stream_decrypts(w->app, &s->tls);
	w->told_client = f->client_side;
	if (p->src_mac && p->dst_mac) {
		w->has_macs = true;
		memcpy(w->mac[side], p->src_mac, 6);
		memcpy(w->mac[!side], p->dst_mac, 6);
	}
	return w;
}

void flow_work_stop_reading(struct flow_work *w)
{
	app_stream_free(w->app);
	w->app = NULL;
	datagram_work_free(w->datagrams);
	w->datagrams = NULL;
	if (w->dns)
		w->shard->counts.out_of_memory += dns_stream_failed(w->dns);
	dns_stream_free(w->dns);
	w->dns = NULL;
	w->evidence.app = NULL;
	w->evidence.hello = NULL; /* was the stream's */
	/* what waits for a hole will not be read: the account stays whole */
	for (unsigned side = 0; side < 2; side++)
		w->shard->counts.tcp.refused += w->reasm.half[side].held_bytes;
	tcp_reasm_done(&w->reasm);
}

void flow_work_free(struct flow_work *w)
{
	shard_evidence_forget(w);
	flow_work_stop_reading(w);
	if (w->hint)
		hint_flow_free(w->shard->hint, w->hint);
	mcp_evidence_done(&w->evidence);
	signature_set_free(w->signatures);
	free(w);
}

size_t flow_work_memory(const struct flow_work *w)
{
	return sizeof *w + mcp_evidence_memory(&w->evidence) + (w->hint ? hint_flow_memory(w->shard->hint) : 0) +
	       (w->app ? app_stream_memory(w->app) + tcp_reasm_memory(&w->reasm) : 0) +
	       (w->datagrams ? datagram_work_memory(w->datagrams) : 0) + (w->dns ? dns_stream_memory(w->dns) : 0);
}

/* What is of the flow itself. */
static void observe_ends(const struct flow *f, struct observation *o, bool final)
{
	unsigned c = f->client_side;
	o->l4 = f->key.proto;
	o->final = final;
	o->connection_time_ns = f->first_ns;
	o->first_frame = f->first_frame;
	o->capture = f->capture;
	o->last_seen_ns = f->last_ns > o->first_seen_ns ? f->last_ns : o->first_seen_ns;
	o->client_ip.family = o->server_ip.family = f->key.family;
	memcpy(o->client_ip.b, f->key.addr[c], 16);
	memcpy(o->server_ip.b, f->key.addr[!c], 16);
	o->client_port = f->key.port[c];
	o->server_port = f->key.port[!c];
	for (int d = 0; d < 2; d++) {
		unsigned side = d == FROM_CLIENT ? c : !c;
		o->packets[d] = f->packets[side];
		o->bytes[d] = f->bytes[side];
	}
}

static void tell_observation(struct shard *s, const struct observation *o)
{
	size_t n;
	uint8_t *bytes = observation_encode(o, &n);
	if (bytes)
		s->on_observation(s->context, bytes, n);
	else
		s->counts.out_of_memory++;
}

/* What is of the connection, beside what is of the row. */
static void observe_flow(struct flow_work *w, struct observation o, bool final)
{
	unsigned c = w->flow->client_side;
	observe_ends(w->flow, &o, final);
	o.encap = w->encap;
	o.has_client_mac = w->has_macs;
	memcpy(o.client_mac, w->mac[c], sizeof o.client_mac);
	o.app_label = w->label[0] ? w->label : NULL;
	for (int d = 0; d < 2; d++)
		o.payload_bytes[d] = w->payload_bytes[d == FROM_CLIENT ? c : !c];
	tell_observation(w->shard, &o);
}

void flow_work_tell_unnamed(struct flow_work *w)
{
	struct mcp_evidence *e = &w->evidence;
	if (!e->unnamed || e->any || w->flow->unnamed || e->n_rows == 0)
		return;
	struct observation o = {0};
	mcp_row_observe(e->rows[0], &o);
	o.first_seen_ns = e->now_ns;
	observe_flow(w, o, false);
	w->flow->unnamed = true;
}

void flow_tell_unnamed_end(struct shard *s, const struct flow *f)
{
	struct observation o = {.first_seen_ns = f->last_ns};
	observe_ends(f, &o, true);
	tell_observation(s, &o);
}

/* Told of when it changed, when the connection ends, and each minute. */
static bool is_due(const struct flow_work *w, struct mcp_row *row, int64_t *emitted_ns, bool final)
{
	bool minute = w->flow->last_ns - *emitted_ns >= 60 * NS_PER_SEC;
	if (row->confidence == CONFIDENCE_NONE || (!final && !row->changed && !minute))
		return false;
	row->changed = false;
	*emitted_ns = w->flow->last_ns;
	return true;
}

/* What refers to the rows that were just told of. */
static void tell_records(struct flow_work *w)
{
	struct connection_ref ref = {.connection_time_ns = w->flow->first_ns, .first_frame = w->flow->first_frame,
	                             .capture = w->flow->capture};
	size_t n;
	if (w->evidence.calls.first)
		mcp_call_release(&w->evidence);
	for (uint8_t *bytes; (bytes = mcp_records_pop(&w->evidence.records, &ref.authority_ordinal, &n)) != NULL;) {
		record_ref_put(bytes, &ref);
		w->shard->on_observation(w->shard->context, bytes, n);
	}
}

void flow_work_observe(struct flow_work *w, bool final)
{
	if (!w->evidence.any) {
		/* usually when the hellos are read; where the server's side is not seen there is but one to wait for */
		if (w->evidence.unnamed && !w->flow->packets[!w->flow->client_side])
			flow_work_tell_unnamed(w);
		return;
	}
	shard_evidence_observed(w);
	for (uint32_t i = 0; i < w->evidence.n_rows; i++) {
		struct observation o = {0};
		if (!is_due(w, w->evidence.rows[i], &w->emitted_ns[i], final))
			continue;
		mcp_row_observe(w->evidence.rows[i], &o);
		observe_flow(w, o, final);
	}
	for (struct mcp_connector *c = w->evidence.connectors; c; c = c->next) {
		struct observation o = {0};
		if (!is_due(w, c->row, &c->emitted_ns, final))
			continue;
		mcp_connector_observe(c, &o);
		observe_flow(w, o, final);
	}
	if (final)
		mcp_call_end(&w->evidence, w->evidence.gaps || !w->payload_bytes[0] || !w->payload_bytes[1]);
	tell_records(w);
}
