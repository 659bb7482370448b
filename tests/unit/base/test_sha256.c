/* sha256.c: the samples of FIPS 180-4 and of the crypto suites, at every split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sha256.h"
#include <stdio.h>
#include <stdlib.h>

static void expect(struct slice text, size_t split, const char *hex)
{
	struct sha256 s;
	uint8_t out[SHA256_BYTES];
	char got[2 * SHA256_BYTES + 1];
	sha256_init(&s);
	sha256_update(&s, slice_first(text, split));
	sha256_update(&s, slice_after(text, split));
	sha256_final(&s, out);
	for (int i = 0; i < SHA256_BYTES; i++)
		snprintf(got + 2 * i, 3, "%02x", out[i]);
	assert_string_equal(got, hex);
}

static void test_samples(void **state)
{
	(void)state;
	static const struct { const char *text, *hex; } samples[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		 "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"}};
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		for (size_t split = 0; split <= strlen(samples[i].text); split++)
			expect(slice_str(samples[i].text), split, samples[i].hex);
}

static void test_million(void **state)
{
	(void)state;
	uint8_t *a = malloc(1000000);
	assert_non_null(a);
	memset(a, 'a', 1000000);
	expect(slice_of(a, 1000000), 63, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_samples), cmocka_unit_test(test_million)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
