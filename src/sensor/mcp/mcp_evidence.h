/* What is said on one connection -> evidence per authority. The sink of an app_stream: heads, messages, hellos and
 * tunnels come in, rows grow; hellos of QUIC come in beside it. Called by the shard, one per connection that is read.
 * Believes no text about MCP: a message counts only where MCP travels, and a method name that others share only with
 * MCP's headers around it or MCP's answer to it. */
#ifndef SHADOWTAP_MCP_EVIDENCE_H
#define SHADOWTAP_MCP_EVIDENCE_H

#include "app_stream.h"
#include "mcp_call.h"
#include "mcp_connector.h"
#include "mcp_exchange.h"
#include "mcp_message.h"
#include "mcp_offer.h"
#include "mcp_records.h"
#include "mcp_row.h"
#include "mcp_session.h"
#include "quic.h"

/* A request of a dialogue that waits for its answer. */
struct mcp_dialogue_request {
	char id[JSONRPC_ID_TEXT];
	char method[LIMIT_METHOD];
	uint64_t cursor;
	enum mcp_shape shape;
};

struct mcp_evidence {
	const struct signature_set *set;
	struct anomaly_counts *anomalies;
	const struct app_stream *app; /* asked whether what it reads is in doubt */
	const struct hash_key *session_key; /* that ids are hashed with, or NULL: then they are not */
	int64_t now_ns;               /* of the packet that is being read */
	uint64_t frame;
	struct mcp_row *rows[LIMIT_AUTHORITIES];
	uint32_t n_rows;
	struct mcp_exchange *exchanges; /* oldest first */
	uint32_t n_exchanges;
	struct mcp_connector *connectors; /* that vendors' clouds were asked for; no more than LIMIT_CONNECTORS */
	char *tunnel;                 /* authority that CONNECT or SOCKS asked for */
	enum proxy_kind proxy;        /* of the tunnel that is open: the one that the client spoke to */
	struct mcp_claims claims;     /* of the connection: headers of the PROXY protocol */
	bool any;                     /* some row has at least `possible` */
	bool unnamed;                 /* TLS whose hellos name no server that could be believed: its address is all there is */
	bool answer_session_header;   /* the answer that is being read without its request */
	bool answer_is_file;
	bool answer_subprotocol;      /* it accepted a WebSocket with the subprotocol mcp */
	bool websocket_proved, websocket_said[2];
	bool websocket_foreign;       /* a message in it was no JSON-RPC */
	uint8_t websocket_answers;    /* that fitted their requests */
	bool tls;                     /* TLS at the depth that is being read */
	const struct tls_facts *hello; /* of the innermost TLS, while the connection is read */
	struct mcp_row *last_row;     /* of the last HTTP request: most connections have one authority */
	char last_authority[LIMIT_HOST];
	/* the dialogue on a bare TCP connection or in a WebSocket, by who asked */
	struct mcp_dialogue_request *dialogue[2];
	uint8_t dialogue_at[2];
	bool dialogue_proved;
	struct mcp_records records;   /* that wait for the row's observation */
	struct mcp_offer_budget offers;
	struct mcp_calls calls;       /* for the audit log, where it is wanted */
	bool gaps;                    /* some of the connection was not captured */
	uint32_t lines;
};

void mcp_evidence_init(struct mcp_evidence *e, const struct signature_set *set, struct anomaly_counts *anomalies);
void mcp_evidence_done(struct mcp_evidence *e);
size_t mcp_evidence_memory(const struct mcp_evidence *e);

/* Its context is the struct mcp_evidence. */
extern const struct app_sink mcp_evidence_sink;
/* The same, with the texts of definitions. */
extern const struct app_sink mcp_evidence_sink_texts;

/* ---- between the files of evidence ---- */

/* The row of an authority, made if there is none; NULL when out of memory or at LIMIT_AUTHORITIES. Text as sent, or empty. */
struct mcp_row *mcp_evidence_row(struct mcp_evidence *e, struct slice authority);
/* The authority as the event shows it: lower case, with the port if one was sent. */
void mcp_evidence_host_set(struct mcp_row *row, struct slice authority);
bool mcp_evidence_in_doubt(const struct mcp_evidence *e);

/* One piece of evidence with its signature's own confidence; nothing if signature is NULL. */
void mcp_evidence_add(struct mcp_evidence *e, struct mcp_row *row, const struct signature *s, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* What the host name of an authority says by itself. what: "SNI", "Host" ...; ids: its three behaviours by tier. */
void mcp_evidence_host(struct mcp_evidence *e, struct mcp_row *row, const char *name, const char *what,
                       const char *const behaviours[3]);

/* mcp_evidence_exchanges.c */
struct mcp_exchange *mcp_evidence_exchange(struct mcp_evidence *e, unsigned depth, uint64_t id);
/* Takes it. */
void mcp_evidence_exchange_add(struct mcp_evidence *e, struct mcp_exchange *x);
void mcp_evidence_exchange_drop(struct mcp_evidence *e, struct mcp_exchange *x);
/* Drops the exchanges of a row. */
void mcp_evidence_forget(struct mcp_evidence *e, const struct mcp_row *row);
/* The row of what names no server: that of the connection, while it has one only. NULL as for mcp_evidence_row. */
struct mcp_row *mcp_evidence_nameless(struct mcp_evidence *e);

/* What a hello says. what: how its name is called. The row that it belongs to, or NULL. */
struct mcp_row *mcp_evidence_hello(struct mcp_evidence *e, const struct tls_facts *facts, const char *what);

/* mcp_evidence_quic.c */
void mcp_evidence_quic(struct mcp_evidence *e, const struct quic_hello *hello);

/* mcp_evidence_http.c */
bool mcp_evidence_http_head(void *context, unsigned depth, const struct http_head *head);

/* mcp_evidence_http_message.c */
void mcp_evidence_http_end(void *context, unsigned depth, enum direction d, uint64_t exchange, const struct app_body *body);
void mcp_evidence_http_message(struct mcp_evidence *e, unsigned depth, enum app_carrier carrier, enum direction d,
                               uint64_t exchange, const struct jsonrpc_message *m);
void mcp_evidence_sse_event(void *context, unsigned depth, uint64_t exchange, struct slice type, struct slice data,
                            bool data_cut);
/* HTTP is over, or (gone) the server will say no more at all: exchanges without an MCP answer were attempts. */
void mcp_evidence_http_closed(struct mcp_evidence *e, bool gone);

/* mcp_evidence_message.c */
/* What a message says about who is talking: names, versions, counts. */
void mcp_evidence_facts(struct mcp_evidence *e, struct mcp_row *row, enum direction d, const struct jsonrpc_message *m,
                        const struct mcp_meaning *meaning);
/* A request of a dialogue is kept until it is answered, LIMIT_DIALOGUE_IDS of them. */
void mcp_evidence_remember(struct mcp_evidence *e, enum direction d, const struct jsonrpc_message *m, enum mcp_shape shape);
/* The other side's request that this message answers, or NULL. */
struct mcp_dialogue_request *mcp_evidence_asked(struct mcp_evidence *e, enum direction d, const struct jsonrpc_message *m);
void mcp_evidence_line(struct mcp_evidence *e, enum direction d, const struct jsonrpc_message *m);

/* mcp_evidence_websocket.c */
void mcp_evidence_websocket(struct mcp_evidence *e, unsigned depth, enum direction d, uint64_t exchange,
                            const struct jsonrpc_message *m);

#endif
