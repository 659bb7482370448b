#include "worker.h"
#include "status.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Packets of a shard that are fetched ahead of being read: as many as there are cache misses that a core waits for at a time. */
enum { FETCHED_AHEAD = 16, SERVERS_MAX = 32 + 1 };

struct output {
	uint32_t entry;  /* index in the batch that caused it */
	uint8_t shard;
	uint32_t order;
	uint8_t *bytes;      /* an observation, or NULL: */
	size_t n;
	struct frame frame;  /* evidence; its bytes are the batch's */
	char *comment;
};

/* Who serves shards: a thread, or the caller's. */
struct worker {
	struct worker_pool *pool;
	pthread_t thread;
	struct hint *hint;
	struct label_counts labels;
	struct output *outputs;
	size_t n, cap;
	uint32_t entry;  /* being served */
	uint8_t shard;
	bool failed;
};

struct worker_pool {
	struct shard *shards;
	struct worker workers[SERVERS_MAX]; /* the caller's thread is the last */
	unsigned n, started;                /* n: servers; started: threads */
	struct worker_callbacks callbacks;
	void *context;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch *batch;      /* being served, or NULL */
	atomic_uint next_shard;   /* of the batch, that nobody has taken yet */
	uint64_t generation;
	unsigned busy;
	bool stop;
	bool threads;             /* false: a single worker in the caller's thread */
};

static void output_done(struct output *o)
{
	free(o->bytes);
	free(o->comment);
}

/* Takes what the output points to. */
static void put_output(struct worker *w, struct output o)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct output *grown = realloc(w->outputs, cap * sizeof *grown);
		if (!grown) {
			w->failed = true;
			output_done(&o);
			return;
		}
		w->outputs = grown;
		w->cap = cap;
	}
	o.order = (uint32_t)w->n;
	w->outputs[w->n++] = o;
}

static void on_observation(void *context, uint8_t *bytes, size_t n)
{
	struct worker *w = context;
	put_output(w, (struct output){.entry = w->entry, .shard = w->shard, .bytes = bytes, .n = n});
}

static void on_evidence(void *context, const struct frame *f, char *comment)
{
	struct worker *w = context;
	put_output(w, (struct output){.entry = w->entry, .shard = w->shard, .frame = *f, .comment = comment});
}

void batch_clear(struct batch *b)
{
	b->n = b->n_marks = 0;
	b->n_bytes = 0;
	for (unsigned i = 0; i < FLOW_SHARDS; i++)
		b->lists[i].first = b->lists[i].last = BATCH_LIST_END;
}

void batch_add(struct batch *b)
{
	struct batch_entry *e = &b->entries[b->n];
	if (e->tick_ns || e->kind != ENTRY_PACKET)
		b->marks[b->n_marks++] = (uint16_t)b->n;
	if (e->kind == ENTRY_PACKET) {
		unsigned shard = flow_place_shard(&e->place);
		uint16_t last = b->lists[shard].last;
		*(last == BATCH_LIST_END ? &b->lists[shard].first : &b->entries[last].next) = (uint16_t)b->n;
		b->lists[shard].last = (uint16_t)b->n;
		e->next = BATCH_LIST_END;
	}
	b->n++;
}

static void serve_mark(struct worker *w, struct shard *s, const struct batch *b, unsigned mark)
{
	const struct batch_entry *e = &b->entries[b->marks[mark]];
	w->entry = b->marks[mark];
	switch (e->kind) {
	case ENTRY_PACKET:
	case ENTRY_TIME: shard_age(s, e->tick_ns); break;
	case ENTRY_CLOCK_STEP: shard_clock_stepped(s, e->tick_ns); break;
	case ENTRY_DRAIN: shard_drain(s); break;
	}
}

/* All that the batch has for one shard, in packet order. A look-up waits for memory three times, for the place in the table,
 * the flow and what tells copies: they are asked for some packets ahead. */
static void serve_shard(struct worker *w, const struct batch *b, unsigned index)
{
	struct shard *s = &w->pool->shards[index];
	unsigned mark = 0;
	w->shard = (uint8_t)index;
	shard_served_by(s, w->hint, &w->labels, w);
	for (uint16_t i = b->lists[index].first; i != BATCH_LIST_END;) {
		uint16_t ahead[FETCHED_AHEAD];
		unsigned n = 0;
		for (; n < FETCHED_AHEAD && i != BATCH_LIST_END; i = b->entries[i].next) {
			flow_table_fetch_place(s->flows, &b->entries[i].place);
			ahead[n++] = i;
		}
		for (unsigned k = 0; k < n; k++)
			flow_table_fetch_flow(s->flows, &b->entries[ahead[k]].place);
		for (unsigned k = 0; k < n; k++)
			flow_table_fetch_copies(s->flows, &b->entries[ahead[k]].packet, &b->entries[ahead[k]].place);
		for (unsigned k = 0; k < n; k++) {
			const struct batch_entry *e = &b->entries[ahead[k]];
			for (; mark < b->n_marks && b->marks[mark] <= ahead[k]; mark++)
				serve_mark(w, s, b, mark);
			w->entry = ahead[k];
			shard_packet(s, &e->packet, &e->place);
		}
	}
	for (; mark < b->n_marks; mark++)
		serve_mark(w, s, b, mark);
}

