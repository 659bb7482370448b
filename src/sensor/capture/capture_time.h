/* pcapng time stamps (ticks of any resolution, with an offset in seconds) -> nanoseconds since the epoch.
 * Called by the pcapng reader. Never overflows: times out of range are moved to the nearest end of it. */
#ifndef SHADOWTAP_CAPTURE_TIME_H
#define SHADOWTAP_CAPTURE_TIME_H

#include <stdint.h>

/* Year 2242. Leaves whoever adds an interval to a packet time room below INT64_MAX. */
#define CAPTURE_TIME_MAX_S (INT64_C(1) << 33)

/* tsresol as in the option if_tsresol: a negative power of 10, or, with the highest bit set, of 2. */
int64_t capture_time_ns(uint64_t ticks, uint8_t tsresol, int64_t offset_s);

#endif
