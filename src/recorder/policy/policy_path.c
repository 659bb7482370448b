/* Paths as policy compares them: by whole segments, as sent. A path that servers may read as another one
 * (dot segments, encoded slashes ...) is named ambiguous: no approval rests on it, while a denial also sees what a
 * lenient server would make of it. Refuses to guess which reading the server at hand prefers. */
#include "policy_entry.h"

/* "/mcp" covers "/mcp" and "/mcp/x", not "/mcpx". */
bool policy_path_under(const char *prefix, const char *path)
{
	size_t n = strlen(prefix);
	return strncmp(prefix, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static int hex(uint8_t c)
{
	c = ascii_lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%XX" stands for, or -1. */
static int percent(const char *p)
{
	if (p[0] != '%')
		return -1;
	int high = hex((uint8_t)p[1]);
	int low = high < 0 ? -1 : hex((uint8_t)p[2]);
	return low < 0 ? -1 : high * 16 + low;
}

/* Whether the segment, n bytes long, is "." or "..", also with the path parameters that Java servers drop. */
static bool dot_segment(const char *p, size_t n)
{
	size_t dots = 0;
	while (dots < n && p[dots] == '.')
		dots++;
	return dots >= 1 && dots <= 2 && (dots == n || p[dots] == ';');
}

bool policy_path_ambiguous(const char *path)
{
	/* Cut when it was recorded (text_copy may stop up to 3 bytes early): what climbs out may stand behind the cut. */
	if (strlen(path) >= LIMIT_PATH - 4)
		return true;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		if (dot_segment(p, n) || (n == 0 && p != path && *p == '/'))
			return true; /* RFC 3986 5.2.4; and "//", which many servers merge */
		for (size_t i = 0; i < n; i++) {
			int c = percent(p + i);
			/* "%2e%2e%2f" and "%252e": decoded once by the proxy and once more by the server */
			if (p[i] == '\\' || c == '.' || c == '/' || c == '\\' || c == '%' || c == 0 || c == ';')
				return true;
		}
		p += n + (p[n] == '/');
	}
	return false;
}

/* One round of percent-decoding, in place; false if nothing was encoded. */
static bool decode(char *path)
{
	char *out = path;
	bool any = false;
	for (const char *p = path; *p;) {
		int c = percent(p);
		any = any || c > 0;
		*out++ = c > 0 ? (char)c : *p;
		p += c > 0 ? 3 : 1;
	}
	*out = '\0';
	return any;
}

void policy_path_plain(const char *path, char out[LIMIT_PATH])
{
	char buffer[LIMIT_PATH];
	size_t n = strnlen(path, LIMIT_PATH - 1);
	memcpy(buffer, path, n);
	buffer[n] = '\0';
	for (int round = 0; round < 3 && decode(buffer); round++)
		; /* a proxy, a server and a framework may each decode once */
	for (char *p = buffer; *p; p++)
		if (*p == '\\')
			*p = '/';
	out[0] = '\0';
	if (buffer[0] != '/') /* "*" of OPTIONS: no path that an entry could name */
		return;

	size_t used = 0;
	for (const char *p = buffer; *p;) {
		size_t segment = strcspn(p, "/"), kept = strcspn(p, ";/");
		if (dot_segment(p, segment)) {
			if (p[1] == '.')
				while (used && out[--used] != '/')
					;
		} else if (kept) {
			out[used++] = '/';
			memcpy(out + used, p, kept);
			used += kept;
		}
		p += segment + (p[segment] == '/');
	}
	out[used] = '\0';
}
