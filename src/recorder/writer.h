/* The backlog -> the database, in a thread of its own: batches by count and time, retries while the disk is full or the database is locked,
 * retention and health rows in between. From its start on it is the only one that touches the store. Prints nothing. */
#ifndef SHADOWTAP_WRITER_H
#define SHADOWTAP_WRITER_H

#include "backlog.h"
#include "store.h"

struct writer;

/* An event waits for company so long before it is written. */
#define WRITER_BATCH_MS 100

struct writer_config {
	struct store *store;      /* borrowed, as is all here */
	struct backlog *backlog;
	const char *sensor;       /* for health rows */
	int64_t retain_ns;        /* events older than this go; 0: none does */
	uint64_t max_db_bytes;    /* 0: no limit */
	store_committed_fn *on_committed; /* in the writer's thread; may be NULL */
	void *context;
};

/* NULL when out of memory or threads. */
struct writer *writer_start(const struct writer_config *config);

/* Written as soon as events allow; a later one replaces one that still waits. text is copied. */
void writer_health_row(struct writer *w, int64_t time_ns, const char *json);

struct writer_state {
	uint64_t committed;     /* rows, updates included */
	uint64_t refused;       /* texts that were no events: somebody else wrote into the spill file */
	uint64_t deleted;       /* by retention */
	uint64_t database_used, database_file; /* bytes */
	uint64_t health_lost;
	int64_t failing_ms;     /* for so long nothing could be written; 0: all is well */
	char error[STORE_ERROR_TEXT]; /* of the latest failure, while failing */
};
void writer_state(struct writer *w, struct writer_state *ret);

/* Closes the backlog, writes what is in it, ends the thread. Gives up after timeout_ms of a database that cannot be written; what is left
 * stays in the backlog. False if the thread hangs in the kernel (a dead disk): then neither store nor backlog may be touched again. */
bool writer_stop(struct writer *w, int timeout_ms);

#endif
