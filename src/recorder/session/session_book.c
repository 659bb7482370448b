/* A hash table by reference and one list by age. Its clock is the latest packet time that an observation told of. */
#include "session_state.h"
#include <assert.h>
#include <stdlib.h>

struct connection_ref connection_ref_of(const struct observation *o)
{
	return (struct connection_ref){o->connection_time_ns, o->first_frame, o->capture, o->authority_ordinal};
}

static bool same_ref(const struct connection_ref *a, const struct connection_ref *b)
{
	return a->connection_time_ns == b->connection_time_ns && a->first_frame == b->first_frame && a->capture == b->capture &&
	       a->authority_ordinal == b->authority_ordinal;
}

static size_t bucket_of(const struct session_book *b, const struct connection_ref *ref)
{
	uint64_t words[] = {(uint64_t)ref->connection_time_ns, ref->first_frame,
	                    (uint64_t)ref->capture << 32 | ref->authority_ordinal};
	return siphash(&b->key, words, sizeof words) % SESSION_BUCKETS;
}

struct session_book *session_book_new(session_tell_fn *tell, void *context)
{
	struct session_book *b = calloc(1, sizeof *b);
	if (b && !hash_key_random(&b->key)) {
		free(b);
		return NULL;
	}
	if (b) {
		b->tell = tell;
		b->context = context;
	}
	return b;
}

/* ---- by age ---- */

static void unlink_age(struct session_book *b, struct session_entry *e)
{
	*(e->staler ? &e->staler->fresher : &b->stalest) = e->fresher;
	*(e->fresher ? &e->fresher->staler : &b->freshest) = e->staler;
}

static void link_freshest(struct session_book *b, struct session_entry *e)
{
	e->staler = b->freshest;
	e->fresher = NULL;
	*(b->freshest ? &b->freshest->fresher : &b->stalest) = e;
	b->freshest = e;
}

static void entry_drop(struct session_book *b, struct session_entry *e)
{
	struct session_entry **at = &b->bucket[bucket_of(b, &e->ref)];
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_age(b, e);
	session_ungive(b, e);
	session_leave(b, e);
	b->counts.entries--;
	b->counts.bytes -= e->bytes;
	observation_box_done(&e->box);
	free(e->kept);
	free(e);
}

void session_make_room(struct session_book *b, const struct session_entry *spare)
{
	for (struct session_entry *e; (e = b->stalest) != spare;) {
		bool over = b->counts.entries > LIMIT_SESSION_ENTRIES || b->counts.bytes > LIMIT_SESSION_BYTES;
		if (!over && !session_is_past(b, e->spoke_ns, LIMIT_SESSION_SILENT_SECONDS))
			break;
		b->counts.left += over;
		session_settle_entry(b, e);
		entry_drop(b, e);
	}
}

/* ---- the entries ---- */

/* What observation_decode() allocated, by and large. */
static size_t box_bytes(const struct observation *o, size_t n)
{
	size_t names = o->methods.n + o->server_methods.n + o->tools_called.n + o->resources_read.n + o->prompts_got.n;
	return sizeof(struct session_entry) + n + names * sizeof(struct observed_count) + o->n_reasons * sizeof(struct observed_reason);
}

struct session_entry *session_book_find(const struct session_book *b, const struct connection_ref *ref)
{
	struct session_entry *e = b->bucket[bucket_of(b, ref)];
	while (e && !same_ref(&e->ref, ref))
		e = e->next;
	return e;
}

static struct session_entry *entry_new(struct session_book *b, const struct connection_ref *ref, const char *event_id)
{
	struct session_entry *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	struct session_entry **at = &b->bucket[bucket_of(b, ref)];
	e->ref = *ref;
	memcpy(e->event_id, event_id, sizeof e->event_id);
	e->next = *at;
	*at = e;
	b->counts.entries++;
	return e;
}

struct session_entry *session_book_put_take(struct session_book *b, struct observation_box *box, size_t n, const char *event_id)
{
	assert(box->o.kind == KIND_CONNECTION);
	struct connection_ref ref = connection_ref_of(&box->o);
	struct session_entry *e = session_book_find(b, &ref);
	if (e) {
		unlink_age(b, e);
		b->counts.bytes -= e->bytes;
		observation_box_done(&e->box);
	} else if (!(e = entry_new(b, &ref, event_id))) {
		return NULL;
	}
	e->box = *box;
	*box = (struct observation_box){0};
	e->bytes = box_bytes(&e->box.o, n);
	b->counts.bytes += e->bytes;
	link_freshest(b, e);
	if (e->box.o.last_seen_ns > b->now_ns)
		b->now_ns = e->box.o.last_seen_ns;
	e->spoke_ns = b->now_ns;
	session_make_room(b, e);
	return e;
}

int session_book_settle(struct session_book *b)
{
	for (struct session_entry *e = b->stalest; e; e = e->fresher)
		session_settle_entry(b, e);
	return session_take_failure(b);
}

int session_book_end(struct session_book *b)
{
	int result = session_book_settle(b);
	while (b->stalest)
		entry_drop(b, b->stalest);
	b->now_ns = 0;
	return result;
}

void session_book_counts(const struct session_book *b, struct session_book_counts *ret)
{
	*ret = b->counts;
}

void session_book_free(struct session_book *b)
{
	while (b && b->stalest)
		entry_drop(b, b->stalest);
	free(b);
}
