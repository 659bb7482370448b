/* Alerts in the database: what windows and events are remembered, and the outbox of what has not gone out yet. The
 * first half is called inside the transaction that writes an event (store_on_write), the second by those who deliver,
 * each with a connection of its own. Decides neither what is worth an alert nor when one is sent. */
#ifndef SHADOWTAP_STORE_ALERT_H
#define SHADOWTAP_STORE_ALERT_H

#include "store.h"

/* Called for each row inside the transaction that writes it, in order, once the row itself is written; what it writes
 * is committed with the event or not at all. 0, or a failure: then nothing of the batch is committed and all of it is
 * tried again. It may call the functions below that say so, and nothing else of the store. */
typedef int store_write_fn(void *context, struct store *s, const json_t *event);
/* done: called after each such transaction has committed. For what is put from now on; NULL for nobody. */
void store_on_write(struct store *s, store_write_fn *fn, void (*done)(void *context), void *context);

/* ---- inside that transaction ---- */
/* All: a failure, FAIL_INPUT if a doctored database refuses the row: then the alert is lost, not the event. */

struct store_alert_level {
	enum confidence confidence;
	enum stage stage;
	enum severity severity;
};

struct store_alert_key {
	const char *client, *authority, *verdict;
};

struct store_alert_window {
	int64_t since_ns, until_ns;     /* packet time; kept to the microsecond */
	uint64_t count, said;           /* events in it; those that alerts have stood for */
	struct store_alert_level level; /* the highest that was alerted */
};

/* 1: there is one; 0: none. */
int store_alert_window(struct store *s, const struct store_alert_key *k, struct store_alert_window *ret);
/* In place of the key's former one. began: it is a new window, which is forgotten after all that began earlier. */
int store_alert_window_put(struct store *s, const struct store_alert_key *k, const struct store_alert_window *w,
			   bool began);
/* Whether the event has been counted with that verdict (1), and how far it had risen; 0: not, or that is forgotten. */
int store_alert_seen(struct store *s, const char *event_id, const char *verdict, struct store_alert_level *ret);
int store_alert_seen_put(struct store *s, const char *event_id, const char *verdict, const struct store_alert_level *l);

/* An alert as it waits. */
struct store_alert {
	uint64_t id;
	int why; /* enum alert_why */
	uint64_t count;
	int64_t raised_ns;
	enum severity severity;
	char *event; /* JSON text */
};

/* Appends to the exit's outbox; where that then holds more than `most`, the least severe go, of those the oldest,
 * counted as lost. a->id is ignored. */
int store_alert_add(struct store *s, int64_t exit, const struct store_alert *a, uint64_t most);

/* ---- before events are put ---- */

/* The exit's id; made where there is none of that name. */
int store_alert_exit(struct store *s, const char *name, int64_t *ret_id);

struct store_alert_counts {
	uint64_t raised, waiting, sent, refused, lost;
};
/* All exits that were ever named, in that order. Also on a store opened to read. Return non-zero to stop. */
typedef int store_alert_exit_fn(void *context, int64_t id, const char *name, const struct store_alert_counts *counts);
int store_alert_exits(struct store *s, store_alert_exit_fn *fn, void *context);
/* Forgets what waits for an exit, and the exit. */
int store_alert_exit_drop(struct store *s, int64_t exit);

/* ---- a connection to deliver with ---- */

/* Beside the writer's, which must outlive it. Used by one thread at a time; closed by store_close_read. */
int store_outbox_open(const struct store *writer, struct store **ret, char error[STORE_ERROR_TEXT]);
/* The first one after that id. 1: *ret, whose event is the caller's to free; 0: none. Also on a store opened to read.
 */
int store_outbox_next(struct store *s, int64_t exit, uint64_t after, struct store_alert *ret);
/* Those up to that id have gone, but for `refused` of them, which nobody wants. */
int store_outbox_forget(struct store *s, int64_t exit, uint64_t through, uint64_t refused);
int store_outbox_counts(struct store *s, int64_t exit, struct store_alert_counts *ret);

#endif
