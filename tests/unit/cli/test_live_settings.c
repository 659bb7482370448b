/* The command line and the configuration file say the same things with the same words; the command line wins; what is
 * out of range is refused with the place where it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "live_settings.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct live_settings s;
static char error[CONFIG_ERROR_TEXT], path[64];
static int config_fd = -1;

static int up(void **state)
{
	(void)state;
	live_settings_init(&s);
	error[0] = 0;
	return 0;
}

static int down(void **state)
{
	(void)state;
	live_settings_done(&s);
	if (config_fd >= 0)
		close(config_fd);
	config_fd = -1;
	return 0;
}

static const char *file(const char *text)
{
	config_fd = memfd_create("config", MFD_CLOEXEC);
	assert_true(config_fd >= 0);
	assert_int_equal(write(config_fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof path, "/proc/self/fd/%d", config_fd);
	return path;
}

static int parse(const char *const *words)
{
	char *argv[32] = {(char *)(uintptr_t) "live"};
	int n = 1;
	for (; words[n - 1]; n++)
		argv[n] = (char *)(uintptr_t)words[n - 1];
	optind = 0;
	return live_settings_parse(&s, n, argv, "help");
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(PARSE("-i", "eth1"), -1);
	assert_true(live_settings_check(&s, error));
	assert_int_equal(s.live.sensor.n_interfaces, 1);
	assert_string_equal(s.interfaces[0], "eth1");
	assert_true(s.live.sensor.promiscuous && s.live.sensor.confine);
	assert_int_equal(s.live.sensor.workers, 1);
	assert_int_equal(s.live.stats_seconds, 60);
	assert_string_equal(s.live.db, "shadowtap.db");
	assert_string_equal(s.live.user, "shadowtap");
	assert_false(s.live.user_wanted);
	assert_false(s.format_known);
}

static void test_units(void **state)
{
	(void)state;
	assert_int_equal(PARSE("-i", "a", "--buffer", "2M", "--retain", "2w", "--write-total", "1T", "--spill-size",
			       "0", "--stats-interval", "1h", "--snaplen", "128", "--queue-size", "64K", "--user",
			       "nobody"),
			 -1);
	assert_int_equal(s.live.sensor.buffer_bytes, 2 << 20);
	assert_true(s.live.retain_ns == INT64_C(14) * 86400 * 1000000000);
	assert_true(s.live.write_total == UINT64_C(1) << 40);
	assert_true(s.live.spill_bytes == 0);
	assert_int_equal(s.live.stats_seconds, 3600);
	assert_int_equal(s.live.sensor.snaplen, 128);
	assert_true(s.live.user_wanted);
}

static void test_command_line_wins(void **state)
{
	(void)state;
	const char *config =
	    file("interface = eth1\ninterface = eth2\nworkers = 4\nsensor = one\nquiet = yes\nno-sandbox = no\n");
	assert_int_equal(PARSE("--workers", "2", "--config", config), -1);
	assert_int_equal(s.live.sensor.workers, 2);
	assert_int_equal(s.live.sensor.n_interfaces, 2);
	assert_string_equal(s.live.name, "one");
	assert_true(s.quiet && s.live.sensor.confine);
}

static void test_list_of_the_command_line_wins_whole(void **state)
{
	(void)state;
	assert_int_equal(PARSE("--config", file("interface = eth1\ninterface = eth2\n"), "-i", "lo"), -1);
	assert_int_equal(s.live.sensor.n_interfaces, 1);
	assert_string_equal(s.interfaces[0], "lo");
}

static void refuses(const char *line, const char *what)
{
	char text[256];
	snprintf(text, sizeof text, "interface = a\n%s\n", line);
	live_settings_done(&s);
	live_settings_init(&s);
	error[0] = 0;
	bool ok = live_settings_read(&s, file(text), error) && live_settings_check(&s, error);
	close(config_fd);
	config_fd = -1;
	if (ok || !strstr(error, what) || !strstr(error, ":2: "))
		fail_msg("\"%s\": %s", line, ok ? "is taken" : error);
}

static void test_refused(void **state)
{
	(void)state;
	refuses("wrokers = 2", "wrokers");
	refuses("workers = 0", "from 1 to");
	refuses("workers = 2x", "a number");
	refuses("workers = -1", "a number");
	refuses("workers = 99999999999999999999", "a number");
	refuses("buffer = 1K", "from 65536");
	refuses("buffer = 1P", "bytes");
	refuses("buffer = 9999999999999999T", "bytes");
	refuses("snaplen = 262145", "to 262144");
	refuses("retain = 1", "seconds from 60");
	refuses("retain = 90days", "a time");
	refuses("min-confidence = sure", "possible, likely or confirmed");
	refuses("format = csv", "text, jsonl or none");
	refuses("quiet = maybe", "yes or no");
	refuses("filter = \"\"", "a value");
	refuses("config = /etc/other", "config");
}

static void test_too_many(void **state)
{
	(void)state;
	char text[64 * (LIMIT_INTERFACES + 1)] = "";
	for (int i = 0; i <= LIMIT_INTERFACES; i++)
		snprintf(text + strlen(text), 64, "interface = eth%d\n", i);
	assert_false(live_settings_read(&s, file(text), error));
	assert_non_null(strstr(error, "no more can be"));
}

static void test_no_interface(void **state)
{
	(void)state;
	assert_int_equal(PARSE("--quiet"), -1);
	assert_false(live_settings_check(&s, error));
	assert_non_null(strstr(error, "interface"));
}

static void test_wrong_command_line(void **state)
{
	(void)state;
	assert_int_equal(PARSE("--no-such-option"), EXIT_USAGE);
	assert_int_equal(PARSE("--workers", "none"), EXIT_USAGE);
	assert_int_equal(PARSE("-i", "a", "stray"), EXIT_USAGE);
	assert_int_equal(PARSE("--config", "/nonexistent"), EXIT_USAGE);
}

/* What is printed reads as the same settings. */
static void test_print(void **state)
{
	(void)state;
	char *text = NULL, *again = NULL;
	size_t n, again_n;
	assert_int_equal(PARSE("-i", "eth1", "-i", "eth2", "--filter", "tcp port 80 # all", "--retain", "90d",
			       "--sensor", "x", "--format", "jsonl", "--no-promiscuous", "--max-db-size", "2G",
			       "--signatures", "/a"),
			 -1);
	FILE *f = open_memstream(&text, &n);
	live_settings_print(&s, f);
	fclose(f);
	live_settings_done(&s);
	live_settings_init(&s);
	if (!live_settings_read(&s, file(text), error))
		fail_msg("%s in\n%s", error, text);
	assert_string_equal(s.live.sensor.filter, "tcp port 80 # all");
	assert_false(s.live.sensor.promiscuous);
	f = open_memstream(&again, &again_n);
	live_settings_print(&s, f);
	fclose(f);
	assert_string_equal(again, text);
	free(text);
	free(again);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

static void test_alerts(void **state)
{
	(void)state;
	const char *text = "alert = stdout:\nalert = \"file:///a b?format=eve\"\nalert-window = 2h\nalert-rate = 7\nalert-queue = 9\n";
	assert_true(live_settings_read(&s, file(text), error));
	assert_int_equal(s.live.alerts.n_specs, 2);
	assert_string_equal(s.alerts[1], "file:///a b?format=eve");
	assert_int_equal(s.live.alerts.window_ns, 7200 * INT64_C(1000000000));
	assert_int_equal(s.live.alerts.rate, 7);
	assert_int_equal(s.live.alerts.queue, 9);
	char printed[8192] = "";
	FILE *to = fmemopen(printed, sizeof printed, "w");
	live_settings_print(&s, to);
	fclose(to);
	static const char *const lines[] = {"alert = \"stdout:\"\n", "alert = \"file:///a b?format=eve\"\n", "alert-window = 7200s\n",
	                                    "alert-rate = 7\n", "alert-queue = 9\n"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_non_null(strstr(printed, lines[i]));
	live_settings_done(&s);
	live_settings_init(&s);
	assert_int_equal(s.live.alerts.window_ns, 3600 * INT64_C(1000000000));
	static const char *const wrong[] = {"alert = \n", "alert-window = 0\n", "alert-rate = 0\n", "alert-queue = 1K\n"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		close(config_fd);
		assert_false(live_settings_read(&s, file(wrong[i]), error));
		live_settings_done(&s);
		live_settings_init(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_defaults), T(test_units),    T(test_command_line_wins), T(test_list_of_the_command_line_wins_whole),
	    T(test_refused),  T(test_too_many), T(test_no_interface),      T(test_wrong_command_line),
	    T(test_print),    T(test_alerts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
