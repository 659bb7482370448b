/* Ids of sessions, as they stand in headers and URIs -> keys that can be compared and not read. Called by evidence. Keeps no id: what leaves is
 * a keyed hash, under a key that never leaves this process; docs/sessions.md says what the recorder does with it. */
#ifndef SHADOWTAP_MCP_SESSION_H
#define SHADOWTAP_MCP_SESSION_H

#include "observation.h"
#include "siphash.h"

/* 0 where there is no id or no key to hash with. */
uint64_t mcp_session_of_id(const struct hash_key *key, struct slice id);
/* Of a URI (or target) of the legacy transport: of the session id in its query, else of its path and query, which strangers may share
 * (SESSION_KEY_SHARED). */
uint64_t mcp_session_of_uri(const struct hash_key *key, struct slice uri);

#endif
