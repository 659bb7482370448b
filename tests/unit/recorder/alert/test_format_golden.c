/* Every format of three events, byte for byte, against golden/EVENT.FORMAT. `test_format_golden EVENT.FORMAT` writes
 * that one anew: by name only, never by a test run. */
#include "alert_sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Breaks out of a line, a header, a value, a quoted text, structured data, the reading direction and the terminal; ends
 * in a backslash, which would escape what follows. */
#define HOSTILE "a\r\nCEF:0|b|c src=6.6.6.6 [x]\" \xe2\x80\xae\xc2\x9b\x1b[2J\x7f\xe2\x80\xa8\\"

static const char *const names[] = {"plain", "least", "hostile"};

static json_t *event_of(size_t i)
{
	json_t *event = i == 0 ? sample_plain() : i == 1 ? sample_least() : sample_of_text(HOSTILE);
	assert_non_null(event);
	return event;
}

static FILE *golden(const char *event, enum alert_format f, const char *mode)
{
	char path[512];
	snprintf(path, sizeof path, "%s/tests/unit/recorder/alert/golden/%s.%s", TEST_SOURCE_DIR, event,
		 alert_format_name(f));
	FILE *file = fopen(path, mode);
	if (!file)
		fail_msg("%s", path);
	return file;
}

static void as_golden(size_t i, enum alert_format f)
{
	json_t *event = event_of(i);
	size_t n = 0, cap = 0;
	char *got = sample_format(f, event, &n), *want = NULL;
	FILE *file = golden(names[i], f, "r");
	assert_non_null(got);
	assert_true(getline(&want, &cap, file) > 0);
	want[strcspn(want, "\n")] = 0;
	assert_string_equal(got, want);
	assert_int_equal(strlen(got), n);
	fclose(file);
	free(want);
	free(got);
	json_decref(event);
}

static void plain_event(void **state)
{
	(void)state;
	for (int f = 0; f < ALERT_FORMATS; f++)
		as_golden(0, (enum alert_format)f);
}

static void what_is_not_known_is_left_out(void **state)
{
	(void)state;
	for (int f = 0; f < ALERT_FORMATS; f++)
		as_golden(1, (enum alert_format)f);
}

static void hostile_names(void **state)
{
	(void)state;
	for (int f = 0; f < ALERT_FORMATS; f++)
		as_golden(2, (enum alert_format)f);
}

static int refresh(const char *name)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		for (int f = 0; f < ALERT_FORMATS; f++) {
			char each[64];
			size_t n;
			snprintf(each, sizeof each, "%s.%s", names[i], alert_format_name((enum alert_format)f));
			if (strcmp(each, name) != 0)
				continue;
			json_t *event = event_of(i);
			char *got = sample_format((enum alert_format)f, event, &n);
			FILE *file = golden(names[i], (enum alert_format)f, "w");
			fprintf(file, "%s\n", got);
			free(got);
			json_decref(event);
			return fclose(file);
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return refresh(argv[1]);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_event),
	    cmocka_unit_test(what_is_not_known_is_left_out),
	    cmocka_unit_test(hostile_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
