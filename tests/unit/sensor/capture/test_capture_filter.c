#include "capture_build.h"

#include "capture_filter.h"

/* IPv4, TCP, port 8080 to 443; an Ethernet header of 14 bytes before it. */
static const uint8_t tcp[] = {
    0x02, 0, 0, 0,  0, 1, 0x02, 0,    0,    0,    0,    2, 0x08, 0x00, 0x45, 0, 0, 40, 0, 0,    0, 0, 64, 6, 0, 0, 10,
    0,    0, 1, 10, 0, 0, 2,    0x1f, 0x90, 0x01, 0xbb, 0, 0,    0,    1,    0, 0, 0,  0, 0x50, 2, 0, 0,  0, 0, 0, 0,
};

static struct frame frame_of(uint32_t link_type, struct slice s)
{
	return (struct frame){.data = s.p, .caplen = (uint32_t)s.n, .len = (uint32_t)s.n, .link_type = link_type};
}

static struct capture_filter *filter(const char *expression)
{
	struct capture_filter *f = NULL;
	char error[256] = "";
	assert_int_equal(capture_filter_new(expression, &f, error, sizeof error), 0);
	assert_non_null(f);
	return f;
}

static void test_link_types(void **state)
{
	(void)state;
	struct slice ethernet = slice_of(tcp, sizeof tcp), ip = slice_after(ethernet, 14);
	uint8_t null[sizeof tcp] = {2}, cooked[sizeof tcp + 2] = {[14] = 0x08};
	memcpy(null + 4, ip.p, ip.n);
	memcpy(cooked + 16, ip.p, ip.n);
	const struct frame frames[] = {
	    frame_of(1, ethernet),
	    frame_of(101, ip),
	    frame_of(228, ip),
	    frame_of(0, slice_of(null, ip.n + 4)),
	    frame_of(113, slice_of(cooked, ip.n + 16)),
	};
	struct capture_filter *yes = filter("tcp port 443 and host 10.0.0.2"), *no = filter("tcp port 80");
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < ARRAY(frames); i++) {
			assert_true(capture_filter_matches(yes, &frames[i]));
			assert_false(capture_filter_matches(no, &frames[i]));
		}
	assert_int_equal(capture_filter_refused(yes), 0);
	assert_int_equal(capture_filter_refused(no), 0);
	capture_filter_free(yes);
	capture_filter_free(no);
}

/* Link types that cannot be compiled are refused and counted, and do not get in the way of those that can. */
static void test_refused(void **state)
{
	(void)state;
	struct slice ethernet = slice_of(tcp, sizeof tcp);
	struct capture_filter *f = filter("tcp port 443");
	uint64_t expected = 0;
	for (uint32_t link_type = 300; link_type < 3000; link_type++) {
		struct frame frame = frame_of(link_type, ethernet);
		assert_false(capture_filter_matches(f, &frame));
		assert_int_equal(capture_filter_refused(f), ++expected);
	}
	struct frame highest = frame_of(UINT32_MAX, ethernet), good = frame_of(1, ethernet);
	assert_false(capture_filter_matches(f, &highest));
	assert_int_equal(capture_filter_refused(f), ++expected);
	assert_true(capture_filter_matches(f, &good));
	assert_int_equal(capture_filter_refused(f), expected);
	capture_filter_free(f);
}

/* A filter reads no byte that was not captured, and knows both lengths. */
static void test_lengths(void **state)
{
	(void)state;
	struct capture_filter *port = filter("tcp port 443"), *large = filter("greater 1000");
	for (size_t n = 0; n <= sizeof tcp; n++) {
		uint8_t *exact = malloc(n ? n : 1);
		assert_non_null(exact);
		memcpy(exact, tcp, n);
		struct frame frame = frame_of(1, slice_of(exact, n));
		frame.len = 1500;
		assert_int_equal(capture_filter_matches(port, &frame), n >= 38);
		assert_true(capture_filter_matches(large, &frame));
		free(exact);
	}
	capture_filter_free(port);
	capture_filter_free(large);
}

static void test_typo(void **state)
{
	(void)state;
	struct capture_filter *f = NULL;
	char error[256] = "", tiny[4];
	assert_int_equal(capture_filter_new("tcp prot 443", &f, error, sizeof error), FAIL_CONFIG);
	assert_null(f);
	assert_non_null(strstr(error, "syntax error"));
	assert_int_equal(capture_filter_new("port 99999999", &f, tiny, sizeof tiny), FAIL_CONFIG);
	assert_int_equal(strlen(tiny), 3);
	capture_filter_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_link_types),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_typo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
