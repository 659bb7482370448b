/* Records of the sensor half -> judged events: the heart of the recorder half. Called with each record, in packet order. Trusts none before
 * it is validated. Where events go (the database, a backlog before it) is the caller's. Prints nothing. */
#ifndef SHADOWTAP_RECORDER_H
#define SHADOWTAP_RECORDER_H

#include "audit.h"
#include "catalog.h"
#include "event.h"
#include "name_book.h"

struct recorder;

/* An event in a new state; e->o->final: its connection ended. Borrowed. 0, or a failure that recorder_take returns; from on_settled also 1: it is
 * acknowledged. */
typedef int recorder_event_fn(void *context, const struct event *e);

struct recorder_config {
	const struct policy *policy;    /* borrowed, as is all here */
	const char *sensor;             /* name of this sensor */
	const char *signature_set;
	const char *const *captures;    /* names of files or interfaces, by index */
	size_t n_captures;
	recorder_event_fn *on_event;    /* each new state, also when it is another connection of the session that told what is new */
	/* or NULL: each event once, when it has ended and its session has nothing more to add; and again if a session that went on after all changed
	 * its verdict */
	recorder_event_fn *on_settled;
	/* or NULL: a row for the store that is no event (its member "row" says of which table). Borrowed. A failure is returned likewise. */
	int (*on_row)(void *context, const json_t *row);
	bool audit;                     /* calls become rows; else they are refused: nobody asked the sensor for them */
	void *context;
};

/* Of events that ended: contract's verdicts by confidence. */
struct recorder_counts {
	uint64_t events[VERDICT_COUNT][CONFIDENCE_COUNT];
	uint64_t acknowledged[VERDICT_COUNT]; /* of these, what on_settled said */
	uint64_t observations, invalid; /* records of all kinds */
	uint64_t sessions_left;         /* connections that LIMIT_SESSION_ENTRIES or _BYTES pushed out of memory: nothing more reaches them */
	struct audit_counts calls;
	struct name_book_counts names;
	struct catalog_counts offers;
};

struct recorder *recorder_new(const struct recorder_config *config); /* NULL when out of memory */
/* A record of any kind (record.h). 0, or the failure of on_event or memory. Later ones are judged and counted all the same. */
int recorder_take(struct recorder *r, const uint8_t *bytes, size_t n);
/* Before the first record: a row that on_row was told in an earlier run. False: it is none, or there is no room. */
bool recorder_know(struct recorder *r, const json_t *row);
/* Tells on_row what rows are behind in: to be called at the end; recorder_end() does. */
int recorder_flush(struct recorder *r);
/* Nothing comes for a while: what ended is told as settled. The first failure of on_event or on_settled. */
int recorder_settle(struct recorder *r);
/* The sensor half died, and its connections are over: what they were asked is settled. The first failure of on_row. */
int recorder_sensor_lost(struct recorder *r);
/* The input ended, and with it all connections: the same, and nothing of it is joined with what comes next. */
int recorder_end(struct recorder *r);
/* In force from the next observation on. Borrowed, as in the configuration. */
void recorder_renew(struct recorder *r, const struct policy *policy, const char *signature_set);
const struct recorder_counts *recorder_counts(const struct recorder *r);
void recorder_free(struct recorder *r);

#endif
