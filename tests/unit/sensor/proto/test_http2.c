/* The bounds of http2: what a flood costs, and which streams stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http2_build.h"
#include "http2_transcript.h"
#include "limits.h"

static struct transcript t;
static struct http2_build b;

static void begin(void)
{
	transcript_init(&t);
	assert_non_null(t.h);
	build_init(&b);
	http2_feed(t.h, FROM_CLIENT, SLICE_LITERAL(HTTP2_PREFACE));
}

static enum parse say(enum direction d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static enum parse say(enum direction d, const char *format, ...)
{
	static char line[1 << 13];
	va_list ap;
	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	b.n = 0;
	assert_true(build_line(&b, d, line));
	t.n = t.n > 60000 ? 0 : t.n;
	return http2_feed(t.h, d, slice_of(b.bytes, b.n));
}

static void end(void)
{
	transcript_finish(&t);
	build_done(&b);
}

#define GET " end | :method GET | :scheme http | :path / | :authority a"
#define POST " | :method POST | :scheme http | :path / | :authority a"

static void test_streams_are_bounded(void **state)
{
	(void)state;
	begin();
	/* one that is read, and then idle ones: they leave, it stays */
	t.want[FROM_CLIENT] = false;
	say(FROM_CLIENT, "headers 1" GET);
	say(FROM_SERVER, "headers 1 | :status 200");
	for (unsigned id = 3; id < 4000; id += 2)
		say(FROM_CLIENT, "headers %u" POST, id);
	assert_int_equal(t.anomalies.n[ANOMALY_HTTP2_STREAMS_LIMIT], 1);
	size_t at = t.n;
	say(FROM_SERVER, "data 1 end | still here");
	transcript_stop_joining(&t);
	assert_string_equal(t.text + at, "S body 1 still here\nS end 1 complete\n");
	assert_true(http2_memory(t.h) < (1u << 16));
	end();
}

static void test_bodies_are_bounded(void **state)
{
	(void)state;
	begin();
	for (unsigned id = 1; id < 2 * LIMIT_HTTP2_BODIES + 2; id += 2)
		say(FROM_CLIENT, "headers %u" POST, id);
	assert_int_equal(t.anomalies.n[ANOMALY_HTTP2_STREAMS_LIMIT], 1);
	size_t at = t.n;
	say(FROM_CLIENT, "data 1 | the oldest left");
	say(FROM_CLIENT, "data 3 | the next did not");
	transcript_stop_joining(&t);
	assert_string_equal(t.text + at, "C body 2 the next did not\n");
	end();
}

static void test_continuations_are_bounded(void **state)
{
	(void)state;
	begin();
	/* any number of frames costs time in proportion and no memory, so it may not hide the request either */
	say(FROM_CLIENT, "frame 1 0 1 | %%82");
	size_t before = http2_memory(t.h);
	for (unsigned i = 0; i < 4 * LIMIT_HTTP2_CONTINUATIONS; i++) {
		assert_int_equal(say(FROM_CLIENT, "frame 9 0 1"), PARSE_MORE);
		assert_int_equal(t.anomalies.n[ANOMALY_HTTP2_CONTINUATION_LIMIT], i >= LIMIT_HTTP2_CONTINUATIONS);
	}
	assert_int_equal(http2_memory(t.h), before);
	assert_int_equal(say(FROM_CLIENT, "frame 9 4 1 | %%84%%86"), PARSE_MORE);
	assert_non_null(strstr(t.text, "C head 1 GET /"));
	end();

	/* and by bytes: literals without end, of which a bounded part is kept */
	static uint8_t block[16384 + HTTP2_FRAME_HEADER];
	begin();
	struct http2_build frame;
	unsigned frames = 0;
	enum parse status = PARSE_MORE;
	for (; status == PARSE_MORE && frames < 100; frames++) {
		build_init(&frame);
		build_header(&frame, 16384, frames ? HTTP2_CONTINUATION : HTTP2_HEADERS, 0, 1);
		memcpy(block, frame.bytes, HTTP2_FRAME_HEADER);
		for (size_t i = HTTP2_FRAME_HEADER; i < sizeof block; i += 4) /* x: y, not indexed */
			memcpy(block + i, "\x00\x01x\x00", 4);
		build_done(&frame);
		status = http2_feed(t.h, FROM_CLIENT, slice_of(block, sizeof block));
		assert_true(http2_memory(t.h) < LIMIT_HTTP_HEADER_KEPT + (1u << 16));
	}
	assert_int_equal(status, PARSE_BAD);
	assert_int_equal(frames, LIMIT_HTTP_HEADER_BYTES / 16384 + 1);
	end();
}

