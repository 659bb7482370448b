#include "frame_build.h"

#include "limits.h"

static struct build b;

enum { ETHERNET = 14 };

static void start4(size_t payload)
{
	b.n = 0;
	put_ethernet(&b, 0x0800);
	put_ip4(&b, IP_PROTO_TCP, payload);
}

static void start6(unsigned next, size_t payload)
{
	b.n = 0;
	put_ethernet(&b, 0x86dd);
	put_ip6(&b, next, payload);
}

static void set16(size_t at, unsigned v)
{
	b.b[at] = (uint8_t)(v >> 8);
	b.b[at + 1] = (uint8_t)v;
}

static void padding_is_no_payload(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	for (size_t padding = 0; padding < 30; padding++) {
		start4(20);
		put_tcp(&b, "");
		put_zeros(&b, padding);
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
		assert_int_equal(p.payload.n + p.payload_bytes, 0);
		assert_int_equal(p.ip_n, 40);
		/* Padding may be cut: nothing of the packet is missing. */
		assert_int_equal(bench_decode_cut(&t, &b, ETHERNET + 40, b.n, &p), DECODE_PACKET);
		start6(IP_PROTO_TCP, 22);
		put_tcp(&b, "ab");
		put_zeros(&b, padding);
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
		assert_payload(&p, "ab");
		assert_int_equal(p.wire_bytes, 62);
	}
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 0);
	bench_done(&t);
}

static void ip4_lengths_that_lie(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	for (unsigned ihl = 0; ihl < 16; ihl++) {
		start4(20 + 8);
		put_tcp(&b, "12345678");
		b.b[ETHERNET] = (uint8_t)(0x40 | ihl);
		enum decode_result result = bench_decode(&t, &b, &p);
		if (ihl == 5) {
			assert_int_equal(result, DECODE_PACKET);
			continue;
		}
		assert_int_equal(result, DECODE_REFUSED);
		if (ihl < 5 || ihl > 12)
			assert_int_equal(bench_only(&t, ANOMALY_IP_HEADER_LENGTH), 1);
		memset(&t.anomalies, 0, sizeof t.anomalies);
	}
	for (unsigned total = 1; total < 20; total++) {
		start4(20);
		put_tcp(&b, "");
		set16(ETHERNET + 2, total);
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
		assert_int_equal(bench_only(&t, ANOMALY_IP_TOTAL_LENGTH), 1);
	}
	bench_done(&t);
}

static void ip4_options_are_passed_over(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	start4(40 + 25);
	b.b[ETHERNET] = 0x4f;
	put_zeros(&b, 40);
	put_tcp(&b, "hello");
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_payload(&p, "hello");
	assert_int_equal(p.wire_bytes, 85);
	assert_int_equal(bench_only(&t, ANOMALY_IP_SHORT), 0);
	bench_done(&t);
}

/* Segmentation offload writes a length of 0, for packets that may be larger than the field could say. */
static void a_length_of_zero_is_taken_from_the_capture(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	start4(0);
	set16(ETHERNET + 2, 0);
	put_tcp(&b, "");
	put_zeros(&b, 70000);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_int_equal(p.payload.n, 70000);
	assert_int_equal(p.wire_bytes, 70040);
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 0);
	assert_int_equal(bench_decode_cut(&t, &b, 200, b.n, &p), DECODE_PACKET);
	assert_int_equal(p.payload.n, 200 - ETHERNET - 40);
	assert_int_equal(p.payload_bytes, 70000);
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 1);

	/* A wire length that nothing can carry must not become a gap of gigabytes. */
	assert_int_equal(bench_decode_cut(&t, &b, 200, UINT32_MAX, &p), DECODE_PACKET);
	assert_true(p.payload_bytes <= LIMIT_FRAME_BYTES);
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 1);

	start6(IP_PROTO_TCP, 0);
	put_tcp(&b, "");
	put_zeros(&b, 70000);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_int_equal(p.payload.n, 70000);
	assert_int_equal(p.wire_bytes, 70060);

	start4(0);
	b.b[ETHERNET + 9] = IP_PROTO_UDP;
	set16(ETHERNET + 2, 0);
	put_udp(&b, 0, "offloaded");
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_payload(&p, "offloaded");
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 0);
	bench_done(&t);
}

