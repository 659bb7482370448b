#include "mcp_exchange.h"
#include "text.h"
#include <stdlib.h>

struct slice uri_path(struct slice uri)
{
	uri = slice_first(uri, slice_find(uri, '#'));
	uri = slice_first(uri, slice_find(uri, '?')); /* first: a query may hold slashes, and secrets behind them */
	for (size_t i = 0; i + 2 < uri.n && i < 8; i++)
		if (uri.p[i] == ':' && uri.p[i + 1] == '/' && uri.p[i + 2] == '/') {
			uri = slice_after(uri, i + 3);
			uri = slice_after(uri, slice_find(uri, '/'));
			break;
		}
	return uri;
}

static struct slice uri_query(struct slice uri)
{
	return slice_after(uri, slice_find(uri, '?') + 1);
}

/* Calls for each "name=value" of a query until one is accepted. */
static bool query_has(struct slice query, bool (*accept)(struct slice name, struct slice value))
{
	while (query.n) {
		struct slice pair = slice_first(query, slice_find(query, '&'));
		query = slice_after(query, pair.n + 1);
		size_t eq = slice_find(pair, '=');
		if (accept(slice_first(pair, eq), slice_after(pair, eq + 1)))
			return true;
	}
	return false;
}

static bool is_session_parameter(struct slice name, struct slice value)
{
	return value.n >= 8 && (slice_ieq_str(name, "sessionid") || slice_ieq_str(name, "session_id"));
}

struct slice uri_session(struct slice uri)
{
	for (struct slice query = uri_query(slice_first(uri, slice_find(uri, '#'))); query.n;) {
		struct slice pair = slice_first(query, slice_find(query, '&'));
		size_t eq = slice_find(pair, '=');
		if (is_session_parameter(slice_first(pair, eq), slice_after(pair, eq + 1)))
			return slice_after(pair, eq + 1);
		query = slice_after(query, pair.n + 1);
	}
	return slice_of(NULL, 0);
}

bool uri_has_session(struct slice uri)
{
	return query_has(uri_query(uri), is_session_parameter);
}

static bool is_credential_parameter(struct slice name, struct slice value)
{
	static const char *const names[] = {"token", "key", "auth", "authorization", "bearer", "jwt"};
	/* vendors put their own name in front: tavilyApiKey, x-api-key */
	static const char *const ends[] = {"apikey", "api_key", "api-key", "access_token", "accesstoken", "auth_token",
	                                   "authtoken", "secret", "password"};
	for (size_t i = 0; value.n && i < sizeof names / sizeof *names; i++)
		if (slice_ieq_str(name, names[i]))
			return true;
	for (size_t i = 0; value.n && i < sizeof ends / sizeof *ends; i++)
		if (name.n >= strlen(ends[i]) && slice_ieq_str(slice_after(name, name.n - strlen(ends[i])), ends[i]))
			return true;
	return false;
}

bool uri_has_credential(struct slice uri)
{
	return query_has(uri_query(slice_first(uri, slice_find(uri, '#'))), is_credential_parameter);
}

static bool contains_icase(struct slice text, const char *what)
{
	size_t n = strlen(what);
	for (; text.n >= n; text = slice_after(text, 1))
		if (slice_istarts(text, what))
			return true;
	return false;
}

static enum http_verb verb_of(struct slice method)
{
	static const struct { const char *name; enum http_verb verb; } verbs[] = {
		{"GET", VERB_GET}, {"POST", VERB_POST}, {"DELETE", VERB_DELETE}, {"OPTIONS", VERB_OPTIONS}, {"CONNECT", VERB_CONNECT},
	};
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (slice_eq_str(method, verbs[i].name))
			return verbs[i].verb;
	return VERB_OTHER;
}

/* Better evidence of a credential first: what a server would look at. */
static void note_auth(struct request_facts *f, enum auth_kind kind)
{
	static const uint8_t order[AUTH_COUNT] = {[AUTH_BEARER] = 5, [AUTH_BASIC] = 5, [AUTH_APIKEY] = 4,
	                                          [AUTH_QUERY_TOKEN] = 3, [AUTH_COOKIE] = 2, [AUTH_NONE] = 1};
	if (order[kind] > order[f->auth])
		f->auth = kind;
}

