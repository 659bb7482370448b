/* What the tests of exits share: an exit by its spec, alerts with rising ids, a folder of the test's own. Included
 * after cmocka. */
#ifndef EXIT_HARNESS_H
#define EXIT_HARNESS_H

#include "alert_exit.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char harness_error[ALERT_ERROR_TEXT];
static json_t *harness_event;
static char harness_folder[64];

__attribute__((unused)) static struct alert_exit *exit_of(const char *spec)
{
	static const struct alert_sender who = {"sensor.example", "shadowtap", "1.0", 77};
	struct alert_exit *x = NULL;
	int rc = alert_exit_new(spec, &who, &x, harness_error);
	if (rc != 0)
		print_error("%s: %s\n", spec, harness_error);
	assert_int_equal(rc, 0);
	return x;
}

__attribute__((unused)) static int send_id(struct alert_exit *x, uint64_t id)
{
	struct alert a = {.id = id,
	                  .why = ALERT_NEW,
	                  .count = 1,
	                  .raised_ns = INT64_C(1788220800123456789),
	                  .event = harness_event};
	harness_error[0] = 0;
	return alert_exit_send(x, &a, harness_error);
}

__attribute__((unused)) static void sent(struct alert_exit *x, uint64_t id)
{
	int rc = send_id(x, id);
	if (rc != 0)
		print_error("alert %d: %s\n", (int)id, harness_error);
	assert_int_equal(rc, 0);
}

/* The ids in what was received, in order. */
__attribute__((unused)) static size_t ids_in(const char *text, uint64_t *ids, size_t most)
{
	static const char key[] = "\"alert_id\":";
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, key)) != NULL && n < most; at += sizeof key - 1)
		ids[n++] = strtoull(at + sizeof key - 1, NULL, 10);
	return n;
}

__attribute__((unused)) static int harness_up(void **state)
{
	(void)state;
	strcpy(harness_folder, "/tmp/shadowtap-exits-XXXXXX");
	harness_event =
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "event_id", "00112233445566778899aabbccddeeff", "verdict",
	                  "unauthorized", "severity", "high", "confidence", "confirmed", "host", "a.example");
	return harness_event && mkdtemp(harness_folder) ? 0 : -1;
}

__attribute__((unused)) static int harness_down(void **state)
{
	char command[128];
	(void)state;
	json_decref(harness_event);
	snprintf(command, sizeof command, "rm -rf '%s'", harness_folder);
	return system(command);
}

#endif
