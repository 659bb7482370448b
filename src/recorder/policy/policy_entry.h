/* The policy in memory: its entries, the facts they are held against, and the questions asked of one entry.
 * Called by policy_load, policy_judge, policy_check, and by `policy test`, which shows why each entry won or lost.
 * Everybody else needs policy.h alone. */
#ifndef SHADOWTAP_POLICY_ENTRY_H
#define SHADOWTAP_POLICY_ENTRY_H

#include "hostname.h"
#include "policy.h"
#include <jansson.h>

enum policy_list { POLICY_APPROVED, POLICY_DENIED, POLICY_LISTS };

#define POLICY_REVISION_TEXT 11 /* "2025-06-18" and its NUL */
#define POLICY_NEVER INT64_MAX

struct policy_require {
	bool tls, auth;
	uint64_t no_findings; /* bit i: finding_table[i] must not occur */
	char protocol_version[POLICY_REVISION_TEXT]; /* least revision, or empty */
};

struct policy_entry {
	enum policy_list list;
	size_t order;                    /* position in its list of the file */
	char *id, *owner, *comment;      /* owner and comment may be NULL */
	char *host;                      /* normalized name or "*." and suffix, or NULL */
	bool has_address;
	struct ip_net address;           /* never an IPv4-mapped one */
	uint16_t port;                   /* 0: any */
	char *path;                      /* without trailing slash, or NULL: any */
	struct ip_net *clients;
	size_t n_clients;                /* 0: any client */
	int64_t expires_ns;              /* first moment at which it no longer holds, or POLICY_NEVER */
	struct policy_require require;   /* of an approval, the file's defaults filled in */
	char **tools;
	size_t n_tools;
	bool tools_listed;               /* an empty list allows no tool */
};

struct policy {
	struct policy_entry *entries;    /* the approved ones first */
	size_t n_entries, n_list[POLICY_LISTS];
	/* Of each list, sorted by what the entry is looked up by (policy_key), then by precedence: a look-up is a binary
	 * search per label of the name and per prefix length in use. */
	const struct policy_entry **index[POLICY_LISTS];
	bool prefix_used[POLICY_LISTS][2][129]; /* [list][IPv6?][bits]: lengths that some address entry has */
	struct ip_net *internal;
	size_t n_internal;
};

/* What the entries are held against, worked out once per observation. */
struct policy_subject {
	char name[LIMIT_HOST];     /* of the authority, normalized; empty if it has none */
	bool name_certain;         /* false: cut or malformed, so that no approval may rest on it */
	struct ip_addr literal;    /* the authority, where it is an address; family 0 otherwise */
	struct ip_addr server;     /* the peer's address; family 0 where that is a proxy's or not known */
	struct ip_addr client;
	bool via_proxy;
	uint16_t port;             /* of the authority; 0: not known */
	const char *path;          /* as sent, or NULL: not known */
	bool path_ambiguous;       /* servers may read it as another path */
	char path_plain[LIMIT_PATH]; /* the path that a lenient server would make of it */
	int64_t time_ns;
};

void policy_subject_from(const struct observation *facts, struct policy_subject *ret);

/* Why an entry matches a subject or not. The first obstacle counts, in this order. */
enum policy_match {
	POLICY_MATCH,
	POLICY_OTHER_SERVER,
	POLICY_NAME_UNCERTAIN,
	POLICY_ADDRESS_UNSEEN,
	POLICY_OTHER_PORT,
	POLICY_OTHER_CLIENT,
	POLICY_EXPIRED,
	POLICY_OTHER_PATH,
	POLICY_PATH_AMBIGUOUS,
	POLICY_PATH_UNSEEN,
};
enum policy_match policy_entry_match(const struct policy_entry *e, const struct policy_subject *s);
const char *policy_match_text(enum policy_match m);

/* Which of two entries of one list goes first: negative if a does. Never 0 for two different entries. *ret_why (may be
 * NULL) becomes the rule that decided. */
int policy_entry_order(const struct policy_entry *a, const struct policy_entry *b, const char **ret_why);

/* What an entry is found by. */
enum policy_key_kind { POLICY_KEY_NAME, POLICY_KEY_SUFFIX, POLICY_KEY_NET };
struct policy_key {
	enum policy_key_kind kind;
	const char *name;  /* of the first two; the suffix without "*." */
	struct ip_net net; /* of the third */
};
/* The run of entries under a key, best first; NULL and 0 if there is none. */
const struct policy_entry *const *policy_find(const struct policy *p, enum policy_list list, const struct policy_key *key,
                                              size_t *ret_n);
/* Sorts both indexes: the loader's last step. False when out of memory. */
bool policy_index(struct policy *p);

/* IPv4-mapped IPv6 addresses become IPv4 (RFC 4291 2.5.5.2): dual-stack hosts log the one, operators write the other. */
struct ip_addr policy_unmap(const struct ip_addr *a);
struct ip_net policy_net_unmap(const struct ip_net *n);
/* The network of the first `bits` bits of an address. */
struct ip_net policy_net_of(const struct ip_addr *a, unsigned bits);
/* Every address of inner is in outer. */
bool policy_net_covers(const struct ip_net *outer, const struct ip_net *inner);

/* The member "no_findings" of a requirement: see policy_findings.c. False after jsonfile_fail; *ret is kept where there is none. */
struct jsonfile;
struct jsonplace;
bool policy_findings_read(struct jsonfile *file, const struct jsonplace *at, const json_t *require, uint64_t *ret);

/* Paths: see policy_path.c. */
bool policy_path_under(const char *prefix, const char *path);
bool policy_path_ambiguous(const char *path);
void policy_path_plain(const char *path, char out[LIMIT_PATH]);

/* Warnings for `policy check`: one sentence each, in the order of the file. */
void policy_check(const struct policy *p, int64_t now_ns, void (*warn)(void *context, const char *sentence), void *context);

#endif
