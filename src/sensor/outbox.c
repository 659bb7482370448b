#include "outbox.h"
#include "limits.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct item {
	struct item *next;
	enum message_type type;
	size_t n;
	uint8_t payload[];
};

struct outbox {
	int socket;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct item *first, *last;
	size_t bytes; /* with what is being sent */
	bool broken;  /* the recorder is gone */
};

static void *send_all(void *context)
{
	struct outbox *o = context;
	pthread_mutex_lock(&o->lock);
	for (;;) {
		while (!o->first)
			pthread_cond_wait(&o->changed, &o->lock);
		struct item *i = o->first;
		o->first = i->next;
		if (!o->first)
			o->last = NULL;
		bool broken = o->broken;
		pthread_mutex_unlock(&o->lock);
		broken = broken || channel_send(o->socket, i->type, i->payload, i->n, -1) != 0;
		pthread_mutex_lock(&o->lock);
		o->broken |= broken;
		o->bytes -= sizeof *i + i->n;
		free(i);
		if (!o->first)
			pthread_cond_broadcast(&o->changed);
	}
	return NULL;
}

struct outbox *outbox_new(int socket)
{
	struct outbox *o = calloc(1, sizeof *o);
	if (!o)
		return NULL;
	o->socket = socket;
	pthread_condattr_t monotonic; /* a wall clock that is set must neither cut nor stretch the last words */
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&o->thread, NULL, send_all, o) != 0) {
		free(o);
		return NULL;
	}
	return o;
}

bool outbox_put(struct outbox *o, enum message_type type, const void *payload, size_t n, bool urgent)
{
	struct item *i = malloc(sizeof *i + n);
	if (!i)
		return false;
	*i = (struct item){.type = type, .n = n};
	if (n)
		memcpy(i->payload, payload, n);
	pthread_mutex_lock(&o->lock);
	bool room = urgent || o->bytes + sizeof *i + n <= LIMIT_SENSOR_OUTBOX;
	if (room) {
		*(o->last ? &o->last->next : &o->first) = i;
		o->last = i;
		o->bytes += sizeof *i + n;
		pthread_cond_broadcast(&o->changed);
	}
	pthread_mutex_unlock(&o->lock);
	if (!room)
		free(i);
	return room;
}

size_t outbox_bytes(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	size_t n = o->bytes;
	pthread_mutex_unlock(&o->lock);
	return n;
}

bool outbox_flush(struct outbox *o, int timeout_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	pthread_mutex_lock(&o->lock);
	while (o->bytes && !o->broken)
		if (pthread_cond_timedwait(&o->changed, &o->lock, &until) == ETIMEDOUT)
			break;
	bool empty = o->bytes == 0;
	pthread_mutex_unlock(&o->lock);
	return empty;
}
