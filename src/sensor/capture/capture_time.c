#include "capture_time.h"

#include "frame.h"

/* clang-format off */
static const uint64_t ten_to[] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
	1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
	1000000000000000000, 10000000000000000000u,
};
/* clang-format on */
#define TEN_TO_LAST 19

static void split_decimal(uint64_t ticks, unsigned power, uint64_t *ret_s, uint64_t *ret_ns)
{
	/* Finer than 64 bits of ticks can fill a second with: all of it is a fraction. */
	uint64_t s = power <= TEN_TO_LAST ? ticks / ten_to[power] : 0;
	uint64_t fraction = power <= TEN_TO_LAST ? ticks % ten_to[power] : ticks;
	*ret_s = s;
	if (power <= 9)
		*ret_ns = fraction * ten_to[9 - power];
	else
		*ret_ns = power - 9 <= TEN_TO_LAST ? fraction / ten_to[power - 9] : 0;
}

static void split_binary(uint64_t ticks, unsigned power, uint64_t *ret_s, uint64_t *ret_ns)
{
	uint64_t s = power < 64 ? ticks >> power : 0;
	uint64_t fraction = power < 64 ? ticks & ((UINT64_C(1) << power) - 1) : ticks;
	/* 34 bits of fraction are the most that 10^9 can be multiplied with; the rest is below a nanosecond. */
	if (power > 34) {
		fraction = power - 34 < 64 ? fraction >> (power - 34) : 0;
		power = 34;
	}
	*ret_s = s;
	*ret_ns = fraction * (uint64_t)NS_PER_SEC >> power;
}

int64_t capture_time_ns(uint64_t ticks, uint8_t tsresol, int64_t offset_s)
{
	uint64_t s, ns;
	if (tsresol & 0x80)
		split_binary(ticks, tsresol & 0x7f, &s, &ns);
	else
		split_decimal(ticks, tsresol, &s, &ns);
	if (s >= (uint64_t)CAPTURE_TIME_MAX_S || offset_s >= CAPTURE_TIME_MAX_S - (int64_t)s)
		return CAPTURE_TIME_MAX_S * NS_PER_SEC;
	if (offset_s < -(int64_t)s)
		return 0;
	return ((int64_t)s + offset_s) * NS_PER_SEC + (int64_t)ns;
}
