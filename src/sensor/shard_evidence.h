/* Packets of a shard's connections -> frames worth keeping: in the ring while nobody knows whether the connection is
 * MCP, handed over once somebody wants it. Called by shard and, between batches, by sensor. Writes nothing itself. */
#ifndef SHADOWTAP_SHARD_EVIDENCE_H
#define SHADOWTAP_SHARD_EVIDENCE_H

#include "evidence_ring.h"
#include "sensor_counts.h"

struct shard;
struct flow;
struct flow_work;
struct packet;

enum { SHARD_EVIDENCE_BUCKETS = 64 };

struct shard_evidence {
	struct evidence_ring *ring; /* NULL: no evidence is kept, and nothing below is in use */
	struct flow_work *observed[SHARD_EVIDENCE_BUCKETS]; /* connections that gave observations and live, by id */
	struct evidence_counts counts;
};

/* What a connection's work holds of it. */
struct recording {
	struct flow_work *next; /* in its bucket */
	bool listed, wanted, comment_due;
	uint64_t bytes;         /* handed over */
	char *comment;          /* the latest, or NULL; due: the next frame takes it along */
};

int shard_evidence_init(struct shard_evidence *e, size_t bytes); /* FAIL_MEMORY */
/* Of every packet of a connection that may still be MCP or is. */
void shard_evidence_packet(struct shard *s, const struct flow *f, const struct packet *p);
/* The connection gives its first observation: from now on it can be wanted. */
void shard_evidence_observed(struct flow_work *w);
/* The connection's work goes. */
void shard_evidence_forget(struct flow_work *w);

typedef void shard_want_fn(void *context, const struct frame *f, const char *comment);
/* Hands over what is kept of the connection. 1: there was something of it here, 0: there was not, or FAIL_MEMORY. */
int shard_evidence_want(struct shard_evidence *e, const struct evidence_id *id, const char *comment, shard_want_fn *fn,
                        void *context);
void shard_evidence_done(struct shard_evidence *e);

#endif
