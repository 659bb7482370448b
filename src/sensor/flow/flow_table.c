/* The table's memory, chains, lists and ageing. Called by flow.c and, for ageing and classes, by the shard.
 *
 * Chains over numbered flows in slabs, and a list per class in order of last use. Touching a flow does not move it
 * in its list (that would cost three cache lines per packet): a flow that comes up for ageing but was used since is put
 * back at the young end instead. */
#include "flow_table.h"
#include "frame.h"
#include <assert.h>
#include <stdlib.h>

_Static_assert(sizeof(struct flow) + 2 * sizeof(uint32_t) <= 160, "a decided flow costs 160 bytes at most, its place included");

enum { FIRST_CHAIN_BITS = 6 };

static const int64_t class_lifetime_ns[FLOW_CLASSES] = {
	[FLOW_HALF_OPEN] = LIMIT_FLOW_HALF_OPEN_SECONDS * NS_PER_SEC,
	[FLOW_UDP] = LIMIT_FLOW_UDP_SECONDS * NS_PER_SEC,
	[FLOW_DECIDED] = LIMIT_FLOW_DECIDED_SECONDS * NS_PER_SEC,
	[FLOW_OPEN] = LIMIT_FLOW_OPEN_SECONDS * NS_PER_SEC,
	[FLOW_CLOSED] = LIMIT_FLOW_CLOSED_SECONDS * NS_PER_SEC,
};

struct flow_table *flow_table_new(flow_end_fn *on_end, void *context, struct anomaly_counts *anomalies,
                                  const struct hash_key *key)
{
	struct flow_table *t = aligned_alloc(_Alignof(struct flow_table), sizeof *t);
	struct hash_key random;
	if (!t)
		return NULL;
	memset(t, 0, sizeof *t);
	t->chains = calloc((size_t)1 << FIRST_CHAIN_BITS, sizeof *t->chains);
	if (!t->chains || !hash_key_random(&random)) {
		free(t->chains);
		free(t);
		return NULL;
	}
	t->chain_bits = FIRST_CHAIN_BITS;
	t->scramble = random.k0 | 1;
	t->key = *key;
	t->on_end = on_end;
	t->context = context;
	t->anomalies = anomalies;
	return t;
}

static void list_append(struct flow_table *t, struct flow *f)
{
	struct flow_list *l = &t->lists[f->class];
	f->newer = 0;
	f->older = l->newest;
	*(l->newest ? &flow_at(t, l->newest)->newer : &l->oldest) = f->number;
	l->newest = f->number;
}

static void list_remove(struct flow_table *t, struct flow *f)
{
	struct flow_list *l = &t->lists[f->class];
	*(f->older ? &flow_at(t, f->older)->newer : &l->oldest) = f->newer;
	*(f->newer ? &flow_at(t, f->newer)->older : &l->newest) = f->older;
}

static void list_again(struct flow_table *t, struct flow *f, int64_t now_ns)
{
	list_remove(t, f);
	list_append(t, f);
	f->listed_ns = now_ns;
}

/* Twice the chains once there are as many flows; without memory they just get longer. A shard's few thousand flows take less than
 * a millisecond to move. */
static void table_grow(struct flow_table *t)
{
	size_t n = (size_t)1 << t->chain_bits;
	uint32_t *chains = calloc(2 * n, sizeof *chains), *old = t->chains;
	if (!chains)
		return;
	t->chains = chains;
	t->chain_bits++;
	for (size_t i = 0; i < n; i++)
		for (uint32_t number = old[i], next; number; number = next) {
			struct flow *f = flow_at(t, number);
			next = f->chain_next;
			uint32_t *chain = chain_of(t, flow_key_hash(&f->key, &t->key));
			f->chain_next = *chain;
			*chain = number;
		}
	free(old);
}

void flow_table_link(struct flow_table *t, struct flow *f, uint64_t hash)
{
	uint32_t *chain = chain_of(t, hash);
	f->chain_next = *chain;
	*chain = f->number;
	list_append(t, f);
}

void flow_table_end(struct flow_table *t, struct flow *f, enum flow_end why)
{
	t->on_end(t->context, f, why);
	assert(!f->work);
	uint32_t *at = chain_of(t, flow_key_hash(&f->key, &t->key));
	while (*at != f->number)
		at = &flow_at(t, *at)->chain_next;
	*at = f->chain_next;
	list_remove(t, f);
	f->newer = t->free_flows;
	t->free_flows = f->number;
	t->alive--;
	uint64_t *count[] = {[FLOW_END_AGED] = &t->counts.aged, [FLOW_END_EVICTED] = &t->counts.evicted,
	                     [FLOW_END_REUSED] = &t->counts.reused, [FLOW_END_DRAINED] = &t->counts.drained,
	                     [FLOW_END_MERGED] = &t->counts.merged};
	++*count[why];
}

