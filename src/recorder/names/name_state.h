/* The inside of the book of names, for the files of this folder: what was given to whom, who asks, who looked what up. */
#ifndef SHADOWTAP_NAME_STATE_H
#define SHADOWTAP_NAME_STATE_H

#include "name_book.h"
#include "siphash.h"

enum { NAME_BUCKETS = 1 << 15, CLIENT_BUCKETS = 1 << 12, LOOKUP_BUCKETS = 1 << 10 };

/* A name with what signatures say of it; shared by all who were told it. */
struct known_name {
	struct known_name *next;
	uint32_t holders;
	enum confidence confidence;
	char *signature, *reason; /* in text, behind the name */
	char text[];
};

/* A client in its tenant. */
struct asker {
	uint64_t tenant;
	struct ip_addr addr;
};

/* An address that a client was told for a name: from first_ns to expires_ns without a break. */
struct given {
	struct given *next_of_address, *next_of_name, *next_of_pair; /* hash chains: client and address, client and name, name and address */
	struct given *staler, *fresher;                             /* by when it was last told */
	struct known_name *name;
	struct asker asker;
	struct ip_addr addr;
	int64_t first_ns, expires_ns;
	uint64_t frame; /* of first_ns */
	uint32_t ttl;   /* the largest that it was told with */
	bool cut;       /* the last answer had more than was read */
};

/* Since when a client's DNS is seen. */
struct client {
	struct client *next, *staler, *fresher;
	struct asker asker;
	int64_t first_ns;
};

/* A client wanted to know where a dedicated host is. */
struct lookup {
	struct lookup *next, *older, *newer;
	struct asker asker;
	struct known_name *name;
	int64_t time_ns;
	bool used;
};

struct name_book {
	struct hash_key key;
	int64_t now_ns; /* the latest packet time that a record told of */
	struct known_name *names[NAME_BUCKETS];
	struct given *of_address[NAME_BUCKETS], *of_name[NAME_BUCKETS], *of_pair[NAME_BUCKETS];
	struct given *stalest, *freshest;
	struct client *clients[CLIENT_BUCKETS], *stalest_client, *freshest_client;
	struct lookup *lookups[LOOKUP_BUCKETS], *oldest_lookup, *newest_lookup;
	unsigned n_clients, n_lookups;
	struct name_book_counts counts;
};

/* ---- name_state.c ---- */

uint64_t name_tenant(const struct name_book *b, const struct encap *e);
bool name_same_asker(const struct asker *a, const struct asker *b);
struct asker name_asker_of(const struct name_book *b, const struct observation *o);
unsigned name_bucket_of_address(const struct name_book *b, const struct asker *a, const struct ip_addr *addr);
unsigned name_bucket_of_name(const struct name_book *b, const struct asker *a, const char *name);
unsigned name_bucket_of_pair(const struct name_book *b, uint64_t tenant, const char *name, const struct ip_addr *addr);
unsigned name_bucket_of_client(const struct name_book *b, const struct asker *a, unsigned buckets);

/* Held once more; NULL when out of memory. */
struct known_name *known_name_hold(struct name_book *b, const struct names *n);
void known_name_drop(struct name_book *b, struct known_name *k);

/* ---- name_lookup.c ---- */

/* 0, or FAIL_MEMORY. */
int name_lookup_add(struct name_book *b, const struct asker *a, const struct names *n);
/* Those that waited long enough by the book's time, or all. */
void name_lookup_age(struct name_book *b, bool all);

#endif
