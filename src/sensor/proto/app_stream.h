/* The two directions of one connection -> what was said in it: protocol by its first bytes, then HTTP, SSE, JSON-RPC or
 * TLS, nested as far as tunnels go. Called by the shard with ordered bytes and gaps. The messages go to a sink (mcp/).
 * Knows no flow and no clock, judges nothing. */
#ifndef SHADOWTAP_APP_STREAM_H
#define SHADOWTAP_APP_STREAM_H

#include "addr.h"
#include "app_protocol.h"
#include "http1.h"
#include "jsonrpc.h"
#include "llm_request.h"
#include "tls.h"

struct tls_moment;
struct tls_room;

/* Where a JSON-RPC message travelled. */
enum app_carrier { CARRIER_HTTP_BODY, CARRIER_SSE, CARRIER_LINE, CARRIER_WEBSOCKET };

/* What became of the body of an HTTP message, or of its SSE stream. */
struct app_body {
	bool json, sse;      /* its content type; neither: not of interest */
	bool complete;       /* its end was seen and every byte of it was read */
	bool lost;           /* bytes of it are missing or could not be unfolded */
	bool bad;            /* it was read, and is no JSON text */
	uint64_t bytes;      /* read, after unfolding */
	uint32_t messages;   /* JSON-RPC messages or other JSON objects in it */
};

/* depth: 0 for the connection itself, 1 for what is inside its CONNECT tunnel, and so on. All borrowed. */
struct app_sink {
	bool definitions, definition_texts; /* what servers offer is wanted (struct jsonrpc_message.page), with texts */
	/* Says whether its body is wanted, should its content type be JSON or SSE. */
	bool (*http_head)(void *context, unsigned depth, const struct http_head *head);
	void (*http_end)(void *context, unsigned depth, enum direction d, uint64_t exchange, const struct app_body *body);
	void (*message)(void *context, unsigned depth, enum app_carrier carrier, enum direction d, uint64_t exchange,
	                const struct jsonrpc_message *m);
	/* A request to an LLM API asks the vendor's cloud to connect to MCP servers: before its http_end. May be NULL. */
	void (*connectors)(void *context, unsigned depth, uint64_t exchange, const struct llm_asked *asked);
	/* An event ended; data_first is the beginning of its data (LIMIT_SSE_FIELD bytes at most). */
	void (*sse_event)(void *context, unsigned depth, uint64_t exchange, struct slice type, struct slice data_first,
	                  bool data_cut);
	/* New facts: a hello was read, or nothing further will be; or something of what it hides is decrypted (facts->decrypted). */
	void (*tls)(void *context, unsigned depth, const struct tls_facts *facts);
	/* An accepted CONNECT or Upgrade: what follows has depth + 1. */
	void (*tunnel)(void *context, unsigned depth, bool connect, const struct http_head *answer);
	/* That direction will say no more. */
	void (*closed)(void *context, unsigned depth, enum direction d);
	/* A SOCKS proxy was asked for a server (its authority, empty where that was lost): what follows has depth + 1. */
	void (*socks)(void *context, unsigned depth, unsigned version, struct slice authority);
	/* A message of a WebSocket was no JSON: what is spoken there is another protocol, or a chat. */
	void (*foreign)(void *context, unsigned depth);
	/* A header of the PROXY protocol says that the client is another. */
	void (*claim)(void *context, unsigned depth, const struct ip_addr *client);
	/* What follows was seen at another time than now: it waited for a secret. May be NULL. */
	void (*moment)(void *context, const struct tls_moment *m);
};

struct app_stream;

/* roles_known: d is who spoke as client and server (the SYN was seen). Otherwise the directions may turn out to be the
 * other way round: app_stream_is_flipped() says so, the sink always gets the true ones. NULL when out of memory. */
struct app_stream *app_stream_new(const struct app_sink *sink, void *context, struct anomaly_counts *anomalies,
                                  bool roles_known);
bool app_stream_is_flipped(const struct app_stream *a);
/* TLS in it is decrypted with the secrets of that room. Before the first byte. */
void app_stream_decrypts(struct app_stream *a, struct tls_room *room);
void app_stream_bytes(struct app_stream *a, enum direction d, struct slice bytes);
/* n == 0: an unknown number (a start in mid-stream). */
void app_stream_gap(struct app_stream *a, enum direction d, uint64_t n);
void app_stream_end(struct app_stream *a, enum direction d);

/* What the first bytes said. Stays when nothing further is read of it (TLS after its hellos): see the next. */
enum app_protocol app_stream_protocol(const struct app_stream *a);
/* Nothing will be called back any more: the stream may be freed and its packets left unread. */
bool app_stream_is_finished(const struct app_stream *a);

/* Secrets came, or the room gave up waiting for some: looks again whether it is finished. */
void app_stream_settle(struct app_stream *a);
/* Something that it holds could still be opened by a secret that is to come. */
bool app_stream_waits(const struct app_stream *a);

/* As http1_skippable: bytes from here on that may be dropped unread, and the report of it. */
uint64_t app_stream_skippable(const struct app_stream *a, enum direction d);
void app_stream_skipped(struct app_stream *a, enum direction d, uint64_t n);

/* As http1_resynced, for the depth that is being read in direction d. */
bool app_stream_is_resynced(const struct app_stream *a, enum direction d);

size_t app_stream_memory(const struct app_stream *a);
void app_stream_free(struct app_stream *a);

#endif
