/* Observation + judgement -> event: the row that the database holds and every output is made from (docs/events.md).
 * Called by the recorder. No wall clock, no counters: the same input gives the same event, byte for byte. */
#ifndef SHADOWTAP_EVENT_H
#define SHADOWTAP_EVENT_H

#include "observation.h"
#include "policy.h"
#include "severity.h"
#include <jansson.h>

#define EVENT_SCHEMA_VERSION 1
#define EVENT_ID_TEXT 33
#define EVENT_TIME_TEXT 32
#define COMMUNITY_ID_TEXT 32
/* Bytes shown of what the operator named, with the closing NUL; longer names are cut. */
#define EVENT_SENSOR_TEXT 256
#define EVENT_CAPTURE_TEXT 1024

/* The table of docs/events.md. */
enum severity severity_of(enum verdict v, enum confidence c, enum stage s);
/* Of a changed definition: what the model reads weighs more than the rest, and never less than the connection. */
struct event_change;
enum severity severity_of_change(const struct event_change *c, enum severity of_connection);

/* What the recorder knows of the whole run. Borrowed strings. */
struct event_context {
	const char *sensor;
	const char *signature_set;
	const char *capture; /* name of the file or interface of this observation */
};

/* A definition that a server offered under the same name before and changed since (kind tool-change). */
struct event_change {
	const char *list;          /* "tools", "prompts", "resources", "resource-templates" */
	const char *name;          /* the definition's name, or a resource's URI */
	const char *parts[6];      /* "name", "description", "input-schema", "output-schema", "annotations", "other" */
	size_t n_parts;
	const char *before, *after; /* canonical hashes, hex */
	const char *text_before, *text_after; /* JSON text, where definitions are stored; else NULL */
	bool hints;                /* the new one has hints of poisoning that the former had not */
};

/* What the recorder knows beyond the connection itself. Borrowed, as is all in it. */
struct event_links {
	const char *session;       /* event_id of the first event of its session, or NULL */
	const char *dns_name;      /* the name that the client's DNS answers gave for the server's address, or NULL */
	const char *joined[LIMIT_TAGS]; /* fields whose values came from another connection */
	size_t n_joined;
	enum auth_kind session_auth;          /* credentials that another connection of the session carried, or AUTH_UNKNOWN */
	const char *tags[LIMIT_TAGS];
	size_t n_tags;
	const char *findings[LIMIT_FINDINGS]; /* posture; the policy's breaches come after them */
	size_t n_findings;
	const char *unverified[LIMIT_TAGS];   /* before those of the policy */
	size_t n_unverified;
	uint8_t name_check;        /* enum name_check: the name against the client's DNS answers; 0: not known. A finding where it is approved */
	const struct event_change *change;    /* kind tool-change alone */
};

/* Plain data; everything but the arrays below is borrowed from the inputs, which must outlive it. */
struct event {
	const struct observation *o;
	const struct judgement *j;
	const struct event_context *context;
	const struct event_links *links;
	enum severity severity;
	enum traffic_direction direction;
	char event_id[EVENT_ID_TEXT];
	char community_id[COMMUNITY_ID_TEXT];
	char first_seen[EVENT_TIME_TEXT], last_seen[EVENT_TIME_TEXT];
};

/* links: NULL for none. 0, or FAIL_MEMORY: the hash functions behind the ids allocate. */
int event_from(const struct observation *o, const struct judgement *j, enum traffic_direction direction,
               const struct event_context *context, const struct event_links *links, struct event *ret);

/* The names of all fields of the contract, in its order; NULL ends them. */
extern const char *const event_fields[];

/* All fields of the contract, in its order. New reference, or NULL when out of memory. */
json_t *event_json(const struct event *e);

/* RFC 3339, UTC, microseconds. */
void event_time_format(int64_t time_ns, char out[EVENT_TIME_TEXT]);

#endif