/* Room for one more flow: half-open flows go first, then closed ones, then those that nobody reads, then whoever was listed
 * first and not used since (a few second chances, so that the search stays bounded). */
static void evict_one(struct flow_table *t, int64_t now_ns)
{
	static const enum flow_class order[] = {FLOW_HALF_OPEN, FLOW_CLOSED, FLOW_UDP, FLOW_DECIDED, FLOW_OPEN};
	anomaly_count(t->anomalies, ANOMALY_FLOW_LIMIT);
	for (size_t i = 0; i < FLOW_CLASSES; i++) {
		struct flow *f = flow_or_null(t, t->lists[order[i]].oldest);
		for (int chances = 16; f && f->last_ns > f->listed_ns && chances > 0; chances--) {
			list_again(t, f, now_ns);
			f = flow_at(t, t->lists[order[i]].oldest);
		}
		if (f) {
			flow_table_end(t, f, FLOW_END_EVICTED);
			return;
		}
	}
}

/* One that was used before, else the next of the last slab, else of a new one: memory that no flow needed yet is not touched. */
static struct flow *flow_from_memory(struct flow_table *t)
{
	struct flow *f;
	uint32_t number = t->free_flows;
	if (number) {
		f = flow_at(t, number);
		t->free_flows = f->newer;
	} else {
		struct flow **slab = &t->slabs[t->n_flows / SLAB_FLOWS];
		if (!*slab && !(*slab = malloc(SLAB_FLOWS * sizeof **slab)))
			return NULL;
		number = ++t->n_flows;
		f = flow_at(t, number);
	}
	*f = (struct flow){.number = number};
	return f;
}

struct flow *flow_table_take(struct flow_table *t, int64_t now_ns)
{
	if (t->alive >= LIMIT_SHARD_FLOWS)
		evict_one(t, now_ns);
	struct flow *f = flow_from_memory(t);
	if (!f)
		return NULL;
	if (++t->alive > (size_t)1 << t->chain_bits)
		table_grow(t);
	t->counts.opened++;
	return f;
}

void flow_table_classify(struct flow_table *t, struct flow *f, enum flow_class class)
{
	if (f->class == class)
		return;
	list_remove(t, f);
	f->class = class;
	list_append(t, f);
	f->listed_ns = f->last_ns;
}

void flow_table_age(struct flow_table *t, int64_t now_ns)
{
	for (int c = 0; c < FLOW_CLASSES; c++) {
		const struct flow_list *l = &t->lists[c];
		int64_t before = now_ns - class_lifetime_ns[c];
		struct flow *f;
		while ((f = flow_or_null(t, l->oldest)) && f->listed_ns < before) {
			if (f->newer) /* the next one to go lies as cold */
				__builtin_prefetch(flow_at(t, f->newer));
			if (f->last_ns < before)
				flow_table_end(t, f, FLOW_END_AGED);
			else
				list_again(t, f, now_ns); /* it leaves up to one lifetime late */
		}
	}
}

void flow_table_clock_stepped(struct flow_table *t, int64_t by_ns)
{
	recent_packets_forget(&t->recent);
	for (int c = 0; c < FLOW_CLASSES; c++)
		for (struct flow *f = flow_or_null(t, t->lists[c].oldest); f; f = flow_or_null(t, f->newer)) {
			f->last_ns += by_ns;
			f->listed_ns += by_ns;
		}
}

void flow_table_drain(struct flow_table *t)
{
	recent_packets_forget(&t->recent);
	for (int c = 0; c < FLOW_CLASSES; c++)
		while (t->lists[c].oldest)
			flow_table_end(t, flow_at(t, t->lists[c].oldest), FLOW_END_DRAINED);
}

struct flow_counts flow_table_counts(const struct flow_table *t)
{
	struct flow_counts c = t->counts;
	size_t slabs = (t->n_flows + SLAB_FLOWS - 1) / SLAB_FLOWS;
	c.alive = t->alive;
	c.memory = sizeof *t + slabs * SLAB_FLOWS * sizeof(struct flow) + (sizeof *t->chains << t->chain_bits);
	return c;
}

void flow_table_free(struct flow_table *t)
{
	if (!t)
		return;
	flow_table_drain(t);
	for (size_t i = 0; i < sizeof t->slabs / sizeof *t->slabs; i++)
		free(t->slabs[i]);
	free(t->chains);
	free(t);
}
