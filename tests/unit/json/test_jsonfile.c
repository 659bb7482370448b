#include "jsonfile.h"
#include "status.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "json/failing_malloc.h"

static json_t *parse(struct jsonfile *f, const char *text)
{
	return jsonfile_parse(f, "p.json", text, strlen(text));
}

static void test_syntax_errors_name_line_and_column(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "p.json:1:0: '[' or '{' expected near end of file"},
		{"{\n  \"a\": 1\n  \"b\": 2\n}", "p.json:3:5: '}' expected near '\"b\"'"},
		{"{\"a\": 1, \"a\": 2}", "p.json:1:12: duplicate object key near '\"a\"'"},
		{"{\"a\": \"\\u0000\"}", "p.json:1:14: a NUL character is not allowed"},
		{"[1] x", "p.json:1:5: end of file expected near 'x'"},
		{"\"alone\"", "p.json:1:7: '[' or '{' expected near '\"alone\"'"},
		{"{\"a\": 99999999999999999999}", "p.json:1:26: too big integer near '99999999999999999999'"},
		{"{\"a\": \"\x1b[31m\"}", "p.json:1:7: control character 0x1b near '\"'"},
		{"\xef\xbb\xbf{}", "p.json: begins with a byte order mark; save it as UTF-8 without one"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jsonfile f;
		assert_null(parse(&f, cases[i].text));
		assert_string_equal(f.error, cases[i].error);
		assert_int_equal(f.fail, FAIL_CONFIG);
	}
}

static void test_bad_utf8_and_raw_nul_are_refused(void **state)
{
	struct jsonfile f;
	(void)state;
	assert_null(parse(&f, "{\"a\": \"\xc3\x28\"}"));
	assert_string_equal(f.error, "p.json:1:7: unable to decode byte 0xc3 near '\"'");
	assert_null(jsonfile_parse(&f, "p.json", "{\"a\": \"x\0y\"}", 12));
	assert_non_null(strstr(f.error, "p.json:1:"));
	assert_null(jsonfile_parse(&f, "p.json", "{\"a\0b\": 1}", 10));
	assert_null(jsonfile_parse(&f, "p.json", "{}\0", 3));
}

static void test_members(void **state)
{
	static const char *const names[] = {"host", "port", "comment", NULL};
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"{\"x\": {\"host\": 1, \"port\": 2}}", ""},
		{"{\"x\": {\"hots\": 1}}", "p.json: /x/hots: unknown member; did you mean \"host\"?"},
		{"{\"x\": {\"PORT\": 1}}", "p.json: /x/PORT: unknown member; did you mean \"port\"?"},
		{"{\"x\": {\"color\": 1}}", "p.json: /x/color: unknown member; known here: host, port, comment"},
		{"{\"x\": {\"\": 1}}", "p.json: /x/: unknown member; known here: host, port, comment"},
		{"{\"x\": {\"a/b~c\": 1}}", "p.json: /x/a~1b~0c: unknown member; known here: host, port, comment"},
		{"{\"x\": {\"\\u001b[2J\": 1}}", "p.json: /x/\\x1b[2J: unknown member; known here: host, port, comment"},
		{"{\"x\": []}", "p.json: /x: must be an object, not an array"},
		{"{\"x\": null}", "p.json: /x: must be an object, not null"},
		{"{}", "p.json: /x: must be an object, not nothing"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct jsonfile f;
		struct jsonplace x = {NULL, "x", 0};
		json_t *root = parse(&f, cases[i].text);
		assert_non_null(root);
		assert_int_equal(jsonfile_members(&f, &x, json_object_get(root, "x"), names), cases[i].error[0] == '\0');
		assert_string_equal(f.error, cases[i].error);
		json_decref(root);
	}
}

