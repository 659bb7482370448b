/* Sessions by id and by place, and who belongs to them. Called by the files of this folder. Decides nothing. */
#include "session_state.h"
#include <assert.h>
#include <stdlib.h>

static size_t key_bucket(const struct session_book *b, uint64_t key, uint64_t scope)
{
	uint64_t words[] = {key, scope}; /* the key was made by the other half, which is not to be trusted to choose buckets */
	return siphash(&b->key, words, sizeof words) % SESSION_BUCKETS;
}

struct session *session_new(struct session_book *b)
{
	struct session *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->began_ns = INT64_MAX;
	s->last_ns = b->now_ns;
	b->counts.sessions++;
	b->counts.bytes += sizeof *s;
	return s;
}

static void session_free_if_forgotten(struct session_book *b, struct session *s)
{
	if (s->members || s->givers)
		return;
	session_stop_waiting(b, s);
	if (s->key_at)
		*s->key_at = s->key_next;
	if (s->key_at && s->key_next)
		s->key_next->key_at = s->key_at;
	if (s->place_at)
		*s->place_at = s->place_next;
	if (s->place_at && s->place_next)
		s->place_next->place_at = s->place_at;
	b->counts.sessions--;
	b->counts.bytes -= sizeof *s;
	free(s);
}

struct session *session_find(const struct session_book *b, uint64_t key, uint64_t scope)
{
	struct session *s = b->by_key[key_bucket(b, key, scope)];
	while (s && (s->key != key || s->scope != scope))
		s = s->key_next;
	return s;
}

void session_set_key(struct session_book *b, struct session *s, uint64_t key, uint64_t scope)
{
	assert(!s->key && key);
	struct session **at = &b->by_key[key_bucket(b, key, scope)];
	s->key = key;
	s->scope = scope;
	s->key_at = at;
	s->key_next = *at;
	if (*at)
		(*at)->key_at = &s->key_next;
	*at = s;
}

struct session *session_newest_at(const struct session_book *b, uint64_t place)
{
	return b->by_place[place % SESSION_BUCKETS]; /* a hash of our own making */
}

void session_set_place(struct session_book *b, struct session *s, uint64_t place)
{
	if (s->place || !place)
		return;
	struct session **at = &b->by_place[place % SESSION_BUCKETS];
	s->place = place;
	s->place_at = at;
	s->place_next = *at;
	if (*at)
		(*at)->place_at = &s->place_next;
	*at = s;
}

/* ---- members ---- */

static void name_after(struct session *s, const struct session_entry *e)
{
	if (strcmp(s->id, e->event_id) != 0)
		s->revision++;
	memcpy(s->id, e->event_id, sizeof s->id);
	s->began_ns = e->box.o.first_seen_ns;
}

static void link_member(struct session *s, struct session_entry *e)
{
	e->session = s;
	e->alone = false;
	e->earlier = s->last;
	e->later = NULL;
	*(s->last ? &s->last->later : &s->first) = e;
	s->last = e;
	s->members++;
}

static void unlink_member(struct session *s, struct session_entry *e)
{
	*(e->earlier ? &e->earlier->later : &s->first) = e->later;
	*(e->later ? &e->later->earlier : &s->last) = e->earlier;
	e->session = NULL;
	s->members--;
}

void session_add(struct session_book *b, struct session *s, struct session_entry *e)
{
	assert(!e->session);
	link_member(s, e);
	if (!s->id[0] || e->box.o.first_seen_ns < s->began_ns)
		name_after(s, e);
	if (!s->user_agent)
		s->user_agent = session_hash_text(b, e->box.o.user_agent);
}

void session_leave(struct session_book *b, struct session_entry *e)
{
	struct session *s = e->session;
	if (!s)
		return;
	unlink_member(s, e);
	if (s->beginner == e)
		s->beginner = NULL;
	session_free_if_forgotten(b, s);
}

void session_merge(struct session_book *b, struct session *from, struct session *to)
{
	assert(from != to && !from->givers);
	for (struct session_entry *e; (e = from->first);) {
		unlink_member(from, e);
		link_member(to, e);
		session_learn(e);
	}
	if (from->id[0] && (!to->id[0] || from->began_ns < to->began_ns)) {
		memcpy(to->id, from->id, sizeof to->id);
		to->began_ns = from->began_ns;
		to->revision++;
	}
	if (from->stage > to->stage)
		to->stage = from->stage;
	session_free_if_forgotten(b, from);
	session_touch(b, to);
}

void session_give(struct session_book *b, struct session *s, struct session_entry *e)
{
	if (e->names_go_to == s)
		return;
	session_ungive(b, e);
	e->names_go_to = s;
	s->givers++;
}

void session_ungive(struct session_book *b, struct session_entry *e)
{
	struct session *s = e->names_go_to;
	if (!s)
		return;
	e->names_go_to = NULL;
	s->givers--;
	session_free_if_forgotten(b, s);
}
