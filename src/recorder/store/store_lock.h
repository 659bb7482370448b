/* One writer per database: a lock file "<database>-lock" beside it, held with flock(2) while the database is open for
 * writing. The kernel drops the lock when its holder dies, however it dies, so an empty file left behind stops nobody.
 * Readers never touch it. Not on the database itself: closing any descriptor of that file would drop SQLite's locks. */
#ifndef SHADOWTAP_STORE_LOCK_H
#define SHADOWTAP_STORE_LOCK_H

#include "store.h"

struct store_lock {
	int fd; /* -1 when not held */
	char *path;
};

/* FAIL_DATABASE with a sentence (another writer holds it, or it cannot be made), or FAIL_MEMORY. */
int store_lock_take(const char *database, struct store_lock *ret, char error[STORE_ERROR_TEXT]);
/* Removes the file and lets go; fine on one that is not held. */
void store_lock_release(struct store_lock *l);

#endif
