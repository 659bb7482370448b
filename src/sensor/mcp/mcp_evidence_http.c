/* Heads of HTTP requests and answers -> evidence: names, paths, headers, status. Called by the app_stream through the sink.
 * What their bodies carry is in mcp_evidence_http_message.c. */
#include "mcp_evidence.h"
#include "text.h"
#include <stdlib.h>

static const char *verb_name(enum http_verb v)
{
	static const char *const names[] = {"a request", "GET", "POST", "DELETE", "OPTIONS", "CONNECT"};
	return names[v];
}

/* OAuth metadata of an MCP resource: the well-known path followed by, or following, an MCP endpoint (RFC 9728 3.1). */
static bool is_mcp_discovery(const struct mcp_evidence *e, struct slice path)
{
	static const char *const prefixes[] = {"/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server",
	                                       "/.well-known/openid-configuration"};
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (slice_starts(path, prefixes[i])) {
			const struct signature *s = signature_path(e->set, slice_after(path, strlen(prefixes[i])));
			return s && s->role == PATH_ENDPOINT && s->specificity == PATH_STRONG;
		}
	return slice_starts(path, "/mcp/.well-known/");
}

static void head_by_name(struct mcp_evidence *e, struct mcp_row *row, const struct request_facts *f)
{
	static const char *const host_tiers[3] = {"host.dedicated", "host.shared", "host.pattern"};
	static const char *const connect_tiers[3] = {"proxy.connect-dedicated", "host.shared", "host.pattern"};
	struct slice name;
	uint16_t port;
	char text[HOSTNAME_TEXT];
	if (!authority_split(f->authority, &name, &port) || !hostname_normalize(name, text))
		return;
	bool connect = f->verb == VERB_CONNECT;
	mcp_evidence_host(e, row, text, connect ? "a proxy was asked for a host that" : "the HTTP host",
	                  connect ? connect_tiers : host_tiers);
	const struct signature *host = connect ? NULL : signature_host(e->set, text);
	if (host && host->tier == HOST_SHARED && (f->verb == VERB_POST || f->accepts_sse) &&
	    signature_host_endpoint(host, f->path))
		mcp_row_evidence(row, signature_behaviour(e->set, "http.path-accept"), CONFIDENCE_LIKELY,
		                 mcp_evidence_in_doubt(e), e->now_ns, e->frame, e->anomalies,
		                 "%s asked %s for the path where it serves MCP", verb_name(f->verb), text);
	e->any |= row->confidence != CONFIDENCE_NONE;
}

static struct mcp_row *row_of(struct mcp_evidence *e, const struct request_facts *f, bool fields_lost)
{
	struct slice authority = f->authority;
	if (!authority.n && e->tunnel)
		authority = slice_str(e->tunnel);
	if (!authority.n && fields_lost)
		return mcp_evidence_nameless(e);
	if (e->last_row && slice_eq_str(authority, e->last_authority))
		return e->last_row;
	struct mcp_row *row = mcp_evidence_row(e, authority);
	if (!row)
		return NULL;
	e->last_row = authority.n < sizeof e->last_authority ? row : NULL;
	text_copy(e->last_authority, sizeof e->last_authority, authority);
	if (authority.n && !row->host_from_request) {
		mcp_evidence_host_set(row, authority);
		row->host_from_request = f->verb != VERB_CONNECT;
	}
	if (f->absolute_form)
		mcp_row_proxy(row, f->verb == VERB_CONNECT ? PROXY_HTTP_CONNECT : PROXY_HTTP_ABSOLUTE);
	if (f->verb == VERB_CONNECT)
		row->secure_scheme = true;
	return row;
}

