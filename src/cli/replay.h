/* What cmd_replay's files share: its options, and what it says while it works and at the end. */
#ifndef SHADOWTAP_REPLAY_H
#define SHADOWTAP_REPLAY_H

#include "output.h"
#include "recorder.h"
#include "sensor.h"
#include "store.h"

struct replay_options {
	const char *db, *policy, *filter, *sensor;
	const char *signatures[16];
	size_t n_signatures;
	enum cli_format format;
	enum confidence min_confidence;
	enum { FAIL_ON_ANY, FAIL_ON_UNAUTHORIZED, FAIL_ON_NONE } fail_on;
	bool continuous, quiet;
	unsigned workers;
	char **files;
	size_t n_files;
};

/* ---- replay_output.c ---- */

struct replay_output {
	struct output out;
	enum confidence min_confidence;
};

/* One event that ended, if it is unapproved and sure enough. */
void replay_output_event(struct replay_output *o, const struct event *e);

/* The summary, on stderr so that it never mixes with events. */
void replay_summary(const struct sensor_stats *s, const struct recorder_counts *c, uint64_t filtered, uint64_t filter_refused);

struct replay_progress {
	bool shown;       /* stderr is a terminal and nobody asked for quiet */
	int64_t started_ns, last_ns;
	uint64_t frames;
};
void replay_progress_start(struct replay_progress *p, bool quiet);
/* Called now and then: the current file's position and size in bytes (size 0: a pipe). */
void replay_progress_show(struct replay_progress *p, const char *file, uint64_t frames, uint64_t position, uint64_t size);
void replay_progress_clear(struct replay_progress *p);

#endif
