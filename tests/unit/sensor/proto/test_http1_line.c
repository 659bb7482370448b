#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http1.h"
#include "http1_line.h"

struct line {
	const char *bytes;
	enum direction d;
	bool like, sure;
};

static void test_looks_like(void **state)
{
	(void)state;
	static const struct line lines[] = {
		{"", FROM_CLIENT, true, false},
		{"\r\n", FROM_CLIENT, true, false},
		{"G", FROM_CLIENT, true, false},
		{"GET", FROM_CLIENT, true, false},
		{"GET ", FROM_CLIENT, true, false},
		{"GET /", FROM_CLIENT, true, true},
		{"\r\nGET /", FROM_CLIENT, true, true},
		{"POST /mcp HTTP/1.1\r\n", FROM_CLIENT, true, true},
		{"POST /mcp HTTP/2.0\r\n", FROM_CLIENT, false, true},
		{"POST /mcp\r\n", FROM_CLIENT, false, true},
		{"OPTIONS *", FROM_CLIENT, true, true},
		{"CONNECT a", FROM_CLIENT, true, true},
		{"CONNECT [", FROM_CLIENT, true, true},
		{"CONNECT /", FROM_CLIENT, false, true},
		{"GET ht", FROM_CLIENT, true, false},
		{"GET HTTPS:", FROM_CLIENT, true, true},
		{"OPTIONS rtsp:", FROM_CLIENT, false, true},
		{"OPTIONS sip:a SIP/2.0\r\n", FROM_CLIENT, false, true},
		{"VERSION-CONTROL /", FROM_CLIENT, true, true},
		{"UPDATEREDIRECTREF https:", FROM_CLIENT, true, true},
		{"UPDATE /", FROM_CLIENT, true, true},
		{"PRI * HTTP/2.0\r\n", FROM_CLIENT, false, true},
		{"get /", FROM_CLIENT, false, true},
		{"GETX /", FROM_CLIENT, false, true},
		{"GET\t/", FROM_CLIENT, false, true},
		{"\x16\x03\x01", FROM_CLIENT, false, true},
		{"HTTP/1.1 200 OK", FROM_CLIENT, false, true},
		{"HTTP/1", FROM_SERVER, true, false},
		{"HTTP/1.", FROM_SERVER, true, true},
		{"HTTP/2", FROM_SERVER, false, true},
		{"SSH-2.0", FROM_SERVER, false, true},
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		bool sure;
		bool like = http1_looks_like(slice_str(lines[i].bytes), lines[i].d, &sure);
		if (like != lines[i].like || sure != lines[i].sure)
			fail_msg("%s: like %d sure %d", lines[i].bytes, like, sure);
	}
}

static void test_line_complete(void **state)
{
	(void)state;
	assert_true(http1_line_complete(slice_str("GET / HTTP/1.1\r\nHost"), FROM_CLIENT));
	assert_true(http1_line_complete(slice_str("CONNECT a:443 HTTP/1.0\r\n"), FROM_CLIENT));
	assert_true(http1_line_complete(slice_str("HTTP/1.1 200 OK\r\n"), FROM_SERVER));
	assert_true(http1_line_complete(slice_str("HTTP/1.0 404\r\n"), FROM_SERVER));
	assert_false(http1_line_complete(slice_str("GET / HTTP/1.1"), FROM_CLIENT));
	assert_false(http1_line_complete(slice_str("GET / HTTP/1.1\n"), FROM_CLIENT));
	assert_false(http1_line_complete(slice_str("GET  / HTTP/1.1\r\n"), FROM_CLIENT));
	assert_false(http1_line_complete(slice_str("GET /a b HTTP/1.1\r\n"), FROM_CLIENT));
	assert_false(http1_line_complete(slice_str("GET /\x01 HTTP/1.1\r\n"), FROM_CLIENT));
	assert_false(http1_line_complete(slice_str("\r\nGET / HTTP/1.1\r\n"), FROM_CLIENT));
	assert_false(http1_line_complete(slice_str(" GET / HTTP/1.1\r\n"), FROM_CLIENT));
	assert_false(http1_line_complete(slice_str("HTTP/1.1 200 OK\r\n"), FROM_CLIENT));
	assert_false(http1_line_complete(slice_str("GET / HTTP/1.1\r\n"), FROM_SERVER));
	assert_false(http1_line_complete(slice_str("HTTP/1.1 999 x\r\n"), FROM_SERVER));
	assert_false(http1_line_complete(slice_str("HTTP/1.1 20x OK\r\n"), FROM_SERVER));
	assert_false(http1_line_complete(slice_str("HTTP/1.1\r\n"), FROM_SERVER));
	assert_false(http1_line_complete((struct slice){NULL, 0}, FROM_SERVER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_looks_like), cmocka_unit_test(test_line_complete)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
