/* Observation + judgement -> event: the row that the database holds and every output is made from (docs/events.md).
 * Called by the recorder. No wall clock, no counters: the same input gives the same event, byte for byte. */
#ifndef SHADOWTAP_EVENT_H
#define SHADOWTAP_EVENT_H

#include "observation.h"
#include "policy.h"
#include <jansson.h>

#define EVENT_SCHEMA_VERSION 1
#define EVENT_ID_TEXT 33
#define EVENT_TIME_TEXT 32
#define COMMUNITY_ID_TEXT 32
/* Bytes shown of what the operator named, with the closing NUL; longer names are cut. */
#define EVENT_SENSOR_TEXT 256
#define EVENT_CAPTURE_TEXT 1024

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_COUNT };
const char *severity_name(enum severity s);
/* The table of docs/events.md. */
enum severity severity_of(enum verdict v, enum confidence c, enum stage s);

/* What the recorder knows of the whole run. Borrowed strings. */
struct event_context {
	const char *sensor;
	const char *signature_set;
	const char *capture; /* name of the file or interface of this observation */
};

/* Plain data; everything but the arrays below is borrowed from the three inputs, which must outlive it. */
struct event {
	const struct observation *o;
	const struct judgement *j;
	const struct event_context *context;
	enum severity severity;
	enum traffic_direction direction;
	char event_id[EVENT_ID_TEXT];
	char community_id[COMMUNITY_ID_TEXT];
	char first_seen[EVENT_TIME_TEXT], last_seen[EVENT_TIME_TEXT];
};

/* 0, or FAIL_MEMORY: the hash functions behind the ids allocate. */
int event_from(const struct observation *o, const struct judgement *j, enum traffic_direction direction,
               const struct event_context *context, struct event *ret);

/* The names of all fields of the contract, in its order; NULL ends them. */
extern const char *const event_fields[];

/* All fields of the contract, in its order. New reference, or NULL when out of memory. */
json_t *event_json(const struct event *e);

/* RFC 3339, UTC, microseconds. */
void event_time_format(int64_t time_ns, char out[EVENT_TIME_TEXT]);

#endif
