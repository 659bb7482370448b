/* The enums of an observation -> the words that events use for them. Called by everything that writes them for people or
 * machines; a value out of range has no name. */
#include "observation.h"

static const char *name_in(const char *const *names, size_t n, size_t i)
{
	return i < n ? names[i] : NULL;
}

const char *confidence_name(enum confidence c)
{
	static const char *const names[CONFIDENCE_COUNT] = {"none", "possible", "likely", "confirmed"};
	return name_in(names, CONFIDENCE_COUNT, c);
}

const char *stage_name(enum stage s)
{
	static const char *const names[STAGE_COUNT] = {"unknown", "attempted", "established"};
	return name_in(names, STAGE_COUNT, s);
}

const char *transport_name(enum transport t)
{
	static const char *const names[TRANSPORT_COUNT] = {NULL, "streamable-http", "http+sse", "websocket", "tcp"};
	return name_in(names, TRANSPORT_COUNT, t);
}

const char *http_version_name(enum http_version v)
{
	static const char *const names[HTTP_VERSION_COUNT] = {NULL, "1.0", "1.1", "2", "h2c", "3"};
	return name_in(names, HTTP_VERSION_COUNT, v);
}

const char *auth_kind_name(enum auth_kind a)
{
	static const char *const names[AUTH_COUNT] = {NULL,     "none",   "bearer",     "basic",
	                                              "apikey", "cookie", "query-token"};
	return name_in(names, AUTH_COUNT, a);
}

const char *event_kind_name(enum event_kind k)
{
	static const char *const names[KIND_COUNT] = {"connection", "connector", "tool-change"};
	return name_in(names, KIND_COUNT, k);
}

const char *proxy_kind_name(enum proxy_kind k)
{
	static const char *const names[PROXY_COUNT] = {NULL, "http-connect", "http-absolute", "socks5", "socks4"};
	return name_in(names, PROXY_COUNT, k);
}

const char *claim_source_name(enum claim_source s)
{
	static const char *const names[CLAIM_COUNT] = {"x-forwarded-for", "forwarded", "proxy-protocol"};
	return name_in(names, CLAIM_COUNT, s);
}
