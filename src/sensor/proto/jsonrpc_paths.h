/* Where a key stands -> which member of a JSON-RPC message it is: the table of all paths that are kept.
 * Called by jsonrpc for each key and element inside the objects and arrays that it follows.
 * Knows no state: it is a constant tree, one row list per object or array that has wanted members. */
#ifndef SHADOWTAP_JSONRPC_PATHS_H
#define SHADOWTAP_JSONRPC_PATHS_H

#include "jsonrpc.h"

/* The wanted objects and arrays. */
enum jsonrpc_node {
	NODE_LEAF, /* nothing inside is wanted */
	NODE_BATCH,
	NODE_MESSAGE,
	NODE_PARAMS,
	NODE_P_CAPABILITIES,
	NODE_P_CLIENT_INFO,
	NODE_P_MESSAGE,
	NODE_P_META,
	NODE_P_META_CLIENT_INFO,
	NODE_RESULT,
	NODE_R_SERVER_INFO,
	NODE_R_SUPPORTED_VERSIONS,
	NODE_R_TOOLS,
	NODE_R_TOOL,
	NODE_R_PROMPTS,
	NODE_R_PROMPT,
	NODE_R_RESOURCES,
	NODE_R_RESOURCE,
	NODE_R_TEMPLATES,
	NODE_R_TEMPLATE,
	NODE_R_CONTENT,
	NODE_R_CONTENTS,
	NODE_R_CONTENTS_ITEM,
	NODE_R_MESSAGES,
	NODE_R_MESSAGE,
	NODE_R_COMPLETION,
	NODE_R_ROOTS,
	NODE_R_ROOT,
	NODE_R_TASKS,
	NODE_R_TASK,
	NODE_R_META,
	NODE_R_META_SERVER_INFO,
	NODE_ERROR,
	NODE_E_DATA,
	NODE_E_SUPPORTED,
	NODE_COUNT
};

/* Members whose text is kept, not only their type. */
enum jsonrpc_text {
	TEXT_NONE,
	TEXT_JSONRPC,
	TEXT_ID,
	TEXT_METHOD,
	TEXT_ERROR_CODE,
	TEXT_PROTOCOL_VERSION,
	TEXT_SUPPORTED_VERSION,
	TEXT_CLIENT_NAME,
	TEXT_CLIENT_VERSION,
	TEXT_SERVER_NAME,
	TEXT_SERVER_VERSION,
	TEXT_NAME,
	TEXT_URI,
	TEXT_RESULT_TYPE,
	TEXT_REQUEST_ID,
	TEXT_COUNT
};

enum jsonrpc_match {
	MATCH_KEY,     /* this key */
	MATCH_PREFIX,  /* any key that starts so */
	MATCH_OTHER,   /* any key that no earlier row took */
	MATCH_ELEMENT, /* any element of the array */
};

struct jsonrpc_path {
	const char *key;
	uint8_t key_length;
	uint8_t match;  /* enum jsonrpc_match */
	uint8_t member; /* enum jsonrpc_member, JM_COUNT if it is none */
	uint8_t also;   /* a second member that it is, JM_COUNT if none */
	uint8_t node;   /* enum jsonrpc_node: what is wanted inside */
	uint8_t text;   /* enum jsonrpc_text */
};

/* Rows of one node are fewer than this, so that a set of rows is a uint64_t. */
#define JSONRPC_PATHS_PER_NODE 64
/* Arrays and objects from the text's top to the deepest wanted member: batch, message, result, tools, element. */
#define JSONRPC_PATH_DEPTH 6

/* The row for a key of an object, or NULL. A cut key equals none, but may start as one. */
const struct jsonrpc_path *jsonrpc_path_key(enum jsonrpc_node node, struct slice key, bool cut, unsigned *ret_row);
/* The row for the elements of an array, or NULL. */
const struct jsonrpc_path *jsonrpc_path_element(enum jsonrpc_node node);
/* Whether an object of this node has wanted keys. */
bool jsonrpc_path_has_keys(enum jsonrpc_node node);

#endif
