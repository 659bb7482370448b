/* What connections tell their session, and what it tells them. What a connection shows by itself always stands; where it shows nothing, the
 * session's word is taken and named as joined. Called by the join and by whoever needs a connection with all that is known. */
#include "session_state.h"
#include "text.h"

static const char *const field_names[SESSION_FACTS] = {
	[SESSION_STAGE] = "stage", [SESSION_VERSION] = "protocol_version", [SESSION_VERSION_REQUESTED] = "protocol_version_requested",
	[SESSION_CLIENT_NAME] = "client_name", [SESSION_CLIENT_VERSION] = "client_version",
	[SESSION_SERVER_NAME] = "server_name", [SESSION_SERVER_VERSION] = "server_version",
};

/* ---- learning: the first word stands ---- */

static void learn_text(struct session *s, char *to, size_t cap, const char *from)
{
	if (to[0] || !from || !from[0])
		return;
	text_copy(to, cap, slice_str(from));
	s->revision++;
}

/* A version belongs to the name that it came with. */
static void learn_side(struct session *s, char name[LIMIT_NAME], char version[LIMIT_VERSION], const char *own_name, const char *own_version)
{
	learn_text(s, name, LIMIT_NAME, own_name);
	if (own_name && strcmp(name, own_name) == 0)
		learn_text(s, version, LIMIT_VERSION, own_version);
}

static void learn_names(struct session *s, const struct observation *o)
{
	learn_side(s, s->client_name, s->client_version, o->client_name, o->client_version);
	learn_side(s, s->server_name, s->server_version, o->server_name, o->server_version);
}

/* serverInfo comes with the version that the server agreed to; without it, the version may be what the client wished for. */
static bool is_firm(const struct observation *o)
{
	return o->server_name && o->protocol_version;
}

static void learn_rest(struct session *s, const struct observation *o)
{
	if (is_firm(o) && !s->version_firm) {
		s->version_firm = true;
		if (strcmp(s->version, o->protocol_version) != 0)
			s->version[0] = 0;
	}
	learn_text(s, s->version, LIMIT_VERSION, o->protocol_version);
	learn_text(s, s->version_requested, LIMIT_VERSION, o->protocol_version_requested);
	if (o->stage > s->stage) {
		s->stage = o->stage;
		s->revision++;
	}
	if (o->auth > AUTH_NONE && s->auth == AUTH_UNKNOWN) {
		s->auth = o->auth;
		s->auth_client = o->client_ip;
		s->revision++;
	}
}

/* Of a connection that carried several sessions, version, stage and credentials are those of nobody in particular; but for the names'
 * session, as long as none came after it. */
void session_learn(struct session_entry *e)
{
	const struct observation *o = &e->box.o;
	if (e->session && (!o->n_session_keys || o->names_session == 1))
		learn_names(e->session, o);
	if (e->session && o->n_session_keys <= 1)
		learn_rest(e->session, o);
	if (e->names_go_to)
		learn_names(e->names_go_to, o);
	if (e->names_go_to && o->names_session == o->n_session_keys)
		learn_rest(e->names_go_to, o);
}

void session_learn_anew(struct session *s)
{
	s->client_name[0] = s->client_version[0] = s->server_name[0] = s->server_version[0] = 0;
	s->version[0] = s->version_requested[0] = 0;
	s->version_firm = false;
	s->stage = STAGE_UNKNOWN;
	s->auth = AUTH_UNKNOWN;
	s->revision++;
	unsigned n = 0;
	for (struct session_entry *e = s->first; e && n < LIMIT_SESSION_REWRITES; e = e->later, n++)
		session_learn(e);
}

/* ---- the view ---- */

static void join(struct session_view *v, enum session_fact fact)
{
	v->joined[v->n_joined++] = field_names[fact];
	v->joined_facts |= (uint8_t)(1u << fact);
}

static void join_text(struct session_view *v, enum session_fact fact, const char **field, const char *known)
{
	if (*field || !known[0])
		return;
	*field = known;
	join(v, fact);
}

static bool asked_to_initialize(const struct observation *o)
{
	for (size_t i = 0; i < o->methods.n; i++)
		if (strcmp(o->methods.items[i].name, "initialize") == 0)
			return true;
	return false;
}

static void join_version(struct session_view *v, const struct session *s)
{
	struct observation *o = &v->o;
	/* it asked for one, and the answer came elsewhere, as the legacy transport has it: what was agreed to counts */
	if (o->protocol_version && s->version_firm && !o->server_name && asked_to_initialize(o) &&
	    strcmp(o->protocol_version, s->version) != 0)
		o->protocol_version = NULL;
	join_text(v, SESSION_VERSION, &o->protocol_version, s->version);
	join_text(v, SESSION_VERSION_REQUESTED, &o->protocol_version_requested, s->version_requested);
}

void session_view(const struct session_entry *e, struct session_view *ret)
{
	const struct session *s = e->session;
	struct observation *o = &ret->o;
	*ret = (struct session_view){.o = e->box.o, .session = s ? s->id : e->alone ? e->event_id : NULL};
	if (!s)
		return;
	bool several = o->n_session_keys > 1; /* whose requests are whose cannot be told: then only what they have in common */
	bool client_agrees = !o->client_name || strcmp(o->client_name, s->client_name) == 0;
	bool server_agrees = !o->server_name || strcmp(o->server_name, s->server_name) == 0;
	/* refused is refused, whatever others were told; and while it lives its answer may still come */
	if (!several && o->stage == STAGE_UNKNOWN && o->final && s->stage == STAGE_ESTABLISHED) {
		o->stage = STAGE_ESTABLISHED;
		join(ret, SESSION_STAGE);
	}
	if (!several)
		join_version(ret, s);
	if (!several && client_agrees) {
		join_text(ret, SESSION_CLIENT_NAME, &o->client_name, s->client_name);
		join_text(ret, SESSION_CLIENT_VERSION, &o->client_version, s->client_version);
	}
	if (server_agrees) {
		join_text(ret, SESSION_SERVER_NAME, &o->server_name, s->server_name);
		join_text(ret, SESSION_SERVER_VERSION, &o->server_version, s->server_version);
	}
	/* who comes from elsewhere with a session's id and without its credentials, and is answered, may have stolen it */
	ret->auth = several || !ip_addr_eq(&o->client_ip, &s->auth_client) ? AUTH_UNKNOWN : s->auth;
}