/* A switch that truncates what it mirrors: the frame is whole, the packet is not. */
static void a_packet_longer_than_its_frame_is_a_cut_one(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	start4(20 + 1000);
	put_tcp(&b, "start");
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_payload(&p, "start");
	assert_int_equal(p.payload_bytes, 1000);
	assert_int_equal(p.wire_bytes, 1040);
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 1);
	start6(IP_PROTO_UDP, 8 + 1000);
	put_udp(&b, 1008, "start");
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_payload(&p, "start");
	assert_int_equal(p.payload_bytes, 1000);
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 1);
	bench_done(&t);
}

struct chain {
	const char *name;
	unsigned first;
	const char *bytes;
	size_t n;
	enum decode_result result;
	int anomaly;
};

#define BYTES(s) s, sizeof(s) - 1
#define ZERO6 "\0\0\0\0\0\0"
#define ZERO14 ZERO6 "\0\0\0\0\0\0\0\0"

static const struct chain chains[] = {
	{"hop-by-hop", 0, BYTES("\x06\0\1\4\0\0\0\0"), DECODE_PACKET, -1},
	{"routing, two units", 43, BYTES("\x06\1" ZERO14), DECODE_PACKET, -1},
	{"destination options", 60, BYTES("\x06\0" ZERO6), DECODE_PACKET, -1},
	{"mobility", 135, BYTES("\x06\0" ZERO6), DECODE_PACKET, -1},
	{"authentication", 51, BYTES("\x06\4" ZERO14 "\0\0\0\0\0\0\0\0"), DECODE_PACKET, -1},
	{"hop-by-hop, routing, destination, authentication", 0,
	 BYTES("\x2b\0" ZERO6 "\x3c\0" ZERO6 "\x33\0" ZERO6 "\x06\1\0\0\0\0\0\0\0\0\0\0"), DECODE_PACKET, -1},
	{"atomic fragment", 44, BYTES("\x06\0\0\0\x12\x34\x56\x78"), DECODE_PACKET, -1},
	{"atomic fragment with reserved bits", 44, BYTES("\x06\xff\0\6\x12\x34\x56\x78"), DECODE_PACKET, -1},
	{"destination options after an atomic fragment", 44, BYTES("\x3c\0\0\0\0\0\0\1\x06\0" ZERO6), DECODE_PACKET, -1},
	{"hop-by-hop second", 60, BYTES("\0\0" ZERO6 "\x06\0" ZERO6), DECODE_REFUSED, ANOMALY_IP6_EXTENSION},
	{"hop-by-hop twice", 0, BYTES("\0\0" ZERO6 "\x06\0" ZERO6), DECODE_REFUSED, ANOMALY_IP6_EXTENSION},
	{"longer than the packet", 60, BYTES("\x06\xff" ZERO6), DECODE_REFUSED, ANOMALY_IP6_EXTENSION},
	{"authentication longer than the packet", 51, BYTES("\x06\xff" ZERO6), DECODE_REFUSED, ANOMALY_IP6_EXTENSION},
	{"jumbo length beside an ordinary one", 0, BYTES("\x06\0\xc2\4\0\1\0\0"), DECODE_REFUSED, ANOMALY_IP6_EXTENSION},
	{"no next header", 59, BYTES(""), DECODE_OTHER, -1},
	{"no next header after options", 60, BYTES("\x3b\0" ZERO6), DECODE_OTHER, -1},
	{"encrypted", 50, BYTES(ZERO14), DECODE_OTHER, -1},
	{"ICMPv6", 58, BYTES(""), DECODE_OTHER, -1},
};

static void put_chain(const struct chain *c)
{
	start6(c->first, c->n + 25);
	put_bytes(&b, c->bytes, c->n);
	put_tcp(&b, "hello");
}

