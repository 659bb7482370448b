/* Counters of both halves as JSON and as Prometheus text: totals go on over a restart of the sensor, gauges do not;
 * whatever names there are, the texts keep their form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "health.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *const interfaces[] = {"eth1", "we\"ird\\\n\x1b"};
static struct health *health;
static struct counters counters;
static struct recorder_counts recorder;
static struct backlog_counts backlog;
static struct writer_state writer;

static struct health_sample sample(void)
{
	return (struct health_sample){.time_ns = INT64_C(1763800000000000000),
				      .uptime_seconds = 90,
				      .sensor_restarts = 2,
				      .sensor_runs = true,
				      .recorder = &recorder,
				      .backlog = &backlog,
				      .writer = &writer,
				      .new_events = {[VERDICT_UNAUTHORIZED] = 3},
				      .recorder_memory = 1000};
}

static int up(void **state)
{
	(void)state;
	health = health_new("tap1", interfaces, 2);
	counters.n = 0;
	recorder = (struct recorder_counts){.observations = 40, .invalid = 1};
	backlog = (struct backlog_counts){.waiting = 4};
	writer = (struct writer_state){.committed = 20, .database_file = 8192};
	return health ? 0 : -1;
}

static int down(void **state)
{
	(void)state;
	health_free(health);
	return 0;
}

static void told(uint64_t frames, uint64_t memory)
{
	counters.n = 0;
	counters_set(&counters, frames, "frames.read");
	counters_set(&counters, memory, "memory.sensor_process");
	counters_set(&counters, 5, "flow_table.alive");
	counters_set(&counters, frames, "capture.0.received");
	counters_set(&counters, 7, "capture.1.dropped");
	counters_set(&counters, 1, "capture.1.down");
	counters_set(&counters, 2, "anomalies.tcp-gap");
	health_counters(health, &counters);
}

static json_int_t at(const json_t *o, const char *path)
{
	char part[64];
	while (o && *path) {
		size_t n = strcspn(path, "/");
		snprintf(part, sizeof part, "%.*s", (int)n, path);
		o = json_is_array(o) ? json_array_get(o, (size_t)atoi(part)) : json_object_get(o, part);
		path += n + (path[n] == '/');
	}
	return json_is_boolean(o) ? json_is_true(o) : json_is_integer(o) ? json_integer_value(o) : -1;
}

static json_t *json(void)
{
	struct health_sample s = sample();
	char *text = health_json(health, &s);
	assert_non_null(text);
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	assert_null(strchr(text, '\n')); /* a line */
	free(text);
	return o;
}

static void test_json(void **state)
{
	(void)state;
	told(100, 5000);
	json_t *o = json();
	assert_int_equal(at(o, "packets"), 100);
	assert_int_equal(at(o, "kernel_drops"), 7);
	assert_int_equal(at(o, "flows"), 5);
	assert_int_equal(at(o, "memory_bytes"), 6000);
	assert_int_equal(at(o, "sensor_restarts"), 2);
	assert_int_equal(at(o, "events/unauthorized"), 3);
	assert_int_equal(at(o, "captures/0/received"), 100);
	assert_int_equal(at(o, "captures/0/down"), 0);
	assert_int_equal(at(o, "captures/1/down"), 1);
	assert_int_equal(at(o, "anomalies/tcp-gap"), 2);
	assert_int_equal(at(o, "observations/invalid"), 1);
	assert_int_equal(at(o, "backlog/waiting"), 4);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(json_object_get(o, "captures"), 1), "interface")),
	    interfaces[1]);
	json_decref(o);
}

static void test_restart(void **state)
{
	(void)state;
	told(100, 5000);
	health_sensor_restarted(health);
	json_t *o = json();
	assert_int_equal(at(o, "packets"), 100);
	assert_int_equal(at(o, "flows"), 0);
	assert_int_equal(at(o, "memory_bytes"), 1000);
	assert_int_equal(at(o, "captures/1/down"), 0);
	json_decref(o);
	told(11, 7000);
	health_sensor_restarted(health);
	told(1, 9000);
	o = json();
	assert_int_equal(at(o, "packets"), 112);
	assert_int_equal(at(o, "anomalies/tcp-gap"), 6);
	assert_int_equal(at(o, "memory_bytes"), 10000);
	assert_int_equal(health_frames(health), 112);
	assert_int_equal(health_flows(health), 5);
	json_decref(o);
}

/* Names that the sensor process makes up must not take the place of what the recorder says. */
static void test_names_in_the_way(void **state)
{
	(void)state;
	static const char *const names[] = {
	    "time.x",   "packets.x",           "captures.x",      "captures.0",
	    "sensor.x", "events.unauthorized", "backlog.waiting", "observations.invalid",
	    "nodots",   "capture.99.received"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		counters_set(&counters, 999, "%s", names[i]);
	health_counters(health, &counters);
	json_t *o = json();
	assert_int_equal(at(o, "packets"), 0);
	assert_int_equal(at(o, "events/unauthorized"), 3);
	assert_int_equal(at(o, "backlog/waiting"), 4);
	assert_int_equal(at(o, "observations/invalid"), 1);
	assert_string_equal(json_string_value(json_object_get(o, "sensor")), "tap1");
	assert_int_equal(json_array_size(json_object_get(o, "captures")), 2);
	json_decref(o);
}

static void test_largest(void **state)
{
	(void)state;
	told(UINT64_MAX, UINT64_MAX);
	health_sensor_restarted(health);
	told(UINT64_MAX, UINT64_MAX);
	json_decref(json());
}

static char *prometheus(void)
{
	struct health_sample s = sample();
	char *text = health_prometheus(health, &s);
	assert_non_null(text);
	return text;
}

static void has(const char *text, const char *line)
{
	int n = 0;
	for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
		n += (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
	if (n != 1)
		fail_msg("line '%s' is there %d times in\n%s", line, n, text);
}

static void test_prometheus(void **state)
{
	(void)state;
	told(100, 5000);
	char *text = prometheus();
	has(text, "# TYPE shadowtap_frames_total counter");
	has(text, "shadowtap_frames_total 100");
	has(text, "shadowtap_capture_received_total{interface=\"eth1\"} 100");
	has(text, "shadowtap_capture_dropped_total{interface=\"we\\\"ird\\\\\\n\"} 7");
	has(text, "shadowtap_capture_up{interface=\"eth1\"} 1");
	has(text, "shadowtap_capture_up{interface=\"we\\\"ird\\\\\\n\"} 0");
	has(text, "shadowtap_anomalies_total{name=\"tcp-gap\"} 2");
	has(text, "shadowtap_events_total{verdict=\"unauthorized\"} 3");
	has(text, "shadowtap_sensor_up 1");
	has(text, "shadowtap_writable 1");
	free(text);
	health_sensor_restarted(health);
	told(1, 5000);
	text = prometheus();
	has(text, "shadowtap_frames_total 101");
	has(text, "shadowtap_anomalies_total{name=\"tcp-gap\"} 4");
	has(text, "shadowtap_memory_bytes{part=\"sensor_process\"} 5000");
	free(text);
}

/* One value under one name, also where the sensor process claims a name of the recorder. */
static void test_name_of_the_recorder(void **state)
{
	(void)state;
	counters_set(&counters, 999, "memory.recorder_process");
	health_counters(health, &counters);
	char *text = prometheus();
	has(text, "shadowtap_memory_bytes{part=\"recorder_process\"} 1000");
	assert_null(strstr(text, "999"));
	free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_json),    T(test_restart),    T(test_names_in_the_way),
	    T(test_largest), T(test_prometheus), T(test_name_of_the_recorder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
