/* Syslog messages: the headers of both protocols, what strangers wrote in structured data, and what is too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "status.h"
#include "syslog_message.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct alert_sender who = {"gate 1\n", "shadowtap", "1.0", 77};

static char *message(const char *text, json_t *event, const char *body)
{
	struct exit_spec spec;
	char error[ALERT_ERROR_TEXT];
	assert_int_equal(exit_spec_parse(text, &spec, error), 0);
	struct alert a = {
		.id = 42, .why = ALERT_RISEN, .count = 3, .raised_ns = INT64_C(1788220800123456789), .event = event};
	size_t n;
	char *m = syslog_message(&spec, &who, &a, slice_str(body), &n);
	assert_non_null(m);
	assert_int_equal(strlen(m), n);
	assert_true(n <= spec.max);
	return m;
}

static json_t *event(const char *severity, const char *host)
{
	json_t *e = json_pack("{s:s, s:s, s:s, s:s, s:i, s:n}", "event_id", "00112233445566778899aabbccddeeff",
	                      "verdict", "unauthorized", "severity", severity, "host", host, "server_port", 443, "sni");
	assert_non_null(e);
	return e;
}

static void headers_of_5424(void **state)
{
	static const struct {
		const char *severity, *start;
	} levels[] = {{"high", "<130>1 "}, {"medium", "<132>1 "}, {"low", "<133>1 "}, {"info", "<134>1 "}};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		json_t *e = event(levels[i].severity, "a.example");
		char *m = message("syslog+tcp://h", e, "body");
		assert_int_equal(strncmp(m, levels[i].start, 7), 0);
		free(m);
		json_decref(e);
	}
	json_t *e = event("high", "a.example");
	char *m = message("syslog+tcp://h?facility=kern", e, "body");
	assert_string_equal(
		m,
		"<2>1 2026-09-01T00:00:00.123456Z gate_1_ shadowtap 77 unauthorized [shadowtap@32473 alert_id=\"42\" "
		"event_id=\"00112233445566778899aabbccddeeff\" verdict=\"unauthorized\" why=\"risen\" count=\"3\" "
	        "severity=\"high\" "
		"host=\"a.example\" server_port=\"443\"] body");
	free(m);
	m = message("syslog+udp://h?hostname=other", e,
	            "b\xc3\xb6"
	            "dy");
	assert_non_null(strstr(m, "Z other shadowtap 77 "));
	assert_non_null(strstr(m, "] \xef\xbb\xbf"
	                          "b\xc3\xb6"
	                          "dy")); /* RFC 5424 6.4 */
	free(m);
	json_decref(e);
}

static void headers_of_3164(void **state)
{
	(void)state;
	setenv("TZ", "UTC-2", 1);
	tzset();
	json_t *e = event("low", "a.example");
	char *m = message("syslog+udp://h?protocol=3164&hostname=g", e, "body");
	assert_string_equal(m, "<133>Sep  1 02:00:00 g shadowtap[77]: body");
	free(m);
	m = message("syslog:///dev/log", e, "body");
	assert_string_equal(m, "<133>Sep  1 02:00:00 shadowtap[77]: body");
	free(m);
	m = message("syslog:///dev/log?hostname=g", e, "body");
	assert_string_equal(m, "<133>Sep  1 02:00:00 g shadowtap[77]: body");
	free(m);
	json_decref(e);
}

static void strangers_cannot_leave_their_parameter(void **state)
{
	(void)state;
	json_t *e = event("high", "a\"] <0>1 - - - - - -\\\n\x1b[31m\xe2\x80\xae");
	char *m = message("syslog+tcp://h", e, "body");
	assert_non_null(strstr(
		m,
		" host=\"a\\\"\\] <0>1 - - - - - -\\\\\\\\\\\\x0a\\\\x1b[31m\\\\u{202e}\" server_port=\"443\"] body"));
	for (const char *c = m; *c; c++)
		assert_true((unsigned char)*c >= 0x20);
	free(m);
	json_decref(e);
}

