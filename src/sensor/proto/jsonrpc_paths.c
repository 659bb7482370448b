#include "jsonrpc_paths.h"
#include <assert.h>

#define MCP_PREFIX "io.modelcontextprotocol/"

#define ROW(match_, key_, member_, also_, node_, text_) \
	{.key = (key_), .key_length = sizeof(key_) - 1, .match = (match_), .member = (member_), .also = (also_), \
	 .node = (node_), .text = (text_)}
#define LEAF(key, member) ROW(MATCH_KEY, key, member, JM_COUNT, NODE_LEAF, TEXT_NONE)
#define TEXT(key, member, text) ROW(MATCH_KEY, key, member, JM_COUNT, NODE_LEAF, text)
#define INTO(key, member, node) ROW(MATCH_KEY, key, member, JM_COUNT, node, TEXT_NONE)
#define META(key, member, node, text) ROW(MATCH_KEY, MCP_PREFIX key, member, JM_P_META_MCP, node, text)
#define EACH(node, text) ROW(MATCH_ELEMENT, "", JM_COUNT, JM_COUNT, node, text)
#define OTHER(member) ROW(MATCH_OTHER, "", member, JM_COUNT, NODE_LEAF, TEXT_NONE)

static const struct jsonrpc_path in_batch[] = {EACH(NODE_MESSAGE, TEXT_NONE)};

static const struct jsonrpc_path in_message[] = {
	TEXT("jsonrpc", JM_JSONRPC, TEXT_JSONRPC),
	TEXT("id", JM_ID, TEXT_ID),
	TEXT("method", JM_METHOD, TEXT_METHOD),
	INTO("params", JM_PARAMS, NODE_PARAMS),
	INTO("result", JM_RESULT, NODE_RESULT),
	INTO("error", JM_ERROR, NODE_ERROR),
	LEAF("seq", JM_SEQ),
	LEAF("command", JM_COMMAND),
	LEAF("type", JM_TYPE),
};

static const struct jsonrpc_path in_params[] = {
	TEXT("protocolVersion", JM_P_PROTOCOL_VERSION, TEXT_PROTOCOL_VERSION),
	INTO("capabilities", JM_P_CAPABILITIES, NODE_P_CAPABILITIES),
	INTO("clientInfo", JM_P_CLIENT_INFO, NODE_P_CLIENT_INFO),
	LEAF("clientCapabilities", JM_P_CLIENT_CAPABILITIES),
	LEAF("processId", JM_P_PROCESS_ID),
	LEAF("rootUri", JM_P_ROOT_URI),
	LEAF("rootPath", JM_P_ROOT_PATH),
	TEXT("name", JM_P_NAME, TEXT_NAME),
	LEAF("arguments", JM_P_ARGUMENTS),
	TEXT("uri", JM_P_URI, TEXT_URI),
	LEAF("level", JM_P_LEVEL),
	LEAF("data", JM_P_DATA),
	LEAF("logger", JM_P_LOGGER),
	LEAF("cursor", JM_P_CURSOR),
	LEAF("ref", JM_P_REF),
	LEAF("argument", JM_P_ARGUMENT),
	LEAF("progressToken", JM_P_PROGRESS_TOKEN),
	LEAF("progress", JM_P_PROGRESS),
	TEXT("requestId", JM_P_REQUEST_ID, TEXT_REQUEST_ID),
	LEAF("reason", JM_P_REASON),
	LEAF("messages", JM_P_MESSAGES),
	LEAF("maxTokens", JM_P_MAX_TOKENS),
	INTO("message", JM_P_MESSAGE, NODE_P_MESSAGE),
	LEAF("requestedSchema", JM_P_REQUESTED_SCHEMA),
	LEAF("mode", JM_P_MODE),
	LEAF("elicitationId", JM_P_ELICITATION_ID),
	LEAF("sessionId", JM_P_SESSION_ID),
	LEAF("id", JM_P_ID),
	LEAF("taskId", JM_P_TASK_ID),
	LEAF("status", JM_P_STATUS),
	LEAF("task", JM_P_TASK),
	LEAF("notifications", JM_P_NOTIFICATIONS),
	LEAF("inputResponses", JM_P_INPUT_RESPONSES),
	INTO("_meta", JM_P_META, NODE_P_META),
	OTHER(JM_P_OTHER),
};

