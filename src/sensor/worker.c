#include "worker.h"
#include "status.h"
#include <pthread.h>
#include <stdlib.h>

struct output {
	uint32_t entry;  /* index in the batch that caused it */
	uint8_t shard;
	uint32_t order;
	uint8_t *bytes;      /* an observation, or NULL: */
	size_t n;
	struct frame frame;  /* evidence; its bytes are the batch's */
	char *comment;
};

struct worker {
	struct worker_pool *pool;
	unsigned index;
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
	struct worker workers[32];
	unsigned n, started;
	struct worker_callbacks callbacks;
	void *context;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch *batch;      /* being served, or NULL */
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

static void serve_all(struct worker *w, const struct batch_entry *e)
{
	struct worker_pool *p = w->pool;
	for (unsigned i = w->index; i < FLOW_SHARDS; i += p->n) {
		w->shard = (uint8_t)i;
		struct shard *s = &p->shards[i];
		switch (e->kind) {
		case ENTRY_PACKET:
		case ENTRY_TIME: shard_age(s, e->tick_ns); break;
		case ENTRY_CLOCK_STEP: shard_clock_stepped(s, e->tick_ns); break;
		case ENTRY_DRAIN: shard_drain(s); break;
		}
	}
}

static void serve(struct worker *w, const struct batch *b)
{
	struct worker_pool *p = w->pool;
	for (unsigned i = 0; i < b->n; i++) {
		const struct batch_entry *e = &b->entries[i];
		w->entry = i;
		if (e->tick_ns || e->kind != ENTRY_PACKET)
			serve_all(w, e);
		if (e->kind == ENTRY_PACKET && e->shard % p->n == w->index) {
			w->shard = e->shard;
			shard_packet(&p->shards[e->shard], &e->packet, &e->place);
		}
	}
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

struct worker_pool *worker_pool_new(struct shard *shards, unsigned workers, const struct worker_callbacks *callbacks,
                                    void *context)
{
	struct worker_pool *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->shards = shards;
	p->n = workers;
	p->callbacks = *callbacks;
	p->context = context;
	p->threads = workers > 1;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	for (unsigned i = 0; i < workers; i++) {
		struct worker *w = &p->workers[i];
		w->pool = p;
		w->index = i;
		w->hint = hint_new();
		if (!w->hint)
			goto failed;
		for (unsigned k = i; k < FLOW_SHARDS; k += workers) {
			shards[k].hint = w->hint;
			shards[k].labels = &w->labels;
			shards[k].on_observation = on_observation;
			shards[k].on_evidence = on_evidence;
			shards[k].context = w;
		}
	}
	for (unsigned i = 0; p->threads && i < workers; i++, p->started++)
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
	if (!p->threads) {
		if (!b)
			return 0;
		serve(&p->workers[0], b);
		return hand_over(p);
	}
	pthread_mutex_lock(&p->lock);
	while (p->busy)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
	int failed = hand_over(p); /* before the workers write again */
	if (b) {
		pthread_mutex_lock(&p->lock);
		p->batch = b;
		p->busy = p->n;
		p->generation++;
		pthread_cond_broadcast(&p->changed);
		pthread_mutex_unlock(&p->lock);
	}
	return failed;
}

const struct label_counts *worker_pool_labels(const struct worker_pool *p, unsigned worker)
{
	return &p->workers[worker].labels;
}

unsigned worker_pool_size(const struct worker_pool *p)
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
