/* Events as JSON lines on stdin -> their alerts in one format on stdout, one a line: for the tests that hold the
 * formats against schemas and parsers that are not ours. `print_alerts --fields` lists the fields of the contract. Ids,
 * reasons and counts go by line number. */
#include "alert.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_alert(enum alert_format format, const char *text, uint64_t number)
{
	static const struct alert_sender who = {"sensor.example", "shadowtap", "0.1.0", 4711};
	json_t *event = json_loads(text, 0, NULL);
	if (!event)
		return 1;
	struct alert a = {.id = number,
			  .why = (enum alert_why)((number - 1) % 3),
			  .count = 1 + (number - 1) % 7,
			  .raised_ns = INT64_C(1763800060123456789),
			  .event = event};
	size_t n = 0;
	char *line = alert_format(format, &a, &who, &n);
	int failed = !line || strlen(line) != n || fwrite(line, 1, n, stdout) != n || putchar('\n') == EOF;
	free(line);
	json_decref(event);
	return failed;
}

int main(int argc, char **argv)
{
	enum alert_format format;
	if (argc == 2 && strcmp(argv[1], "--fields") == 0) {
		for (int i = 0; event_fields[i]; i++)
			puts(event_fields[i]);
		return 0;
	}
	if (argc != 2 || !alert_format_parse(argv[1], &format)) {
		fprintf(stderr, "usage: print_alerts text|json|cef|eve|zeek|ecs|ocsf|--fields\n");
		return 2;
	}
	char *line = NULL;
	size_t cap = 0;
	int failed = 0;
	for (uint64_t number = 1; !failed && getline(&line, &cap, stdin) > 0; number++)
		failed = print_alert(format, line, number);
	free(line);
	return failed;
}