static void serve(struct worker *w, const struct batch *b)
{
	struct worker_pool *p = w->pool;
	for (unsigned i; (i = atomic_fetch_add_explicit(&p->next_shard, 1, memory_order_relaxed)) < FLOW_SHARDS;)
		if (b->lists[i].first != BATCH_LIST_END || b->n_marks)
			serve_shard(w, b, i);
}

static void *worker_main(void *context)
{
	struct worker *w = context;
	struct worker_pool *p = w->pool;
	uint64_t seen = 0;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->stop && p->generation == seen)
			pthread_cond_wait(&p->changed, &p->lock);
		if (p->stop)
			break;
		seen = p->generation;
		struct batch *b = p->batch;
		pthread_mutex_unlock(&p->lock);
		serve(w, b);
		pthread_mutex_lock(&p->lock);
		if (--p->busy == 0)
			pthread_cond_broadcast(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct worker_pool *worker_pool_new(struct shard *shards, unsigned workers, bool lazy, const struct worker_callbacks *callbacks,
                                    void *context)
{
	struct worker_pool *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->shards = shards;
	p->threads = workers > 1;
	p->n = p->threads ? workers + 1 : 1;
	p->callbacks = *callbacks;
	p->context = context;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	atomic_init(&p->next_shard, FLOW_SHARDS);
	for (unsigned i = 0; i < p->n; i++) {
		struct worker *w = &p->workers[i];
		w->pool = p;
		w->hint = hint_new(lazy);
		if (!w->hint)
			goto failed;
	}
	for (unsigned i = 0; i < FLOW_SHARDS; i++) {
		shards[i].on_observation = on_observation;
		shards[i].on_evidence = on_evidence;
	}
	for (unsigned i = 0; i + 1 < p->n; i++, p->started++)
		if (pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]) != 0)
			goto failed;
	return p;
failed:
	worker_pool_free(p);
	return NULL;
}

static int output_cmp(const void *a, const void *b)
{
	const struct output *x = a, *y = b;
	if (x->entry != y->entry)
		return x->entry < y->entry ? -1 : 1;
	if (x->shard != y->shard)
		return x->shard < y->shard ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* All outputs of the batch that is done, in packet order. They are gathered in the first worker's array. */
static int hand_over(struct worker_pool *p)
{
	struct worker *first = &p->workers[0];
	bool failed = first->failed;
	for (unsigned i = 1; i < p->n; i++) {
		struct worker *w = &p->workers[i];
		failed |= w->failed;
		for (size_t k = 0; k < w->n; k++)
			put_output(first, w->outputs[k]);
		w->n = 0;
		w->failed = false;
	}
	failed |= first->failed;
	first->failed = false;
	if (first->n > 1)
		qsort(first->outputs, first->n, sizeof *first->outputs, output_cmp);
	size_t n = first->n;
	first->n = 0;
	for (size_t k = 0; k < n; k++) {
		struct output *o = &first->outputs[k];
		if (o->bytes)
			p->callbacks.on_observation(p->context, o->bytes, o->n);
		else
			p->callbacks.on_evidence(p->context, &o->frame, o->comment);
		output_done(o);
	}
	p->callbacks.on_batch_done(p->context);
	return failed ? FAIL_MEMORY : 0;
}

int worker_pool_run(struct worker_pool *p, struct batch *b)
{
	struct worker *own = &p->workers[p->n - 1];
	if (!p->threads) {
		if (!b)
			return 0;
		atomic_store_explicit(&p->next_shard, 0, memory_order_relaxed);
		serve(own, b);
		return hand_over(p);
	}
	if (p->batch)
		serve(own, p->batch); /* rather than wait */
	pthread_mutex_lock(&p->lock);
	while (p->busy)
		pthread_cond_wait(&p->changed, &p->lock);
	p->batch = NULL;
	pthread_mutex_unlock(&p->lock);
	int failed = hand_over(p); /* before the workers write again */
	if (b) {
		pthread_mutex_lock(&p->lock);
		p->batch = b;
		p->busy = p->started;
		p->generation++;
		atomic_store_explicit(&p->next_shard, 0, memory_order_relaxed);
		pthread_cond_broadcast(&p->changed);
		pthread_mutex_unlock(&p->lock);
	}
	return failed;
}

const struct label_counts *worker_pool_labels(const struct worker_pool *p, unsigned server)
{
	return &p->workers[server].labels;
}

unsigned worker_pool_servers(const struct worker_pool *p)
{
	return p->n;
}

void worker_pool_free(struct worker_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	while (p->busy)
		pthread_cond_wait(&p->changed, &p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->workers[i].thread, NULL);
	for (unsigned i = 0; i < p->n; i++) {
		struct worker *w = &p->workers[i];
		for (size_t k = 0; k < w->n; k++)
			output_done(&w->outputs[k]);
		free(w->outputs);
		hint_free(w->hint);
	}
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p);
}
