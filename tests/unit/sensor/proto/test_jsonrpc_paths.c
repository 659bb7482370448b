/* jsonrpc_paths.c against a second list of the same paths: each member is found where it should be and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "jsonrpc_members.h"
#include "jsonrpc_paths.h"

/* Walks a path down from the message; NULL if it leaves the table. */
static const struct jsonrpc_path *walk(const char *path, unsigned *ret_depth)
{
	enum jsonrpc_node node = NODE_MESSAGE;
	const struct jsonrpc_path *row = NULL;
	*ret_depth = 1;
	for (const char *step = path; *step; (*ret_depth)++) {
		char key[64];
		size_t n = strcspn(step, ">");
		unsigned at = 0;
		snprintf(key, sizeof key, "%.*s", (int)n, step);
		/* A key that only starts as the table says. */
		if (key[n - 1] == '^')
			snprintf(key + n - 1, sizeof key - n + 1, "xyz");
		if (strcmp(key, "[]") == 0)
			row = jsonrpc_path_element(node);
		else
			row = jsonrpc_path_key(node, slice_str(key), false, &at);
		if (!row)
			return NULL;
		assert_true(at < JSONRPC_PATHS_PER_NODE);
		node = (enum jsonrpc_node)row->node;
		step += n + (step[n] == '>');
	}
	return row;
}

static void test_every_path(void **state)
{
	(void)state;
	bool reached[JM_COUNT] = {false};
	for (size_t i = 0; i < MEMBERS; i++) {
		unsigned depth = 0;
		const struct jsonrpc_path *row = walk(members[i].path, &depth);
		assert_non_null(row);
		if (row->member != members[i].member)
			print_error("%s\n", members[i].path);
		assert_int_equal(row->member, members[i].member);
		/* One for the array of a batch; the deepest row is a value, not a level. */
		assert_true(depth <= JSONRPC_PATH_DEPTH);
		reached[members[i].member] = true;
	}
	for (int m = 0; m < JM_COUNT; m++)
		assert_true(reached[m]);
}

static void test_near_misses(void **state)
{
	(void)state;
	unsigned at;
	assert_null(jsonrpc_path_key(NODE_MESSAGE, SLICE_LITERAL("Method"), false, &at));
	assert_null(jsonrpc_path_key(NODE_MESSAGE, SLICE_LITERAL("metho"), false, &at));
	assert_null(jsonrpc_path_key(NODE_MESSAGE, SLICE_LITERAL("methods"), false, &at));
	assert_null(jsonrpc_path_key(NODE_MESSAGE, SLICE_LITERAL("method\0"), false, &at));
	assert_null(jsonrpc_path_key(NODE_MESSAGE, SLICE_LITERAL("method"), true, &at));
	assert_null(jsonrpc_path_key(NODE_MESSAGE, SLICE_LITERAL(""), false, &at));
	assert_null(jsonrpc_path_key(NODE_LEAF, SLICE_LITERAL("method"), false, &at));
	assert_null(jsonrpc_path_key(NODE_R_TOOLS, SLICE_LITERAL("name"), false, &at));
	assert_null(jsonrpc_path_key(NODE_P_META, SLICE_LITERAL("io.modelcontextprotocol"), false, &at));
	assert_null(jsonrpc_path_element(NODE_PARAMS));
	assert_null(jsonrpc_path_element(NODE_LEAF));
	assert_int_equal(jsonrpc_path_key(NODE_PARAMS, SLICE_LITERAL(""), false, &at)->member, JM_P_OTHER);
	assert_int_equal(jsonrpc_path_key(NODE_PARAMS, SLICE_LITERAL("name"), true, &at)->member, JM_P_OTHER);
	assert_int_equal(jsonrpc_path_key(NODE_P_META, SLICE_LITERAL(MCP "protocolVersion"), false, &at)->also,
			 JM_P_META_MCP);
	assert_int_equal(jsonrpc_path_key(NODE_P_META, SLICE_LITERAL(MCP "x"), true, &at)->member, JM_P_META_MCP);
}

static void test_has_keys(void **state)
{
	(void)state;
	assert_true(jsonrpc_path_has_keys(NODE_MESSAGE));
	assert_true(jsonrpc_path_has_keys(NODE_R_CONTENT));
	assert_false(jsonrpc_path_has_keys(NODE_R_TOOLS));
	assert_false(jsonrpc_path_has_keys(NODE_BATCH));
	assert_false(jsonrpc_path_has_keys(NODE_LEAF));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_path),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_has_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
