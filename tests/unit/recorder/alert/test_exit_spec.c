/* The text of --alert: what is taken, and where and why the rest is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "alert_exit_spec.h"
#include "alert_exit_spec_set.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>

static struct exit_spec spec;
static char error[ALERT_ERROR_TEXT];

static void taken(const char *text)
{
	int rc = exit_spec_parse(text, &spec, error);
	if (rc != 0)
		print_error("%s: %s\n", text, error);
	assert_int_equal(rc, 0);
}

static void refused(const char *text, const char *sentence)
{
	error[0] = 0;
	assert_int_equal(exit_spec_parse(text, &spec, error), FAIL_CONFIG);
	if (!strstr(error, sentence))
		print_error("%s: %s\n", text, error);
	assert_non_null(strstr(error, sentence));
	assert_int_equal(strncmp(error, "character ", 10), 0);
}

static void each_kind_has_its_defaults(void **state)
{
	(void)state;
	taken("syslog:///dev/log");
	assert_int_equal(spec.kind, EXIT_SYSLOG_LOCAL);
	assert_string_equal(spec.path, "/dev/log");
	assert_true(spec.rfc3164);
	assert_int_equal(spec.format, ALERT_TEXT);
	assert_int_equal(spec.facility, 16);
	assert_int_equal(spec.max, LIMIT_SYSLOG_STREAM);
	assert_int_equal(spec.least, SEVERITY_INFO);
	assert_string_equal(spec.name, "syslog:///dev/log");
	taken("syslog+udp://Logs.Example.");
	assert_int_equal(spec.kind, EXIT_SYSLOG_UDP);
	assert_string_equal(spec.host, "logs.example");
	assert_string_equal(spec.port, "514");
	assert_int_equal(spec.max, LIMIT_SYSLOG_DATAGRAM);
	assert_false(spec.rfc3164);
	taken("syslog+udp://10.0.0.1?protocol=3164");
	assert_int_equal(spec.max, LIMIT_SYSLOG_3164_DATAGRAM);
	taken("syslog+tcp://[2001:db8::1]/");
	assert_string_equal(spec.host, "2001:db8::1");
	assert_string_equal(spec.port, "601");
	assert_false(spec.newline);
	assert_string_equal(spec.name, "syslog+tcp://[2001:db8::1]:601");
	taken("syslog+tls://[::1]:7000");
	assert_string_equal(spec.port, "7000");
	taken("file:///var/log/a%20b%3fc.json");
	assert_string_equal(spec.path, "/var/log/a b?c.json");
	assert_int_equal(spec.format, ALERT_JSON);
	taken("unix:///run/collector");
	assert_int_equal(spec.kind, EXIT_UNIX);
	taken("stdout:");
	assert_string_equal(spec.name, "stdout:");
	taken("https://hooks.example/services/T0/secret");
	assert_true(spec.secure);
	assert_string_equal(spec.url, "https://hooks.example:443/services/T0/secret");
	taken("http://[::1]:8080");
	assert_string_equal(spec.url, "http://[::1]:8080/");
}

static void parameters_are_read(void **state)
{
	(void)state;
	taken("syslog+tcp://"
	      "h?format=cef&framing=newline&protocol=3164&facility=authpriv&hostname=gate-1.example&max=65000&severity="
	      "high&timeout=3");
	assert_int_equal(spec.format, ALERT_CEF);
	assert_true(spec.newline && spec.rfc3164);
	assert_int_equal(spec.facility, 10);
	assert_string_equal(spec.hostname, "gate-1.example");
	assert_int_equal(spec.max, 65000);
	assert_int_equal(spec.least, SEVERITY_HIGH);
	assert_int_equal(spec.timeout_ms, 3000);
	taken("syslog+tls://10.1.1.1?name=Logs.Example&ca=%2Fetc/passwd");
	assert_string_equal(spec.server_name, "logs.example");
	assert_string_equal(spec.ca, "/etc/passwd");
	taken("https://h/p?query=a%3D1%26b%3D%2525&format=ecs");
	assert_string_equal(spec.url, "https://h:443/p?a=1&b=%25");
	static const char *const names[] = {"local0", "local7", "kern"};
	static const int codes[] = {16, 23, 0};
	for (size_t i = 0; i < 3; i++) {
		char text[64];
		snprintf(text, sizeof text, "syslog:///dev/log?facility=%s", names[i]);
		taken(text);
		assert_int_equal(spec.facility, codes[i]);
	}
}

static void what_is_not_understood_is_refused(void **state)
{
	(void)state;
	refused("", "expected syslog:///dev/log");
	refused("tcp://h", "expected syslog:///dev/log");
	refused("syslog+tcp:h", "character 12: expected //");
	refused("syslog+tcp://", "expected a host");
	refused("syslog+tcp://h:", "expected a port");
	refused("syslog+tcp://h:0", "expected a port");
	refused("syslog+tcp://h:65536", "expected a host");
	refused("syslog+tcp://h:1x", "expected a host");
	refused("syslog+tcp://a b", "neither a host name nor an address");
	refused("syslog+tcp://h/path", "expected no path");
	refused("syslog+tcp://me:pw@h", "no user name or password");
	refused("https://me:pw@h/", "no user name or password");
	refused("syslog+tcp://h?framng=newline",
	        "character 16: unknown parameter \"framng\"; syslog+tcp takes format,");
	refused("syslog+tls://h?framing=newline", "unknown parameter \"framing\"");
	refused("file:///a?max=1000", "unknown parameter \"max\"");
	refused("file:///a?facility=user", "unknown parameter");
	refused("syslog+tcp://h?name=x", "unknown parameter");
	refused("syslog+tcp://h?&format=json", "unknown parameter \"\"");
	refused("syslog+tcp://h?format", "expected format=VALUE");
	refused("syslog+tcp://h?format=", "expected format=VALUE");
	refused("syslog+tcp://h?format=json&format=json", "character 28: format is given twice");
	refused("syslog+tcp://h?format=xml", "format=xml: expected text, json");
	refused("syslog+tcp://h?max=479", "from 480 to 65000");
	refused("syslog+tcp://h?max=65001", "from 480 to 65000");
	refused("syslog+tcp://h?max=+500", "from 480");
	refused("syslog+tcp://h?max=500k", "from 480");
	refused("syslog+tcp://h?timeout=0", "from 1 to 300");
	refused("syslog+tcp://h?timeout=99999999999999999999", "from 1 to 300");
	refused("syslog+tcp://h?severity=critical", "least severity");
	refused("syslog+tcp://h?facility=local8", "expected a facility");
	refused("syslog+tcp://h?protocol=5425", "expected 5424 or 3164");
	refused("syslog+tcp://h?hostname=a%20b", "without a space");
	refused("syslog+tcp://h?hostname=%c3%a9", "printable ASCII");
	refused("syslog+tcp://h?hostname=a%0ab", "character 26: control characters");
	refused("file:///a%00b", "control characters");
	refused("file:///a%4", "two hexadecimal digits");
	refused("file:///a%zz", "two hexadecimal digits");
	refused("file:///a%", "two hexadecimal digits");
	refused("file://host/a", "absolute path");
	refused("file:///", "absolute path");
	refused("file:a", "expected //");
	refused("file:///a#b", "%23");
	refused("stdout://", "nothing behind it");
	refused("syslog+tls://h?ca=relative.pem", "absolute path");
	refused("syslog+tls://h?ca=/no/such/file", "cannot be read");
	refused("syslog+tls://h?cert=/etc/passwd", "cert and key belong together");
	refused("http://hooks.example/x", "only to a loopback address");
	refused("http://localhost.evil.example/x", "only to a loopback address");
	refused("http://127.0.0.1.evil.example/x", "only to a loopback address");
	refused("http://127.0.0.1/x?ca=/etc/passwd", "are for https://");
	refused("https://h/a b", "printable ASCII");
	refused("https://h/?query=a%20b", "without a space");
	char path[256] = "unix:///";
	memset(path + 8, 'a', 108);
	refused(path, "the path of a socket may have 107 bytes");
	char *lengthy = malloc(LIMIT_ALERT_SPEC + 1);
	assert_non_null(lengthy);
	memset(lengthy, 'a', LIMIT_ALERT_SPEC);
	memcpy(lengthy, "file:///", 8);
	lengthy[LIMIT_ALERT_SPEC] = 0;
	refused(lengthy, "less than 4096 bytes");
	lengthy[LIMIT_ALERT_SPEC - 1] = 0;
	taken(lengthy);
	memcpy(lengthy, "https://h/", 10);
	taken(lengthy);
	assert_int_equal(strlen(spec.url), LIMIT_ALERT_SPEC - 1 + 4); /* ":443" */
	free(lengthy);
}

