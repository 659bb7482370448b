#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signature_build.h"
#include "signature_set.h"

static struct signature_set *layers(const char *first, const char *second, const char *third)
{
	const char *const all[] = {first, second, third};
	struct signature_set *s = NULL;
	char error[SIGNATURE_ERROR_TEXT];
	if (build_layers(all, third ? 3 : second ? 2 : 1, &s, error))
		fail_msg("%s", error);
	return s;
}

static void layers_refused(const char *first, const char *second, const char *expected)
{
	const char *const all[] = {first, second};
	struct signature_set *s = NULL;
	char error[SIGNATURE_ERROR_TEXT];
	assert_int_equal(build_layers(all, second ? 2 : 1, &s, error), FAIL_CONFIG);
	assert_null(s);
	assert_string_equal(error, expected);
}

static void test_a_later_layer_overrides(void **state)
{
	struct signature_set *s = layers(
	    HOST("h", "dedicated", "likely", "mcp.a.example") "," HOST("k", "dedicated", "likely", "mcp.k.example"),
	    HOST("h", "shared", "possible", "b.example") "," HOST("n", "shared", "possible", "n.example"), NULL);
	(void)state;
	assert_string_equal(signature_set_version(s), "1.0+site1-2.0");
	assert_int_equal(signature_set_count(s, SIGNATURE_HOST), 3);
	assert_null(signature_host(s, "mcp.a.example"));
	assert_int_equal(signature_host(s, "b.example")->tier, HOST_SHARED);
	assert_string_equal(id_of(signature_host(s, "mcp.k.example")), "k");
	assert_string_equal(id_of(signature_host(s, "n.example")), "n");
	signature_set_free(s);
}

static void test_the_same_pattern_under_another_id(void **state)
{
	struct signature_set *s =
	    layers(HOST("h", "dedicated", "likely", "mcp.a.example") "," PATH("p", "exact", "/mcp"),
		   HOST("site", "ignored", "none", "mcp.a.example") "," PATH("site.p", "exact", "/MCP"), NULL);
	(void)state;
	assert_null(signature_host(s, "mcp.a.example"));
	assert_int_equal(signature_set_count(s, SIGNATURE_HOST), 1);
	assert_string_equal(id_of(signature_path(s, SLICE_LITERAL("/mcp"))), "site.p");
	signature_set_free(s);
	/* Not the same: another match, another kind. */
	s = layers(PATH("p", "exact", "/mcp") "," PATH("q", "suffix", "/mcp") "," NAMED(
		       "c", "client", "exact", "x") "," NAMED("u", "user-agent", "exact", "x"),
		   NULL, NULL);
	assert_int_equal(signature_set_count(s, SIGNATURE_PATH), 2);
	signature_set_free(s);
}

static void test_disabling(void **state)
{
	const char *h = HOST("h", "dedicated", "likely", "mcp.a.example"),
		   *off = "{\"id\":\"h\",\"disabled\":true,\"reason\":\"why\"}";
	struct signature_set *s = layers(h, off, NULL);
	(void)state;
	assert_null(signature_host(s, "mcp.a.example"));
	assert_int_equal(signature_set_count(s, SIGNATURE_HOST), 0);
	signature_set_free(s);

	s = layers(h, off, h);
	assert_non_null(signature_host(s, "mcp.a.example"));
	assert_string_equal(signature_set_version(s), "1.0+site1-2.0+site2-3.0");
	signature_set_free(s);

	/* Shipped disabled: listed in the file, in force only for who asks for it. */
	s = layers("{\"id\":\"w\",\"kind\":\"host\",\"confidence\":\"possible\",\"tier\":\"shared\",\"pattern\":\"*.w."
		   "example\",\"disabled\":true," WORDS "}",
		   NULL, NULL);
	assert_null(signature_host(s, "a.w.example"));
	signature_set_free(s);
	s = layers("{\"id\":\"w\",\"kind\":\"host\",\"confidence\":\"possible\",\"tier\":\"shared\",\"pattern\":\"*.w."
		   "example\",\"disabled\":true," WORDS "}",
		   HOST("w", "shared", "possible", "*.w.example"), NULL);
	assert_non_null(signature_host(s, "a.w.example"));
	signature_set_free(s);

	/* The code asks for behaviours by name: they stay, and weigh nothing. */
	s = layers(BEHAVIOUR("mcp.x", "confirmed"), "{\"id\":\"mcp.x\",\"disabled\":true}", NULL);
	assert_non_null(signature_behaviour(s, "mcp.x"));
	assert_int_equal(signature_behaviour(s, "mcp.x")->confidence, CONFIDENCE_NONE);
	signature_set_free(s);
}

