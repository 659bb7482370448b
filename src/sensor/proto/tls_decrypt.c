#include "tls_decrypt_state.h"
#include <openssl/crypto.h>
#include <stdlib.h>

/* ---- the room's list: those that hold bytes, by when they began to ---- */

static void unlist(struct tls_decrypt *t)
{
	struct tls_room *r = t->room;
	if (!t->listed)
		return;
	*(t->older ? &t->older->newer : &r->oldest) = t->newer;
	*(t->newer ? &t->newer->older : &r->newest) = t->older;
	t->older = t->newer = NULL;
	t->listed = false;
}

static void list(struct tls_decrypt *t)
{
	struct tls_room *r = t->room;
	if (t->listed)
		return;
	t->older = r->newest;
	*(r->newest ? &r->newest->newer : &r->oldest) = t;
	r->newest = t;
	t->listed = true;
}

static void held_free(struct tls_decrypt *t)
{
	t->room->held -= t->held_cap;
	free(t->held);
	t->held = NULL;
	t->held_n = t->held_cap = 0;
	unlist(t);
}

/* ---- ends ---- */

static void side_done(struct tls_side *s)
{
	free(s->body);
	s->body = NULL;
	s->n = s->cap = 0;
	s->whole = s->waits = false;
	tls_cipher_done(&s->cipher);
	tls_messages_done(&s->messages);
	OPENSSL_cleanse(s->secret, sizeof s->secret);
}

void tls_decrypt_shut(struct tls_decrypt *t, enum direction d)
{
	struct tls_side *s = &t->side[d];
	if (s->shut)
		return;
	s->shut = true;
	side_done(s);
	t->news = true;
	if (t->opened && !s->ended && s->epoch >= TLS_APPLICATION)
		t->callbacks->gap(t->context, d); /* what is read must not be taken for all that was said */
}

void tls_decrypt_shut_both(struct tls_decrypt *t)
{
	tls_decrypt_shut(t, FROM_CLIENT);
	tls_decrypt_shut(t, FROM_SERVER);
	if (!t->busy)
		held_free(t);
}

static void count_no_secret(struct tls_decrypt *t)
{
	if (!t->counted && !t->opened)
		t->room->counts.no_secret++;
	t->counted = true;
}

enum tls_step tls_decrypt_needs(struct tls_decrypt *t, bool learned)
{
	t->wants = true;
	if (t->room->may_wait || learned)
		return TLS_STEP_WAIT;
	count_no_secret(t);
	tls_decrypt_shut_both(t);
	return TLS_STEP_ON;
}

static void give_up(struct tls_decrypt *t)
{
	anomaly_count(t->room->anomalies, ANOMALY_TLS_WAITING_LIMIT);
	t->room->counts.given_up++;
	if (t->wants)
		count_no_secret(t);
	tls_decrypt_shut_both(t);
	held_free(t);
}

/* ---- holding ---- */

enum held_kind { HELD_BYTES, HELD_GAP, HELD_END };

struct held_head {
	struct tls_moment moment;
	uint64_t n; /* bytes that follow, or the size of the gap */
	uint8_t kind, direction;
};

/* Room for so many bytes more; false: given up. */
static bool held_room(struct tls_decrypt *t, size_t n)
{
	struct tls_room *r = t->room;
	size_t need = t->held_n + n, cap = t->held_cap ? t->held_cap : 4096;
	if (need > LIMIT_TLS_WAITING)
		return false;
	while (cap < need)
		cap *= 2;
	if (cap == t->held_cap)
		return true;
	for (struct tls_decrypt *o = r->oldest; o && r->held + cap > LIMIT_SHARD_TLS_WAITING;) {
		if (o == t || o->busy) {
			o = o->newer;
			continue;
		}
		void *owner = o->owner;
		give_up(o);
		r->on_given_up(r->context, owner);
		o = r->oldest; /* what is inside it may have left with it */
	}
	uint8_t *grown = realloc(t->held, cap);
	if (!grown)
		return false;
	r->held += cap - t->held_cap;
	t->held = grown;
	t->held_cap = cap;
	return true;
}

