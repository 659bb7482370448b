#include "mcp_message.h"
#include <ctype.h>

bool mcp_version_is_date(const char *v)
{
	static const char shape[] = "20dd-dd-dd";
	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (shape[i] == 'd' ? !isdigit((unsigned char)v[i]) : v[i] != shape[i])
			return false;
	return v[sizeof shape - 1] == 0;
}

static bool is(const struct jsonrpc_message *m, enum jsonrpc_member member, enum json_type type)
{
	return m->type[member] == type;
}

static bool has(const struct jsonrpc_message *m, enum jsonrpc_member member)
{
	return m->type[member] != JSON_ABSENT;
}

/* Absent, or of that type. */
static bool maybe(const struct jsonrpc_message *m, enum jsonrpc_member member, enum json_type type)
{
	return !has(m, member) || is(m, member, type);
}

/* Members that say: LSP, DAP, ACP, A2A, Codex app-server (whose messages have the same method names). */
static bool is_foreign(const struct jsonrpc_message *m)
{
	static const enum jsonrpc_member theirs[] = {
		JM_SEQ, JM_COMMAND, JM_P_PROCESS_ID, JM_P_ROOT_URI, JM_P_ROOT_PATH, JM_P_CAP_TEXT_DOCUMENT,
		JM_P_CAP_WORKSPACE, JM_P_CLIENT_CAPABILITIES, JM_P_MESSAGE_PARTS, JM_R_AGENT_CAPABILITIES, JM_R_USER_AGENT,
	};
	for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
		if (has(m, theirs[i]))
			return true;
	/* ACP: protocolVersion is an integer */
	return is(m, JM_P_PROTOCOL_VERSION, JSON_NUMBER) || is(m, JM_R_PROTOCOL_VERSION, JSON_NUMBER);
}

/* No parameters but what every MCP request may carry. */
static bool no_params(const struct jsonrpc_message *m)
{
	return !has(m, JM_P_OTHER) && maybe(m, JM_PARAMS, JSON_OBJECT);
}

static bool params_cursor(const struct jsonrpc_message *m)
{
	return no_params(m) && maybe(m, JM_P_CURSOR, JSON_STRING);
}

static bool params_call(const struct jsonrpc_message *m)
{
	return is(m, JM_P_NAME, JSON_STRING) && maybe(m, JM_P_ARGUMENTS, JSON_OBJECT);
}

static bool params_uri(const struct jsonrpc_message *m)
{
	return is(m, JM_P_URI, JSON_STRING);
}

static bool params_complete(const struct jsonrpc_message *m)
{
	return is(m, JM_P_REF, JSON_OBJECT) && is(m, JM_P_ARGUMENT, JSON_OBJECT);
}

static bool params_level(const struct jsonrpc_message *m)
{
	return is(m, JM_P_LEVEL, JSON_STRING);
}

static bool params_sampling(const struct jsonrpc_message *m)
{
	return is(m, JM_P_MESSAGES, JSON_ARRAY) && is(m, JM_P_MAX_TOKENS, JSON_NUMBER);
}

static bool params_elicit(const struct jsonrpc_message *m)
{
	return is(m, JM_P_MESSAGE, JSON_STRING) &&
	       (is(m, JM_P_REQUESTED_SCHEMA, JSON_OBJECT) || is(m, JM_P_MODE, JSON_STRING)) && !has(m, JM_P_SESSION_ID);
}

static bool params_task(const struct jsonrpc_message *m)
{
	return is(m, JM_P_TASK_ID, JSON_STRING) && !has(m, JM_P_ID); /* A2A has params.id instead */
}

static bool params_progress(const struct jsonrpc_message *m)
{
	return has(m, JM_P_PROGRESS_TOKEN) && is(m, JM_P_PROGRESS, JSON_NUMBER);
}

static bool params_log(const struct jsonrpc_message *m)
{
	return is(m, JM_P_LEVEL, JSON_STRING) && has(m, JM_P_DATA);
}

static bool params_cancel(const struct jsonrpc_message *m)
{
	return has(m, JM_P_REQUEST_ID);
}

static bool params_elicited(const struct jsonrpc_message *m)
{
	return is(m, JM_P_ELICITATION_ID, JSON_STRING);
}

static bool params_listen(const struct jsonrpc_message *m)
{
	return has(m, JM_P_NOTIFICATIONS);
}

static bool params_any(const struct jsonrpc_message *m)
{
	return maybe(m, JM_PARAMS, JSON_OBJECT);
}

struct method_shape {
	const char *method;
	bool notification;
	bool (*params)(const struct jsonrpc_message *m);
	/* the members of its result, all of the first two; JM_COUNT: no demand. An empty array has no second. */
	enum jsonrpc_member result, element;
};

