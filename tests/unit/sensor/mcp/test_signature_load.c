#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signature_build.h"
#include "signature_set.h"
#include "json/failing_malloc.h"
#include <sys/stat.h>
#include <unistd.h>

/* ---- whole files ---- */

static void text_refused(const char *text, const char *expected)
{
	struct signature_loader l;
	signature_loader_init(&l);
	assert_int_equal(signature_loader_layer(&l), 0);
	assert_int_equal(signature_loader_text(&l, "f.json", text, strlen(text)), FAIL_CONFIG);
	if (!strstr(l.error, expected))
		fail_msg("%s\n says: %s\n not: %s", text, l.error, expected);
	signature_loader_done(&l);
}

static void test_the_root(void **state)
{
	(void)state;
	text_refused("", "f.json");
	text_refused("{\"version\":\"1\",\n\"set\":}", "f.json:2:");
	text_refused("[]", "f.json: ");
	text_refused("{\"set\":\"s\",\"signatures\":[]}", "version");
	text_refused("{\"version\":\"1\",\"signatures\":[]}", "set");
	text_refused("{\"version\":\"1\",\"set\":\"s\"}", "signatures");
	text_refused("{\"version\":\"1\",\"set\":\"s\",\"signatures\":{}}", "f.json: /signatures");
	text_refused("{\"version\":1,\"set\":\"s\",\"signatures\":[]}", "f.json: /version");
	text_refused("{\"version\":\"1\",\"set\":\"S\",\"signatures\":[]}", "f.json: /set: must be lower-case");
	text_refused("{\"version\":\"\",\"set\":\"s\",\"signatures\":[]}",
		     "f.json: /version: must have 1 to 32 characters");
	text_refused("{\"version\":\"1+2\",\"set\":\"s\",\"signatures\":[]}", "f.json: /version: must be lower-case");
	text_refused("{\"version\":\"123456789012345678901234567890123\",\"set\":\"s\",\"signatures\":[]}",
		     "1 to 32 characters");
	text_refused("{\"version\":\"1\",\"version\":\"1\",\"set\":\"s\",\"signatures\":[]}", "f.json:1:");
	text_refused("{\"version\":\"1\",\"set\":\"s\",\"signatures\":[],\"x\":1}", "x");
}

static void test_the_files_of_a_directory_agree(void **state)
{
	static const char *const second[] = {"{\"version\":\"1\",\"set\":\"t\",\"signatures\":[]}",
					     "{\"version\":\"2\",\"set\":\"s\",\"signatures\":[]}"};
	static const char *const expected[] = {"b.json: /set: \"t\", but \"s\" in a.json: one directory holds one set",
					       "b.json: /version: \"2\", but \"1\" in a.json"};
	const char *first = "{\"$schema\":\"x\",\"comment\":\"c\",\"version\":\"1\",\"set\":\"s\",\"signatures\":[]}";
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct signature_loader l;
		signature_loader_init(&l);
		assert_int_equal(signature_loader_layer(&l), 0);
		assert_int_equal(signature_loader_text(&l, "a.json", first, strlen(first)), 0);
		assert_int_equal(signature_loader_text(&l, "b.json", second[i], strlen(second[i])), FAIL_CONFIG);
		assert_string_equal(l.error, expected[i]);
		signature_loader_done(&l);
	}
}

/* ---- directories ---- */

