#include "finding.h"
#include <string.h>

const char *severity_name(enum severity s)
{
	static const char *const names[SEVERITY_COUNT] = {"info", "low", "medium", "high"};
	return s < SEVERITY_COUNT ? names[s] : NULL;
}

const struct finding *finding_find(const char *id)
{
	for (size_t i = 0; i < finding_count; i++)
		if (strcmp(finding_table[i].id, id) == 0)
			return &finding_table[i];
	return NULL;
}
