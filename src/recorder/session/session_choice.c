/* Which session a connection belongs to. With an id: that of the id, at the same server and tenant. Without: that of the same client, server and
 * path, if what is known of the names agrees and there is no second one it could be. An `initialize` begins a session, always; attempts that
 * were refused just before, by the same client, become its first part. Weakness: two clients of the same name and version behind
 * one address, both without ids, at once, at the same path, look like one. */
#include "session_state.h"
#include "status.h"

/* MCP was read in it, not only hinted at, and it is no look at a server's documents. */
static bool takes_part(const struct observation *o)
{
	return o->confidence >= CONFIDENCE_LIKELY && o->transport != TRANSPORT_NONE && (!o->encrypted || o->decrypted);
}

static bool initializes(const struct observation *o)
{
	for (size_t i = 0; i < o->methods.n; i++)
		if (strcmp(o->methods.items[i].name, "initialize") == 0)
			return true;
	return false;
}

static bool agree(const char *known, const char *own)
{
	return !known[0] || !own || strcmp(known, own) == 0;
}

bool session_agrees(const struct session *s, const struct observation *o)
{
	return agree(s->client_name, o->client_name) && agree(s->client_version, o->client_version) &&
	       agree(s->server_name, o->server_name);
}

/* ---- without an id ---- */

static struct session *begin(struct session_book *b, struct session_entry *e, uint64_t place)
{
	struct session *s = session_new(b);
	if (!s)
		return NULL;
	session_set_place(b, s, place);
	session_add(b, s, e);
	return s;
}

static bool near(const struct session_book *b, int64_t then_ns, int seconds)
{
	return !session_is_past(b, then_ns, seconds);
}

/* How the sessions at a place look to a connection. */
struct prospects {
	struct session *same;    /* says who its client is, and it is this one; without an id */
	struct session *likely;  /* could be, and says less */
	unsigned many;           /* of the likely ones, and of those that stand in the way of a guess */
};

static void consider(const struct session_book *b, const struct session_entry *e, struct session *s, struct prospects *p)
{
	const struct observation *o = &e->box.o;
	bool agrees = session_agrees(s, o), recent = near(b, s->last_ns, LIMIT_SESSION_NEAR_SECONDS);
	if (o->client_name && s->client_name[0] && agrees && !s->key) {
		if (!p->same && near(b, s->last_ns, LIMIT_SESSION_NAMED_SECONDS))
			p->same = s;
		return;
	}
	if (!recent)
		return;
	p->many++; /* also one that disagrees: behind an address translation the nameless may be either's */
	/* one with an id has its connections bear it, but for what came before */
	bool may = agrees && (!s->key || near(b, s->began_ns, LIMIT_SESSION_NEAR_SECONDS));
	if (!o->client_name || !s->client_name[0])
		may &= s->user_agent == session_hash_text(b, o->user_agent);
	if (may)
		p->likely = s;
}

static struct session *find_without_id(const struct session_book *b, const struct session_entry *e, uint64_t place)
{
	struct prospects p = {NULL, NULL, 0};
	unsigned looked = 0;
	for (struct session *s = session_newest_at(b, place); s; s = s->place_next) {
		if (s->place != place || s == e->session)
			continue;
		if (++looked > LIMIT_SESSION_PEERS)
			return p.same;
		consider(b, e, s, &p);
	}
	return p.same ? p.same : p.many == 1 ? p.likely : NULL;
}

/* What the same client tried just before, and was refused. */
static void take_in_attempt(struct session_book *b, struct session *s, const struct session_entry *e)
{
	const struct observation *o = &e->box.o;
	unsigned looked = 0;
	for (struct session *a = session_newest_at(b, s->place); a && looked < LIMIT_SESSION_PEERS; a = a->place_next) {
		if (a->place != s->place || a == s)
			continue;
		looked++;
		bool refused = !a->key && !a->begun && !a->givers && a->stage == STAGE_ATTEMPTED;
		bool alike = a->client_name[0] && o->client_name ? true : a->user_agent == session_hash_text(b, o->user_agent);
		if (!refused || !alike || !session_agrees(a, o) || !near(b, a->last_ns, LIMIT_SESSION_NEAR_SECONDS))
			continue;
		session_merge(b, a, s);
		return;
	}
}

static void begins(struct session_book *b, struct session *s, struct session_entry *e)
{
	if (s->begun)
		return;
	s->begun = true;
	s->beginner = e;
	if (s->place)
		take_in_attempt(b, s, e);
}

static bool is_first(const struct session *s, const struct session_entry *e)
{
	return s->beginner == e || strcmp(s->id, e->event_id) == 0;
}