static void put(const char *directory, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int load(const char *first, const char *second, struct signature_set **ret, char *error)
{
	const char *const both[] = {first, second};
	return signature_set_load(both, second ? 2 : 1, ret, error);
}

static void test_directories(void **state)
{
	static const char shipped[] = TEST_SOURCE_DIR "/signatures";
	char directory[] = "/tmp/test_signature_XXXXXX", path[300], error[SIGNATURE_ERROR_TEXT] = "";
	struct signature_set *s = NULL;
	(void)state;
	assert_non_null(mkdtemp(directory));
	assert_int_equal(signature_set_load(NULL, 0, &s, error), FAIL_CONFIG);
	assert_string_equal(error, "no signature directory is named");
	assert_int_equal(load(shipped, "/nonexistent\033[2J", &s, error), FAIL_IO);
	assert_string_equal(error, "/nonexistent\\x1b[2J: No such file or directory");
	assert_int_equal(load(shipped, directory, &s, error), FAIL_CONFIG);
	assert_non_null(strstr(error, "holds no signature file (*.json)"));

	put(directory, "b.json",
	    "{\"version\":\"3\",\"set\":\"site\",\"signatures\":[" HOST("site.h", "dedicated", "likely",
									"tools.acme.example") "]}");
	put(directory, ".hidden.json", "{");
	put(directory, "b.json~", "{");
	put(directory, "README", "{");
	assert_int_equal(load(shipped, directory, &s, error), 0);
	assert_string_equal(error, "");
	assert_string_equal(signature_set_version(s), "2026.11.22+site-3");
	assert_string_equal(id_of(signature_host(s, "tools.acme.example")), "site.h");
	assert_string_equal(id_of(signature_host(s, "mcp.stripe.com")), "host.mcp.stripe.com");
	signature_set_free(s);
	s = NULL;
	assert_int_equal(load(directory, NULL, &s, error), FAIL_CONFIG);
	assert_non_null(strstr(error, "no behaviour"));

	put(directory, "a.json", "{\"version\":\"3\",");
	assert_int_equal(load(shipped, directory, &s, error), FAIL_CONFIG);
	assert_non_null(strstr(error, "/a.json:1:"));
	assert_null(s);

	static const char *const names[] = {"a.json", "b.json", ".hidden.json", "b.json~", "README"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
}

static void test_what_is_shipped(void **state)
{
	struct signature_set *s = build_shipped();
	(void)state;
	assert_string_equal(signature_set_version(s), "2026.11.22");
	for (int k = 0; k < SIGNATURE_KINDS; k++) {
		assert_true(signature_set_count(s, (enum signature_kind)k) > 0);
		for (size_t i = 0; i < signature_set_count(s, (enum signature_kind)k); i++) {
			const struct signature *one = signature_set_at(s, (enum signature_kind)k, i);
			assert_int_equal(one->kind, k);
			assert_true(strlen(one->id) < LIMIT_SIGNATURE_ID && strlen(one->reason) < LIMIT_DETAIL);
			if (strchr(".!?", one->reason[strlen(one->reason) - 1]) == NULL)
				fail_msg("%s: the reason is no sentence: %s", one->id, one->reason);
		}
	}
	assert_int_equal(signature_behaviour(s, "mcp.jsonrpc.initialize")->confidence, CONFIDENCE_CONFIRMED);
	assert_int_equal(signature_behaviour(s, "sni.dedicated")->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(signature_behaviour(s, "sni.pattern")->confidence, CONFIDENCE_POSSIBLE);
	signature_set_free(s);
}

#if FAILING_MALLOC
/* Whichever allocation is the first to fail: an error comes back, and nothing stays behind. */
static void test_out_of_memory(void **state)
{
	const char *const all[] = {HOST("h", "dedicated", "likely", "mcp.a.example") "," PATH(
				       "p", "exact", "/mcp") "," BEHAVIOUR("mcp.x", "likely"),
				   HOST("h", "shared", "possible", "b.example") ",{\"id\":\"p\",\"disabled\":true}"};
	char text[2][1024];
	long before = allocations_alive;
	int failed = FAIL_MEMORY;
	(void)state;
	for (int i = 0; i < 2; i++)
		snprintf(text[i], sizeof text[i], "{\"version\":\"1\",\"set\":\"s%d\",\"signatures\":[%s]}", i, all[i]);
	for (long n = 0; failed; n++) {
		struct signature_loader l;
		struct signature_set *s = NULL;
		assert_true(n < 10000);
		signature_loader_init(&l);
		allocations_left = n;
		failed = 0;
		for (int i = 0; !failed && i < 2; i++) {
			failed = signature_loader_layer(&l);
			if (!failed)
				failed = signature_loader_text(&l, "x.json", text[i], strlen(text[i]));
		}
		if (!failed)
			failed = signature_loader_finish(&l, false, &s);
		allocations_left = -1;
		if (failed) {
			/* Inside jansson's parser a failed allocation looks like a syntax error; everywhere else we say
			 * it. */
			bool in_parser = failed == FAIL_CONFIG && strncmp(l.error, "x.json:1:", 9) == 0;
			assert_true(in_parser || (failed == FAIL_MEMORY && strstr(l.error, "out of memory")));
			assert_null(s);
		} else {
			assert_string_equal(id_of(signature_host(s, "b.example")), "h");
		}
		signature_set_free(s);
		signature_loader_done(&l);
		assert_int_equal(allocations_alive, before);
	}
}

/* The shipped files need thousands of allocations: every one near the ends, and a sample between. */
static void test_out_of_memory_with_files(void **state)
{
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	long before = allocations_alive;
	int failed = FAIL_MEMORY;
	(void)state;
	for (long n = 0; failed; n += n < 200 ? 1 : 997) {
		struct signature_set *s = NULL;
		char error[SIGNATURE_ERROR_TEXT];
		allocations_left = n;
		failed = signature_set_load(directories, 1, &s, error);
		allocations_left = -1;
		if (failed)
			assert_true(error[0] != '\0');
		signature_set_free(s);
		assert_int_equal(allocations_alive, before);
	}
}
#endif

/* No look-up allocates: they run once per connection and request. */
static void test_look_ups_do_not_allocate(void **state)
{
#if FAILING_MALLOC
	struct signature_set *s = build_shipped();
	(void)state;
	allocations_left = 0;
	const struct signature *found[] = {signature_host(s, "a.b.mcp.example.com"),
					   signature_host(s, "mcp.stripe.com"),
					   signature_path(s, SLICE_LITERAL("/a/b/c/mcp?x")),
					   signature_header(s, SLICE_LITERAL("mcp-param-x"), SLICE_LITERAL("1")),
					   signature_method(s, SLICE_LITERAL("tools/call")),
					   signature_user_agent(s, SLICE_LITERAL("node")),
					   signature_client(s, SLICE_LITERAL("x (via mcp-remote 1)")),
					   signature_ja4(s, "t13d5911h1_a33745022dd6_1f22a2ca17c4"),
					   signature_behaviour(s, "sse.endpoint")};
	allocations_left = -1;
	assert_null(found[0]);
	for (size_t i = 1; i < sizeof found / sizeof *found; i++)
		assert_non_null(found[i]);
	signature_set_free(s);
#else
	(void)state;
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_root),
		cmocka_unit_test(test_the_files_of_a_directory_agree),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_what_is_shipped),
#if FAILING_MALLOC
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_out_of_memory_with_files),
#endif
		cmocka_unit_test(test_look_ups_do_not_allocate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