static void test_a_long_key_is_cut(void **state)
{
	static const char *const names[] = {"host", NULL};
	char text[5000], wanted[200];
	struct jsonfile f;
	(void)state;
	snprintf(text, sizeof text, "{\"%04000d\": 1}", 7);
	json_t *root = parse(&f, text);
	assert_false(jsonfile_members(&f, NULL, root, names));
	snprintf(wanted, sizeof wanted, "p.json: /%064d...: unknown member; known here: host", 0);
	assert_string_equal(f.error, wanted);
	json_decref(root);
}

/* One reader at a time against one document; each error in full. */
static void test_typed_members(void **state)
{
	static const char *const colours[] = {"red", "green", NULL};
	struct jsonfile f;
	json_t *root = parse(&f, "{\"s\": \"red\", \"n\": 7, \"b\": true, \"a\": [], \"o\": {}, \"r\": 1.0, \"z\": null}");
	struct jsonplace list = {NULL, "approved", 0}, at = {&list, NULL, 3};
	const char *s = "before";
	const json_t *value = NULL;
	bool b = false;
	int64_t n = -5;
	int choice = -1;
	(void)state;
	assert_non_null(root);

#define FAILS(call, text) \
	do { \
		f.error[0] = '\0'; \
		assert_false(call); \
		assert_string_equal(f.error, "p.json: /approved/3" text); \
	} while (0)
	FAILS(jsonfile_string(&f, &at, root, "none", true, &s), ": \"none\" is missing");
	FAILS(jsonfile_string(&f, &at, root, "n", false, &s), "/n: must be a string, not a number");
	FAILS(jsonfile_string(&f, &at, root, "z", false, &s), "/z: must be a string, not null");
	FAILS(jsonfile_bool(&f, &at, root, "s", false, &b), "/s: must be true or false, not a string");
	FAILS(jsonfile_integer(&f, &at, root, "b", false, 1, 9, &n), "/b: must be a whole number, not a boolean");
	FAILS(jsonfile_integer(&f, &at, root, "r", false, 1, 9, &n),
	      "/r: must be a whole number without a decimal point or exponent");
	FAILS(jsonfile_integer(&f, &at, root, "n", false, 8, 9, &n), "/n: must be from 8 to 9, not 7");
	FAILS(jsonfile_integer(&f, &at, root, "n", false, 1, 6, &n), "/n: must be from 1 to 6, not 7");
	FAILS(jsonfile_array(&f, &at, root, "o", false, &value), "/o: must be an array, not an object");
	FAILS(jsonfile_object(&f, &at, root, "a", false, &value), "/a: must be an object, not an array");
	FAILS(jsonfile_choice(&f, &at, root, "n", false, colours, &choice), "/n: must be a string, not a number");
	FAILS(jsonfile_choice(&f, &at, root, "none", true, colours, &choice), ": \"none\" is missing");
#undef FAILS
	/* a failure leaves the result alone */
	assert_string_equal(s, "before");
	assert_int_equal(n, -5);
	assert_null(value);
	assert_int_equal(choice, -1);

	f.error[0] = '\0';
	assert_true(jsonfile_string(&f, &at, root, "none", false, &s));
	assert_string_equal(s, "before");
	assert_true(jsonfile_string(&f, &at, root, "s", true, &s));
	assert_string_equal(s, "red");
	assert_true(jsonfile_integer(&f, &at, root, "n", true, 7, 7, &n));
	assert_int_equal(n, 7);
	assert_true(jsonfile_bool(&f, &at, root, "b", true, &b));
	assert_true(b);
	assert_true(jsonfile_array(&f, &at, root, "a", true, &value));
	assert_ptr_equal(value, json_object_get(root, "a"));
	assert_true(jsonfile_object(&f, &at, root, "o", true, &value));
	assert_ptr_equal(value, json_object_get(root, "o"));
	assert_true(jsonfile_choice(&f, &at, root, "s", true, colours, &choice));
	assert_int_equal(choice, 0);
	assert_string_equal(f.error, "");
	json_decref(root);

	root = parse(&f, "{\"c\": \"blue\"}");
	assert_false(jsonfile_choice(&f, NULL, root, "c", true, colours, &choice));
	assert_string_equal(f.error, "p.json: /c: \"blue\" is none of \"red\", \"green\"");
	json_decref(root);
}

