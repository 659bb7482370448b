/* Packet -> flow: a bounded table per shard, keyed by encapsulation, protocol, addresses and ports; aged by packet time.
 * Called by the shard for each packet: one look-up, by the hash that chose the shard. Knows nothing of what a flow's work is: it hands the
 * flow back when it leaves. */
#ifndef SHADOWTAP_FLOW_H
#define SHADOWTAP_FLOW_H

#include "anomaly.h"
#include "limits.h"
#include "packet.h"
#include "siphash.h"

/* The two ends in canonical order: the lower (address, port) is side 0. Where they are compared it is bytewise. */
struct flow_key {
	uint8_t addr[2][16];
	uint16_t port[2];
	uint8_t proto;
	uint8_t family;
	uint16_t pad;   /* 0 */
	uint32_t encap; /* digest of the outer layers: the same addresses in two VLANs are two connections */
};

/* Where a packet belongs, worked out once: the hash of its ends chooses the shard and the place in its table. */
struct flow_place {
	uint64_t hash;
	unsigned side; /* which side of the canonical order sent it */
};

/* By the ends alone, so that copies in other encapsulations meet. key is the same for all shards of a sensor. */
struct flow_place flow_place_of(const struct packet *p, const struct hash_key *key);

static inline unsigned flow_place_shard(const struct flow_place *place)
{
	return (unsigned)(place->hash % FLOW_SHARDS);
}

/* A connection that a span port shows in several VLANs or tunnels is one flow: it answers to its own encapsulation and to
 * as many more. At the cap the one that was learned first is forgotten, and learned again from the next copy. */
enum { FLOW_OTHER_ENCAPS = 2 };

/* Why and how fast a flow ages; also the list it is on. */
enum flow_class {
	FLOW_HALF_OPEN, /* no payload yet: first to go when room is needed */
	FLOW_UDP,
	FLOW_DECIDED,   /* TCP in which nothing is read any more */
	FLOW_OPEN,
	FLOW_CLOSED,
	FLOW_CLASSES
};

/* 152 bytes, and 4 to 8 for its place in the table, are all that a decided flow costs. In the order in which a packet needs
 * them: one of a decided flow touches the first 88 alone. Flows name each other by number, which takes half a pointer. */
struct flow {
	struct flow_key key;
	uint32_t chain_next;
	uint8_t class;              /* enum flow_class */
	uint8_t syn_seen : 2;       /* by side: a SYN (or SYN/ACK) was seen */
	uint8_t client_side : 1;    /* which side speaks as client, if client_known */
	uint8_t client_known : 1;
	uint8_t decided : 1;        /* nothing in its packets is read any more */
	uint8_t ended : 1;          /* closed, while what was read of it still waits for a secret */
	uint8_t fin_seen : 2;
	uint8_t repeated : 1;       /* the packet that touched it last is a copy of one seen before: nothing was counted */
	uint8_t other_encaps : 2;   /* how many of other_encap are in use */
	uint8_t told : 1;           /* the shard's: it gave observations and its work is gone; others would have the same id */
	uint8_t unnamed : 1;        /* the shard's: told of once because nothing in it names the server, and to be told of when it ends */
	int64_t last_ns;            /* packet time */
	uint32_t packets[2];
	uint64_t bytes[2];          /* IP bytes */
	void *work;                 /* the shard's: parsers and evidence while there are any */
	uint32_t other_encap[FLOW_OTHER_ENCAPS]; /* digests of encapsulations that show the same connection */
	union {
		uint32_t isn[2];    /* TCP: initial sequence numbers by side where the bit in syn_seen is set, else the first seen */
		struct {
			uint32_t second, n;
		} tries;            /* the shard's, of UDP: how often in a second of packet time something costly was tried */
	};
	int64_t first_ns;
	uint64_t first_frame;
	uint32_t capture;
	uint32_t number;            /* its own, from 1 */
	uint32_t older, newer;      /* its class's list; also the free list */
	int64_t listed_ns;          /* packet time when it was put at the young end of its list */
};

enum flow_end {
	FLOW_END_AGED,
	FLOW_END_EVICTED,
	FLOW_END_REUSED,
	FLOW_END_DRAINED,
	FLOW_END_MERGED, /* its packets turned out to be copies of another flow's */
};

struct flow_table;

/* Called before a flow leaves the table, to finish and free its work. */
typedef void flow_end_fn(void *context, struct flow *f, enum flow_end why);

/* key: that of the places, and of recent_packets.h. NULL when out of memory or randomness. */
struct flow_table *flow_table_new(flow_end_fn *on_end, void *context, struct anomaly_counts *anomalies,
                                  const struct hash_key *key);

/* The flow of a packet, made if there is none, its counters and times brought up to date. place: the packet's. NULL when out of memory. A packet that opens a new connection on a used 5-tuple ends
 * the old flow first. */
struct flow *flow_table_touch(struct flow_table *t, const struct packet *p, const struct flow_place *place);

/* What a flow_table_touch() soon to come will read is fetched meanwhile: first the place in the table, then, when that has
 * arrived, the flow, and at last what tells copies where the flow needs that. */
void flow_table_fetch_place(const struct flow_table *t, const struct flow_place *place);
void flow_table_fetch_flow(const struct flow_table *t, const struct flow_place *place);
void flow_table_fetch_copies(struct flow_table *t, const struct packet *p, const struct flow_place *place);

/* Moves the flow to the list of another class. */
void flow_table_classify(struct flow_table *t, struct flow *f, enum flow_class class);

/* Ends every flow whose time is over at now_ns (packet time). */
void flow_table_age(struct flow_table *t, int64_t now_ns);

/* The clock behind packet time was set: last_ns and the lists' times move by so much; first_ns is what was stamped. */
void flow_table_clock_stepped(struct flow_table *t, int64_t by_ns);

/* Ends all flows, oldest first by list: the order does not depend on the hash. */
void flow_table_drain(struct flow_table *t);

/* Packets of a TCP flow after which both sides must have spoken, if both are on the tap: handshake, request and answer have
 * gone by. */
enum { FLOW_JUDGED_PACKETS = 8 };

struct flow_counts {
	uint64_t opened, alive, aged, evicted, reused, drained, merged; /* opened == alive + the other five */
	uint64_t one_sided, two_sided; /* of the TCP flows that reached FLOW_JUDGED_PACKETS: was the other side seen? */
	uint64_t memory;               /* bytes */
};
struct flow_counts flow_table_counts(const struct flow_table *t);

void flow_table_free(struct flow_table *t); /* drains first */

#endif
