#include "text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

size_t utf8_char_len(struct slice s)
{
	if (s.n == 0)
		return 0;
	uint8_t c = s.p[0];
	if (c < 0x80)
		return 1;
	size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || s.n < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates and code points past U+10FFFF (RFC 3629 section 4) */
	if ((c == 0xe0 && s.p[1] < 0xa0) || (c == 0xed && s.p[1] > 0x9f) || (c == 0xf0 && s.p[1] < 0x90) ||
	    (c == 0xf4 && s.p[1] > 0x8f))
		return 0;
	return len;
}

/* One character of in, or the replacement for an invalid byte. */
static struct slice next_char(struct slice in, size_t *ret_taken)
{
	size_t len = in.p[0] == 0 ? 0 : utf8_char_len(in);
	*ret_taken = len ? len : 1;
	return len ? slice_first(in, len) : SLICE_LITERAL("\xef\xbf\xbd");
}

bool text_copy(char *out, size_t cap, struct slice in)
{
	size_t n = 0;
	while (in.n) {
		size_t taken;
		struct slice c = next_char(in, &taken);
		if (n + c.n > cap - 1)
			break;
		memcpy(out + n, c.p, c.n);
		n += c.n;
		in = slice_after(in, taken);
	}
	out[n] = 0;
	return in.n == 0;
}

char *text_dup(struct slice in, size_t cap)
{
	size_t n = 0;
	for (struct slice s = in; s.n && n < cap;) {
		size_t taken;
		n += next_char(s, &taken).n;
		s = slice_after(s, taken);
	}
	if (n + 1 < cap)
		cap = n + 1;
	char *out = malloc(cap);
	if (out)
		text_copy(out, cap, in);
	return out;
}

bool text_append(char *out, size_t cap, size_t *len, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(out + *len, cap - *len, format, args);
	va_end(args);
	if (n < 0)
		return false;
	if ((size_t)n >= cap - *len) {
		*len = cap - 1;
		return false;
	}
	*len += (size_t)n;
	return true;
}

static uint32_t code_point(struct slice c)
{
	static const uint8_t mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t v = c.p[0] & mask[c.n];
	for (size_t i = 1; i < c.n; i++)
		v = v << 6 | (c.p[i] & 0x3f);
	return v;
}

/* Characters that move the cursor, turn the reading direction or cannot be seen: a log line must not be able to use them. Controls,
 * separators, and what Unicode calls Default_Ignorable_Code_Point (variation selectors and fillers too: texts are smuggled in them). */
static bool invisible(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5},
		{0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},
		{0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges && c >= ranges[i][0]; i++)
		if (c <= ranges[i][1])
			return true;
	return false;
}

void text_escape_terminal(char *out, size_t cap, struct slice in)
{
	size_t n = 0;
	while (in.n) {
		char buf[16];
		size_t taken = 1, len = utf8_char_len(in);
		const char *piece = buf;
		size_t piece_n;
		if (len == 0) {
			piece_n = (size_t)snprintf(buf, sizeof buf, "\\x%02x", in.p[0]);
		} else {
			struct slice c = slice_first(in, len);
			uint32_t v = code_point(c);
			taken = len;
			if (v == '\\')
				piece_n = (size_t)snprintf(buf, sizeof buf, "\\\\");
			else if (!invisible(v)) {
				piece = (const char *)c.p;
				piece_n = c.n;
			} else if (v < 0x100) {
				piece_n = (size_t)snprintf(buf, sizeof buf, "\\x%02x", (unsigned)v);
			} else {
				piece_n = (size_t)snprintf(buf, sizeof buf, "\\u{%x}", (unsigned)v);
			}
		}
		if (n + piece_n > cap - 1)
			break;
		memcpy(out + n, piece, piece_n);
		n += piece_n;
		in = slice_after(in, taken);
	}
	out[n] = 0;
}