/* Each head that is tried costs a table full of place-holders: tries in vain must be paid for with bytes. */
static void test_tries_to_find_a_place_are_bounded(void **state)
{
	(void)state;
	static const uint8_t filler[LIMIT_HTTP2_PLACE_BYTES] = {'x'};
	begin();
	http2_gap(t.h, FROM_CLIENT, 0);
	for (unsigned i = 0; i < LIMIT_HTTP2_PLACES; i++)
		say(FROM_CLIENT, "frame 1 5 1 | %%ff%%ff%%ff%%ff");
	size_t at = t.n;
	say(FROM_CLIENT, "headers 3" GET);
	assert_string_equal(t.text + at, "");
	for (unsigned i = 0; i < 2; i++)
		http2_feed(t.h, FROM_CLIENT, slice_of(filler, sizeof filler));
	say(FROM_CLIENT, "headers 5" GET);
	assert_non_null(strstr(t.text + at, "GET /"));
	/* an answer that fits vouches for the place, and all tries are there again */
	say(FROM_SERVER, "headers 5 end | :status 200");
	http2_gap(t.h, FROM_CLIENT, 0);
	for (unsigned i = 0; i < LIMIT_HTTP2_PLACES - 1; i++)
		say(FROM_CLIENT, "frame 1 5 1 | %%ff%%ff%%ff%%ff");
	at = t.n;
	say(FROM_CLIENT, "headers 7" GET);
	assert_non_null(strstr(t.text + at, "GET /"));
	end();
}

static void test_an_entry_asked_for_a_million_times(void **state)
{
	(void)state;
	static char value[2048];
	begin();
	memset(value, 'v', sizeof value - 1);
	say(FROM_CLIENT, "headers 1" GET " | x-bomb %s", value);
	struct http2_build bomb;
	build_init(&bomb);
	build_header(&bomb, 16384, HTTP2_HEADERS, HTTP2_END_HEADERS | HTTP2_END_STREAM, 3);
	build_bytes(&bomb, "\x82\x84\x86", 3);
	memset(bomb.bytes + bomb.n, 0xbe, 16381);
	bomb.n += 16381;
	size_t before = http2_memory(t.h), at = t.n;
	http2_feed(t.h, FROM_CLIENT, slice_of(bomb.bytes, bomb.n));
	assert_true(http2_memory(t.h) <= before + 4096);
	assert_non_null(strstr(t.text + at, "C head 2 GET / - cut"));
	assert_int_equal(t.anomalies.n[ANOMALY_HTTP_HEADER_LIMIT], 1);
	build_done(&bomb);
	end();
}

static void test_floods_have_names(void **state)
{
	(void)state;
	begin();
	for (unsigned id = 1; id < 2 * LIMIT_HTTP2_RESETS + 20; id += 2) {
		say(FROM_CLIENT, "headers %u" GET, id);
		say(FROM_CLIENT, "reset %u", id);
	}
	for (unsigned i = 0; i < LIMIT_HTTP2_CONTROLS + 10; i++)
		say(FROM_SERVER, "settings");
	assert_int_equal(t.anomalies.n[ANOMALY_HTTP2_RESET_FLOOD], 1);
	assert_int_equal(t.anomalies.n[ANOMALY_HTTP2_CONTROL_FLOOD], 1);
	assert_int_equal(t.anomalies.n[ANOMALY_HTTP2_STREAMS_LIMIT], 0);
	assert_true(http2_memory(t.h) < (1u << 14));
	end();
}

