/* JSON text -> JSON-RPC 2.0 messages, incrementally, in constant memory: any key order, any size, any split.
 * Called by app_stream with the bytes of an HTTP body, an SSE event's data, a WebSocket message or a line of TCP.
 * Keeps the members that MCP needs and skips the rest; judges nothing (mcp/ does). JSON-RPC 2.0 specification,
 * sections 4 to 6; JSON as RFC 8259. Known weakness: a message that lost bytes is reported as bad, not repaired. */
#ifndef SHADOWTAP_JSONRPC_H
#define SHADOWTAP_JSONRPC_H

#include "anomaly.h"
#include "definition_reader.h"
#include "json_reader.h"
#include "limits.h"
#include "slice.h"
#include "status.h"

/* Members whose presence and type (enum json_type) mcp/ asks for. The comment is the path; [] is any element of an
 * array. The first of duplicate keys wins; where several elements or paths give a member, the first in the text. */
enum jsonrpc_member {
	/* top level */
	JM_JSONRPC,              /* jsonrpc: JSON_STRING only if exactly "2.0", else JSON_BOOL for anything wrong */
	JM_ID,                   /* id */
	JM_METHOD,               /* method */
	JM_PARAMS,               /* params */
	JM_RESULT,               /* result */
	JM_ERROR,                /* error */
	JM_SEQ,                  /* seq: DAP */
	JM_COMMAND,              /* command: DAP */
	JM_TYPE,                 /* type: DAP, Codex, LLM streams */
	/* params */
	JM_P_PROTOCOL_VERSION,   /* params.protocolVersion */
	JM_P_CAPABILITIES,       /* params.capabilities */
	JM_P_CAP_TEXT_DOCUMENT,  /* params.capabilities.textDocument: LSP */
	JM_P_CAP_WORKSPACE,      /* params.capabilities.workspace: LSP */
	JM_P_CLIENT_INFO,        /* params.clientInfo */
	JM_P_CLIENT_NAME,        /* params.clientInfo.name */
	JM_P_CLIENT_VERSION,     /* params.clientInfo.version */
	JM_P_CLIENT_CAPABILITIES,/* params.clientCapabilities: ACP */
	JM_P_PROCESS_ID,         /* params.processId: LSP */
	JM_P_ROOT_URI,           /* params.rootUri: LSP */
	JM_P_ROOT_PATH,          /* params.rootPath: LSP */
	JM_P_NAME,               /* params.name */
	JM_P_ARGUMENTS,          /* params.arguments */
	JM_P_URI,                /* params.uri */
	JM_P_LEVEL,              /* params.level */
	JM_P_DATA,               /* params.data */
	JM_P_LOGGER,             /* params.logger */
	JM_P_CURSOR,             /* params.cursor */
	JM_P_REF,                /* params.ref */
	JM_P_ARGUMENT,           /* params.argument */
	JM_P_PROGRESS_TOKEN,     /* params.progressToken */
	JM_P_PROGRESS,           /* params.progress */
	JM_P_REQUEST_ID,         /* params.requestId */
	JM_P_REASON,             /* params.reason */
	JM_P_MESSAGES,           /* params.messages */
	JM_P_MAX_TOKENS,         /* params.maxTokens */
	JM_P_MESSAGE,            /* params.message */
	JM_P_MESSAGE_PARTS,      /* params.message.parts: A2A */
	JM_P_REQUESTED_SCHEMA,   /* params.requestedSchema */
	JM_P_MODE,               /* params.mode */
	JM_P_ELICITATION_ID,     /* params.elicitationId */
	JM_P_SESSION_ID,         /* params.sessionId: ACP */
	JM_P_ID,                 /* params.id: A2A tasks */
	JM_P_TASK_ID,            /* params.taskId */
	JM_P_STATUS,             /* params.status */
	JM_P_TASK,               /* params.task */
	JM_P_NOTIFICATIONS,      /* params.notifications: subscriptions/listen */
	JM_P_INPUT_RESPONSES,    /* params.inputResponses */
	JM_P_META,               /* params._meta */
	JM_P_META_PROGRESS,      /* params._meta.progressToken */
	JM_P_META_MCP,           /* params._meta: any key that starts with "io.modelcontextprotocol/" */
	JM_P_META_VERSION,       /* params._meta["io.modelcontextprotocol/protocolVersion"] */
	JM_P_META_CLIENT_CAPS,   /* params._meta["io.modelcontextprotocol/clientCapabilities"] */
	JM_P_META_CLIENT_NAME,   /* params._meta["io.modelcontextprotocol/clientInfo"].name */
	JM_P_META_CLIENT_VERSION,/* params._meta["io.modelcontextprotocol/clientInfo"].version */
	JM_P_OTHER,              /* params: any key not named above */
	/* result */
	JM_R_PROTOCOL_VERSION,   /* result.protocolVersion */
	JM_R_CAPABILITIES,       /* result.capabilities */
	JM_R_SERVER_INFO,        /* result.serverInfo */
	JM_R_SERVER_NAME,        /* result.serverInfo.name */
	JM_R_SERVER_VERSION,     /* result.serverInfo.version */
	JM_R_AGENT_CAPABILITIES, /* result.agentCapabilities: ACP */
	JM_R_USER_AGENT,         /* result.userAgent: Codex app-server */
	JM_R_SUPPORTED_VERSIONS, /* result.supportedVersions */
	JM_R_RESULT_TYPE,        /* result.resultType */
	JM_R_TOOLS,              /* result.tools */
	JM_R_TOOL_NAME,          /* result.tools[].name */
	JM_R_TOOL_SCHEMA,        /* result.tools[].inputSchema */
	JM_R_PROMPTS,            /* result.prompts */
	JM_R_PROMPT_NAME,        /* result.prompts[].name */
	JM_R_RESOURCES,          /* result.resources */
	JM_R_RESOURCE_URI,       /* result.resources[].uri */
	JM_R_RESOURCE_TEMPLATES, /* result.resourceTemplates */
	JM_R_TEMPLATE_URI,       /* result.resourceTemplates[].uriTemplate */
	JM_R_CONTENT,            /* result.content */
	JM_R_CONTENT_TYPE,       /* result.content[].type, or result.content.type (sampling) */
	JM_R_IS_ERROR,           /* result.isError */
	JM_R_STRUCTURED,         /* result.structuredContent */
	JM_R_CONTENTS,           /* result.contents */
	JM_R_CONTENTS_URI,       /* result.contents[].uri */
	JM_R_MESSAGES,           /* result.messages */
	JM_R_MESSAGE_ROLE,       /* result.messages[].role */
	JM_R_COMPLETION,         /* result.completion */
	JM_R_COMPLETION_VALUES,  /* result.completion.values */
	JM_R_ROOTS,              /* result.roots */
	JM_R_ROOT_URI,           /* result.roots[].uri */
	JM_R_ROLE,               /* result.role: sampling */
	JM_R_MODEL,              /* result.model: sampling */
	JM_R_ACTION,             /* result.action: elicitation */
	JM_R_TASK,               /* result.task */
	JM_R_TASKS,              /* result.tasks */
	JM_R_TASK_ID,            /* result.taskId, result.task.taskId or result.tasks[].taskId */
	JM_R_STATUS,             /* result.status */
	JM_R_TTL,                /* result.ttl or result.ttlMs */
	JM_R_INPUT_REQUESTS,     /* result.inputRequests */
	JM_R_NEXT_CURSOR,        /* result.nextCursor */
	JM_R_META,               /* result._meta */
	JM_R_META_MCP,           /* result._meta: any key that starts with "io.modelcontextprotocol/" */
	JM_R_META_SERVER_NAME,   /* result._meta["io.modelcontextprotocol/serverInfo"].name */
	JM_R_META_SERVER_VERSION,/* result._meta["io.modelcontextprotocol/serverInfo"].version */
	JM_R_OTHER,              /* result: any key not named above */
	/* error */
	JM_E_CODE,               /* error.code */
	JM_E_MESSAGE,            /* error.message */
	JM_E_SUPPORTED,          /* error.data.supported */
	JM_E_REQUESTED,          /* error.data.requested */
	JM_COUNT
};

