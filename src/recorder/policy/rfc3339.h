/* RFC 3339 text -> nanoseconds since the epoch. Called for expiry dates by policy_load and for options by cli.
 * Refuses local time (no zone), other calendars' spellings, and years that nanoseconds in 64 bits cannot hold. */
#ifndef SHADOWTAP_RFC3339_H
#define SHADOWTAP_RFC3339_H

#include "slice.h"

/* "2026-11-22" (midnight UTC, *ret_date_only true) or "2026-11-22T10:00:00[.5]Z" or with "+02:00". Years 1970 to 2261.
 * A fraction finer than nanoseconds is cut. False, and nothing written, if it is neither. */
bool rfc3339_parse(struct slice text, int64_t *ret_ns, bool *ret_date_only);

/* "2026-11-22T10:00:00Z", whole seconds. */
#define RFC3339_TEXT 32
void rfc3339_format(int64_t ns, char out[RFC3339_TEXT]);

#endif
