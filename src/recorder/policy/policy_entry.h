/* The policy in memory: its entries, the facts they are held against, and the questions asked of one entry.
 * Called by policy_load, policy_judge, policy_check, and by `policy test`, which shows why each entry won or lost.
 * Everybody else needs policy.h alone. */
#ifndef SHADOWTAP_POLICY_ENTRY_H
#define SHADOWTAP_POLICY_ENTRY_H

#include "hostname.h"
#include "policy.h"
#include "policy_glob.h"
#include <jansson.h>

enum policy_list { POLICY_APPROVED, POLICY_DENIED, POLICY_LISTS };

#define POLICY_REVISION_TEXT 11 /* "2025-06-18" and its NUL */
#define POLICY_NEVER INT64_MAX

/* What a name is used for, each with lists of its own. */
enum policy_use { POLICY_TOOLS, POLICY_RESOURCES, POLICY_PROMPTS, POLICY_USES };
const char *policy_use_name(enum policy_use u); /* "tools" ...: of the member, and of what could not be seen */
/* Bytes of such a name that an observation keeps, with the closing NUL. */
size_t policy_use_limit(enum policy_use u);

struct policy_names {
	struct policy_globs allow, deny;
	bool listed; /* there is a list of what is allowed; an empty one allows nothing */
};

/* Clients as an entry names them. */
struct policy_clients {
	struct policy_clients *next; /* of the policy that owns it */
	struct ip_net *nets;
	size_t n;
	char *text;                  /* as written: groups and networks, by commas */
};

struct policy_group {
	char *name;
	struct ip_net *nets;
	size_t n;
	bool used;
};

struct policy_require {
	bool tls, auth;
	const struct policy_clients *clients; /* none but these may be clients; NULL: any may */
	uint64_t no_findings; /* bit i: finding_table[i] must not occur */
	char protocol_version[POLICY_REVISION_TEXT]; /* least revision, or empty */
};

struct policy_entry {
	enum policy_list list;
	size_t order;                    /* position in its list of the file */
	char *id, *owner, *comment;      /* owner and comment may be NULL */
	char *host;                      /* normalized name or "*." and suffix, or NULL */
	char *connector;                 /* glob of the ids of vendors' connectors; then neither host nor address */
	bool has_address;
	struct ip_net address;           /* never an IPv4-mapped one */
	uint16_t port;                   /* 0: any */
	char *path;                      /* without trailing slash, or NULL: any */
	struct ip_net *clients;
	size_t n_clients;                /* 0: any client */
	int64_t expires_ns;              /* first moment at which it no longer holds, or POLICY_NEVER */
	struct policy_require require;   /* of an approval, the file's defaults filled in */
	struct policy_names names[POLICY_USES];
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
	struct policy_globs denied_names[POLICY_USES]; /* whatever server they are used at */
	struct policy_group *groups;
	size_t n_groups;
	struct policy_clients *clients;  /* of all requirements */
};

/* What the entries are held against, worked out once per observation. */
struct policy_subject {
	char name[LIMIT_HOST];     /* of the authority, normalized; empty if it has none */
	bool name_certain;         /* false: cut or malformed, so that no approval may rest on it */
	struct ip_addr literal;    /* the authority, where it is an address; family 0 otherwise */
	struct ip_addr server;     /* the peer's address; family 0 where that is a proxy's or not known */
	struct ip_addr client;
	const char *connector;     /* id of a vendor's connector, or NULL */
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
enum policy_key_kind { POLICY_KEY_NAME, POLICY_KEY_SUFFIX, POLICY_KEY_NET, POLICY_KEY_CONNECTOR };
struct policy_key {
	enum policy_key_kind kind;
	const char *name;  /* of the first two; the suffix without "*."; of the fourth: empty, all of them share a run */
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

/* policy_require.c: what the entry that decides requires, of the facts: notes in *j. */
void policy_require_all(const struct policy *p, const struct policy_entry *e, const struct policy_subject *s,
                        const struct observation *facts, const struct posture *posture, struct judgement *j);
void policy_unverified(struct judgement *j, const char *what);
/* The sentence of a breach. */
const char *policy_breach_text(const char *breach_id);

/* Paths: see policy_path.c. */
bool policy_path_under(const char *prefix, const char *path);
bool policy_path_ambiguous(const char *path);
void policy_path_plain(const char *path, char out[LIMIT_PATH]);

/* Warnings for `policy check`: one sentence each, in the order of the file. */
void policy_check(const struct policy *p, int64_t now_ns, void (*warn)(void *context, const char *sentence), void *context);
/* policy_check_names.c: those about the lists of names of an entry, or (NULL) of the file. */
void policy_check_names(const struct policy *p, const struct policy_entry *e,
                        void (*warn)(void *context, const char *sentence), void *context);

#endif