static bool request_head(struct mcp_evidence *e, unsigned depth, const struct http_head *head)
{
	struct request_facts f;
	request_facts_read(head, e->set, &f);
	struct slice authority = f.authority;
	bool same = e->last_row && slice_eq_str(authority, e->last_authority);
	bool post_json = f.verb == VERB_POST && f.json_body;
	bool discovery = f.verb == VERB_GET && slice_find(f.path, '.') < f.path.n && is_mcp_discovery(e, f.path);
	bool interesting = post_json || f.mcp_header || discovery || (f.verb == VERB_GET && f.accepts_sse) ||
	                   f.verb == VERB_CONNECT || f.cors_headers.n || f.upgrade_websocket;
	bool lost = head->fields_lost && (f.verb == VERB_POST || !head->method.n); /* what it carries has to tell */
	interesting |= lost;
	if (!interesting && same && e->last_row->confidence == CONFIDENCE_NONE)
		return false; /* the web: this host was looked at when it was first asked for */
	/* in HTTP/2 it is one stream that becomes a tunnel: what the connection goes on to say is not inside */
	if (f.verb == VERB_CONNECT && head->major == 1 && depth + 1 < LIMIT_TUNNEL_DEPTH) {
		free(e->tunnel);
		e->tunnel = text_dup(authority, LIMIT_HOST);
	}
	struct mcp_row *row = row_of(e, &f, head->fields_lost);
	if (!row || head->ambiguous)
		return false;
	if (!same)
		head_by_name(e, row, &f);
	if (!interesting && row->confidence == CONFIDENCE_NONE)
		return false;
	struct mcp_exchange *x = mcp_exchange_new(&f, head, depth, row);
	if (!x)
		return false;
	mcp_evidence_exchange_add(e, x);
	if (f.session_id.n)
		x->session_key = mcp_session_of_id(e->session_key, f.session_id);
	else if (f.session_uri)
		x->session_key = mcp_session_of_uri(e->session_key, head->target);
	else if (post_json)
		x->uri_key = mcp_session_of_uri(e->session_key, head->target);
	const struct signature *path = f.path.n ? signature_path(e->set, f.path) : NULL;
	x->path_endpoint = path && path->role == PATH_ENDPOINT;
	x->path_strong = x->path_endpoint && path->specificity == PATH_STRONG;
	x->discovery = discovery || (f.verb == VERB_GET && slice_find(f.path, '.') < f.path.n && slice_starts(f.path, "/.well-known/")) ||
	               f.verb == VERB_OPTIONS || f.verb == VERB_CONNECT || (f.verb == VERB_OTHER && !lost);
	if (f.mcp_header) {
		mcp_evidence_add(e, row, f.header, "%s carried a header that only MCP has: %s", verb_name(f.verb), f.header->reason);
		mcp_exchange_confirm(x);
	}
	if (discovery) {
		mcp_evidence_add(e, row, signature_behaviour(e->set, "oauth.mcp-resource"),
		         "the client asked for the OAuth metadata of an MCP endpoint: %.*s", (int)(f.path.n < 120 ? f.path.n : 120),
		         (const char *)f.path.p);
		mcp_exchange_confirm(x);
	}
	struct slice cors = f.cors_headers;
	for (; cors.n; cors = slice_after(cors, 1))
		if (slice_istarts(cors, "mcp-")) {
			mcp_evidence_add(e, row, signature_behaviour(e->set, "http.cors-mcp"),
			         "a browser asked leave to send a header that only MCP has");
			break;
		}
	if (x->subprotocol) {
		mcp_evidence_add(e, row, signature_behaviour(e->set, "websocket.subprotocol"),
		         "a WebSocket was asked for with the subprotocol mcp");
		mcp_exchange_confirm(x);
	}
	if (row->confidence != CONFIDENCE_NONE && !row->path && x->path) { /* a hint's first path, until MCP's is known */
		mcp_row_set(row, &row->path, slice_str(x->path), LIMIT_PATH, false);
		if (x->user_agent)
			mcp_row_set(row, &row->user_agent, slice_str(x->user_agent), LIMIT_USER_AGENT, false);
		if (row->http_version == HTTP_VERSION_NONE)
			row->http_version = x->http_version;
	}
	return f.verb == VERB_POST || lost;
}

/* A request that was not seen: only what the answer itself shows. */
static bool unpaired_head(struct mcp_evidence *e, unsigned depth, const struct http_head *head)
{
	e->answer_session_header = http_field_value(head, "mcp-session-id").p != NULL;
	/* a file from a web server's disk: a document that quotes MCP */
	e->answer_is_file = http_field_value(head, "last-modified").p || http_field_value(head, "etag").p ||
	                    http_field_value(head, "accept-ranges").p;
	if (head->exchange) {
		struct mcp_exchange *x = head->status / 100 == 1 ? NULL : mcp_exchange_unpaired(head, depth);
		if (!x)
			return false;
		x->answer_session = e->answer_session_header;
		x->answer_is_file = e->answer_is_file;
		x->http_version = mcp_exchange_version(head, e->tls);
		mcp_evidence_exchange_add(e, x);
	}
	e->answer_subprotocol = head->status == 101 && slice_ieq_str(http_field_value(head, "sec-websocket-protocol"), "mcp");
	if (e->answer_subprotocol) {
		struct mcp_row *row = mcp_evidence_nameless(e);
		if (row)
			mcp_evidence_add(e, row, signature_behaviour(e->set, "websocket.subprotocol"),
			                 "a WebSocket with the subprotocol mcp was accepted");
	}
	if (e->answer_session_header) {
		struct mcp_row *row = mcp_evidence_nameless(e);
		if (row) {
			mcp_evidence_add(e, row, signature_behaviour(e->set, "http.mcp-headers"),
			         "an answer, whose request was not seen, carried Mcp-Session-Id");
			mcp_row_transport(row, TRANSPORT_STREAMABLE_HTTP, 1); /* no other transport has the header */
			uint64_t key = mcp_session_of_id(e->session_key, http_field_value(head, "mcp-session-id"));
			if (key)
				mcp_row_session(row, key);
		}
	}
	return true;
}

