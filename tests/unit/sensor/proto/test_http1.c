/* What the hand-written streams cannot show: limits, memory, skipping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <zlib.h>

#include "http1_transcript.h"
#include "limits.h"

static struct transcript t;

static void begin(void)
{
	memset(&t, 0, sizeof t);
	transcript_init(&t);
	assert_non_null(t.h);
}

static enum parse feed(enum direction d, const char *bytes)
{
	return http1_feed(t.h, d, slice_str(bytes));
}

/* piece, n times, in segments of about 1460 bytes. */
static enum parse feed_many(enum direction d, const char *piece, size_t n)
{
	char segment[1600];
	size_t len = strlen(piece), used = 0;
	enum parse status = PARSE_MORE;
	for (size_t i = 0; i < n; i++) {
		memcpy(segment + used, piece, len);
		used += len;
		if (used + len > 1460 || i + 1 == n) {
			status = http1_feed(t.h, d, slice_of(segment, used));
			used = 0;
		}
	}
	return status;
}

static void finish(const char *want)
{
	transcript_finish(&t);
	assert_string_equal(t.text, want);
}

static void test_many_fields(void **state)
{
	(void)state;
	begin();
	feed(FROM_CLIENT, "GET / HTTP/1.1\r\nHost: a\r\n");
	assert_int_equal(feed_many(FROM_CLIENT, "X: y\r\n", 100000), PARSE_MORE);
	assert_true(http1_memory(t.h) < LIMIT_HTTP_HEADER_KEPT + 4096);
	feed(FROM_CLIENT, "\r\nGET /2 HTTP/1.1\r\n\r\n");
	assert_true(http1_memory(t.h) < 4096);
	finish("C head 1 GET / 1.1 cut\nC end 1 complete\nC head 2 GET /2 1.1\nC end 2 complete\n"
	       "anomaly http-header-limit 1\n");
}

static void test_giant_field(void **state)
{
	(void)state;
	begin();
	feed(FROM_CLIENT, "GET / HTTP/1.1\r\nX: ");
	assert_int_equal(feed_many(FROM_CLIENT, "0123456789", 100000), PARSE_MORE);
	assert_true(http1_memory(t.h) < LIMIT_HTTP_HEADER_KEPT + 4096);
	feed(FROM_CLIENT, "\r\nY: z\r\n\r\n");
	finish("C head 1 GET / 1.1 cut\nC end 1 complete\nanomaly http-header-limit 1\n");
}

static void test_endless_head(void **state)
{
	(void)state;
	static const char *const heads[] = {"GET / HTTP/1.1\r\nX: ", "GET /", "GET / HTTP/1.1\r\nX", "\r\n"};
	for (size_t i = 0; i < 4; i++) {
		begin();
		feed(FROM_CLIENT, heads[i]);
		size_t left = LIMIT_HTTP_HEADER_BYTES - strlen(heads[i]);
		const char *filler = i == 3 ? "\n" : "a";
		assert_int_equal(feed_many(FROM_CLIENT, filler, left), PARSE_MORE);
		assert_int_equal(feed(FROM_CLIENT, filler), PARSE_BAD);
		assert_int_equal(http1_skippable(t.h, FROM_CLIENT), UINT64_MAX);
		finish("anomaly http-syntax 1\n");
	}
}

static void test_target_cut(void **state)
{
	(void)state;
	begin();
	feed(FROM_CLIENT, "GET /");
	feed_many(FROM_CLIENT, "0123456789", 10000);
	feed(FROM_CLIENT, " HTTP/1.1\r\nHost: a\r\n\r\n");
	transcript_stop_joining(&t);
	assert_true(t.n > 32000 && t.n < 33000);
	assert_non_null(strstr(t.text, " 1.1 cut\n"));
	transcript_finish(&t);
}

static void test_pipeline_flood(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 10000; i++) {
		feed(FROM_CLIENT, "GET / HTTP/1.1\r\n\r\n");
		t.n = 0;
	}
	assert_true(http1_memory(t.h) < 8192);
	for (int i = 0; i < 10000 - LIMIT_HTTP_PIPELINE; i++)
		feed(FROM_SERVER, "HTTP/1.1 204 No\r\n\r\n"), t.n = 0;
	feed(FROM_SERVER, "HTTP/1.1 204 No\r\n\r\n");
	for (int i = 1; i < LIMIT_HTTP_PIPELINE - 1; i++)
		feed(FROM_SERVER, "HTTP/1.1 204 No\r\n\r\n");
	assert_int_equal(strncmp(t.text, "S head 9937 204 GET 1.1\n", 24), 0);
	t.n = 0;
	feed(FROM_SERVER, "HTTP/1.1 204 No\r\n\r\n");
	assert_true(http1_memory(t.h) < 4096);
	finish("S head 10000 204 GET 1.1\nS end 10000 complete\nanomaly http-pipeline-limit 1\n");
}

static void test_interim_flood(void **state)
{
	(void)state;
	begin();
	feed(FROM_CLIENT, "GET / HTTP/1.1\r\n\r\n");
	for (int i = 0; i < 100000; i++) {
		feed(FROM_SERVER, "HTTP/1.1 102 Processing\r\n\r\n");
		t.n = 0;
	}
	assert_true(http1_memory(t.h) < 4096);
	feed(FROM_SERVER, "HTTP/1.1 204 No\r\n\r\n");
	finish("S head 1 204 GET 1.1\nS end 1 complete\n");
}

