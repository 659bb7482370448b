/* The live sensor as its operator sees it: interfaces in, events in the database, until somebody ends it. The recorder half, and what keeps the
 * other half alive. Called by cli, which prints what this says and turns the outcome into an exit code. */
#ifndef SHADOWTAP_LIVE_H
#define SHADOWTAP_LIVE_H

#include "alerts.h"
#include "event.h"
#include "sensor_process.h"
#include <stdio.h>

struct live_config {
	struct sensor_process_config sensor;
	const char *db, *policy, *name; /* policy: or NULL; name: of this sensor, in events */
	const char *const *signatures;
	size_t n_signatures;
	enum confidence min_confidence; /* of events that alert and whose packets are kept */

	const char *write;              /* directory of evidence files, or NULL */
	uint64_t write_total;           /* bytes of all of them */
	bool write_all;                 /* of approved events too */

	struct alerts_config alerts;    /* min_confidence, say and context apart, which are those of this */

	int64_t retain_ns;              /* 0: keep everything */
	uint64_t max_db_bytes;          /* 0: no limit */
	size_t queue_bytes;
	const char *spill;              /* NULL: <db>-spill */
	uint64_t spill_bytes;           /* 0: no spill file */

	unsigned stats_seconds;
	FILE *stats_file;               /* a JSON line an interval; or NULL */
	const char *metrics;            /* a file, or NULL */

	const char *user, *sensor_user;
	bool user_wanted, sensor_user_wanted;   /* named by the operator: staying who we are is no substitute */

	/* A sentence for the operator. wrong: something is, or is lost; else a note that something went as it should. */
	void (*say)(void *context, bool wrong, const char *sentence);
	/* A row is safe in the database. In a thread of its own. */
	void (*on_committed)(void *context, const json_t *event);
	void *context;
};

enum live_outcome {
	LIVE_ENDED,      /* somebody asked for the end, everything is written */
	LIVE_BAD_CONFIG, /* policy, signatures, users: nothing was started */
	LIVE_FAILED,     /* it could not start, could not go on, or lost events at the end */
};

/* Returns once SIGTERM or SIGINT has been obeyed. Blocks those, SIGHUP and SIGUSR1 in the calling thread, which must be the only one. */
enum live_outcome live_run(const struct live_config *config);

#endif