#define JSONRPC_ID_TEXT 64

/* One message. Valid during the callback only. Texts are valid UTF-8, unescaped, NUL-terminated, cut at their size. */
struct jsonrpc_message {
	uint8_t type[JM_COUNT];        /* enum json_type by enum jsonrpc_member */
	bool in_batch;
	bool utf8_bad;                 /* a string held invalid UTF-8 or a lone surrogate */
	bool duplicate_key;            /* a kept key stood twice in one object: parsers downstream will disagree */
	uint64_t bytes;                /* length of the message's text, brace to brace */
	/* canonical: number as written, or the string with a leading '"'; cut ids compare unequal */
	char id[JSONRPC_ID_TEXT];
	bool id_cut;
	char request_id[JSONRPC_ID_TEXT]; /* params.requestId, likewise */
	bool request_id_cut;
	bool is_error;                 /* result.isError is true */
	char method[LIMIT_METHOD];
	bool method_cut;
	int64_t error_code;            /* 0 if absent or not an integer */
	uint32_t tools;                /* elements of result.tools */
	uint32_t tools_with_schema;    /* those of them that have an inputSchema object */
	/* params.protocolVersion, params._meta…/protocolVersion or result.protocolVersion */
	char protocol_version[LIMIT_VERSION];
	char supported_version[LIMIT_VERSION];     /* first of result.supportedVersions or error.data.supported */
	char client_name[LIMIT_NAME], client_version[LIMIT_VERSION]; /* clientInfo of params or of its _meta */
	char server_name[LIMIT_NAME], server_version[LIMIT_VERSION]; /* serverInfo of result or of its _meta */
	char name[LIMIT_NAME];                     /* params.name */
	bool name_cut;
	char uri[LIMIT_PATH];                      /* params.uri */
	char result_type[32];                      /* result.resultType */
	uint64_t cursor, next_cursor;              /* hashes of params.cursor, result.nextCursor; 0: none, or empty */
	const struct definition_page *page;        /* of result.tools and its like, where wanted; else NULL */
};