static void test_first_bytes(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		enum direction d;
		bool looks, sure;
	} samples[] = {
	    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, FROM_CLIENT, true, true},
	    {"PRI * HT", 8, FROM_CLIENT, true, false},
	    {"PRI * HTTP/2.0\r\n\r\nXX", 20, FROM_CLIENT, false, true},
	    {"PRINT", 5, FROM_CLIENT, false, true},
	    {"\0\0\x12\4\0\0\0\0\0", 9, FROM_SERVER, true, true},
	    {"\0\0\0\4\0\0\0\0\0", 9, FROM_SERVER, true, true},
	    {"\0\0\x12\4", 4, FROM_SERVER, true, false},
	    {"\0\0\x13\4\0\0\0\0\0", 9, FROM_SERVER, false, true}, /* no multiple of six */
	    {"\0\0\0\4\1\0\0\0\0", 9, FROM_SERVER, false, true},   /* an acknowledgement first */
	    {"\0\0\0\x0d\6\0\0\0\0", 9, FROM_SERVER, false, true}, /* BitTorrent asks for a piece */
	    {"\0\0\0\x1f\0\3\0\0", 8, FROM_SERVER, false, true},   /* Kafka */
	    {"\x4a\0\0\0\x0a"
	     "8.0.33",
	     11, FROM_SERVER, false, true}, /* MySQL */
	};
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		bool sure;
		assert_int_equal(http2_looks_like(slice_of(samples[i].bytes, samples[i].n), samples[i].d, &sure),
				 samples[i].looks);
		assert_int_equal(sure, samples[i].sure);
	}
}

static void test_found_in_the_middle(void **state)
{
	(void)state;
	static const char *const heads[] = {"headers 7 end | :status 200 | server nginx",
					    "headers 7 | :method POST | :scheme http | :path /mcp"};
	enum direction speaker;
	begin();
	for (int d = 0; d < 2; d++) {
		b.n = 0;
		char line[128];
		snprintf(line, sizeof line, "%s", "frame 8 0 7 | %00%00%00%09");
		build_line(&b, FROM_SERVER, line);
		snprintf(line, sizeof line, "%s", heads[d]);
		build_line(&b, FROM_SERVER, line);
		assert_true(http2_found(slice_of(b.bytes, b.n), &speaker));
		assert_int_equal(speaker, d ? FROM_CLIENT : FROM_SERVER);
		assert_false(http2_found(slice_of(b.bytes, b.n - 1), &speaker)); /* its block is cut */
		assert_false(http2_found(slice_of(b.bytes + 1, b.n - 1), &speaker));
		b.bytes[22] ^= 0x80; /* the stream's reserved bit, or what stands there */
		b.bytes[13 + 3] = 0;
		assert_false(http2_found(slice_of(b.bytes, b.n), &speaker)); /* DATA without a head tells nothing */
	}
	assert_false(http2_found(SLICE_LITERAL("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), &speaker));
	assert_false(http2_found(SLICE_LITERAL("\0\0\5\1\4\0\0\0\3"
					       "abcde"),
				 &speaker));
	assert_false(http2_found(SLICE_LITERAL("\0\0\1\1\4\0\0\0\3"
					       "\x90"),
				 &speaker)); /* accept-encoding alone */
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_streams_are_bounded),       cmocka_unit_test(test_bodies_are_bounded),
	    cmocka_unit_test(test_continuations_are_bounded), cmocka_unit_test(test_an_entry_asked_for_a_million_times),
	    cmocka_unit_test(test_tries_to_find_a_place_are_bounded),
	    cmocka_unit_test(test_floods_have_names),         cmocka_unit_test(test_first_bytes),
	    cmocka_unit_test(test_found_in_the_middle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