static void long_text_is_cut_and_says_so(void **state)
{
	char body[2001];
	(void)state;
	json_t *e = event("high", "a.example");
	for (int i = 0; i < 2000; i += 2)
		memcpy(body + i, "\xc3\xa9", 3);
	for (int max = 480; max < 700; max++) {
		char text[64];
		snprintf(text, sizeof text, "syslog+tcp://h?max=%d", max);
		char *m = message(text, e, body);
		unsigned cut = 0;
		const char *mark = strstr(m, "...[cut ");
		assert_non_null(mark);
		assert_int_equal(sscanf(mark, "...[cut %u bytes]", &cut), 1);
		const char *start = strstr(m, "\xef\xbb\xbf") + 3;
		assert_int_equal((size_t)(mark - start) + cut, 2000);
		assert_true(strlen(m) + 5 >= (size_t)max);
		for (struct slice s = slice_str(m); s.n; s = slice_after(s, utf8_char_len(s)))
			assert_int_not_equal(utf8_char_len(s), 0);
		free(m);
	}
	/* An escape is cut as a whole. */
	memset(body, '\\', 2000);
	for (int max = 480; max < 490; max++) {
		char text[64];
		snprintf(text, sizeof text, "syslog+tcp://h?format=cef&max=%d", max);
		char *m = message(text, e, body), *mark = strstr(m, "...[cut ");
		assert_non_null(mark);
		size_t slashes = 0;
		while (mark[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		assert_int_equal(slashes % 2, 0);
		free(m);
	}
	json_decref(e);
}

static json_t *fitted(enum alert_format format, json_t *whole, size_t room)
{
	size_t n = 0;
	char *text = json_dumps(whole, JSON_COMPACT), *fit;
	assert_non_null(text);
	fit = syslog_fit(format, slice_str(text), room, &n);
	assert_non_null(fit);
	assert_int_equal(strlen(fit), n);
	assert_true(n <= room);
	json_t *back = json_loads(fit, 0, NULL);
	assert_non_null(back);
	free(text);
	free(fit);
	return back;
}

static json_t *long_one(void)
{
	char reasons[400], agent[300];
	memset(reasons, 'r', sizeof reasons - 1);
	memset(agent, 'u', sizeof agent - 1);
	reasons[sizeof reasons - 1] = agent[sizeof agent - 1] = 0;
	json_t *whole = json_pack("{s:n, s:s, s:[s], s:s, s:{s:i, s:i}, s:i, s:s}", "rule", "event_id",
	                          "00112233445566778899aabbccddeeff", "reasons", reasons, "user_agent", agent,
	                          "methods", "a method whose name has many a letter", 1, "another one of those", 2,
	                          "alert_id", 7, "server_ip", "2001:db8::1");
	assert_non_null(whole);
	return whole;
}

static void json_stays_json(void **state)
{
	(void)state;
	json_t *whole = long_one();
	json_t *back = fitted(ALERT_JSON, whole, 2000);
	assert_true(json_equal(back, whole)); /* untouched, null and all */
	json_decref(back);
	back = fitted(ALERT_JSON, whole, 600);
	assert_null(json_object_get(back, "reasons"));
	assert_non_null(json_object_get(back, "user_agent"));
	assert_int_equal(json_integer_value(json_object_get(back, "alert_cut")), 1);
	json_decref(back);
	back = fitted(ALERT_JSON, whole, 150);
	assert_null(json_object_get(back, "methods"));
	assert_string_equal(json_string_value(json_object_get(back, "server_ip")), "2001:db8::1");
	assert_int_equal(json_integer_value(json_object_get(back, "alert_cut")), 3);
	json_decref(back);
	back = fitted(ALERT_JSON, whole, 90);
	assert_null(json_object_get(back, "server_ip"));
	assert_int_equal(json_integer_value(json_object_get(back, "alert_id")), 7);
	assert_string_equal(json_string_value(json_object_get(back, "event_id")), "00112233445566778899aabbccddeeff");
	json_decref(back);
	json_decref(whole);
}

static void the_mark_is_where_the_schema_has_room(void **state)
{
	(void)state;
	json_t *whole = long_one();
	json_t *back = fitted(ALERT_ECS, whole, 600);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(back, "shadowtap"), "alert_cut")), 1);
	assert_null(json_object_get(back, "alert_cut"));
	json_decref(back);
	back = fitted(ALERT_OCSF, whole, 600);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(back, "unmapped"), "alert_cut")), 1);
	json_decref(back);
	back = fitted(ALERT_EVE, whole, 600);
	json_t *metadata = json_object_get(json_object_get(back, "alert"), "metadata");
	assert_string_equal(json_string_value(json_array_get(json_object_get(metadata, "alert_cut"), 0)), "members");
	assert_null(json_object_get(back, "alert_cut"));
	json_decref(back);
	json_decref(whole);
}

static void what_is_no_json_is_cut_as_text(void **state)
{
	(void)state;
	char body[300];
	size_t n;
	memset(body, 'x', sizeof body);
	char *m = syslog_fit(ALERT_JSON, slice_of(body, sizeof body), 100, &n);
	assert_non_null(m);
	assert_non_null(strstr(m, "...[cut "));
	assert_true(n <= 100);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_of_5424),
		cmocka_unit_test(headers_of_3164),
		cmocka_unit_test(strangers_cannot_leave_their_parameter),
		cmocka_unit_test(long_text_is_cut_and_says_so),
		cmocka_unit_test(json_stays_json),
		cmocka_unit_test(the_mark_is_where_the_schema_has_room),
		cmocka_unit_test(what_is_no_json_is_cut_as_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