static const struct jsonrpc_path in_p_capabilities[] = {
	LEAF("textDocument", JM_P_CAP_TEXT_DOCUMENT),
	LEAF("workspace", JM_P_CAP_WORKSPACE),
};

static const struct jsonrpc_path in_p_client_info[] = {
	TEXT("name", JM_P_CLIENT_NAME, TEXT_CLIENT_NAME),
	TEXT("version", JM_P_CLIENT_VERSION, TEXT_CLIENT_VERSION),
};

static const struct jsonrpc_path in_p_message[] = {LEAF("parts", JM_P_MESSAGE_PARTS)};

static const struct jsonrpc_path in_p_meta[] = {
	LEAF("progressToken", JM_P_META_PROGRESS),
	META("protocolVersion", JM_P_META_VERSION, NODE_LEAF, TEXT_PROTOCOL_VERSION),
	META("clientCapabilities", JM_P_META_CLIENT_CAPS, NODE_LEAF, TEXT_NONE),
	META("clientInfo", JM_COUNT, NODE_P_META_CLIENT_INFO, TEXT_NONE),
	ROW(MATCH_PREFIX, MCP_PREFIX, JM_P_META_MCP, JM_COUNT, NODE_LEAF, TEXT_NONE),
};

static const struct jsonrpc_path in_p_meta_client_info[] = {
	TEXT("name", JM_P_META_CLIENT_NAME, TEXT_CLIENT_NAME),
	TEXT("version", JM_P_META_CLIENT_VERSION, TEXT_CLIENT_VERSION),
};

static const struct jsonrpc_path in_result[] = {
	TEXT("protocolVersion", JM_R_PROTOCOL_VERSION, TEXT_PROTOCOL_VERSION),
	LEAF("capabilities", JM_R_CAPABILITIES),
	INTO("serverInfo", JM_R_SERVER_INFO, NODE_R_SERVER_INFO),
	LEAF("agentCapabilities", JM_R_AGENT_CAPABILITIES),
	LEAF("userAgent", JM_R_USER_AGENT),
	INTO("supportedVersions", JM_R_SUPPORTED_VERSIONS, NODE_R_SUPPORTED_VERSIONS),
	TEXT("resultType", JM_R_RESULT_TYPE, TEXT_RESULT_TYPE),
	INTO("tools", JM_R_TOOLS, NODE_R_TOOLS),
	INTO("prompts", JM_R_PROMPTS, NODE_R_PROMPTS),
	INTO("resources", JM_R_RESOURCES, NODE_R_RESOURCES),
	INTO("resourceTemplates", JM_R_RESOURCE_TEMPLATES, NODE_R_TEMPLATES),
	INTO("content", JM_R_CONTENT, NODE_R_CONTENT),
	LEAF("isError", JM_R_IS_ERROR),
	LEAF("structuredContent", JM_R_STRUCTURED),
	INTO("contents", JM_R_CONTENTS, NODE_R_CONTENTS),
	INTO("messages", JM_R_MESSAGES, NODE_R_MESSAGES),
	INTO("completion", JM_R_COMPLETION, NODE_R_COMPLETION),
	INTO("roots", JM_R_ROOTS, NODE_R_ROOTS),
	LEAF("role", JM_R_ROLE),
	LEAF("model", JM_R_MODEL),
	LEAF("action", JM_R_ACTION),
	INTO("task", JM_R_TASK, NODE_R_TASK),
	INTO("tasks", JM_R_TASKS, NODE_R_TASKS),
	LEAF("taskId", JM_R_TASK_ID),
	LEAF("status", JM_R_STATUS),
	LEAF("ttl", JM_R_TTL),
	LEAF("ttlMs", JM_R_TTL),
	LEAF("inputRequests", JM_R_INPUT_REQUESTS),
	LEAF("nextCursor", JM_R_NEXT_CURSOR),
	INTO("_meta", JM_R_META, NODE_R_META),
	OTHER(JM_R_OTHER),
};

