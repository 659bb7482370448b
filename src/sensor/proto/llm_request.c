#include "llm_request.h"
#include "json_reader.h"
#include "text.h"
#include <stdlib.h>

/* ---- which requests ---- */

/* The last segment of a path, which loses it; empty ones ("//", a slash at the end) do not count. */
static struct slice pop_segment(struct slice *path)
{
	size_t end = path->n, start;
	while (end && path->p[end - 1] == '/')
		end--;
	for (start = end; start && path->p[start - 1] != '/'; start--)
		;
	struct slice segment = slice_of(path->p + start, end - start);
	*path = slice_first(*path, start);
	return segment;
}

static bool ends_with(struct slice s, const char *end)
{
	size_t n = strlen(end);
	return s.n >= n && slice_eq_str(slice_after(s, s.n - n), end);
}

/* /v1/messages, /anthropic/v1/messages; /model/ID/invoke (Bedrock); .../models/ID:rawPredict (Vertex); /v1/responses,
 * /openai/responses, /openai/deployments/ID/responses and what gateways put before it. */
enum llm_api llm_api_of(const struct http_head *head)
{
	if (head->direction != FROM_CLIENT || !slice_eq_str(head->method, "POST"))
		return LLM_NONE;
	struct slice path = slice_first(head->target, slice_find(head->target, '?'));
	path = slice_first(path, slice_find(path, '#'));
	struct slice last = pop_segment(&path), before = pop_segment(&path), first = pop_segment(&path);
	if (slice_eq_str(last, "responses"))
		return LLM_RESPONSES;
	if (slice_eq_str(last, "messages") && slice_eq_str(before, "v1"))
		return LLM_MESSAGES;
	if ((slice_eq_str(last, "invoke") || slice_eq_str(last, "invoke-with-response-stream")) &&
	    slice_eq_str(first, "model"))
		return LLM_MESSAGES;
	if ((ends_with(last, ":rawPredict") || ends_with(last, ":streamRawPredict")) && slice_eq_str(before, "models"))
		return LLM_MESSAGES;
	return LLM_NONE;
}

/* ---- what is in them ---- */

/* Where in the text it is: the objects and arrays that are told of. Inside of anything else nothing is. */
enum level { OUTSIDE, IN_REQUEST, IN_LIST, IN_SERVER, IN_HEADERS };

enum member {
	MEMBER_OTHER,
	/* of the request */
	MEMBER_LIST,
	MEMBER_COMPANION,
	/* of a server */
	MEMBER_TYPE,
	MEMBER_URL,
	MEMBER_NAME,
	MEMBER_ID,
	MEMBER_TOKEN,
	MEMBER_HEADERS,
	/* of its headers */
	MEMBER_AUTHORIZATION,
	MEMBER_KEY,
};

struct member_name {
	enum llm_api api;
	enum level level;
	const char *name;
	enum member member;
};

static const struct member_name members[] = {
    {LLM_MESSAGES, IN_REQUEST, "mcp_servers", MEMBER_LIST},
    {LLM_MESSAGES, IN_REQUEST, "messages", MEMBER_COMPANION},
    {LLM_MESSAGES, IN_SERVER, "type", MEMBER_TYPE},
    {LLM_MESSAGES, IN_SERVER, "url", MEMBER_URL},
    {LLM_MESSAGES, IN_SERVER, "name", MEMBER_NAME},
    {LLM_MESSAGES, IN_SERVER, "authorization_token", MEMBER_TOKEN},
    {LLM_RESPONSES, IN_REQUEST, "tools", MEMBER_LIST},
    {LLM_RESPONSES, IN_REQUEST, "input", MEMBER_COMPANION},
    {LLM_RESPONSES, IN_REQUEST, "model", MEMBER_COMPANION},
    {LLM_RESPONSES, IN_REQUEST, "prompt", MEMBER_COMPANION},
    {LLM_RESPONSES, IN_SERVER, "type", MEMBER_TYPE},
    {LLM_RESPONSES, IN_SERVER, "server_url", MEMBER_URL},
    {LLM_RESPONSES, IN_SERVER, "server_label", MEMBER_NAME},
    {LLM_RESPONSES, IN_SERVER, "connector_id", MEMBER_ID},
    {LLM_RESPONSES, IN_SERVER, "authorization", MEMBER_TOKEN},
    {LLM_RESPONSES, IN_SERVER, "headers", MEMBER_HEADERS},
};

