/* An entry of the book -> its session, what it tells the session, what the session tells it. docs/sessions.md has the rules, and why. Called by
 * the recorder after session_book_put_take(). Never mixes servers, tenants, or clients whose names differ. */
#ifndef SHADOWTAP_SESSION_JOIN_H
#define SHADOWTAP_SESSION_JOIN_H

#include "session_book.h"

void session_view(const struct session_entry *e, struct session_view *ret);
/* Equal for entries at the same server and tenant: there alone are ids of sessions the same session's. 0: not known well enough. */
uint64_t session_entry_scope(const struct session_book *b, const struct session_entry *e);

/* Finds its session, or another one if it turns out to have been the wrong one; tells of the entry, then of others whose view changed by it,
 * then of those that settle. The first failure of tell, or FAIL_MEMORY (the entry is told of all the same). */
int session_join(struct session_book *b, struct session_entry *e);

#endif
