/* The first bytes of one direction -> the protocol that they open. Called by app_stream until it knows. Looks at nothing
 * but these bytes, keeps nothing. */
#ifndef SHADOWTAP_APP_GUESS_H
#define SHADOWTAP_APP_GUESS_H

#include "app_protocol.h"
#include "slice.h"
#include "status.h"

/* As much as a first line or record header needs to be known: what comes later changes nothing, in any split. */
enum { APP_GUESS_BYTES = 40 };

/* What these first bytes of direction d could be. *ret_sure is false while more bytes could change it. *ret_flip: the
 * speaker is not who d says. */
enum app_protocol app_guess(struct slice first, enum direction d, bool roles_known, bool *ret_sure, bool *ret_flip);

#endif
