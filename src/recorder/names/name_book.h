/* What DNS told clients -> which names an address had for a client at a time, and whether a name had an address. Called by the recorder, with each
 * record of names and for connections whose name is missing or in question. Bounded (limits.h) and aged by packet time; never tells one client, or
 * tenant, what another was told. docs/names.md has the rules, and why. */
#ifndef SHADOWTAP_NAME_BOOK_H
#define SHADOWTAP_NAME_BOOK_H

#include "names.h"

struct name_book;

struct name_book_counts {
	uint64_t answers;     /* records taken that had addresses */
	uint64_t given;       /* addresses that are remembered */
	uint64_t forgotten;   /* pushed out by the caps, not by time */
	uint64_t lookups;     /* of dedicated hosts, each client's once within LIMIT_NAMES_LOOKUP_SECONDS */
	uint64_t unused;      /* of those, without a connection that followed */
};

/* What is known of a connection's server address. Borrowed until the next name_book_take() or name_book_end(). */
struct address_names {
	unsigned n;             /* names that the client was told to have it; more than one: any of them may be meant */
	bool listed;            /* the name that was asked about is one of them */
	const char *name;       /* of them, the one that says most (and of these the first by alphabet); NULL: none */
	enum confidence confidence; /* of what it says */
	const char *signature, *reason;
	int64_t time_ns;        /* of the answer, and its frame */
	uint64_t frame;
};

enum name_check {
	NAME_UNSEEN,   /* nobody can say */
	NAME_FITS,     /* an answer gave the address for the name */
	NAME_MISMATCH, /* the client's answers for the name, which are seen, gave others */
};

/* NULL when out of memory. */
struct name_book *name_book_new(void);
/* 0, or FAIL_MEMORY: what was told is then not remembered. */
int name_book_take(struct name_book *b, const struct names *n);

/* As of the connection's first packet. asked: a name, or NULL. */
void name_book_address(const struct name_book *b, const struct observation *o, const char *asked, struct address_names *ret);
enum name_check name_book_check(const struct name_book *b, const struct observation *o, const char *name);
/* There is this connection: who looked its server up did so to connect. name: of the server as the connection shows it, or NULL. */
void name_book_connected(struct name_book *b, const struct observation *o, const char *name);

/* The input ended: nothing of it is for what comes next. */
void name_book_end(struct name_book *b);
const struct name_book_counts *name_book_counts(const struct name_book *b);
void name_book_free(struct name_book *b); /* NULL is fine */

#endif
