/* Messages that ask, answer and cancel -> records of calls (call.h), on rows that are MCP beyond doubt. Called by evidence with each message that
 * it believed, where an audit log is wanted; else nothing here is. Pairs nothing: that is the recorder's work, which sees all connections of
 * a session. A record waits here until its row is sure, and leaves without a word if it never is. */
#ifndef SHADOWTAP_MCP_CALL_H
#define SHADOWTAP_MCP_CALL_H

#include "jsonrpc.h"
#include "mcp_message.h"
#include "mcp_row.h"

struct mcp_evidence;
struct mcp_exchange;
struct app_body;

struct mcp_call {
	struct mcp_call *next;
	struct mcp_row *row;
	struct mcp_exchange *exchange; /* that has to turn out to be MCP first; NULL: the row alone decides */
	uint8_t *bytes;
	size_t n;
};

struct mcp_calls {
	bool wanted;
	struct mcp_call *first, *last;
	unsigned n;
	size_t bytes;
};

/* A message of an HTTP exchange. believed: its method is known, or the exchange is MCP. */
void mcp_call_http(struct mcp_evidence *e, struct mcp_exchange *x, enum direction d, const struct jsonrpc_message *m,
                   const struct mcp_meaning *meaning, bool believed);
/* A message of a WebSocket or straight over TCP. */
void mcp_call_dialogue(struct mcp_evidence *e, struct mcp_row *row, enum direction d, const struct jsonrpc_message *m,
                       const struct mcp_meaning *meaning);
/* The answer of the exchange ended. */
void mcp_call_exchange_end(struct mcp_evidence *e, struct mcp_exchange *x, const struct app_body *body);
/* The exchange, or the row, will be gone. */
void mcp_call_exchange_gone(struct mcp_evidence *e, const struct mcp_exchange *x);
void mcp_call_row_gone(struct mcp_evidence *e, const struct mcp_row *row);
/* The connection ended. lost: some of what was said on it is not known. */
void mcp_call_end(struct mcp_evidence *e, bool lost);
/* What has become sure goes to the records. */
void mcp_call_release(struct mcp_evidence *e);
void mcp_calls_done(struct mcp_calls *c);

#endif