static void ip6_extension_headers(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
		const struct chain *c = &chains[i];
		put_chain(c);
		struct packet p;
		enum decode_result result = bench_decode(&t, &b, &p);
		if (result != c->result)
			fail_msg("%s: result %d", c->name, result);
		uint64_t counted = bench_only(&t, c->anomaly >= 0 ? (enum anomaly)c->anomaly : ANOMALY_COUNT - 1);
		assert_int_equal(counted, c->anomaly >= 0);
		if (result == DECODE_PACKET) {
			assert_payload(&p, "hello");
			assert_int_equal(p.wire_bytes, 40 + c->n + 25);
			assert_int_equal(p.ip_n, p.wire_bytes);
		}
		for (size_t n = 0; n < b.n; n++) {
			enum decode_result cut = bench_decode_cut(&t, &b, n, b.n, &p);
			if (c->result == DECODE_PACKET)
				assert_int_equal(cut, n < b.n - 5 ? DECODE_REFUSED : DECODE_PACKET);
			(void)bench_decode_cut(&t, &b, n, n, &p);
		}
		memset(&t.anomalies, 0, sizeof t.anomalies);
	}
	bench_done(&t);
}

static void a_long_chain_of_extension_headers_is_refused(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	for (size_t headers = 1; headers <= 3000; headers += headers < 20 ? 1 : 2980) {
		start6(60, headers * 8 + 25);
		for (size_t i = 0; i < headers; i++) {
			put_u8(&b, i + 1 < headers ? 60 : IP_PROTO_TCP);
			put_zeros(&b, 7);
		}
		put_tcp(&b, "hello");
		struct packet p;
		bool good = headers <= LIMIT_IP6_EXTENSIONS;
		assert_int_equal(bench_decode(&t, &b, &p), good ? DECODE_PACKET : DECODE_REFUSED);
		assert_int_equal(bench_only(&t, ANOMALY_IP6_EXTENSION), !good);
	}
	bench_done(&t);
}

static void put_jumbo(uint32_t bytes, size_t payload)
{
	start6(0, 0);
	put_bytes(&b, "\x06\0\xc2\4", 4);
	put_u32(&b, bytes);
	put_tcp(&b, "");
	put_zeros(&b, payload);
}

static void jumbograms(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	put_jumbo(8 + 20 + 70000, 70000);
	put_zeros(&b, 5); /* padding */
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_int_equal(p.payload.n, 70000);
	assert_int_equal(p.wire_bytes, 40 + 8 + 20 + 70000);
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 0);
	/* The option after padding of both kinds. */
	start6(0, 0);
	put_bytes(&b, "\x06\1\0\1\1\0\0\0\xc2\4", 10);
	put_u32(&b, 16 + 20 + 70000);
	put_zeros(&b, 2);
	put_tcp(&b, "");
	put_zeros(&b, 70000);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_int_equal(p.payload.n, 70000);
	put_jumbo(65535, 65535 - 28);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
	assert_int_equal(bench_only(&t, ANOMALY_IP6_EXTENSION), 1);
	put_jumbo(UINT32_MAX, 100);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
	assert_int_equal(bench_only(&t, ANOMALY_IP_TOTAL_LENGTH), 1);
	put_jumbo(100000, 100);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_int_equal(p.payload.n, 100);
	assert_int_equal(p.payload_bytes, 100000 - 28);
	assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 1);
	bench_done(&t);
}

static void ip4_protocols(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	for (unsigned proto = 0; proto < 256; proto++) {
		if (proto == IP_PROTO_TCP || proto == IP_PROTO_UDP || strchr("\x04\x29\x2f\x33\x89", (int)proto))
			continue; /* and IP, IPv6, GRE, AH, MPLS: not what follows here */
		start4(25);
		b.b[ETHERNET + 9] = (uint8_t)proto;
		put_tcp(&b, "hello");
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_OTHER);
	}
	start4(12 + 25);
	b.b[ETHERNET + 9] = 51;
	put_bytes(&b, "\x06\1\0\0\0\0\0\0\0\0\0\0", 12);
	put_tcp(&b, "hello");
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_payload(&p, "hello");
	assert_int_equal(p.proto, IP_PROTO_TCP);
	assert_int_equal(bench_only(&t, ANOMALY_IP_SHORT), 0);
	bench_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(padding_is_no_payload),
		cmocka_unit_test(ip4_lengths_that_lie),
		cmocka_unit_test(ip4_options_are_passed_over),
		cmocka_unit_test(a_length_of_zero_is_taken_from_the_capture),
		cmocka_unit_test(a_packet_longer_than_its_frame_is_a_cut_one),
		cmocka_unit_test(ip6_extension_headers),
		cmocka_unit_test(a_long_chain_of_extension_headers_is_refused),
		cmocka_unit_test(jumbograms),
		cmocka_unit_test(ip4_protocols),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
