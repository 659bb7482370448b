/* The inside of struct health, for its two files. */
#ifndef SHADOWTAP_HEALTH_WATCH_H
#define SHADOWTAP_HEALTH_WATCH_H

#include "health.h"

/* What is wrong, each said when it begins and when it is over. */
enum health_trouble { TROUBLE_SILENT, TROUBLE_DROPS, TROUBLE_ONE_SIDED, TROUBLE_WRITING, TROUBLE_LOSING, TROUBLE_SPILL, TROUBLES };

struct health {
	const char *sensor;
	const char *const *interfaces;
	size_t n_interfaces;
	struct counters base; /* of the sensor processes that have ended */
	struct counters now;
	/* at the last look */
	struct {
		uint64_t frames, received, dropped, one_sided, two_sided, lost;
	} seen;
	bool in_trouble[TROUBLES];
	unsigned since[TROUBLES]; /* seconds of packets that did not come, and the like */
};

/* True for what goes up and down: a new process's value replaces the old one's. */
bool health_is_gauge(const char *name);
/* Ended processes and the present one together. */
uint64_t health_total(const struct health *h, const char *name);

#endif
