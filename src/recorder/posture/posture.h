/* What was seen of a connection -> its posture findings, and which of the others it could not have shown. A pure function of the
 * observation (with what its session told). Called by the recorder before the policy judges. What could not be seen is no finding. */
#ifndef SHADOWTAP_POSTURE_H
#define SHADOWTAP_POSTURE_H

#include "finding.h"
#include "observation.h"

struct posture {
	const char *found[LIMIT_FINDINGS];  /* ids, in the order in which they were added; static strings */
	size_t n_found;
	const char *unseen[LIMIT_FINDINGS]; /* ids of those that this connection did not show, and could not have */
	size_t n_unseen;
};

/* Adds to *p. session_auth: the credentials that another connection of its session was seen to carry; AUTH_UNKNOWN: of none. */
void posture_read(const struct observation *o, enum auth_kind session_auth, struct posture *p);

/* For whoever else has findings or knows what could not be seen. Twice is once; past LIMIT_FINDINGS it is left out: there are fewer. */
void posture_add(struct posture *p, const char *id);
void posture_add_unseen(struct posture *p, const char *id);
bool posture_has(const struct posture *p, const char *id);
bool posture_is_unseen(const struct posture *p, const char *id);

#endif
