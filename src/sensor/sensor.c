#include "sensor.h"
#include "decode.h"
#include "packet_copy.h"
#include "signature.h"
#include "shard_names.h"
#include "status.h"
#include "worker.h"
#include <stdlib.h>

struct wanted {
	struct evidence_id id;
	char *comment; /* or NULL */
};

struct sensor {
	struct decoder *decoder;
	struct shard shards[FLOW_SHARDS];
	struct worker_pool *pool;
	struct batch *batches[2];   /* one is filled while the other is read */
	unsigned filling;
	struct hash_key shard_key;
	struct signature_set *signatures;
	sensor_observation_fn *on_observation;
	sensor_evidence_fn *on_evidence;
	void *context;              /* of the callbacks */
	struct wanted *wanted;      /* since the last batch was done; at most one for each of its observations */
	size_t n_wanted, cap_wanted;
	bool want_failed;           /* out of memory */
	struct tls_secrets *secrets; /* NULL: none are expected */
	int64_t now_ns;             /* packet time: the latest */
	int64_t second_ends_ns;     /* and where the second ends that was last ticked */
	int64_t tick_ns;            /* a tick that waits for the next packet */
	bool started;
	struct anomaly_counts anomalies;
	struct sensor_stats stats;
};

/* ---- evidence ---- */

static void on_observation_out(void *context, const uint8_t *bytes, size_t n)
{
	struct sensor *s = context;
	s->on_observation(s->context, bytes, n);
}

static void on_evidence_out(void *context, const struct frame *f, const char *comment)
{
	struct sensor *s = context;
	s->on_evidence(s->context, f, comment);
}

int sensor_want(struct sensor *s, const struct evidence_id *id, const char *comment)
{
	char *copy = comment ? strdup(comment) : NULL;
	if (comment && !copy)
		return FAIL_MEMORY;
	for (size_t i = s->n_wanted; i-- > 0;) {
		struct wanted *w = &s->wanted[i];
		if (w->id.first_frame == id->first_frame && w->id.capture == id->capture) {
			free(w->comment);
			w->comment = copy;
			return 0;
		}
	}
	if (s->n_wanted == s->cap_wanted) {
		size_t cap = s->cap_wanted ? 2 * s->cap_wanted : 16;
		struct wanted *grown = realloc(s->wanted, cap * sizeof *grown);
		if (!grown) {
			free(copy);
			return FAIL_MEMORY;
		}
		s->wanted = grown;
		s->cap_wanted = cap;
	}
	s->wanted[s->n_wanted++] = (struct wanted){*id, copy};
	return 0;
}

/* Sessions of TLS that other connections, of other shards, may go on with. In the order of the shards: the same for any number of workers. */
static void note_sessions(struct sensor *s)
{
	for (unsigned i = 0; s->secrets && i < FLOW_SHARDS; i++) {
		struct tls_room *room = &s->shards[i].tls;
		for (unsigned k = 0; k < room->n_learned; k++)
			s->want_failed |= tls_secrets_session_note(s->secrets, room->learned[k].name, room->learned[k].random) != 0;
		room->n_learned = 0;
	}
}

/* While no batch is in work. Which shard a connection is in nobody knows: each is asked, which is one look at a table. */
static void give_wanted(void *context)
{
	struct sensor *s = context;
	size_t n = s->n_wanted;
	s->n_wanted = 0;
	note_sessions(s);
	for (size_t i = 0; i < n; i++) {
		struct wanted *w = &s->wanted[i];
		int r = 0;
		for (unsigned k = 0; k < FLOW_SHARDS && r == 0; k++)
			r = shard_evidence_want(&s->shards[k].evidence, &w->id, w->comment, s->on_evidence, s->context);
		s->want_failed |= r < 0;
		free(w->comment);
	}
}

/* ---- life ---- */

