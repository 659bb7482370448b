/* When an event that ended has nothing more to expect, and who is told of what. Called by the book and the join. */
#include "session_state.h"

static void tell(struct session_book *b, struct session_entry *e, const struct session_view *v, enum session_news news)
{
	int result = b->tell(b->context, e, v, news);
	if (result != 0 && b->failure == 0)
		b->failure = result;
}

static void tell_state(struct session_book *b, struct session_entry *e, const struct session_view *v)
{
	e->told.joined = v->joined_facts;
	e->told.auth = (uint8_t)v->auth;
	e->told.revision = e->session ? e->session->revision : 0;
	memset(e->told.session, 0, sizeof e->told.session);
	if (v->session)
		memcpy(e->told.session, v->session, sizeof e->told.session);
	tell(b, e, v, SESSION_STATE);
}

/* Something is to be seen in it that was not told yet. */
static bool has_news(const struct session_entry *e, const struct session_view *v)
{
	if (!e->session || e->told.revision == e->session->revision)
		return false;
	return e->told.joined != v->joined_facts || e->told.auth != v->auth || strcmp(e->told.session, v->session) != 0 ||
	       v->joined_facts & 1u << SESSION_VERSION; /* that one may be put right */
}

static void tell_others(struct session_book *b, const struct session *s, const struct session_entry *but)
{
	struct session_view v;
	unsigned n = 0;
	for (struct session_entry *e = s->last; e && n < LIMIT_SESSION_REWRITES; e = e->earlier) {
		n++;
		if (e == but || e->told.revision == s->revision)
			continue;
		session_view(e, &v);
		if (has_news(e, &v))
			tell_state(b, e, &v);
		else
			e->told.revision = s->revision;
	}
}

/* All that a session could tell is known already. */
static bool is_complete(const struct session_entry *e, const struct session_view *v)
{
	const struct observation *o = &v->o;
	return !e->session || (o->stage != STAGE_UNKNOWN && o->protocol_version && o->protocol_version_requested && o->client_name &&
	                       o->client_version && o->server_name && o->server_version);
}

void session_settle_entry(struct session_book *b, struct session_entry *e)
{
	struct session_view v;
	if (e->settled || !e->box.o.final)
		return;
	e->settled = true;
	session_view(e, &v);
	if (has_news(e, &v))
		tell_state(b, e, &v);
	tell(b, e, &v, SESSION_SETTLED);
}

void session_stop_waiting(struct session_book *b, struct session *s)
{
	if (!s->waits)
		return;
	*(s->staler ? &s->staler->fresher : &b->stalest_session) = s->fresher;
	*(s->fresher ? &s->fresher->staler : &b->freshest_session) = s->staler;
	s->waits = false;
}

void session_touch(struct session_book *b, struct session *s)
{
	session_stop_waiting(b, s);
	s->last_ns = b->now_ns;
	s->staler = b->freshest_session;
	s->fresher = NULL;
	*(b->freshest_session ? &b->freshest_session->fresher : &b->stalest_session) = s;
	b->freshest_session = s;
	s->waits = true;
}

void session_settle_due(struct session_book *b)
{
	for (struct session *s; (s = b->stalest_session) && session_is_past(b, s->last_ns, LIMIT_SESSION_HOLD_SECONDS);) {
		session_stop_waiting(b, s);
		for (struct session_entry *e = s->first; e; e = e->later)
			session_settle_entry(b, e);
	}
}

int session_take_failure(struct session_book *b)
{
	int result = b->failure;
	b->failure = 0;
	return result;
}

int session_join(struct session_book *b, struct session_entry *e)
{
	struct session_view v;
	int result = session_choose(b, e);
	session_learn(e);
	session_view(e, &v);
	tell_state(b, e, &v);
	if (e->session) {
		session_touch(b, e->session);
		tell_others(b, e->session, e);
	}
	if (e->names_go_to)
		tell_others(b, e->names_go_to, e);
	if (is_complete(e, &v))
		session_settle_entry(b, e);
	session_settle_due(b);
	session_make_room(b, e); /* for a session that it began */
	int failure = session_take_failure(b);
	return failure ? failure : result;
}
