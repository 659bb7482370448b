/* Origins: the server's own, a stranger's, and the one that a browser should have sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "mcp_origin.h"

#define CHROME "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\n"
#define FIREFOX "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0\n"

static const struct {
	const char *method, *authority, *fields;
	enum mcp_origin origin;
} cases[] = {
	{"POST", "mcp.example", "Origin: https://mcp.example\n", ORIGIN_OWN},
	{"POST", "MCP.example.:8080", "origin: http://mcp.EXAMPLE\n", ORIGIN_OWN},
	{"POST", "10.0.0.1:3001", "Origin: http://10.0.0.1:6274\n", ORIGIN_OWN},
	{"POST", "[::1]:3001", "Origin: http://localhost:6274\n", ORIGIN_OWN},
	{"POST", "127.0.0.1", "Origin: http://localhost\n", ORIGIN_OWN},
	{"POST", "localhost:3001", "Origin: https://evil.example\n", ORIGIN_FOREIGN},
	{"POST", "localhost:3001", "Origin: null\n", ORIGIN_FOREIGN},
	{"POST", "mcp.example", "Origin: http://localhost:3000\n", ORIGIN_FOREIGN},
	{"POST", "mcp.example", "Origin: https://mcp.example.evil.net\n", ORIGIN_FOREIGN},
	{"POST", "mcp.example", "Origin: https://evilmcp.example\n", ORIGIN_FOREIGN},
	{"POST", "mcp.example", "Origin: https://app.mcp.example\n", ORIGIN_FOREIGN},
	{"POST", "10.0.0.1", "Origin: http://10.0.0.2\n", ORIGIN_FOREIGN},
	{"POST", "10.0.0.1", "Origin: http://10.0.0.1.evil.example\n", ORIGIN_FOREIGN},
	{"POST", "localhost", "Origin: http://localhost.evil.example\n", ORIGIN_FOREIGN},
	{"POST", "mcp.example", "Origin: https://mcp.example https://evil.example\n", ORIGIN_FOREIGN},
	{"POST", "mcp.example", "Origin: https://\n", ORIGIN_FOREIGN},
	{"GET", "mcp.example", "Upgrade: websocket\nOrigin: https://evil.example\n", ORIGIN_FOREIGN},
	{"POST", "mcp.example", "Origin: https://mcp.example\nOrigin: https://evil.example\n", ORIGIN_FOREIGN},
	{"POST", "mcp.example", "Origin: https://evil.example\nOrigin: https://mcp.example\n", ORIGIN_FOREIGN},
	/* no page's origin, or nothing to hold it against */
	{"POST", "mcp.example", "Origin: vscode-file://vscode-app\n", ORIGIN_NONE},
	{"POST", "mcp.example", "Origin: chrome-extension://abcdef\n", ORIGIN_NONE},
	{"POST", "mcp.example", "Origin: \n", ORIGIN_NONE},
	{"POST", "", "Origin: https://mcp.example\n", ORIGIN_NONE},
	/* without one: clients that are no browsers */
	{"POST", "localhost", "", ORIGIN_NONE},
	{"POST", "localhost", "User-Agent: node\nSec-Fetch-Mode: cors\nAccept-Language: *\n", ORIGIN_NONE},
	{"POST", "localhost", "User-Agent: claude-code/2.1.0 (cli)\n", ORIGIN_NONE},
	{"POST", "localhost", "User-Agent: Mozilla/5.0 (compatible; Bot/1.0; +http://bot.example) AppleWebKit/1 Gecko/1\n", ORIGIN_NONE},
	{"POST", "localhost", "User-Agent: Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Electron/37.0 Safari/537.36\n", ORIGIN_NONE},
	{"POST", "localhost", "User-Agent: Mozilla/5.0\n", ORIGIN_NONE},
	/* ... and browsers */
	{"POST", "localhost", CHROME, ORIGIN_MISSING},
	{"POST", "localhost", FIREFOX, ORIGIN_MISSING},
	{"POST", "localhost", "Sec-Fetch-Site: cross-site\n", ORIGIN_MISSING},
	{"POST", "localhost", "sec-fetch-dest: empty\n", ORIGIN_MISSING},
	{"GET", "localhost", CHROME "Upgrade: websocket\n", ORIGIN_MISSING},
	{"GET", "localhost", CHROME "Sec-Fetch-Site: same-origin\n", ORIGIN_NONE},
	{"DELETE", "localhost", CHROME, ORIGIN_NONE},
	{"POST", "localhost", CHROME "Origin: http://localhost\n", ORIGIN_OWN},
};

static enum mcp_origin origin_of(size_t i, bool cut, bool lost)
{
	struct http_field list[8];
	struct http_head head = {.direction = FROM_CLIENT, .method = slice_str(cases[i].method), .fields = list,
	                         .fields_cut = cut, .fields_lost = lost};
	for (struct slice rest = slice_str(cases[i].fields); rest.n;) {
		struct slice line = slice_first(rest, slice_find(rest, '\n'));
		rest = slice_after(rest, line.n + 1);
		size_t colon = slice_find(line, ':');
		list[head.n_fields++] = (struct http_field){slice_first(line, colon), slice_trim(slice_after(line, colon + 1))};
	}
	return mcp_origin_of(&head, slice_str(cases[i].authority));
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum mcp_origin o = origin_of(i, false, false), want = cases[i].origin;
		if (o != want)
			fail_msg("%s to %s with %s: %d, not %d", cases[i].method, cases[i].authority, cases[i].fields, o, want);
		/* of a head that was not kept whole nothing is known to be missing; what is there is there */
		want = want == ORIGIN_MISSING ? ORIGIN_NONE : want;
		assert_true(origin_of(i, true, false) == want && origin_of(i, false, true) == want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
