/* MCP servers that a vendor's cloud is asked to connect to -> rows of their own, one for each server and authority of
 * the API. Called through the sink with what llm_request read, and by flow_work to tell of them. The request is all
 * that is seen here: whether the cloud got there, and what it called, is not. Of a URL nothing but host, port and path
 * is kept. */
#ifndef SHADOWTAP_MCP_CONNECTOR_H
#define SHADOWTAP_MCP_CONNECTOR_H

#include "llm_request.h"
#include "mcp_exchange.h"

struct mcp_evidence;

struct mcp_connector {
	struct mcp_connector *next; /* in the order first asked for */
	const struct mcp_row *api;  /* of the authority that was asked; it stays as long as this */
	struct mcp_row *row;        /* its own: the server as named, confidence, stage, reasons */
	uint32_t place;             /* among those of the connection: its bit in an exchange */
	uint32_t ordinal;           /* among those of the API's authority */
	enum llm_api vendor;
	char *name, *id;
	int64_t emitted_ns; /* flow_work's */
};

/* The sink's callback. */
void mcp_connector_asked(void *context, unsigned depth, uint64_t exchange, const struct llm_asked *asked);
/* The API answered the exchange (x->status): what it named was accepted, or not. */
void mcp_connector_answered(struct mcp_evidence *e, const struct mcp_exchange *x);

/* As mcp_row_observe. */
void mcp_connector_observe(const struct mcp_connector *c, struct observation *o);
size_t mcp_connectors_memory(const struct mcp_connector *first);
void mcp_connectors_free(struct mcp_connector *first);

#endif
