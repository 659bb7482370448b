/* The findings that there are: id, severity, title and page of help, all from docs/findings/ID.md, which the build embeds. Used by posture,
 * the policy, `shadowtap findings` and `query`. Knows no connection. */
#ifndef SHADOWTAP_FINDING_H
#define SHADOWTAP_FINDING_H

#include "severity.h"
#include <stddef.h>

struct finding {
	const char *id;         /* "no-auth" */
	const char *title;
	const char *page;       /* the whole of docs/findings/ID.md */
	const char *breach;     /* what a policy that forbids it reports: "policy.finding:no-auth" */
	const char *unverified; /* the same where it could not be seen: "finding:no-auth" */
	enum severity severity;
};

extern const struct finding finding_table[]; /* in the order of their ids */
extern const size_t finding_count;         /* 64 at most: a set of them is an integer */

/* NULL if there is none of that id. */
const struct finding *finding_find(const char *id);

#endif
