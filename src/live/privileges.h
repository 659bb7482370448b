/* Users and capabilities of the live sensor's processes. Called once in each, before anything from the wire is touched. */
#ifndef SHADOWTAP_PRIVILEGES_H
#define SHADOWTAP_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#define PRIVILEGES_ERROR_TEXT 256

struct privileges {
	uid_t uid;
	gid_t gid;
	bool change; /* false: stay who we are */
};

/* name: a user, or NULL to stay. wanted: the operator named it, so that it must exist and be reachable; else a user who does not exist, or
 * whom this process may not become, means to stay. False with a sentence in error. */
bool privileges_find(const char *name, bool wanted, struct privileges *ret, char error[PRIVILEGES_ERROR_TEXT]);

/* Becomes that user, with its groups or with none, and keeps of the capabilities those for capturing (capture) or none at all; no-new-privs.
 * Cannot be undone. False with a sentence in error. */
bool privileges_settle(const struct privileges *p, bool groups, bool capture, char error[PRIVILEGES_ERROR_TEXT]);

#endif
