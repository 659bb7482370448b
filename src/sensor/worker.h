/* Batches of packets -> the shards that they belong to, by several threads. A batch lists each shard's packets; whoever is free
 * takes the next shard, so nobody locks anything per packet and nobody waits for the slowest. What shards observe, and the packets
 * that are wanted as evidence, are put back in packet order when all are done. */
#ifndef SHADOWTAP_WORKER_H
#define SHADOWTAP_WORKER_H

#include "shard.h"

#define BATCH_PACKETS 1024

enum entry_kind {
	ENTRY_PACKET,
	ENTRY_TIME,       /* packet time went on without a packet: shards age to tick_ns */
	ENTRY_CLOCK_STEP, /* the clock behind packet time was set by tick_ns: shards move all their times */
	ENTRY_DRAIN,      /* the input ended: every flow ends */
};

/* Members that are not of ENTRY_PACKET are unset. */
struct batch_entry {
	struct packet packet; /* ENTRY_PACKET alone */
	struct flow_place place;
	int64_t tick_ns;      /* ENTRY_PACKET: not 0: packet time passed a second; shards age to it before this packet */
	uint16_t next;        /* ENTRY_PACKET: the shard's next one */
	uint8_t kind;         /* enum entry_kind */
};

enum { BATCH_LIST_END = UINT16_MAX };

struct batch {
	struct batch_entry entries[BATCH_PACKETS];
	unsigned n;
	uint16_t marks[BATCH_PACKETS]; /* entries that all shards look at: ticks, and what is no packet */
	unsigned n_marks;
	struct {
		uint16_t first, last;
	} lists[FLOW_SHARDS];          /* each shard's packets */
	uint8_t *bytes;    /* copies of what would not stay */
	size_t n_bytes, cap_bytes;
};

void batch_clear(struct batch *b);
/* The entry at n is filled but for its next: counts it and lists it where it belongs. */
void batch_add(struct batch *b);

struct worker_pool;

typedef void worker_observation_fn(void *context, const uint8_t *bytes, size_t n);
typedef void worker_evidence_fn(void *context, const struct frame *f, const char *comment);

struct worker_callbacks {
	worker_observation_fn *on_observation;
	worker_evidence_fn *on_evidence;
	/* All of a batch was handed over and no other one is in work: the shards may be touched. */
	void (*on_batch_done)(void *context);
};

/* shards: FLOW_SHARDS of them, borrowed. lazy: see struct sensor_config. NULL when out of memory or threads. */
struct worker_pool *worker_pool_new(struct shard *shards, unsigned workers, bool lazy, const struct worker_callbacks *callbacks,
                                    void *context);
/* Starts on the batch; helps with the one before it first, waits for it and hands over what that observed. The batch is borrowed
 * until the next call. NULL: only waits. FAIL_MEMORY if an observation was lost. */
int worker_pool_run(struct worker_pool *p, struct batch *b);
/* Of each that may serve shards: the workers, and the caller's thread where it helps. */
const struct label_counts *worker_pool_labels(const struct worker_pool *p, unsigned server);
unsigned worker_pool_servers(const struct worker_pool *p);
void worker_pool_free(struct worker_pool *p);

#endif
