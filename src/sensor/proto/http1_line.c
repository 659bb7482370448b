#include "http1_line.h"

#include "http1.h"

/* Of a line that is longer nothing is believed. */
#define LINE_MAX_BYTES (16u << 10)

/* The IANA registry of HTTP methods, and those that llhttp reads besides. Without PRI: that is HTTP/2. */
static const char *const methods[] = {
	"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "QUERY",
	"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "MERGE",
	"MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH", "PROPFIND",
	"PROPPATCH", "REBIND", "REPORT", "SEARCH", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
	"UPDATEREDIRECTREF", "VERSION-CONTROL", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE",
};

enum match { MATCH_NO, MATCH_SO_FAR, MATCH_YES };

/* MATCH_SO_FAR: s ended before word did. */
static enum match match_word(struct slice s, const char *word, bool fold)
{
	for (size_t i = 0; word[i]; i++) {
		if (i == s.n)
			return MATCH_SO_FAR;
		if ((fold ? ascii_lower(s.p[i]) : s.p[i]) != (uint8_t)word[i])
			return MATCH_NO;
	}
	return MATCH_YES;
}

static enum match match_method(struct slice s, size_t *ret_n, bool *ret_connect)
{
	enum match best = MATCH_NO;
	if (s.n && (s.p[0] < 'A' || s.p[0] > 'V')) /* none begins so: TLS, JSON and answers are told here */
		return MATCH_NO;
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		if (s.n && s.p[0] != (uint8_t)methods[i][0])
			continue;
		enum match m = match_word(s, methods[i], false);
		if (m == MATCH_NO)
			continue;
		size_t n = strlen(methods[i]);
		if (m == MATCH_YES && s.n > n && s.p[n] == ' ') {
			*ret_n = n + 1;
			*ret_connect = strcmp(methods[i], "CONNECT") == 0;
			return MATCH_YES;
		}
		if (m == MATCH_SO_FAR || s.n == n)
			best = MATCH_SO_FAR;
	}
	return best;
}

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* The four forms of RFC 9112 3.2. A scheme that is not of the web is RTSP's or SIP's, whose methods look the same. */
static enum match match_target(struct slice s, bool connect)
{
	if (s.n == 0)
		return MATCH_SO_FAR;
	if (connect)
		return is_alnum(s.p[0]) || s.p[0] == '[' ? MATCH_YES : MATCH_NO;
	if (s.p[0] == '/' || s.p[0] == '*')
		return MATCH_YES;
	static const char *const schemes[] = {"http:", "https:", "ws:", "wss:"};
	enum match best = MATCH_NO;
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		enum match m = match_word(s, schemes[i], true);
		best = m > best ? m : best;
	}
	return best;
}

/* A whole line, without its end: is its version HTTP/1.x? */
static bool line_version(struct slice line)
{
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line.n > 9 && memcmp(line.p + line.n - 9, " HTTP/1.", 8) == 0;
}

static enum match match_request(struct slice s)
{
	size_t n;
	bool connect;
	enum match m = match_method(s, &n, &connect);
	if (m != MATCH_YES)
		return m;
	struct slice target = slice_after(s, n);
	m = match_target(target, connect);
	if (m != MATCH_YES)
		return m;
	struct slice seen = slice_first(target, LINE_MAX_BYTES);
	size_t end = slice_find(seen, '\n');
	if (end < seen.n)
		return line_version(slice_first(seen, end)) ? MATCH_YES : MATCH_NO;
	return MATCH_YES;
}

bool http1_looks_like(struct slice first, enum direction d, bool *ret_sure)
{
	/* Empty lines before a message are tolerated (RFC 9112 2.2). */
	while (first.n && (first.p[0] == '\r' || first.p[0] == '\n'))
		first = slice_after(first, 1);
	enum match m = d == FROM_CLIENT ? match_request(first) : match_word(first, "HTTP/1.", false);
	*ret_sure = m != MATCH_SO_FAR;
	return m != MATCH_NO;
}

bool http1_line_complete(struct slice bytes, enum direction d)
{
	struct slice seen = slice_first(bytes, LINE_MAX_BYTES);
	size_t end = slice_find(seen, '\n');
	if (end == seen.n || end == 0 || seen.p[end - 1] != '\r')
		return false;
	struct slice line = slice_first(seen, end - 1);
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] < ' ' || line.p[i] == 0x7f)
			return false;
	if (d == FROM_CLIENT) {
		bool sure;
		if (!http1_looks_like(slice_first(seen, end + 1), d, &sure) || !sure)
			return false;
		/* method SP target SP version and nothing else (RFC 9112 3) */
		struct slice rest = slice_after(line, slice_find(line, ' ') + 1);
		size_t n = slice_find(rest, ' ');
		return n > 0 && n < rest.n && slice_find(slice_after(rest, n + 1), ' ') == rest.n - n - 1;
	}
	/* HTTP/1.x SP three digits, then SP or the end (RFC 9112 4) */
	if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 || line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' '))
		return false;
	for (size_t i = 9; i < 12; i++)
		if (line.p[i] < '0' || line.p[i] > '9')
			return false;
	return line.p[9] >= '1' && line.p[9] <= '5';
}
