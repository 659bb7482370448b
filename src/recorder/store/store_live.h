/* What a store needs to run for months beside what store.h has: retention, health rows, size. Called by the
 * recorder's writer thread between batches; each call does a bounded piece of work. */
#ifndef SHADOWTAP_STORE_LIVE_H
#define SHADOWTAP_STORE_LIVE_H

#include "store.h"

/* Deletes events (and health rows) older than before_ns by last_seen, then the oldest ones while the database is
 * larger than most_bytes; gives free pages back to the file system (incremental vacuum) when there are many. The
 * size is that of the pages in use; health rows take half of it at most. 0 in either: no such limit. At most one
 * small piece a call, so that batches never wait long. 1: more is left to do; 0: done; or a failure. *ret_deleted
 * grows by the events deleted. */
int store_retain(struct store *s, int64_t before_ns, uint64_t most_bytes, uint64_t *ret_deleted);

/* Bytes of the database's pages in use (free ones not counted), and what its file and its WAL take on the disk. */
int store_size(struct store *s, uint64_t *ret_used, uint64_t *ret_file);

/* One row of the table `health` (schema/0002_health.sql), at once: json is an object's text (docs/events.md,
 * "Health"). */
int store_put_health(struct store *s, int64_t time_ns, const char *sensor, const char *json);

/* The next waits for a lock are at most this long. */
void store_set_patience(struct store *s, int milliseconds);

#endif