int sensor_new(const struct sensor_config *config, sensor_observation_fn *on_observation, void *context, struct sensor **ret)
{
	struct sensor *s = calloc(1, sizeof *s);
	if (!s)
		return FAIL_MEMORY;
	s->shard_key = config->shard_key;
	s->signatures = signature_set_hold(config->signatures);
	s->on_observation = on_observation;
	s->on_evidence = config->on_evidence;
	s->context = context;
	s->decoder = decoder_new(&s->anomalies);
	bool ok = s->decoder;
	for (unsigned i = 0; i < FLOW_SHARDS; i++)
		ok &= shard_init(&s->shards[i], config->signatures, &config->shard_key) == 0;
	for (unsigned i = 0; i < FLOW_SHARDS; i++) {
		s->shards[i].session_key = config->session_key;
		s->shards[i].definition_texts = config->definition_texts;
		s->shards[i].audit = config->audit;
	}
	for (unsigned i = 0; i < FLOW_SHARDS && config->evidence_bytes; i++)
		ok &= shard_evidence_init(&s->shards[i].evidence, config->evidence_bytes / FLOW_SHARDS) == 0;
	/* a single worker reads in the caller's thread: one batch will do */
	for (unsigned i = 0; i < 2 && (i == 0 || config->workers > 1); i++)
		if ((s->batches[i] = calloc(1, sizeof *s->batches[i])) != NULL)
			batch_clear(s->batches[i]);
		else
			ok = false;
	if (ok)
		s->pool = worker_pool_new(s->shards, config->workers, config->lazy,
		                          &(struct worker_callbacks){on_observation_out, on_evidence_out, give_wanted}, s);
	if (!s->pool) {
		sensor_free(s);
		return FAIL_MEMORY;
	}
	*ret = s;
	return 0;
}

static int run_batch(struct sensor *s)
{
	struct batch *b = s->batches[s->filling];
	if (b->n == 0)
		return 0;
	int r = worker_pool_run(s->pool, b);
	if (s->batches[1])
		s->filling ^= 1;
	batch_clear(s->batches[s->filling]);
	return r;
}

/* Room in the batch for what must be copied: a page for each of its packets, more where one is larger. Where a batch ends must not
 * depend on how many there are (what is wanted as evidence begins there), so it is not the memory at hand that decides. */
static int make_room(struct sensor *s, size_t n)
{
	enum { BATCH_BYTES = BATCH_PACKETS * 1024 };
	struct batch *b = s->batches[s->filling];
	int r = 0;
	if (b->n_bytes && b->n_bytes + n > BATCH_BYTES) {
		r = run_batch(s); /* what was copied is pointed at: it cannot move while it is in use */
		b = s->batches[s->filling];
	}
	if (r == 0 && b->cap_bytes < b->n_bytes + n) { /* nothing was copied yet */
		size_t cap = n > BATCH_BYTES ? n : BATCH_BYTES;
		free(b->bytes);
		b->bytes = malloc(cap);
		b->cap_bytes = b->bytes ? cap : 0;
	}
	return b->cap_bytes < b->n_bytes + n ? FAIL_MEMORY : r;
}

static void second_of(struct sensor *s, int64_t time_ns)
{
	s->second_ends_ns = (time_ns / NS_PER_SEC + 1) * NS_PER_SEC;
}

/* Seconds of packet time as they pass: shards age by them, all at the same packet. */
static void tick(struct sensor *s, int64_t time_ns)
{
	if (time_ns < s->now_ns && s->started) {
		anomaly_count(&s->anomalies, ANOMALY_TIME_BACKWARDS);
		return;
	}
	s->now_ns = time_ns;
	if (s->started && time_ns < s->second_ends_ns)
		return;
	if (s->started)
		s->tick_ns = time_ns;
	second_of(s, time_ns);
	s->started = true;
}

/* The entry to be filled next. */
static struct batch_entry *next_entry(struct sensor *s)
{
	struct batch *b = s->batches[s->filling];
	return &b->entries[b->n];
}

static int entry_filled(struct sensor *s)
{
	struct batch *b = s->batches[s->filling];
	batch_add(b);
	return b->n == BATCH_PACKETS ? run_batch(s) : 0;
}

/* An entry that is no packet: all shards get it, between the same two packets. */
static int add_entry(struct sensor *s, enum entry_kind kind, int64_t value_ns)
{
	struct batch_entry *e = next_entry(s);
	e->kind = kind;
	e->tick_ns = value_ns;
	return entry_filled(s);
}

/* The next entry has its packet. */
static int packet_filled(struct sensor *s)
{
	struct batch_entry *e = next_entry(s);
	e->kind = ENTRY_PACKET;
	e->tick_ns = s->tick_ns;
	s->tick_ns = 0;
	e->place = flow_place_of(&e->packet, &s->shard_key);
	return entry_filled(s);
}

