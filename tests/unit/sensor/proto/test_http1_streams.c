/* tests/streams/http1: hand-written streams of two directions, at every chunk size, with and without skipping. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http1_transcript.h"

#define STREAM_LINES 256

struct stream_case {
	char name[160];
	int n;
	struct {
		char kind; /* 'b' bytes, 'w' whole segment, 'g' gap, 'e' end, 'n' want, 'f' fields */
		enum direction d;
		uint64_t gap;
		bool want[2];
		struct slice bytes;
	} op[STREAM_LINES];
	size_t used;
	uint8_t bytes[1 << 15];
	size_t want_n;
	char want[1 << 15];
};

static int failures, cases;

static struct slice case_bytes(struct stream_case *c, const char *line)
{
	struct slice s = {c->bytes + c->used, 0};
	for (; *line; line++) {
		unsigned value = (uint8_t)*line;
		if (*line == '%') {
			line++;
			if (*line == ';')
				c->bytes[c->used++] = '\r', value = '\n';
			else if (strchr("%nrt", *line))
				value = *line == '%' ? '%' : *line == 'n' ? '\n' : *line == 'r' ? '\r' : '\t';
			else if (sscanf(line, "%2x", &value) == 1)
				line++;
			else
				abort();
		}
		c->bytes[c->used++] = (uint8_t)value;
		if (c->used + 2 >= sizeof c->bytes)
			abort();
	}
	s.n = (size_t)(c->bytes + c->used - s.p);
	return s;
}

static void case_line(struct stream_case *c, const char *path, const char *line)
{
	char side;
	unsigned long long n;
	if (line[0] == '>') {
		int k = snprintf(c->want + c->want_n, sizeof c->want - c->want_n, "%s\n", line[1] ? line + 2 : "");
		if (k < 0 || (size_t)k >= sizeof c->want - c->want_n)
			abort();
		c->want_n += (size_t)k;
		return;
	}
	if (c->n == STREAM_LINES)
		abort();
	if ((line[0] == 'C' || line[0] == 'S') && (line[1] == ' ' || line[1] == '|')) {
		c->op[c->n].kind = line[1] == '|' ? 'w' : 'b';
		c->op[c->n].d = line[0] == 'C' ? FROM_CLIENT : FROM_SERVER;
		c->op[c->n].bytes = case_bytes(c, line + (line[1] == '|' ? 3 : 2));
	} else if (sscanf(line, "gap %c %llu", &side, &n) == 2) {
		c->op[c->n].kind = 'g';
		c->op[c->n].d = side == 'C' ? FROM_CLIENT : FROM_SERVER;
		c->op[c->n].gap = n;
	} else if (sscanf(line, "eof %c", &side) == 1) {
		c->op[c->n].kind = 'e';
		c->op[c->n].d = side == 'C' ? FROM_CLIENT : FROM_SERVER;
	} else if (strncmp(line, "want", 4) == 0) {
		c->op[c->n].kind = 'n';
		c->op[c->n].want[FROM_CLIENT] = strchr(line + 4, 'C') != NULL;
		c->op[c->n].want[FROM_SERVER] = strchr(line + 4, 'S') != NULL;
	} else if (strcmp(line, "fields") == 0) {
		c->op[c->n].kind = 'f';
	} else {
		fail_msg("%s: what is this line: %s", path, line);
	}
	c->n++;
}

static void case_run(const struct stream_case *c, struct transcript *t, size_t chunk, bool skip)
{
	memset(t, 0, sizeof *t);
	transcript_init(t);
	assert_non_null(t->h);
	for (int i = 0; i < c->n; i++) {
		switch (c->op[i].kind) {
		case 'b': transcript_feed(t, c->op[i].d, c->op[i].bytes, chunk, skip); break;
		case 'w': transcript_feed(t, c->op[i].d, c->op[i].bytes, c->op[i].bytes.n, skip); break;
		case 'g':
			http1_gap(t->h, c->op[i].d, c->op[i].gap);
			transcript_note_bad(t);
			break;
		case 'e':
			http1_eof(t->h, c->op[i].d);
			transcript_note_bad(t);
			break;
		case 'n': memcpy(t->want, c->op[i].want, sizeof t->want); break;
		case 'f': t->fields = true; break;
		}
	}
	transcript_finish(t);
}

static void case_check(const struct stream_case *c, const char *path)
{
	static struct transcript t;
	size_t longest = 1;
	for (int i = 0; i < c->n; i++)
		longest = c->op[i].bytes.n > longest ? c->op[i].bytes.n : longest;
	cases++;
	for (size_t chunk = 1; chunk <= longest; chunk++) {
		for (int skip = 0; skip < 2; skip++) {
			case_run(c, &t, chunk, skip);
			if (strcmp(t.text, c->want) == 0)
				continue;
			fprintf(stderr, "%s: %s, chunks of %zu%s\n--- expected\n%s--- got\n%s", path, c->name, chunk,
				skip ? ", skipping" : "", c->want, t.text);
			failures++;
			return;
		}
	}
}

static void file_check(const char *path)
{
	static struct stream_case c;
	static char line[1 << 14];
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	memset(&c, 0, sizeof c);
	for (;;) {
		bool more = fgets(line, sizeof line, f) != NULL;
		if (more)
			line[strcspn(line, "\n")] = '\0';
		if (!more || line[0] == '=') {
			if (c.name[0])
				case_check(&c, path);
			memset(&c, 0, sizeof c);
			if (!more)
				break;
			snprintf(c.name, sizeof c.name, "%.150s", line + 2);
		} else if (line[0] && line[0] != '#') {
			case_line(&c, path, line);
		}
	}
	fclose(f);
}

static void test_streams(void **state)
{
	(void)state;
	glob_t g;
	assert_int_equal(glob(TEST_SOURCE_DIR "/tests/streams/http1/*.txt", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		file_check(g.gl_pathv[i]);
	globfree(&g);
	assert_int_equal(failures, 0);
	assert_true(cases >= 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
