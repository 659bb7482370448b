/* Messages of a WebSocket as evidence. A WebSocket is a chat as often as not, and what people write there may be the
 * text of a message of MCP, to the last brace. So a message alone proves something only where the handshake asked for
 * MCP's subprotocol; otherwise one side must have asked as MCP asks and the other answered as MCP answers. Where only
 * one side was captured, the first thing that it said must be what only MCP says. Among messages that are no JSON-RPC
 * more answers than one are asked for: two people can show each other a request and its answer. */
#include "mcp_evidence.h"
#include "text.h"

/* Answers that must fit their requests where the WebSocket carries something else too. */
enum { ANSWERS_AMONG_OTHERS = 3 };

/* The row of a WebSocket whose handshake was not seen: that of the connection, while it has one only. */
static struct mcp_row *row_without_handshake(struct mcp_evidence *e)
{
	return e->n_rows == 1 ? e->rows[0] : mcp_evidence_row(e, e->tunnel ? slice_str(e->tunnel) : slice_of(NULL, 0));
}

static void proved(struct mcp_evidence *e, struct mcp_exchange *x, struct mcp_row *row, bool answered)
{
	e->websocket_proved = true;
	if (x)
		mcp_exchange_confirm(x);
	mcp_row_transport(row, TRANSPORT_WEBSOCKET, answered ? 2 : 1);
	if (!answered)
		return;
	mcp_row_stage(row, STAGE_ESTABLISHED);
	if (x) {
		x->answered_mcp = true;
		mcp_exchange_answered(x);
	}
}

static void say(struct mcp_evidence *e, struct mcp_row *row, const struct jsonrpc_message *m, const char *behaviour)
{
	const struct signature *s = signature_behaviour(e->set, behaviour);
	if (strcmp(m->method, "initialize") == 0)
		mcp_evidence_add(e, row, s,
				 "a WebSocket message was an MCP initialize request for revision %s from client %s",
				 m->protocol_version, m->client_name);
	else if (m->method[0])
		mcp_evidence_add(e, row, s, "a WebSocket message was the MCP message %s", m->method);
	else
		mcp_evidence_add(e, row, s, "a WebSocket message was a result of MCP's shape%s%s",
				 m->server_name[0] ? ", server " : "", m->server_name);
}

static void dialogue(struct mcp_evidence *e, struct mcp_exchange *x, struct mcp_row *row, enum direction d,
		     const struct jsonrpc_message *m, const struct mcp_meaning *meaning)
{
	struct mcp_dialogue_request *q = mcp_evidence_asked(e, d, m);
	bool fits = meaning->type == MCP_RESULT ? q && mcp_result_fits(q->method, m)
						: q && meaning->type == MCP_ERROR && q->shape == SHAPE_PROOF;
	if (fits && e->websocket_answers < ANSWERS_AMONG_OTHERS)
		e->websocket_answers++;
	bool enough = fits && (!e->websocket_foreign || e->websocket_answers == ANSWERS_AMONG_OTHERS);
	if (!enough && !(e->websocket_proved && q))
		return;
	if (!mcp_evidence_in_doubt(e))
		mcp_row_trust(row);
	if (fits)
		mcp_evidence_add(e, row, signature_behaviour(e->set, "mcp.dialogue"),
				 "%s was asked in a WebSocket, and answered as MCP answers it", q->method);
	proved(e, x, row, d == FROM_SERVER);
	if (fits && d == FROM_SERVER)
		mcp_offer_dialogue(e, row, q->method, q->cursor, m);
	q->method[0] = 0;
}

/* What one message says by itself. alone: the other side was not captured. first: nothing was said before it. */
static void single(struct mcp_evidence *e, struct mcp_exchange *x, struct mcp_row *row, const struct jsonrpc_message *m,
		   const struct mcp_meaning *meaning, bool alone, bool first)
{
	bool subprotocol = x ? x->subprotocol : e->answer_subprotocol;
	if (!meaning->behaviour || meaning->shape < SHAPE_METHOD)
		return;
	if (subprotocol || e->websocket_proved) {
		say(e, row, m, meaning->behaviour);
		proved(e, x, row, false);
	} else if (first && !e->websocket_foreign && meaning->shape == SHAPE_PROOF) {
		mcp_row_evidence(
		    row, signature_behaviour(e->set, meaning->behaviour),
		    alone ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE, mcp_evidence_in_doubt(e), e->now_ns, e->frame,
		    e->anomalies,
		    "the first message in a WebSocket was one of MCP; no answer of the other side was seen");
		e->any |= row->confidence != CONFIDENCE_NONE;
		if (x)
			mcp_exchange_confirm(x);
		mcp_row_transport(row, TRANSPORT_WEBSOCKET, 1);
	}
}

void mcp_evidence_websocket(struct mcp_evidence *e, unsigned depth, enum direction d, uint64_t exchange,
			    const struct jsonrpc_message *m)
{
	struct mcp_exchange *x = exchange ? mcp_evidence_exchange(e, depth, exchange) : NULL;
	struct mcp_meaning meaning = mcp_message_read(m);
	bool first = !e->websocket_said[d];
	e->websocket_said[d] = true;
	e->websocket_foreign |= meaning.type == MCP_NO_MESSAGE;
	if (meaning.type == MCP_NO_MESSAGE || m->in_batch)
		return;
	struct mcp_row *row = x ? x->row : row_without_handshake(e);
	if (!row)
		return;
	bool request = meaning.type == MCP_REQUEST;
	if (request && meaning.shape >= SHAPE_OPEN && signature_method(e->set, slice_str(m->method)))
		mcp_evidence_remember(e, d, m, meaning.shape);
	/* the handshake's answer was not seen, or its request was not */
	bool alone = d == FROM_CLIENT ? x && !x->status : !x;
	if (d == FROM_CLIENT && request && meaning.shape == SHAPE_PROOF &&
	    m->type[JM_P_PROTOCOL_VERSION] == JSON_STRING) {
		mcp_row_set(row, &row->version_requested, slice_str(m->protocol_version), LIMIT_VERSION, false);
		mcp_row_set(row, &row->version_declared, slice_str(m->protocol_version), LIMIT_VERSION, true);
	}
	single(e, x, row, m, &meaning, alone, first);
	if (meaning.type == MCP_RESULT || meaning.type == MCP_ERROR)
		dialogue(e, x, row, d, m, &meaning);
	bool believed = e->websocket_proved || meaning.shape == SHAPE_PROOF || signature_method(e->set, slice_str(m->method));
	if (believed)
		mcp_evidence_facts(e, row, d, m, &meaning);
	if (believed || !request)
		mcp_call_dialogue(e, row, d, m, &meaning);
}
