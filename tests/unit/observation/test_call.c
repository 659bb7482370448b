/* Records of calls: what goes in comes out, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "call.h"

static struct call sample(void)
{
	return (struct call){.part = CALL_REQUEST, .from = FROM_SERVER, .time_ns = 1763800000123456789, .frame = 77, .exchange = 5, .session = 42,
	                     .id = UINT64_MAX, .bytes = 123456, .ordinal = 9, .method = "tools/call", .name = "caf\xc3\xa9"};
}

static uint8_t *encode(const struct call *c, size_t *n)
{
	uint8_t *bytes = call_encode(c, n);
	assert_non_null(bytes);
	assert_true(*n <= CALL_BYTES);
	struct connection_ref ref = {11, 22, 33, 44};
	record_ref_put(bytes, &ref);
	return bytes;
}

static void a_request_comes_out_as_it_went_in(void **state)
{
	struct call c = sample();
	struct call_box box;
	size_t n;
	(void)state;
	uint8_t *bytes = encode(&c, &n);
	assert_int_equal(record_kind_of(bytes, n), RECORD_CALL);
	assert_true(call_decode(bytes, n, &box));
	assert_int_equal(box.c.connection.connection_time_ns, 11);
	assert_int_equal(box.c.connection.authority_ordinal, 44);
	assert_int_equal(box.c.from, FROM_SERVER);
	assert_int_equal(box.c.time_ns, c.time_ns);
	assert_int_equal(box.c.frame, 77);
	assert_int_equal(box.c.exchange, 5);
	assert_int_equal(box.c.session, 42);
	assert_true(box.c.id == UINT64_MAX);
	assert_int_equal(box.c.bytes, 123456);
	assert_int_equal(box.c.ordinal, 9);
	assert_string_equal(box.c.method, "tools/call");
	assert_string_equal(box.c.name, c.name);
	free(bytes);
}

static void an_answer_comes_out_as_it_went_in(void **state)
{
	struct call c = {.part = CALL_ANSWER, .from = FROM_SERVER, .outcome = CALL_ERROR, .code = -32601, .status = 404};
	struct call end = {.part = CALL_EXCHANGE_END, .lost = true};
	struct call_box box;
	size_t n;
	(void)state;
	uint8_t *bytes = encode(&c, &n);
	assert_true(call_decode(bytes, n, &box));
	assert_int_equal(box.c.outcome, CALL_ERROR);
	assert_int_equal(box.c.code, -32601);
	assert_int_equal(box.c.status, 404);
	assert_false(box.c.lost);
	free(bytes);
	bytes = encode(&end, &n);
	assert_true(call_decode(bytes, n, &box));
	assert_true(box.c.lost);
	free(bytes);
}

static void a_cut_or_longer_record_is_refused(void **state)
{
	struct call c = sample();
	struct call_box box;
	size_t n;
	(void)state;
	uint8_t *bytes = encode(&c, &n);
	for (size_t i = 0; i < n; i++) {
		uint8_t *cut = malloc(i ? i : 1); /* of its own size: reading past it is seen */
		memcpy(cut, bytes, i);
		assert_false(call_decode(cut, i, &box));
		free(cut);
	}
	uint8_t *longer = calloc(1, n + 1);
	memcpy(longer, bytes, n);
	assert_false(call_decode(longer, n + 1, &box));
	free(longer);
	free(bytes);
}

enum { PART_AT = 4 + RECORD_REF_BYTES, TEXTS_AT = PART_AT + 4 + 8 * 7 + 4 + 2 };

static bool takes_with(size_t at, uint8_t value)
{
	struct call c = sample();
	struct call_box box;
	size_t n;
	uint8_t *bytes = encode(&c, &n);
	bytes[at] = value;
	bool takes = call_decode(bytes, n, &box);
	free(bytes);
	return takes;
}

static void values_out_of_range_are_refused(void **state)
{
	(void)state;
	assert_true(takes_with(PART_AT, CALL_REQUEST));
	assert_false(takes_with(3, 2));                        /* another version */
	assert_false(takes_with(PART_AT, CALL_PART_COUNT));
	assert_false(takes_with(PART_AT, CALL_ANSWER));        /* an answer has no method */
	assert_false(takes_with(PART_AT + 1, 2));
	assert_false(takes_with(PART_AT + 2, CALL_CANCELLED)); /* nobody answers that */
	assert_false(takes_with(PART_AT + 3, 2));
	assert_false(takes_with(TEXTS_AT - 1, 0x7f));          /* no such status */
	assert_false(takes_with(TEXTS_AT + 1, 0xff));          /* longer than any method */
	assert_false(takes_with(TEXTS_AT + 2, 0));             /* a NUL in a text */
	assert_false(takes_with(TEXTS_AT + 2, 0xff));          /* no UTF-8 */
}

static void each_outcome_has_a_name(void **state)
{
	(void)state;
	for (int a = 0; a < CALL_OUTCOME_COUNT; a++) {
		assert_non_null(call_outcome_name(a));
		for (int b = 0; b < a; b++)
			assert_string_not_equal(call_outcome_name(a), call_outcome_name(b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_out_as_it_went_in), cmocka_unit_test(an_answer_comes_out_as_it_went_in),
		cmocka_unit_test(a_cut_or_longer_record_is_refused), cmocka_unit_test(values_out_of_range_are_refused),
		cmocka_unit_test(each_outcome_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
