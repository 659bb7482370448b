#include "frame_build.h"

struct row {
	const char *name;
	unsigned link_type;
	const char *link; /* bytes before the IP packet */
	size_t link_n;
	int ip; /* version of what follows */
	enum decode_result result;
	int anomaly; /* -1: none */
	int vlans[ENCAP_MAX + 1]; /* expected, 0 ends */
	bool src_mac, dst_mac;
};

#define LINK(s) s, sizeof(s) - 1
#define MACS "\x02\0\0\0\0\x0d\x02\0\0\0\0\x05"

#define PRIORITY_4 "\x81\0\0\0\x81\0\0\0\x81\0\0\0\x81\0\0\0"
#define PRIORITY_8 PRIORITY_4 PRIORITY_4

static const struct row rows[] = {
	{"ethernet", 1, LINK(MACS "\x08\x00"), 4, DECODE_PACKET, -1, {0}, true, true},
	{"ethernet, v6", 1, LINK(MACS "\x86\xdd"), 6, DECODE_PACKET, -1, {0}, true, true},
	{"vlan", 1, LINK(MACS "\x81\x00\xe0\x0a\x08\x00"), 4, DECODE_PACKET, -1, {10}, true, true},
	{"vlan 4095", 1, LINK(MACS "\x81\x00\x0f\xff\x86\xdd"), 6, DECODE_PACKET, -1, {4095}, true, true},
	{"priority tag", 1, LINK(MACS "\x81\x00\xe0\x00\x08\x00"), 4, DECODE_PACKET, -1, {0}, true, true},
	{"qinq", 1, LINK(MACS "\x88\xa8\x00\x64\x81\x00\x00\xc8\x08\x00"), 4, DECODE_PACKET, -1, {100, 200}, true, true},
	{"old qinq", 1, LINK(MACS "\x91\x00\x00\x64\x81\x00\x00\xc8\x86\xdd"), 6, DECODE_PACKET, -1, {100, 200}, true,
	 true},
	{"priority tag in vlan", 1, LINK(MACS "\x81\x00\x00\x05\x81\x00\x20\x00\x08\x00"), 4, DECODE_PACKET, -1, {5}, true,
	 true},
	{"eight tags", 1,
	 LINK(MACS "\x81\0\0\1\x81\0\0\2\x81\0\0\3\x81\0\0\4\x81\0\0\5\x81\0\0\6\x81\0\0\7\x81\0\0\x08\x08\0"), 4,
	 DECODE_PACKET, -1, {1, 2, 3, 4, 5, 6, 7, 8}, true, true},
	{"nine tags", 1,
	 LINK(MACS "\x81\0\0\1\x81\0\0\2\x81\0\0\3\x81\0\0\4\x81\0\0\5\x81\0\0\6\x81\0\0\7\x81\0\0\x08\x81\0\0\x09\x08\0"), 4,
	 DECODE_REFUSED, ANOMALY_ENCAP_DEPTH, {0}, true, true},
	{"sixteen priority tags", 1, LINK(MACS PRIORITY_8 PRIORITY_8 "\x08\0"), 4, DECODE_PACKET, -1, {0}, true, true},
	{"seventeen priority tags", 1, LINK(MACS PRIORITY_8 PRIORITY_8 "\x81\0\0\0\x08\0"), 4, DECODE_REFUSED,
	 ANOMALY_ENCAP_DEPTH, {0}, true, true},
	{"arp", 1, LINK(MACS "\x08\x06"), 4, DECODE_OTHER, -1, {0}, true, true},
	{"802.3 with LLC", 1, LINK(MACS "\x00\x40"), 4, DECODE_OTHER, -1, {0}, true, true},
	{"802.3 in a vlan", 1, LINK(MACS "\x81\x00\x00\x05\x00\x40"), 4, DECODE_OTHER, -1, {0}, true, true},
	{"v6 under the type of v4", 1, LINK(MACS "\x08\x00"), 6, DECODE_REFUSED, ANOMALY_IP_VERSION, {0}, true, true},
	{"v4 under the type of v6", 1, LINK(MACS "\x86\xdd"), 4, DECODE_REFUSED, ANOMALY_IP_VERSION, {0}, true, true},
	{"sll", 113, LINK("\0\0\0\1\0\6\x02\0\0\0\0\x05\0\0\x08\x00"), 4, DECODE_PACKET, -1, {0}, true, false},
	{"sll, vlan", 113, LINK("\0\0\0\1\0\6\x02\0\0\0\0\x05\0\0\x81\x00\0\x0a\x86\xdd"), 6, DECODE_PACKET, -1, {10}, true,
	 false},
	{"sll of a tunnel, no address", 113, LINK("\0\0\xff\xfe\0\0\0\0\0\0\0\0\0\0\x08\x00"), 4, DECODE_PACKET, -1, {0},
	 false, false},
	{"sll, 802.2", 113, LINK("\0\0\0\1\0\6\x02\0\0\0\0\x05\0\0\0\4"), 4, DECODE_OTHER, -1, {0}, true, false},
	{"sll2", 276, LINK("\x08\x00\0\0\0\0\0\2\0\1\0\6\x02\0\0\0\0\x05\0\0"), 4, DECODE_PACKET, -1, {0}, true, false},
	{"sll2, v6", 276, LINK("\x86\xdd\0\0\0\0\0\2\xff\xff\0\6\x02\0\0\0\0\x05\0\0"), 6, DECODE_PACKET, -1, {0}, false,
	 false},
	{"raw v4", 101, LINK(""), 4, DECODE_PACKET, -1, {0}, false, false},
	{"raw v6", 101, LINK(""), 6, DECODE_PACKET, -1, {0}, false, false},
	{"raw 12", 12, LINK(""), 4, DECODE_PACKET, -1, {0}, false, false},
	{"raw 14", 14, LINK(""), 6, DECODE_PACKET, -1, {0}, false, false},
	{"ipv4", 228, LINK(""), 4, DECODE_PACKET, -1, {0}, false, false},
	{"ipv4 that is not", 228, LINK(""), 6, DECODE_REFUSED, ANOMALY_IP_VERSION, {0}, false, false},
	{"ipv6", 229, LINK(""), 6, DECODE_PACKET, -1, {0}, false, false},
	{"ipv6 that is not", 229, LINK(""), 4, DECODE_REFUSED, ANOMALY_IP_VERSION, {0}, false, false},
	{"null, little endian", 0, LINK("\2\0\0\0"), 4, DECODE_PACKET, -1, {0}, false, false},
	{"null, big endian", 0, LINK("\0\0\0\2"), 4, DECODE_PACKET, -1, {0}, false, false},
	{"null, v6 of NetBSD", 0, LINK("\x18\0\0\0"), 6, DECODE_PACKET, -1, {0}, false, false},
	{"null, v6 of FreeBSD", 0, LINK("\0\0\0\x1c"), 6, DECODE_PACKET, -1, {0}, false, false},
	{"null, v6 of macOS", 0, LINK("\x1e\0\0\0"), 6, DECODE_PACKET, -1, {0}, false, false},
	{"null, v6 of Linux", 0, LINK("\x0a\0\0\0"), 6, DECODE_PACKET, -1, {0}, false, false},
	{"null, v6 of Windows", 0, LINK("\x17\0\0\0"), 6, DECODE_PACKET, -1, {0}, false, false},
	{"null, AppleTalk", 0, LINK("\x10\0\0\0"), 4, DECODE_OTHER, -1, {0}, false, false},
	{"null, family of the wrong version", 0, LINK("\2\0\0\0"), 6, DECODE_REFUSED, ANOMALY_IP_VERSION, {0}, false, false},
	{"loop", 108, LINK("\0\0\0\2"), 4, DECODE_PACKET, -1, {0}, false, false},
	{"loop, v6", 108, LINK("\0\0\0\x18"), 6, DECODE_PACKET, -1, {0}, false, false},
	{"loop, wrong order", 108, LINK("\2\0\0\0"), 4, DECODE_OTHER, -1, {0}, false, false},
	{"ppp", 9, LINK("\x00\x21"), 4, DECODE_PACKET, -1, {0}, false, false},
	{"ppp, framed", 9, LINK("\xff\x03\x00\x57"), 6, DECODE_PACKET, -1, {0}, false, false},
	{"ppp, short protocol", 9, LINK("\x21"), 4, DECODE_PACKET, -1, {0}, false, false},
	{"ppp, framed and short", 50, LINK("\xff\x03\x57"), 6, DECODE_PACKET, -1, {0}, false, false},
	{"ppp, link control", 9, LINK("\xff\x03\xc0\x21"), 4, DECODE_OTHER, -1, {0}, false, false},
	{"ppp with direction", 204, LINK("\x01\xff\x03\x00\x21"), 4, DECODE_PACKET, -1, {0}, false, false},
	{"hdlc", 104, LINK("\x0f\x00\x08\x00"), 4, DECODE_PACKET, -1, {0}, false, false},
	{"hdlc, keepalive", 104, LINK("\x8f\x00\x80\x35"), 4, DECODE_OTHER, -1, {0}, false, false},
	{"802.11", 105, LINK("\x08\x01"), 4, DECODE_REFUSED, ANOMALY_LINK_UNKNOWN, {0}, false, false},
};