/* A name is stored and shown; a webhook's path and query are often its password. */
static void a_name_holds_no_secret_and_tells_exits_apart(void **state)
{
	char one[LIMIT_ALERT_SPEC];
	(void)state;
	taken("https://hooks.example/services/T0/secret?query=key%3Dsecret2&format=json");
	assert_null(strstr(spec.name, "secret"));
	assert_int_equal(strncmp(spec.name, "https://hooks.example:443/~", 27), 0);
	strcpy(one, spec.name);
	taken("https://hooks.example/services/T0/secret?query=key%3Dsecret2&format=json&timeout=4");
	assert_string_equal(spec.name, one);
	taken("https://hooks.example/services/T0/secrex?query=key%3Dsecret2&format=json");
	assert_string_not_equal(spec.name, one);
	taken("file:///a?format=eve");
	assert_string_equal(spec.name, "file:///a?format=eve");
	taken("file:///a?severity=high");
	assert_string_equal(spec.name, "file:///a");
}

/* Sentences go into logs; who makes a mistake in a webhook's address has its password in it all the same. */
static void no_mistake_shows_a_secret(void **state)
{
	static const char *const wrong[] = {
		"https://me:s3cret@h/x", "https://s3cret@h/x", "https://h/x?s3cret", "https://h/x?token=s3cret",
		"https://h/x?query=a=1&s3cret", "https://h/x?query=a&s3cret=", "https://h/x?query=s3cret b",
		"https://h/x?query=s3cret&query=s3cret", "https://h/x?query=%s3cret", "https://h/x?bearer-file=s3cret",
		"https://h/x?bearer-file=/no/s3cret", "https://h/s3cret x", "https://h/x#s3cret", "https:/h/s3cret",
		"http://h/s3cret", "htps://me:s3cret@h", "https://h/x?format=s3cret"};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		refused(wrong[i], "");
		if (strstr(error, "s3cret"))
			print_error("%s: %s\n", wrong[i], error);
		assert_null(strstr(error, "s3cret"));
	}
	refused("https://h/x?token=s3cret", "character 13: unknown parameter; https takes format,");
}

