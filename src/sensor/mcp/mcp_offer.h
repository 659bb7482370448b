/* A page of definitions in an answer -> records of an offer, if it is an answer to a list request on a row that is MCP beyond doubt. Called
 * by evidence with each message that carries one. A tool's result or a document that looks like a list is none. */
#ifndef SHADOWTAP_MCP_OFFER_H
#define SHADOWTAP_MCP_OFFER_H

#include "jsonrpc.h"
#include "mcp_row.h"

struct mcp_evidence;

/* The list requests in one POST: before 2025-06-18 a batch may ask for all four lists. */
enum { OFFER_ASKED = 4 };
struct mcp_offer_asked {
	struct {
		uint64_t id;     /* hash of the request's id */
		uint64_t cursor; /* as struct jsonrpc_message has it */
		uint8_t list;    /* enum definition_list; LIST_NONE: answered */
	} items[OFFER_ASKED];
	uint8_t n;
};

/* tools/list, prompts/list, resources/list, resources/templates/list; LIST_NONE: another method. */
enum definition_list mcp_offer_list(const char *method);

/* Remembers a request if it asks for a list: *asked is allocated then. Past OFFER_ASKED it is forgotten. */
void mcp_offer_asks(struct mcp_offer_asked **asked, const struct jsonrpc_message *m);
/* An answer to a POST. asked: what it asked for, or NULL. requests_seen: a request in its body was read, so that an answer that
 * is for none of those asked is another method's. */
void mcp_offer_answer(struct mcp_evidence *e, struct mcp_row *row, struct mcp_offer_asked *asked, bool requests_seen,
                      const struct jsonrpc_message *m);
/* An answer in a dialogue, to a request of that method and cursor. */
void mcp_offer_dialogue(struct mcp_evidence *e, struct mcp_row *row, const char *method, uint64_t cursor,
                        const struct jsonrpc_message *m);
/* An answer whose request was not on this connection (the legacy transport), or not seen. */
void mcp_offer_unasked(struct mcp_evidence *e, struct mcp_row *row, const struct jsonrpc_message *m);

/* How much of it may be told: a connection's bucket. */
struct mcp_offer_budget {
	int64_t bytes, at_ns;
	bool begun;
};

#endif
