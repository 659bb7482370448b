#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "rfc3339.h"

static void test_right_ones(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
		bool date_only;
	} cases[] = {
		{"1970-01-01", 0, true},
		{"1970-01-01T00:00:00Z", 0, false},
		{"2000-02-29", INT64_C(951782400) * 1000000000, true},
		{"2026-11-22T10:00:00Z", INT64_C(1795341600) * 1000000000, false},
		{"2026-11-22t10:00:00z", INT64_C(1795341600) * 1000000000, false},
		{"2026-11-22T12:30:00+02:30", INT64_C(1795341600) * 1000000000, false},
		{"2026-11-21T23:00:00-11:00", INT64_C(1795341600) * 1000000000, false},
		{"2026-11-22T10:00:00.25Z", INT64_C(1795341600) * 1000000000 + 250000000, false},
		{"2026-11-22T10:00:00.1234567899Z", INT64_C(1795341600) * 1000000000 + 123456789, false},
		{"2016-12-31T23:59:60Z", INT64_C(1483228800) * 1000000000, false},
		{"2261-12-31T23:59:59-23:59", INT64_C(9214732740) * 1000000000 - 1000000000, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ns = -1;
		bool date_only = !cases[i].date_only;
		if (!rfc3339_parse(slice_str(cases[i].text), &ns, &date_only) || ns != cases[i].ns ||
		    date_only != cases[i].date_only)
			fail_msg("%s: %lld", cases[i].text, (long long)ns);
	}
}

static void test_wrong_ones(void **state)
{
	static const char *const cases[] = {
		"", "2026", "2026-11", "2026-1-22", "2026-11-2", "26-11-22", "2026-13-01", "2026-00-01", "2026-11-31", "2026-11-00",
		"2027-02-29", "2100-02-29", "1969-12-31", "2262-01-01", "9999-12-31", "2026-11-22 ", " 2026-11-22", "2026/11/22",
		"2026-11-22T", "2026-11-22T10:00Z", "2026-11-22T10:00:00", "2026-11-22 10:00:00Z", "2026-11-22T24:00:00Z",
		"2026-11-22T10:60:00Z", "2026-11-22T10:00:61Z", "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00Zx",
		"2026-11-22T10:00:00+2:00", "2026-11-22T10:00:00+0200", "2026-11-22T10:00:00+24:00", "2026-11-22T10:00:00+02:60",
		"1970-01-01T00:00:00+00:01", "+026-11-22", "2026-11-22T-1:00:00Z",
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ns = 42;
		bool date_only;
		if (rfc3339_parse(slice_str(cases[i]), &ns, &date_only))
			fail_msg("accepted: %s", cases[i]);
		assert_true(ns == 42);
	}
}

static void test_format_is_the_inverse(void **state)
{
	char text[RFC3339_TEXT];
	(void)state;
	for (int64_t day = 0; day < 84000; day += 13) { /* to the year 2199: every leap rule */
		int64_t ns = day * 86400 * INT64_C(1000000000) + INT64_C(12345) * 1000000000, back;
		bool date_only;
		rfc3339_format(ns, text);
		assert_true(rfc3339_parse(slice_str(text), &back, &date_only));
		assert_true(back == ns);
	}
	rfc3339_format(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_ones),
		cmocka_unit_test(test_wrong_ones),
		cmocka_unit_test(test_format_is_the_inverse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
