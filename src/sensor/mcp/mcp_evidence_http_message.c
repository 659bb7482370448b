/* Bodies of HTTP requests and answers -> evidence: JSON-RPC messages, events of streams, the ends of exchanges. Called by the
 * app_stream through the sink. Believes a message only where MCP travels. */
#include "mcp_evidence.h"
#include "text.h"
#include <stdlib.h>

/* What surrounds the message says MCP, so that a method name others have too is taken at its word. */
static bool in_context(const struct mcp_exchange *x)
{
	return x->mcp_header || x->accepts_both || x->session_uri || x->row->confidence == CONFIDENCE_CONFIRMED;
}

static void request_evidence(struct mcp_evidence *e, struct mcp_exchange *x, const struct jsonrpc_message *m,
                             const struct mcp_meaning *meaning)
{
	const char *id = meaning->behaviour ? meaning->behaviour : "mcp.jsonrpc.request";
	if (strcmp(id, "mcp.jsonrpc.initialize") == 0)
		mcp_evidence_add(e, x->row, signature_behaviour(e->set, id), "POST carried an MCP initialize request for revision %s from client %s",
		         m->protocol_version, m->client_name);
	else if (m->method[0])
		mcp_evidence_add(e, x->row, signature_behaviour(e->set, id), "POST carried the MCP message %s", m->method);
	else
		mcp_evidence_add(e, x->row, signature_behaviour(e->set, id),
		                 "POST carried the client's answer to an MCP request of the server");
	if (m->type[JM_P_META_VERSION] == JSON_STRING && !x->version[0])
		memcpy(x->version, m->protocol_version, sizeof x->version);
	mcp_exchange_confirm(x);
}

static void client_message(struct mcp_evidence *e, struct mcp_exchange *x, const struct jsonrpc_message *m)
{
	struct mcp_meaning meaning = mcp_message_read(m);
	bool context = in_context(x);
	if (x->head_lost && x->verb == VERB_OTHER && meaning.type != MCP_NO_MESSAGE)
		x->verb = VERB_POST; /* nothing else carries such a body */
	if (meaning.type == MCP_NO_MESSAGE || x->ambiguous || x->verb != VERB_POST || (m->in_batch && !context)) {
		x->foreign |= meaning.type == MCP_NO_MESSAGE;
		return;
	}
	bool asks = meaning.type == MCP_REQUEST;
	bool known = signature_method(e->set, slice_str(m->method)) != NULL;
	x->has_request |= asks;
	if (asks)
		mcp_offer_asks(&x->lists, m);
	if (!m->utf8_bad || meaning.shape == SHAPE_PROOF) {
		if (meaning.shape == SHAPE_PROOF || (meaning.shape == SHAPE_METHOD && context))
			request_evidence(e, x, m, &meaning);
		else if (asks && meaning.shape == SHAPE_METHOD && !x->pending && !m->id_cut) {
			x->pending = true;
			memcpy(x->method, m->method, sizeof x->method);
			memcpy(x->rpc_id, m->id, sizeof x->rpc_id);
		} else if (meaning.shape == SHAPE_OPEN && x->mcp_header) {
			mcp_exchange_confirm(x);
		} else if (asks && known && x->session_uri && x->path_endpoint) {
			x->legacy_open = true;
		}
	}
	if (known || x->evidence)
		mcp_evidence_facts(e, x->row, FROM_CLIENT, m, &meaning);
	mcp_call_http(e, x, FROM_CLIENT, m, &meaning, known || x->evidence);
	if (x->evidence && mcp_mirror_differs(x->mirror, x->version, m))
		mcp_row_fact(x->row, FACT_HEADER_BODY_DIFFER);
	if (m->client_name[0] && x->row->client_name) {
		x->initializes = strcmp(m->client_name, x->row->client_name) == 0;
		if (x->initializes)
			mcp_exchange_named(x);
		else
			x->row->names_waiting = false; /* the session to come may be this other client's */
	}
	if (strcmp(m->method, "initialize") == 0 && meaning.shape == SHAPE_PROOF) {
		mcp_row_set(x->row, &x->row->version_requested, slice_str(m->protocol_version), LIMIT_VERSION, false);
		mcp_row_set(x->row, &x->row->version_declared, slice_str(m->protocol_version), LIMIT_VERSION, true);
	} else if (x->evidence && x->version[0]) {
		mcp_row_set(x->row, &x->row->version_declared, slice_str(x->version), LIMIT_VERSION, true);
	}
}

static void established(struct mcp_exchange *x)
{
	x->answered_mcp = true;
	mcp_exchange_answered(x);
	mcp_row_stage(x->row, STAGE_ESTABLISHED);
	mcp_row_transport(x->row, mcp_exchange_transport(x), 2);
}