/* The next entry's packet shall keep its bytes: a copy of them goes into the batch, or both into the next one. */
static int packet_keep(struct sensor *s)
{
	struct batch_entry *e = next_entry(s);
	struct packet p = e->packet;
	size_t n = packet_copy_size(&p);
	int r = make_room(s, n);
	if (r != 0)
		return r;
	struct batch *b = s->batches[s->filling];
	packet_copy(&p, b->bytes + b->n_bytes);
	b->n_bytes += n;
	next_entry(s)->packet = p;
	return 0;
}

int sensor_feed(struct sensor *s, const struct frame *f, bool stable)
{
	struct packet *p = &next_entry(s)->packet;
	s->stats.frames++;
	s->stats.frame_bytes += f->len;
	tick(s, f->time_ns);
	switch (decode_frame(s->decoder, f, p)) {
	case DECODE_PACKET: s->stats.packets++; break;
	case DECODE_HELD: s->stats.held++; return 0;
	case DECODE_OTHER: s->stats.other++; return 0;
	default: s->stats.refused++; return 0;
	}
	/* a datagram put together from fragments lies in the decoder, not in the frame */
	if (!stable || p->ip < f->data || p->ip >= f->data + f->caplen) {
		int r = packet_keep(s);
		if (r != 0)
			return r;
	}
	return packet_filled(s);
}

int sensor_packet(struct sensor *s, const struct packet *p)
{
	s->stats.packets++;
	tick(s, p->time_ns);
	next_entry(s)->packet = *p;
	return packet_filled(s);
}

int sensor_tick(struct sensor *s, int64_t now_ns)
{
	if (now_ns <= s->now_ns)
		return 0;
	tick(s, now_ns);
	if (!s->tick_ns)
		return 0;
	int64_t tick_ns = s->tick_ns;
	s->tick_ns = 0;
	return add_entry(s, ENTRY_TIME, tick_ns);
}

int sensor_clock_stepped(struct sensor *s, int64_t by_ns)
{
	int r = s->tick_ns ? add_entry(s, ENTRY_TIME, s->tick_ns) : 0;
	s->tick_ns = 0;
	s->now_ns += by_ns;
	second_of(s, s->now_ns);
	return r ? r : add_entry(s, ENTRY_CLOCK_STEP, by_ns);
}

void sensor_set_signatures(struct sensor *s, struct signature_set *set)
{
	signature_set_hold(set);
	signature_set_free(s->signatures);
	s->signatures = set;
	for (unsigned i = 0; i < FLOW_SHARDS; i++)
		s->shards[i].signatures = set;
}

int sensor_flush(struct sensor *s)
{
	int r = run_batch(s);
	int waited = worker_pool_run(s->pool, NULL);
	give_wanted(s); /* what was wanted since */
	if (s->want_failed && r == 0)
		r = FAIL_MEMORY;
	s->want_failed = false;
	return r ? r : waited;
}

int sensor_secrets_expect(struct sensor *s, bool later)
{
	int r = sensor_flush(s);
	if (!s->secrets && !(s->secrets = tls_secrets_new(&s->shard_key)))
		return FAIL_MEMORY;
	for (unsigned i = 0; i < FLOW_SHARDS; i++) {
		s->shards[i].tls.secrets = s->secrets;
		s->shards[i].tls.may_wait |= later;
	}
	return r;
}

int sensor_secrets(struct sensor *s, struct keylog *from, struct slice bytes, bool whole, keylog_bad_fn *on_bad, void *context)
{
	int r = sensor_secrets_expect(s, false); /* the shards may not read while it is written */
	int read = s->secrets ? keylog_read(from, bytes, s->secrets, on_bad, context) : 0;
	if (s->secrets && whole && read == 0)
		read = keylog_end(from, s->secrets);
	return r ? r : read;
}

int sensor_end(struct sensor *s)
{
	int r = add_entry(s, ENTRY_DRAIN, 0);
	s->started = false;
	s->now_ns = s->tick_ns = 0;
	int flushed = sensor_flush(s);
	r = r ? r : flushed;
	/* a fragment of one capture must not complete a datagram of the next */
	struct decoder *fresh = decoder_new(&s->anomalies);
	if (!fresh)
		return FAIL_MEMORY;
	decoder_free(s->decoder);
	s->decoder = fresh;
	return r;
}

