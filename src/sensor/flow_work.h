/* What a shard holds for a flow while it is read or has evidence: reassembly and parsers, or the reader of its datagrams; evidence. */
#ifndef SHADOWTAP_FLOW_WORK_H
#define SHADOWTAP_FLOW_WORK_H

#include "datagram_work.h"
#include "shard.h"

struct flow_work {
	struct flow_work *staler, *fresher; /* the shard's list by last packet */
	struct flow *flow;
	struct shard *shard;
	struct signature_set *signatures; /* those in force when it began: its evidence names them */
	struct tcp_reasm reasm;
	struct app_stream *app;      /* of TCP; NULL once nothing further is read */
	struct datagram_work *datagrams; /* of UDP; likewise, but a new beginning makes a new one */
	struct dns_stream *dns;      /* of TCP with a resolver's port, beside app: what is said there need not be DNS */
	struct mcp_evidence evidence;
	struct hint_flow *hint;
	uint8_t hint_packets;
	char label[HINT_LABEL_TEXT];
	bool label_known;
	struct encap encap;
	unsigned told_client;        /* the side that app was told is the client; it turns round by itself */
	bool has_macs;
	uint8_t mac[2][6];           /* by side */
	uint64_t payload_bytes[2];   /* by side */
	int64_t emitted_ns[LIMIT_AUTHORITIES];
	size_t charged;              /* bytes in the shard's account */
	struct recording recording;
	struct flow_work *freed_next; /* the shard's list of those that need not wait for a secret any more */
	bool freed;                   /* in it */
};

struct flow_work *flow_work_new(struct shard *s, struct flow *f, const struct packet *p, unsigned side);
/* Frees it, without a word to anybody. */
void flow_work_free(struct flow_work *w);
size_t flow_work_memory(const struct flow_work *w);
/* Stops reading: reassembly and parsers go, evidence stays. */
void flow_work_stop_reading(struct flow_work *w);

/* Sends an observation of each row that changed, or whose minute is over, or of all with `final`. */
void flow_work_observe(struct flow_work *w, bool final);
/* Where nothing names the server and nothing is evidence, the hellos are told of once all the same (confidence none): the recorder may know a
 * name from DNS. Nothing if it was done. */
void flow_work_tell_unnamed(struct flow_work *w);
/* Such a flow ended: what it amounted to. */
void flow_tell_unnamed_end(struct shard *s, const struct flow *f);

#endif
