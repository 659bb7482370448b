/* The body of a request to an LLM API -> the remote MCP servers that the vendor's cloud is asked to connect to. Called
 * by body_reader for requests whose path is one of such an API; any split gives the same. Only members at their real
 * place count: what a chat, a tool's result or a nested array quotes is none. Keeps no credential: that there is one is
 * all that is noted. */
#ifndef SHADOWTAP_LLM_REQUEST_H
#define SHADOWTAP_LLM_REQUEST_H

#include "anomaly.h"
#include "http_head.h"
#include "json_string.h"
#include "limits.h"
#include "status.h"

enum llm_api {
	LLM_NONE,
	LLM_MESSAGES,  /* Anthropic's: "mcp_servers": [{"type": "url", "url": ...}] */
	LLM_RESPONSES, /* OpenAI's: "tools": [{"type": "mcp", "server_url" or "connector_id": ...}] */
};

/* By method and path, whatever the host: gateways speak the vendors' APIs under their own names. */
enum llm_api llm_api_of(const struct http_head *head);

enum llm_auth { LLM_AUTH_NONE, LLM_AUTH_KEY, LLM_AUTH_BASIC, LLM_AUTH_BEARER };

struct llm_server {
	char url[JSON_TEXT_KEPT + 1]; /* as sent, with whatever is in it: not for anybody's eyes */
	char name[LIMIT_NAME];        /* what the request calls it */
	char id[LIMIT_NAME];          /* of a connector that the vendor offers by name */
	bool url_cut, id_cut;
	bool doubtful; /* a member is there twice, its own or its list: readers may differ, and it approves nothing */
	enum llm_auth auth;
};

struct llm_asked {
	enum llm_api api;
	bool whole; /* all of the request was read */
	const struct llm_server *servers;
	size_t n;
};

struct llm_request;
/* NULL when out of memory. */
struct llm_request *llm_request_new(struct anomaly_counts *anomalies);
void llm_request_start(struct llm_request *r, enum llm_api api);
void llm_request_feed(struct llm_request *r, struct slice bytes);
/* whole: its end was seen, and nothing of it was lost. Borrowed until the next call; n == 0 where it asks for none
 * or is no JSON text. */
struct llm_asked llm_request_end(struct llm_request *r, bool whole);
size_t llm_request_memory(const struct llm_request *r);
void llm_request_free(struct llm_request *r);

#endif
