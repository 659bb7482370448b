/* An open-hashed table over slabs of flows, and a list per class in order of last use. Touching a flow does not move it
 * in its list (that would cost three cache lines per packet): a flow that comes up for ageing but was used since is put
 * back at the young end instead.
 *
 * Two copies of a packet in two encapsulations (two VLANs of one span port, two directions of a tunnel) would look like two
 * connections. Chains go by the ends alone, so a packet of an encapsulation that no flow answers to meets the flows of the
 * same ends: when it is a copy of a packet that one of them had, or the answer to its SYN, that flow answers to this
 * encapsulation too from now on. Without such a proof it opens a flow of its own: two tenants may use the same addresses.
 * Two flows that turn out to be one become the older one, if their sequence numbers agree: whoever can send a datagram to
 * a tunnel's port can make up the other one, and that must not be enough to take a connection's place. docs/encapsulations.md tells it from the user's side. */
#include "flow.h"
#include "recent_packets.h"
#include "frame.h"
#include "limits.h"
#include <assert.h>
#include <stdlib.h>

_Static_assert(sizeof(struct flow) <= 160, "a decided flow costs 160 bytes at most");

enum { SLAB_FLOWS = 256, FIRST_BUCKETS = 256 };

struct slab {
	struct slab *next;
	struct flow flows[SLAB_FLOWS];
};

struct list {
	struct flow *oldest, *newest;
};

struct flow_table {
	struct flow **buckets; /* a power of two of them */
	size_t mask;
	size_t alive;
	struct slab *slabs;
	size_t n_slabs;
	struct flow *free_flows;
	struct list lists[FLOW_CLASSES];
	struct hash_key key;
	struct recent_packets recent;
	struct flow_counts counts;
	flow_end_fn *on_end;
	void *context;
	struct anomaly_counts *anomalies;
};

static const int64_t class_lifetime_ns[FLOW_CLASSES] = {
	[FLOW_HALF_OPEN] = LIMIT_FLOW_HALF_OPEN_SECONDS * NS_PER_SEC,
	[FLOW_UDP] = LIMIT_FLOW_UDP_SECONDS * NS_PER_SEC,
	[FLOW_DECIDED] = LIMIT_FLOW_DECIDED_SECONDS * NS_PER_SEC,
	[FLOW_OPEN] = LIMIT_FLOW_OPEN_SECONDS * NS_PER_SEC,
	[FLOW_CLOSED] = LIMIT_FLOW_CLOSED_SECONDS * NS_PER_SEC,
};

/* Not keyed: it only has to tell encapsulations apart, and takes no part in the hash. FNV-1a, folded. MPLS labels are left
 * out: whoever receives a direction chooses its labels (RFC 3031 3.1), so the two directions never have the same. */
static uint32_t encap_digest(const struct encap *e)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	bool any = false;
	for (unsigned i = 0; i < e->n; i++) {
		if (e->layer[i].kind == ENCAP_MPLS)
			continue;
		h = (h ^ e->layer[i].kind) * 0x100000001b3ULL;
		h = (h ^ e->layer[i].id) * 0x100000001b3ULL;
		any = true;
	}
	return any ? (uint32_t)(h ^ h >> 32) : 0;
}

/* What is hashed and compared: all of the key but the encapsulation. */
#define ENDS_BYTES offsetof(struct flow_key, encap)

/* The canonical key, and which side the packet came from. */
static unsigned key_of(const struct packet *p, struct flow_key *ret)
{
	int order = memcmp(p->src.b, p->dst.b, 16);
	unsigned side = order > 0 || (order == 0 && p->src_port > p->dst_port);
	*ret = (struct flow_key){.proto = p->proto, .family = p->src.family, .encap = encap_digest(&p->encap)};
	memcpy(ret->addr[side], p->src.b, 16);
	memcpy(ret->addr[!side], p->dst.b, 16);
	ret->port[side] = p->src_port;
	ret->port[!side] = p->dst_port;
	return side;
}