/* Every prefix of, and every one-byte change to, a spec that uses all there is: an answer, and no more than that. */
static void no_text_does_harm(void **state)
{
	static const char *const seeds[] = {
		"syslog+tls://[2001:db8::1]:6514?name=a.example&ca=%2fetc/passwd&max=4000&format=cef&hostname=%41",
		"https://h.example:8443/a/b%20c?query=a%3Db&bearer-file=/etc/passwd&severity=low", "unix:///run/%41"};
	(void)state;
	for (size_t s = 0; s < 3; s++) {
		size_t n = strlen(seeds[s]);
		for (size_t i = 0; i <= n; i++) {
			char *text = malloc(i + 1); /* exact: a read behind it is seen */
			assert_non_null(text);
			memcpy(text, seeds[s], i);
			text[i] = 0;
			exit_spec_parse(text, &spec, error);
			for (int c = 1; i && c < 256; c += 5) {
				text[i / 2] = (char)c;
				int rc = exit_spec_parse(text, &spec, error);
				assert_true(rc == 0 || (rc == FAIL_CONFIG && strlen(error) < ALERT_ERROR_TEXT));
				text[i / 2] = seeds[s][i / 2];
			}
			free(text);
		}
	}
}

static void the_documentation_names_every_parameter(void **state)
{
	static char text[1 << 20];
	(void)state;
	FILE *in = fopen(TEST_SOURCE_DIR "/docs/alerts.md", "r");
	assert_non_null(in);
	text[fread(text, 1, sizeof text - 1, in)] = 0;
	fclose(in);
	for (size_t i = 0; i < exit_parameters_n; i++) {
		char name[64];
		snprintf(name, sizeof name, "\n| `%s=", exit_parameters[i].name);
		if (!strstr(text, name))
			print_error("docs/alerts.md has no row for %s\n", exit_parameters[i].name);
		assert_non_null(strstr(text, name));
	}
}

static void format_is_the_first_parameter(void **state)
{
	(void)state; /* exit_spec_parse relies on it for the name */
	assert_string_equal(exit_parameters[0].name, "format");
	assert_true(exit_parameters_n <= 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_its_defaults),
		cmocka_unit_test(parameters_are_read),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(a_name_holds_no_secret_and_tells_exits_apart),
		cmocka_unit_test(no_mistake_shows_a_secret),
		cmocka_unit_test(no_text_does_harm),
		cmocka_unit_test(the_documentation_names_every_parameter),
		cmocka_unit_test(format_is_the_first_parameter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