static void leave(struct session_book *b, struct session_entry *e)
{
	struct session *s = e->session;
	if (!s)
		return;
	bool last = s->members == 1 && !s->givers, first = strcmp(s->id, e->event_id) == 0;
	session_leave(b, e);
	if (last)
		return;
	if (first) { /* it is not of this session after all, so its name cannot be the session's */
		s->id[0] = 0;
		if (s->first) {
			memcpy(s->id, s->first->event_id, sizeof s->id);
			s->began_ns = s->first->box.o.first_seen_ns;
		}
	}
	session_learn_anew(s);
}

static int initialized_without_id(struct session_book *b, struct session_entry *e, uint64_t place)
{
	struct session *s = e->session;
	bool stays = s && session_agrees(s, &e->box.o) && !s->begun && (s->members == 1 || is_first(s, e) || s->stage == STAGE_ATTEMPTED);
	if (!stays) {
		leave(b, e);
		s = begin(b, e, place);
	}
	if (!s)
		return FAIL_MEMORY;
	begins(b, s, e);
	return 0;
}

/* What it shows has grown since the session was chosen, or nothing was chosen yet. */
static int choose_without_id(struct session_book *b, struct session_entry *e, uint64_t place, bool newly_initialized)
{
	/* a WebSocket and a bare connection are a session each */
	if (!place || e->box.o.transport != TRANSPORT_STREAMABLE_HTTP) {
		leave(b, e);
		return 0;
	}
	if (newly_initialized)
		return initialized_without_id(b, e, place);
	struct session *s = e->session, *found = find_without_id(b, e, place);
	if (s && session_agrees(s, &e->box.o) && (!found || s->begun || s->givers))
		return 0;
	if (s && found && strcmp(s->id, e->event_id) == 0 && session_agrees(s, &e->box.o) && session_agrees(found, &e->box.o)) {
		session_merge(b, s, found);
		return 0;
	}
	leave(b, e);
	if (found)
		session_add(b, found, e);
	else
		found = begin(b, e, place);
	return found ? 0 : FAIL_MEMORY;
}

/* ---- with an id ---- */

static struct session *new_with_id(struct session_book *b, uint64_t key, uint64_t scope, uint64_t place)
{
	struct session *s = session_new(b);
	if (s) {
		session_set_key(b, s, key, scope);
		session_set_place(b, s, place);
	}
	return s;
}

static int choose_by_id(struct session_book *b, struct session_entry *e, uint64_t key, uint64_t scope, uint64_t place)
{
	struct session *s = session_find(b, key, scope), *had = e->session;
	bool stranger = s && key & SESSION_KEY_SHARED && !session_agrees(s, &e->box.o);
	if (stranger) {
		leave(b, e);
		return 0;
	}
	if (had && (had == s || had->key)) /* the first id of a connection stays its first */
		return 0;
	if (!s && had && is_first(had, e)) {
		session_set_key(b, had, key, scope);
		return 0;
	}
	if (s && had && is_first(had, e) && !had->givers) {
		session_merge(b, had, s);
		return 0;
	}
	leave(b, e);
	if (!s && !(s = new_with_id(b, key, scope, place)))
		return FAIL_MEMORY;
	session_add(b, s, e);
	return 0;
}

/* A connection that a proxy shares carries several sessions, and its names need not be those of the first. */
static int give_names(struct session_book *b, struct session_entry *e, uint64_t scope, uint64_t place)
{
	const struct observation *o = &e->box.o;
	if (o->names_session < 2 || e->names_go_to)
		return 0;
	uint64_t key = o->session_keys[o->names_session - 1];
	if (key & SESSION_KEY_SHARED)
		return 0;
	struct session *s = session_find(b, key, scope);
	if (s && s == e->session)
		return 0;
	if (!s) {
		if (!(s = new_with_id(b, key, scope, place)))
			return FAIL_MEMORY;
		s->began_ns = o->first_seen_ns;
		s->user_agent = session_hash_text(b, o->user_agent);
	}
	session_give(b, s, e);
	return 0;
}

int session_choose(struct session_book *b, struct session_entry *e)
{
	const struct observation *o = &e->box.o;
	if (!takes_part(o))
		return 0;
	bool named = o->client_name != NULL, initialized = initializes(o);
	uint64_t scope = session_scope(b, o), place = session_place(b, o, scope);
	int result = 0;
	if (scope && o->n_session_keys) {
		uint64_t key = o->session_keys[0];
		uint64_t within = key & SESSION_KEY_SHARED ? session_scope_of_client(b, o, scope) : scope;
		result = choose_by_id(b, e, key, within, place);
		if (e->session && initialized)
			begins(b, e->session, e);
		if (result == 0)
			result = give_names(b, e, scope, place);
	} else if (scope) {
		bool grown = !e->session || named != e->named || initialized != e->initialized;
		if (grown || !session_agrees(e->session, o))
			result = choose_without_id(b, e, place, initialized && (!e->initialized || !e->session));
	}
	e->named = named;
	e->initialized = initialized;
	e->alone = !e->session;
	return result;
}
