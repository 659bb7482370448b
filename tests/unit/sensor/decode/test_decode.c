#include "frame_build.h"

#include "limits.h"
#include <sys/resource.h>

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static struct build b;

/* Part of a TCP segment of 20 + 40 bytes, as an IPv4 fragment. */
static void fragment4(unsigned from, unsigned to, bool more)
{
	static struct build segment;
	segment.n = 0;
	put_tcp(&segment, "0123456789abcdefghijABCDEFGHIJ0987654321");
	b.n = 0;
	put_ethernet(&b, 0x0800);
	put_ip4_fragment(&b, IP_PROTO_TCP, to - from, 7, from / 8 | (more ? 0x2000 : 0));
	put_bytes(&b, segment.b + from, to - from);
}

static void fragment6(unsigned from, unsigned to, bool more)
{
	static struct build segment;
	segment.n = 0;
	put_bytes(&segment, "\x06\0\0\0\0\0\0\0", 8); /* destination options, part of what is cut up */
	put_tcp(&segment, "0123456789abcdefghijABCDEFGHIJ0987654321");
	b.n = 0;
	put_ethernet(&b, 0x86dd);
	put_ip6(&b, 0, 8 + 8 + to - from);
	put_bytes(&b, "\x2c\0\1\4\0\0\0\0", 8); /* hop-by-hop, not part of it */
	put_bytes(&b, "\x3c\0", 2);
	put_u16(&b, from | more);
	put_u32(&b, 77);
	put_bytes(&b, segment.b + from, to - from);
}

static void a_fragmented_segment_is_read_when_it_is_whole(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	for (int family = 4; family <= 6; family += 2) {
		void (*fragment)(unsigned, unsigned, bool) = family == 4 ? fragment4 : fragment6;
		unsigned end = family == 4 ? 60 : 68;
		fragment(48, end, false);
		put_zeros(&b, 6); /* padding of a short frame */
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_HELD);
		assert_true(decoder_memory(t.decoder) > 0);
		fragment(0, 16, true); /* not even the TCP header */
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_HELD);
		fragment(16, 48, true);
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
		assert_int_equal(decoder_memory(t.decoder), 0);
		assert_payload(&p, "0123456789abcdefghijABCDEFGHIJ0987654321");
		assert_int_equal(p.payload_bytes, 40);
		assert_int_equal(p.frame, t.frame.number);
		assert_int_equal(p.tcp_seq, 1000);
		assert_int_equal(p.src_port, 40000);
		assert_int_equal(p.wire_bytes, family == 4 ? 80 : 40 + 8 + 68);
		assert_addr(&p.dst, family == 4 ? "10.0.0.2" : "fd00::2");
		assert_memory_equal(p.src_mac, "\x02\0\0\0\0\x05", 6);
		assert_int_equal(p.ip[0] >> 4, family);
		assert_int_equal(p.ip_n, family == 4 ? 80 : 40 + 68);
	}
	assert_int_equal(bench_only(&t, ANOMALY_FRAGMENT_BAD), 0);
	bench_done(&t);
}

static void a_cut_fragment_gives_what_came_before_the_cut(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	for (unsigned captured = 0; captured <= 32; captured++) {
		fragment4(0, 32, true);
		assert_int_equal(bench_decode_cut(&t, &b, 34 + captured, b.n, &p), DECODE_HELD);
		assert_int_equal(t.anomalies.n[ANOMALY_PACKET_CUT], captured < 32);
		fragment4(32, 60, false);
		enum decode_result result = bench_decode(&t, &b, &p);
		assert_int_equal(result, captured < 20 ? DECODE_REFUSED : DECODE_PACKET);
		if (result == DECODE_PACKET) {
			assert_int_equal(p.payload.n, captured < 32 ? captured - 20 : 40);
			assert_int_equal(p.payload_bytes, 40);
		}
		t.anomalies.n[ANOMALY_PACKET_CUT] = 0;
	}
	/* The rest of the capture is of the same kind: nothing but cuts was counted. */
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 0);
	bench_done(&t);
}

static void any_frame_ages_the_fragments(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	fragment4(0, 16, true);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_HELD);
	b.n = 0;
	put_ethernet(&b, 0x0806);
	t.frame.time_ns += LIMIT_FRAGMENT_SECONDS * NS_PER_SEC;
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_OTHER);
	assert_true(decoder_memory(t.decoder) > 0);
	t.frame.time_ns += 1;
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_OTHER);
	assert_int_equal(decoder_memory(t.decoder), 0);
	assert_int_equal(bench_only(&t, ANOMALY_FRAGMENT_TIMEOUT), 1);
	bench_done(&t);
}

static void fragments_that_nobody_reads_are_not_held(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	fragment4(0, 16, true);
	b.b[14 + 9] = 1; /* ICMP */
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_OTHER);
	assert_int_equal(decoder_memory(t.decoder), 0);
	/* IPv6 holds them, since only the first fragment tells the protocol. */
	fragment6(0, 64, true);
	b.b[14 + 40 + 8] = 58;
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_HELD);
	fragment6(64, 68, false);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_OTHER);
	assert_int_equal(bench_only(&t, ANOMALY_FRAGMENT_BAD), 0);
	bench_done(&t);
}

static void a_fragment_within_a_fragment_is_refused(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	for (int inner_atomic = 0; inner_atomic < 2; inner_atomic++) {
		b.n = 0;
		put_ethernet(&b, 0x86dd);
		put_ip6(&b, 44, 16);
		put_bytes(&b, "\x2c\0\0\1\0\0\0\1", 8);
		put_bytes(&b, inner_atomic ? "\x06\0\0\0\0\0\0\2" : "\x06\0\0\1\0\0\0\2", 8);
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_HELD);
		b.n = 0;
		put_ethernet(&b, 0x86dd);
		put_ip6(&b, 44, 8 + 25);
		put_bytes(&b, "\x2c\0\0\x08\0\0\0\1", 8);
		put_tcp(&b, "hello");
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
		assert_int_equal(bench_only(&t, ANOMALY_FRAGMENT_BAD), 1);
	}
	bench_done(&t);
}

static void a_fragment_without_length_is_refused(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	fragment4(0, 16, true);
	b.b[14 + 2] = b.b[14 + 3] = 0;
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
	b.n = 0;
	put_ethernet(&b, 0x86dd);
	put_ip6(&b, 44, 0);
	put_bytes(&b, "\x06\0\0\1\0\0\0\1", 8);
	put_tcp(&b, "1234");
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
	assert_int_equal(bench_only(&t, ANOMALY_IP_TOTAL_LENGTH), 2);
	assert_int_equal(decoder_memory(t.decoder), 0);
	bench_done(&t);
}

static void without_memory_there_is_no_decoder(void **state)
{
	(void)state;
	if (SANITIZED) /* needs the address space for itself */
		skip();
	struct anomaly_counts anomalies = {0};
	struct rlimit before, small;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	small = before;
	small.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
	struct decoder *d = decoder_new(&anomalies);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_null(d);
	decoder_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_memory_there_is_no_decoder), /* first: later, freed memory would be at hand */
		cmocka_unit_test(a_fragmented_segment_is_read_when_it_is_whole),
		cmocka_unit_test(a_cut_fragment_gives_what_came_before_the_cut),
		cmocka_unit_test(any_frame_ages_the_fragments),
		cmocka_unit_test(fragments_that_nobody_reads_are_not_held),
		cmocka_unit_test(a_fragment_within_a_fragment_is_refused),
		cmocka_unit_test(a_fragment_without_length_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
