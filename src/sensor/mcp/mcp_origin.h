/* The Origin of a request, held against the server that it asks: who made a browser send it. Called by evidence, once per request that may
 * be MCP. A pure function of the head; remembers no origin. */
#ifndef SHADOWTAP_MCP_ORIGIN_H
#define SHADOWTAP_MCP_ORIGIN_H

#include "http_head.h"

enum mcp_origin {
	ORIGIN_NONE,    /* nothing to say: no browser, an application's own scheme, or the head was not kept whole */
	ORIGIN_OWN,     /* a page of the server itself, or of the same machine */
	ORIGIN_FOREIGN, /* a page of another host, or "null" */
	ORIGIN_MISSING, /* a browser's request that should have one */
};

/* authority: of the request, as sent. */
enum mcp_origin mcp_origin_of(const struct http_head *head, struct slice authority);

#endif
