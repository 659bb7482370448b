/* One shard: a flow table and the work of its flows. Packets in, encoded observations out. All its state is its own, so
 * that results do not depend on who serves it. Called by sensor (one worker at a time). */
#ifndef SHADOWTAP_SHARD_H
#define SHADOWTAP_SHARD_H

#include "flow.h"
#include "mcp_evidence.h"
#include "sensor_counts.h"
#include "shard_evidence.h"
#include "tls_decrypt.h"

/* bytes: an encoded observation, handed over to be freed by the taker. */
typedef void shard_observation_fn(void *context, uint8_t *bytes, size_t n);

/* A packet of a connection that is wanted. The frame's bytes stay until the batch is done; comment: or NULL, handed
 * over likewise. */
typedef void shard_evidence_fn(void *context, const struct frame *f, char *comment);

struct shard {
	struct flow_table *flows;
	struct signature_set *signatures;  /* the sensor's; each flow's work holds it too */
	struct quic_opener *quic_opener;
	struct hint *hint;                 /* of whoever serves it */
	struct label_counts *labels;       /* likewise */
	bool definition_texts;             /* wanted of what servers offer */
	bool audit;                        /* calls are wanted */
	struct hash_key session_key;       /* that session ids are hashed with */
	shard_observation_fn *on_observation;
	shard_evidence_fn *on_evidence;
	void *context;                     /* likewise */
	struct anomaly_counts anomalies;
	struct shard_counts counts;
	struct flow_work *stalest, *freshest;
	struct shard_evidence evidence;
	uint64_t work_bytes;
	struct names_told *names_told;     /* shard_names.c */
	struct tls_room tls;               /* its secrets are the sensor's */
	struct flow_work *freed;           /* by the room, see shard_tls.c */
	int64_t now_ns;
	uint64_t frame;
};

/* key: see flow_table_new(). FAIL_MEMORY. */
int shard_init(struct shard *s, struct signature_set *signatures, const struct hash_key *key);
/* Who calls the functions below until somebody else does. */
static inline void shard_served_by(struct shard *s, struct hint *hint, struct label_counts *labels, void *context)
{
	s->hint = hint;
	s->labels = labels;
	s->context = context;
}

void shard_packet(struct shard *s, const struct packet *p, const struct flow_place *place);
void shard_age(struct shard *s, int64_t now_ns);
/* Secrets may have come since: what waits for them is tried. Cheap if none have. */
void shard_secrets(struct shard *s);
/* The clock behind packet time was set: every time that ages are counted from moves with it. */
void shard_clock_stepped(struct shard *s, int64_t by_ns);
/* The input ended: every connection ends with it. */
void shard_drain(struct shard *s);
void shard_done(struct shard *s);

/* ---- between the files of the shard ---- */

/* shard.c: a connection is not read any more, or has nothing left to be read: it is decided, or ends. */
void shard_settle(struct shard *s, struct flow_work *w);
/* shard_tls.c: the connections that waited for a secret and do not any more. */
void shard_tls_init(struct shard *s);
void shard_tls_freed(struct shard *s);
void shard_tls_forget(struct shard *s, struct flow_work *w);

#endif
