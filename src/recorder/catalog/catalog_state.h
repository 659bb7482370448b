/* The inside of the catalog, for the files of this folder. */
#ifndef SHADOWTAP_CATALOG_STATE_H
#define SHADOWTAP_CATALOG_STATE_H

#include "catalog.h"
#include "siphash.h"

/* One content that a definition has had. Times are whole microseconds, as the rows have them. */
struct version {
	uint8_t hash[SHA256_BYTES];    /* zeros: over the caps of the sensor */
	uint8_t before[SHA256_BYTES];
	uint8_t parts[PART_COUNT][DEFINITION_PART_BYTES];
	int64_t first_ns, last_ns;
	int64_t told_ns;               /* last_ns as the row has it */
	uint64_t bytes;
	char *text;
	uint8_t hints;
	bool has_before;
};

struct catalog_definition {
	struct catalog_server *server;
	struct catalog_definition *next_hash, *next_own;
	struct version *versions;      /* LIMIT_CATALOG_VERSIONS at most */
	uint8_t n, cap;
	uint8_t list;
	bool unstable;                 /* more versions in a day than are told */
	char name[];
};

enum { TAG_PORTAL = 1 << 0, TAG_CODE_MODE = 1 << 1 };

/* A list that a client is reading, page by page. */
struct listing {
	uint64_t reader;               /* session, else client */
	uint64_t expect;               /* the next page's cursor; 0: none is */
	int64_t time_ns, began_ns;     /* its latest page, its first one */
	uint64_t count;
	bool broken;                   /* a page is missing, or was not whole */
	bool search, execute, code;    /* names that code mode has */
};

struct catalog_list {
	int64_t first_ns, last_ns;
	int64_t complete_ns, since_ns; /* when it was whole last, and when the first page of that came; complete_ns 0: never */
	int64_t told_ns;
	uint64_t definitions;          /* when it was complete */
	bool dirty;
	struct listing readers[LIMIT_CATALOG_READERS];
};

struct catalog_server {
	struct catalog_server *next_hash, *staler, *fresher;
	struct catalog_definition *own;
	size_t n, bytes;
	struct ip_addr address;        /* of the last connection, unless through a proxy */
	bool has_address;
	uint8_t tags;                  /* as far as this run has seen */
	struct catalog_list *lists[LIST_COUNT];
	const char *tenant, *server, *path; /* within key */
	size_t n_key;
	char key[];
};

/* A client of a server whose tools it asked for: a portal is one of several. */
struct catalog_leg {
	struct catalog_server *server;
	struct ip_addr client;
	int64_t time_ns;
};

struct catalog {
	struct hash_key key;
	struct catalog_server *servers[LIMIT_CATALOG_SERVERS];
	struct catalog_definition *definitions[LIMIT_CATALOG_DEFINITIONS];
	struct catalog_server *stalest, *freshest;
	struct catalog_leg legs[LIMIT_CATALOG_LEGS];
	size_t n_legs;
	bool failed;                   /* memory ran out since catalog_take() began */
	struct catalog_counts counts;
};

/* catalog_server.c */
/* The server that a connection is to; made if `make`. NULL: none, or out of memory. */
struct catalog_server *catalog_server_of(struct catalog *c, const struct observation *o, bool make);
struct catalog_server *catalog_server_named(struct catalog *c, const char *tenant, const char *server, const char *path);
void catalog_server_touch(struct catalog *c, struct catalog_server *s);
/* The first to leave. */
void catalog_server_last(struct catalog *c, struct catalog_server *s);
/* Room by the caps: servers leave, but not this one. What rows do not tell yet is told. */
int catalog_make_room(struct catalog *c, const struct catalog_server *but, const struct catalog_sink *sink);
void catalog_server_free(struct catalog *c, struct catalog_server *s);

/* catalog_definition.c */
/* Where those of that server and name are chained. */
struct catalog_definition **catalog_definition_slot(struct catalog *c, const struct catalog_server *s, const char *name, size_t n);
struct catalog_definition *catalog_definition_find(const struct catalog *c, const struct catalog_server *s, enum definition_list list,
                                                   const char *name, size_t n);
struct catalog_definition *catalog_definition_make(struct catalog *c, struct catalog_server *s, enum definition_list list, const char *name);
struct version *catalog_version_find(struct catalog_definition *d, const uint8_t hash[SHA256_BYTES]);
/* NULL: no memory. When there is no room the one seen longest ago leaves. */
struct version *catalog_version_add(struct catalog *c, struct catalog_definition *d, const struct version *v);
/* Whether it was offered at that time or before. */
bool catalog_definition_known(const struct catalog_definition *d, int64_t time_ns);
/* One definition of an offer. changes: how many more this page may tell; *ret_changed: it told one. */
int catalog_definition_take(struct catalog *c, struct catalog_definition *d, const struct definition *seen, const struct offer *offer,
                            unsigned *changes, const struct catalog_sink *sink);

/* catalog_list.c */
/* The page's place in its list, its definitions included. True: with this the list is whole. */
bool catalog_list_take(struct catalog *c, struct catalog_server *s, const struct offer *offer, const struct observation *o);
/* The list, if it is time, and the definitions of it whose rows are behind: none may look older than its list. */
int catalog_list_tell(struct catalog_server *s, enum definition_list list, const struct catalog_sink *sink);

/* catalog_tags.c */
/* All tools of the server are known, as of that time. */
void catalog_tags_read(struct catalog *c, struct catalog_server *s, const struct observation *o, int64_t time_ns);
void catalog_tags_forget(struct catalog *c, const struct catalog_server *s);

/* catalog_row.c */
int catalog_row_tell_list(struct catalog_server *s, enum definition_list list, const struct catalog_sink *sink);
int catalog_row_tell(struct catalog_definition *d, struct version *v, const struct catalog_sink *sink);
json_t *catalog_tags_json(unsigned tags);

#endif
