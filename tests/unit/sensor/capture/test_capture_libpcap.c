#include "capture_build.h"

/* pcap 2.3: written when programs disagreed on which of the two lengths comes first. Our own reader leaves it to
 * libpcap, which swaps them where the first is the larger one. */
static void put_old_pcap(struct bytes *b, unsigned n)
{
	put_u32(b, 0xa1b2c3d4);
	put_u16(b, 2);
	put_u16(b, 3);
	put_number(b, 0, 8);
	put_u32(b, 65535);
	put_u32(b, 12);
	for (unsigned i = 0; i < n; i++) {
		put_u32(b, 1700000000 + i);
		put_u32(b, i);
		put_u32(b, 100); /* on the wire */
		put_u32(b, 40 + i);
		put_pattern(b, i, 40 + i);
	}
}

static void assert_old(const struct collected *c)
{
	for (unsigned i = 0; i < c->n; i++)
		assert_frame(c, i, (1700000000 + (int64_t)i) * 1000000000 + (int64_t)i * 1000, 101, 40 + i, 100, i);
}

static void test_old_pcap(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct bytes b = {.big = big}, packed = {0};
		put_old_pcap(&b, 5);
		put_gzip(&packed, bytes_slice(&b));
		struct collected *c[3] = {collect_file(bytes_slice(&b)), collect_pipe(bytes_slice(&b)),
					  collect_file(bytes_slice(&packed))};
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(c[i]->outcome, 0);
			assert_int_equal(c[i]->n, 5);
			assert_false(c[i]->stable); /* libpcap reuses its buffer */
			assert_old(c[i]);
			collected_free(c[i]);
		}
		bytes_done(&packed);
		bytes_done(&b);
	}
}

static void test_truncated(void **state)
{
	(void)state;
	struct bytes b = {0}, packed = {0};
	put_old_pcap(&b, 2);
	for (size_t n = 24; n <= b.n; n++) {
		struct collected *c = collect_file(slice_first(bytes_slice(&b), n));
		size_t first = 24 + 56, second = first + 57;
		assert_int_equal(c->n, (n >= first) + (n >= second));
		assert_old(c);
		assert_int_equal(c->outcome, n == 24 || n == first || n == second ? 0 : FAIL_INPUT);
		if (c->outcome)
			assert_non_null(strstr(c->error, "libpcap: truncated dump file"));
		collected_free(c);
	}
	/* What is wrong with the packing is said before what libpcap makes of it. */
	put_gzip(&packed, bytes_slice(&b));
	struct collected *c = collect_file(slice_first(bytes_slice(&packed), packed.n - 1));
	assert_int_equal(c->n, 2);
	assert_int_equal(c->outcome, FAIL_INPUT);
	assert_non_null(strstr(
	    c->error, "frame 3 at unpacked byte 137: expected a packet, but the packed data ends in its middle"));
	collected_free(c);
	bytes_done(&packed);
	bytes_done(&b);
}

/* libpcap calls these times negative in one byte order. */
static void test_late_times(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct bytes b = {.big = big};
		put_old_pcap(&b, 0);
		put_u32(&b, 0xfffffff0);
		put_u32(&b, 3);
		put_u32(&b, 4);
		put_u32(&b, 4);
		put_pattern(&b, 0, 4);
		struct collected *c = collect_file(bytes_slice(&b));
		assert_int_equal(c->outcome, 0);
		assert_int_equal(c->n, 1);
		assert_frame(c, 0, INT64_C(0xfffffff0) * 1000000000 + 3000, 101, 4, 4, 0);
		collected_free(c);
		bytes_done(&b);
	}
}

static void test_unknown(void **state)
{
	(void)state;
	struct collected *c = collect_file(SLICE_LITERAL("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"));
	assert_int_equal(c->outcome, FAIL_INPUT);
	assert_int_equal(c->n, 0);
	assert_non_null(strstr(c->error, "expected a capture file, pcap or pcapng (libpcap: "));
	collected_free(c);
	struct bytes b = {0};
	put_u32(&b, 0xa1b2c3d4);
	put_u16(&b, 1); /* before any that is known */
	put_number(&b, 0, 8);
	put_number(&b, 0, 8);
	put_u16(&b, 0);
	c = collect_file(bytes_slice(&b));
	assert_int_equal(c->outcome, FAIL_INPUT);
	collected_free(c);
	bytes_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_old_pcap),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_late_times),
	    cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
