/* What the sensor half counts -> named counters, as health rows and metrics show them. Called by the sensor process each second. */
#ifndef SHADOWTAP_SENSOR_COUNTERS_H
#define SHADOWTAP_SENSOR_COUNTERS_H

#include "counters.h"
#include "intake.h"

/* Flushed before. interfaces: of each lane. */
void sensor_counters(const struct sensor *s, struct intake *in, const uint8_t interfaces[], unsigned n_interfaces,
                     struct counters *ret);

#endif
