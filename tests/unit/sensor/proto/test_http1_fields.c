#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http1_fields.h"

static void add(struct http1_fields *f, const char *name, const char *value)
{
	http1_fields_name(f, slice_str(name), true);
	http1_fields_value(f, slice_str(value), false);
}

static void test_pieces(void **state)
{
	(void)state;
	struct http1_fields f = {0};
	struct http_field out[LIMIT_HTTP_FIELDS];
	struct slice target;
	http1_fields_target(&f, slice_str("/a"));
	http1_fields_target(&f, slice_str("/b"));
	http1_fields_name(&f, slice_str("Ho"), true);
	http1_fields_name(&f, slice_str("st"), false);
	http1_fields_value(&f, slice_str("exa"), false);
	http1_fields_value(&f, slice_str("mple \t"), false);
	http1_fields_value(&f, slice_str(" \t"), true);
	http1_fields_value(&f, slice_str(" folded "), false);
	http1_fields_name(&f, slice_str("No-Value"), true);
	http1_fields_name(&f, slice_str("Last"), true);
	http1_fields_value(&f, slice_str("1"), false);
	assert_int_equal(http1_fields_list(&f, out, &target), 3);
	assert_true(slice_eq_str(target, "/a/b"));
	assert_true(slice_eq_str(out[0].name, "Host"));
	assert_true(slice_eq_str(out[0].value, "example folded"));
	assert_true(slice_eq_str(out[1].name, "No-Value"));
	assert_int_equal(out[1].value.n, 0);
	assert_true(slice_eq_str(out[2].value, "1"));
	assert_false(f.cut);

	struct http_head head = {.fields = out, .n_fields = 3};
	assert_true(slice_eq_str(http_field_value(&head, "HOST"), "example folded"));
	assert_non_null(http_field_value(&head, "no-value").p);
	assert_null(http_field_value(&head, "Absent").p);

	http1_fields_reset(&f);
	assert_int_equal(http1_fields_list(&f, out, &target), 0);
	assert_int_equal(target.n, 0);
	http1_fields_free(&f);
}

static void test_number_of_fields(void **state)
{
	(void)state;
	struct http1_fields f = {0};
	struct http_field out[LIMIT_HTTP_FIELDS];
	struct slice target;
	for (int i = 0; i < LIMIT_HTTP_FIELDS; i++)
		add(&f, "a", "b");
	assert_int_equal(http1_fields_list(&f, out, &target), LIMIT_HTTP_FIELDS);
	assert_false(f.cut);
	add(&f, "one", "more");
	assert_int_equal(http1_fields_list(&f, out, &target), LIMIT_HTTP_FIELDS);
	assert_true(f.cut);
	assert_true(slice_eq_str(out[LIMIT_HTTP_FIELDS - 1].name, "a"));
	http1_fields_free(&f);
}

/* At each byte of the bound: in a name, in a length, in a value. What is listed is whole. */
static void test_bytes_kept(void **state)
{
	(void)state;
	static uint8_t big[LIMIT_HTTP_HEADER_KEPT];
	memset(big, 'x', sizeof big);
	for (size_t room = 0; room < 16; room++) {
		struct http1_fields f = {0};
		struct http_field out[LIMIT_HTTP_FIELDS];
		struct slice target;
		size_t n = sizeof big - 4 - room; /* behind the target's two lengths */
		http1_fields_target(&f, slice_of(big, n));
		add(&f, "name", "value");
		uint32_t fields = http1_fields_list(&f, out, &target);
		assert_int_equal(target.n, n);
		assert_int_equal(fields, room >= 2 + 4 + 2 + 5);
		assert_int_equal(f.cut, room < 2 + 4 + 2 + 5);
		assert_true(f.cap <= LIMIT_HTTP_HEADER_KEPT);
		http1_fields_free(&f);
	}
	struct http1_fields f = {0};
	struct http_field out[LIMIT_HTTP_FIELDS];
	struct slice target;
	http1_fields_target(&f, slice_of(big, sizeof big));
	add(&f, "name", "value");
	assert_int_equal(http1_fields_list(&f, out, &target), 0);
	assert_int_equal(target.n, sizeof big - 4);
	assert_true(f.cut);
	http1_fields_reset(&f);
	assert_int_equal(f.cap, 0);
	http1_fields_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_number_of_fields),
		cmocka_unit_test(test_bytes_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
