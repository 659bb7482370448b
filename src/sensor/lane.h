/* One capture handle -> batches of decoded packets, in a thread of its own. Called by intake, which puts the lanes' packets in order. Reads no
 * payload; copies what it hands over, since the kernel wants its ring back. */
#ifndef SHADOWTAP_LANE_H
#define SHADOWTAP_LANE_H

#include "anomaly.h"
#include "capture_live.h"
#include "limits.h"
#include "packet.h"
#include <pthread.h>

struct lane_batch {
	struct lane_batch *next;
	uint64_t published;  /* when, counted in publications of all lanes */
	unsigned at, n;      /* packets that were taken, and all */
	struct packet packets[LIMIT_LANE_PACKETS];
	struct lane_bytes *bytes; /* what they point into: a chunk, and more where packets are large */
};

struct lane_counts {
	uint64_t frames, frame_bytes, packets, held, other, refused;
	struct capture_live_counts capture;
	uint64_t fragment_bytes;
};

/* What all lanes and the thread that takes from them share. */
struct lane_gate {
	pthread_mutex_t lock;
	pthread_cond_t published;  /* a lane has something, went quiet or is over */
	pthread_cond_t recycled;   /* a batch is free again */
	uint64_t publications;
	bool stop;
};

struct lane {
	struct lane_gate *gate;
	struct capture_live *capture;
	struct decoder *decoder;
	pthread_t thread;
	bool running;
	struct lane_batch *filling;
	/* under the gate's lock */
	struct lane_batch *first, *last;  /* published */
	struct lane_batch *free_batches;
	uint64_t quiet_since; /* it has read and found nothing after so many publications */
	int64_t quiet_at_ns;  /* monotonic: when the latest read that found nothing began; 0: none did yet */
	bool over;            /* the interface is gone: lane_error() */
	bool down;
	uint64_t rounds;      /* how often it came back from reading */
	bool waiting;         /* for a batch that is free: the reason is not here */
	struct lane_counts counts;
	struct anomaly_counts anomalies;
	/* of whoever looks whether it still moves */
	uint64_t rounds_seen;
	unsigned looks_without_round;
	/* the thread's own, copied from time to time */
	struct lane_counts now_counts;
	struct anomaly_counts now_anomalies;
	uint64_t counted_at;  /* frames read when the kernel's counts were last asked for */
};

/* capture: taken over on success. FAIL_MEMORY. */
int lane_init(struct lane *l, struct lane_gate *gate, struct capture_live *capture);
int lane_start(struct lane *l); /* FAIL_IO: no more threads */
/* With the gate's lock: a batch whose packets nobody points at any more. */
void lane_recycle(struct lane *l, struct lane_batch *b);
/* After gate->stop is set. */
void lane_join(struct lane *l);
void lane_done(struct lane *l);

#endif
