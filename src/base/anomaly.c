#include "anomaly.h"

const char *anomaly_name(enum anomaly which)
{
	static const char *const names[ANOMALY_COUNT] = {
#define X(id, name) [ANOMALY_##id] = name,
		ANOMALY_LIST(X)
#undef X
	};
	return which < ANOMALY_COUNT ? names[which] : "unknown";
}

void anomaly_add(struct anomaly_counts *into, const struct anomaly_counts *more)
{
	for (int i = 0; i < ANOMALY_COUNT; i++)
		into->n[i] += more->n[i];
}
