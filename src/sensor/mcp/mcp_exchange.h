/* An HTTP request head -> what of it matters to MCP, kept until its answer ended. Called by evidence.
 * Makes no exchange of a request that cannot carry MCP: most of the web costs a look at its fields and no memory. */
#ifndef SHADOWTAP_MCP_EXCHANGE_H
#define SHADOWTAP_MCP_EXCHANGE_H

#include "http1.h"
#include "jsonrpc.h"
#include "mcp_claim.h"
#include "mcp_offer.h"
#include "mcp_mirror.h"
#include "mcp_origin.h"
#include "mcp_row.h"

enum http_verb { VERB_OTHER, VERB_GET, VERB_POST, VERB_DELETE, VERB_OPTIONS, VERB_CONNECT };

/* The fields of a request that matter, found in one pass. Borrowed from the head. */
struct request_facts {
	enum http_verb verb;
	struct slice authority, path, query; /* path without query, as sent */
	struct slice user_agent, upgrade_protocol, version, cors_headers, session_id;
	bool absolute_form;
	bool mcp_header;      /* any header that only MCP has */
	const struct signature *header; /* its signature */
	bool session_header, accepts_json, accepts_sse, json_body, upgrade_websocket;
	bool session_uri;     /* a session id in the query, as legacy SSE's endpoint has */
	bool url_credential;  /* in the query, or as user and password of an absolute-form target */
	enum auth_kind auth;
};

void request_facts_read(const struct http_head *head, const struct signature_set *set, struct request_facts *ret);

struct mcp_exchange {
	struct mcp_exchange *next; /* oldest first */
	uint64_t id;
	unsigned depth;
	struct mcp_row *row;
	enum http_verb verb;
	enum auth_kind auth;
	enum http_version http_version;
	bool mcp_header, session_header, accepts_both, accepts_sse, session_uri, json_body, discovery, ambiguous;
	bool path_endpoint, path_strong;
	bool websocket, subprotocol; /* an Upgrade to one was asked for; with the subprotocol mcp, and not turned down */
	bool initializes;     /* its body said who the client is */
	uint8_t session;      /* place of its session's key in the row; 0: none, or not known yet */
	uint64_t session_key; /* of the id in its head; 0: none */
	uint64_t uri_key;     /* of a POST without one, or of the endpoint event without one that came on it */
	bool legacy_open;     /* anybody's request, but to a session URI: a 202 will tell */
	bool evidence;        /* the request is MCP: its facts are in the row */
	bool head_lost;       /* HTTP/2: fields of the request, or its method, could not be known */
	bool unpaired;        /* HTTP/2: an answer whose request was not seen; no row, only these: */
	bool answer_session, answer_is_file;
	bool foreign;         /* its body is another protocol's */
	bool called;          /* a record of a request in it was made */
	bool pending;         /* a request that only its answer can tell from a homonym */
	bool has_request;     /* a JSON-RPC request with an id, so that 202 answers it elsewhere */
	bool endpoint_event, sse_answer, answered_mcp, version_refused;
	uint16_t status;
	char method[LIMIT_METHOD]; /* of the pending request */
	char rpc_id[JSONRPC_ID_TEXT];
	char version[LIMIT_VERSION]; /* declared in header or body */
	char *path, *user_agent;
	struct mcp_offer_asked *lists; /* list requests that wait for their answers, or NULL */
	struct mcp_claims *claims;   /* whom proxies say they speak for; NULL: nobody */
	struct mcp_mirror *mirror;   /* headers that repeat the body; NULL: none */
	enum mcp_origin origin;
	bool url_credential;
	uint32_t connectors;  /* that its body named: bits by place */
	bool head_whole;      /* all of its fields were kept: what is not among them was not sent */
};

struct mcp_exchange *mcp_exchange_new(const struct request_facts *f, const struct http_head *head, unsigned depth,
                                      struct mcp_row *row);
/* The request is MCP: what its head said belongs to the row. */
void mcp_exchange_confirm(struct mcp_exchange *x);
/* The session of the exchange, once it is known: by the request, by the answer, or by what the answer says of the transport. 0: none. */
void mcp_exchange_session(struct mcp_exchange *x, uint64_t key);
/* The names that its row has came with this exchange. */
void mcp_exchange_named(struct mcp_exchange *x);
/* The server's answer so far (status, answered_mcp) may show what it let through: facts of the row. */
void mcp_exchange_answered(struct mcp_exchange *x);
/* An answer of HTTP/2 whose request was not seen. Several may be read at a time, so each keeps what its head said. */
struct mcp_exchange *mcp_exchange_unpaired(const struct http_head *head, unsigned depth);
/* h2c is HTTP/2 in the clear. */
enum http_version mcp_exchange_version(const struct http_head *head, bool encrypted);
enum transport mcp_exchange_transport(const struct mcp_exchange *x);
void mcp_exchange_free(struct mcp_exchange *x);

/* "sessionId=", "session_id=", "sessionid=" as a parameter of the query (of any URI). */
bool uri_has_session(struct slice uri);
/* A credential by its name in the query, such as "apiKey=". */
bool uri_has_credential(struct slice uri);
struct slice uri_session(struct slice uri); /* the value; empty without one */
/* The path of a URI or request target, without scheme, authority and query. */
struct slice uri_path(struct slice uri);

#endif
