/* Held against jansson: whatever is accepted must be the very tree that jansson makes, and everything that jansson refuses must be refused. */
#include "jsonplain.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "json/failing_malloc.h"

/* True if it was accepted. The texts of both trees are compared too: they show the order of the members. */
static bool agrees(const char *text, size_t n)
{
	json_t *ours = jsonplain_read(text, n);
	json_t *theirs = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	bool accepted = ours;
	if (ours) {
		assert_non_null(theirs);
		assert_true(json_equal(ours, theirs));
		char *a = json_dumps(ours, 0), *b = json_dumps(theirs, 0);
		assert_non_null(a);
		assert_string_equal(a, b);
		free(a);
		free(b);
	}
	json_decref(ours);
	json_decref(theirs);
	return accepted;
}

static void test_plain_texts(void **state)
{
	static const char *const plain[] = {
		"{}", " [ ] \n", "{\"a\":1}", "{\"b\": [1, -2, 0, -0, 123456789], \"a\": {\"c\": null}}",
		"[true,false,null]", "[\"\", \"x\", \"\\\"\\\\\\/\\b\\f\\n\\r\\t\", \"a\\nb\"]", "[\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"]",
		"\t[\r\n\"\x7f\"]", "{\"\": 1}", "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", "[\"\\n\xc3\xa4\"]",
	};
	(void)state;
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		assert_true(agrees(plain[i], strlen(plain[i])));
}

static void test_what_is_not_plain(void **state)
{
	static const char *const other[] = {
		"", " ", "1", "\"x\"", "true", "{", "[", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1 \"b\":2}",
		"{} x", "[] []", "[01]", "[-]", "[-01]", "[1.5]", "[1e3]", "[1E3]", "[1234567890]", "[+1]", "[.5]", "[\"\\u0041\"]", "[\"\\x\"]", "[\"\\",
		"[\"\\\"]", "[\"a", "[\"\n\"]", "[\"\\n\n\"]", "[\"\xc3\x28\"]", "[\"\xed\xa0\x80\"]", "[\"\xf5\x80\x80\x80\"]", "[\"\\n\xff\"]", "[tru]", "[truex]",
		"[nul", "{\"a\":1,\"a\":1}", "{\"a\\n\":1}", "{\"\xc3\xa4\":1}", "\xef\xbb\xbf{}", "[1]\xc2\xa0", "/**/[]", "['a']",
		"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
		"{\"0123456789012345678901234567890123456789012345678901234567890123\":1}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		assert_false(agrees(other[i], strlen(other[i])));
	assert_false(agrees("[\"a\0b\"]", 7));
	assert_false(agrees("[]\0", 3));
	assert_false(agrees("[\0]", 3));
	assert_false(agrees("[\"\\\0\"]", 6));
}

static char *file_text(const char *path, size_t *ret_n)
{
	FILE *in = fopen(path, "rb");
	assert_non_null(in);
	char *text = malloc(1 << 20);
	assert_non_null(text);
	*ret_n = fread(text, 1, 1 << 20, in);
	fclose(in);
	return text;
}

/* What this is for: if one of them were not plain, a start would cost twice as much. */
static void test_our_signatures_are_plain(void **state)
{
	static const char *const names[] = {"behaviours", "clients", "headers", "hosts", "methods", "paths", "platforms"};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[512];
		size_t n;
		snprintf(path, sizeof path, "%s/signatures/%s.json", TEST_SOURCE_DIR, names[i]);
		char *text = file_text(path, &n);
		assert_true(agrees(text, n));
		free(text);
	}
}

/* Every cut, and every byte changed to what JSON is made of, of a text that has everything. */
static void test_mistakes_of_one_byte(void **state)
{
	static const char text[] = "{\"a\": [1, -20, \"x\\ny\xc3\xa4\", {}], \"b\": {\"c\": true, \"d\": null, \"e\": []}, \"f\": false}";
	static const char bytes[] = "{}[]\",:\\u \n0-.eatn\x01\x80\xc3\xff";
	size_t n = sizeof text - 1, accepted = 0;
	(void)state;
	for (size_t i = 0; i <= n; i++) {
		char *cut = malloc(i + 1); /* its own size: a sanitizer sees a byte too far */
		memcpy(cut, text, i);
		accepted += agrees(cut, i);
		for (size_t k = 0; i && k < sizeof bytes; k++) {
			char *one = malloc(n);
			memcpy(one, text, n);
			one[i - 1] = bytes[k];
			agrees(one, n);
			free(one);
		}
		free(cut);
	}
	assert_int_equal(accepted, 1);
}

static void test_no_memory(void **state)
{
	static const char text[] = "{\"a\": [1, \"x\", \"\\n\", {\"b\": {}}], \"c\": \"\xc3\xa4\"}";
	(void)state;
#if FAILING_MALLOC
	json_decref(jsonplain_read(text, sizeof text - 1)); /* jansson's first table */
	for (long left = 0;; left++) {
		long alive = allocations_alive;
		allocations_left = left;
		json_t *root = jsonplain_read(text, sizeof text - 1);
		allocations_left = -1;
		bool whole = root;
		json_decref(root);
		assert_int_equal(allocations_alive, alive);
		if (whole)
			break;
		assert_true(left < 1000);
	}
#else
	(void)text;
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_texts),
		cmocka_unit_test(test_what_is_not_plain),
		cmocka_unit_test(test_our_signatures_are_plain),
		cmocka_unit_test(test_mistakes_of_one_byte),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
