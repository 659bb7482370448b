#include "json_string.h"
#include "byte_scan.h"
#include "text.h"

enum string_state { STRING_PLAIN, STRING_ESCAPE, STRING_HEX };

void json_string_begin(struct json_string *s, size_t keep)
{
	s->state = STRING_PLAIN;
	s->hex_have = 0;
	s->split_have = 0;
	s->unit = 0;
	s->high = 0;
	s->keep = (uint16_t)(keep < JSON_TEXT_KEPT ? keep : JSON_TEXT_KEPT);
	s->n = 0;
	s->cut = false;
	s->piece = NULL;
}

static void keep(struct json_string *s, struct slice bytes)
{
	if (s->cut || bytes.n == 0)
		return;
	size_t room = (size_t)s->keep - s->n, n = bytes.n;
	if (n > room) {
		n = room;
		/* Never half a character: a cut text stays valid UTF-8, whatever the split. */
		while (n && (bytes.p[n] & 0xc0) == 0x80)
			n--;
		s->cut = true;
	}
	memcpy(s->text + s->n, bytes.p, n);
	s->n = (uint16_t)(s->n + n);
}

void json_string_append(struct json_string *s, struct slice bytes)
{
	if (s->piece && bytes.n)
		s->piece(s->piece_context, bytes);
	keep(s, bytes);
}

static void append_replacement(struct json_string *s, struct slice exact)
{
	if (s->piece)
		s->piece(s->piece_context, exact);
	keep(s, SLICE_LITERAL("\xef\xbf\xbd"));
}

static void append_invalid(struct json_string *s, uint8_t byte)
{
	s->utf8_bad = true;
	append_replacement(s, slice_of((uint8_t[]){0xff, byte}, 2));
}

static void append_surrogate(struct json_string *s, uint16_t unit)
{
	uint8_t exact[] = {0xed, (uint8_t)(0x80 | (unit >> 6 & 0x3f)), (uint8_t)(0x80 | (unit & 0x3f))};
	s->utf8_bad = true;
	append_replacement(s, slice_of(exact, sizeof exact));
}