void sensor_stats(const struct sensor *s, struct sensor_stats *ret)
{
	*ret = s->stats;
	ret->anomalies = s->anomalies;
	ret->memory.fragments = decoder_memory(s->decoder);
	if (s->secrets) {
		ret->tls.on = true;
		ret->tls.secrets = tls_secrets_counts(s->secrets);
		ret->memory.secrets = tls_secrets_memory(s->secrets);
		ret->anomalies.n[ANOMALY_TLS_SECRETS_LIMIT] += ret->tls.secrets.dropped;
	}
	for (unsigned i = 0; i < FLOW_SHARDS; i++) {
		const struct shard *h = &s->shards[i];
		struct flow_counts f = flow_table_counts(h->flows);
		const uint64_t *from[] = {&f.opened, &f.alive, &f.aged, &f.evicted, &f.reused, &f.drained, &f.merged,
		                          &f.one_sided, &f.two_sided, &f.memory, &h->work_bytes,
		                          &h->counts.tcp.seen, &h->counts.tcp.delivered, &h->counts.tcp.duplicate,
		                          &h->counts.tcp.refused, &h->counts.tcp.gaps, &h->counts.dns_messages,
		                          &h->counts.out_of_memory};
		uint64_t *to[] = {&ret->flows.opened, &ret->flows.alive, &ret->flows.aged, &ret->flows.evicted,
		                  &ret->flows.reused, &ret->flows.drained, &ret->flows.merged,
		                  &ret->flows.one_sided, &ret->flows.two_sided,
		                  &ret->memory.flows, &ret->memory.work, &ret->shards.tcp.seen, &ret->shards.tcp.delivered,
		                  &ret->shards.tcp.duplicate, &ret->shards.tcp.refused, &ret->shards.tcp.gaps,
		                  &ret->shards.dns_messages, &ret->shards.out_of_memory};
		for (size_t k = 0; k < sizeof to / sizeof *to; k++)
			*to[k] += *from[k];
		for (int k = 0; k <= APP_OTHER; k++)
			ret->shards.protocols[k] += h->counts.protocols[k];
		anomaly_add(&ret->anomalies, &h->anomalies);
		ret->memory.work += tls_room_memory(&h->tls) + shard_names_memory(h);
		ret->tls.connections.decrypted += h->tls.counts.decrypted;
		ret->tls.connections.no_secret += h->tls.counts.no_secret;
		ret->tls.connections.unreadable += h->tls.counts.unreadable;
		ret->tls.connections.given_up += h->tls.counts.given_up;
		ret->evidence.connections += h->evidence.counts.connections;
		ret->evidence.frames += h->evidence.counts.frames;
		ret->evidence.cut += h->evidence.counts.cut;
		if (h->evidence.ring)
			ret->evidence.overwritten += evidence_ring_overwritten(h->evidence.ring);
	}
	for (unsigned i = 0; i < worker_pool_servers(s->pool); i++) {
		const struct label_counts *l = worker_pool_labels(s->pool, i);
		for (unsigned k = 0; k < l->n; k++) {
			unsigned at = 0;
			while (at < ret->labels.n && strcmp(ret->labels.items[at].name, l->items[k].name) != 0)
				at++;
			if (at == sizeof ret->labels.items / sizeof *ret->labels.items) {
				ret->labels.other += l->items[k].flows;
				continue;
			}
			if (at == ret->labels.n)
				ret->labels.items[ret->labels.n++] = l->items[k];
			else
				ret->labels.items[at].flows += l->items[k].flows;
		}
		ret->labels.other += l->other;
	}
}

void sensor_free(struct sensor *s)
{
	if (!s)
		return;
	if (s->pool) /* flows that are still open end unheard */
		worker_pool_run(s->pool, NULL);
	for (unsigned i = 0; i < FLOW_SHARDS; i++)
		shard_done(&s->shards[i]);
	worker_pool_free(s->pool);
	for (int i = 0; i < 2; i++) {
		if (s->batches[i])
			free(s->batches[i]->bytes);
		free(s->batches[i]);
	}
	while (s->n_wanted)
		free(s->wanted[--s->n_wanted].comment);
	free(s->wanted);
	decoder_free(s->decoder);
	signature_set_free(s->signatures);
	tls_secrets_free(s->secrets);
	free(s);
}