static void test_held_bound(void **state)
{
	(void)state;
	begin();
	feed(FROM_CLIENT, "CONNECT a:1 HTTP/1.1\r\n\r\n");
	feed_many(FROM_CLIENT, "0123456789", 20000);
	assert_true(http1_memory(t.h) < LIMIT_HTTP_HELD + 4096);
	feed(FROM_SERVER, "HTTP/1.1 200 OK\r\n\r\n");
	assert_true(http1_memory(t.h) < 4096);
	transcript_finish(&t);
	const char *tunnel = strstr(t.text, "C tunnel ");
	assert_non_null(tunnel);
	assert_int_equal(strcspn(tunnel, "\n"), strlen("C tunnel ") + LIMIT_HTTP_HELD);
	assert_string_equal(strchr(tunnel, '\n') + 1, "C tunnel-gap 134464\n");

	/* Refused: what was not kept is a gap, and the place is found again. */
	begin();
	feed(FROM_CLIENT, "CONNECT a:1 HTTP/1.1\r\n\r\n");
	feed(FROM_CLIENT, "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
	feed_many(FROM_CLIENT, "0123456789", 10000);
	feed(FROM_CLIENT, "GET /hidden HTTP/1.1\r\n\r\n");
	t.want[FROM_CLIENT] = false;
	feed(FROM_SERVER, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	feed(FROM_CLIENT, "GET /seen HTTP/1.1\r\n\r\n");
	finish("C head 1 CONNECT a:1 1.1\nC end 1 complete\nS head 1 403 CONNECT 1.1\nS end 1 complete\n"
	       "C head 2 POST / 1.1\nC end 2 cut\nC head 3 GET /seen 1.1 resynced\nC end 3 complete\n");
}

static void test_idle_memory(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 3; i++) {
		feed(FROM_CLIENT, "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\nX: ");
		feed_many(FROM_CLIENT, "0123456789", 2000);
		feed(FROM_CLIENT, "\r\n\r\n\x1f\x8b");
		assert_true(http1_memory(t.h) > 40000);
		feed(FROM_CLIENT, "\x08");
		feed(FROM_SERVER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		assert_true(http1_memory(t.h) < 3072);
	}
	transcript_finish(&t);
}

static void test_skippable(void **state)
{
	(void)state;
	begin();
	assert_int_equal(http1_skippable(t.h, FROM_CLIENT), 0);
	feed(FROM_CLIENT, "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
	assert_int_equal(http1_skippable(t.h, FROM_CLIENT), 0); /* wanted */
	feed(FROM_CLIENT, "012345678");
	t.want[FROM_CLIENT] = t.want[FROM_SERVER] = false;
	feed(FROM_CLIENT, "POST / HTTP/1.1\r\nContent-Length: 10000000000\r\n\r\nabc");
	assert_int_equal(http1_skippable(t.h, FROM_CLIENT), 9999999997u);
	http1_skipped(t.h, FROM_CLIENT, 9999999990u);
	assert_int_equal(http1_skippable(t.h, FROM_CLIENT), 7);
	feed(FROM_CLIENT, "0123456");
	feed(FROM_SERVER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_int_equal(http1_skippable(t.h, FROM_SERVER), 0);
	feed(FROM_SERVER, "ff\r\n");
	assert_int_equal(http1_skippable(t.h, FROM_SERVER), 255);
	http1_skipped(t.h, FROM_SERVER, 255);
	assert_int_equal(http1_skippable(t.h, FROM_SERVER), 0);
	feed(FROM_SERVER, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc");
	assert_int_equal(http1_skippable(t.h, FROM_SERVER), UINT64_MAX);
	http1_skipped(t.h, FROM_SERVER, UINT64_MAX);
	assert_int_equal(http1_skippable(t.h, FROM_SERVER), UINT64_MAX);
	http1_eof(t.h, FROM_SERVER);
	finish("C head 1 POST / 1.1\nC body 1 012345678\nC end 1 complete\nC head 2 POST / 1.1\nC end 2 complete\n"
	       "S head 1 200 POST 1.1\nS end 1 complete\nS head 2 200 POST 1.1\nS end 2 complete\n");
}

static void test_bomb(void **state)
{
	(void)state;
	static uint8_t zeros[1 << 16], coded[1 << 15];
	char head[200];
	begin();
	t.count_only = true;
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = coded;
	z.avail_out = sizeof coded;
	for (int i = 0; i < 200; i++) {
		z.next_in = zeros;
		z.avail_in = sizeof zeros;
		assert_int_equal(deflate(&z, i == 199 ? Z_FINISH : Z_NO_FLUSH), i == 199 ? Z_STREAM_END : Z_OK);
	}
	size_t n = sizeof coded - z.avail_out;
	deflateEnd(&z);
	snprintf(head, sizeof head, "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
	feed(FROM_CLIENT, head);
	for (size_t at = 0; at < n; at += 1000) {
		http1_feed(t.h, FROM_CLIENT, slice_first(slice_of(coded + at, n - at), 1000));
		assert_true(http1_memory(t.h) < (64u << 10));
	}
	assert_int_equal(t.body_bytes, 1u << 20);
	assert_true(http1_memory(t.h) < 4096);
	feed(FROM_CLIENT, "GET /after HTTP/1.1\r\n\r\n");
	finish("C head 1 POST / 1.1\nC end 1 cut\nC head 2 GET /after 1.1\nC end 2 complete\n"
	       "anomaly http-unfold-limit 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_giant_field),
		cmocka_unit_test(test_endless_head),
		cmocka_unit_test(test_target_cut),
		cmocka_unit_test(test_pipeline_flood),
		cmocka_unit_test(test_interim_flood),
		cmocka_unit_test(test_held_bound),
		cmocka_unit_test(test_idle_memory),
		cmocka_unit_test(test_skippable),
		cmocka_unit_test(test_bomb),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
