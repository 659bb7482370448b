#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http1_exchanges.h"
#include "limits.h"

static uint64_t push(struct http1_exchanges *x)
{
	uint64_t number;
	struct http1_exchange *e;
	http1_exchanges_push(x, &number, &e);
	assert_non_null(e);
	e->user = number * 7;
	return number;
}

static void test_order(void **state)
{
	(void)state;
	struct http1_exchanges x;
	uint64_t number;
	http1_exchanges_init(&x);
	assert_null(http1_exchanges_next(&x, &number));
	assert_int_equal(number, 0);
	for (uint64_t i = 1; i <= 20; i++)
		assert_int_equal(push(&x), i);
	for (uint64_t i = 1; i <= 20; i++) {
		assert_int_equal(http1_exchanges_next(&x, &number)->user, i * 7);
		assert_int_equal(number, i);
		http1_exchanges_answered(&x);
		http1_exchanges_done(&x, i, FROM_CLIENT);
		assert_non_null(http1_exchanges_get(&x, i));
		http1_exchanges_done(&x, i, FROM_SERVER);
		assert_null(http1_exchanges_get(&x, i));
	}
	assert_int_equal(x.cap, 0); /* what grew is given back */
	http1_exchanges_free(&x);
}

static void test_limit(void **state)
{
	(void)state;
	struct http1_exchanges x;
	uint64_t number;
	struct http1_exchange *e;
	http1_exchanges_init(&x);
	for (int i = 0; i < 10 * LIMIT_HTTP_PIPELINE; i++) {
		bool within = http1_exchanges_push(&x, &number, &e);
		assert_int_equal(within, i < LIMIT_HTTP_PIPELINE);
		http1_exchanges_done(&x, number, FROM_CLIENT);
	}
	assert_true(x.cap <= 2 * LIMIT_HTTP_PIPELINE);
	/* The forgotten ones keep their places: their answers are nobody's, and the next is the right one's. */
	for (int i = 0; i < 9 * LIMIT_HTTP_PIPELINE; i++) {
		assert_null(http1_exchanges_next(&x, &number));
		http1_exchanges_answered(&x);
	}
	assert_non_null(http1_exchanges_next(&x, &number));
	assert_int_equal(number, 9 * LIMIT_HTTP_PIPELINE + 1);
	http1_exchanges_free(&x);
}

static void test_drop_keeps_the_open_request(void **state)
{
	(void)state;
	struct http1_exchanges x;
	uint64_t number;
	http1_exchanges_init(&x);
	uint64_t first = push(&x), second = push(&x);
	http1_exchanges_done(&x, first, FROM_CLIENT);
	http1_exchanges_drop(&x);
	assert_null(http1_exchanges_next(&x, &number));
	assert_null(http1_exchanges_get(&x, first));
	assert_int_equal(http1_exchanges_get(&x, second)->user, second * 7);
	http1_exchanges_done(&x, second, FROM_CLIENT);
	assert_null(http1_exchanges_get(&x, second));
	assert_int_equal(push(&x), 3);
	http1_exchanges_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_drop_keeps_the_open_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