static const struct jsonrpc_path in_r_server_info[] = {
	TEXT("name", JM_R_SERVER_NAME, TEXT_SERVER_NAME),
	TEXT("version", JM_R_SERVER_VERSION, TEXT_SERVER_VERSION),
};

static const struct jsonrpc_path in_r_supported_versions[] = {EACH(NODE_LEAF, TEXT_SUPPORTED_VERSION)};
static const struct jsonrpc_path in_r_tools[] = {EACH(NODE_R_TOOL, TEXT_NONE)};
static const struct jsonrpc_path in_r_tool[] = {
	LEAF("name", JM_R_TOOL_NAME),
	LEAF("inputSchema", JM_R_TOOL_SCHEMA),
};
static const struct jsonrpc_path in_r_prompts[] = {EACH(NODE_R_PROMPT, TEXT_NONE)};
static const struct jsonrpc_path in_r_prompt[] = {LEAF("name", JM_R_PROMPT_NAME)};
static const struct jsonrpc_path in_r_resources[] = {EACH(NODE_R_RESOURCE, TEXT_NONE)};
static const struct jsonrpc_path in_r_resource[] = {LEAF("uri", JM_R_RESOURCE_URI)};
static const struct jsonrpc_path in_r_templates[] = {EACH(NODE_R_TEMPLATE, TEXT_NONE)};
static const struct jsonrpc_path in_r_template[] = {LEAF("uriTemplate", JM_R_TEMPLATE_URI)};
static const struct jsonrpc_path in_r_contents[] = {EACH(NODE_R_CONTENTS_ITEM, TEXT_NONE)};
static const struct jsonrpc_path in_r_contents_item[] = {LEAF("uri", JM_R_CONTENTS_URI)};
static const struct jsonrpc_path in_r_messages[] = {EACH(NODE_R_MESSAGE, TEXT_NONE)};
static const struct jsonrpc_path in_r_message[] = {LEAF("role", JM_R_MESSAGE_ROLE)};
static const struct jsonrpc_path in_r_completion[] = {LEAF("values", JM_R_COMPLETION_VALUES)};
static const struct jsonrpc_path in_r_roots[] = {EACH(NODE_R_ROOT, TEXT_NONE)};
static const struct jsonrpc_path in_r_root[] = {LEAF("uri", JM_R_ROOT_URI)};
static const struct jsonrpc_path in_r_tasks[] = {EACH(NODE_R_TASK, TEXT_NONE)};
static const struct jsonrpc_path in_r_task[] = {LEAF("taskId", JM_R_TASK_ID)};

/* An array of parts (tools/call) or the one part itself (sampling): so the node is its own element. It cannot nest
 * without end, because jsonrpc follows no array inside an array. */
static const struct jsonrpc_path in_r_content[] = {
	LEAF("type", JM_R_CONTENT_TYPE),
	EACH(NODE_R_CONTENT, TEXT_NONE),
};

static const struct jsonrpc_path in_r_meta[] = {
	ROW(MATCH_KEY, MCP_PREFIX "serverInfo", JM_R_META_MCP, JM_COUNT, NODE_R_META_SERVER_INFO, TEXT_NONE),
	ROW(MATCH_PREFIX, MCP_PREFIX, JM_R_META_MCP, JM_COUNT, NODE_LEAF, TEXT_NONE),
};

static const struct jsonrpc_path in_r_meta_server_info[] = {
	TEXT("name", JM_R_META_SERVER_NAME, TEXT_SERVER_NAME),
	TEXT("version", JM_R_META_SERVER_VERSION, TEXT_SERVER_VERSION),
};

static const struct jsonrpc_path in_error[] = {
	TEXT("code", JM_E_CODE, TEXT_ERROR_CODE),
	LEAF("message", JM_E_MESSAGE),
	INTO("data", JM_COUNT, NODE_E_DATA),
};

static const struct jsonrpc_path in_e_data[] = {
	INTO("supported", JM_E_SUPPORTED, NODE_E_SUPPORTED),
	LEAF("requested", JM_E_REQUESTED),
};

static const struct jsonrpc_path in_e_supported[] = {EACH(NODE_LEAF, TEXT_SUPPORTED_VERSION)};