static void put_row(struct build *b, const struct row *r)
{
	b->n = 0;
	put_bytes(b, r->link, r->link_n);
	if (r->ip == 4)
		put_ip4(b, IP_PROTO_TCP, 25);
	else
		put_ip6(b, IP_PROTO_TCP, 25);
	put_tcp(b, "hello");
}

static void each_link_type_reads_as_its_standard_says(void **state)
{
	(void)state;
	static struct build b;
	struct bench t;
	bench_init(&t);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		put_row(&b, r);
		t.frame.link_type = r->link_type;
		struct packet p;
		enum decode_result result = bench_decode(&t, &b, &p);
		if (result != r->result)
			fail_msg("%s: result %d", r->name, result);
		uint64_t expected = r->anomaly >= 0;
		uint64_t counted = bench_only(&t, r->anomaly >= 0 ? (enum anomaly)r->anomaly : ANOMALY_COUNT - 1);
		assert_int_equal(counted, expected);
		if (result != DECODE_PACKET)
			continue;
		assert_payload(&p, "hello");
		assert_int_equal(p.src.family, r->ip);
		assert_addr(&p.src, r->ip == 4 ? "10.0.0.1" : "fd00::1");
		assert_addr(&p.dst, r->ip == 4 ? "10.0.0.2" : "fd00::2");
		assert_int_equal(p.wire_bytes, r->ip == 4 ? 45 : 65);
		int vlans = 0;
		while (r->vlans[vlans])
			vlans++;
		if (p.encap.n != vlans)
			fail_msg("%s: %d layers", r->name, p.encap.n);
		for (int v = 0; v < vlans; v++) {
			assert_int_equal(p.encap.layer[v].kind, ENCAP_VLAN);
			assert_int_equal(p.encap.layer[v].id, r->vlans[v]);
		}
		if ((p.src_mac != NULL) != r->src_mac || (p.dst_mac != NULL) != r->dst_mac)
			fail_msg("%s: addresses", r->name);
		if (p.src_mac)
			assert_memory_equal(p.src_mac, "\x02\0\0\0\0\x05", 6);
		if (p.dst_mac)
			assert_memory_equal(p.dst_mac, "\x02\0\0\0\0\x0d", 6);
	}
	bench_done(&t);
}