static void test_the_first_error_stays(void **state)
{
	struct jsonfile f = {.path = "p.json"};
	struct jsonplace at = {NULL, "a", 0};
	(void)state;
	assert_false(jsonfile_fail(&f, NULL, "first %d", 1));
	assert_false(jsonfile_fail(&f, &at, "second"));
	assert_string_equal(f.error, "p.json: first 1");
}

static void test_a_deep_place_keeps_its_end(void **state)
{
	struct jsonfile f = {.path = "p.json"};
	struct jsonplace places[300];
	(void)state;
	for (size_t i = 0; i < 300; i++)
		places[i] = (struct jsonplace){i ? &places[i - 1] : NULL, NULL, i};
	jsonfile_fail(&f, &places[299], "deep");
	assert_non_null(strstr(f.error, "p.json: .../"));
	assert_non_null(strstr(f.error, "/298/299: deep"));
}

static void test_files(void **state)
{
	struct jsonfile f;
	char path[] = "/tmp/test_jsonfile.XXXXXX";
	(void)state;
	assert_null(jsonfile_load(&f, "/nonexistent/policy.json"));
	assert_string_equal(f.error, "/nonexistent/policy.json: No such file or directory");
	assert_int_equal(f.fail, FAIL_IO);
	assert_null(jsonfile_load(&f, "/"));
	assert_string_equal(f.error, "/: Is a directory");
	assert_int_equal(f.fail, FAIL_IO);

	int fd = mkstemp(path);
	assert_true(fd >= 0);
	FILE *out = fdopen(fd, "w");
	fputs("{\"text\": \"", out);
	for (int i = 0; i < 200000; i++) /* larger than the first buffer */
		fputc('x', out);
	fputs("\"}", out);
	fclose(out);
	json_t *root = jsonfile_load(&f, path);
	assert_non_null(root);
	assert_string_equal(f.error, "");
	assert_int_equal(json_string_length(json_object_get(root, "text")), 200000);
	json_decref(root);

	assert_int_equal(truncate(path, (64 << 20) + 1), 0);
	assert_null(jsonfile_load(&f, path));
	assert_non_null(strstr(f.error, ": larger than 64 MiB"));
	assert_int_equal(f.fail, FAIL_CONFIG);
	unlink(path);
}

static void test_memory_failures_go_up(void **state)
{
	(void)state;
#if FAILING_MALLOC
	char path[] = "/tmp/test_jsonfile.XXXXXX";
	static const char text[] = "{\"version\": 1, \"list\": [{\"a\": \"b\"}, 2, 3.5, null, true]}";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	bool loaded = false;
	for (long n = 0; n < 200 && !loaded; n++) {
		struct jsonfile f;
		long before = allocations_alive;
		allocations_left = n;
		json_t *root = jsonfile_load(&f, path);
		allocations_left = -1;
		loaded = root != NULL;
		json_decref(root);
		assert_int_equal(allocations_alive, before);
		assert_true(loaded || f.error[0]);
		/* our own allocations come first; within a token jansson takes its failure for bad syntax */
		assert_true(loaded || f.fail == FAIL_MEMORY || (n > 2 && f.fail == FAIL_CONFIG));
	}
	unlink(path);
	assert_true(loaded);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax_errors_name_line_and_column),
		cmocka_unit_test(test_bad_utf8_and_raw_nul_are_refused),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_a_long_key_is_cut),
		cmocka_unit_test(test_typed_members),
		cmocka_unit_test(test_the_first_error_stays),
		cmocka_unit_test(test_a_deep_place_keeps_its_end),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_memory_failures_go_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
