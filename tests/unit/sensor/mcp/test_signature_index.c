#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signature_build.h"
#include "signature_set.h"

/* A site's list may be long: each name is found, its neighbours are not, and the table stays half empty. */
static void test_many_hosts(void **state)
{
	enum { N = 20000 };
	size_t cap = (size_t)N * 160, n = 0;
	char *text = malloc(cap), name[64], id[32];
	(void)state;
	assert_non_null(text);
	for (int i = 0; i < N; i++)
		n += (size_t)snprintf(text + n, cap - n, "%s" HOST("h%d", "shared", "possible", "%s%d.example"),
				      i ? "," : "", i, i % 2 ? "*.s" : "h", i);
	struct signature_set *s = build(text);
	free(text);
	assert_true(s->host_mask + 1 >= 2 * (size_t)N);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "%s%d.example", i % 2 ? "x.s" : "h", i);
		snprintf(id, sizeof id, "h%d", i);
		assert_string_equal(id_of(signature_host(s, name)), id);
		snprintf(name, sizeof name, "%s%d.example", i % 2 ? "s" : "x.h", i);
		assert_string_equal(id_of(signature_host(s, name)), "(none)");
	}
	signature_set_free(s);
}

static void test_where_each_signature_goes(void **state)
{
	struct signature_set *s = build(
	    HOST("a", "shared", "possible", "a.example") "," HOST("b", "shared", "possible", "*.b.example") "," HOST(
		"c", "shared", "possible",
		"c*.example") "," HOST("d", "pattern", "possible",
				       "mcp.*") "," HOST("e", "pattern", "possible",
							 "mcp-*") "," PATH("f", "exact",
									   "/f") "," PATH("g", "prefix",
											  "/g") ","
												"{\"id\":\"v\","
												"\"kind\":\"header\","
												"\"confidence\":"
												"\"likely\","
												"\"pattern\":\"x-a\","
												"\"match\":\"exact\","
												"\"value\":\"1\"," WORDS
												"}");
	(void)state;
	assert_int_equal(s->n_exact[SIGNATURE_HOST], 0);
	assert_int_equal(s->n_scan[SIGNATURE_HOST], 3);
	assert_int_equal(s->n_globs, 1);
	assert_string_equal(s->scan[SIGNATURE_HOST][0]->id, "c");
	assert_string_equal(s->scan[SIGNATURE_HOST][1]->id, "d");
	assert_string_equal(s->scan[SIGNATURE_HOST][2]->id, "e");
	assert_int_equal(s->longest_suffix, strlen(".b.example"));
	assert_int_equal(s->n_exact[SIGNATURE_PATH], 1);
	assert_int_equal(s->n_scan[SIGNATURE_PATH], 1);
	assert_int_equal(s->n_exact[SIGNATURE_HEADER], 0); /* its value must be looked at */
	assert_int_equal(s->n_scan[SIGNATURE_HEADER], 1);
	signature_set_free(s);
}

/* Whatever the order in the file and the key of the hash: the same winner. */
static void test_ties_go_by_id(void **state)
{
	struct signature_set *s = build(HOST("z", "pattern", "possible", "*abc*") "," HOST(
	    "y", "pattern", "possible", "*bca*") "," HOST("x", "pattern", "possible", "*cab*"));
	(void)state;
	assert_string_equal(id_of(signature_host(s, "abcabc.example")), "x");
	signature_set_free(s);
}

static void test_discovery_comes_before_endpoints(void **state)
{
	struct signature_set *s = build(
	    PATH("end", "prefix",
		 "/mcp/a/very/long/prefix") ","
					    "{\"id\":\"card\",\"kind\":\"path\",\"confidence\":\"possible\","
					    "\"specificity\":\"medium\",\"role\":\"discovery\",\"match\":\"suffix\","
					    "\"pattern\":\"/card\"," WORDS "}");
	(void)state;
	assert_string_equal(id_of(signature_path(s, SLICE_LITERAL("/mcp/a/very/long/prefix/card"))), "card");
	assert_string_equal(id_of(signature_path(s, SLICE_LITERAL("/mcp/a/very/long/prefix/x"))), "end");
	signature_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_many_hosts),
	    cmocka_unit_test(test_where_each_signature_goes),
	    cmocka_unit_test(test_ties_go_by_id),
	    cmocka_unit_test(test_discovery_comes_before_endpoints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
