/* The record between the halves: what the sensor saw of one connection and authority, as a whole; a later observation
 * of the same connection and authority replaces an earlier one. Plain data with a fixed encoding: in `replay` it
 * crosses a queue, live a socketpair, and the recorder trusts none of it before observation_decode() validated it. */
#ifndef SHADOWTAP_OBSERVATION_H
#define SHADOWTAP_OBSERVATION_H

#include "addr.h"
#include "encap.h"
#include "limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All three as the event contract defines them. */
enum confidence { CONFIDENCE_NONE, CONFIDENCE_POSSIBLE, CONFIDENCE_LIKELY, CONFIDENCE_CONFIRMED, CONFIDENCE_COUNT };
/* Ordered by how far it went: the furthest reached stands. */
enum stage { STAGE_UNKNOWN, STAGE_ATTEMPTED, STAGE_ESTABLISHED, STAGE_COUNT };
enum transport { TRANSPORT_NONE, TRANSPORT_STREAMABLE_HTTP, TRANSPORT_HTTP_SSE, TRANSPORT_WEBSOCKET, TRANSPORT_TCP, TRANSPORT_COUNT };
enum http_version { HTTP_VERSION_NONE, HTTP_VERSION_1_0, HTTP_VERSION_1_1, HTTP_VERSION_2, HTTP_VERSION_H2C, HTTP_VERSION_3, HTTP_VERSION_COUNT };
enum auth_kind { AUTH_UNKNOWN, AUTH_NONE, AUTH_BEARER, AUTH_BASIC, AUTH_APIKEY, AUTH_COOKIE, AUTH_QUERY_TOKEN, AUTH_COUNT };
enum event_kind { KIND_CONNECTION, KIND_CONNECTOR, KIND_TOOL_CHANGE, KIND_COUNT };

/* How the client asked a proxy for the authority: SOCKS and CONNECT open a tunnel, an absolute-form target does not. */
enum proxy_kind { PROXY_NONE, PROXY_HTTP_CONNECT, PROXY_HTTP_ABSOLUTE, PROXY_SOCKS5, PROXY_SOCKS4, PROXY_COUNT };
/* Where a proxy says whom it speaks for. */
enum claim_source { CLAIM_X_FORWARDED_FOR, CLAIM_FORWARDED, CLAIM_PROXY_PROTOCOL, CLAIM_COUNT };

/* Their names in events: "likely", "streamable-http", ...; NULL where the contract says null (none, unknown auth). */
const char *confidence_name(enum confidence c);
const char *stage_name(enum stage s);
const char *transport_name(enum transport t);
const char *http_version_name(enum http_version v);
const char *auth_kind_name(enum auth_kind a);
const char *event_kind_name(enum event_kind k);
const char *proxy_kind_name(enum proxy_kind k);
const char *claim_source_name(enum claim_source s);

/* What was seen of a connection that matters to its posture and fits no other field; a set of bits. */
enum observed_fact {
	FACT_QUERY_CREDENTIAL = 1 << 0,   /* a credential in the URI of an MCP request */
	FACT_HEADER_BODY_DIFFER = 1 << 1, /* Mcp-Method, Mcp-Name or MCP-Protocol-Version said another thing than the body */
	FACT_ORIGIN_FOREIGN = 1 << 2,     /* an Origin that is not the server's was accepted */
	FACT_ORIGIN_MISSING = 1 << 3,     /* a browser's request without Origin was accepted */
	FACT_ECH = 1 << 4,                /* Encrypted ClientHello was offered: sni need not be the server's name */
	FACT_UNAUTHENTICATED = 1 << 5,    /* a request of MCP without credentials was answered, with a status of success */
	/* hints in what the server offered (definition.h), in their order */
	FACT_OFFER_HIDDEN_UNICODE = 1 << 6,
	FACT_OFFER_BIDI = 1 << 7,
	FACT_OFFER_HIDDEN_MARKUP = 1 << 8,
	FACT_OFFER_INSTRUCTIONS = 1 << 9,
	FACT_OFFERED = 1 << 10,           /* definitions of it were read */
	FACTS_ALL = (1 << 11) - 1,
};

/* Set in a session key that was made of an endpoint URI without an id: other clients of the server may use the same one. */
#define SESSION_KEY_SHARED UINT64_C(1)

