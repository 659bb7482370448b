/* What both halves count -> the health of the sensor: a JSON object for the database and for logs, Prometheus text, and warnings that are said
 * once. Called by the live sensor's recorder half. Reads no clock and writes nothing. */
#ifndef SHADOWTAP_HEALTH_H
#define SHADOWTAP_HEALTH_H

#include "alerts.h"
#include "backlog.h"
#include "counters.h"
#include "recorder.h"
#include "writer.h"

struct health;

/* What the recorder half knows of itself at a moment. */
struct health_sample {
	int64_t time_ns;          /* wall clock */
	uint64_t uptime_seconds;
	uint64_t sensor_restarts;
	bool sensor_runs;
	const struct recorder_counts *recorder;
	const struct backlog_counts *backlog;
	const struct writer_state *writer;
	const struct alerts_state *alerts; /* NULL: nobody is alerted */
	uint64_t new_events[VERDICT_COUNT]; /* by the verdict that they had when they were first seen */
	uint64_t recorder_memory; /* bytes resident */
};

/* interfaces: names by capture index; borrowed, as is sensor. NULL when out of memory. */
struct health *health_new(const char *sensor, const char *const *interfaces, size_t n_interfaces);
/* The sensor process told its counters. */
void health_counters(struct health *h, const struct counters *now);
/* It is a new process: its counters begin at nothing again, those shown go on. */
void health_sensor_restarted(struct health *h);

uint64_t health_frames(const struct health *h); /* read in all */
uint64_t health_flows(const struct health *h);  /* at the moment */

/* malloc'd, or NULL when out of memory. */
char *health_json(const struct health *h, const struct health_sample *s);
char *health_prometheus(const struct health *h, const struct health_sample *s);

/* Looks at what changed since it was last called, an interval ago, and says what an operator must know: once when it begins and once when
 * it is over. */
typedef void health_say_fn(void *context, const char *sentence);
void health_watch(struct health *h, const struct health_sample *s, unsigned interval_seconds, health_say_fn *say, void *context);

void health_free(struct health *h);

#endif
