/* The reference vectors of SipHash-2-4: key 00 01 .. 0f, message 00 01 .. n-1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "siphash.h"

static const struct hash_key reference = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

static void test_reference_vectors(void **state)
{
	(void)state;
	/* by length of the message, least significant byte first */
	static const uint8_t vectors[][8] = {
		{0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
		{0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d}, {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85},
		{0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf}, {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18},
		{0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb}, {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
		{0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}, {0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e},
		{0xf3, 0xb9, 0xdd, 0x94, 0xc5, 0xbb, 0x5d, 0x7a}, {0xa7, 0xad, 0x6b, 0x22, 0x46, 0x2f, 0xb3, 0xf4},
		{0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75}, {0x90, 0x3d, 0x84, 0xc0, 0x27, 0x56, 0xea, 0x14},
		{0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7}, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1},
		{0xdb, 0x9b, 0xc2, 0x57, 0x7f, 0xcc, 0x2a, 0x3f},
	};
	static const uint8_t vector_63[8] = {0x72, 0x45, 0x06, 0xeb, 0x4c, 0x32, 0x8a, 0x95};
	uint8_t message[64];
	for (size_t i = 0; i < sizeof message; i++)
		message[i] = (uint8_t)i;
	for (size_t n = 0; n < sizeof vectors / sizeof *vectors; n++) {
		uint64_t h = siphash(&reference, message, n);
		for (int i = 0; i < 8; i++)
			assert_int_equal((uint8_t)(h >> (8 * i)), vectors[n][i]);
	}
	uint64_t h = siphash(&reference, message, 63);
	for (int i = 0; i < 8; i++)
		assert_int_equal((uint8_t)(h >> (8 * i)), vector_63[i]);
}

static void test_unaligned_and_keyed(void **state)
{
	(void)state;
	uint8_t raw[40];
	memset(raw, 7, sizeof raw);
	uint64_t h = siphash(&reference, raw, 23);
	for (size_t at = 1; at < 9; at++)
		assert_true(siphash(&reference, raw + at, 23) == h);
	struct hash_key other = {reference.k0, reference.k1 ^ 1};
	assert_true(siphash(&other, raw, 23) != h);
}

/* Of the reference implementation with the rounds changed: the same message in whole words. */
static void test_words(void **state)
{
	(void)state;
	static const uint64_t expected[] = {
		0xabac0158050fc4dcULL,
		0x369095118d299a8eULL,
		0xcc4fdd1a7d908b66ULL,
		0xf464aeb267349c8cULL,
		0x81157b6c16a7b60dULL,
		0xc1d2363299e41531ULL,
	};
	uint64_t words[5];
	for (uint64_t i = 0; i < 5; i++)
		words[i] = UINT64_C(0x0706050403020100) + i * UINT64_C(0x0808080808080808);
	for (size_t n = 0; n < sizeof expected / sizeof *expected; n++)
		assert_true(siphash13_words(&reference, words, n) == expected[n]);
}

static void test_random_keys_differ(void **state)
{
	(void)state;
	struct hash_key a = {0, 0}, b = {0, 0};
	assert_true(hash_key_random(&a));
	assert_true(hash_key_random(&b));
	assert_true(a.k0 != b.k0 || a.k1 != b.k1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_vectors),
		cmocka_unit_test(test_unaligned_and_keyed),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_random_keys_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
