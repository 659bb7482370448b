/* Strangers' text: any bytes become valid UTF-8 within the cap, and cannot steer a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "text.h"

#define BAD "\xef\xbf\xbd"

static void test_utf8(void **state)
{
	(void)state;
	static const struct { const char *bytes; size_t length; } cases[] = {
		{"a", 1}, {"\x7f", 1}, {"\xc2\x80", 2}, {"\xdf\xbf", 2}, {"\xe0\xa0\x80", 3}, {"\xed\x9f\xbf", 3},
		{"\xee\x80\x80", 3}, {"\xf0\x90\x80\x80", 4}, {"\xf4\x8f\xbf\xbf", 4},
		{"\x80", 0}, {"\xbf", 0}, {"\xc0\x80", 0}, {"\xc1\xbf", 0}, {"\xe0\x9f\xbf", 0}, /* overlong */
		{"\xed\xa0\x80", 0}, {"\xed\xbf\xbf", 0},                                     /* surrogates */
		{"\xf0\x8f\xbf\xbf", 0}, {"\xf4\x90\x80\x80", 0}, {"\xf5\x80\x80\x80", 0}, {"\xff", 0},
		{"\xc2", 0}, {"\xe2\x82", 0}, {"\xf0\x9f\x98", 0}, {"\xc2" "a", 0}, {"\xe2\x82" "a", 0}, 
		{"\xf0\x9f\x98" "a", 0},
		{"", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (utf8_char_len(slice_str(cases[i].bytes)) != cases[i].length)
			fail_msg("case %zu", i);
}

static void test_copy(void **state)
{
	(void)state;
	static const struct { struct slice in; size_t cap; const char *out; bool whole; } cases[] = {
		{{(const uint8_t *)"abc", 3}, 4, "abc", true},
		{{(const uint8_t *)"abc", 3}, 3, "ab", false},
		{{(const uint8_t *)"abc", 3}, 1, "", false},
		{{(const uint8_t *)"", 0}, 1, "", true},
		{{NULL, 0}, 1, "", true},
		{{(const uint8_t *)"a\xe2\x82\xac", 4}, 5, "a\xe2\x82\xac", true},
		{{(const uint8_t *)"a\xe2\x82\xac", 4}, 4, "a", false}, /* ends at a character */
		{{(const uint8_t *)"a\xff" "b", 3}, 6, "a" BAD "b", true},
		{{(const uint8_t *)"a\xff" "b", 3}, 5, "a" BAD, false},
		{{(const uint8_t *)"a\0b", 3}, 16, "a" BAD "b", true},
		{{(const uint8_t *)"\xe2\x82", 2}, 16, BAD BAD, true},
		{{(const uint8_t *)"\xed\xa0\x80", 3}, 16, BAD BAD BAD, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *out = malloc(cases[i].cap); /* exactly: a sanitizer sees a byte too many */
		assert_true(text_copy(out, cases[i].cap, cases[i].in) == cases[i].whole);
		assert_string_equal(out, cases[i].out);
		free(out);
		out = text_dup(cases[i].in, cases[i].cap);
		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

static void test_copy_of_random_bytes_is_valid(void **state)
{
	(void)state;
	srand(11);
	for (int round = 0; round < 20000; round++) {
		uint8_t in[24];
		size_t n = (size_t)rand() % sizeof in, cap = 1 + (size_t)rand() % 40;
		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)("\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9 a\xed\xa0"[rand() % 13]);
		char *out = malloc(cap);
		text_copy(out, cap, slice_of(in, n));
		for (struct slice s = slice_str(out); s.n;) {
			size_t len = utf8_char_len(s);
			assert_true(len > 0);
			s = slice_after(s, len);
		}
		free(out);
	}
}

static void test_append(void **state)
{
	(void)state;
	char out[8];
	size_t n = 0;
	assert_true(text_append(out, sizeof out, &n, "%d-", 12));
	assert_true(text_append(out, sizeof out, &n, "%s", "abcd"));
	assert_int_equal(n, 7);
	assert_string_equal(out, "12-abcd");
	assert_false(text_append(out, sizeof out, &n, "e"));
	assert_int_equal(n, 7);
	assert_true(text_append(out, sizeof out, &n, "%s", ""));
	n = 3;
	assert_false(text_append(out, sizeof out, &n, "%s", "efghi"));
	assert_string_equal(out, "12-efgh");
	assert_int_equal(n, 7);
}

static void test_terminal(void **state)
{
	(void)state;
	static const struct { struct slice in; const char *out; } cases[] = {
		{{(const uint8_t *)"plain caf\xc3\xa9 \xe2\x82\xac", 15}, "plain caf\xc3\xa9 \xe2\x82\xac"},
		{{(const uint8_t *)"\x1b[2J", 4}, "\\x1b[2J"},
		{{(const uint8_t *)"a\r\nb\tc\0d\x7f", 9}, "a\\x0d\\x0ab\\x09c\\x00d\\x7f"},
		{{(const uint8_t *)"back\\slash", 10}, "back\\\\slash"},
		{{(const uint8_t *)"\xc2\x9b" "31m", 5}, "\\x9b31m"},                 /* C1: CSI */
		{{(const uint8_t *)"\xe2\x80\xae" "cod.exe", 10}, "\\u{202e}cod.exe"}, /* right-to-left override */
		{{(const uint8_t *)"\xe2\x80\x8b", 3}, "\\u{200b}"},
		{{(const uint8_t *)"\xe2\x81\xa6", 3}, "\\u{2066}"},
		{{(const uint8_t *)"\xef\xbb\xbf", 3}, "\\u{feff}"},
		{{(const uint8_t *)"\xf3\xa0\x81\x81", 4}, "\\u{e0041}"},             /* invisible tags */
		{{(const uint8_t *)"a\xef\xb8\x8f", 4}, "a\\u{fe0f}"},                /* a variation selector: 16 of them carry a text */
		{{(const uint8_t *)"\xe3\x85\xa4", 3}, "\\u{3164}"},                  /* a letter that is blank */
		{{(const uint8_t *)"\xe3\x85\xa3\xf0\x9f\x98\x80", 7}, "\xe3\x85\xa3\xf0\x9f\x98\x80"},
		{{(const uint8_t *)"\xff\xc3", 2}, "\\xff\\xc3"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char out[64];
		text_escape_terminal(out, sizeof out, cases[i].in);
		assert_string_equal(out, cases[i].out);
	}
	char out[6];
	text_escape_terminal(out, sizeof out, SLICE_LITERAL("ab\x1b"));
	assert_string_equal(out, "ab"); /* an escape is written whole or not at all */
	text_escape_terminal(out, 1, SLICE_LITERAL("ab"));
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_copy_of_random_bytes_is_valid),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
