#include "mcp_offer.h"
#include "frame.h"
#include "mcp_evidence.h"
#include "offer.h"
#include <stdlib.h>

static const char *const methods[LIST_COUNT] = {
	[LIST_TOOLS] = "tools/list", [LIST_PROMPTS] = "prompts/list", [LIST_RESOURCES] = "resources/list",
	[LIST_TEMPLATES] = "resources/templates/list"};

enum definition_list mcp_offer_list(const char *method)
{
	for (int i = LIST_NONE + 1; i < LIST_COUNT; i++)
		if (strcmp(method, methods[i]) == 0)
			return (enum definition_list)i;
	return LIST_NONE;
}

/* FNV-1a: who writes two ids that collide gains what writing one id twice would give. */
static uint64_t id_hash(const char *id)
{
	uint64_t h = 14695981039346656037u;
	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * 1099511628211u;
	return h;
}

void mcp_offer_asks(struct mcp_offer_asked **asked, const struct jsonrpc_message *m)
{
	enum definition_list list = m->method_cut || m->id_cut || !m->id[0] ? LIST_NONE : mcp_offer_list(m->method);
	if (list == LIST_NONE)
		return;
	if (!*asked)
		*asked = calloc(1, sizeof **asked);
	if (!*asked || (*asked)->n == OFFER_ASKED)
		return;
	struct mcp_offer_asked *a = *asked;
	a->items[a->n].id = id_hash(m->id);
	a->items[a->n].cursor = m->cursor;
	a->items[a->n++].list = (uint8_t)list;
}

/* A row that is MCP beyond doubt, and a server that answered there. */
static bool row_is_sure(const struct mcp_row *row)
{
	return row->confidence == CONFIDENCE_CONFIRMED && row->stage == STAGE_ESTABLISHED;
}

static bool may_tell(struct mcp_evidence *e, size_t n)
{
	struct mcp_offer_budget *b = &e->offers;
	int64_t passed = b->begun && e->now_ns > b->at_ns ? e->now_ns - b->at_ns : 0;
	if (!b->begun || passed / NS_PER_SEC >= LIMIT_OFFER_BURST / LIMIT_OFFER_RATE)
		b->bytes = LIMIT_OFFER_BURST;
	else
		b->bytes += passed * LIMIT_OFFER_RATE / NS_PER_SEC;
	if (b->bytes > (int64_t)LIMIT_OFFER_BURST)
		b->bytes = LIMIT_OFFER_BURST;
	b->begun = true;
	b->at_ns = e->now_ns;
	if (b->bytes < (int64_t)n)
		return false;
	b->bytes -= (int64_t)n;
	return true;
}

/* An element that stands there without inputSchema, uri ... is read as well: what matters is that the page is an answer. */
static void tell(struct mcp_evidence *e, struct mcp_row *row, const struct jsonrpc_message *m, bool request_seen, uint64_t cursor)
{
	const struct definition_page *p = m->page;
	struct offer o = {.time_ns = e->now_ns, .frame = e->frame, .list = p->list, .request_seen = request_seen, .cursor = cursor,
	                  .next_cursor = m->next_cursor, .first = true, .last = true, .cut = p->cut, .total = p->total};
	uint32_t facts = FACT_OFFERED;
	for (size_t i = 0; i < p->n; i++)
		facts |= (uint32_t)p->items[i].hints * FACT_OFFER_HIDDEN_UNICODE;
	row->changed |= (row->facts & facts) != facts;
	row->facts |= facts;
	for (size_t at = 0, told, n; at < p->n || o.first; at += told) {
		o.items = p->items + at;
		o.n = p->n - at;
		uint8_t *bytes = offer_encode(&o, &told, &n);
		if (!bytes)
			return;
		if (!may_tell(e, n)) {
			anomaly_count(e->anomalies, ANOMALY_OFFERS_LIMIT);
			free(bytes);
			return;
		}
		mcp_records_put_take(&e->records, row->ordinal, bytes, n);
		o.first = false;
	}
}

_Static_assert(HINT_INSTRUCTIONS * FACT_OFFER_HIDDEN_UNICODE == FACT_OFFER_INSTRUCTIONS, "hints are facts, in the same order");

static bool is_page(const struct mcp_row *row, const struct jsonrpc_message *m)
{
	return m->page && m->type[JM_RESULT] == JSON_OBJECT && row_is_sure(row);
}

void mcp_offer_answer(struct mcp_evidence *e, struct mcp_row *row, struct mcp_offer_asked *asked, bool requests_seen,
                      const struct jsonrpc_message *m)
{
	if (!is_page(row, m))
		return;
	if (!requests_seen) {
		mcp_offer_unasked(e, row, m);
		return;
	}
	uint64_t id = id_hash(m->id);
	for (unsigned i = 0; asked && !m->id_cut && i < asked->n; i++)
		if (asked->items[i].id == id && asked->items[i].list == m->page->list) {
			asked->items[i].list = LIST_NONE; /* who answers twice is believed once */
			tell(e, row, m, true, asked->items[i].cursor);
			return;
		}
}

void mcp_offer_dialogue(struct mcp_evidence *e, struct mcp_row *row, const char *method, uint64_t cursor,
                        const struct jsonrpc_message *m)
{
	if (is_page(row, m) && mcp_offer_list(method) == m->page->list)
		tell(e, row, m, true, cursor);
}

/* What it answers is not known: it has to have the shape that MCP demands of such an answer, and that of no other. */
void mcp_offer_unasked(struct mcp_evidence *e, struct mcp_row *row, const struct jsonrpc_message *m)
{
	if (is_page(row, m) && mcp_result_fits(methods[m->page->list], m) && m->type[JM_R_CONTENT] == JSON_ABSENT)
		tell(e, row, m, false, 0);
}
