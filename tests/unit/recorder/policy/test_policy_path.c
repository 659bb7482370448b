#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "policy_entry.h"

static void test_under(void **state)
{
	(void)state;
	assert_true(policy_path_under("/mcp", "/mcp"));
	assert_true(policy_path_under("/mcp", "/mcp/"));
	assert_true(policy_path_under("/mcp", "/mcp/x/y"));
	assert_false(policy_path_under("/mcp", "/mcpx"));
	assert_false(policy_path_under("/mcp", "/mcp.json"));
	assert_false(policy_path_under("/mcp", "/MCP"));
	assert_false(policy_path_under("/mcp", "/mc"));
	assert_false(policy_path_under("/mcp", "/"));
	assert_false(policy_path_under("/mcp", ""));
	assert_false(policy_path_under("/mcp", "/x/mcp"));
}

/* Path, ambiguous?, as a lenient server reads it. */
static const struct {
	const char *path;
	bool ambiguous;
	const char *plain;
} cases[] = {
	{"/", false, ""},
	{"/mcp", false, "/mcp"},
	{"/mcp/", false, "/mcp"},
	{"/.well-known/x", false, "/.well-known/x"},
	{"/a...b/..c/c..", false, "/a...b/..c/c.."},
	{"/caf%C3%A9", false, "/caf\xc3\xa9"},
	{"/mcp%", false, "/mcp%"},
	{"/mcp%2", false, "/mcp%2"},
	{"/mcp;v=1/x", false, "/mcp/x"},
	{"/..", true, ""},
	{"/.", true, ""},
	{"/a/./b", true, "/a/b"},
	{"/a/../mcp", true, "/mcp"},
	{"/../../mcp", true, "/mcp"},
	{"/a/b/../../../../mcp/x", true, "/mcp/x"},
	{"//mcp", true, "/mcp"},
	{"/a//b", true, "/a/b"},
	{"/mcp//", true, "/mcp"},
	{"/a/..;/mcp", true, "/mcp"},
	{"/a/..;x=1/mcp", true, "/mcp"},
	{"/;x/mcp", false, "/mcp"},
	{"/a\\..\\mcp", true, "/mcp"},
	{"/a/%2e%2e/mcp", true, "/mcp"},
	{"/a/%2E./mcp", true, "/mcp"},
	{"/a%2fmcp", true, "/a/mcp"},
	{"/a%5c..%5cmcp", true, "/mcp"},
	{"/%252e%252e/mcp", true, "/mcp"},
	{"/a/%25252e./mcp", true, "/mcp"},
	{"/mcp%00.js", true, "/mcp%00.js"},
	{"/a%3bx/mcp", true, "/a/mcp"},
	{"*", false, ""},
	{"mcp", false, ""},
	{"", false, ""},
};

static void test_ambiguous_and_plain(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char plain[LIMIT_PATH];
		if (policy_path_ambiguous(cases[i].path) != cases[i].ambiguous)
			fail_msg("%s: ambiguous should be %d", cases[i].path, cases[i].ambiguous);
		policy_path_plain(cases[i].path, plain);
		if (strcmp(plain, cases[i].plain) != 0)
			fail_msg("%s: %s instead of %s", cases[i].path, plain, cases[i].plain);
	}
}

static void test_a_path_that_may_be_cut_is_ambiguous(void **state)
{
	char path[LIMIT_PATH], plain[LIMIT_PATH];
	(void)state;
	memset(path, 'a', sizeof path);
	memcpy(path, "/mcp/", 5);
	path[LIMIT_PATH - 5] = '\0';
	assert_false(policy_path_ambiguous(path));
	path[LIMIT_PATH - 5] = 'a';
	path[LIMIT_PATH - 4] = '\0';
	assert_true(policy_path_ambiguous(path));
	path[LIMIT_PATH - 4] = 'a';
	path[LIMIT_PATH - 1] = '\0';
	policy_path_plain(path, plain);
	assert_string_equal(plain, path);
	memset(path, '/', LIMIT_PATH - 1);
	policy_path_plain(path, plain);
	assert_string_equal(plain, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_under),
		cmocka_unit_test(test_ambiguous_and_plain),
		cmocka_unit_test(test_a_path_that_may_be_cut_is_ambiguous),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