struct llm_request {
	struct json_reader json;
	struct anomaly_counts *anomalies;
	enum llm_api api;
	enum level level;
	enum member member;     /* whose value comes next */
	bool done, bad;         /* the text is complete; it is none */
	bool listed, companion; /* there was a list; and what no request of that API goes without */
	bool ambiguous, over;
	struct llm_server server; /* that is being read */
	uint16_t seen;            /* its members, a bit each */
	bool server_type, server_ambiguous;
	struct llm_server *servers;
	size_t n, cap;
};

static void on_key(void *context, struct slice key, bool cut)
{
	struct llm_request *r = context;
	r->member = MEMBER_OTHER;
	if (r->level == IN_HEADERS) { /* names of HTTP fields: any case */
		static const char *const keys[] = {"x-api-key", "api-key", "apikey", "x-api-token", "x-auth-token"};
		r->member = slice_ieq_str(key, "authorization") ? MEMBER_AUTHORIZATION : MEMBER_OTHER;
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			if (slice_ieq_str(key, keys[i]))
				r->member = MEMBER_KEY;
		return;
	}
	for (size_t i = 0; i < sizeof members / sizeof *members && !cut; i++)
		if (members[i].api == r->api && members[i].level == r->level && slice_eq_str(key, members[i].name))
			r->member = members[i].member;
}

/* RFC 8259 4: what a reader makes of a name that is there twice is up to it. So is, then, which server is meant: most
 * take the last one. To say nothing of it would be a way to ask unseen. */
static bool twice(uint16_t *seen, enum member m)
{
	bool again = *seen >> m & 1;
	*seen |= (uint16_t)(1u << m);
	return again && m != MEMBER_OTHER;
}

static size_t begin_in_server(struct llm_request *r, enum json_type type)
{
	r->server_ambiguous |= twice(&r->seen, r->member);
	if (r->member == MEMBER_HEADERS && type == JSON_OBJECT) {
		r->level = IN_HEADERS;
		return 1;
	}
	if (type != JSON_STRING)
		return 0;
	switch (r->member) {
	case MEMBER_URL: return JSON_TEXT_KEPT;
	case MEMBER_NAME:
	case MEMBER_ID: return LIMIT_NAME - 1;
	case MEMBER_TYPE: return 8;
	case MEMBER_TOKEN: return 1; /* an empty one is none */
	default: return 0;
	}
}

static size_t on_begin(void *context, enum json_type type)
{
	struct llm_request *r = context;
	switch (r->level) {
	case OUTSIDE: r->level = type == JSON_OBJECT ? IN_REQUEST : OUTSIDE; return type == JSON_OBJECT;
	case IN_REQUEST:
		r->companion |= r->member == MEMBER_COMPANION && (r->api == LLM_RESPONSES || type == JSON_ARRAY);
		if (r->member != MEMBER_LIST)
			return 0;
		r->ambiguous |= r->listed;
		r->listed = true;
		r->level = type == JSON_ARRAY ? IN_LIST : IN_REQUEST;
		return type == JSON_ARRAY;
	case IN_LIST:
		if (type != JSON_OBJECT)
			return 0;
		r->level = IN_SERVER;
		r->server = (struct llm_server){.auth = LLM_AUTH_NONE};
		r->seen = 0;
		r->server_type = r->server_ambiguous = false;
		return 1;
	case IN_SERVER: return begin_in_server(r, type);
	case IN_HEADERS: return type == JSON_STRING && r->member != MEMBER_OTHER ? 6 : 0; /* "basic " */
	}
	return 0;
}

