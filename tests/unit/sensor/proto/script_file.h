/* tests/streams/PARSER/NAME.txt -> cases of input and expected lines, each run at every chunk size.
 * Included by the unit tests of stream parsers. Knows nothing of what the lines mean.
 *
 *   # a comment
 *   = name of a case
 *   < input        bytes as they stand, no newline at the end; %n is LF, %r is CR, %t is TAB, %HH a byte, %% a percent
 *   > output       the transcript expected, line by line */
#ifndef SHADOWTAP_SCRIPT_FILE_H
#define SHADOWTAP_SCRIPT_FILE_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slice.h"

struct script_case {
	char name[128];
	uint8_t in[8192];
	size_t in_n;
	char want[8192];
	size_t want_n;
};

/* Writes what the parser said to in when fed in pieces of chunk bytes; want of the case is its answer. */
typedef void script_run_fn(struct slice in, size_t chunk, char *out, size_t cap);

static inline void script_add_input(struct script_case *c, const char *line)
{
	for (; *line; line++) {
		uint8_t byte = (uint8_t)*line;
		if (byte == '%') {
			line++;
			unsigned value = 0;
			if (*line == '%' || *line == 'n' || *line == 'r' || *line == 't')
				value = *line == '%' ? '%' : *line == 'n' ? '\n' : *line == 'r' ? '\r' : '\t';
			else if (sscanf(line, "%2x", &value) == 1)
				line++;
			else
				abort();
			byte = (uint8_t)value;
		}
		if (c->in_n == sizeof c->in)
			abort();
		c->in[c->in_n++] = byte;
	}
}

static inline int script_check(const struct script_case *c, const char *path, script_run_fn *run)
{
	static char got[1 << 16];
	int failures = 0;
	/* Exact size, so that a sanitizer sees the first byte read past the end. */
	uint8_t *in = malloc(c->in_n ? c->in_n : 1);
	if (!in)
		abort();
	memcpy(in, c->in, c->in_n);
	for (size_t chunk = 1; chunk <= (c->in_n ? c->in_n : 1); chunk++) {
		got[0] = '\0';
		run(slice_of(in, c->in_n), chunk, got, sizeof got);
		if (strcmp(got, c->want) == 0)
			continue;
		fprintf(stderr, "%s: %s, chunks of %zu\n--- expected\n%s--- got\n%s", path, c->name, chunk, c->want,
			got);
		failures++;
		break;
	}
	free(in);
	return failures;
}

/* Runs every case of one file; returns how many there were, counts failures. */
static inline int script_run_file(const char *path, script_run_fn *run, int *failures)
{
	static struct script_case c;
	static char line[8192];
	int cases = 0;
	FILE *f = fopen(path, "r");
	if (!f)
		abort();
	memset(&c, 0, sizeof c);
	for (;;) {
		bool more = fgets(line, sizeof line, f) != NULL;
		if (more)
			line[strcspn(line, "\n")] = '\0';
		if (!more || line[0] == '=') {
			if (c.name[0]) {
				*failures += script_check(&c, path, run);
				cases++;
			}
			memset(&c, 0, sizeof c);
			if (!more)
				break;
			snprintf(c.name, sizeof c.name, "%.120s", line + 2);
		} else if (line[0] == '<') {
			script_add_input(&c, line[1] ? line + 2 : line + 1);
		} else if (line[0] == '>') {
			int n = snprintf(c.want + c.want_n, sizeof c.want - c.want_n, "%s\n", line[1] ? line + 2 : "");
			if (n < 0 || (size_t)n >= sizeof c.want - c.want_n)
				abort();
			c.want_n += (size_t)n;
		} else if (line[0] && line[0] != '#') {
			fprintf(stderr, "%s: what is this line: %s\n", path, line);
			abort();
		}
	}
	fclose(f);
	return cases;
}

/* Runs all files of tests/streams/PARSER; returns the number of cases. */
static inline int script_run_all(const char *parser, script_run_fn *run, int *failures)
{
	char pattern[4096];
	glob_t g;
	int cases = 0;
	snprintf(pattern, sizeof pattern, "%s/tests/streams/%s/*.txt", TEST_SOURCE_DIR, parser);
	if (glob(pattern, 0, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; i < g.gl_pathc; i++)
		cases += script_run_file(g.gl_pathv[i], run, failures);
	globfree(&g);
	return cases;
}

#endif
