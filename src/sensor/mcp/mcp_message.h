/* JSON-RPC message -> what it means in MCP, and how much it proves: pure functions of the message.
 * Called by evidence. Does not look at where the message travelled: a document that quotes MCP has the same members. */
#ifndef SHADOWTAP_MCP_MESSAGE_H
#define SHADOWTAP_MCP_MESSAGE_H

#include "jsonrpc.h"

enum mcp_type { MCP_NO_MESSAGE, MCP_REQUEST, MCP_NOTIFICATION, MCP_RESULT, MCP_ERROR };

enum mcp_shape {
	SHAPE_FOREIGN, /* a member that only another protocol has, or no JSON-RPC 2.0 at all */
	SHAPE_OPEN,    /* JSON-RPC that could be anybody's: ping, an empty result */
	SHAPE_METHOD,  /* a method name or result that MCP has, with the right members; a homonym may look the same */
	SHAPE_PROOF,   /* members that only MCP has */
};

struct mcp_meaning {
	enum mcp_type type;
	enum mcp_shape shape;
	const char *behaviour; /* id of the signature that says why, for SHAPE_METHOD and SHAPE_PROOF */
};

struct mcp_meaning mcp_message_read(const struct jsonrpc_message *m);

/* Whether a result has the members that MCP demands of an answer to that method. False also where MCP's answer is an
 * empty object, which proves nothing. */
bool mcp_result_fits(const char *method, const struct jsonrpc_message *m);

/* "2025-06-18": every revision of MCP is named by a date; applications add their own. */
bool mcp_version_is_date(const char *version);

#endif