struct claimed_client {
	enum claim_source source;
	struct ip_addr address;
};

struct observed_count {
	const char *name;
	uint64_t count;
	int64_t first_ns;     /* packet time and frame of the first one */
	uint64_t first_frame;
};

struct observed_counts {
	const struct observed_count *items; /* names in the order first seen, at most LIMIT_NAMES */
	size_t n;
	uint64_t other;                     /* the rest, shown as "(other)" when not 0 */
};

struct observed_reason {
	const char *signature; /* id of the signature or rule */
	const char *detail;    /* a sentence for an analyst */
	int64_t time_ns;
	uint64_t frame;
};

/* Strings are NUL-terminated valid UTF-8 within their limit, or NULL for "not known". All are borrowed: from the
 * sensor's flow before observation_encode(), from the encoded bytes' owner after observation_decode(). */
struct observation {
	enum event_kind kind;
	enum confidence confidence;
	enum stage stage;
	enum transport transport;
	enum http_version http_version;
	enum auth_kind auth;
	uint8_t l4;                 /* 6 or 17 */
	bool encrypted, decrypted;
	bool tls;                   /* TLS or QUIC on the wire (what policy's "tls" requirement asks) */
	bool host_cut;              /* host or sni did not fit or is malformed: never approves */
	bool via_proxy;             /* the client spoke to a proxy: server_ip is the proxy's, not the authority's */
	enum proxy_kind proxy;      /* never without via_proxy */
	bool secure_scheme;         /* the authority's default port is 443 (https, wss, TLS), else 80 */
	bool final;                 /* the connection ended with this observation */

	int64_t connection_time_ns; /* packet time of the connection's first packet: part of the event_id */
	uint64_t first_frame;       /* number of that packet's frame within its capture */
	uint32_t capture;           /* index of the file or interface of the first packet */
	uint32_t authority_ordinal; /* 0 for the connection's first authority */
	uint32_t kind_ordinal;      /* for other kinds than connection */
	int64_t first_seen_ns, last_seen_ns; /* of the evidence for this authority .. of the connection's latest packet */

	struct ip_addr client_ip, server_ip;
	uint16_t client_port, server_port;
	struct encap encap;
	bool has_client_mac;
	uint8_t client_mac[6];

	struct claimed_client claimed_client[LIMIT_CLAIMED_CLIENTS];
	uint8_t n_claimed_clients;

	const char *tls_version, *sni, *alpn, *ja4;
	const char *host;           /* authority as sent, lower case, with port if sent */
	const char *path;
	const char *user_agent;
	const char *protocol_version, *protocol_version_requested;
	const char *client_name, *client_version, *server_name, *server_version;
	const char *app_label;
	/* KIND_CONNECTOR: host and path are those of the MCP server that the vendor's cloud was asked to call */
	const char *connector_vendor; /* "anthropic", "openai" */
	const char *connector_api;    /* authority of the API that was asked */
	const char *connector_name;   /* what the request calls the server */
	const char *connector_id;     /* of a connector that the vendor offers by name, instead of a host */

	uint32_t facts;             /* set of enum observed_fact */
	/* Keyed hashes of the ids and endpoint URIs of the sessions that it carried, the first one first. The key is the
	 * sensor's and never leaves its memory. */
	uint64_t session_keys[LIMIT_SESSION_KEYS];
	uint8_t n_session_keys;
	uint8_t names_session;      /* whose names and versions above are: 1 for the first of session_keys; 0: not known */

	struct observed_counts methods, server_methods, tools_called, resources_read, prompts_got;
	uint64_t requests, errors;
	uint64_t packets[2], bytes[2], payload_bytes[2]; /* by enum direction */

	const struct observed_reason *reasons;
	size_t n_reasons;
};

/* One malloc'd block that the caller frees, or NULL when out of memory. Strings over their limit are a bug (assert). */
uint8_t *observation_encode(const struct observation *o, size_t *ret_n);

/* A decoded observation and the memory behind its strings. */
struct observation_box {
	struct observation o;
	void *memory;
};

/* Validates everything: lengths, enums, UTF-8, limits, counts. False if the bytes are no observation; box is then empty.
 * (Also when out of memory: then errno is ENOMEM, else EINVAL.) */
bool observation_decode(const uint8_t *bytes, size_t n, struct observation_box *ret);
void observation_box_done(struct observation_box *b);

#endif
