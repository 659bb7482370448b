/* Pieces of a CRYPTO stream in any order, held against a flat array; what differs, what is too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "limits.h"
#include "quic_stream.h"

static uint8_t text[LIMIT_QUIC_CRYPTO + 64];

static int fill(void **state)
{
	(void)state;
	uint32_t r = 1;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)((r = r * 1664525 + 1013904223) >> 24);
	return 0;
}

static uint32_t random_below(uint32_t *r, uint32_t n)
{
	*r = *r * 1664525 + 1013904223;
	return (*r >> 8) % n;
}

static void test_any_order(void **state)
{
	(void)state;
	enum { N = 3000 };
	for (uint32_t seed = 1; seed < 60; seed++) {
		struct quic_stream s = {0};
		struct anomaly_counts a = {0};
		uint8_t here[N] = {0}, out[N];
		uint32_t r = seed, longest = 1 + random_below(&r, 900);
		size_t ready = 0;
		for (int round = 0; round < 2000 && ready < N; round++) {
			uint32_t at = random_below(&r, N), n = 1 + random_below(&r, longest);
			if (n > N - at)
				n = N - at;
			assert_int_equal(quic_stream_put(&s, at, slice_of(text + at, n), &a), 0);
			memset(here + at, 1, n);
			for (ready = 0; ready < N && here[ready];)
				ready++;
			assert_int_equal(quic_stream_ready(&s), ready);
			size_t held = 0;
			for (size_t i = 0; i < N; i++)
				held += here[i];
			assert_int_equal(s.kept_n, held); /* no byte twice */
		}
		quic_stream_copy(&s, out, ready);
		assert_memory_equal(out, text, ready);
		assert_int_equal(a.n[ANOMALY_QUIC_CRYPTO_CONFLICT] + a.n[ANOMALY_QUIC_CRYPTO_LIMIT], 0);
		quic_stream_done(&s);
	}
}

static void test_first_bytes_stand(void **state)
{
	(void)state;
	struct quic_stream s = {0};
	struct anomaly_counts a = {0};
	uint8_t out[8];
	quic_stream_put(&s, 2, SLICE_LITERAL("cd"), &a);
	quic_stream_put(&s, 0, SLICE_LITERAL("abXXef"), &a);
	assert_int_equal(a.n[ANOMALY_QUIC_CRYPTO_CONFLICT], 1);
	quic_stream_put(&s, 0, SLICE_LITERAL("abcdef"), &a);
	assert_int_equal(a.n[ANOMALY_QUIC_CRYPTO_CONFLICT], 1);
	assert_int_equal(quic_stream_ready(&s), 6);
	quic_stream_copy(&s, out, 6);
	assert_memory_equal(out, "abcdef", 6);
	quic_stream_done(&s);
}

static void test_limits(void **state)
{
	(void)state;
	struct quic_stream s = {0};
	struct anomaly_counts a = {0};
	/* offsets promise nothing: one byte costs one byte */
	quic_stream_put(&s, LIMIT_QUIC_CRYPTO - 1, SLICE_LITERAL("xy"), &a);
	assert_int_equal(a.n[ANOMALY_QUIC_CRYPTO_LIMIT], 1);
	assert_true(s.dropped);
	assert_int_equal(s.kept_n, 1);
	quic_stream_put(&s, UINT64_C(1) << 61, SLICE_LITERAL("x"), &a);
	assert_int_equal(a.n[ANOMALY_QUIC_CRYPTO_LIMIT], 2);
	for (uint32_t i = 0; i < 2 * LIMIT_QUIC_PIECES; i++)
		quic_stream_put(&s, 2 * i, slice_of(text + 2 * i, 1), &a);
	assert_int_equal(s.pieces_n, LIMIT_QUIC_PIECES);
	assert_int_equal(a.n[ANOMALY_QUIC_CRYPTO_LIMIT], 2 + LIMIT_QUIC_PIECES + 1);
	assert_true(quic_stream_memory(&s) < 64 * LIMIT_QUIC_PIECES);
	quic_stream_done(&s);
	/* in order, any number of crumbs is one piece, up to the cap */
	s = (struct quic_stream){0};
	for (uint32_t i = 0; i < sizeof text; i++)
		quic_stream_put(&s, i, slice_of(text + i, 1), &a);
	assert_int_equal(s.pieces_n, 1);
	assert_int_equal(quic_stream_ready(&s), LIMIT_QUIC_CRYPTO);
	assert_true(quic_stream_memory(&s) <= LIMIT_QUIC_CRYPTO + 1024);
	quic_stream_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_order),
	    cmocka_unit_test(test_first_bytes_stand),
	    cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, fill, NULL);
}