/* schema.json of each revision: the requests and notifications of both sides, initialize and ping apart. */
static const struct method_shape shapes[] = {
	{"tools/list", false, params_cursor, JM_R_TOOLS, JM_R_TOOL_SCHEMA},
	{"tools/call", false, params_call, JM_R_CONTENT, JM_R_CONTENT_TYPE},
	{"prompts/list", false, params_cursor, JM_R_PROMPTS, JM_R_PROMPT_NAME},
	{"prompts/get", false, params_call, JM_R_MESSAGES, JM_R_MESSAGE_ROLE},
	{"resources/list", false, params_cursor, JM_R_RESOURCES, JM_R_RESOURCE_URI},
	{"resources/templates/list", false, params_cursor, JM_R_RESOURCE_TEMPLATES, JM_R_TEMPLATE_URI},
	{"resources/read", false, params_uri, JM_R_CONTENTS, JM_R_CONTENTS_URI},
	{"resources/subscribe", false, params_uri, JM_COUNT, JM_COUNT},
	{"resources/unsubscribe", false, params_uri, JM_COUNT, JM_COUNT},
	{"completion/complete", false, params_complete, JM_R_COMPLETION, JM_R_COMPLETION_VALUES},
	{"logging/setLevel", false, params_level, JM_COUNT, JM_COUNT},
	{"sampling/createMessage", false, params_sampling, JM_R_CONTENT, JM_R_ROLE},
	{"roots/list", false, no_params, JM_R_ROOTS, JM_R_ROOT_URI},
	{"elicitation/create", false, params_elicit, JM_R_ACTION, JM_COUNT},
	{"tasks/get", false, params_task, JM_R_TASK_ID, JM_R_STATUS},
	{"tasks/result", false, params_task, JM_COUNT, JM_COUNT},
	{"tasks/cancel", false, params_task, JM_R_TASK_ID, JM_R_STATUS},
	{"tasks/update", false, params_task, JM_COUNT, JM_COUNT},
	{"tasks/list", false, params_cursor, JM_R_TASKS, JM_R_TASK_ID},
	{"server/discover", false, params_any, JM_R_SUPPORTED_VERSIONS, JM_R_CAPABILITIES},
	{"subscriptions/listen", false, params_listen, JM_COUNT, JM_COUNT},
	{"notifications/initialized", true, no_params, JM_COUNT, JM_COUNT},
	{"notifications/cancelled", true, params_cancel, JM_COUNT, JM_COUNT},
	{"notifications/progress", true, params_progress, JM_COUNT, JM_COUNT},
	{"notifications/message", true, params_log, JM_COUNT, JM_COUNT},
	{"notifications/tools/list_changed", true, no_params, JM_COUNT, JM_COUNT},
	{"notifications/prompts/list_changed", true, no_params, JM_COUNT, JM_COUNT},
	{"notifications/resources/list_changed", true, no_params, JM_COUNT, JM_COUNT},
	{"notifications/resources/updated", true, params_uri, JM_COUNT, JM_COUNT},
	{"notifications/roots/list_changed", true, no_params, JM_COUNT, JM_COUNT},
	{"notifications/tasks/status", true, params_task, JM_COUNT, JM_COUNT},
	{"notifications/tasks", true, params_any, JM_COUNT, JM_COUNT},
	{"notifications/elicitation/complete", true, params_elicited, JM_COUNT, JM_COUNT},
	{"notifications/subscriptions/acknowledged", true, params_any, JM_COUNT, JM_COUNT},
};

static const struct method_shape *shape_of(const char *method)
{
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		if (strcmp(shapes[i].method, method) == 0)
			return &shapes[i];
	return NULL;
}

static struct mcp_meaning read_request(const struct jsonrpc_message *m, enum mcp_type type)
{
	struct mcp_meaning r = {type, SHAPE_OPEN, NULL};
	if (has(m, JM_P_META_MCP)) {
		r.shape = SHAPE_PROOF;
		r.behaviour = "mcp.jsonrpc.meta";
		return r;
	}
	if (type == MCP_REQUEST && strcmp(m->method, "initialize") == 0) {
		/* LSP, Codex app-server and others have an initialize too: only MCP's names a dated revision */
		if (is(m, JM_P_PROTOCOL_VERSION, JSON_STRING) && mcp_version_is_date(m->protocol_version) &&
		    is(m, JM_P_CAPABILITIES, JSON_OBJECT) && is(m, JM_P_CLIENT_INFO, JSON_OBJECT)) {
			r.shape = SHAPE_PROOF;
			r.behaviour = "mcp.jsonrpc.initialize";
		}
		return r;
	}
	const struct method_shape *s = m->method_cut ? NULL : shape_of(m->method);
	if (s && s->notification == (type == MCP_NOTIFICATION) && s->params(m)) {
		r.shape = SHAPE_METHOD;
		r.behaviour = "mcp.jsonrpc.request";
	}
	return r;
}

