#include "flow_work.h"
#include "limits.h"
#include "packet.h"
#include "status.h"
#include <stdlib.h>

int shard_evidence_init(struct shard_evidence *e, size_t bytes)
{
	e->ring = evidence_ring_new(bytes);
	return e->ring ? 0 : FAIL_MEMORY;
}

static struct evidence_id id_of(const struct flow *f)
{
	return (struct evidence_id){f->first_frame, f->capture};
}

static struct flow_work **bucket_of(struct shard_evidence *e, const struct evidence_id *id)
{
	return &e->observed[(id->first_frame ^ id->capture) % SHARD_EVIDENCE_BUCKETS];
}

/* May one more frame of the connection be handed over? Counts. */
static bool within_limit(struct shard_evidence *e, uint64_t *bytes, const struct frame *f)
{
	if (*bytes + f->caplen > LIMIT_EVIDENCE_CONNECTION_BYTES) {
		e->counts.cut++;
		return false;
	}
	*bytes += f->caplen;
	e->counts.frames++;
	return true;
}

void shard_evidence_packet(struct shard *s, const struct flow *f, const struct packet *p)
{
	struct shard_evidence *e = &s->evidence;
	struct flow_work *w = f->work;
	if (f->decided || f->repeated) /* a second copy of a packet would only fill the ring */
		return;
	const struct frame frame = {.data = p->captured.p, .caplen = (uint32_t)p->captured.n, .len = p->frame_bytes,
	                            .link_type = p->link_type, .capture = p->capture, .time_ns = p->time_ns,
	                            .number = p->frame};
	if (!w || !w->recording.wanted) {
		struct evidence_id id = id_of(f);
		evidence_ring_put(e->ring, &id, &frame);
	} else if (within_limit(e, &w->recording.bytes, &frame)) {
		/* without memory the frame goes without its comment */
		s->on_evidence(s->context, &frame, w->recording.comment_due ? strdup(w->recording.comment) : NULL);
		w->recording.comment_due = false;
	}
}

void shard_evidence_observed(struct flow_work *w)
{
	struct shard_evidence *e = &w->shard->evidence;
	if (!e->ring || w->recording.listed)
		return;
	struct evidence_id id = id_of(w->flow);
	struct flow_work **bucket = bucket_of(e, &id);
	w->recording.listed = true;
	w->recording.next = *bucket;
	*bucket = w;
}

void shard_evidence_forget(struct flow_work *w)
{
	if (!w->recording.listed)
		return;
	struct evidence_id id = id_of(w->flow);
	struct flow_work **at = bucket_of(&w->shard->evidence, &id);
	while (*at != w)
		at = &(*at)->recording.next;
	*at = w->recording.next;
	free(w->recording.comment);
}

/* True if it could be kept. One that says nothing new is not said again. */
static bool keep_comment(struct recording *r, const char *comment, bool due)
{
	if (!comment || (r->comment && strcmp(r->comment, comment) == 0))
		return true;
	char *copy = strdup(comment);
	if (!copy)
		return false;
	free(r->comment);
	r->comment = copy;
	r->comment_due = due;
	return true;
}

struct handing_over {
	struct shard_evidence *evidence;
	shard_want_fn *fn;
	void *context;
	const char *comment; /* until a frame has taken it along */
	uint64_t *bytes;
	bool any;
};

static void on_kept_frame(void *context, const struct frame *f)
{
	struct handing_over *h = context;
	h->any = true;
	if (!within_limit(h->evidence, h->bytes, f))
		return;
	h->fn(h->context, f, h->comment);
	h->comment = NULL;
}

int shard_evidence_want(struct shard_evidence *e, const struct evidence_id *id, const char *comment, shard_want_fn *fn,
                        void *context)
{
	if (!e->ring)
		return 0;
	struct flow_work *w = *bucket_of(e, id);
	while (w && (w->flow->first_frame != id->first_frame || w->flow->capture != id->capture))
		w = w->recording.next;
	if (w && w->recording.wanted)
		return keep_comment(&w->recording, comment, true) ? 1 : FAIL_MEMORY;
	uint64_t bytes = 0; /* of a connection that has ended */
	struct handing_over h = {e, fn, context, comment, w ? &w->recording.bytes : &bytes, false};
	evidence_ring_take(e->ring, id, on_kept_frame, &h);
	if (!w) {
		e->counts.connections += h.any;
		return h.any;
	}
	e->counts.connections++;
	w->recording.wanted = true;
	return keep_comment(&w->recording, comment, h.comment != NULL) ? 1 : FAIL_MEMORY;
}

void shard_evidence_done(struct shard_evidence *e)
{
	evidence_ring_free(e->ring);
	e->ring = NULL;
}
