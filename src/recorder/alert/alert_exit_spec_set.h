/* One parameter of an exit's spec -> its place in struct exit_spec. Called by exit_spec_parse. Refuses what it does not
 * understand. */
#ifndef SHADOWTAP_ALERT_EXIT_SPEC_SET_H
#define SHADOWTAP_ALERT_EXIT_SPEC_SET_H

#include "alert_exit_spec.h"

struct exit_parameter {
	const char *name;
	unsigned kinds; /* bits of enum exit_kind */
	/* False: *why says what was expected. */
	bool (*set)(struct exit_spec *spec, const char *value, const char **why);
};

extern const struct exit_parameter exit_parameters[];
extern const size_t exit_parameters_n;

#endif