/* Behind what was held last, if that came with the same packet: small records do not cost more than they are. */
static bool hold_on(struct tls_decrypt *t, const struct held_head *head, const uint8_t *bytes)
{
	struct held_head last;
	if (!t->held_n || head->kind != HELD_BYTES)
		return false;
	memcpy(&last, t->held + t->held_last, sizeof last);
	if (last.kind != HELD_BYTES || last.direction != head->direction || last.moment.frame != head->moment.frame ||
	    last.moment.time_ns != head->moment.time_ns || !held_room(t, (size_t)head->n))
		return false;
	memcpy(t->held + t->held_n, bytes, (size_t)head->n);
	t->held_n += (size_t)head->n;
	last.n += head->n;
	memcpy(t->held + t->held_last, &last, sizeof last);
	return true;
}

static void hold(struct tls_decrypt *t, enum direction d, enum held_kind kind, uint64_t n, const uint8_t *bytes)
{
	struct held_head head = {t->room->moment, n, (uint8_t)kind, (uint8_t)d};
	size_t follow = kind == HELD_BYTES ? (size_t)n : 0;
	if (hold_on(t, &head, bytes))
		return;
	if (!held_room(t, sizeof head + follow)) {
		give_up(t);
		return;
	}
	t->held_last = t->held_n;
	memcpy(t->held + t->held_n, &head, sizeof head);
	if (follow)
		memcpy(t->held + t->held_n + sizeof head, bytes, follow);
	t->held_n += sizeof head + follow;
	list(t);
}

static void end(struct tls_decrypt *t, enum direction d)
{
	if (!t->side[d].ended && t->opened)
		t->callbacks->end(t->context, d);
	t->side[d].ended = true;
}

/* One thing that was held. Returns how many of its bytes are left. */
static size_t again(struct tls_decrypt *t, const struct held_head *head, const uint8_t *bytes)
{
	enum direction d = head->direction;
	struct slice left = slice_of(bytes, head->kind == HELD_BYTES ? (size_t)head->n : 0);
	t->callbacks->moment(t->context, &head->moment);
	if (head->kind == HELD_BYTES)
		t->side[d].waits = !tls_side_feed(t, d, &left);
	else if (head->kind == HELD_GAP)
		t->side[d].waits = !tls_side_gap(t, d, head->n);
	else if (tls_side_feed(t, d, &left))
		end(t, d);
	else
		t->side[d].waits = true;
	return left.n;
}

/* Goes through what is held, in its order, as far as each direction can go; what is left moves to the front. */
static void pass(struct tls_decrypt *t)
{
	size_t at = 0, kept = 0;
	t->side[0].waits = t->side[1].waits = false;
	while (at < t->held_n) {
		struct held_head head;
		memcpy(&head, t->held + at, sizeof head);
		size_t follow = head.kind == HELD_BYTES ? (size_t)head.n : 0, from = at + sizeof head;
		at = from + follow;
		if (!t->side[head.direction].waits) {
			size_t left = again(t, &head, t->held + from);
			if (!t->side[head.direction].waits)
				continue;
			from = at - left;
			head.n = head.kind == HELD_BYTES ? left : head.n;
			follow = left;
			if (head.kind == HELD_BYTES && left == 0)
				continue; /* the record that waits lies in the side's own buffer */
		}
		memmove(t->held + kept + sizeof head, t->held + from, follow);
		memcpy(t->held + kept, &head, sizeof head);
		t->held_last = kept;
		kept += sizeof head + follow;
	}
	t->held_n = kept;
	/* a whole record may wait with nothing behind it */
	for (int d = 0; d < 2; d++)
		if (!t->side[d].waits && t->side[d].whole) {
			struct slice none = slice_of(NULL, 0);
			t->side[d].waits = !tls_side_feed(t, (enum direction)d, &none);
		}
}

static void drain(struct tls_decrypt *t)
{
	struct tls_moment now = t->room->moment;
	t->busy = true;
	do {
		t->news = false;
		pass(t);
	} while (t->news && (t->held_n || t->side[0].whole || t->side[1].whole));
	t->busy = false;
	t->callbacks->moment(t->context, &now);
	if (!t->held_n && t->held)
		held_free(t);
	if (t->side[0].waits || t->side[1].waits)
		list(t); /* to be tried again, though it holds nothing but a record */
}

/* ---- what the owner calls ---- */

