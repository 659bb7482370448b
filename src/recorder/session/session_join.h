/* An entry of the book -> its session, what it tells the session, what the session tells it. docs/sessions.md has the rules, and why. Called by
 * the recorder after session_book_put_take(). Never mixes servers, tenants, or clients whose names differ. */
#ifndef SHADOWTAP_SESSION_JOIN_H
#define SHADOWTAP_SESSION_JOIN_H

#include "session_book.h"

void session_view(const struct session_entry *e, struct session_view *ret);

/* Finds its session, or another one if it turns out to have been the wrong one; tells of the entry, then of others whose view changed by it,
 * then of those that settle. The first failure of tell, or FAIL_MEMORY (the entry is told of all the same). */
int session_join(struct session_book *b, struct session_entry *e);

#endif
