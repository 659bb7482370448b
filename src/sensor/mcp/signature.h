/* signatures/NAME.json -> matchers: what hosts, paths, headers, methods and clients of MCP look like, each with id,
 * confidence, reason and source. Loaded once, then read-only and shared by all workers. Later directories add to and
 * override (by id) earlier ones. Format: schema/signatures.schema.json. */
#ifndef SHADOWTAP_SIGNATURE_H
#define SHADOWTAP_SIGNATURE_H

#include "observation.h"
#include "slice.h"

enum signature_kind {
	SIGNATURE_HOST, /* host names and platform patterns: exact or "*." suffix, or label patterns such as "mcp.*" */
	SIGNATURE_PATH, /* HTTP paths: exact, prefix, or last segment */
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
	HOST_IGNORED,   /* looks like it and is not (a registry): matches nothing, and stops less specific ones */
};

/* How a pattern is held against the text. Hosts tell it by the form of the pattern. */
enum signature_match {
	MATCH_EXACT,
	MATCH_PREFIX,
	MATCH_SUFFIX,      /* paths: the last segments: "/mcp" matches "/a/mcp", not "/a/xmcp" */
	MATCH_TEMPLATE,    /* paths: "{name}" stands for the rest of one segment: "/servers/{name}/mcp" */
	MATCH_SEGMENT,     /* paths: any one segment */
	MATCH_CONTAINS,    /* client names */
	MATCH_BELOW,       /* hosts: "*.acme.com", any depth below, not acme.com itself */
	MATCH_GLOB,        /* hosts: as many labels, '*' within one: "*-be.glean.com" */
	MATCH_FIRST_LABEL, /* hosts: "mcp.*" */
	MATCH_ANY_LABEL,   /* hosts: no dot: "mcp-*" */
};

const char *signature_match_name(enum signature_match m);

/* How much a path says by itself; alone, even a strong one is a hint. */
enum path_specificity { PATH_WEAK = 1, PATH_MEDIUM = 2, PATH_STRONG = 3 };

/* A discovery path is asked for before a connection (OAuth metadata, server cards): it carries no MCP messages. */
enum path_role { PATH_ENDPOINT, PATH_DISCOVERY };

struct signature_endpoint {
	const char *path; /* may hold "{name}" for one segment */
	enum transport transport;
};

struct signature {
	const char *id; /* unique in the set: "host.mcp.stripe.com"; shorter than LIMIT_SIGNATURE_ID */
	enum signature_kind kind;
	enum confidence confidence; /* of the evidence, standing alone; CONFIDENCE_NONE: a label, no evidence */
	const char *reason;         /* a sentence for an analyst, shorter than LIMIT_DETAIL */
	const char *source;         /* where the fact comes from */
	const char *vendor;         /* or NULL */
	const char *pattern;        /* behaviours: the id */
	enum signature_match match;
	enum host_tier tier;                        /* hosts */
	const char *path;                           /* hosts: the first endpoint's path; NULL if none is known */
	const struct signature_endpoint *endpoints; /* hosts: where MCP is on the host */
	size_t n_endpoints;
	uint8_t specificity;      /* paths: enum path_specificity */
	enum path_role role;      /* paths */
	enum transport transport; /* paths: the usual one there, or TRANSPORT_NONE */
	const char *value;        /* headers: the value must begin so; NULL for any value */
	bool unique;              /* methods: no other protocol uses the name */
};

struct signature_set;

#define SIGNATURE_ERROR_TEXT 512

/* Loads every *.json of each directory in name order. FAIL_CONFIG (file, line or JSON pointer), FAIL_IO, FAIL_MEMORY;
 * the error text is safe to print. */
int signature_set_load(const char *const directories[], size_t n, struct signature_set **ret,
		       char error[SIGNATURE_ERROR_TEXT]);
/* "2026.11.22", or "2026.11.22+site-3" when an overlay is loaded: goes into events. */
const char *signature_set_version(const struct signature_set *s);
size_t signature_set_count(const struct signature_set *s, enum signature_kind kind);
/* In id order, for `signatures list`. */
const struct signature *signature_set_at(const struct signature_set *s, enum signature_kind kind, size_t index);
/* A set is shared by all that were handed it: flows keep the one that they began with when a newer one is loaded. Any thread.
 * Returns s. */
struct signature_set *signature_set_hold(struct signature_set *s);
/* Lets go; the last one frees. NULL is fine. */
void signature_set_free(struct signature_set *s);

/* All look-ups: NULL if nothing matches. No allocation; host look-ups cost one hash per label. */
/* name: normalized (hostname_normalize). The most specific match wins: exact, then glob, then longest suffix, then
 * label pattern. Never one of tier HOST_IGNORED. */
const struct signature *signature_host(const struct signature_set *s, const char *name);
/* The endpoint of this host that a request's path is, or lies below; NULL if none. */
const struct signature_endpoint *signature_host_endpoint(const struct signature *host, struct slice path);
/* path: as sent (a query is ignored; case, %41-style letters and a last slash do not matter). The most specific: exact,
 * then discovery before endpoint paths, each by template, longest prefix, longest suffix, segment. */
const struct signature *signature_path(const struct signature_set *s, struct slice path);
const struct signature *signature_header(const struct signature_set *s, struct slice name, struct slice value);
const struct signature *signature_method(const struct signature_set *s, struct slice method);
const struct signature *signature_user_agent(const struct signature_set *s, struct slice user_agent);
const struct signature *signature_client(const struct signature_set *s, struct slice name);
const struct signature *signature_ja4(const struct signature_set *s, const char *ja4);
/* A behaviour by id: never NULL for those that signature_merge.c lists as needed, for loading fails without them. One
 * that an overlay disabled has CONFIDENCE_NONE. */
const struct signature *signature_behaviour(const struct signature_set *s, const char *id);

#endif
