/* signatures/*.json -> matchers: what hosts, paths, headers, methods and clients of MCP look like, each with id,
 * confidence, reason and source. Loaded once, then read-only and shared by all workers. Later directories add to and
 * override (by id) earlier ones. Format: schema/signatures.schema.json. */
#ifndef SHADOWTAP_SIGNATURE_H
#define SHADOWTAP_SIGNATURE_H

#include "observation.h"
#include "slice.h"

enum signature_kind {
	SIGNATURE_HOST,       /* host names and platform patterns: exact or "*." suffix, or label patterns such as "mcp.*" */
	SIGNATURE_PATH,       /* HTTP paths: exact, prefix, or last segment */
	SIGNATURE_HEADER,     /* HTTP field names, with value prefix or not */
	SIGNATURE_METHOD,     /* JSON-RPC methods of MCP */
	SIGNATURE_USER_AGENT, /* beginnings of User-Agent */
	SIGNATURE_CLIENT,     /* clientInfo names */
	SIGNATURE_JA4,        /* TLS client fingerprints */
	SIGNATURE_BEHAVIOUR,  /* built-in recognisers: text and confidence come from the file, the logic is code */
	SIGNATURE_KINDS
};
const char *signature_kind_name(enum signature_kind k);

/* How much a host says by itself. */
enum host_tier {
	HOST_DEDICATED, /* serves nothing but MCP: SNI alone is `likely` */
	HOST_SHARED,    /* serves MCP among much else: `possible` alone; with the right path `likely` */
	HOST_PATTERN,   /* looks like it (label mcp): `possible` */
};

struct signature {
	const char *id;               /* unique in the set: "host.mcp.stripe.com" */
	enum signature_kind kind;
	enum confidence confidence;   /* of the evidence, standing alone */
	const char *reason;           /* a sentence for an analyst */
	const char *source;           /* where the fact comes from */
	const char *vendor;           /* or NULL */
	const char *pattern;
	enum host_tier tier;          /* hosts */
	const char *path;             /* hosts: where MCP is on a shared host; NULL if not known */
};

struct signature_set;

#define SIGNATURE_ERROR_TEXT 512

/* Loads every *.json of each directory in name order. FAIL_CONFIG (file, line or JSON pointer), FAIL_IO, FAIL_MEMORY. */
int signature_set_load(const char *const directories[], size_t n, struct signature_set **ret, char error[SIGNATURE_ERROR_TEXT]);
/* "2026.11.22", or "2026.11.22+site-3" when an overlay is loaded: goes into events. */
const char *signature_set_version(const struct signature_set *s);
size_t signature_set_count(const struct signature_set *s, enum signature_kind kind);
/* In id order, for `signatures list`. */
const struct signature *signature_set_at(const struct signature_set *s, enum signature_kind kind, size_t index);
void signature_set_free(struct signature_set *s);

/* All look-ups: NULL if nothing matches. No allocation; host look-ups cost one hash per label. */
/* name: normalized (hostname_normalize). The most specific match wins: exact, then longest suffix, then pattern. */
const struct signature *signature_host(const struct signature_set *s, const char *name);
/* path: without query, as sent. The most specific: exact, longest prefix, last segment. */
const struct signature *signature_path(const struct signature_set *s, struct slice path);
const struct signature *signature_header(const struct signature_set *s, struct slice name, struct slice value);
const struct signature *signature_method(const struct signature_set *s, struct slice method);
const struct signature *signature_user_agent(const struct signature_set *s, struct slice user_agent);
const struct signature *signature_client(const struct signature_set *s, struct slice name);
const struct signature *signature_ja4(const struct signature_set *s, const char *ja4);
/* A behaviour by id; loading fails if the files lack one that the code needs. */
const struct signature *signature_behaviour(const struct signature_set *s, const char *id);

#endif
