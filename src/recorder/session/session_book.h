/* Observations -> the latest one of each connection and authority that lives or ended lately, found by the reference that other records
 * bear, and joined with those of its session (session_join.h). Called by the recorder, for each observation in packet order. Bounded
 * (limits.h): what has been silent longest leaves first. Knows no policy and writes nothing. */
#ifndef SHADOWTAP_SESSION_BOOK_H
#define SHADOWTAP_SESSION_BOOK_H

#include "observation.h"
#include "record.h"

struct session_book;
struct session;

/* 32 hex digits and a NUL, as event_id() makes them. */
#define SESSION_EVENT_ID_TEXT 33

/* One connection and authority. Read-only for all but session/ and the recorder's own part; valid until the next session_book_put_take(). */
struct session_entry {
	struct observation_box box;            /* what the sensor last said */
	char event_id[SESSION_EVENT_ID_TEXT];
	struct connection_ref ref;
	size_t bytes;
	int64_t spoke_ns;                      /* the book's packet time when it last did */
	struct session_entry *next;            /* of the hash chain */
	struct session_entry *staler, *fresher; /* by when it last spoke */

	struct session *session;               /* its own, or NULL: it has none, or is alone in it (alone) */
	struct session_entry *earlier, *later; /* in that session, by when they joined it */
	struct session *names_go_to;           /* another session on the same connection, whose its names are; or NULL */
	bool alone, named, initialized;        /* as of when its session was chosen */
	bool settled;                          /* told as settled */
	struct {
		uint8_t joined, auth;
		uint32_t revision;                 /* of the session's facts */
		char session[SESSION_EVENT_ID_TEXT];
	} told;                                /* what was last told of it: of its view */

	void *kept;                            /* the recorder's, from malloc: what else it knows of the connection. Freed with the entry */
	struct {
		bool done, settled, acknowledged;
		uint8_t verdict, confidence;
		uint8_t settled_verdict;       /* as it was told as settled */
	} counted;                             /* the recorder's: how it counted the event */
};

struct session_book_counts {
	uint64_t entries, bytes, sessions;
	uint64_t left; /* pushed out by the caps, not by silence */
};

/* What a session may tell a connection; the names are those of the event's fields. */
enum session_fact {
	SESSION_STAGE, SESSION_VERSION, SESSION_VERSION_REQUESTED, SESSION_CLIENT_NAME, SESSION_CLIENT_VERSION, SESSION_SERVER_NAME, SESSION_SERVER_VERSION,
	SESSION_FACTS
};

/* A connection with what its session knows. Borrowed from entry and session, until either is told something new. */
struct session_view {
	struct observation o;
	const char *session;              /* event_id of the session's first event, or NULL */
	const char *joined[SESSION_FACTS]; /* names of the fields that came from another connection */
	size_t n_joined;
	uint8_t joined_facts;             /* the same as a set of bits */
	enum auth_kind auth;              /* credentials that another connection of the session carried, or AUTH_UNKNOWN */
};
/* Why an entry is told of: there is a new state of it; or it ended, and its session has nothing to add for now. The last one once. */
enum session_news { SESSION_STATE, SESSION_SETTLED };
/* 0, or a failure that session_join() and the others return, after going on. The entry must not be put or dropped meanwhile. */
typedef int session_tell_fn(void *context, struct session_entry *e, const struct session_view *v, enum session_news news);

/* NULL when out of memory. */
struct session_book *session_book_new(session_tell_fn *tell, void *context);
/* The box is taken over (and empty then) and replaces what was known of that connection and authority; n: bytes that it was decoded
 * from. NULL when out of memory: the box stays the caller's. Kind connection alone. Others may be pushed out, and told as settled. */
struct session_entry *session_book_put_take(struct session_book *b, struct observation_box *box, size_t n, const char *event_id);
/* NULL: not known, or no longer. */
struct session_entry *session_book_find(const struct session_book *b, const struct connection_ref *ref);
/* Nothing comes for a while (a pipe whose writer pauses): all that ended is told as settled. */
int session_book_settle(struct session_book *b);
/* The input ended, and all connections with it: settled, and forgotten. */
int session_book_end(struct session_book *b);
void session_book_counts(const struct session_book *b, struct session_book_counts *ret);
void session_book_free(struct session_book *b); /* tells nobody; NULL is fine */

struct connection_ref connection_ref_of(const struct observation *o);

#endif
