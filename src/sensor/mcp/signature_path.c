/* A request path -> the most specific path signature, and whether it is an endpoint of a host. Called once per request.
 * Compares what servers take for equal: case (ASP.NET, Express), escaped letters, a last slash. Decodes nothing else:
 * "%2f" and "/../" are not what MCP clients send, and servers differ on them. */
#include "signature_set.h"

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unreserved(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c));
}

void path_text_of(struct slice path, struct path_text *ret)
{
	ret->n = 0;
	ret->cut = false;
	for (size_t i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];
		if (c == '?' || c == '#')
			break;
		if (ret->n == sizeof ret->p) {
			ret->cut = true;
			break;
		}
		if (c == '%' && i + 2 < path.n && hex(path.p[i + 1]) >= 0 && hex(path.p[i + 2]) >= 0) {
			/* "/%6dcp" is "/mcp" to every server (RFC 3986 6.2.2.2). */
			int decoded = hex(path.p[i + 1]) << 4 | hex(path.p[i + 2]);
			if (unreserved(decoded)) {
				c = (uint8_t)decoded;
				i += 2;
			}
		}
		ret->p[ret->n++] = ascii_lower(c);
	}
}

struct slice path_text_trimmed(const struct path_text *t)
{
	struct slice s = slice_of(t->p, t->n);
	if (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

/* below: a path that goes on with further segments matches too. */
static bool template_matches(const char *pattern, struct slice path, bool below)
{
	size_t at = 0;
	const char *c = pattern;
	while (*c) {
		if (*c == '{') {
			size_t rest = slice_find(slice_after(path, at), '/');
			if (rest == 0)
				return false;
			at += rest;
			c += strcspn(c, "}") + 1; /* the loader saw that it is closed */
		} else if (at < path.n && ascii_lower((uint8_t)*c) == path.p[at]) {
			at++;
			c++;
		} else {
			return false;
		}
	}
	if (at == path.n)
		return true;
	/* "/" as an endpoint is the root alone: below it is the whole site. */
	return below && c - pattern > 1 && (path.p[at] == '/' || path.p[at - 1] == '/');
}

static bool segment_matches(struct slice segment, struct slice path)
{
	while (path.n) {
		size_t end = slice_find(path, '/');
		if (slice_ieq(slice_first(path, end), segment))
			return true;
		path = slice_after(path, end + 1);
	}
	return false;
}

bool path_text_matches(const struct path_text *t, const struct signature *path)
{
	struct slice pattern = slice_str(path->pattern), whole = slice_of(t->p, t->n), trimmed = path_text_trimmed(t);
	switch (path->match) {
	case MATCH_PREFIX: return slice_istarts(whole, path->pattern);
	case MATCH_TEMPLATE: return !t->cut && template_matches(path->pattern, trimmed, false);
	case MATCH_SUFFIX:
		return !t->cut && trimmed.n >= pattern.n &&
		       slice_ieq(slice_after(trimmed, trimmed.n - pattern.n), pattern);
	case MATCH_SEGMENT: return segment_matches(pattern, whole);
	default: return false;
	}
}

const struct signature_endpoint *signature_host_endpoint(const struct signature *host, struct slice path)
{
	struct path_text t;
	path_text_of(path, &t);
	struct slice trimmed = path_text_trimmed(&t);
	for (size_t i = 0; i < host->n_endpoints; i++) {
		const char *pattern = host->endpoints[i].path;
		size_t n = strlen(pattern);
		if (template_matches(pattern, n > 1 && pattern[n - 1] == '/' ? slice_of(t.p, t.n) : trimmed, true))
			return &host->endpoints[i];
	}
	return NULL;
}
