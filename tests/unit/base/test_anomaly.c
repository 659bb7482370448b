/* The names of anomalies are part of the output: each has one, of its own, and in one style. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "anomaly.h"

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < ANOMALY_COUNT; i++) {
		const char *name = anomaly_name((enum anomaly)i);
		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(name));
		assert_string_not_equal(name, "unknown");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, anomaly_name((enum anomaly)k));
	}
	assert_string_equal(anomaly_name(ANOMALY_COUNT), "unknown");
}

static void test_add(void **state)
{
	(void)state;
	struct anomaly_counts a = {{0}}, b = {{0}};
	for (int i = 0; i < ANOMALY_COUNT; i++)
		for (int k = 0; k <= i; k++)
			anomaly_count(k & 1 ? &a : &b, (enum anomaly)i);
	anomaly_add(&a, &b);
	for (int i = 0; i < ANOMALY_COUNT; i++)
		assert_int_equal(a.n[i], i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_add),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
