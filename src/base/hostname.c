#include "hostname.h"

static bool label_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Shared by names and patterns; text is without any "*." here. */
static bool normalize(struct slice text, char *out, size_t cap)
{
	out[0] = 0;
	if (text.n && text.p[text.n - 1] == '.')
		text.n--;
	if (text.n == 0 || text.n > 253 || text.n >= cap)
		return false;
	size_t label = 0;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = ascii_lower(text.p[i]);
		if (c == '.') {
			if (label == 0)
				goto bad;
			label = 0;
		} else if (!label_byte(c) || ++label > 63) {
			goto bad;
		}
		out[i] = (char)c;
	}
	if (label == 0)
		goto bad;
	out[text.n] = 0;
	return true;
bad:
	out[0] = 0;
	return false;
}

bool hostname_normalize(struct slice text, char out[HOSTNAME_TEXT])
{
	return normalize(text, out, HOSTNAME_TEXT);
}

bool hostname_pattern_normalize(struct slice text, char out[HOSTNAME_TEXT])
{
	if (!slice_starts(text, "*."))
		return normalize(text, out, HOSTNAME_TEXT);
	out[0] = '*';
	out[1] = '.';
	if (normalize(slice_after(text, 2), out + 2, HOSTNAME_TEXT - 2))
		return true;
	out[0] = 0;
	return false;
}

bool hostname_matches(const char *pattern, const char *name)
{
	if (pattern[0] == 0 || name[0] == 0)
		return false;
	if (pattern[0] != '*')
		return strcmp(pattern, name) == 0;
	const char *suffix = pattern + 1; /* ".acme.com": the dot makes it end at a label boundary */
	size_t s = strlen(suffix), n = strlen(name);
	return n > s && memcmp(name + n - s, suffix, s) == 0;
}

bool authority_split(struct slice text, struct slice *ret_host, uint16_t *ret_port)
{
	struct slice host = text, port = {NULL, 0};
	if (text.n && text.p[0] == '[') {
		size_t close = slice_find(text, ']');
		if (close == text.n)
			return false;
		host = slice_of(text.p + 1, close - 1);
		struct slice rest = slice_after(text, close + 1);
		if (rest.n) {
			if (rest.p[0] != ':')
				return false;
			port = slice_after(rest, 1);
		}
	} else {
		size_t colon = slice_find(text, ':');
		if (colon < text.n) {
			host = slice_first(text, colon);
			port = slice_after(text, colon + 1);
		}
	}
	if (host.n == 0)
		return false;
	unsigned value = 0;
	if (port.n > 5)
		return false;
	for (size_t i = 0; i < port.n; i++) { /* an empty port after the colon means the default (RFC 3986 3.2.3) */
		if (port.p[i] < '0' || port.p[i] > '9')
			return false;
		value = value * 10 + (port.p[i] - '0');
	}
	if (value > 65535)
		return false;
	*ret_host = host;
	*ret_port = (uint16_t)value;
	return true;
}