static void test_what_layers_may_not_do(void **state)
{
	const char *h = HOST("h", "dedicated", "likely", "mcp.a.example");
	(void)state;
	layers_refused(HOST("h", "dedicated", "likely", "a.example") "," HOST("h", "dedicated", "likely", "b.example"),
		       NULL, "0.json: /signatures/1: h: the id is taken in the same directory by h (0.json)");
	layers_refused(HOST("h", "dedicated", "likely", "a.example") "," HOST("i", "dedicated", "likely", "a.example"),
		       NULL, "0.json: /signatures/1: i: the pattern is taken in the same directory by h (0.json)");
	layers_refused(h, BEHAVIOUR("h", "likely"), "1.json: /signatures/0: h: is of another kind than h (0.json)");
	layers_refused(h, "{\"id\":\"g\",\"disabled\":true}",
		       "1.json: /signatures/0: g: nothing to disable: no earlier directory has this id");
	layers_refused("{\"id\":\"g\",\"disabled\":true}", NULL,
		       "0.json: /signatures/0: g: nothing to disable: no earlier directory has this id");
}

static void test_the_code_needs_its_behaviours(void **state)
{
	struct signature_loader l;
	struct signature_set *s = NULL;
	const char *text = "{\"version\":\"1\",\"set\":\"site\",\"signatures\":[]}";
	(void)state;
	signature_loader_init(&l);
	assert_int_equal(signature_loader_layer(&l), 0);
	assert_int_equal(signature_loader_text(&l, "a.json", text, strlen(text)), 0);
	assert_int_equal(signature_loader_finish(&l, true, &s), FAIL_CONFIG);
	assert_non_null(strstr(l.error, "no behaviour \"mcp.jsonrpc.initialize\""));
	assert_null(s);
	l.error[0] = '\0';
	assert_int_equal(signature_loader_finish(&l, false, &s), 0);
	assert_string_equal(signature_set_version(s), "site-1"); /* a first set that is not ours is named */
	signature_set_free(s);
	signature_loader_done(&l);
}

static void test_caps(void **state)
{
	struct signature_loader l;
	struct signature_set *s = NULL;
	char error[SIGNATURE_ERROR_TEXT];
	(void)state;
	signature_loader_init(&l);
	for (int i = 0; i < LIMIT_SIGNATURE_DIRECTORIES; i++)
		assert_int_equal(signature_loader_layer(&l), 0);
	assert_int_equal(signature_loader_layer(&l), FAIL_CONFIG);
	assert_string_equal(l.error, "too many signature directories");
	signature_loader_done(&l);

	/* Hashed hosts do not count towards what is tried one by one; globs do. */
	size_t cap = 512 * 2100, n = 0;
	char *text = malloc(cap);
	assert_non_null(text);
	for (int kind = 0; kind < 2; kind++) {
		n = 0;
		for (int i = 0; i <= LIMIT_SIGNATURE_SCAN; i++)
			n += (size_t)snprintf(text + n, cap - n,
					      "%s" HOST("h%d", "shared", "possible", "%s%d.acme.example"), i ? "," : "",
					      i, kind ? "*-x" : "x", i);
		const char *const all[] = {text};
		int failed = build_layers(all, 1, &s, error);
		if (kind == 0) {
			assert_int_equal(failed, 0);
			assert_string_equal(id_of(signature_host(s, "x1234.acme.example")), "h1234");
			signature_set_free(s);
		} else {
			assert_int_equal(failed, FAIL_CONFIG);
			assert_string_equal(
			    error,
			    "more than 2000 host patterns that must be tried one by one (prefixes, globs, templates)");
		}
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_later_layer_overrides),
	    cmocka_unit_test(test_the_same_pattern_under_another_id),
	    cmocka_unit_test(test_disabling),
	    cmocka_unit_test(test_what_layers_may_not_do),
	    cmocka_unit_test(test_the_code_needs_its_behaviours),
	    cmocka_unit_test(test_caps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
