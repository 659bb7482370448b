/* The inside of the book, for the files of this folder: sessions and their tables. */
#ifndef SHADOWTAP_SESSION_STATE_H
#define SHADOWTAP_SESSION_STATE_H

#include "frame.h"
#include "session_join.h"
#include "siphash.h"

#define SESSION_BUCKETS 32768u

/* A session lives as long as an entry of the book belongs to it or gave it its names. */
struct session {
	uint64_t key, scope;         /* of its id, and what makes that comparable; key 0: it has none */
	uint64_t place;              /* client, server and path; 0: none */
	struct session *key_next, **key_at;     /* hash chains, the newest first */
	struct session *place_next, **place_at;
	struct session *staler, *fresher;       /* of those that have entries to be settled, by when they last spoke */
	bool waits;                  /* in that list */

	char id[SESSION_EVENT_ID_TEXT]; /* of its first event; empty until there is one */
	int64_t began_ns, last_ns;   /* packet time */
	struct session_entry *first, *last; /* by when they joined */
	struct session_entry *beginner; /* the connection that initialized it, while it is in the book */
	bool begun;
	uint32_t members, givers;

	uint64_t user_agent;         /* hash of the first one seen; 0: none */
	uint32_t revision;           /* goes up when there is more for the members to know */
	enum stage stage;            /* the furthest that a member saw by itself */
	enum auth_kind auth;         /* the first credentials seen, and who carried them */
	struct ip_addr auth_client;
	bool version_firm;           /* its version is what the server agreed to */
	char client_name[LIMIT_NAME], server_name[LIMIT_NAME];
	char client_version[LIMIT_VERSION], server_version[LIMIT_VERSION], version[LIMIT_VERSION], version_requested[LIMIT_VERSION];
};

struct session_book {
	struct hash_key key;
	session_tell_fn *tell;
	void *context;
	struct session_entry *bucket[SESSION_BUCKETS];
	struct session_entry *stalest, *freshest;
	struct session *by_key[SESSION_BUCKETS], *by_place[SESSION_BUCKETS];
	struct session *stalest_session, *freshest_session;
	int64_t now_ns;              /* the latest packet time that was told of */
	int failure;                 /* the first of tell's since it was last returned */
	struct session_book_counts counts;
};

/* What a stranger's clock says may lie anywhere. */
static inline bool session_is_past(const struct session_book *b, int64_t then_ns, int64_t seconds)
{
	int64_t age;
	return !__builtin_sub_overflow(b->now_ns, then_ns, &age) ? age > seconds * NS_PER_SEC : then_ns < 0;
}

/* ---- session_book.c ---- */

/* What the caps or silence ask to leave leaves. `spare` has just spoken: it stays, however large. */
void session_make_room(struct session_book *b, const struct session_entry *spare);

/* ---- session_table.c ---- */

struct session *session_new(struct session_book *b); /* without key, place or members; NULL when out of memory */
struct session *session_find(const struct session_book *b, uint64_t key, uint64_t scope);
void session_set_key(struct session_book *b, struct session *s, uint64_t key, uint64_t scope);
/* The newest session at the place; go on with place_next, where other places may come in between. */
struct session *session_newest_at(const struct session_book *b, uint64_t place);
void session_set_place(struct session_book *b, struct session *s, uint64_t place);
void session_add(struct session_book *b, struct session *s, struct session_entry *e);
/* Out of its session, which keeps its name, and is gone if it was the last that knew of it. */
void session_leave(struct session_book *b, struct session_entry *e);
/* All of `from` becomes part of `to`; from is gone. */
void session_merge(struct session_book *b, struct session *from, struct session *to);
void session_give(struct session_book *b, struct session *s, struct session_entry *e); /* names_go_to */
void session_ungive(struct session_book *b, struct session_entry *e);

/* ---- session_scope.c ---- */

/* What makes ids comparable: tenant and server. 0: they are not known well enough for anything to be joined by. */
uint64_t session_scope(const struct session_book *b, const struct observation *o);
/* The same for one client alone: for endpoint URIs that others may use as well. */
uint64_t session_scope_of_client(const struct session_book *b, const struct observation *o, uint64_t scope);
/* Tenant, client, server and path. 0: not known well enough. */
uint64_t session_place(const struct session_book *b, const struct observation *o, uint64_t scope);
uint64_t session_hash_text(const struct session_book *b, const char *text); /* 0 for NULL */

/* ---- session_choice.c ---- */

/* Whether what both know of the two sides agrees. */
bool session_agrees(const struct session *s, const struct observation *o);
/* Puts the entry into its session, or leaves it alone. FAIL_MEMORY: it is then alone. */
int session_choose(struct session_book *b, struct session_entry *e);

/* ---- session_view.c ---- */

/* The entry's session, and the other one that its names go to, learn what they may. */
void session_learn(struct session_entry *e);
/* Once more, from the first of those that are left: one left that did not belong to it. Bounded: thousands may come nameless and leave one by
 * one. */
void session_learn_anew(struct session *s);

/* ---- session_settle.c ---- */

/* The session, or the entry's own, has just spoken. */
void session_touch(struct session_book *b, struct session *s);
void session_settle_entry(struct session_book *b, struct session_entry *e);
/* Those whose sessions have been silent long enough. */
void session_settle_due(struct session_book *b);
void session_stop_waiting(struct session_book *b, struct session *s);
int session_take_failure(struct session_book *b);

#endif
