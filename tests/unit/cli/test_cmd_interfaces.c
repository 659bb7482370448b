/* `shadowtap interfaces` in front of interfaces that the test makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture_live.h"
#include "cli.h"
#include "status.h"
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct capture_interface_info made_up[] = {
    {.name = "eth0",
     .addresses = "192.0.2.1, fe80::1",
     .network = true,
     .up = true,
     .running = true,
     .link_type = "EN10MB"},
    {.name = "e\x1b[31m\xff",
     .description = "=1+1",
     .addresses = "",
     .network = true,
     .up = true,
     .link_type = "EN10MB"},
    {.name = "wlan0",
     .addresses = "",
     .network = true,
     .wireless = true,
     .why_not = "it is down (ip link set wlan0 up)"},
    {.name = "other", .addresses = ""},
};

static size_t first, last;
static int fails;

int capture_interfaces(capture_interface_fn *fn, void *context, char error[CAPTURE_ERROR_TEXT])
{
	for (size_t i = first; i < last; i++)
		fn(context, &made_up[i]);
	if (fails)
		snprintf(error, CAPTURE_ERROR_TEXT, "listing: \x1b[31mno");
	return fails;
}

struct result {
	int code;
	char out[8192], err[8192];
};

static int catch_begin(int fd, int *ret_saved)
{
	int to = memfd_create("caught", MFD_CLOEXEC);
	assert_true(to >= 0);
	*ret_saved = dup(fd);
	assert_int_equal(dup2(to, fd), fd);
	return to;
}

static void catch_end(int fd, int from, int saved, char *text, size_t room)
{
	dup2(saved, fd);
	close(saved);
	ssize_t n = pread(from, text, room - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(from);
}

static struct result run(const char *option, const char *value)
{
	struct result r = {0};
	char *argv[] = {"interfaces", (char *)option, (char *)value, NULL};
	int out, err, saved_out, saved_err;
	fflush(stdout);
	out = catch_begin(STDOUT_FILENO, &saved_out);
	err = catch_begin(STDERR_FILENO, &saved_err);
	optind = 0;
	r.code = cmd_interfaces(option ? value ? 3 : 2 : 1, argv);
	fflush(stdout);
	catch_end(STDERR_FILENO, err, saved_err, r.err, sizeof r.err);
	catch_end(STDOUT_FILENO, out, saved_out, r.out, sizeof r.out);
	return r;
}

static int setup(void **state)
{
	(void)state;
	first = 0;
	last = sizeof made_up / sizeof *made_up;
	fails = 0;
	return 0;
}

static void test_text(void **state)
{
	(void)state;
	struct result r = run(NULL, NULL);
	assert_int_equal(r.code, EXIT_OK);
	assert_string_equal(r.err, "");
	assert_string_equal(
	    r.out,
	    "name        can_capture  state       link_type  addresses           why_not\n"
	    "eth0        yes          up          EN10MB     192.0.2.1, fe80::1  -\n"
	    "e\\x1b[31m\xef\xbf\xbd  yes          no carrier  EN10MB                         -\n"
	    "wlan0       no           down        -                              it is down (ip link set wlan0 up)\n"
	    "other       -            -           -                              -\n");
}

static void test_nothing(void **state)
{
	(void)state;
	first = 2;
	struct result r = run(NULL, NULL);
	assert_int_equal(r.code, EXIT_OK);
	assert_non_null(strstr(r.err, "nothing here can be captured on"));
	r = run("--format", "json"); /* a program finds out by itself */
	assert_int_equal(r.code, EXIT_OK);
	assert_string_equal(r.err, "");
	first = last;
	assert_string_equal(run("--format", "json").out, "[]\n");
}

static void test_json(void **state)
{
	(void)state;
	struct result r = run("--format", "json"), lines = run("--format", "jsonl");
	json_t *all = json_loads(r.out, 0, NULL);
	assert_int_equal(json_array_size(all), 4);
	json_t *expected = json_pack("{s:s,s:b,s:n,s:s,s:s,s:b,s:b,s:s,s:n}", "name", "eth0", "can_capture", 1,
				     "why_not", "state", "up", "link_type", "EN10MB", "loopback", 0, "wireless", 0,
				     "addresses", "192.0.2.1, fe80::1", "description");
	assert_non_null(expected);
	assert_true(json_equal(json_array_get(all, 0), expected));
	json_t *down = json_array_get(all, 2), *other = json_array_get(all, 3);
	assert_true(json_is_false(json_object_get(down, "can_capture")));
	assert_true(json_is_true(json_object_get(down, "wireless")));
	assert_true(json_is_null(json_object_get(other, "can_capture")));
	assert_true(json_is_null(json_object_get(other, "state")));
	size_t n = 0;
	for (char *line = strtok(lines.out, "\n"); line; line = strtok(NULL, "\n"), n++) {
		json_t *row = json_loads(line, 0, NULL);
		assert_true(json_equal(row, json_array_get(all, n)));
		json_decref(row);
	}
	assert_int_equal(n, 4);
	json_decref(expected);
	json_decref(all);
}

static void test_csv(void **state)
{
	(void)state;
	struct result r = run("--format", "csv");
	assert_int_equal(r.code, EXIT_OK);
	assert_string_equal(r.out,
			    "name,can_capture,why_not,state,link_type,loopback,wireless,addresses,description\r\n"
			    "\"eth0\",true,,\"up\",\"EN10MB\",false,false,\"192.0.2.1, fe80::1\",\r\n"
			    "\"e\\x1b[31m\xef\xbf\xbd\",true,,\"no carrier\",\"EN10MB\",false,false,\"\",\"'=1+1\"\r\n"
			    "\"wlan0\",false,\"it is down (ip link set wlan0 up)\",\"down\",,false,true,\"\",\r\n"
			    "\"other\",,,,,false,false,\"\",\r\n");
}

static void test_wrong(void **state)
{
	(void)state;
	struct result r = run("--format", "xml\x1b");
	assert_int_equal(r.code, EXIT_USAGE);
	assert_string_equal(r.out, "");
	assert_non_null(strstr(r.err, "--format does not take 'xml\\x1b'"));
	assert_int_equal(run("--nonsense", NULL).code, EXIT_USAGE);
	assert_int_equal(run("eth0", NULL).code, EXIT_USAGE);
	r = run("--help", NULL);
	assert_int_equal(r.code, EXIT_OK);
	assert_non_null(strstr(r.out, "CAP_NET_RAW"));
	fails = FAIL_IO;
	r = run(NULL, NULL);
	assert_int_equal(r.code, EXIT_FAILED);
	assert_non_null(strstr(r.err, "listing: \\x1b[31mno"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_text, setup),  cmocka_unit_test_setup(test_nothing, setup),
	    cmocka_unit_test_setup(test_json, setup),  cmocka_unit_test_setup(test_csv, setup),
	    cmocka_unit_test_setup(test_wrong, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
