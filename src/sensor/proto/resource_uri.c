#include "resource_uri.h"
#include "text.h"

/* Where the authority begins, or the end: there is none. */
static size_t authority_of(struct slice uri)
{
	for (size_t i = 0; i + 2 < uri.n; i++)
		if (uri.p[i] == ':' && uri.p[i + 1] == '/' && uri.p[i + 2] == '/')
			return i + 3;
	return uri.n;
}

bool resource_uri_plain(struct slice uri, bool is_template, char *out, size_t cap)
{
	struct slice kept = uri;
	for (size_t i = 0; i < kept.n; i++)
		if ((uri.p[i] == '?' || uri.p[i] == '#') && !(is_template && i && uri.p[i - 1] == '{'))
			kept = slice_first(kept, i);
	if (slice_istarts(kept, "data:")) /* RFC 2397: content from there on */
		kept = slice_first(kept, strlen("data:"));
	size_t begin = authority_of(kept), n = 0;
	struct slice rest = slice_after(kept, begin), scheme = slice_first(kept, begin);
	size_t at = slice_find(rest, '/');
	while (at && rest.p[at - 1] != '@') /* the last one: a password may have another */
		at--;
	if (!at)
		return text_copy(out, cap, kept) && kept.n == uri.n;
	text_copy(out, cap, scheme);
	n = strlen(out);
	text_copy(out + n, cap - n, slice_after(rest, at));
	return false;
}
