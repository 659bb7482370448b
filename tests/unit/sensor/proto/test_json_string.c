/* json_string.c: every escape, every character, every way to cut a text, against answers computed here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "json_string.h"

/* Reads bytes (with closing quote) in two pieces; returns whether it closed at the last byte. */
static bool read_split(struct json_string *s, struct slice bytes, size_t at, size_t keep)
{
	size_t used = 0;
	json_string_begin(s, keep);
	s->utf8_bad = false;
	enum json_string_end end = json_string_feed(s, slice_first(bytes, at), &used);
	if (end != JSON_STRING_OPEN)
		return end == JSON_STRING_CLOSED && used == bytes.n;
	assert_int_equal(used, at);
	end = json_string_feed(s, slice_after(bytes, at), &used);
	return end == JSON_STRING_CLOSED && at + used == bytes.n;
}

static void expect(struct slice in, struct slice want, bool bad)
{
	struct json_string s;
	for (size_t at = 0; at <= in.n; at++) {
		assert_true(read_split(&s, in, at, JSON_TEXT_KEPT));
		assert_true(slice_eq(json_string_text(&s), want));
		assert_int_equal(s.utf8_bad, bad);
		assert_false(s.cut);
		assert_true(read_split(&s, in, at, 0));
		assert_int_equal(s.n, 0);
		assert_int_equal(s.utf8_bad, bad);
	}
}

#define EXPECT(in, want, bad) expect(SLICE_LITERAL(in), SLICE_LITERAL(want), bad)
#define FFFD "\xef\xbf\xbd"

static void test_escapes(void **state)
{
	(void)state;
	EXPECT("\"", "", false);
	EXPECT("plain text that is longer than one word\"", "plain text that is longer than one word", false);
	EXPECT("\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", false);
	EXPECT("a\\u0041\\u00e9\\u20ac\\ud834\\udd1ez\"", "aA\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9ez", false);
	EXPECT("\\uD834\\uDD1E\\uFFFF\"", "\xf0\x9d\x84\x9e\xef\xbf\xbf", false);
	EXPECT("a\\u0000b\"", "a" FFFD "b", false);
	EXPECT("\\ud800\"", FFFD, true);
	EXPECT("\\ud800x\"", FFFD "x", true);
	EXPECT("\\ud800\\n\"", FFFD "\n", true);
	EXPECT("\\ud800\\u0041\"", FFFD "A", true);
	EXPECT("\\ud800\\ud800\\udc00\"", FFFD "\xf0\x90\x80\x80", true);
	EXPECT("\\ud800\xc3\xa9\"", FFFD "\xc3\xa9", true);
	EXPECT("\\ud800\xff\"", FFFD FFFD, true);
	EXPECT("\\udc00\\ud800\"", FFFD FFFD, true);
}

static void test_invalid_utf8(void **state)
{
	(void)state;
	EXPECT("\x80\"", FFFD, true);
	EXPECT("\xc0\xaf\"", FFFD FFFD, true);                    /* overlong '/' */
	EXPECT("\xe0\x80\xaf\"", FFFD FFFD FFFD, true);            /* overlong */
	EXPECT("\xed\xa0\x80\"", FFFD FFFD FFFD, true);            /* surrogate */
	EXPECT("\xf4\x90\x80\x80\"", FFFD FFFD FFFD FFFD, true);   /* beyond U+10FFFF */
	EXPECT("\xf5\x80\x80\x80\"", FFFD FFFD FFFD FFFD, true);
	EXPECT("\xe2" "A\"", FFFD "A", true);
	EXPECT("\xf0\x9f" "A\"", FFFD FFFD "A", true);
	EXPECT("\xe2\x82\"", FFFD FFFD, true);                     /* cut by the quote */
	EXPECT("\xf0\x9f\x98\\n\"", FFFD FFFD FFFD "\n", true);    /* cut by an escape */
	EXPECT("\xe2\x82\xe2\x82\xac\"", FFFD FFFD "\xe2\x82\xac", true);
	EXPECT("12345678\xff" "12345678\"", "12345678" FFFD "12345678", true);
}

