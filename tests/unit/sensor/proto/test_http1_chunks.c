#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http1_chunks.h"
#include "limits.h"

struct got {
	size_t n;
	char text[256];
};

static void take(void *context, struct slice piece)
{
	struct got *g = context;
	assert_true(g->n + piece.n < sizeof g->text);
	memcpy(g->text + g->n, piece.p, piece.n);
	g->n += piece.n;
}

static enum parse run(const char *bytes, size_t chunk, struct got *g, size_t *ret_used)
{
	struct http1_chunks c = {0};
	struct slice s = slice_str(bytes);
	enum parse status = PARSE_MORE;
	*g = (struct got){0};
	*ret_used = 0;
	while (s.n && status == PARSE_MORE) {
		size_t used;
		status = http1_chunks_feed(&c, slice_first(s, chunk), take, g, &used);
		*ret_used += used;
		s = slice_after(s, used);
	}
	return status;
}

static void test_cases(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		enum parse status;
		const char *text;
		size_t after; /* bytes left unread when done */
	} cases[] = {
		{"0\r\n\r\nGET", PARSE_DONE, "", 3},
		{"3\r\nabc\r\n0\r\n\r\n", PARSE_DONE, "abc", 0},
		{"3 \t\r\nabc\r\n0 ; x\r\n\r\n", PARSE_DONE, "abc", 0},
		{"3;a=\"\xff;\\\"\";b\r\nabc\r\n000\r\nA: b\r\nC:d\r\n\r\nx", PARSE_DONE, "abc", 1},
		{"fF", PARSE_MORE, "", 0},
		{"7fffffffffffffff\r\nab", PARSE_MORE, "ab", 0},
		{"ffffffffffffffff\r\nab", PARSE_MORE, "ab", 0},
		{"1ffffffffffffffff\r\nab", PARSE_BAD, "", 0},
		{"0000000000000000000001\r\nab", PARSE_BAD, "a", 0},
		{"3 3\r\nabc\r\n", PARSE_BAD, "", 0},
		{"3\nabc\r\n", PARSE_BAD, "", 0},
		{"3\rXabc\r\n", PARSE_BAD, "", 0},
		{"3\r\nabcX\n", PARSE_BAD, "abc", 0},
		{"3\r\nabc\rX", PARSE_BAD, "abc", 0},
		{"0\r\nA: b\n\r\n", PARSE_BAD, "", 0},
		{"0\r\n\rX", PARSE_BAD, "", 0},
		{" 3\r\nabc\r\n", PARSE_BAD, "", 0},
		{"\r\n", PARSE_BAD, "", 0},
		{"-1\r\n", PARSE_BAD, "", 0},
		{"3;\x01\r\n", PARSE_BAD, "", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t n = strlen(cases[i].bytes);
		for (size_t chunk = 1; chunk <= n; chunk++) {
			struct got g;
			size_t used;
			enum parse status = run(cases[i].bytes, chunk, &g, &used);
			if (status != cases[i].status || strcmp(g.text, cases[i].text) != 0)
				fail_msg("%s in chunks of %zu: %d %s", cases[i].bytes, chunk, (int)status, g.text);
			if (status == PARSE_DONE)
				assert_int_equal(n - used, cases[i].after);
		}
	}
}

static void test_pass(void **state)
{
	(void)state;
	struct http1_chunks c = {0};
	struct got g = {0};
	size_t used;
	assert_int_equal(http1_chunks_left(&c), 0);
	http1_chunks_feed(&c, slice_str("a\r\n0"), take, &g, &used);
	assert_int_equal(http1_chunks_left(&c), 9);
	http1_chunks_pass(&c, 4);
	assert_int_equal(http1_chunks_left(&c), 5);
	http1_chunks_pass(&c, 5);
	assert_int_equal(http1_chunks_left(&c), 0);
	assert_int_equal(http1_chunks_feed(&c, slice_str("\r\n1\r\nz\r\n0\r\n\r\n"), take, &g, &used), PARSE_DONE);
	assert_string_equal(g.text, "0z");
}

static void test_trailers_end(void **state)
{
	(void)state;
	struct http1_chunks c = {0};
	struct got g = {0};
	size_t used, lines = 0;
	enum parse status = http1_chunks_feed(&c, slice_str("0\r\n"), take, &g, &used);
	while (status == PARSE_MORE && lines < LIMIT_HTTP_HEADER_BYTES) {
		status = http1_chunks_feed(&c, slice_str("x: y\r\n"), take, &g, &used);
		lines++;
	}
	assert_int_equal(status, PARSE_BAD);
	assert_true(lines < LIMIT_HTTP_HEADER_BYTES / 4);
	assert_int_equal(http1_chunks_feed(&c, slice_str("\r\n"), take, &g, &used), PARSE_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_trailers_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
