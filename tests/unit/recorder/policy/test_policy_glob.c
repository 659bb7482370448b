#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy_glob.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void test_what_matches(void **state)
{
	static const struct {
		const char *glob, *name;
		bool matches;
	} rows[] = {
	    {"read", "read", true},
	    {"read", "Read", false},
	    {"read", "reads", false},
	    {"read", "rea", false},
	    {"", "", true},
	    {"*", "", true},
	    {"*", "anything", true},
	    {"read_*", "read_", true},
	    {"read_*", "read_file", true},
	    {"read_*", "reread_x", false},
	    {"*_delete", "crm_delete", true},
	    {"*_delete", "crm_delete_", false},
	    {"*a*", "bab", true},
	    {"*a*", "bbb", false},
	    {"a*b*c", "aXbYc", true},
	    {"a*b*c", "abc", true},
	    {"a*b*c", "acb", false},
	    {"a**b", "ab", true},
	    {"*ab", "aab", true},
	    {"*aab", "aaab", true},
	    {"a?c", "abc", true},
	    {"a?c", "ac", false},
	    {"a?c",
	     "a\xc3\xbc"
	     "c",
	     true},
	    {"a??c",
	     "a\xc3\xbc"
	     "c",
	     false},
	    {"*?", "", false},
	    {"*?", "\xc3\xbc", true},
	    {"?*", "x", true},
	    {"?", "\xf0\x9f\x98\x80", true},
	    {"a\\*", "a*", true},
	    {"a\\*", "ab", false},
	    {"a\\?c", "a?c", true},
	    {"a\\?c", "abc", false},
	    {"a\\\\b", "a\\b", true},
	    {"[ab]", "a", false},
	    {"[ab]", "[ab]", true},
	    {"{a,b}", "a", false},
	    {"file:///x/*", "file:///x/y/z", true},
	    {"a.c", "abc", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (policy_glob_match(rows[i].glob, rows[i].name) != rows[i].matches)
			fail_msg("%s against %s", rows[i].glob, rows[i].name);
	assert_true(policy_glob_valid("a\\*b\\?\\\\"));
	assert_false(policy_glob_valid("a\\"));
	assert_false(policy_glob_valid("a\\b"));
	assert_int_equal(policy_glob_least("a*\\*?b"), 4);
}

static void test_what_covers(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool covers;
	} rows[] = {
	    {"*", "a*b", true},      {"a*", "ab*", true},     {"ab*", "a*", false},  {"*b", "a*b", true},
	    {"a?", "a*", false},     {"a*", "a?", true},      {"a?", "ab", true},    {"?", "?", true},
	    {"??*", "?*", false},    {"*x*", "axb", true},    {"a", "a", true},      {"a", "b", false},
	    {"a\\*", "a*", false},   {"a*", "a\\*", true},    {"a?", "a\\*", true},  {"?*", "*", false},
	    {"*_*", "read_*", true}, {"?", "\xc3\xbc", true}, {"*ab", "*aab", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (policy_glob_covers(rows[i].outer, rows[i].inner) != rows[i].covers)
			fail_msg("%s over %s", rows[i].outer, rows[i].inner);
}

static struct policy_globs list_of(const char *const *texts, size_t n)
{
	struct policy_globs g = {.items = calloc(n, sizeof *g.items), .n = n};
	assert_non_null(g.items);
	for (size_t i = 0; i < n; i++)
		g.items[i] = (struct policy_glob){.text = strdup(texts[i]), .order = i};
	assert_true(policy_globs_index(&g));
	return g;
}

/* A list finds a match exactly where asking each glob does: all globs over a few letters against all names over them.
 */
static void test_a_list_is_the_sum_of_its_globs(void **state)
{
	static const char letters[] = "ab*?\\";
	(void)state;
	srand(7);
	for (int round = 0; round < 3000; round++) {
		char texts[8][8];
		const char *list[8];
		size_t n = 0;
		while (n < 1u + (unsigned)rand() % 8) {
			size_t length = 1 + (size_t)rand() % 6;
			for (size_t i = 0; i < length; i++)
				texts[n][i] = letters[rand() % 5];
			texts[n][length] = '\0';
			list[n] = texts[n];
			n += policy_glob_valid(texts[n]);
		}
		struct policy_globs g = list_of(list, n);
		for (int name_round = 0; name_round < 20; name_round++) {
			char name[8];
			size_t length = (size_t)rand() % 7;
			for (size_t i = 0; i < length; i++)
				name[i] = "ab*"[rand() % 3];
			name[length] = '\0';
			bool any = false;
			for (size_t i = 0; i < n; i++)
				any |= policy_glob_match(list[i], name);
			const struct policy_glob *found = policy_globs_find(&g, name);
			assert_int_equal(any, found != NULL);
			assert_true(!found || policy_glob_match(found->text, name));
			for (size_t i = 0; i < n; i++)
				for (size_t o = 0; o < n; o++)
					if (policy_glob_covers(list[o], list[i]) && policy_glob_match(list[i], name))
						assert_true(policy_glob_match(list[o], name));
		}
		policy_globs_done(&g);
	}
}

/* 5,000 names, 2,500 heads, 2,500 tails and as many scans as are allowed, against 256 names: a policy is judged with
 * each change of an event. */
static void test_large_lists_are_fast(void **state)
{
	size_t n = 10000 + LIMIT_POLICY_SCAN;
	char(*texts)[32] = calloc(n, sizeof *texts);
	const char **list = calloc(n, sizeof *list);
	struct timespec from, to;
	(void)state;
	assert_true(texts && list);
	for (size_t i = 0; i < n; i++) {
		snprintf(texts[i], sizeof *texts,
			 i < 5000    ? "tool_%zu"
			 : i < 7500  ? "read_%zu_*"
			 : i < 10000 ? "*_%zu_write"
				     : "*x%zuy*",
			 i);
		list[i] = texts[i];
	}
	struct policy_globs g = list_of(list, n);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	size_t found = 0;
	for (int i = 0; i < 256; i++) {
		char name[64];
		snprintf(name, sizeof name, "some_long_name_of_a_tool_that_nobody_lists_%d", i);
		found += policy_globs_find(&g, name) != NULL;
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	long us = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
	print_message("256 names against %zu globs: %ld us\n", n, us);
	assert_int_equal(found, 0);
	assert_true(us < 1000000); /* 10 to 20 ms without sanitizers */
	assert_non_null(policy_globs_find(&g, "tool_4999"));
	assert_non_null(policy_globs_find(&g, "read_7499_x"));
	assert_non_null(policy_globs_find(&g, "x_9999_write"));
	assert_non_null(policy_globs_find(&g, "ax10500yb"));
	policy_globs_done(&g);
	free(list);
	free(texts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_matches),
	    cmocka_unit_test(test_what_covers),
	    cmocka_unit_test(test_a_list_is_the_sum_of_its_globs),
	    cmocka_unit_test(test_large_lists_are_fast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
