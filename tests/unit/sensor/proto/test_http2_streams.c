/* tests/streams/http2: hand-written streams of two directions, at every chunk size, with and without skipping. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http2_build.h"
#include "http2_transcript.h"

#define STREAM_LINES 256

struct stream_case {
	char name[160];
	int n;
	struct {
		char kind; /* 'b' bytes, 'w' whole segment, 'g' gap, 'e' end, 'n' want, 'f' fields, 'u' upgraded */
		enum direction d;
		uint64_t gap;
		bool want[2];
		size_t at, length; /* of the bytes that were built */
	} op[STREAM_LINES];
	bool joining; /* a line that ended in + waits for the next */
	size_t joined_at;
	struct http2_build build;
	size_t want_n;
	char want[1 << 15];
};

static int failures, cases;

static void case_want(struct stream_case *c, const char *line)
{
	int k = snprintf(c->want + c->want_n, sizeof c->want - c->want_n, "%s\n", line[1] ? line + 2 : "");
	if (k < 0 || (size_t)k >= sizeof c->want - c->want_n)
		abort();
	c->want_n += (size_t)k;
}

/* "C line", "C| line" (never split), "C+ line" (one segment with what follows), "lose C line", "miss C line". */
static void case_frame(struct stream_case *c, const char *path, char *line, bool lose, bool count)
{
	enum direction d = line[0] == 'C' ? FROM_CLIENT : FROM_SERVER;
	bool whole = line[1] == '|', join = line[1] == '+';
	size_t at = c->build.n;
	if (!build_line(&c->build, d, line + (line[1] == ' ' ? 2 : 3)))
		fail_msg("%s: what is this line: %s", path, line);
	if (join) {
		if (!c->joining)
			c->joined_at = at;
		c->joining = true;
		return;
	}
	if (c->joining)
		at = c->joined_at;
	c->joining = false;
	c->op[c->n].d = d;
	c->op[c->n].at = at;
	c->op[c->n].length = c->build.n - at;
	c->op[c->n].kind = lose ? 'g' : whole ? 'w' : 'b';
	c->op[c->n].gap = count ? c->build.n - at : 0;
	c->n += c->build.n > at;
}

static void case_line(struct stream_case *c, const char *path, char *line)
{
	char side;
	unsigned long long n;
	if (c->n == STREAM_LINES)
		abort();
	if (line[0] == '>') {
		case_want(c, line);
	} else if ((line[0] == 'C' || line[0] == 'S') && strchr(" |+", line[1])) {
		case_frame(c, path, line, false, false);
	} else if (strncmp(line, "lose ", 5) == 0 || strncmp(line, "miss ", 5) == 0) {
		case_frame(c, path, line + 5, true, line[0] == 'l');
	} else if (sscanf(line, "gap %c %llu", &side, &n) == 2) {
		c->op[c->n].kind = 'g';
		c->op[c->n].d = side == 'C' ? FROM_CLIENT : FROM_SERVER;
		c->op[c->n++].gap = n;
	} else if (sscanf(line, "eof %c", &side) == 1) {
		c->op[c->n].kind = 'e';
		c->op[c->n++].d = side == 'C' ? FROM_CLIENT : FROM_SERVER;
	} else if (strncmp(line, "want", 4) == 0) {
		c->op[c->n].kind = 'n';
		c->op[c->n].want[FROM_CLIENT] = strchr(line + 4, 'C') != NULL;
		c->op[c->n++].want[FROM_SERVER] = strchr(line + 4, 'S') != NULL;
	} else if (strcmp(line, "fields") == 0) {
		c->op[c->n++].kind = 'f';
	} else if (sscanf(line, "upgraded %llu", &n) == 1) {
		c->op[c->n].kind = 'u';
		c->op[c->n++].gap = n;
	} else {
		fail_msg("%s: what is this line: %s", path, line);
	}
}

static void case_run(const struct stream_case *c, struct transcript *t, size_t chunk, bool skip)
{
	transcript_init(t);
	assert_non_null(t->h);
	for (int i = 0; i < c->n; i++) {
		struct slice bytes = {c->build.bytes + c->op[i].at, c->op[i].length};
		switch (c->op[i].kind) {
		case 'b': transcript_feed(t, c->op[i].d, bytes, chunk, skip); break;
		case 'w': transcript_feed(t, c->op[i].d, bytes, bytes.n, skip); break;
		case 'g':
			http2_gap(t->h, c->op[i].d, c->op[i].gap);
			transcript_note_bad(t);
			break;
		case 'e':
			http2_eof(t->h, c->op[i].d);
			transcript_note_bad(t);
			break;
		case 'n': memcpy(t->want, c->op[i].want, sizeof t->want); break;
		case 'f': t->fields = true; break;
		case 'u': http2_upgraded(t->h, c->op[i].gap, SLICE_LITERAL("POST")); break;
		}
		assert_true(http2_memory(t->h) < (2u << 20));
	}
	transcript_finish(t);
}

static void case_check(const struct stream_case *c, const char *path)
{
	static struct transcript t;
	size_t longest = 1;
	for (int i = 0; i < c->n; i++)
		if (c->op[i].kind == 'b' && c->op[i].length > longest)
			longest = c->op[i].length;
	cases++;
	for (size_t chunk = 1; chunk <= longest; chunk += chunk < 300 ? 1 : chunk / 3) {
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

static void case_begin(struct stream_case *c, const char *name)
{
	memset(c, 0, sizeof *c);
	build_init(&c->build);
	snprintf(c->name, sizeof c->name, "%.150s", name);
}

static void file_check(const char *path)
{
	static struct stream_case c;
	static char line[1 << 14];
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	c.name[0] = 0;
	for (;;) {
		bool more = fgets(line, sizeof line, f) != NULL;
		if (more)
			line[strcspn(line, "\n")] = '\0';
		if (!more || line[0] == '=') {
			if (c.name[0]) {
				case_check(&c, path);
				build_done(&c.build);
			}
			if (!more)
				break;
			case_begin(&c, line + 2);
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
	assert_int_equal(glob(TEST_SOURCE_DIR "/tests/streams/http2/*.txt", 0, NULL, &g), 0);
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
