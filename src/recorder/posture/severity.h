/* How bad: of events and of findings, and its name. Used by all of the recorder half. */
#ifndef SHADOWTAP_SEVERITY_H
#define SHADOWTAP_SEVERITY_H

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_COUNT };
const char *severity_name(enum severity s);

#endif