/* An answer to a POST: a result or error for it, or on a stream also requests and notifications of the server. */
static void answer_to_post(struct mcp_evidence *e, struct mcp_exchange *x, const struct jsonrpc_message *m,
                           const struct mcp_meaning *meaning)
{
	bool result = meaning->type == MCP_RESULT, error = meaning->type == MCP_ERROR;
	if (result && !x->evidence && x->pending && !x->foreign && strcmp(x->rpc_id, m->id) == 0 &&
	    mcp_result_fits(x->method, m)) {
		mcp_evidence_add(e, x->row, signature_behaviour(e->set, "mcp.dialogue"), "%s was asked, and answered as MCP answers it",
		         x->method);
		mcp_exchange_confirm(x);
	}
	if (!x->evidence)
		return;
	if (meaning->shape >= SHAPE_METHOD && meaning->behaviour)
		mcp_evidence_add(e, x->row, signature_behaviour(e->set, meaning->behaviour),
		         result ? "the server answered with a result of MCP's shape%s%s"
		                : "the server sent an MCP message of its own%s%s",
		         m->server_name[0] ? ", server " : "", m->server_name);
	else if (x->mcp_header && (result || error))
		mcp_evidence_add(e, x->row, signature_behaviour(e->set, "http.mcp-headers.answered"),
		         "a request with headers that only MCP has was answered by JSON-RPC");
	mcp_evidence_facts(e, x->row, FROM_SERVER, m, meaning);
	if (m->server_name[0] && (x->initializes || !x->row->client_name))
		mcp_exchange_named(x);
	if (error && m->type[JM_E_SUPPORTED] != JSON_ABSENT)
		x->version_refused = true;
	if (error && x->status == 400)
		x->version_refused = true;
	established(x);
	mcp_offer_answer(e, x->row, x->lists, x->has_request, m);
	mcp_call_http(e, x, FROM_SERVER, m, meaning, true);
}

static void unpaired_message(struct mcp_evidence *e, const struct jsonrpc_message *m, const struct mcp_meaning *meaning,
                             enum http_version version)
{
	if (meaning->shape != SHAPE_PROOF && !(e->answer_session_header && meaning->shape == SHAPE_METHOD))
		return;
	struct mcp_row *row = mcp_evidence_nameless(e);
	if (!row)
		return;
	/* a document that quotes MCP is an answer to a GET: without the request only a session header tells */
	enum confidence c = e->answer_session_header ? CONFIDENCE_CONFIRMED
	                  : e->answer_is_file        ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY;
	mcp_row_evidence(row, signature_behaviour(e->set, meaning->behaviour), c, mcp_evidence_in_doubt(e), e->now_ns, e->frame,
	                 e->anomalies, "an answer, whose request was not seen, has the shape of MCP");
	e->any |= row->confidence != CONFIDENCE_NONE;
	if (row->http_version == HTTP_VERSION_NONE)
		row->http_version = version;
	mcp_evidence_facts(e, row, FROM_SERVER, m, meaning);
	if (meaning->type == MCP_REQUEST) /* its answer may be seen; what this is an answer to was not */
		mcp_call_dialogue(e, row, FROM_SERVER, m, meaning);
	if (e->answer_session_header) {
		mcp_row_stage(row, STAGE_ESTABLISHED);
		if (row->server_name && row->n_session_keys == 1)
			row->names_session = 1;
		mcp_offer_unasked(e, row, m);
	}
}

/* What an endpoint event is worth as long as nothing on its stream speaks against it. Chats name an endpoint with a session too, and go on
 * with objects of their own: alone it is a hint, until a JSON-RPC message follows, or nothing else has when the stream ends. */
static void endpoint_event(struct mcp_evidence *e, struct mcp_exchange *x, bool alone)
{
	const struct signature *s = signature_behaviour(e->set, "sse.endpoint");
	mcp_row_evidence(x->row, s, s && alone ? CONFIDENCE_POSSIBLE : s ? s->confidence : CONFIDENCE_NONE, mcp_evidence_in_doubt(e), e->now_ns,
	                 e->frame, e->anomalies, "the event stream began with an endpoint event that names a session URI");
	e->any |= x->row->confidence != CONFIDENCE_NONE;
	if (alone)
		return;
	mcp_exchange_confirm(x);
	mcp_exchange_session(x, x->uri_key);
	mcp_row_transport(x->row, TRANSPORT_HTTP_SSE, 1);
	established(x);
}

static bool endpoint_stands(const struct mcp_exchange *x)
{
	return x->endpoint_event && !x->foreign && !x->evidence;
}

