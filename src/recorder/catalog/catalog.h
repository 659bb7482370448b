/* Offers -> what each server offers: definitions with their versions, when each was seen first and last by packet time, which is new where
 * another one was before, whether lists are whole, what kind of server it is (docs/offers.md). Called by the recorder, in packet order.
 * Bounded (limits.h): the server that nobody has asked for longest leaves. Judges nothing, writes nothing: rows go out by callback. */
#ifndef SHADOWTAP_CATALOG_H
#define SHADOWTAP_CATALOG_H

#include "observation.h"
#include "offer.h"
#include <jansson.h>

struct catalog;

/* A definition that was another one before, by packet time. Borrowed. */
struct catalog_change {
	enum definition_list list;
	const char *name;
	bool parts[PART_COUNT];
	uint8_t before[SHA256_BYTES], after[SHA256_BYTES];
	const char *text_before, *text_after; /* NULL: not stored */
	uint8_t hints;                        /* that the former one had not */
	int64_t time_ns;
	uint64_t frame;
};

struct catalog_sink {
	/* A row for the store: its member "row" says which table. Borrowed. 0, or a failure that is passed on. */
	int (*row)(void *context, const json_t *row);
	int (*change)(void *context, const struct catalog_change *change);
	void *context;
};

struct catalog *catalog_new(void); /* NULL when out of memory */
/* A row "definition" that the store has, those that were seen last first. False: it is none, or there is no room. */
bool catalog_load(struct catalog *c, const json_t *row);
/* o: of the connection that the offer came on. 0, the first failure of the sink, or FAIL_MEMORY. */
int catalog_take(struct catalog *c, const struct offer *offer, const struct observation *o, const struct catalog_sink *sink);
/* What rows do not tell yet (when something was seen last, to the minute, they do). */
int catalog_flush(struct catalog *c, const struct catalog_sink *sink);
/* Tags of the server that the connection is to, as far as this run has seen; how many. Static strings. */
size_t catalog_tags(const struct catalog *c, const struct observation *o, const char *ret[LIMIT_TAGS]);

struct catalog_counts {
	uint64_t servers, definitions, versions, bytes;
	uint64_t changes;     /* told */
	uint64_t untold;      /* changes past LIMIT_CATALOG_CHANGES_DAY or LIMIT_CATALOG_CHANGES_PAGE */
	uint64_t left;        /* servers that the caps pushed out */
	uint64_t refused;     /* definitions past LIMIT_CATALOG_SERVER_DEFINITIONS */
};
void catalog_counts(const struct catalog *c, struct catalog_counts *ret);
void catalog_free(struct catalog *c); /* NULL is fine */

#endif