/* A frame that ends anywhere, once because the capture cut it and once because it was that short on the wire. */
static void a_frame_may_end_at_any_byte(void **state)
{
	(void)state;
	static struct build b;
	struct bench t;
	bench_init(&t);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		put_row(&b, r);
		t.frame.link_type = r->link_type;
		for (size_t n = 0; n < b.n; n++) {
			struct packet p;
			memset(&t.anomalies, 0, sizeof t.anomalies);
			enum decode_result cut = bench_decode_cut(&t, &b, n, b.n, &p);
			assert_int_not_equal(cut, DECODE_HELD);
			if (r->result == DECODE_PACKET) {
				/* The TCP header is 20 bytes before the 5 of payload. */
				assert_int_equal(cut, n >= b.n - 5 ? DECODE_PACKET : DECODE_REFUSED);
				assert_int_equal(bench_only(&t, ANOMALY_PACKET_CUT), 1);
			}
			if (cut == DECODE_PACKET) {
				assert_int_equal(p.payload.n, n - (b.n - 5));
				assert_int_equal(p.payload_bytes, 5);
				assert_int_equal(p.ip_n, n - r->link_n);
			}
			memset(&t.anomalies, 0, sizeof t.anomalies);
			enum decode_result shorter = bench_decode_cut(&t, &b, n, n, &p);
			assert_int_not_equal(shorter, DECODE_HELD);
			if (n < r->link_n && r->result == DECODE_PACKET) {
				assert_int_equal(shorter, DECODE_REFUSED);
				assert_int_equal(bench_only(&t, ANOMALY_LINK_SHORT), 1);
			}
		}
	}
	bench_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_link_type_reads_as_its_standard_says),
		cmocka_unit_test(a_frame_may_end_at_any_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
