#include "capture_build.h"

#include "capture_time.h"

#define BINARY 0x80
#define LATEST (CAPTURE_TIME_MAX_S * INT64_C(1000000000))

static void test_resolutions(void **state)
{
	(void)state;
	static const struct {
		uint64_t ticks;
		uint8_t tsresol;
		int64_t offset_s;
		int64_t ns;
	} cases[] = {
	    {1700000000, 0, 0, 1700000000000000000},
	    {17000000001, 1, 0, 1700000000100000000},
	    {1700000000123456, 6, 0, 1700000000123456000},
	    {1700000000123456789, 9, 0, 1700000000123456789},
	    {1700000000123456789, 10, 0, 170000000012345678}, /* rounds down */
	    {12345678901234567890u, 12, 0, 12345678901234567},
	    {12345678901234567890u, 18, 0, 12345678901},
	    {12345678901234567890u, 19, 0, 1234567890},
	    {12345678901234567890u, 20, 0, 123456789},
	    {12345678901234567890u, 28, 0, 1},
	    {UINT64_MAX, 29, 0, 0},
	    {UINT64_MAX, 127, 0, 0},
	    {5, BINARY | 0, 0, 5000000000},
	    {3, BINARY | 1, 0, 1500000000},
	    {(UINT64_C(1700000000) << 32) + 0x80000000u, BINARY | 32, 0, 1700000000500000000},
	    {(UINT64_C(7) << 34) + 1, BINARY | 34, 0, 7000000000},
	    {(UINT64_C(7) << 60) + (UINT64_C(1) << 59), BINARY | 60, 0, 7500000000},
	    {UINT64_C(1) << 63, BINARY | 64, 0, 500000000},
	    {UINT64_C(1) << 63, BINARY | 65, 0, 250000000},
	    {UINT64_MAX, BINARY | 97, 0, 0},
	    {UINT64_MAX, BINARY | 127, 0, 0},
	    /* offsets */
	    {500000, 6, 1700000000, 1700000000500000000},
	    {1700000000500000, 6, -700000000, 1000000000500000000},
	    {5500000, 6, -5, 500000000},
	    /* out of range: the nearest end, and no overflow */
	    {5500000, 6, -6, 0},
	    {0, 6, INT64_MIN, 0},
	    {0, 6, INT64_MAX, LATEST},
	    {UINT64_MAX, 0, 0, LATEST},
	    {UINT64_MAX, 0, INT64_MIN, LATEST},
	    {UINT64_MAX, BINARY, INT64_MAX, LATEST},
	    {(uint64_t)CAPTURE_TIME_MAX_S, 0, 0, LATEST},
	    {(uint64_t)CAPTURE_TIME_MAX_S - 1, 0, 0, LATEST - 1000000000},
	};
	for (size_t i = 0; i < ARRAY(cases); i++)
		if (capture_time_ns(cases[i].ticks, cases[i].tsresol, cases[i].offset_s) != cases[i].ns)
			fail_msg("case %zu: %lld, not %lld", i,
				 (long long)capture_time_ns(cases[i].ticks, cases[i].tsresol, cases[i].offset_s),
				 (long long)cases[i].ns);
}

/* Later ticks are never an earlier time, whatever the resolution. */
static void test_monotonic(void **state)
{
	(void)state;
	for (unsigned tsresol = 0; tsresol < 256; tsresol++) {
		int64_t last = -1;
		for (unsigned bit = 1; bit < 64; bit++)
			for (int delta = -1; delta <= 1; delta++) {
				int64_t ns = capture_time_ns((UINT64_C(1) << bit) + (uint64_t)(int64_t)delta,
							     (uint8_t)tsresol, 0);
				assert_true(ns >= 0 && ns <= LATEST);
				assert_true(ns >= last);
				last = ns;
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_resolutions),
	    cmocka_unit_test(test_monotonic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