static void append_code_point(struct json_string *s, uint32_t c)
{
	uint8_t out[4];
	size_t n = 0;
	if (c == 0) {
		/* Texts end at NUL for everyone above: "initialize\u0000x" must not pass for "initialize". */
		append_replacement(s, SLICE_LITERAL("\xc0\x80"));
		return;
	}
	if (c < 0x80) {
		out[n++] = (uint8_t)c;
	} else if (c < 0x800) {
		out[n++] = (uint8_t)(0xc0 | c >> 6);
		out[n++] = (uint8_t)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		out[n++] = (uint8_t)(0xe0 | c >> 12);
		out[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (uint8_t)(0x80 | (c & 0x3f));
	} else {
		out[n++] = (uint8_t)(0xf0 | c >> 18);
		out[n++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		out[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[n++] = (uint8_t)(0x80 | (c & 0x3f));
	}
	json_string_append(s, slice_of(out, n));
}

/* A high surrogate whose low half did not follow (RFC 8259 8.2: what receivers make of it is unpredictable). */
static void flush_high(struct json_string *s)
{
	if (s->high) {
		append_surrogate(s, s->high);
		s->high = 0;
	}
}

static void take_unit(struct json_string *s)
{
	uint16_t unit = s->unit;
	s->state = STRING_PLAIN;
	if (s->high && unit >= 0xdc00 && unit <= 0xdfff) {
		uint32_t c = 0x10000 + ((uint32_t)(s->high - 0xd800) << 10) + (uint32_t)(unit - 0xdc00);
		s->high = 0;
		append_code_point(s, c);
		return;
	}
	flush_high(s);
	if (unit >= 0xd800 && unit <= 0xdbff)
		s->high = unit;
	else if (unit >= 0xdc00 && unit <= 0xdfff)
		append_surrogate(s, unit);
	else
		append_code_point(s, unit);
}

static bool take_escape(struct json_string *s, uint8_t c)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	if (c == 'u') {
		s->state = STRING_HEX;
		s->hex_have = 0;
		s->unit = 0;
		return true;
	}
	const char *at = c ? strchr(names, c) : NULL;
	if (!at)
		return false;
	flush_high(s);
	s->state = STRING_PLAIN;
	json_string_append(s, slice_of(&values[at - names], 1));
	return true;
}

static bool take_hex(struct json_string *s, uint8_t c)
{
	uint8_t digit;
	if (c >= '0' && c <= '9')
		digit = (uint8_t)(c - '0');
	else if (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f')
		digit = (uint8_t)(ascii_lower(c) - 'a' + 10);
	else
		return false;
	s->unit = (uint16_t)(s->unit << 4 | digit);
	if (++s->hex_have == 4)
		take_unit(s);
	return true;
}

/* Whether n < 4 bytes may be the start of a longer valid character (RFC 3629 section 4, the ranges of the second
 * byte keep out overlong forms, surrogates and what lies beyond U+10FFFF). */
static bool utf8_is_start(const uint8_t *p, size_t n)
{
	uint8_t lead = p[0], low = 0x80, high = 0xbf;
	size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (lead < 0xc2 || lead > 0xf4 || n >= length)
		return false;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	if (n >= 2 && (p[1] < low || p[1] > high))
		return false;
	return n < 3 || (p[2] & 0xc0) == 0x80;
}

/* Goes on with a character whose first bytes came with an earlier feed. */
static const uint8_t *finish_split(struct json_string *s, const uint8_t *p, const uint8_t *end)
{
	while (s->split_have && p < end) {
		s->split[s->split_have] = *p;
		size_t have = s->split_have + 1u;
		if (utf8_char_len(slice_of(s->split, have)) == have) {
			s->split_have = 0;
			json_string_append(s, slice_of(s->split, have));
			p++;
		} else if (utf8_is_start(s->split, have)) {
			s->split_have = (uint8_t)have;
			p++;
		} else {
			/* Each byte counts as one invalid byte; the new one is looked at afresh. */
			for (uint8_t i = 0, n = s->split_have; i < n; i++)
				append_invalid(s, s->split[i]);
			s->split_have = 0;
		}
	}
	return p;
}

static inline bool is_plain_ascii(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Past plain ASCII and whole valid characters. */
static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
	for (;;) {
		while (end - p >= 8) {
			uint64_t w = byte_scan_load(p);
			if ((w & BYTE_SCAN_HIGHS) | byte_scan_below(w, 0x20) | byte_scan_is(w, '"') |
			    byte_scan_is(w, '\\'))
				break;
			p += 8;
		}
		while (p < end && is_plain_ascii(*p))
			p++;
		if (p == end || *p < 0x80)
			return p;
		while (p < end && *p >= 0x80) {
			size_t n = utf8_char_len(slice_of(p, (size_t)(end - p)));
			if (n == 0)
				return p;
			p += n;
		}
	}
}

static enum json_string_end feed_plain(struct json_string *s, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = finish_split(s, *at, end), *start = p;
	if (s->high && p < end && *p != '\\')
		flush_high(s);
	p = skip_plain(p, end);
	if (s->keep || s->piece)
		json_string_append(s, slice_of(start, (size_t)(p - start)));
	*at = p;
	if (p == end)
		return JSON_STRING_OPEN;
	if (*p == '"') {
		*at = p + 1;
		return JSON_STRING_CLOSED;
	}
	if (*p == '\\') {
		s->state = STRING_ESCAPE;
		*at = p + 1;
		return JSON_STRING_OPEN;
	}
	if (*p < 0x20)
		return JSON_STRING_BROKEN; /* RFC 8259 7: control characters MUST be escaped */
	if (utf8_is_start(p, (size_t)(end - p) < 4 ? (size_t)(end - p) : 4)) {
		s->split_have = (uint8_t)(end - p);
		memcpy(s->split, p, s->split_have);
		*at = end;
		return JSON_STRING_OPEN;
	}
	append_invalid(s, *p);
	*at = p + 1;
	return JSON_STRING_OPEN;
}

enum json_string_end json_string_feed(struct json_string *s, struct slice bytes, size_t *ret_consumed)
{
	const uint8_t *p = bytes.p, *end = p + bytes.n;
	enum json_string_end status = JSON_STRING_OPEN;
	while (p < end && status == JSON_STRING_OPEN) {
		if (s->state == STRING_PLAIN) {
			status = feed_plain(s, &p, end);
		} else if (s->state == STRING_ESCAPE ? take_escape(s, *p) : take_hex(s, *p)) {
			p++;
		} else {
			status = JSON_STRING_BROKEN;
		}
	}
	*ret_consumed = (size_t)(p - bytes.p);
	return status;
}
