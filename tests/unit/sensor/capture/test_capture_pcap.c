#include "capture_build.h"

static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34};

static void test_orders_and_resolutions(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++)
		for (size_t m = 0; m < ARRAY(magics); m++) {
			struct bytes b = {.big = big};
			pcap_header(&b, magics[m], 113);
			for (unsigned i = 0; i < 3; i++) {
				put_u32(&b, 1700000000 + i);
				put_u32(&b, 123456);
				put_u32(&b, 60 + i);
				put_u32(&b, 1500);
				if (m == 2)
					put_number(&b, 0x1122334455667788, 8);
				put_pattern(&b, i, 60 + i);
			}
			for (int through_pipe = 0; through_pipe < 2; through_pipe++) {
				struct collected *c =
				    through_pipe ? collect_pipe(bytes_slice(&b)) : collect_file(bytes_slice(&b));
				assert_int_equal(c->outcome, 0);
				assert_int_equal(c->n, 3);
				assert_int_equal(c->stable, !through_pipe);
				for (unsigned i = 0; i < 3; i++)
					assert_frame(c, i,
						     (1700000000 + (int64_t)i) * 1000000000 +
							 (m == 1 ? 123456 : 123456000),
						     113, 60 + i, 1500, i);
				collected_free(c);
			}
			bytes_done(&b);
		}
}

/* What a header says of a frame, and what becomes of it. */
static void test_odd_records(void **state)
{
	(void)state;
	struct bytes b = {0};
	pcap_header(&b, 0xa1b2c3d4, 0x2400000c);
	pcap_record(&b, 0, 0, 10, 4, 1);                  /* captured more than there was */
	pcap_record(&b, UINT32_MAX, UINT32_MAX, 5, 5, 2); /* the latest time there is, and half a second too much */
	pcap_record(&b, 1, 0, 0, UINT32_MAX, 3);
	pcap_record(&b, 0, 5, LIMIT_FRAME_BYTES, LIMIT_FRAME_BYTES, 4); /* backwards, and as large as can be */
	struct collected *c = collect_file(bytes_slice(&b));
	assert_int_equal(c->outcome, 0);
	assert_int_equal(c->n, 4);
	assert_frame(c, 0, 0, 101, 10, 10, 1);
	assert_frame(c, 1, (int64_t)UINT32_MAX * 1000000000 + (int64_t)UINT32_MAX * 1000, 101, 5, 5, 2);
	assert_frame(c, 2, 1000000000, 101, 0, UINT32_MAX, 3);
	assert_frame(c, 3, 5000, 101, LIMIT_FRAME_BYTES, LIMIT_FRAME_BYTES, 4);
	collected_free(c);
	bytes_done(&b);
}

static void test_length_lie(void **state)
{
	(void)state;
	static const uint32_t lies[] = {LIMIT_FRAME_BYTES + 1, 0x7fffffff, 0x80000000, UINT32_MAX - 15, UINT32_MAX};
	for (size_t i = 0; i < ARRAY(lies); i++) {
		struct bytes b = {0};
		pcap_sample(&b, 2);
		put_u32(&b, 1700000002);
		put_u32(&b, 0);
		put_u32(&b, lies[i]);
		put_u32(&b, 60);
		put_pattern(&b, 0, 64);
		for (int through_pipe = 0; through_pipe < 2; through_pipe++) {
			struct collected *c =
			    through_pipe ? collect_pipe(bytes_slice(&b)) : collect_file(bytes_slice(&b));
			assert_int_equal(c->outcome, FAIL_INPUT);
			assert_int_equal(c->n, 2);
			assert_sample(c);
			/* header 24, packet of 0, packet of 7 */
			assert_non_null(
			    strstr(c->error, "frame 3 at byte 63: expected a packet of at most 1048576 bytes"));
			collected_free(c);
		}
		bytes_done(&b);
	}
}

static void test_header_short(void **state)
{
	(void)state;
	struct bytes b = {0};
	pcap_header(&b, 0xa1b2c3d4, 1);
	for (size_t n = 0; n <= 24; n++) {
		struct collected *c = collect_file(slice_first(bytes_slice(&b), n));
		assert_int_equal(c->outcome, n == 24 ? 0 : FAIL_INPUT);
		assert_int_equal(c->n, 0);
		if (n == 0)
			assert_non_null(
			    strstr(c->error, "not a capture file: expected pcap or pcapng, found an empty file"));
		else if (n >= 4 && n < 24)
			assert_non_null(strstr(c->error, "expected a pcap header of 24 bytes, found "));
		collected_free(c);
	}
	bytes_done(&b);
}

/* Cut at every byte: all whole frames come, then the end (between records) or an error that says what is missing. */
static void test_truncated(void **state)
{
	(void)state;
	struct bytes b = {0};
	pcap_sample(&b, 6);
	size_t ends[6], at = 24;
	for (size_t i = 0; i < 6; i++)
		ends[i] = at += 16 + i * 7;
	assert_int_equal(at, b.n);
	for (size_t n = 24; n <= b.n; n++)
		for (int through_pipe = 0; through_pipe < 2; through_pipe++) {
			struct slice cut = slice_first(bytes_slice(&b), n);
			struct collected *c = through_pipe ? collect_pipe(cut) : collect_file(cut);
			size_t whole = 0, clean = n == 24;
			for (size_t i = 0; i < 6; i++) {
				whole += ends[i] <= n;
				clean |= ends[i] == n;
			}
			assert_int_equal(c->n, whole);
			assert_sample(c);
			assert_int_equal(c->outcome, clean ? 0 : FAIL_INPUT);
			if (!clean) {
				char where[64];
				snprintf(where, sizeof where, "frame %zu at byte %zu: expected ", whole + 1,
					 whole ? ends[whole - 1] : 24);
				assert_non_null(strstr(c->error, where));
			}
			collected_free(c);
		}
	bytes_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_orders_and_resolutions),
	    cmocka_unit_test(test_odd_records),
	    cmocka_unit_test(test_length_lie),
	    cmocka_unit_test(test_header_short),
	    cmocka_unit_test(test_truncated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
