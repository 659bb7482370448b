/* What of a resource's URI may be recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "resource_uri.h"

static void test_what_stays(void **state)
{
	static const struct { const char *uri, *plain, *of_template; } cases[] = {
		{"file:///etc/hosts", NULL, NULL}, {"note://a/b@c", NULL, NULL}, {"plain", NULL, NULL}, {"", NULL, NULL},
		{"https://h/a?token=x", "https://h/a", "https://h/a"}, {"https://h/a#x?y", "https://h/a", "https://h/a"},
		{"postgres://user:pass@h:5432/db", "postgres://h:5432/db", "postgres://h:5432/db"},
		{"postgres://user:p@ss@h/db", "postgres://h/db", "postgres://h/db"}, {"ftp://u@h", "ftp://h", "ftp://h"},
		{"x://u:p@", "x://", "x://"}, {"x://h?a=://u@b", "x://h", "x://h"},
		{"data:text/plain,secret", "data:", "data:"}, {"DATA:,s", "DATA:", "DATA:"},
		{"https://h/{id}{?a,b}", "https://h/{id}{", "https://h/{id}{?a,b}"}, {"{?a}#f", "{", "{?a}"}};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int is_template = 0; is_template < 2; is_template++) {
			const char *expect = is_template ? cases[i].of_template : cases[i].plain;
			char out[64];
			bool all = resource_uri_plain(slice_str(cases[i].uri), is_template, out, sizeof out);
			assert_string_equal(out, expect ? expect : cases[i].uri);
			assert_int_equal(all, strcmp(out, cases[i].uri) == 0);
		}
}

/* Cut to every size: never a byte of what is left out, never one past the end. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t cap = 1; cap < 24; cap++) {
		char out[32];
		memset(out, 'x', sizeof out);
		resource_uri_plain(slice_str("ab://u:SECRET@host/path?SECRET"), false, out, cap);
		assert_true(strlen(out) < cap);
		assert_memory_equal(out, "ab://host/path", strlen(out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_stays), cmocka_unit_test(test_cut)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