static void read_field(struct request_facts *f, const struct http_field *field, const struct signature_set *set)
{
	struct slice name = field->name, value = field->value;
	switch (name.n ? ascii_lower(name.p[0]) : 0) {
	case 'a':
		if (slice_ieq_str(name, "accept")) {
			f->accepts_json |= contains_icase(value, "application/json");
			f->accepts_sse |= contains_icase(value, "text/event-stream");
		} else if (slice_ieq_str(name, "authorization")) {
			if (slice_istarts(value, "bearer "))
				note_auth(f, AUTH_BEARER);
			else if (slice_istarts(value, "basic "))
				note_auth(f, AUTH_BASIC);
			else if (value.n)
				note_auth(f, AUTH_APIKEY);
		} else if (slice_ieq_str(name, "api-key") || slice_ieq_str(name, "apikey")) {
			note_auth(f, AUTH_APIKEY);
		} else if (slice_ieq_str(name, "access-control-request-headers")) {
			f->cors_headers = value;
		}
		break;
	case 'c':
		if (slice_ieq_str(name, "content-type"))
			f->json_body |= contains_icase(value, "json");
		else if (slice_ieq_str(name, "cookie") && value.n)
			note_auth(f, AUTH_COOKIE);
		break;
	case 'h':
		if (slice_ieq_str(name, "host") && !f->absolute_form && !f->authority.n)
			f->authority = value;
		break;
	case 'm':
		if (slice_istarts(name, "mcp-")) {
			const struct signature *s = signature_header(set, name, value);
			if (s) {
				f->mcp_header = true;
				if (!f->header || slice_ieq_str(name, "mcp-protocol-version"))
					f->header = s;
			}
			if (slice_ieq_str(name, "mcp-session-id")) {
				f->session_header = true;
				f->session_id = value;
			}
			if (slice_ieq_str(name, "mcp-protocol-version"))
				f->version = value;
		}
		break;
	case 's':
		if (slice_ieq_str(name, "sec-websocket-protocol"))
			f->upgrade_protocol = value;
		break;
	case 'u':
		if (slice_ieq_str(name, "user-agent"))
			f->user_agent = value;
		else if (slice_ieq_str(name, "upgrade"))
			f->upgrade_websocket = slice_ieq_str(value, "websocket");
		break;
	case 'x':
		if (slice_ieq_str(name, "x-api-key") || slice_ieq_str(name, "x-api-token") || slice_ieq_str(name, "x-auth-token"))
			note_auth(f, AUTH_APIKEY);
		break;
	default: break;
	}
}

void request_facts_read(const struct http_head *head, const struct signature_set *set, struct request_facts *ret)
{
	struct request_facts f = {.verb = verb_of(head->method), .auth = AUTH_NONE};
	struct slice target = head->target;
	if (f.verb == VERB_CONNECT && head->authority.n && !slice_eq(head->authority, target))
		f.verb = VERB_OTHER; /* RFC 8441: it asks for a resource of that authority, not for a tunnel */
	f.authority = head->authority;
	if (f.verb == VERB_CONNECT) {
		f.authority = target;
		f.absolute_form = true;
	} else if (slice_istarts(target, "http://") || slice_istarts(target, "https://")) {
		/* RFC 9112 3.2.2: an absolute-form target overrides Host */
		struct slice rest = slice_after(target, slice_find(target, ':') + 3);
		size_t end = 0;
		while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
			end++;
		f.authority = slice_first(rest, end);
		size_t at = slice_find(f.authority, '@');
		if (at < f.authority.n) {
			f.url_credential = at > 0;
			f.authority = slice_after(f.authority, at + 1);
		}
		f.absolute_form = true;
	}
	if (f.verb != VERB_CONNECT) {
		f.path = uri_path(target);
		f.query = uri_query(target);
	}
	for (uint32_t i = 0; i < head->n_fields; i++)
		read_field(&f, &head->fields[i], set);
	if (f.query.n) {
		f.session_uri = query_has(f.query, is_session_parameter);
		if (query_has(f.query, is_credential_parameter)) {
			f.url_credential = true;
			note_auth(&f, AUTH_QUERY_TOKEN);
		}
	}
	*ret = f;
}

/* "chat, mcp": a list of tokens (RFC 6455 4.1, point 10 of the client's requirements). */
static bool lists_token(struct slice list, const char *token)
{
	while (list.n) {
		struct slice one = slice_first(list, slice_find(list, ','));
		if (slice_ieq_str(slice_trim(one), token))
			return true;
		list = slice_after(list, one.n + 1);
	}
	return false;
}

struct mcp_exchange *mcp_exchange_new(const struct request_facts *f, const struct http_head *head, unsigned depth,
                                      struct mcp_row *row)
{
	struct mcp_exchange *x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	x->id = head->exchange;
	x->depth = depth;
	x->row = row;
	x->verb = f->verb;
	x->auth = f->auth;
	x->http_version = mcp_exchange_version(head, row && row->encrypted);
	x->head_lost = head->fields_lost;
	x->mcp_header = f->mcp_header;
	x->session_header = f->session_header;
	x->accepts_both = f->accepts_json && f->accepts_sse;
	x->accepts_sse = f->accepts_sse;
	x->session_uri = f->session_uri;
	x->json_body = f->json_body;
	x->ambiguous = head->ambiguous;
	x->websocket = f->upgrade_websocket;
	x->subprotocol = f->upgrade_websocket && lists_token(f->upgrade_protocol, "mcp");
	x->url_credential = f->url_credential;
	x->head_whole = !head->fields_cut && !head->fields_lost;
	x->origin = mcp_origin_of(head, f->authority);
	x->mirror = f->verb == VERB_POST ? mcp_mirror_new(head) : NULL;
	struct mcp_claims claims = {.n = 0};
	mcp_claims_read(head, &claims);
	if (claims.n && (x->claims = malloc(sizeof *x->claims)) != NULL)
		*x->claims = claims;
	text_copy(x->version, sizeof x->version, f->version);
	x->path = text_dup(f->path, LIMIT_PATH);
	x->user_agent = f->user_agent.n ? text_dup(f->user_agent, LIMIT_USER_AGENT) : NULL;
	return x;
}

