#include "mcp_connector.h"
#include "mcp_evidence.h"
#include "text.h"
#include <stdlib.h>

/* What is kept of a server's URL. */
struct server_url {
	char host[LIMIT_HOST], path[LIMIT_PATH];
	bool secure, doubtful; /* doubtful: its host or path need not be what the vendor's cloud takes for them */
	enum auth_kind auth;   /* credentials in it */
};

/* False where it is no http or https URL (a gateway's name of a server of its own, for one). */
static bool url_read(const struct llm_server *s, struct server_url *ret)
{
	struct slice url = slice_str(s->url), rest;
	struct server_url u = {.auth = AUTH_UNKNOWN};
	u.secure = slice_istarts(url, "https://");
	if (!u.secure && !slice_istarts(url, "http://"))
		return false;
	rest = slice_after(url, u.secure ? 8 : 7);
	/* WHATWG URL (what clouds run) drops tabs and line feeds, takes '\' for '/', and folds other scripts into
	 * ASCII: "https://evil\@good" is good to RFC 3986 and evil to it */
	for (size_t i = 0; i < url.n; i++)
		u.doubtful |= url.p[i] <= ' ' || url.p[i] == '\\' || url.p[i] >= 0x7f;
	size_t end = 0, at;
	while (end < rest.n && !strchr("/?#", rest.p[end]))
		end++;
	struct slice authority = slice_first(rest, end), tail = slice_after(rest, end);
	u.doubtful |= s->url_cut && slice_find(tail, '?') == tail.n && slice_find(tail, '#') == tail.n;
	while ((at = slice_find(authority, '@')) < authority.n) {
		u.auth = at ? AUTH_BASIC : u.auth;
		authority = slice_after(authority, at + 1);
	}
	if (!authority.n)
		return false;
	if (uri_has_credential(url))
		u.auth = AUTH_QUERY_TOKEN;
	u.doubtful |= !text_copy(u.host, sizeof u.host, authority);
	struct slice path = uri_path(tail);
	u.doubtful |= !text_copy(u.path, sizeof u.path, path.n ? path : slice_str("/"));
	*ret = u;
	return true;
}

