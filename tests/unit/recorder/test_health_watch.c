/* What an operator must know is said once when it begins and once when it is over, and is judged by what came since the
 * last look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "health.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const interfaces[] = {"eth1", "eth2"};
static struct health *health;
static struct counters counters;
static struct recorder_counts recorder;
static struct backlog_counts backlog;
static struct writer_state writer;
static bool runs;
static char said[4096];
static int sentences;

static void say(void *context, const char *sentence)
{
	(void)context;
	sentences++;
	snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", sentence);
}

static int up(void **state)
{
	(void)state;
	health = health_new("tap1", interfaces, 2);
	counters.n = 0;
	backlog = (struct backlog_counts){0};
	writer = (struct writer_state){0};
	runs = true;
	return health ? 0 : -1;
}

static int down(void **state)
{
	(void)state;
	health_free(health);
	return 0;
}

static void more(uint64_t n, const char *name)
{
	counters_set(&counters, counters_get(&counters, name) + n, "%s", name);
}

/* An interval of 60 seconds passes. Expects one sentence that has the words, or none where they are NULL. */
static void look(const char *words)
{
	struct health_sample s = {.recorder = &recorder, .backlog = &backlog, .writer = &writer, .sensor_runs = runs};
	said[0] = 0;
	sentences = 0;
	health_counters(health, &counters);
	health_watch(health, &s, 60, say, NULL);
	if (sentences != (words ? 1 : 0) || (words && !strstr(said, words)))
		fail_msg("expected '%s', said was '%s'", words ? words : "", said);
}

static void test_silence(void **state)
{
	(void)state;
	look("no packets on eth1, eth2 for 60 seconds");
	look(NULL);
	more(1, "frames.read");
	look("packets are seen again");
	more(1, "frames.read");
	look(NULL);
	runs = false; /* that is said elsewhere */
	look(NULL);
	runs = true;
	look("no packets");
}

/* The sensor process tells its counters once a second: an interval that is as short must not call that silence. */
static void test_short_intervals(void **state)
{
	(void)state;
	struct health_sample s = {.recorder = &recorder, .backlog = &backlog, .writer = &writer, .sensor_runs = true};
	said[0] = 0;
	sentences = 0;
	for (int i = 0; i < 59; i++)
		health_watch(health, &s, 1, say, NULL);
	assert_int_equal(sentences, 0);
	health_watch(health, &s, 1, say, NULL);
	assert_int_equal(sentences, 1);
	assert_non_null(strstr(said, "no packets on eth1, eth2 for 60 seconds"));
}

static void packets(uint64_t received, uint64_t dropped)
{
	more(received + 1, "frames.read");
	more(received, "capture.1.received");
	more(dropped, "capture.1.dropped");
}

static void test_drops(void **state)
{
	(void)state;
	packets(100, 50);
	look(NULL); /* too few to judge */
	packets(100000, 900);
	look(NULL); /* 0.9 % */
	packets(100000, 2000);
	look("2.0 % of the packets on eth1, eth2 are dropped");
	packets(100000, 3000);
	look(NULL);
	packets(100000, 800);
	look(NULL); /* neither well nor said again */
	packets(100000, 100);
	look("no longer dropped");
	packets(0, 5000);
	look("100.0 %");
}

static void flows(uint64_t one, uint64_t two)
{
	more(1, "frames.read");
	more(one, "flow_table.one_sided");
	more(two, "flow_table.two_sided");
}

static void test_one_side(void **state)
{
	(void)state;
	flows(20, 5);
	look(NULL);
	flows(20, 6); /* with those before, enough */
	look("only one direction of most connections is seen (40 of 51)");
	flows(60, 10);
	look(NULL);
	flows(10, 60);
	look("both directions");
}

static void test_restart_of_the_sensor(void **state)
{
	(void)state;
	flows(10, 100);
	packets(5000, 0);
	look(NULL);
	health_sensor_restarted(health);
	counters.n = 0;
	flows(1, 60);
	look(NULL);
}

static void test_writing(void **state)
{
	(void)state;
	more(1, "frames.read");
	writer.failing_ms = 1;
	snprintf(writer.error, sizeof writer.error, "disk full");
	look("events cannot be written: disk full");
	more(1, "frames.read");
	look(NULL);
	writer.failing_ms = 0;
	backlog.waiting = 5;
	more(1, "frames.read");
	look("events are written again; 5 wait");
}

static void test_losses(void **state)
{
	(void)state;
	backlog.lost = 7;
	more(1, "frames.read");
	look("EVENTS ARE LOST: 7");
	backlog.lost = 9;
	more(1, "frames.read");
	look(NULL);
	more(1, "frames.read");
	look("no more events are lost; 9 were");
	more(3, "process.observations_lost");
	more(1, "frames.read");
	look("EVENTS ARE LOST: 12");
}

static void test_spill(void **state)
{
	(void)state;
	backlog.spill_errno = ENOSPC;
	more(1, "frames.read");
	look("spill file cannot be used: No space left");
	backlog.spill_errno = 0;
	more(1, "frames.read");
	look("can be used again");
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_silence), T(test_short_intervals), T(test_drops), T(test_one_side), T(test_restart_of_the_sensor),
	    T(test_writing), T(test_losses),          T(test_spill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