static void keep_server(struct llm_request *r)
{
	const struct llm_server *s = &r->server;
	if (!r->server_type || (!s->url[0] && !s->id[0]))
		return;
	if (r->n == LIMIT_CONNECTORS) {
		if (!r->over)
			anomaly_count(r->anomalies, ANOMALY_CONNECTORS_LIMIT);
		r->over = true;
		return;
	}
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 2;
		struct llm_server *grown = realloc(r->servers, cap * sizeof *grown);
		if (!grown)
			return;
		r->servers = grown;
		r->cap = cap;
	}
	r->servers[r->n] = *s;
	r->servers[r->n++].doubtful = r->server_ambiguous;
}

static void note_auth(struct llm_server *s, enum llm_auth auth)
{
	if (auth > s->auth)
		s->auth = auth;
}

static void on_text(struct llm_request *r, struct slice text, bool cut)
{
	struct llm_server *s = &r->server;
	switch (r->member) {
	case MEMBER_TYPE: r->server_type |= !cut && slice_eq_str(text, r->api == LLM_MESSAGES ? "url" : "mcp"); break;
	case MEMBER_URL:
		s->url_cut = cut;
		if (text.n || !s->url[0])
			text_copy(s->url, sizeof s->url, text);
		break;
	case MEMBER_NAME: text_copy(s->name, sizeof s->name, text); break;
	case MEMBER_ID:
		s->id_cut = cut;
		if (text.n || !s->id[0])
			text_copy(s->id, sizeof s->id, text);
		break;
	case MEMBER_TOKEN: note_auth(s, text.n ? LLM_AUTH_BEARER : LLM_AUTH_NONE); break;
	case MEMBER_AUTHORIZATION:
		note_auth(s, slice_istarts(text, "basic ") ? LLM_AUTH_BASIC : text.n ? LLM_AUTH_BEARER : LLM_AUTH_NONE);
		break;
	case MEMBER_KEY: note_auth(s, text.n ? LLM_AUTH_KEY : LLM_AUTH_NONE); break;
	default: break;
	}
}

static void on_end(void *context, enum json_type type, struct slice text, bool cut)
{
	struct llm_request *r = context;
	if (type == JSON_STRING) {
		on_text(r, text, cut);
		return;
	}
	if (r->level == IN_SERVER)
		keep_server(r);
	r->level = r->level == OUTSIDE ? OUTSIDE : (enum level)(r->level - 1);
}

static const struct json_hooks hooks = {.key = on_key, .begin = on_begin, .end = on_end, .piece = NULL};

struct llm_request *llm_request_new(struct anomaly_counts *anomalies)
{
	struct llm_request *r = calloc(1, sizeof *r);
	if (r)
		r->anomalies = anomalies;
	return r;
}

void llm_request_start(struct llm_request *r, enum llm_api api)
{
	free(r->servers);
	*r = (struct llm_request){.anomalies = r->anomalies, .api = api};
	json_reader_init(&r->json, &hooks, r);
}

void llm_request_feed(struct llm_request *r, struct slice bytes)
{
	size_t used = 0;
	if (r->bad)
		return;
	if (!r->done) {
		enum parse p = json_reader_feed(&r->json, bytes, &used);
		r->bad = p == PARSE_BAD;
		r->done = p == PARSE_DONE;
		bytes = slice_after(bytes, used);
	}
	if (r->done)
		r->bad = json_reader_trail(&r->json, bytes) == PARSE_BAD;
}

struct llm_asked llm_request_end(struct llm_request *r, bool whole)
{
	struct llm_asked asked = {.api = r->api, .whole = whole};
	if (r->bad || (whole && (!r->done || !r->companion)))
		return asked;
	for (size_t i = 0; i < r->n; i++) {
		r->servers[i].doubtful |= r->ambiguous;
		if (r->servers[i].doubtful)
			anomaly_count(r->anomalies, ANOMALY_LLM_REQUEST_AMBIGUOUS);
	}
	asked.servers = r->servers;
	asked.n = r->n;
	return asked;
}

size_t llm_request_memory(const struct llm_request *r)
{
	return r ? sizeof *r + r->cap * sizeof *r->servers : 0;
}

void llm_request_free(struct llm_request *r)
{
	if (r)
		free(r->servers);
	free(r);
}
