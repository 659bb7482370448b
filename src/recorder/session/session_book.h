/* Observations -> the latest one of each connection and authority that lives or ended lately, found by the reference that other records
 * bear. Called by the recorder, for each observation in packet order. Bounded (limits.h): what has been silent longest leaves first.
 * Knows no policy and writes nothing. */
#ifndef SHADOWTAP_SESSION_BOOK_H
#define SHADOWTAP_SESSION_BOOK_H

#include "observation.h"
#include "record.h"

struct session_book;

/* 32 hex digits and a NUL, as event_id() makes them. */
#define SESSION_EVENT_ID_TEXT 33

/* One connection and authority. Read-only for all but session/; valid until the next session_book_put(). */
struct session_entry {
	struct observation_box box;            /* what the sensor last said */
	char event_id[SESSION_EVENT_ID_TEXT];
	struct connection_ref ref;
	size_t bytes;
	struct session_entry *next;            /* of the hash chain */
	struct session_entry *staler, *fresher; /* by when it last spoke */
};

struct session_book_counts {
	uint64_t entries, bytes;
	uint64_t left; /* pushed out by the caps, not by silence */
};

struct session_book *session_book_new(void); /* NULL when out of memory */
/* The box is taken over (and empty then) and replaces what was known of that connection and authority; n: bytes that it was decoded
 * from. NULL when out of memory: the box stays the caller's. Kind connection alone. */
struct session_entry *session_book_put_take(struct session_book *b, struct observation_box *box, size_t n, const char *event_id);
/* NULL: not known, or no longer. */
struct session_entry *session_book_find(const struct session_book *b, const struct connection_ref *ref);
/* The input ended, and all connections with it. */
void session_book_clear(struct session_book *b);
void session_book_counts(const struct session_book *b, struct session_book_counts *ret);
void session_book_free(struct session_book *b); /* NULL is fine */

struct connection_ref connection_ref_of(const struct observation *o);

#endif
