#include "mcp_session.h"
#include "mcp_exchange.h"

static uint64_t as_key(uint64_t hash, bool shared)
{
	hash = (hash & ~SESSION_KEY_SHARED) | (shared ? SESSION_KEY_SHARED : 0);
	return hash > SESSION_KEY_SHARED ? hash : 2 | hash; /* 0 is none */
}

uint64_t mcp_session_of_id(const struct hash_key *key, struct slice id)
{
	return key && id.n ? as_key(siphash(key, id.p, id.n), false) : 0;
}

uint64_t mcp_session_of_uri(const struct hash_key *key, struct slice uri)
{
	struct slice id = uri_session(uri);
	if (id.n)
		return mcp_session_of_id(key, id);
	/* without scheme and authority: an endpoint event may name them where the request line does not. The recorder compares authorities */
	struct slice path = uri_path(uri);
	if (!key || !path.n)
		return 0;
	uri = slice_of(path.p, (size_t)(uri.p + uri.n - path.p));
	uri = slice_first(uri, slice_find(uri, '#'));
	return as_key(siphash(key, uri.p, uri.n), true);
}
