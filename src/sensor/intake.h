/* Lanes -> one stream of packets in the order of their times: the ports of one tap, and the threads that share an interface, become what one
 * capture would have been. Called by the sensor process, which owns the sensor.
 *
 * A lane's oldest packet is taken once every other lane has a later one or has looked and found nothing since this one was handed
 * over; a lane that keeps the others waiting for longer than INTAKE_PATIENCE_MS is not waited for. What comes late all the same
 * is put right by reassembly, which waits for holes and for bytes that are acknowledged. */
#ifndef SHADOWTAP_INTAKE_H
#define SHADOWTAP_INTAKE_H

#include "lane.h"
#include "sensor.h"

#define INTAKE_PATIENCE_MS 300

struct intake;

/* captures: n of them, all taken over, also on failure. FAIL_MEMORY. */
int intake_new(struct capture_live *const captures[], unsigned n, struct intake **ret);
/* FAIL_IO: no more threads. */
int intake_start(struct intake *in);

/* Waits for packets, no longer than timeout_ms, and feeds the sensor with those whose turn it is; lets its time pass; flushes it. 0,
 * or a failure of the sensor. */
int intake_round(struct intake *in, struct sensor *s, int timeout_ms);

/* The lanes stop reading and what they have is fed. */
int intake_stop(struct intake *in, struct sensor *s);

struct intake_lane_state {
	bool down, over;
	const char *error; /* of one that is over */
	struct lane_counts counts;
};
unsigned intake_lanes(const struct intake *in);
void intake_lane(struct intake *in, unsigned lane, struct intake_lane_state *ret);
/* To be asked once a second or less often: has a lane, for as many looks as LIMIT_LANE_LOOKS, neither come back from reading and
 * decoding nor waited for us? Looks are counted, not seconds: when the whole machine stood still that was one. */
bool intake_is_stuck(struct intake *in);
/* Adds what the lanes' decoders found strange. */
void intake_anomalies(struct intake *in, struct anomaly_counts *into);
/* Rounds in which a lane was not waited for. */
uint64_t intake_impatient(const struct intake *in);
uint64_t intake_memory(const struct intake *in);

void intake_free(struct intake *in);

#endif
