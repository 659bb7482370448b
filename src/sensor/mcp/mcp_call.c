#include "mcp_call.h"
#include "call.h"
#include "mcp_evidence.h"
#include "resource_uri.h"
#include "text.h"
#include <stdlib.h>

/* ---- what a record says ---- */

/* Ids count up from 0 as a rule, but they are the client's to choose, and a few put tokens there: they are compared, never kept. Under a key
 * of their own, so that an id cannot be held against that of a session. */
static uint64_t id_hash(const struct mcp_evidence *e, const char *id, bool cut)
{
	if (!e->session_key || !id[0] || cut)
		return 0;
	struct hash_key key = {e->session_key->k0 ^ UINT64_C(0x6a736f6e72706320), e->session_key->k1};
	uint64_t hash = siphash(&key, id, strlen(id));
	return hash ? hash : 1;
}

static uint64_t exchange_number(const struct mcp_exchange *x)
{
	return x->id << 2 | (x->depth & 3);
}

_Static_assert(LIMIT_TUNNEL_DEPTH <= 4, "a depth takes two bits");

/* The latest that is known: that of its head, of its answer's, or of the endpoint that it asks. */
static uint64_t session_of(const struct mcp_exchange *x)
{
	if (x->session_key)
		return x->session_key;
	if (x->session && x->session <= x->row->n_session_keys)
		return x->row->session_keys[x->session - 1];
	return x->uri_key;
}

static void name_of(const struct jsonrpc_message *m, char out[LIMIT_PATH])
{
	bool named = strcmp(m->method, "tools/call") == 0 || strcmp(m->method, "prompts/get") == 0;
	bool uri = strcmp(m->method, "resources/read") == 0 || strcmp(m->method, "resources/subscribe") == 0 ||
	           strcmp(m->method, "resources/unsubscribe") == 0;
	out[0] = '\0';
	if (named && m->type[JM_P_NAME] == JSON_STRING)
		text_copy(out, LIMIT_PATH, slice_str(m->name));
	else if (uri && m->type[JM_P_URI] == JSON_STRING)
		resource_uri_plain(slice_str(m->uri), false, out, LIMIT_PATH);
}

static enum call_outcome outcome_of(const struct jsonrpc_message *m, const struct mcp_meaning *meaning)
{
	if (meaning->type == MCP_ERROR)
		return CALL_ERROR;
	if (m->is_error)
		return CALL_TOOL_ERROR;
	if (strcmp(m->result_type, "input_required") == 0)
		return CALL_INPUT_REQUIRED;
	/* 2026-07-28 says so, 2025-11-25 answers with the task where a result would be */
	bool task = m->type[JM_R_TASK] == JSON_OBJECT && m->type[JM_R_CONTENT] == JSON_ABSENT;
	return task || strcmp(m->result_type, "task") == 0 ? CALL_TASK : CALL_OK;
}

/* ---- those that wait ---- */

static void drop(struct mcp_calls *c, struct mcp_call *previous)
{
	struct mcp_call **at = previous ? &previous->next : &c->first, *gone = *at;
	*at = gone->next;
	if (c->last == gone)
		c->last = previous;
	c->n--;
	c->bytes -= gone->n;
	free(gone->bytes);
	free(gone);
}

static void add(struct mcp_evidence *e, struct mcp_row *row, struct mcp_exchange *x, struct call *call)
{
	struct mcp_calls *c = &e->calls;
	if (c->n == LIMIT_CALLS_HELD) {
		anomaly_count(e->anomalies, ANOMALY_CALLS_LIMIT);
		drop(c, NULL);
	}
	struct mcp_call *one = malloc(sizeof *one);
	if (!one)
		return;
	*one = (struct mcp_call){.row = row, .exchange = x};
	call->time_ns = e->now_ns;
	call->frame = e->frame;
	one->bytes = call_encode(call, &one->n);
	if (!one->bytes) {
		free(one);
		return;
	}
	*(c->last ? &c->last->next : &c->first) = one;
	c->last = one;
	c->n++;
	c->bytes += one->n;
}

static void say(struct mcp_evidence *e, struct mcp_row *row, struct mcp_exchange *x, struct call *call,
                const struct jsonrpc_message *m, const struct mcp_meaning *meaning)
{
	char name[LIMIT_PATH];
	call->id = id_hash(e, m->id, m->id_cut);
	call->bytes = m->bytes;
	if (meaning->type == MCP_REQUEST) {
		name_of(m, name);
		call->part = CALL_REQUEST;
		call->method = m->method;
		call->name = name;
		call->ordinal = row->calls++;
	} else if (meaning->type == MCP_NOTIFICATION) {
		call->part = CALL_CANCEL;
		call->id = id_hash(e, m->request_id, m->request_id_cut);
	} else {
		call->part = CALL_ANSWER;
		call->outcome = outcome_of(m, meaning);
		call->code = meaning->type == MCP_ERROR ? m->error_code : 0;
	}
	add(e, row, x, call);
}