unsigned flow_shard_of(const struct packet *p, const struct hash_key *key)
{
	struct flow_key k;
	key_of(p, &k);
	return (unsigned)(siphash(key, &k, ENDS_BYTES) % FLOW_SHARDS);
}

struct flow_table *flow_table_new(flow_end_fn *on_end, void *context, struct anomaly_counts *anomalies,
                                  const struct hash_key *copies_key)
{
	struct flow_table *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->buckets = calloc(FIRST_BUCKETS, sizeof *t->buckets);
	if (!t->buckets || !hash_key_random(&t->key)) {
		free(t->buckets);
		free(t);
		return NULL;
	}
	t->mask = FIRST_BUCKETS - 1;
	recent_packets_init(&t->recent, copies_key);
	t->on_end = on_end;
	t->context = context;
	t->anomalies = anomalies;
	return t;
}

static void list_append(struct list *l, struct flow *f)
{
	f->newer = NULL;
	f->older = l->newest;
	if (l->newest)
		l->newest->newer = f;
	else
		l->oldest = f;
	l->newest = f;
}

static void list_remove(struct list *l, struct flow *f)
{
	if (f->older)
		f->older->newer = f->newer;
	else
		l->oldest = f->newer;
	if (f->newer)
		f->newer->older = f->older;
	else
		l->newest = f->older;
}

static size_t bucket_of(const struct flow_table *t, const struct flow_key *k)
{
	return siphash(&t->key, k, ENDS_BYTES) & t->mask;
}

/* Twice the buckets once chains get longer than two; without memory the chains just grow. */
static void table_grow(struct flow_table *t)
{
	size_t n = (t->mask + 1) * 2;
	struct flow **buckets = calloc(n, sizeof *buckets);
	if (!buckets)
		return;
	struct flow **old = t->buckets;
	size_t old_n = t->mask + 1;
	t->buckets = buckets;
	t->mask = n - 1;
	for (size_t i = 0; i < old_n; i++)
		for (struct flow *f = old[i], *next; f; f = next) {
			next = f->bucket_next;
			size_t b = bucket_of(t, &f->key);
			f->bucket_next = buckets[b];
			buckets[b] = f;
		}
	free(old);
}

static void flow_end(struct flow_table *t, struct flow *f, enum flow_end why)
{
	t->on_end(t->context, f, why);
	assert(!f->work);
	struct flow **at = &t->buckets[bucket_of(t, &f->key)];
	while (*at != f)
		at = &(*at)->bucket_next;
	*at = f->bucket_next;
	list_remove(&t->lists[f->class], f);
	f->newer = t->free_flows;
	t->free_flows = f;
	t->alive--;
	uint64_t *count[] = {[FLOW_END_AGED] = &t->counts.aged, [FLOW_END_EVICTED] = &t->counts.evicted,
	                     [FLOW_END_REUSED] = &t->counts.reused, [FLOW_END_DRAINED] = &t->counts.drained,
	                     [FLOW_END_MERGED] = &t->counts.merged};
	++*count[why];
}

static void list_again(struct list *l, struct flow *f, int64_t now_ns)
{
	list_remove(l, f);
	list_append(l, f);
	f->listed_ns = now_ns;
}

/* Room for one more flow: half-open flows go first, then closed ones, then those that nobody reads, then whoever was listed first and not used since
 * (a few second chances, so that the search stays bounded). */
static void evict_one(struct flow_table *t, int64_t now_ns)
{
	static const enum flow_class order[] = {FLOW_HALF_OPEN, FLOW_CLOSED, FLOW_UDP, FLOW_DECIDED, FLOW_OPEN};
	anomaly_count(t->anomalies, ANOMALY_FLOW_LIMIT);
	for (size_t i = 0; i < FLOW_CLASSES; i++) {
		struct list *l = &t->lists[order[i]];
		for (int chances = 16; l->oldest && l->oldest->last_ns > l->oldest->listed_ns && chances > 0; chances--)
			list_again(l, l->oldest, now_ns);
		if (l->oldest) {
			flow_end(t, l->oldest, FLOW_END_EVICTED);
			return;
		}
	}
}