static bool answer_head(struct mcp_evidence *e, unsigned depth, const struct http_head *head)
{
	if (head->ambiguous && head->major == 2)
		return false;
	if (head->unpaired || !head->exchange)
		return unpaired_head(e, depth, head);
	struct mcp_exchange *x = mcp_evidence_exchange(e, depth, head->exchange);
	if (!x || x->unpaired)
		return false;
	bool status_lost = head->fields_lost && !head->status;
	if (head->status < 200 && !status_lost) {
		if (head->status == 101) { /* a server that names no subprotocol accepts none (RFC 6455 4.2.2) */
			x->status = 101;
			x->subprotocol &= slice_ieq_str(http_field_value(head, "sec-websocket-protocol"), "mcp");
		}
		return false;
	}
	struct mcp_row *row = x->row;
	if (!mcp_evidence_in_doubt(e))
		mcp_row_trust(row);
	x->head_lost |= status_lost;
	x->status = head->status;
	x->http_version = mcp_exchange_version(head, row->encrypted); /* what the server speaks is what is spoken */
	mcp_connector_answered(e, x);
	bool ok = head->status >= 200 && head->status < 300;
	x->sse_answer = ok && slice_istarts(http_field_value(head, "content-type"), "text/event-stream");
	if (http_field_value(head, "mcp-session-id").p && x->verb == VERB_POST) {
		mcp_evidence_add(e, row, signature_behaviour(e->set, "http.mcp-headers"), "the server gave out an Mcp-Session-Id");
		mcp_exchange_confirm(x);
		mcp_exchange_session(x, mcp_session_of_id(e->session_key, http_field_value(head, "mcp-session-id")));
	} else if (x->initializes && !x->session) {
		row->names_waiting = false; /* refused, or by a server that has no ids: the next one is not of these names */
	}
	if (x->verb == VERB_DELETE && x->session_header && ok) {
		mcp_evidence_add(e, row, signature_behaviour(e->set, "http.session-delete"), "a session was ended by DELETE, answered %u",
		         head->status);
		x->answered_mcp = true;
	}
	if (x->mcp_header && x->sse_answer && !x->discovery) {
		mcp_evidence_add(e, row, signature_behaviour(e->set, "http.mcp-headers.answered"),
		         "%s with headers that only MCP has was answered by an event stream", verb_name(x->verb));
		x->answered_mcp = true;
	}
	if (x->legacy_open && head->status == 202 && !x->evidence) {
		mcp_evidence_add(e, row, signature_behaviour(e->set, "http.path-accept"),
		                 "a JSON-RPC request to a URI with a session id was answered by 202, as the legacy transport does");
		mcp_exchange_confirm(x);
	}
	if (x->evidence && x->verb == VERB_POST && head->status == 202) {
		x->answered_mcp = true;
		if (x->has_request && !x->session) /* the legacy transport, to an endpoint without an id */
			mcp_exchange_session(x, x->uri_key);
	}
	if (x->evidence && (!row->encrypted || row->decrypted))
		row->http_version = x->http_version;
	if (x->evidence && (head->status == 401 || head->status == 403)) {
		struct slice challenge = http_field_value(head, "www-authenticate");
		for (; challenge.n; challenge = slice_after(challenge, 1))
			if (slice_istarts(challenge, "resource_metadata")) {
				mcp_evidence_add(e, row, signature_behaviour(e->set, "oauth.challenge"),
				         "the server asked for authentication and named its OAuth resource metadata");
				break;
			}
	}
	mcp_exchange_answered(x);
	if (x->answered_mcp) {
		mcp_row_stage(row, STAGE_ESTABLISHED);
		mcp_row_transport(row, mcp_exchange_transport(x), 2);
	}
	if (x->evidence && ok && x->version[0] && !x->discovery)
		mcp_row_set(row, &row->version_accepted, slice_str(x->version), LIMIT_VERSION, true);
	return x->verb == VERB_POST || (x->verb == VERB_GET && (x->sse_answer || head->fields_lost)) || x->head_lost;
}

bool mcp_evidence_http_head(void *context, unsigned depth, const struct http_head *head)
{
	struct mcp_evidence *e = context;
	return head->direction == FROM_CLIENT ? request_head(e, depth, head) : answer_head(e, depth, head);
}
