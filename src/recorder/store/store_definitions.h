/* The tables of what servers offer -> rows, for the catalog at its start and for `shadowtap offers`. Changes nothing. */
#ifndef SHADOWTAP_STORE_DEFINITIONS_H
#define SHADOWTAP_STORE_DEFINITIONS_H

#include "store.h"

/* All versions, those seen last first, `most` of them, as store_put_row() takes them. Return non-zero from fn to stop. */
int store_definitions_load(struct store *s, int64_t most, store_row_fn *fn, void *context);

struct store_offers {
	int64_t since_ns, until_ns;  /* on last_seen >= since and first_seen < until; 0: open */
	const char *server;          /* name (exact or "*." suffix) held against the server without its port, or NULL */
	const char *list, *name;     /* exact; a name may have * and ? */
	const char *finding;
	bool changed;                /* more versions than one */
	bool history;                /* every version, not the latest of each definition */
	int64_t limit;               /* 0: none */
};

/* The members of a row, in order; ends with NULL. */
extern const char *const store_offer_fields[], *const store_history_fields[];

/* In order of tenant, server, path, list, name, and of versions by first_seen; with a limit those that were seen last. As store_select(). */
int store_offers(struct store *s, const struct store_offers *q, store_row_fn *fn, void *context);

#endif
