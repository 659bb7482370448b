/* Counters cross the channel whole; what an honest sensor would not send is refused whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "counters.h"
#include <stdio.h>

static struct counters counters, decoded;
static uint8_t bytes[COUNTERS_BYTES];

static void test_round_trip(void **state)
{
	(void)state;
	counters.n = 0;
	for (int i = 0; i < LIMIT_COUNTERS; i++)
		counters_set(&counters, UINT64_MAX - (uint64_t)i, "group-%d.name_%d", i % 7, i);
	counters_set(&counters, 1, "one.too-many");
	counters_set(&counters, 0, "group-0.name_0"); /* replaces */
	assert_int_equal(counters.n, LIMIT_COUNTERS);
	size_t n = counters_encode(&counters, bytes);
	assert_true(n <= sizeof bytes);
	assert_true(counters_decode(slice_of(bytes, n), &decoded));
	assert_int_equal(decoded.n, LIMIT_COUNTERS);
	for (size_t i = 0; i < decoded.n; i++) {
		assert_string_equal(decoded.items[i].name, counters.items[i].name);
		assert_true(decoded.items[i].value == counters.items[i].value);
	}
	assert_true(counters_get(&decoded, "group-1.name_1") == UINT64_MAX - 1);
	assert_true(counters_get(&decoded, "one.too-many") == 0);
}

static void test_name_is_cut(void **state)
{
	(void)state;
	char name[2 * LIMIT_COUNTER_NAME];
	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = 0;
	counters.n = 0;
	counters_set(&counters, 5, "%s", name);
	assert_int_equal(strlen(counters.items[0].name), LIMIT_COUNTER_NAME - 1);
	assert_true(counters_decode(slice_of(bytes, counters_encode(&counters, bytes)), &decoded));
	assert_int_equal(decoded.n, 1);
}

static void test_nothing(void **state)
{
	(void)state;
	decoded.n = 7;
	assert_true(counters_decode(slice_of("", 0), &decoded));
	assert_int_equal(decoded.n, 0);
}

static void test_every_cut_is_refused(void **state)
{
	(void)state;
	counters.n = 0;
	counters_set(&counters, 1, "a.b");
	counters_set(&counters, 2, "c");
	size_t n = counters_encode(&counters, bytes), first = 1 + 3 + 8;
	for (size_t cut = 1; cut < n; cut++) {
		uint8_t *exact = malloc(cut); /* of that size, so that a read past it is seen */
		assert_non_null(exact);
		memcpy(exact, bytes, cut);
		assert_int_equal(counters_decode(slice_of(exact, cut), &decoded), cut == first);
		assert_int_equal(decoded.n, cut == first);
		free(exact);
	}
}

static bool takes(const char *name, size_t n)
{
	uint8_t b[512] = {(uint8_t)n};
	memcpy(b + 1, name, n);
	bool ok = counters_decode(slice_of(b, 1 + n + 8), &decoded);
	assert_int_equal(decoded.n, ok);
	return ok;
}

static void test_names(void **state)
{
	(void)state;
	static const char *const bad[] = {"",   "A",  "a b", "a\"", "a\n",      "a\\",
					  ".a", "a.", ".",   "a{",  "\xc3\xa4", "a=1"};
	char longest[LIMIT_COUNTER_NAME];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (takes(bad[i], strlen(bad[i])))
			fail_msg("\"%s\" is taken", bad[i]);
	assert_false(takes("a\0b", 3));
	memset(longest, 'z', sizeof longest);
	assert_true(takes(longest, LIMIT_COUNTER_NAME - 1));
	assert_false(takes(longest, LIMIT_COUNTER_NAME));
	assert_true(takes("a-b_c.9", 7));
}

static void test_too_many_or_twice(void **state)
{
	(void)state;
	static uint8_t many[(LIMIT_COUNTERS + 1) * 16];
	size_t n = 0;
	for (int i = 0; i <= LIMIT_COUNTERS; i++) {
		char name[16];
		int length = snprintf(name, sizeof name, "n%d", i);
		many[n] = (uint8_t)length;
		memcpy(many + n + 1, name, (size_t)length);
		n += 1 + (size_t)length + 8;
	}
	assert_false(counters_decode(slice_of(many, n), &decoded));
	assert_int_equal(decoded.n, 0);
	static const uint8_t twice[] = "\1a\0\0\0\0\0\0\0\1\1a\0\0\0\0\0\0\0\2";
	assert_false(counters_decode(slice_of(twice, sizeof twice - 1), &decoded));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip), cmocka_unit_test(test_name_is_cut),
	    cmocka_unit_test(test_nothing),    cmocka_unit_test(test_every_cut_is_refused),
	    cmocka_unit_test(test_names),      cmocka_unit_test(test_too_many_or_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
