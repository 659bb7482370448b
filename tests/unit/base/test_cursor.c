/* Reads past the end give zero and a cursor that stays bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cursor.h"

/* In memory that ends where the bytes end. */
static uint8_t *bytes(size_t n)
{
	uint8_t *p = malloc(n ? n : 1);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i + 1);
	return p;
}

static void test_reads(void **state)
{
	(void)state;
	uint8_t *p = bytes(10);
	struct cursor c = cursor_of(slice_of(p, 10));
	assert_int_equal(cursor_u8(&c), 1);
	assert_int_equal(cursor_be16(&c), 0x0203);
	assert_int_equal(cursor_be24(&c), 0x040506);
	assert_int_equal(cursor_be32(&c), 0x0708090a);
	assert_int_equal(cursor_left(&c), 0);
	assert_true(cursor_ok(&c));
	assert_int_equal(cursor_take(&c, 0).n, 0);
	assert_true(cursor_ok(&c));
	assert_int_equal(cursor_u8(&c), 0);
	assert_false(cursor_ok(&c));
	free(p);
}

static void test_bad_stays_bad(void **state)
{
	(void)state;
	for (size_t n = 0; n < 4; n++) {
		uint8_t *p = bytes(n);
		struct cursor c = cursor_of(slice_of(p, n));
		assert_true(cursor_be32(&c) == 0);
		assert_false(cursor_ok(&c));
		assert_int_equal(cursor_u8(&c), 0); /* though bytes are left */
		assert_int_equal(cursor_take(&c, 0).n, 0);
		assert_int_equal(cursor_vec8(&c).n, 0);
		assert_false(cursor_ok(&c));
		free(p);
	}
	struct cursor c = cursor_of(SLICE_LITERAL("abc"));
	cursor_skip(&c, SIZE_MAX);
	assert_false(cursor_ok(&c));
}

static void test_vectors(void **state)
{
	(void)state;
	struct cursor c = cursor_of(slice_of("\x02" "ab" "\x00\x03" "cde" "\x00", 9));
	assert_true(slice_eq_str(cursor_vec8(&c), "ab"));
	assert_true(slice_eq_str(cursor_vec16(&c), "cde"));
	assert_int_equal(cursor_vec8(&c).n, 0);
	assert_true(cursor_ok(&c));
	c = cursor_of(slice_of("\x03" "ab", 3)); /* claims more than there is */
	assert_int_equal(cursor_vec8(&c).n, 0);
	assert_false(cursor_ok(&c));
	c = cursor_of(slice_of("\xff\xff" "ab", 4));
	assert_int_equal(cursor_vec16(&c).n, 0);
	assert_false(cursor_ok(&c));
}

static void test_empty(void **state)
{
	(void)state;
	struct cursor c = cursor_of(slice_of(NULL, 0));
	assert_true(cursor_ok(&c));
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_be16(&c), 0);
	assert_false(cursor_ok(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_bad_stays_bad),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