/* Every code point, raw and escaped; surrogates and what lies around the limits are above. */
static void test_every_character(void **state)
{
	(void)state;
	struct json_string s;
	for (uint32_t c = 0x20; c < 0x110000; c++) {
		if ((c >= 0xd800 && c <= 0xdfff) || c == '"' || c == '\\')
			continue;
		char raw[8], escaped[16];
		int n;
		if (c < 0x80)
			n = snprintf(raw, sizeof raw, "%c\"", (int)c);
		else if (c < 0x800)
			n = snprintf(raw, sizeof raw, "%c%c\"", (int)(0xc0 + c / 64), (int)(0x80 + c % 64));
		else if (c < 0x10000)
			n = snprintf(raw, sizeof raw, "%c%c%c\"", (int)(0xe0 + c / 4096), (int)(0x80 + c / 64 % 64),
			             (int)(0x80 + c % 64));
		else
			n = snprintf(raw, sizeof raw, "%c%c%c%c\"", (int)(0xf0 + c / 262144),
				     (int)(0x80 + c / 4096 % 64), (int)(0x80 + c / 64 % 64), (int)(0x80 + c % 64));
		struct slice want = slice_of(raw, (size_t)n - 1);
		assert_true(read_split(&s, slice_of(raw, (size_t)n), c % (unsigned)n, 8));
		assert_true(slice_eq(json_string_text(&s), want) && !s.utf8_bad);
		if (c < 0x10000)
			n = snprintf(escaped, sizeof escaped, c % 2 ? "\\u%04x\"" : "\\u%04X\"", c);
		else
			n = snprintf(escaped, sizeof escaped, "\\u%04x\\u%04X\"", 0xd800 + (c - 0x10000) / 1024,
			             0xdc00 + (c - 0x10000) % 1024);
		assert_true(read_split(&s, slice_of(escaped, (size_t)n), c % (unsigned)n, 8));
		assert_true(slice_eq(json_string_text(&s), want) && !s.utf8_bad);
	}
}

/* A cut text is the longest run of whole characters that fits, the same for every split. */
static void test_cut(void **state)
{
	(void)state;
	static const char in[] = "ab\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\\u20acq\"";
	static const char want[] = "ab\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\xe2\x82\xacq";
	static const size_t fits[] = {0, 1, 2, 2, 4, 4, 4, 7, 7, 7, 7, 11, 12, 12, 12, 15, 16};
	struct json_string s;
	for (size_t keep = 0; keep < sizeof fits / sizeof *fits; keep++)
		for (size_t at = 0; at < sizeof in; at++) {
			assert_true(read_split(&s, slice_of(in, sizeof in - 1), at, keep));
			assert_true(slice_eq(json_string_text(&s), slice_of(want, fits[keep])));
			if (keep)
				assert_int_equal(s.cut, keep < sizeof want - 1);
		}
}

static void test_broken(void **state)
{
	(void)state;
	struct json_string s;
	size_t used;
	for (int c = 0; c < 0x20; c++) {
		char in[] = {'a', (char)c, '"'};
		json_string_begin(&s, 4);
		assert_int_equal(json_string_feed(&s, slice_of(in, 3), &used), JSON_STRING_BROKEN);
		assert_int_equal(used, 1);
	}
	/* Wherever it stands in a run that is crossed eight bytes at a time. */
	for (int c = 0; c < 0x20; c++)
		for (size_t at = 0; at < 24; at++) {
			char in[24];
			memset(in, 0x7f, sizeof in);
			in[at] = (char)c;
			json_string_begin(&s, 4);
			assert_int_equal(json_string_feed(&s, slice_of(in, sizeof in), &used), JSON_STRING_BROKEN);
			assert_int_equal(used, at);
		}
	for (int c = 0; c < 256; c++) {
		char in[] = {'\\', (char)c};
		bool good = c && strchr("\"\\/bfnrtu", c);
		json_string_begin(&s, 4);
		assert_int_equal(json_string_feed(&s, slice_of(in, 2), &used),
				 good ? JSON_STRING_OPEN : JSON_STRING_BROKEN);
		assert_int_equal(used, good ? 2 : 1);
		char hex[] = {'\\', 'u', '0', (char)c};
		good = c && strchr("0123456789abcdefABCDEF", c);
		json_string_begin(&s, 4);
		assert_int_equal(json_string_feed(&s, slice_of(hex, 4), &used),
				 good ? JSON_STRING_OPEN : JSON_STRING_BROKEN);
		assert_int_equal(used, good ? 4 : 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_invalid_utf8),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