#define ROWS(node, rows) [node] = {rows, sizeof(rows) / sizeof(rows)[0]}

static const struct {
	const struct jsonrpc_path *rows;
	size_t n;
} nodes[NODE_COUNT] = {
	ROWS(NODE_BATCH, in_batch),
	ROWS(NODE_MESSAGE, in_message),
	ROWS(NODE_PARAMS, in_params),
	ROWS(NODE_P_CAPABILITIES, in_p_capabilities),
	ROWS(NODE_P_CLIENT_INFO, in_p_client_info),
	ROWS(NODE_P_MESSAGE, in_p_message),
	ROWS(NODE_P_META, in_p_meta),
	ROWS(NODE_P_META_CLIENT_INFO, in_p_meta_client_info),
	ROWS(NODE_RESULT, in_result),
	ROWS(NODE_R_SERVER_INFO, in_r_server_info),
	ROWS(NODE_R_SUPPORTED_VERSIONS, in_r_supported_versions),
	ROWS(NODE_R_TOOLS, in_r_tools),
	ROWS(NODE_R_TOOL, in_r_tool),
	ROWS(NODE_R_PROMPTS, in_r_prompts),
	ROWS(NODE_R_PROMPT, in_r_prompt),
	ROWS(NODE_R_RESOURCES, in_r_resources),
	ROWS(NODE_R_RESOURCE, in_r_resource),
	ROWS(NODE_R_TEMPLATES, in_r_templates),
	ROWS(NODE_R_TEMPLATE, in_r_template),
	ROWS(NODE_R_CONTENT, in_r_content),
	ROWS(NODE_R_CONTENTS, in_r_contents),
	ROWS(NODE_R_CONTENTS_ITEM, in_r_contents_item),
	ROWS(NODE_R_MESSAGES, in_r_messages),
	ROWS(NODE_R_MESSAGE, in_r_message),
	ROWS(NODE_R_COMPLETION, in_r_completion),
	ROWS(NODE_R_ROOTS, in_r_roots),
	ROWS(NODE_R_ROOT, in_r_root),
	ROWS(NODE_R_TASKS, in_r_tasks),
	ROWS(NODE_R_TASK, in_r_task),
	ROWS(NODE_R_META, in_r_meta),
	ROWS(NODE_R_META_SERVER_INFO, in_r_meta_server_info),
	ROWS(NODE_ERROR, in_error),
	ROWS(NODE_E_DATA, in_e_data),
	ROWS(NODE_E_SUPPORTED, in_e_supported),
};

_Static_assert(sizeof in_params / sizeof *in_params <= JSONRPC_PATHS_PER_NODE, "a set of rows is a uint64_t");
_Static_assert(sizeof in_result / sizeof *in_result <= JSONRPC_PATHS_PER_NODE, "a set of rows is a uint64_t");
_Static_assert(sizeof MCP_PREFIX "clientCapabilities" - 1 < JSON_KEY_KEPT, "the longest known key is kept whole");

const struct jsonrpc_path *jsonrpc_path_key(enum jsonrpc_node node, struct slice key, bool cut, unsigned *ret_row)
{
	const struct jsonrpc_path *rows = nodes[node].rows;
	for (unsigned i = 0; i < nodes[node].n; i++) {
		const struct jsonrpc_path *row = &rows[i];
		bool same = row->match != MATCH_ELEMENT;
		if (row->match == MATCH_KEY)
			same = !cut && key.n == row->key_length;
		if (same && key.n >= row->key_length && memcmp(key.p, row->key, row->key_length) == 0) {
			*ret_row = i;
			return row;
		}
	}
	return NULL;
}

const struct jsonrpc_path *jsonrpc_path_element(enum jsonrpc_node node)
{
	for (size_t i = 0; i < nodes[node].n; i++)
		if (nodes[node].rows[i].match == MATCH_ELEMENT)
			return &nodes[node].rows[i];
	return NULL;
}

bool jsonrpc_path_has_keys(enum jsonrpc_node node)
{
	return nodes[node].n && nodes[node].rows[0].match != MATCH_ELEMENT;
}
