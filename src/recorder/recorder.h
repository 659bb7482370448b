/* Observations -> judged events in the database: the recorder half as a whole. Called by cli with each observation, in
 * packet order. Trusts no observation before it is validated. Prints nothing. */
#ifndef SHADOWTAP_RECORDER_H
#define SHADOWTAP_RECORDER_H

#include "store.h"

struct recorder;

/* An event in its last state: its connection ended. Borrowed. */
typedef void recorder_event_fn(void *context, const struct event *e);

struct recorder_config {
	const struct policy *policy;    /* borrowed, as is all here */
	struct store *store;
	const char *sensor;             /* name of this sensor */
	const char *signature_set;
	const char *const *captures;    /* names of files or interfaces, by index */
	size_t n_captures;
	recorder_event_fn *on_final;    /* may be NULL */
	void *context;
};

/* Of events that ended: contract's verdicts by confidence. */
struct recorder_counts {
	uint64_t events[VERDICT_COUNT][CONFIDENCE_COUNT];
	uint64_t observations, invalid;
};

struct recorder *recorder_new(const struct recorder_config *config); /* NULL when out of memory */
/* 0, or the first failure of the store (FAIL_DATABASE) or memory; later observations are still judged and counted. */
int recorder_take(struct recorder *r, const uint8_t *bytes, size_t n);
int recorder_flush(struct recorder *r);
const struct recorder_counts *recorder_counts(const struct recorder *r);
void recorder_free(struct recorder *r);

#endif
