/* A configuration file's lines become names and values; whatever is wrong is told with its line; no bytes get further.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config_file.h"
#include "limits.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config_file file;
static char error[CONFIG_ERROR_TEXT];

static bool reads_bytes(const void *text, size_t n)
{
	char path[64];
	int fd = memfd_create("config", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	error[0] = 0;
	bool ok = config_file_read(path, &file, error);
	assert_int_equal(ok, error[0] == 0);
	close(fd);
	return ok;
}

static bool reads(const char *text)
{
	return reads_bytes(text, strlen(text));
}

static void says(const char *text, unsigned line, const char *value)
{
	if (!reads(text))
		fail_msg("%s", error);
	assert_int_equal(file.n, 1);
	assert_string_equal(file.lines[0].name, "name");
	assert_string_equal(file.lines[0].value, value);
	assert_int_equal(file.lines[0].line, line);
	config_file_done(&file);
}

static void test_lines(void **state)
{
	(void)state;
	assert_true(reads("# first\n\n  interface = eth1 \t# the span port\ninterface=eth2\r\n\t\nfilter = \"tcp # or "
			  "so\"#\nquiet = yes"));
	static const struct config_line want[] = {
	    {"interface", "eth1", 3}, {"interface", "eth2", 4}, {"filter", "tcp # or so", 6}, {"quiet", "yes", 7}};
	assert_int_equal(file.n, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(file.lines[i].name, want[i].name);
		assert_string_equal(file.lines[i].value, want[i].value);
		assert_int_equal(file.lines[i].line, want[i].line);
	}
	config_file_done(&file);
	assert_null(file.text);
}

static void test_values(void **state)
{
	(void)state;
	says("name = a b  c", 1, "a b  c");
	says("name=a#b", 1, "a#b");
	says("name = a #b", 1, "a");
	says("name = \"\"", 1, "");
	says("name = \" a \"", 1, " a ");
	says("name = a\"b\"", 1, "a\"b\"");
	says("\n\nname = a=b\n", 3, "a=b");
	says("name \t=\t a\r\n", 1, "a");
	says("name = \xc3\xa4", 1, "\xc3\xa4");
}

static void test_nothing(void **state)
{
	(void)state;
	assert_true(reads(""));
	assert_int_equal(file.n, 0);
	config_file_done(&file);
	assert_true(reads("\n# nothing\n   \r\n"));
	assert_int_equal(file.n, 0);
	config_file_done(&file);
}

static void is_wrong(const char *text, unsigned line, const char *what)
{
	char place[16];
	snprintf(place, sizeof place, ":%u: ", line);
	assert_false(reads(text));
	if (!strstr(error, place) || !strstr(error, what))
		fail_msg("\"%s\" is wrong since: %s", text, error);
}

static void test_wrong(void **state)
{
	(void)state;
	is_wrong("name", 1, "expected 'name = value'");
	is_wrong("= a", 1, "expected 'name = value'");
	is_wrong("a = b\nna me = a", 2, "expected 'name = value'");
	is_wrong("Name = a", 1, "expected 'name = value'");
	is_wrong("\nname =", 2, "expected a value");
	is_wrong("name = # none", 1, "expected a value");
	is_wrong("name = \"a", 1, "a quote");
	is_wrong("name = \"a\nb\"", 1, "a quote");
	is_wrong("name = \"a\" b", 1, "closing quote");
	is_wrong("a = b\n\nname: a\nc = d", 3, "expected 'name = value'");
}

static void test_no_file(void **state)
{
	(void)state;
	assert_false(config_file_read("/nonexistent/\x1b[31mred", &file, error));
	assert_non_null(strstr(error, "No such file"));
	assert_null(strchr(error, 0x1b)); /* it may have come from anywhere */
	assert_false(config_file_read("/", &file, error));
	assert_non_null(strstr(error, "directory"));
}

static void test_no_text(void **state)
{
	(void)state;
	assert_false(reads_bytes("name = a\0b\n", 11));
	assert_non_null(strstr(error, "NUL"));
}

static void test_too_large(void **state)
{
	(void)state;
	char *text = malloc(LIMIT_CONFIG_FILE + 1);
	assert_non_null(text);
	memset(text, '\n', LIMIT_CONFIG_FILE + 1);
	assert_true(reads_bytes(text, LIMIT_CONFIG_FILE));
	config_file_done(&file);
	assert_false(reads_bytes(text, LIMIT_CONFIG_FILE + 1));
	assert_non_null(strstr(error, "larger"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),     cmocka_unit_test(test_values),  cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_wrong),     cmocka_unit_test(test_no_file), cmocka_unit_test(test_no_text),
	    cmocka_unit_test(test_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