static bool is_call(const struct jsonrpc_message *m, const struct mcp_meaning *meaning)
{
	if (meaning->type == MCP_NOTIFICATION)
		return strcmp(m->method, "notifications/cancelled") == 0;
	return (meaning->type == MCP_REQUEST && m->method[0]) || meaning->type == MCP_RESULT || meaning->type == MCP_ERROR;
}

void mcp_call_http(struct mcp_evidence *e, struct mcp_exchange *x, enum direction d, const struct jsonrpc_message *m,
                   const struct mcp_meaning *meaning, bool believed)
{
	if (!e->calls.wanted || !is_call(m, meaning) || !(believed || x->pending))
		return;
	/* on a row that is sure already a known method is taken at its word; before that its exchange has to show what it is */
	struct mcp_exchange *awaited = x->evidence || x->row->confidence == CONFIDENCE_CONFIRMED ? NULL : x;
	struct call call = {.from = d, .session = session_of(x)};
	bool asks = meaning->type == MCP_REQUEST, answers = meaning->type == MCP_RESULT || meaning->type == MCP_ERROR;
	/* what the server asks on a stream is answered by another POST, and what a stream answers was asked by one */
	if ((d == FROM_CLIENT && asks) || (d == FROM_SERVER && answers && x->verb == VERB_POST)) {
		call.exchange = exchange_number(x);
		x->called |= asks;
	}
	if (answers && d == FROM_SERVER && x->verb == VERB_POST)
		call.status = x->status;
	say(e, x->row, awaited, &call, m, meaning);
}

void mcp_call_dialogue(struct mcp_evidence *e, struct mcp_row *row, enum direction d, const struct jsonrpc_message *m,
                       const struct mcp_meaning *meaning)
{
	struct call call = {.from = d};
	if (e->calls.wanted && is_call(m, meaning))
		say(e, row, NULL, &call, m, meaning);
}

/* ---- ends ---- */

void mcp_call_exchange_end(struct mcp_evidence *e, struct mcp_exchange *x, const struct app_body *body)
{
	if (!x->called)
		return;
	/* a stream that was closed before its end, as clients of 2026-07-28 do who want no more of it, lost nothing on the way */
	bool closed = body->sse && body->bytes && !e->gaps;
	struct call call = {.part = CALL_EXCHANGE_END, .from = FROM_SERVER, .exchange = exchange_number(x), .session = session_of(x),
	                    .status = x->status, .lost = body->lost && !closed};
	x->called = false;
	add(e, x->row, x->evidence || x->row->confidence == CONFIDENCE_CONFIRMED ? NULL : x, &call);
}

void mcp_call_exchange_gone(struct mcp_evidence *e, const struct mcp_exchange *x)
{
	for (struct mcp_call *c = e->calls.first, *previous = NULL, *next; c; c = next) {
		next = c->next;
		if (c->exchange == x && !x->evidence) {
			drop(&e->calls, previous);
			continue;
		}
		if (c->exchange == x)
			c->exchange = NULL;
		previous = c;
	}
}

void mcp_call_row_gone(struct mcp_evidence *e, const struct mcp_row *row)
{
	for (struct mcp_call *c = e->calls.first, *previous = NULL, *next; c; c = next) {
		next = c->next;
		if (c->row == row)
			drop(&e->calls, previous);
		else
			previous = c;
	}
}

void mcp_call_end(struct mcp_evidence *e, bool lost)
{
	for (uint32_t i = 0; e->calls.wanted && i < e->n_rows; i++) {
		struct call call = {.part = CALL_CONNECTION_END, .lost = lost};
		if (e->rows[i]->calls)
			add(e, e->rows[i], NULL, &call);
	}
}

void mcp_call_release(struct mcp_evidence *e)
{
	for (struct mcp_call *c = e->calls.first, *previous = NULL, *next; c; c = next) {
		next = c->next;
		if (c->row->confidence != CONFIDENCE_CONFIRMED || (c->exchange && !c->exchange->evidence)) {
			previous = c;
			continue;
		}
		mcp_records_put_take(&e->records, c->row->ordinal, c->bytes, c->n);
		e->calls.bytes -= c->n;
		c->bytes = NULL;
		c->n = 0;
		drop(&e->calls, previous);
	}
}

void mcp_calls_done(struct mcp_calls *c)
{
	while (c->first)
		drop(c, NULL);
}
