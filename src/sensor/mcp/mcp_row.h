/* What is known of one authority on one connection: the sensor's side of an event row. Facts and evidence are added,
 * an observation is filled from it. Called by evidence. Keeps copies, within limits.h; judges no policy. */
#ifndef SHADOWTAP_MCP_ROW_H
#define SHADOWTAP_MCP_ROW_H

#include "anomaly.h"
#include "hostname.h"
#include "http1.h"
#include "mcp_claim.h"
#include "observation.h"
#include "signature.h"

/* Names counted in the order first seen. */
struct name_counts {
	struct observed_count *items;
	uint32_t n, cap;
	uint64_t other;
};

/* How well a row's name, path and so on are founded: a better one replaces a worse one, never the reverse. */
enum row_rank { RANK_NONE, RANK_HINT, RANK_MCP };

struct mcp_row {
	/* identity: the authority as compared, port 0 where none was given */
	char key[HOSTNAME_TEXT];
	uint16_t key_port;
	uint32_t ordinal;

	enum confidence confidence, held; /* held: what it would be, were the connection's reading not in doubt */
	enum stage stage;
	enum transport transport;
	uint8_t transport_level;
	enum http_version http_version;
	enum auth_kind auth;
	enum proxy_kind proxy;
	bool encrypted, decrypted, host_cut, secure_scheme, host_from_request;
	bool any_port;              /* its name is a TLS server name, which has no port: the first Host with one fits it */
	bool asked_vendor;          /* connectors refer to it: it stays */
	bool changed;               /* since the last observation, in a way that may matter to the verdict */
	uint8_t path_rank;
	int64_t first_seen_ns;

	char *host, *path, *user_agent;
	char *tls_version, *sni, *alpn, *ja4;
	char *client_name, *client_version, *server_name, *server_version;
	char *version_agreed;       /* from the server's answer */
	char *version_accepted;     /* declared in a request that was not refused */
	char *version_requested;    /* what the client asked for */
	char *version_declared;     /* in a request whose answer is not known */

	struct mcp_claims claims;   /* whom proxies say they speak for */

	struct name_counts methods, server_methods, tools_called, resources_read, prompts_got;
	uint32_t facts;             /* set of enum observed_fact */
	uint64_t session_keys[LIMIT_SESSION_KEYS];
	uint8_t n_session_keys;
	uint8_t names_session;      /* whose names these are, as in the observation */
	bool names_waiting;         /* ... the first session's to come: they were said before any */
	uint64_t requests, errors;
	uint32_t calls;             /* requests of both sides that were told of for the audit log */
	struct observed_reason *reasons; /* details are copies, signature ids borrowed from the set */
	uint32_t n_reasons;
};

struct mcp_row *mcp_row_new(struct slice key, uint16_t port, uint32_t ordinal);
/* Its authority became known after it was made without one. */
void mcp_row_name(struct mcp_row *r, struct slice key, uint16_t port);
bool mcp_row_is(const struct mcp_row *r, struct slice key, uint16_t port);

/* One piece of evidence: raises confidence (to `possible` at most where in_doubt), and is kept as a reason once per signature. */
void mcp_row_evidence(struct mcp_row *r, const struct signature *s, enum confidence confidence, bool in_doubt,
                      int64_t time_ns, uint64_t frame, struct anomaly_counts *anomalies, const char *format, ...)
	__attribute__((format(printf, 8, 9)));
/* The doubt is over: a request and its answer matched. */
void mcp_row_trust(struct mcp_row *r);
void mcp_row_stage(struct mcp_row *r, enum stage stage);
/* level: 1 tried, 2 answered. The furthest stands, else the latest. */
void mcp_row_transport(struct mcp_row *r, enum transport t, unsigned level);
/* The first hop stands: a tunnel inside a tunnel was asked for through the outer one's proxy. */
void mcp_row_proxy(struct mcp_row *r, enum proxy_kind proxy);
void mcp_row_claim(struct mcp_row *r, const struct claimed_client *c);
/* A key of mcp_session.h, once. Its place among the row's, from 1; 0 past LIMIT_SESSION_KEYS. */
uint8_t mcp_row_session(struct mcp_row *r, uint64_t key);
void mcp_row_auth(struct mcp_row *r, enum auth_kind auth);
void mcp_row_fact(struct mcp_row *r, enum observed_fact fact);
/* Sets the field if it is empty, or always with replace. Empty text changes nothing. */
void mcp_row_set(struct mcp_row *r, char **field, struct slice text, size_t cap, bool replace);
void mcp_row_count(struct name_counts *c, const char *name, int64_t time_ns, uint64_t frame, struct anomaly_counts *anomalies);

/* Borrows the row until the next call that changes it. counts: three arrays are borrowed too. */
void mcp_row_observe(const struct mcp_row *r, struct observation *o);
size_t mcp_row_memory(const struct mcp_row *r);
void mcp_row_free(struct mcp_row *r);

#endif