static struct mcp_meaning read_result(const struct jsonrpc_message *m)
{
	struct mcp_meaning r = {MCP_RESULT, SHAPE_OPEN, NULL};
	if (is(m, JM_R_PROTOCOL_VERSION, JSON_STRING) && mcp_version_is_date(m->protocol_version) &&
	    is(m, JM_R_CAPABILITIES, JSON_OBJECT) && is(m, JM_R_SERVER_INFO, JSON_OBJECT)) {
		r.shape = SHAPE_PROOF;
		r.behaviour = "mcp.jsonrpc.initialize-result";
	} else if (is(m, JM_R_SUPPORTED_VERSIONS, JSON_ARRAY) && is(m, JM_R_CAPABILITIES, JSON_OBJECT)) {
		r.shape = SHAPE_PROOF;
		r.behaviour = "mcp.jsonrpc.discover-result";
	} else if (has(m, JM_R_META_MCP)) {
		r.shape = SHAPE_PROOF;
		r.behaviour = "mcp.jsonrpc.meta";
	} else if (is(m, JM_R_TOOLS, JSON_ARRAY) && m->tools_with_schema) {
		r.shape = SHAPE_PROOF;
		r.behaviour = "mcp.jsonrpc.result";
	} else {
		for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
			if (mcp_result_fits(shapes[i].method, m)) {
				r.shape = SHAPE_METHOD;
				r.behaviour = "mcp.jsonrpc.result";
				break;
			}
	}
	return r;
}

struct mcp_meaning mcp_message_read(const struct jsonrpc_message *m)
{
	struct mcp_meaning none = {MCP_NO_MESSAGE, SHAPE_FOREIGN, NULL};
	if (!is(m, JM_JSONRPC, JSON_STRING) || is_foreign(m))
		return none;
	if (is(m, JM_METHOD, JSON_STRING)) {
		if (has(m, JM_RESULT) || has(m, JM_ERROR))
			return none;
		bool id = is(m, JM_ID, JSON_STRING) || is(m, JM_ID, JSON_NUMBER);
		return read_request(m, id ? MCP_REQUEST : MCP_NOTIFICATION);
	}
	if (is(m, JM_RESULT, JSON_OBJECT) && has(m, JM_ID) && !has(m, JM_ERROR))
		return read_result(m);
	if (is(m, JM_ERROR, JSON_OBJECT) && is(m, JM_E_CODE, JSON_NUMBER) && !has(m, JM_RESULT))
		return (struct mcp_meaning){MCP_ERROR, SHAPE_OPEN, "mcp.jsonrpc.error"};
	if (has(m, JM_RESULT) && has(m, JM_ID)) /* MCP's results are objects */
		return (struct mcp_meaning){MCP_RESULT, SHAPE_FOREIGN, NULL};
	return none;
}

/* There, and of the type that MCP gives it: A2A's results have a taskId and a status too, but the status is an object. */
static bool has_typed(const struct jsonrpc_message *m, enum jsonrpc_member member)
{
	switch (member) {
	case JM_R_TOOL_SCHEMA:
	case JM_R_COMPLETION:
	case JM_R_CAPABILITIES: return is(m, member, JSON_OBJECT);
	case JM_R_TOOLS:
	case JM_R_PROMPTS:
	case JM_R_RESOURCES:
	case JM_R_RESOURCE_TEMPLATES:
	case JM_R_CONTENTS:
	case JM_R_MESSAGES:
	case JM_R_COMPLETION_VALUES:
	case JM_R_ROOTS:
	case JM_R_TASKS:
	case JM_R_SUPPORTED_VERSIONS: return is(m, member, JSON_ARRAY);
	case JM_R_CONTENT: return is(m, member, JSON_ARRAY) || is(m, member, JSON_OBJECT);
	default: return is(m, member, JSON_STRING);
	}
}

bool mcp_result_fits(const char *method, const struct jsonrpc_message *m)
{
	if (strcmp(method, "initialize") == 0)
		return is(m, JM_R_PROTOCOL_VERSION, JSON_STRING) && is(m, JM_R_SERVER_INFO, JSON_OBJECT);
	const struct method_shape *s = shape_of(method);
	if (!s || s->result == JM_COUNT || !has_typed(m, s->result))
		return false;
	/* an empty list is anybody's */
	return s->element == JM_COUNT || has_typed(m, s->element);
}