static enum auth_kind auth_of(const struct llm_server *s, enum auth_kind in_url)
{
	static const enum auth_kind kinds[] = {
	    [LLM_AUTH_KEY] = AUTH_APIKEY, [LLM_AUTH_BASIC] = AUTH_BASIC, [LLM_AUTH_BEARER] = AUTH_BEARER};
	if (s->auth != LLM_AUTH_NONE)
		return kinds[s->auth];
	return in_url == AUTH_UNKNOWN ? AUTH_NONE : in_url;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The connector of a server, made if there is none; NULL when out of memory or at the cap. host: NULL where only the
 * vendor knows it. */
static struct mcp_connector *connector_of(struct mcp_evidence *e, struct mcp_row *api, enum llm_api vendor,
					  const char *host, const char *path, const char *id)
{
	struct mcp_connector **at = &e->connectors;
	char lower[LIMIT_HOST];
	uint32_t ordinal = 0, place = 0;
	text_copy(lower, sizeof lower, slice_str(host ? host : ""));
	for (char *c = lower; *c; c++)
		*c = (char)ascii_lower((uint8_t)*c);
	for (; *at; at = &(*at)->next, place++) {
		struct mcp_connector *c = *at;
		if (c->api == api && c->vendor == vendor && same(c->row->host, host ? lower : NULL) &&
		    same(c->row->path, path) && same(c->id, id))
			return c;
		ordinal += c->api == api;
	}
	if (place == LIMIT_CONNECTORS) {
		anomaly_count(e->anomalies, ANOMALY_CONNECTORS_LIMIT);
		return NULL;
	}
	struct mcp_connector *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	*c = (struct mcp_connector){.api = api, .place = place, .ordinal = ordinal, .vendor = vendor};
	c->row = mcp_row_new(slice_str(lower), 0, api->ordinal);
	c->id = id ? text_dup(slice_str(id), LIMIT_NAME) : NULL;
	if (!c->row || (id && !c->id)) {
		mcp_connectors_free(c);
		return NULL;
	}
	if (host)
		mcp_evidence_host_set(c->row, slice_str(host));
	if (path)
		mcp_row_set(c->row, &c->row->path, slice_str(path), LIMIT_PATH, true);
	api->asked_vendor = true;
	*at = c;
	return c;
}

static const char *vendor_name(enum llm_api api)
{
	return api == LLM_MESSAGES ? "anthropic" : "openai";
}

static void server_asked(struct mcp_evidence *e, struct mcp_exchange *x, const struct llm_asked *asked,
			 const struct llm_server *s)
{
	const struct signature *signature = signature_behaviour(e->set, "llm.connector");
	struct server_url u = {.secure = true, .auth = AUTH_UNKNOWN};
	bool hosted = s->url[0] && url_read(s, &u);
	if (!signature || (!hosted && !s->id[0]))
		return;
	struct mcp_connector *c = connector_of(e, x->row, asked->api, hosted ? u.host : NULL, hosted ? u.path : NULL,
					       s->id[0] ? s->id : NULL);
	if (!c)
		return;
	struct mcp_row *row = c->row;
	if (!c->name && s->name[0])
		c->name = text_dup(slice_str(s->name), LIMIT_NAME);
	row->secure_scheme = u.secure;
	row->host_cut |= u.doubtful || s->id_cut || s->doubtful;
	row->http_version = x->http_version;
	mcp_row_auth(row, auth_of(s, u.auth));
	if (x->user_agent)
		mcp_row_set(row, &row->user_agent, slice_str(x->user_agent), LIMIT_USER_AGENT, false);
	for (unsigned i = 0; x->claims && i < x->claims->n; i++)
		mcp_row_claim(row, &x->claims->items[i]);
	/* of a request that was not read to its end nobody knows whether the API could take it */
	mcp_row_evidence(row, signature, asked->whole ? signature->confidence : CONFIDENCE_LIKELY,
			 mcp_evidence_in_doubt(e), e->now_ns, e->frame, e->anomalies,
			 "a request to the API of %s asks its cloud to connect to the MCP server %.120s%s%.80s",
			 vendor_name(asked->api), hosted ? row->host : s->id, s->name[0] ? ", called " : "", s->name);
	x->connectors |= UINT32_C(1) << c->place;
	e->any |= row->confidence != CONFIDENCE_NONE;
}

void mcp_connector_asked(void *context, unsigned depth, uint64_t exchange, const struct llm_asked *asked)
{
	struct mcp_evidence *e = context;
	struct mcp_exchange *x = exchange ? mcp_evidence_exchange(e, depth, exchange) : NULL;
	if (!x || x->unpaired || x->ambiguous || x->verb != VERB_POST)
		return;
	for (size_t i = 0; i < asked->n; i++)
		server_asked(e, x, asked, &asked->servers[i]);
	mcp_connector_answered(e, x); /* an API may refuse before it has read all */
}

void mcp_connector_answered(struct mcp_evidence *e, const struct mcp_exchange *x)
{
	if (!x->connectors || x->status < 200)
		return;
	for (struct mcp_connector *c = e->connectors; c; c = c->next) {
		if (!(x->connectors >> c->place & 1))
			continue;
		if (!mcp_evidence_in_doubt(e))
			mcp_row_trust(c->row);
		mcp_row_stage(c->row, x->status < 300 ? STAGE_ESTABLISHED : STAGE_ATTEMPTED);
	}
}

void mcp_connector_observe(const struct mcp_connector *c, struct observation *o)
{
	const struct mcp_row *api = c->api;
	mcp_row_observe(c->row, o);
	o->kind = KIND_CONNECTOR;
	o->authority_ordinal = api->ordinal;
	o->kind_ordinal = c->ordinal;
	/* the way to the API; what policy asks of TLS is the scheme by which the cloud is to connect */
	o->encrypted = api->encrypted;
	o->decrypted = api->decrypted;
	o->tls = c->row->secure_scheme;
	o->via_proxy = true;
	o->proxy = api->proxy;
	o->tls_version = api->tls_version;
	o->sni = api->sni;
	o->alpn = api->alpn;
	o->ja4 = api->ja4;
	o->connector_vendor = vendor_name(c->vendor);
	o->connector_api = api->host;
	o->connector_name = c->name;
	o->connector_id = c->id;
}

size_t mcp_connectors_memory(const struct mcp_connector *first)
{
	size_t n = 0;
	for (const struct mcp_connector *c = first; c; c = c->next)
		n += sizeof *c + mcp_row_memory(c->row) + 256;
	return n;
}

void mcp_connectors_free(struct mcp_connector *first)
{
	for (struct mcp_connector *c = first, *next; c; c = next) {
		next = c->next;
		mcp_row_free(c->row);
		free(c->name);
		free(c->id);
		free(c);
	}
}