void mcp_evidence_http_message(struct mcp_evidence *e, unsigned depth, enum app_carrier carrier, enum direction d,
                               uint64_t exchange, const struct jsonrpc_message *m)
{
	struct mcp_exchange *x = exchange ? mcp_evidence_exchange(e, depth, exchange) : NULL;
	if (d == FROM_CLIENT) {
		if (x && !x->unpaired)
			client_message(e, x, m);
		return;
	}
	struct mcp_meaning meaning = mcp_message_read(m);
	if (meaning.type == MCP_NO_MESSAGE) {
		if (x && !x->unpaired && x->verb == VERB_GET)
			x->foreign = true;
		return;
	}
	if (x && !x->unpaired && endpoint_stands(x))
		endpoint_event(e, x, false);
	if (x && x->unpaired) { /* others may be read between its pieces */
		e->answer_session_header = x->answer_session;
		e->answer_is_file = x->answer_is_file;
	}
	if (!exchange || (x && x->unpaired)) {
		unpaired_message(e, m, &meaning, x ? x->http_version : HTTP_VERSION_NONE);
	} else if (x && x->verb == VERB_POST) {
		answer_to_post(e, x, m, &meaning);
	} else if (x && x->verb == VERB_GET && carrier == CARRIER_SSE) {
		/* the legacy transport's results, or what a server says by itself; a plain feed may carry JSON-RPC too */
		if (!x->evidence && meaning.shape != SHAPE_PROOF)
			return;
		if (meaning.shape >= SHAPE_METHOD && meaning.behaviour)
			mcp_evidence_add(e, x->row, signature_behaviour(e->set, meaning.behaviour),
			         "the event stream carried an MCP %s%s%s", meaning.type == MCP_RESULT ? "result" : "message",
			         m->server_name[0] ? " of server " : "", m->server_name);
		mcp_exchange_confirm(x);
		if (!x->session)
			mcp_exchange_session(x, x->uri_key);
		mcp_evidence_facts(e, x->row, FROM_SERVER, m, &meaning);
		if (m->server_name[0] && !x->row->client_name)
			mcp_exchange_named(x);
		established(x);
		mcp_offer_unasked(e, x->row, m);
		mcp_call_http(e, x, FROM_SERVER, m, &meaning, true);
	}
}

void mcp_evidence_sse_event(void *context, unsigned depth, uint64_t exchange, struct slice type, struct slice data,
                            bool data_cut)
{
	struct mcp_evidence *e = context;
	struct mcp_exchange *x = exchange ? mcp_evidence_exchange(e, depth, exchange) : NULL;
	if (!x || x->unpaired || x->verb != VERB_GET || x->endpoint_event || data_cut || !slice_eq_str(type, "endpoint"))
		return;
	data = slice_trim(data);
	x->uri_key = mcp_session_of_uri(e->session_key, data);
	/* a relative or absolute URI with a session in it; service discovery feeds use the same event name */
	if (!uri_has_session(data) || slice_find(data, ' ') < data.n || slice_find(data, '{') < data.n)
		return;
	x->endpoint_event = true;
	endpoint_event(e, x, !x->evidence);
}

void mcp_evidence_http_end(void *context, unsigned depth, enum direction d, uint64_t exchange, const struct app_body *body)
{
	struct mcp_evidence *e = context;
	struct mcp_exchange *x = exchange ? mcp_evidence_exchange(e, depth, exchange) : NULL;
	if (!x)
		return;
	if (x->unpaired) {
		mcp_evidence_exchange_drop(e, x);
		return;
	}
	if (d == FROM_CLIENT) {
		if (body->json && body->messages == 0 && body->lost && x->accepts_both && x->path_strong && !x->evidence) {
			mcp_evidence_add(e, x->row, signature_behaviour(e->set, "http.path-accept"),
			         "POST to an MCP path with MCP's Accept header; the body could not be read");
			mcp_exchange_confirm(x);
		}
		return;
	}
	mcp_call_exchange_end(e, x, body);
	if (endpoint_stands(x))
		endpoint_event(e, x, false);
	if (x->evidence && !x->answered_mcp && !(body->lost && x->status < 300))
		mcp_row_stage(x->row, STAGE_ATTEMPTED);
	if (x->version_refused && x->version[0] && x->row->version_declared &&
	    strcmp(x->row->version_declared, x->version) == 0) { /* it counts only as asked for */
		mcp_row_set(x->row, &x->row->version_requested, slice_str(x->version), LIMIT_VERSION, false);
		free(x->row->version_declared);
		x->row->version_declared = NULL;
	}
	mcp_evidence_exchange_drop(e, x);
}

void mcp_evidence_http_closed(struct mcp_evidence *e, bool gone)
{
	for (struct mcp_exchange *x = e->exchanges; x; x = x->next) {
		if (gone && endpoint_stands(x))
			endpoint_event(e, x, false);
		if (x->evidence && !x->answered_mcp && !(x->status == 101 && !gone))
			mcp_row_stage(x->row, STAGE_ATTEMPTED);
	}
}