/* The request is MCP: what its head said belongs to the row. */
void mcp_exchange_confirm(struct mcp_exchange *x)
{
	struct mcp_row *row = x->row;
	enum row_rank rank = x->discovery ? RANK_HINT : RANK_MCP;
	if (x->path && rank > row->path_rank) {
		mcp_row_set(row, &row->path, slice_str(x->path), LIMIT_PATH, true);
		row->path_rank = rank;
	}
	if (x->user_agent)
		mcp_row_set(row, &row->user_agent, slice_str(x->user_agent), LIMIT_USER_AGENT, false);
	if (!row->encrypted || row->http_version == HTTP_VERSION_NONE)
		row->http_version = x->http_version;
	if (!x->discovery)
		mcp_row_auth(row, x->auth);
	if (!x->discovery && x->url_credential)
		mcp_row_fact(row, FACT_QUERY_CREDENTIAL);
	if (x->version[0] && !x->discovery)
		mcp_row_set(row, &row->version_declared, slice_str(x->version), LIMIT_VERSION, true);
	if (!x->evidence && !x->discovery)
		mcp_row_transport(row, mcp_exchange_transport(x), 1);
	for (unsigned i = 0; x->claims && i < x->claims->n; i++)
		mcp_row_claim(row, &x->claims->items[i]);
	x->evidence = true;
	mcp_exchange_session(x, x->session_key);
}

void mcp_exchange_session(struct mcp_exchange *x, uint64_t key)
{
	struct mcp_row *row = x->row;
	uint8_t place = key ? mcp_row_session(row, key) : 0;
	if (!x->session)
		x->session = place;
	if (!place || row->names_session)
		return;
	/* HTTP/1 has one exchange at a time: the session that comes next on the connection is that of the initialize whose answer was not
	 * seen. In HTTP/2 it may be that of somebody else behind the same proxy. */
	bool next = row->names_waiting && place == 1 && x->http_version != HTTP_VERSION_2 && x->http_version != HTTP_VERSION_H2C;
	if (x->initializes || next) {
		row->names_session = place;
		row->changed = true;
	}
}

void mcp_exchange_named(struct mcp_exchange *x)
{
	struct mcp_row *row = x->row;
	if (row->names_session)
		return;
	if (x->session) {
		row->names_session = x->session;
		row->changed = true;
	} else if (x->initializes) {
		row->names_waiting = row->n_session_keys == 0;
	}
}

/* A refusal is JSON-RPC as often as not, so its status has to say that the request was let through. */
void mcp_exchange_answered(struct mcp_exchange *x)
{
	if (!x->answered_mcp || !x->evidence || x->discovery || (x->status / 100 != 2 && x->status != 101))
		return;
	if (x->auth == AUTH_NONE && x->head_whole)
		mcp_row_fact(x->row, FACT_UNAUTHENTICATED);
	if (x->origin == ORIGIN_FOREIGN)
		mcp_row_fact(x->row, FACT_ORIGIN_FOREIGN);
	else if (x->origin == ORIGIN_MISSING)
		mcp_row_fact(x->row, FACT_ORIGIN_MISSING);
}

struct mcp_exchange *mcp_exchange_unpaired(const struct http_head *head, unsigned depth)
{
	struct mcp_exchange *x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	x->id = head->exchange;
	x->depth = depth;
	x->unpaired = true;
	return x;
}

enum http_version mcp_exchange_version(const struct http_head *head, bool encrypted)
{
	if (head->major == 2)
		return encrypted ? HTTP_VERSION_2 : HTTP_VERSION_H2C;
	return head->minor ? HTTP_VERSION_1_1 : HTTP_VERSION_1_0;
}

enum transport mcp_exchange_transport(const struct mcp_exchange *x)
{
	if (x->websocket)
		return TRANSPORT_WEBSOCKET;
	if (x->verb == VERB_GET)
		return x->endpoint_event ? TRANSPORT_HTTP_SSE : TRANSPORT_STREAMABLE_HTTP;
	if (x->verb == VERB_DELETE)
		return TRANSPORT_STREAMABLE_HTTP;
	if (x->verb == VERB_POST) {
		/* only the legacy transport answers a request by 202, its result comes on the other connection */
		bool legacy = (x->session_uri && !x->accepts_sse) || (x->status == 202 && x->has_request);
		return legacy ? TRANSPORT_HTTP_SSE : TRANSPORT_STREAMABLE_HTTP;
	}
	return TRANSPORT_NONE;
}

void mcp_exchange_free(struct mcp_exchange *x)
{
	if (!x)
		return;
	free(x->claims);
	free(x->lists);
	mcp_mirror_free(x->mirror);
	free(x->path);
	free(x->user_agent);
	free(x);
}
