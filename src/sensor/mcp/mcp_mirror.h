/* The headers that repeat what a request's body says (MCP 2026-07-28, "Request Metadata") -> kept until the body is read, then compared.
 * Called by evidence. Claims no difference where header or body was cut, or cannot be compared. */
#ifndef SHADOWTAP_MCP_MIRROR_H
#define SHADOWTAP_MCP_MIRROR_H

#include "http_head.h"
#include "jsonrpc.h"

struct mcp_mirror; /* Mcp-Method and Mcp-Name of one request, some 600 bytes */

/* NULL where neither was sent, the head was not kept whole, or out of memory. */
struct mcp_mirror *mcp_mirror_new(const struct http_head *head);
/* m: the only message of the body. version: of MCP-Protocol-Version as it was sent, or "". mirror may be NULL. */
bool mcp_mirror_differs(const struct mcp_mirror *mirror, const char *version, const struct jsonrpc_message *m);
void mcp_mirror_free(struct mcp_mirror *mirror);

/* "=?base64?SGVsbG8=?=" -> "Hello"; anything else stays as it is. False if the value does not fit. *ret_n: without the NUL. */
bool mcp_mirror_decode(struct slice value, size_t cap, char *out, size_t *ret_n);

#endif