static struct flow *flow_new(struct flow_table *t, int64_t now_ns)
{
	if (t->alive >= LIMIT_SHARD_FLOWS)
		evict_one(t, now_ns);
	if (!t->free_flows) {
		struct slab *s = malloc(sizeof *s);
		if (!s)
			return NULL;
		s->next = t->slabs;
		t->n_slabs++;
		t->slabs = s;
		for (size_t i = SLAB_FLOWS; i-- > 0;) {
			s->flows[i].newer = t->free_flows;
			t->free_flows = &s->flows[i];
		}
	}
	struct flow *f = t->free_flows;
	t->free_flows = f->newer;
	if (++t->alive > 2 * (t->mask + 1))
		table_grow(t);
	t->counts.opened++;
	return f;
}

/* A SYN on a 5-tuple in use. A retransmitted SYN has the old sequence number. Another number on a flow that is over is
 * a new connection; on one that is alive it may be forged (RFC 5961 section 4), so the old connection must have been
 * silent for longer than any retransmission before a lone SYN ends it. */
static bool opens_new_connection(const struct flow *f, const struct packet *p, unsigned side)
{
	if (p->proto != IP_PROTO_TCP || (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return false;
	if ((f->syn_seen & 1u << side) && f->isn[side] == p->tcp_seq)
		return false;
	return f->class == FLOW_CLOSED || f->class == FLOW_HALF_OPEN || p->time_ns - f->last_ns > 30 * NS_PER_SEC;
}

static void flow_count(struct flow_table *t, struct flow *f, const struct packet *p, unsigned side)
{
	if (f->last_ns < p->time_ns)
		f->last_ns = p->time_ns;
	if (!f->packets[side] && !(f->syn_seen & 1u << side))
		f->isn[side] = p->tcp_seq;
	f->packets[side] += f->packets[side] != UINT32_MAX;
	f->bytes[side] += p->wire_bytes;
	if (f->packets[0] + f->packets[1] == FLOW_JUDGED_PACKETS && p->proto == IP_PROTO_TCP)
		++*(f->packets[!side] ? &t->counts.two_sided : &t->counts.one_sided);
}

/* ---- one connection in several encapsulations ---- */

static bool same_ends(const struct flow *f, const struct flow_key *k)
{
	return memcmp(&f->key, k, ENDS_BYTES) == 0;
}

static bool flow_answers(const struct flow *f, uint32_t encap)
{
	if (f->key.encap == encap)
		return true;
	for (unsigned i = 0; i < f->other_encaps; i++)
		if (f->other_encap[i] == encap)
			return true;
	return false;
}

static void flow_learn(struct flow *f, uint32_t encap)
{
	if (flow_answers(f, encap))
		return;
	if (f->other_encaps == FLOW_OTHER_ENCAPS)
		memmove(f->other_encap, f->other_encap + 1, sizeof f->other_encap - sizeof *f->other_encap);
	else
		f->other_encaps++;
	f->other_encap[f->other_encaps - 1] = encap;
}

static void flow_unlearn(struct flow *f, uint32_t encap)
{
	for (unsigned i = 0; i < f->other_encaps; i++)
		if (f->other_encap[i] == encap) {
			f->other_encaps--;
			memmove(f->other_encap + i, f->other_encap + i + 1, (f->other_encaps - i) * sizeof *f->other_encap);
			return;
		}
}

static struct flow *flow_find(struct flow *chain, const struct flow_key *k, uint32_t encap)
{
	while (chain && !(same_ends(chain, k) && flow_answers(chain, encap)))
		chain = chain->bucket_next;
	return chain;
}

/* The two directions of a connection may travel in different tunnels: a SYN/ACK that acknowledges exactly the number of a
 * SYN whose flow has heard nothing from that side yet. */
static bool answers_syn(const struct flow *f, const struct packet *p, unsigned side)
{
	return p->proto == IP_PROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
	       f->packets[side] == 0 && (f->syn_seen & 1u << !side) && p->tcp_ack == f->isn[!side] + 1;
}

/* How much of a connection was seen: packets made up to push a flow out have to look like one. */
static unsigned flow_worth(const struct flow *f)
{
	return (f->work != NULL) + (f->packets[0] && f->packets[1]) + (f->syn_seen == 3);
}

/* The flow of other encapsulations that a packet belongs to, or NULL. copied_in: where its copy came, if it has one. */
static struct flow *flow_elsewhere(struct flow_table *t, struct flow *chain, const struct flow_key *k,
                                   const struct packet *p, unsigned side, const uint32_t *copied_in)
{
	struct flow *found = copied_in ? flow_find(chain, k, *copied_in) : NULL, *least = NULL;
	unsigned n = 0;
	for (struct flow *f = chain; f && !found; f = f->bucket_next) {
		if (!same_ends(f, k))
			continue;
		if (answers_syn(f, p, side))
			found = f;
		n++;
		if (!least || flow_worth(f) < flow_worth(least) ||
		    (flow_worth(f) == flow_worth(least) && f->last_ns < least->last_ns))
			least = f;
	}
	if (found) {
		anomaly_count(t->anomalies, ANOMALY_FLOW_TWICE);
		flow_learn(found, k->encap);
	} else if (n >= LIMIT_FLOW_ENCAPS) {
		anomaly_count(t->anomalies, ANOMALY_FLOW_LIMIT);
		flow_end(t, least, FLOW_END_EVICTED);
	}
	return found;
}

/* Whether a sequence number of this side is about where a flow is that began at isn. */
static bool number_fits(const struct flow *f, unsigned side, uint32_t number)
{
	uint32_t on = number - f->isn[side];
	return !f->packets[side] || on <= f->bytes[side] + LIMIT_FLOW_MERGE_AHEAD || -on <= LIMIT_FLOW_MERGE_AHEAD;
}

static bool packet_fits(const struct flow *f, unsigned side, const struct packet *p)
{
	return p->proto != IP_PROTO_TCP ||
	       (number_fits(f, side, p->tcp_seq) && (!(p->tcp_flags & TCP_ACK) || number_fits(f, !side, p->tcp_ack)));
}

/* Packet p of f is a copy of one that g had. The flow that is read stays, as it may have given an event already, else the
 * older one; but never one that is decided, since that has stopped reading, nor where p fits one of them only. Their counts
 * add up: p and what came before it counted in one of them alone. *repeated: p has still been counted. */
static struct flow *flow_merge(struct flow_table *t, struct flow *f, struct flow *g, const struct packet *p,
                               unsigned side, bool *repeated)
{
	if (!packet_fits(f, side, p) || !packet_fits(g, side, p)) {
		*repeated = false;
		return f;
	}
	bool f_stays = !f->work == !g->work ? f->first_ns < g->first_ns : f->work != NULL;
	struct flow *stays = f_stays ? f : g, *goes = f_stays ? g : f;
	if (stays->decided)
		return f;
	anomaly_count(t->anomalies, ANOMALY_FLOW_TWICE);
	flow_learn(stays, goes->key.encap);
	for (unsigned i = 0; i < goes->other_encaps; i++)
		flow_learn(stays, goes->other_encap[i]);
	for (unsigned i = 0; i < 2; i++) {
		stays->packets[i] += goes->packets[i];
		stays->bytes[i] += goes->bytes[i];
	}
	if (f_stays && g->packets[side] && g->bytes[side] >= p->wire_bytes) { /* p counts here, its copy does not */
		stays->packets[side]--;
		stays->bytes[side] -= p->wire_bytes;
		*repeated = false;
	}
	flow_end(t, goes, FLOW_END_MERGED);
	return stays;
}

static struct flow *flow_open(struct flow_table *t, const struct flow_key *k, const struct packet *p)
{
	struct flow *f = flow_new(t, p->time_ns);
	if (!f)
		return NULL;
	*f = (struct flow){.key = *k,
	                   .first_ns = p->time_ns, .last_ns = p->time_ns, .listed_ns = p->time_ns,
	                   .first_frame = p->frame, .capture = p->capture};
	struct flow **bucket = &t->buckets[bucket_of(t, k)]; /* the table may have grown */
	f->bucket_next = *bucket;
	*bucket = f;
	f->class = p->proto == IP_PROTO_UDP ? FLOW_UDP : FLOW_HALF_OPEN;
	list_append(&t->lists[f->class], f);
	return f;
}

struct flow *flow_table_touch(struct flow_table *t, const struct packet *p, unsigned *ret_side)
{
	struct flow_key k;
	unsigned side = *ret_side = key_of(p, &k);
	struct flow **bucket = &t->buckets[bucket_of(t, &k)];
	struct flow *f = flow_find(*bucket, &k, k.encap);
	bool opens = f && opens_new_connection(f, p, side);
	uint32_t copied_in;
	/* nobody asks for the packets of a decided flow */
	bool repeated = (!f || !f->decided || opens) && recent_packets_seen(&t->recent, p, k.encap, &copied_in);
	if (opens && !(repeated && flow_answers(f, copied_in))) {
		if (f->key.encap == k.encap) {
			anomaly_count(t->anomalies, ANOMALY_FLOW_REUSED);
			flow_end(t, f, FLOW_END_REUSED);
		} else { /* another tenant of the same addresses; or the same one, as its copy in f's encapsulation will show */
			flow_unlearn(f, k.encap);
		}
		f = NULL;
	}
	if (!f) {
		f = flow_elsewhere(t, *bucket, &k, p, side, repeated ? &copied_in : NULL);
		if (!f) {
			repeated = false; /* of a flow that is gone */
			f = flow_open(t, &k, p);
		}
		if (!f)
			return NULL;
	} else if (repeated && !flow_answers(f, copied_in) && !(p->tcp_flags & TCP_SYN)) {
		struct flow *g = flow_find(*bucket, &k, copied_in);
		if (g)
			f = flow_merge(t, f, g, p, side, &repeated);
	}
	f->repeated = repeated;
	if (repeated)
		anomaly_count(t->anomalies, ANOMALY_PACKET_TWICE);
	else
		flow_count(t, f, p, side);
	return f;
}

void flow_table_classify(struct flow_table *t, struct flow *f, enum flow_class class)
{
	if (f->class == class)
		return;
	list_remove(&t->lists[f->class], f);
	f->class = class;
	list_append(&t->lists[class], f);
	f->listed_ns = f->last_ns;
}

void flow_table_age(struct flow_table *t, int64_t now_ns)
{
	for (int c = 0; c < FLOW_CLASSES; c++) {
		struct list *l = &t->lists[c];
		int64_t before = now_ns - class_lifetime_ns[c];
		while (l->oldest && l->oldest->listed_ns < before) {
			if (l->oldest->last_ns < before)
				flow_end(t, l->oldest, FLOW_END_AGED);
			else
				list_again(l, l->oldest, now_ns); /* it leaves up to one lifetime late */
		}
	}
}

void flow_table_clock_stepped(struct flow_table *t, int64_t by_ns)
{
	recent_packets_forget(&t->recent);
	for (int c = 0; c < FLOW_CLASSES; c++)
		for (struct flow *f = t->lists[c].oldest; f; f = f->newer) {
			f->last_ns += by_ns;
			f->listed_ns += by_ns;
		}
}

void flow_table_drain(struct flow_table *t)
{
	recent_packets_forget(&t->recent);
	for (int c = 0; c < FLOW_CLASSES; c++)
		while (t->lists[c].oldest)
			flow_end(t, t->lists[c].oldest, FLOW_END_DRAINED);
}

struct flow_counts flow_table_counts(const struct flow_table *t)
{
	struct flow_counts c = t->counts;
	c.alive = t->alive;
	c.memory = sizeof *t + t->n_slabs * sizeof(struct slab) + (t->mask + 1) * sizeof *t->buckets;
	return c;
}

void flow_table_free(struct flow_table *t)
{
	if (!t)
		return;
	flow_table_drain(t);
	for (struct slab *s = t->slabs, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	free(t->buckets);
	free(t);
}
