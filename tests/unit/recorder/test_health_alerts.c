/* What health says of alerts: by exit and in all, whatever the operator called an exit; nothing where nobody is
 * alerted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "health.h"
#include <jansson.h>
#include <string.h>

static const char *const interfaces[] = {"eth1"};
static const struct recorder_counts recorder;
static const struct backlog_counts backlog;
static const struct writer_state writer;

static struct alerts_state two_exits(void)
{
	struct alerts_state a = {.n = 2, .unraised = 1};
	a.exits[0] = (struct dispatcher_state){.name = "file:///a\"b\\c\n\xff", .counts = {10, 4, 3, 2, 1}};
	a.exits[1] = (struct dispatcher_state){
	    .name = "syslog:", .counts = {100, 40, 30, 20, 10}, .failing = true, .error = "no"};
	return a;
}

static struct health_sample sample_of(const struct alerts_state *a)
{
	return (struct health_sample){.recorder = &recorder, .backlog = &backlog, .writer = &writer, .alerts = a};
}

static json_int_t number(const json_t *o, const char *name)
{
	assert_true(json_is_integer(json_object_get(o, name)));
	return json_integer_value(json_object_get(o, name));
}

static void json_has_sums_and_exits(void **state)
{
	(void)state;
	struct alerts_state a = two_exits();
	struct health_sample s = sample_of(&a);
	struct health *h = health_new("tap", interfaces, 1);
	char *text = health_json(h, &s);
	json_t *root = json_loads(text, 0, NULL), *alerts = json_object_get(root, "alerts"),
	       *exits = json_object_get(alerts, "exits");
	static const struct {
		const char *name;
		int all, first;
	} wanted[] = {{"raised", 110, 10}, {"waiting", 44, 4}, {"sent", 33, 3}, {"refused", 22, 2}};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		assert_int_equal(number(alerts, wanted[i].name), wanted[i].all);
		assert_int_equal(number(json_array_get(exits, 0), wanted[i].name), wanted[i].first);
	}
	assert_int_equal(number(alerts, "lost"), 12); /* with the one that could not even be raised */
	assert_int_equal(number(alerts, "failing"), 1);
	assert_int_equal(json_array_size(exits), 2);
	assert_true(json_is_true(json_object_get(json_array_get(exits, 1), "failing")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(exits, 0), "exit")),
			    "file:///a\"b\\c\n\xef\xbf\xbd");
	json_decref(root);
	free(text);
	health_free(h);
}

static void metrics_are_labelled_by_exit(void **state)
{
	(void)state;
	struct alerts_state a = two_exits();
	struct health_sample s = sample_of(&a);
	struct health *h = health_new("tap", interfaces, 1);
	char *text = health_prometheus(h, &s);
	static const char *const lines[] = {"shadowtap_alerts_raised_total{exit=\"syslog:\"} 100\n",
					    "shadowtap_alerts_sent_total{exit=\"syslog:\"} 30\n",
					    "shadowtap_alerts_waiting{exit=\"syslog:\"} 40\n",
					    "shadowtap_alerts_refused_total{exit=\"syslog:\"} 20\n",
					    "shadowtap_alerts_lost_total{exit=\"syslog:\"} 10\n",
					    "shadowtap_alert_exit_up{exit=\"syslog:\"} 0\n",
					    "shadowtap_alert_exit_up{exit=\"file:///a\\\"b\\\\c\\n\xff\"} 1\n",
					    "shadowtap_alerts_unraised_total 1\n"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (!strstr(text, lines[i]))
			fail_msg("not there: %s", lines[i]);
	free(text);
	health_free(h);
}

static void nothing_is_said_where_nobody_is_alerted(void **state)
{
	(void)state;
	struct health_sample s = sample_of(NULL);
	struct health *h = health_new("tap", interfaces, 1);
	char *json = health_json(h, &s), *text = health_prometheus(h, &s);
	assert_null(strstr(json, "alert"));
	assert_null(strstr(text, "alert"));
	free(json);
	free(text);
	health_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(json_has_sums_and_exits),
					   cmocka_unit_test(metrics_are_labelled_by_exit),
					   cmocka_unit_test(nothing_is_said_where_nobody_is_alerted)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
