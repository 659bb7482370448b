/* The inside of a flow table: chains, lists by class, and the memory of flows.
 * Shared by flow.c, flow_table.c and flow_copies.c. No business of anybody else. */
#ifndef SHADOWTAP_FLOW_TABLE_H
#define SHADOWTAP_FLOW_TABLE_H

#include "flow.h"
#include "recent_packets.h"

enum { SLAB_FLOWS = 256 };

struct flow_list {
	uint32_t oldest, newest;
};

struct flow_table {
	uint32_t *chains;       /* numbers of their first flows; a power of two of them */
	unsigned chain_bits;
	uint64_t scramble;      /* random and odd: chooses the chain from a hash that others may know */
	struct hash_key key;    /* made those hashes */
	size_t alive;
	struct flow *slabs[(LIMIT_SHARD_FLOWS + SLAB_FLOWS - 1) / SLAB_FLOWS];
	uint32_t n_flows;       /* numbers given out so far */
	uint32_t free_flows;
	struct flow_list lists[FLOW_CLASSES];
	struct flow_counts counts;
	flow_end_fn *on_end;
	void *context;
	struct anomaly_counts *anomalies;
	struct recent_packets recent;
};

/* number: not 0. */
static inline struct flow *flow_at(const struct flow_table *t, uint32_t number)
{
	return &t->slabs[(number - 1) / SLAB_FLOWS][(number - 1) % SLAB_FLOWS];
}

/* The number's flow, or NULL for 0. */
static inline struct flow *flow_or_null(const struct flow_table *t, uint32_t number)
{
	return number ? flow_at(t, number) : NULL;
}

/* Multiply-shift: a random multiple of the hash, its upper bits. Two hashes that differ share a chain as rarely as chance
 * has it, whoever chose them without knowing the multiplier; and to make many ends with one and the same hash, of 64 bits, is work
 * that nobody does for a slow replay. */
static inline uint32_t *chain_of(const struct flow_table *t, uint64_t hash)
{
	return &t->chains[hash * t->scramble >> (64 - t->chain_bits)];
}

/* flow_place.c: the hash that its packets' places have. */
uint64_t flow_key_hash(const struct flow_key *k, const struct hash_key *key);

/* A flow that belongs to no chain or list yet, all members zero but its number; pushes one out where there are
 * LIMIT_SHARD_FLOWS. NULL when out of memory. */
struct flow *flow_table_take(struct flow_table *t, int64_t now_ns);
/* Puts it into its chain and list. */
void flow_table_link(struct flow_table *t, struct flow *f, uint64_t hash);
void flow_table_end(struct flow_table *t, struct flow *f, enum flow_end why);

/* ---- flow_copies.c: one connection in several encapsulations ---- */

static inline bool flow_answers(const struct flow *f, uint32_t encap)
{
	if (f->key.encap == encap)
		return true;
	for (unsigned i = 0; i < f->other_encaps; i++)
		if (f->other_encap[i] == encap)
			return true;
	return false;
}

/* The ends of a flow in the order of its key. */
static inline bool flow_has_ends(const struct flow *f, const struct packet *p, unsigned side)
{
	return f->key.port[side] == p->src_port && f->key.port[!side] == p->dst_port && f->key.proto == p->proto &&
	       f->key.family == p->src.family && memcmp(f->key.addr[side], p->src.b, 16) == 0 &&
	       memcmp(f->key.addr[!side], p->dst.b, 16) == 0;
}

/* In the chain that begins with this number. NULL: none. */
struct flow *flow_find(const struct flow_table *t, uint32_t number, const struct packet *p, unsigned side, uint32_t encap);

void flow_unlearn(struct flow *f, uint32_t encap);

/* The flow of other encapsulations that a packet belongs to, or NULL. copied_in: where its copy came, if it has one. */
struct flow *flow_elsewhere(struct flow_table *t, uint32_t chain, uint32_t encap, const struct packet *p, unsigned side,
                            const uint32_t *copied_in);

/* Packet p of f is a copy of one that g had. Which of the two goes on; *repeated: p has still been counted. */
struct flow *flow_merge(struct flow_table *t, struct flow *f, struct flow *g, const struct packet *p, unsigned side,
                        bool *repeated);

#endif
