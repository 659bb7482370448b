/* sse.c against the examples of the HTML standard, its own promises about gaps and limits, and any split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "limits.h"
#include "script_file.h"
#include "sse.h"

struct log {
	char *out;
	size_t cap, n;
	char data[1 << 12];
	size_t data_n, data_total;
};

__attribute__((format(printf, 2, 3))) static void say(struct log *l, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(l->out + l->n, l->cap - l->n, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < l->cap - l->n);
	l->n += (size_t)n;
}

static void log_text(struct log *l, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)text[i];
		if (c == '\n')
			say(l, "\\n");
		else
			say(l, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
	}
}

static void on_data(void *context, struct slice piece)
{
	struct log *l = context;
	l->data_total += piece.n;
	if (piece.n > sizeof l->data - l->data_n)
		piece.n = sizeof l->data - l->data_n; /* test_limits only counts */
	memcpy(l->data + l->data_n, piece.p, piece.n);
	l->data_n += piece.n;
}

static void on_event(void *context, struct slice type, bool has_data, bool has_id)
{
	struct log *l = context;
	if (has_data) {
		say(l, "data ");
		log_text(l, l->data, l->data_n);
		say(l, "\n");
	}
	l->data_n = 0;
	say(l, "event %.*s data=%d id=%d\n", (int)type.n, type.p, has_data,
	                         has_id);
}

static void on_comment(void *context, struct slice bytes)
{
	struct log *l = context;
	say(l, "comment ");
	log_text(l, (const char *)bytes.p, bytes.n);
	say(l, "\n");
}

static const struct sse_callbacks callbacks = {on_data, on_event, on_comment};

static void run(struct slice in, size_t chunk, char *out, size_t cap)
{
	struct anomaly_counts anomalies = {{0}};
	static struct log l;
	memset(&l, 0, sizeof l);
	l.out = out;
	l.cap = cap;
	struct sse *s = sse_new(&callbacks, &l, &anomalies);
	assert_non_null(s);
	for (struct slice rest = in; rest.n; rest = slice_after(rest, chunk))
		sse_feed(s, slice_first(rest, chunk));
	sse_free(s);
}

static void test_scripts(void **state)
{
	(void)state;
	int failures = 0, cases = script_run_all("sse", run, &failures);
	assert_true(cases >= 20);
	assert_int_equal(failures, 0);
}

/* A gap at each byte: never an event made of both sides, and events after the next empty line are whole. */
static void test_gap_everywhere(void **state)
{
	(void)state;
	static const char text[] =
	    "event: a\r\ndata: one\r\n\r\nevent: b\r\ndata: two\r\n\r\nevent: c\r\ndata: three\r\n\r\n";
	static const char *const whole[] = {"data one\nevent a", "data two\nevent b", "data three\nevent c"};
	const size_t ends[] = {23, 46, 71};
	assert_int_equal(sizeof text - 1, ends[2]);
	for (size_t from = 0; from < sizeof text; from++)
		for (size_t to = from; to < sizeof text; to++) {
			struct anomaly_counts anomalies = {{0}};
			static struct log l;
			char out[1024] = "";
			memset(&l, 0, sizeof l);
			l.out = out;
			l.cap = sizeof out;
			struct sse *s = sse_new(&callbacks, &l, &anomalies);
			assert_non_null(s);
			sse_feed(s, slice_of(text, from));
			l.data_n = 0;
			sse_gap(s);
			sse_feed(s, slice_of(text + to, sizeof text - 1 - to));
			sse_free(s);
			for (size_t i = 0; i < 3; i++) {
				size_t start = i ? ends[i - 1] : 0;
				/* The CR of the empty line ends an event already. The two bytes of its line end before
				 * it must be seen after a gap to know that it is empty. */
				bool before = from >= ends[i] - 1, after = to + 3 <= start;
				bool found = strstr(out, whole[i]) != NULL;
				if (before || after)
					assert_true(found);
				else if (to > start)
					assert_false(found);
			}
			/* Whatever else is there is one of the three. */
			size_t known = 0;
			for (size_t i = 0; i < 3; i++)
				known += strstr(out, whole[i]) ? strlen(whole[i]) + strlen(" data=1 id=0\n") : 0;
			assert_int_equal(strlen(out), known);
		}
}

static void test_limits(void **state)
{
	(void)state;
	struct anomaly_counts anomalies = {{0}};
	static struct log l;
	static char out[1 << 16], big[3 * LIMIT_SSE_FIELD];
	memset(&l, 0, sizeof l);
	l.out = out;
	l.cap = sizeof out;
	memset(big, 'x', sizeof big);
	struct sse *s = sse_new(&callbacks, &l, &anomalies);
	assert_non_null(s);
	/* A type of exactly the limit is whole; one more is cut and counted. */
	for (size_t extra = 0; extra < 2; extra++) {
		l.n = 0;
		sse_feed(s, SLICE_LITERAL("event: "));
		sse_feed(s, slice_of(big, LIMIT_SSE_FIELD / 2));
		sse_feed(s, slice_of(big, LIMIT_SSE_FIELD / 2 + extra));
		sse_feed(s, SLICE_LITERAL("\n\n"));
		assert_int_equal(strlen(out), strlen("event  data=0 id=0\n") + LIMIT_SSE_FIELD);
		assert_int_equal(anomalies.n[ANOMALY_SSE_LINE_LIMIT], extra);
	}
	/* A name without end is counted once and skipped. */
	l.n = 0;
	out[0] = '\0';
	for (int i = 0; i < 10; i++)
		sse_feed(s, slice_of(big, sizeof big));
	sse_feed(s, SLICE_LITERAL("\n\n"));
	assert_int_equal(anomalies.n[ANOMALY_SSE_LINE_LIMIT], 2);
	assert_string_equal(out, "");
	/* Data and comments have no limit; comments are shown cut. */
	sse_feed(s, SLICE_LITERAL(":"));
	sse_feed(s, slice_of(big, sizeof big));
	sse_feed(s, SLICE_LITERAL("\n"));
	assert_int_equal(strlen(out), strlen("comment \n") + LIMIT_SSE_FIELD);
	l.n = 0;
	sse_feed(s, SLICE_LITERAL("data:"));
	for (int i = 0; i < 1000; i++)
		sse_feed(s, slice_of(big, sizeof big));
	sse_feed(s, SLICE_LITERAL("\n\n"));
	assert_int_equal(l.data_total, 1000 * sizeof big);
	assert_int_equal(anomalies.n[ANOMALY_SSE_LINE_LIMIT], 2);
	sse_free(s);
}

static void test_callbacks_may_be_absent(void **state)
{
	(void)state;
	struct anomaly_counts anomalies = {{0}};
	struct sse *s = sse_new(&(struct sse_callbacks){0}, NULL, &anomalies);
	assert_non_null(s);
	sse_feed(s, SLICE_LITERAL("event: a\ndata: b\ndata: c\n:d\nid: e\n\n"));
	sse_free(s);
	sse_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_gap_everywhere),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_callbacks_may_be_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
