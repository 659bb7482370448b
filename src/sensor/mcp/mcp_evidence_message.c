/* What JSON-RPC messages tell of the two sides, and dialogues of them straight over TCP. */
#include "mcp_evidence.h"
#include "resource_uri.h"
#include <stdlib.h>

/* What was used can be a breach of policy: the first use of each is told at once. */
static void count_used(struct mcp_evidence *e, struct mcp_row *row, struct name_counts *counts, const char *name)
{
	uint32_t known = counts->n;
	mcp_row_count(counts, name, e->now_ns, e->frame, e->anomalies);
	row->changed |= counts->n != known;
}

static void count_resource(struct mcp_evidence *e, struct mcp_row *row, const char *uri)
{
	char shown[LIMIT_PATH];
	resource_uri_plain(slice_str(uri), false, shown, sizeof shown);
	count_used(e, row, &row->resources_read, shown);
}

void mcp_evidence_facts(struct mcp_evidence *e, struct mcp_row *row, enum direction d, const struct jsonrpc_message *m,
                        const struct mcp_meaning *meaning)
{
	switch (meaning->type) {
	case MCP_REQUEST:
	case MCP_NOTIFICATION:
		if (d == FROM_SERVER) {
			mcp_row_count(&row->server_methods, m->method, e->now_ns, e->frame, e->anomalies);
			break;
		}
		mcp_row_count(&row->methods, m->method, e->now_ns, e->frame, e->anomalies);
		row->requests += meaning->type == MCP_REQUEST;
		if (m->type[JM_P_NAME] == JSON_STRING && strcmp(m->method, "tools/call") == 0)
			count_used(e, row, &row->tools_called, m->name);
		else if (m->type[JM_P_NAME] == JSON_STRING && strcmp(m->method, "prompts/get") == 0)
			count_used(e, row, &row->prompts_got, m->name);
		else if (m->type[JM_P_URI] == JSON_STRING && strcmp(m->method, "resources/read") == 0)
			count_resource(e, row, m->uri);
		mcp_row_set(row, &row->client_name, slice_str(m->client_name), LIMIT_NAME, false);
		mcp_row_set(row, &row->client_version, slice_str(m->client_version), LIMIT_VERSION, false);
		break;
	case MCP_RESULT:
		if (d == FROM_CLIENT)
			break;
		mcp_row_set(row, &row->server_name, slice_str(m->server_name), LIMIT_NAME, false);
		mcp_row_set(row, &row->server_version, slice_str(m->server_version), LIMIT_VERSION, false);
		if (m->type[JM_R_PROTOCOL_VERSION] == JSON_STRING && m->type[JM_R_SERVER_INFO] == JSON_OBJECT)
			mcp_row_set(row, &row->version_agreed, slice_str(m->protocol_version), LIMIT_VERSION, true);
		break;
	case MCP_ERROR:
		row->errors += d == FROM_SERVER;
		break;
	default: break;
	}
}

void mcp_evidence_remember(struct mcp_evidence *e, enum direction d, const struct jsonrpc_message *m, enum mcp_shape shape)
{
	if (!e->dialogue[d])
		e->dialogue[d] = calloc(LIMIT_DIALOGUE_IDS, sizeof *e->dialogue[d]);
	if (!e->dialogue[d] || m->id_cut)
		return;
	struct mcp_dialogue_request *q = &e->dialogue[d][e->dialogue_at[d]++ % LIMIT_DIALOGUE_IDS];
	memcpy(q->id, m->id, sizeof q->id);
	memcpy(q->method, m->method, sizeof q->method);
	q->cursor = m->cursor;
	q->shape = shape;
}

struct mcp_dialogue_request *mcp_evidence_asked(struct mcp_evidence *e, enum direction d, const struct jsonrpc_message *m)
{
	struct mcp_dialogue_request *list = e->dialogue[direction_flip(d)];
	for (int i = 0; list && m->id[0] && !m->id_cut && i < LIMIT_DIALOGUE_IDS; i++)
		if (list[i].method[0] && strcmp(list[i].id, m->id) == 0)
			return &list[i];
	return NULL;
}

void mcp_evidence_line(struct mcp_evidence *e, enum direction d, const struct jsonrpc_message *m)
{
	e->lines++;
	struct mcp_meaning meaning = mcp_message_read(m);
	if (meaning.type == MCP_NO_MESSAGE || m->in_batch)
		return;
	struct mcp_row *row = mcp_evidence_row(e, e->tunnel ? slice_str(e->tunnel) : slice_of(NULL, 0));
	if (!row)
		return;
	mcp_evidence_facts(e, row, d, m, &meaning);
	mcp_call_dialogue(e, row, d, m, &meaning);
	if (d == FROM_CLIENT && m->type[JM_P_PROTOCOL_VERSION] == JSON_STRING)
		mcp_row_set(row, &row->version_requested, slice_str(m->protocol_version), LIMIT_VERSION, false);
	if (meaning.type == MCP_REQUEST && meaning.shape >= SHAPE_METHOD) {
		mcp_evidence_remember(e, d, m, meaning.shape);
		return;
	}
	if (meaning.type != MCP_RESULT)
		return;
	struct mcp_dialogue_request *q = mcp_evidence_asked(e, d, m);
	if (!q || !mcp_result_fits(q->method, m) || (q->shape != SHAPE_PROOF && meaning.shape != SHAPE_PROOF))
		return;
	mcp_evidence_add(e, row, signature_behaviour(e->set, "mcp.tcp.dialogue"),
	         "%s was asked and answered as MCP, one JSON text a line, straight over TCP", q->method);
	mcp_row_transport(row, TRANSPORT_TCP, 2);
	if (d == FROM_SERVER)
		mcp_row_stage(row, STAGE_ESTABLISHED);
	e->dialogue_proved = true;
	if (d == FROM_SERVER)
		mcp_offer_dialogue(e, row, q->method, q->cursor, m);
	q->method[0] = 0;
}
