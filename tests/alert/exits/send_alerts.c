/* Lines of event JSON on standard input -> alerts through one exit, in order, tried again until they have gone. Used by
 * the tests of exits: send_alerts SPEC [--rate N] [--round N] [--give-up SECONDS] [--repeat N] SIGHUP reopens the exit.
 * As the dispatcher does, it counts alerts as gone after a flush, and goes back to the last such place when that fails.
 */
#include "alert_exit.h"
#include "status.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t hung_up;

static void hang_up(int signal_number)
{
	(void)signal_number;
	hung_up = 1;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sleep_for(double seconds)
{
	struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	if (seconds > 0)
		nanosleep(&t, NULL);
}

static json_t *read_events(void)
{
	json_t *all = json_array(), *one;
	while ((one = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, NULL)) != NULL)
		json_array_append_new(all, one);
	return all;
}

int main(int argc, char **argv)
{
	double rate = 0, give_up = 60, failed_since = 0;
	size_t round = 200, repeat = 1;
	struct alert_exit *x;
	char error[ALERT_ERROR_TEXT];
	struct alert_sender who = {"sensor.example", "shadowtap", "0.0", 4711};
	if (argc < 2)
		return 2;
	signal(SIGHUP, hang_up);
	for (int i = 2; i + 1 < argc; i += 2) {
		double v = atof(argv[i + 1]);
		if (strcmp(argv[i], "--rate") == 0)
			rate = v;
		else if (strcmp(argv[i], "--round") == 0)
			round = (size_t)v;
		else if (strcmp(argv[i], "--give-up") == 0)
			give_up = v;
		else if (strcmp(argv[i], "--repeat") == 0)
			repeat = (size_t)v;
		else
			return 2;
	}
	if (alert_exit_new(argv[1], &who, &x, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return 2;
	}
	json_t *events = read_events();
	size_t n = json_array_size(events) * repeat, gone = 0, at = 0, failures = 0, refused = 0;
	double began = now();
	int rc = 0;
	while (gone < n) {
		if (hung_up) {
			hung_up = 0;
			alert_exit_reopen(x);
		}
		struct alert a = {.id = at + 1,
		                  .why = ALERT_NEW,
		                  .count = 1,
		                  .raised_ns = INT64_C(1790000000000000000) + (int64_t)at * 1000000,
		                  .event = json_array_get(events, at % json_array_size(events))};
		rc = at < n ? alert_exit_send(x, &a, error) : 0;
		if (rc == FAIL_INPUT) {
			fprintf(stderr, "refused: %s\n", error);
			refused++;
			rc = 0;
		}
		if (rc == 0 && at < n)
			at++;
		if (rc == 0 && (at == n || at - gone >= round)) {
			rc = alert_exit_flush(x, error);
			if (rc == 0)
				gone = at;
			else
				at = gone;
		}
		if (rc == 0) {
			failed_since = 0;
			if (rate > 0)
				sleep_for(began + (double)at / rate - now());
			continue;
		}
		if (failures++ < 20)
			fprintf(stderr, "try again: %s\n", error);
		if (failed_since == 0)
			failed_since = now();
		if (now() - failed_since > give_up)
			break;
		sleep_for(0.1);
	}
	printf("{\"alerts\": %zu, \"gone\": %zu, \"failures\": %zu, \"refused\": %zu, \"seconds\": %.3f}\n", n, gone,
	       failures, refused, now() - began);
	alert_exit_free(x);
	json_decref(events);
	return gone == n ? 0 : 1;
}
