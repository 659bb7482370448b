/* Named counters -> bytes and back: how the sensor half tells what it counts. Names are dotted ("flows.alive"), so that they fall into groups
 * wherever they are shown. Used by both halves; the recorder validates what it decodes. */
#ifndef SHADOWTAP_COUNTERS_H
#define SHADOWTAP_COUNTERS_H

#include "limits.h"
#include "slice.h"

struct counter {
	char name[LIMIT_COUNTER_NAME];
	uint64_t value;
};

struct counters {
	struct counter items[LIMIT_COUNTERS];
	size_t n;
};

/* Sets a counter, or adds a new one; past LIMIT_COUNTERS it is left out. name as printf makes it. */
void counters_set(struct counters *c, uint64_t value, const char *name, ...) __attribute__((format(printf, 3, 4)));
/* 0 if there is none. */
uint64_t counters_get(const struct counters *c, const char *name);

#define COUNTERS_BYTES (LIMIT_COUNTERS * (LIMIT_COUNTER_NAME + 9))
size_t counters_encode(const struct counters *c, uint8_t out[COUNTERS_BYTES]);
/* False, and *ret is empty, unless every name is made of lower-case letters, digits, '.', '-' and '_' and is there once. */
bool counters_decode(struct slice bytes, struct counters *ret);

#endif