struct jsonrpc; /* one reader; about 4 KiB, but for the definitions that it reads (jsonrpc_memory) */

/* Called once per complete message that is a JSON object; other values in a batch are skipped. It must not call the
 * reader that calls it. */
typedef void jsonrpc_message_fn(void *context, const struct jsonrpc_message *m);

struct jsonrpc *jsonrpc_new(jsonrpc_message_fn *on_message, void *context, struct anomaly_counts *anomalies);
/* From now on the definitions in answers are read too, with their texts if texts. */
void jsonrpc_want_definitions(struct jsonrpc *j, bool texts);
/* Back to the start of a text. The reader takes one JSON text (object, or array for a batch) with white space around
 * it and an optional UTF-8 byte order mark. */
void jsonrpc_reset(struct jsonrpc *j);
/* PARSE_MORE, PARSE_DONE after the closing bracket (white space may still follow; other bytes turn it PARSE_BAD),
 * or PARSE_BAD, which stays. Messages of a batch are called back one by one as they close. A single message is called
 * back at its closing brace; trailing garbage is the caller's to notice from the later PARSE_BAD. */
enum parse jsonrpc_feed(struct jsonrpc *j, struct slice bytes);
/* As jsonrpc_feed, for texts that follow each other (newline-delimited): stops after the first complete text and
 * says how much it took (it may be nothing: a number ends at the byte after it). On PARSE_BAD it took what stands
 * before the first byte that no JSON text can have there. */
enum parse jsonrpc_feed_one(struct jsonrpc *j, struct slice bytes, size_t *ret_consumed);
/* The text ended here. PARSE_DONE if it was complete, else PARSE_BAD (no anomaly if there was none at all). */
enum parse jsonrpc_eof(struct jsonrpc *j);
size_t jsonrpc_memory(const struct jsonrpc *j); /* NULL is fine */
void jsonrpc_free(struct jsonrpc *j);

#endif
