/* What the sensor half counts -> named counters, as health rows and metrics show them. Called by the sensor process each second. */
#ifndef SHADOWTAP_SENSOR_COUNTERS_H
#define SHADOWTAP_SENSOR_COUNTERS_H

#include "counters.h"
#include "intake.h"

/* Flushed before. interfaces: lanes by interface, capture_threads each. */
void sensor_counters(const struct sensor *s, struct intake *in, unsigned capture_threads, struct counters *ret);

#endif
