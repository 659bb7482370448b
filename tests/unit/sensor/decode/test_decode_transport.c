#include "frame_build.h"

static struct build b;

static void tcp_fields_are_those_of_the_segment(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	b.n = 0;
	put_ethernet(&b, 0x0800);
	put_ip4(&b, IP_PROTO_TCP, 24 + 3);
	put_u16(&b, 443);
	put_u16(&b, 65535);
	put_u32(&b, 0xfffffffe);
	put_u32(&b, 0x80000001);
	put_bytes(&b, "\x60\xc2\xff\xfe\0\0\0\0", 8); /* offset 24, CWR ECE SYN */
	put_bytes(&b, "\2\4\5\xb4", 4);
	put_text(&b, "abc");
	struct packet p;
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_int_equal(p.proto, IP_PROTO_TCP);
	assert_int_equal(p.src_port, 443);
	assert_int_equal(p.dst_port, 65535);
	assert_int_equal(p.tcp_seq, 0xfffffffe);
	assert_int_equal(p.tcp_ack, 0x80000001);
	assert_int_equal(p.tcp_flags, 0xc2);
	assert_int_equal(p.tcp_window, 0xfffe);
	assert_payload(&p, "abc");
	assert_int_equal(p.payload_bytes, 3);
	assert_int_equal(p.wire_bytes, 47);
	assert_int_equal(p.ip_n, 47);
	assert_int_equal(bench_only(&t, ANOMALY_TCP_OFFSET), 0);
	bench_done(&t);
}

static void a_tcp_offset_that_lies_is_refused(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	for (unsigned offset = 0; offset < 16; offset++) {
		b.n = 0;
		put_ethernet(&b, 0x0800);
		put_ip4(&b, IP_PROTO_TCP, 20 + 9);
		put_tcp(&b, "123456789");
		b.b[14 + 20 + 12] = (uint8_t)(offset << 4);
		put_zeros(&b, 40); /* padding of the frame, which no offset may reach */
		struct packet p;
		bool good = offset >= 5 && offset <= 7;
		assert_int_equal(bench_decode(&t, &b, &p), good ? DECODE_PACKET : DECODE_REFUSED);
		assert_int_equal(bench_only(&t, ANOMALY_TCP_OFFSET), !good);
		if (good)
			assert_payload(&p, &"123456789"[(offset - 5) * 4]);
	}
	bench_done(&t);
}

static void a_capture_that_ends_in_tcp_options_still_gives_the_segment(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	b.n = 0;
	put_ethernet(&b, 0x0800);
	put_ip4(&b, IP_PROTO_TCP, 60 + 100);
	put_tcp(&b, "");
	b.b[14 + 20 + 12] = 0xf0;
	put_zeros(&b, 140);
	struct packet p;
	for (size_t n = 14 + 20 + 20; n <= 14 + 20 + 60; n++) {
		assert_int_equal(bench_decode_cut(&t, &b, n, b.n, &p), DECODE_PACKET);
		assert_int_equal(p.payload.n, 0);
		assert_int_equal(p.payload_bytes, 100);
		assert_int_equal(p.wire_bytes, 180);
		assert_int_equal(p.tcp_seq, 1000);
		assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 1);
	}
	bench_done(&t);
}

static void a_segment_shorter_than_its_header_is_refused(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	for (size_t n = 0; n < 20; n++) {
		b.n = 0;
		put_ethernet(&b, 0x0800);
		put_ip4(&b, IP_PROTO_TCP, n);
		put_tcp(&b, "beyond");
		struct packet p;
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
		assert_int_equal(bench_only(&t, ANOMALY_TCP_SHORT), 1);
	}
	for (size_t n = 0; n < 8; n++) {
		b.n = 0;
		put_ethernet(&b, 0x0800);
		put_ip4(&b, IP_PROTO_UDP, n);
		put_udp(&b, 14, "beyond");
		struct packet p;
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
		assert_int_equal(bench_only(&t, ANOMALY_UDP_SHORT), 1);
	}
	bench_done(&t);
}

static void udp_takes_the_smaller_of_two_lengths(void **state)
{
	(void)state;
	static const struct {
		int ip;
		unsigned length; /* in the UDP header; IP carries 8 + 6 */
		const char *payload; /* NULL: refused */
	} rows[] = {
		{4, 14, "query!"}, {4, 13, "query"}, {4, 8, ""}, {4, 7, NULL}, {4, 1, NULL}, {4, 0, NULL},
		{4, 15, NULL}, {4, 65535, NULL}, {6, 14, "query!"}, {6, 0, "query!"}, {6, 7, NULL}, {6, 15, NULL},
	};
	struct bench t;
	bench_init(&t);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		b.n = 0;
		if (rows[i].ip == 4) {
			put_ethernet(&b, 0x0800);
			put_ip4(&b, IP_PROTO_UDP, 14);
		} else {
			put_ethernet(&b, 0x86dd);
			put_ip6(&b, IP_PROTO_UDP, 14);
		}
		put_udp(&b, rows[i].length, "query!");
		put_zeros(&b, 9);
		struct packet p;
		assert_int_equal(bench_decode(&t, &b, &p), rows[i].payload ? DECODE_PACKET : DECODE_REFUSED);
		assert_int_equal(bench_only(&t, ANOMALY_UDP_LENGTH), rows[i].payload == NULL);
		if (!rows[i].payload)
			continue;
		assert_payload(&p, rows[i].payload);
		assert_int_equal(p.payload_bytes, strlen(rows[i].payload));
		assert_int_equal(p.wire_bytes, rows[i].ip == 4 ? 34 : 54);
		assert_int_equal(p.proto, IP_PROTO_UDP);
		assert_int_equal(p.src_port, 40000);
		assert_int_equal(p.dst_port, 53);
		assert_int_equal(p.tcp_flags | p.tcp_window | p.tcp_seq | p.tcp_ack, 0);
	}
	bench_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_fields_are_those_of_the_segment),
		cmocka_unit_test(a_tcp_offset_that_lies_is_refused),
		cmocka_unit_test(a_capture_that_ends_in_tcp_options_still_gives_the_segment),
		cmocka_unit_test(a_segment_shorter_than_its_header_is_refused),
		cmocka_unit_test(udp_takes_the_smaller_of_two_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
