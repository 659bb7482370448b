#include "lane.h"
#include "decode.h"
#include "packet_copy.h"
#include "frame.h"
#include "status.h"
#include <stdlib.h>
#include <time.h>

/* Bytes of a batch for packets of ordinary size; those that do not fit get a chunk of their own, which goes when the batch is free
 * again. */
enum { CHUNK = LIMIT_LANE_PACKETS * 1600 };

/* Frames between two looks at what the kernel counts, each some system calls. */
enum { COUNT_EVERY = 4096 };

struct lane_bytes {
	struct lane_bytes *next;
	size_t n, cap;
	uint8_t bytes[];
};

static struct lane_bytes *chunk_new(size_t cap)
{
	struct lane_bytes *c = malloc(sizeof *c + cap);
	if (c)
		*c = (struct lane_bytes){.cap = cap};
	return c;
}

static void batch_free(struct lane_batch *b)
{
	for (struct lane_bytes *c = b ? b->bytes : NULL, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(b);
}

static struct lane_batch *batch_new(void)
{
	struct lane_batch *b = calloc(1, sizeof *b);
	if (b && !(b->bytes = chunk_new(CHUNK))) {
		free(b);
		return NULL;
	}
	return b;
}

/* The chunk of ordinary size is the last of the list. */
static uint8_t *batch_room(struct lane_batch *b, size_t n)
{
	struct lane_bytes *c = b->bytes;
	if (c->cap - c->n < n) {
		c = chunk_new(n > CHUNK ? n : CHUNK);
		if (!c)
			return NULL;
		c->next = b->bytes;
		b->bytes = c;
	}
	c->n += n;
	return c->bytes + c->n - n;
}

int lane_init(struct lane *l, struct lane_gate *gate, struct capture_live *capture)
{
	*l = (struct lane){.gate = gate, .decoder = decoder_new(&l->now_anomalies)};
	bool ok = l->decoder;
	for (int i = 0; i < LIMIT_LANE_BATCHES && ok; i++) {
		struct lane_batch *b = batch_new();
		ok = b;
		if (b) {
			b->next = l->free_batches;
			l->free_batches = b;
		}
	}
	if (!ok) {
		lane_done(l);
		return FAIL_MEMORY;
	}
	l->capture = capture;
	return 0;
}

static void on_frame(void *context, const struct frame *f)
{
	struct lane *l = context;
	struct lane_batch *b = l->filling;
	struct packet *p = &b->packets[b->n];
	l->now_counts.frames++;
	l->now_counts.frame_bytes += f->len;
	switch (decode_frame(l->decoder, f, p)) {
	case DECODE_PACKET: break;
	case DECODE_HELD: l->now_counts.held++; return;
	case DECODE_OTHER: l->now_counts.other++; return;
	default: l->now_counts.refused++; return;
	}
	uint8_t *room = batch_room(b, packet_copy_size(p));
	if (!room) {
		l->now_counts.refused++;
		return;
	}
	packet_copy(p, room);
	l->now_counts.packets++;
	b->n++;
}

/* With the lock. */
static void publish(struct lane *l, struct lane_batch *b)
{
	b->published = ++l->gate->publications;
	b->next = NULL;
	*(l->last ? &l->last->next : &l->first) = b;
	l->last = b;
}

static int64_t monotonic_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* Told to stop, it still reads what the kernel has for it, as far as the free batches go: nobody gives any back by then. */
static void *lane_main(void *context)
{
	struct lane *l = context;
	struct lane_gate *g = l->gate;
	unsigned last_reads = 0;
	pthread_mutex_lock(&g->lock);
	while (!l->over && last_reads <= LIMIT_LANE_BATCHES) {
		bool stopping = g->stop;
		last_reads += stopping;
		if (!l->filling) {
			l->waiting = true;
			while (!l->free_batches && !g->stop)
				pthread_cond_wait(&g->recycled, &g->lock);
			l->waiting = false;
			if (!l->free_batches)
				break;
			l->filling = l->free_batches;
			l->free_batches = l->filling->next;
		}
		uint64_t began = g->publications;
		int64_t began_ns = monotonic_ns();
		pthread_mutex_unlock(&g->lock);
		int n = capture_live_read(l->capture, LIMIT_LANE_PACKETS, on_frame, l);
		l->now_counts.fragment_bytes = decoder_memory(l->decoder);
		if (n <= 0 || l->now_counts.frames - l->counted_at > COUNT_EVERY) { /* a busy interface is never read empty */
			capture_live_counts(l->capture, &l->now_counts.capture);
			l->counted_at = l->now_counts.frames;
		}
		pthread_mutex_lock(&g->lock);
		l->rounds++;
		l->counts = l->now_counts;
		l->anomalies = l->now_anomalies;
		l->down = capture_live_is_down(l->capture);
		if (n < 0) {
			l->over = true;
		} else if (n == 0) {
			l->quiet_since = began;
			l->quiet_at_ns = began_ns;
		}
		if (l->filling->n) {
			publish(l, l->filling);
			l->filling = NULL;
		}
		pthread_cond_signal(&g->published);
		if (stopping && n <= 0)
			break;
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

int lane_start(struct lane *l)
{
	l->running = pthread_create(&l->thread, NULL, lane_main, l) == 0;
	return l->running ? 0 : FAIL_IO;
}

void lane_recycle(struct lane *l, struct lane_batch *b)
{
	while (b->bytes->next) {
		struct lane_bytes *more = b->bytes;
		b->bytes = more->next;
		free(more);
	}
	b->bytes->n = 0;
	b->at = b->n = 0;
	b->next = l->free_batches;
	l->free_batches = b;
	pthread_cond_broadcast(&l->gate->recycled);
}

void lane_join(struct lane *l)
{
	if (l->running)
		pthread_join(l->thread, NULL);
	l->running = false;
}

void lane_done(struct lane *l)
{
	struct lane_batch *lists[] = {l->first, l->free_batches, l->filling};
	for (int i = 0; i < 3; i++)
		for (struct lane_batch *b = lists[i], *next; b; b = next) {
			next = i == 2 ? NULL : b->next;
			batch_free(b);
		}
	decoder_free(l->decoder);
	capture_live_free(l->capture);
	*l = (struct lane){0};
}