struct tls_decrypt *tls_decrypt_new(struct tls_room *room, struct tls *hellos, const struct tls_decrypt_callbacks *callbacks,
                                    void *context, void *owner, unsigned depth)
{
	struct tls_decrypt *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	*t = (struct tls_decrypt){.room = room, .hellos = hellos, .callbacks = callbacks, .context = context, .owner = owner, .depth = depth};
	t->side[0].messages.reads = t->side[1].messages.reads = TLS_READS_SECRET;
	if (!room->plain[depth] && !(room->plain[depth] = malloc(TLS_RECORD_MAX))) {
		free(t);
		return NULL;
	}
	return t;
}

/* Something came. Its direction waits: behind what is held. Else it is read, and what that changed may set the other one free. */
static void come(struct tls_decrypt *t, enum direction d, enum held_kind kind, uint64_t n, const uint8_t *bytes)
{
	struct tls_side *s = &t->side[d];
	struct slice left = slice_of(bytes, kind == HELD_BYTES ? (size_t)n : 0);
	if (s->shut && kind != HELD_END)
		return;
	if (s->waits) {
		hold(t, d, kind, n, bytes);
		return;
	}
	t->busy = true;
	if (kind == HELD_BYTES)
		s->waits = !tls_side_feed(t, d, &left);
	else if (kind == HELD_GAP)
		s->waits = !tls_side_gap(t, d, n);
	else
		end(t, d);
	t->busy = false;
	if (s->waits && kind == HELD_BYTES && left.n)
		hold(t, d, kind, left.n, left.p);
	else if (s->waits && kind == HELD_GAP)
		hold(t, d, kind, n, NULL);
	else if (s->waits)
		list(t);
	if (t->news && (t->side[0].waits || t->side[1].waits))
		drain(t);
	t->news = false;
	if (tls_decrypt_is_over(t))
		held_free(t);
}

void tls_decrypt_feed(struct tls_decrypt *t, enum direction d, struct slice bytes)
{
	if (bytes.n)
		come(t, d, HELD_BYTES, bytes.n, bytes.p);
}

void tls_decrypt_gap(struct tls_decrypt *t, enum direction d, uint64_t n)
{
	come(t, d, HELD_GAP, n, NULL);
}

void tls_decrypt_end(struct tls_decrypt *t, enum direction d)
{
	come(t, d, HELD_END, 0, NULL);
}

void tls_room_retry(struct tls_room *r, void (*on_tried)(void *context, void *owner), void *context)
{
	uint64_t generation = tls_secrets_generation(r->secrets);
	r->generation = generation;
	/* each goes to the list's end, so that all keep their order; what is listed meanwhile has looked for these secrets already */
	for (struct tls_decrypt *t; (t = r->oldest) != NULL && t->tried != generation;) {
		unlist(t);
		list(t);
		t->tried = generation;
		if (t->wants) {
			drain(t);
			if (tls_decrypt_is_over(t))
				held_free(t);
		}
		on_tried(context, t->owner);
	}
}

bool tls_decrypt_waits(const struct tls_decrypt *t)
{
	return t->wants && !tls_decrypt_is_over(t) && (t->side[0].waits || t->side[1].waits);
}

bool tls_decrypt_is_over(const struct tls_decrypt *t)
{
	return t->side[FROM_CLIENT].shut && t->side[FROM_SERVER].shut;
}

size_t tls_decrypt_memory(const struct tls_decrypt *t)
{
	size_t n = sizeof *t + t->held_cap;
	for (int d = 0; d < 2; d++)
		n += t->side[d].cap + t->side[d].messages.kept_cap + (t->side[d].cipher.context ? 1024 : 0);
	return n;
}

void tls_decrypt_free(struct tls_decrypt *t)
{
	if (!t)
		return;
	if (t->wants && !t->opened)
		count_no_secret(t);
	held_free(t);
	side_done(&t->side[0]);
	side_done(&t->side[1]);
	OPENSSL_cleanse(t, sizeof *t);
	free(t);
}

void tls_room_done(struct tls_room *r)
{
	for (unsigned i = 0; i < LIMIT_TLS_DEPTH; i++) {
		if (r->plain[i])
			OPENSSL_cleanse(r->plain[i], TLS_RECORD_MAX);
		free(r->plain[i]);
		r->plain[i] = NULL;
	}
}

size_t tls_room_memory(const struct tls_room *r)
{
	size_t n = 0;
	for (unsigned i = 0; i < LIMIT_TLS_DEPTH; i++)
		n += r->plain[i] ? TLS_RECORD_MAX : 0;
	return n;
}
