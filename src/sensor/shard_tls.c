/* Secrets that come while connections wait for them, and connections that wait no longer. Called by the shard; what opens and what is held,
 * tls_decrypt decides. */
#include "flow_work.h"
#include <stddef.h>

/* The owner that tls_decrypt knows is the sink's context. */
static struct flow_work *work_of(void *owner)
{
	return (struct flow_work *)(void *)((char *)owner - offsetof(struct flow_work, evidence));
}

/* Another connection is being read now: this one is looked at behind it. */
static void on_given_up(void *context, void *owner)
{
	struct shard *s = context;
	struct flow_work *w = work_of(owner);
	if (w->freed)
		return;
	w->freed = true;
	w->freed_next = s->freed;
	s->freed = w;
}

void shard_tls_init(struct shard *s)
{
	s->tls = (struct tls_room){.anomalies = &s->anomalies, .on_given_up = on_given_up, .context = s};
}

void shard_tls_freed(struct shard *s)
{
	struct flow_work *w;
	while ((w = s->freed) != NULL) {
		s->freed = w->freed_next;
		w->freed = false;
		if (w->app)
			shard_settle(s, w);
	}
}

void shard_tls_forget(struct shard *s, struct flow_work *w)
{
	struct flow_work **at = &s->freed;
	if (!w->freed)
		return;
	while (*at != w)
		at = &(*at)->freed_next;
	*at = w->freed_next;
	w->freed = false;
}

static void on_tried(void *context, void *owner)
{
	struct flow_work *w = work_of(owner);
	if (w->app)
		shard_settle(context, w);
}

void shard_secrets(struct shard *s)
{
	if (!s->tls.secrets || s->tls.generation == tls_secrets_generation(s->tls.secrets))
		return;
	tls_room_retry(&s->tls, on_tried, s);
	shard_tls_freed(s);
}
