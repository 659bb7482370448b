/* Tunnels and shims, built by hand: each carries the same TCP segment. What must be read is read with the layers named;
 * what merely looks like a tunnel stays what it was. */
#include "frame_build.h"

#include "limits.h"

#include <stdio.h>

struct row {
	const char *name;
	const char *outer; /* from the first byte of the frame on; IP lengths and UDP lengths are filled in */
	size_t outer_n;
	unsigned link_type;
	unsigned ip;   /* the offset of the outermost IP header, 0: none */
	unsigned udp;  /* of the UDP header, 0: none */
	bool ethernet; /* an Ethernet header of its own is inside */
	int inner;     /* version of the inner IP */
	enum decode_result result;
	const char *layers; /* "kind:id kind:id", outermost first */
	bool plain;         /* the result is the outer UDP datagram */
};

#define LINK(s) s, sizeof(s) - 1
#define MACS "\x02\0\0\0\0\x0a\x02\0\0\0\0\x0b"
#define IP4(proto) MACS "\x08\0\x45\0\0\0\0\x09\x40\0\x40" proto "\0\0\xc0\0\2\1\xc0\0\2\2"
#define IP6(proto)                                                                                                     \
	MACS "\x86\xdd\x60\0\0\0\0\0" proto                                                                            \
	     "\x40\xfd\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\2"
#define UDP(port) IP4("\x11") "\x9c\x40" port "\0\0\0\0"
#define VXLAN_PORT "\x12\xb5"
#define GENEVE_PORT "\x17\xc1"
#define ETH 1, 14, 0, true
#define FLAT 1, 14, 0, false
#define OVER_UDP 1, 14, 34, true
#define OVER_UDP_FLAT 1, 14, 34, false
#define MPLS MACS "\x88\x47"
#define NO_IP 1, 0, 0, false
#define NO_IP_ETH 1, 0, 0, true

static const struct row rows[] = {
    {"vxlan", LINK(UDP(VXLAN_PORT) "\x08\0\0\0\0\x13\x88\0"), OVER_UDP, 4, DECODE_PACKET, "vxlan:5000", false},
    {"vxlan, v6 inside", LINK(UDP(VXLAN_PORT) "\x08\0\0\0\0\0\x2a\0"), OVER_UDP, 6, DECODE_PACKET, "vxlan:42", false},
    {"vxlan, group policy", LINK(UDP(VXLAN_PORT) "\x88\x08\0\x07\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "vxlan:42",
     false},
    {"vxlan, Linux's port", LINK(UDP("\x21\x18") "\x08\0\0\0\0\0\x01\0"), OVER_UDP, 4, DECODE_PACKET, "vxlan:1", false},
    {"vxlan, no id", LINK(UDP(VXLAN_PORT) "\x00\0\0\0\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "", true},
    {"vxlan, reserved flag", LINK(UDP(VXLAN_PORT) "\x18\0\0\0\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "vxlan:42",
     false},
    {"vxlan, reserved bytes", LINK(UDP(VXLAN_PORT) "\x08\0\0\1\0\0\x2a\1"), OVER_UDP, 6, DECODE_PACKET, "vxlan:42",
     false},
    {"reserved flag and no frame", LINK(UDP(VXLAN_PORT) "\x18\0\0\0\0\0\x2a\0"), OVER_UDP_FLAT, 4, DECODE_PACKET, "",
     true},
    {"reserved bytes and no frame", LINK(UDP(VXLAN_PORT) "\x08\0\0\1\0\0\x2a\0"), OVER_UDP_FLAT, 4, DECODE_PACKET, "",
     true},
    {"reserved last byte and no frame", LINK(UDP(VXLAN_PORT) "\x08\0\0\0\0\0\x2a\1"), OVER_UDP_FLAT, 6, DECODE_PACKET,
     "", true},
    {"vxlan at another port", LINK(UDP("\x12\xb4") "\x08\0\0\0\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "", true},
    {"vxlan-gpe, ip", LINK(UDP("\x12\xb6") "\x0c\0\0\1\0\0\x2a\0"), OVER_UDP_FLAT, 4, DECODE_PACKET, "vxlan:42", false},
    {"vxlan-gpe, ipv6", LINK(UDP("\x12\xb6") "\x0c\0\0\2\0\0\x2a\0"), OVER_UDP_FLAT, 6, DECODE_PACKET, "vxlan:42",
     false},
    {"vxlan-gpe, ethernet", LINK(UDP("\x12\xb6") "\x0c\0\0\3\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "vxlan:42",
     false},
    {"vxlan at gpe's port", LINK(UDP("\x12\xb6") "\x08\0\0\0\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "vxlan:42",
     false},
    {"vxlan-gpe, service header", LINK(UDP("\x12\xb6") "\x0c\0\0\4\0\0\x2a\0"), OVER_UDP_FLAT, 4, DECODE_PACKET, "",
     true},
    {"geneve", LINK(UDP(GENEVE_PORT) "\0\0\x65\x58\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "geneve:42", false},
    {"geneve, ip", LINK(UDP(GENEVE_PORT) "\0\0\x08\0\0\0\0\0"), OVER_UDP_FLAT, 4, DECODE_PACKET, "geneve:0", false},
    {"geneve, options",
     LINK(UDP(GENEVE_PORT) "\5\x40\x86\xdd\0\0\x2a\0"
			   "\1\2\x80\1abcd"
			   "\1\2\3\2abcdefgh"),
     OVER_UDP_FLAT, 6, DECODE_PACKET, "geneve:42", false},
    {"geneve, option past the end",
     LINK(UDP(GENEVE_PORT) "\1\0\x65\x58\0\0\x2a\0"
			   "\1\2\x80\1"),
     OVER_UDP, 4, DECODE_PACKET, "", true},
    {"geneve, version 1", LINK(UDP(GENEVE_PORT) "\x40\0\x65\x58\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "", true},
    {"geneve, reserved bits", LINK(UDP(GENEVE_PORT) "\0\1\x65\x58\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "", true},
    {"geneve, reserved byte", LINK(UDP(GENEVE_PORT) "\0\0\x65\x58\0\0\x2a\1"), OVER_UDP, 4, DECODE_PACKET, "", true},
    {"geneve, no type", LINK(UDP(GENEVE_PORT) "\0\0\0\x21\0\0\x2a\0"), OVER_UDP, 4, DECODE_PACKET, "", true},
    {"geneve, control", LINK(UDP(GENEVE_PORT) "\0\x80\x65\x58\0\0\x2a\0"), OVER_UDP, 4, DECODE_OTHER, "", false},
    {"gre", LINK(IP4("\x2f") "\0\0\x08\0"), FLAT, 4, DECODE_PACKET, "gre", false},
    {"gre over v6", LINK(IP6("\x2f") "\0\0\x86\xdd"), FLAT, 6, DECODE_PACKET, "gre", false},
    {"gre, key", LINK(IP4("\x2f") "\x20\0\x86\xdd\xff\xff\xff\xff"), FLAT, 6, DECODE_PACKET, "gre:4294967295", false},
    {"gre, all", LINK(IP4("\x2f") "\xb0\0\x08\0\xaa\xaa\0\0\0\0\0\x07\0\0\0\1"), FLAT, 4, DECODE_PACKET, "gre:7",
     false},
    {"gre, bridging", LINK(IP4("\x2f") "\x20\0\x65\x58\0\0\0\x07"), ETH, 4, DECODE_PACKET, "gre:7", false},
    {"gre, mpls", LINK(IP4("\x2f") "\0\0\x88\x47\0\x3e\x81\x40"), FLAT, 4, DECODE_PACKET, "gre mpls:1000", false},
    {"gre, routing", LINK(IP4("\x2f") "\x40\0\x08\0"), FLAT, 4, DECODE_OTHER, "", false},
    {"gre, pptp", LINK(IP4("\x2f") "\x30\1\x88\x0b\0\x10\0\1\0\0\0\1"), FLAT, 4, DECODE_OTHER, "", false},
    {"gre, keepalive", LINK(IP4("\x2f") "\0\0\0\0"), FLAT, 4, DECODE_OTHER, "", false},
    {"erspan I", LINK(IP4("\x2f") "\0\0\x88\xbe"), ETH, 4, DECODE_PACKET, "erspan", false},
    {"erspan II", LINK(IP4("\x2f") "\x10\0\x88\xbe\0\0\0\1\x10\x64\xff\xff\0\0\0\7"), ETH, 4, DECODE_PACKET,
     "erspan:1023", false},
    {"erspan II, other version", LINK(IP4("\x2f") "\x10\0\x88\xbe\0\0\0\1\x30\x64\0\5\0\0\0\7"), ETH, 4, DECODE_OTHER,
     "", false},
    {"erspan III", LINK(IP4("\x2f") "\x10\0\x22\xeb\0\0\0\1\x20\x64\0\x07\0\0\0\0\0\0\0\0"), ETH, 6, DECODE_PACKET,
     "erspan:7", false},
    {"erspan III, subheader",
     LINK(IP4("\x2f") "\x10\0\x22\xeb\0\0\0\1\x20\x64\0\x07\0\0\0\0\0\0\0\1"
		      "12345678"),
     ETH, 4, DECODE_PACKET, "erspan:7", false},
    {"erspan III, no ethernet", LINK(IP4("\x2f") "\x10\0\x22\xeb\0\0\0\1\x20\x64\0\x07\0\0\0\0\0\0\x08\0"), ETH, 4,
     DECODE_OTHER, "", false},
    {"ipip", LINK(IP4("\x04")), FLAT, 4, DECODE_PACKET, "ipip", false},
    {"6in4", LINK(IP4("\x29")), FLAT, 6, DECODE_PACKET, "6in4", false},
    {"4in6", LINK(IP6("\x04")), FLAT, 4, DECODE_PACKET, "4in6", false},
    {"6in6", LINK(IP6("\x29")), FLAT, 6, DECODE_PACKET, "6in6", false},
    {"mpls in ip", LINK(IP4("\x89") "\0\x3e\x81\x40"), FLAT, 4, DECODE_PACKET, "mpls:1000", false},
    {"mpls", LINK(MPLS "\0\x3e\x80\x40\0\x7d\1\x40"), NO_IP, 4, DECODE_PACKET, "mpls:1000 mpls:2000", false},
    {"mpls, v6", LINK(MPLS "\0\x3e\x81\x40"), NO_IP, 6, DECODE_PACKET, "mpls:1000", false},
    {"mpls, explicit null", LINK(MPLS "\0\x3e\x80\x40\0\0\x01\x40"), NO_IP, 4, DECODE_PACKET, "mpls:1000", false},
    {"mpls, explicit null v6", LINK(MPLS "\0\0\x21\x40"), NO_IP, 6, DECODE_PACKET, "", false},
    {"mpls, entropy", LINK(MPLS "\0\x3e\x80\x40\0\0\x70\x40\x12\x34\x51\x40"), NO_IP, 4, DECODE_PACKET, "mpls:1000",
     false},
    {"mpls, pseudowire", LINK(MPLS "\0\x3e\x81\x40"), NO_IP_ETH, 4, DECODE_PACKET, "mpls:1000", false},
    {"mpls, control word", LINK(MPLS "\0\x3e\x81\x40\0\0\0\x09"), NO_IP_ETH, 6, DECODE_PACKET, "mpls:1000", false},
    {"mpls, associated channel", LINK(MPLS "\0\x3e\x81\x40\x10\0\x80\x57"), NO_IP_ETH, 4, DECODE_OTHER, "", false},
    {"mpls, bare", LINK("\0\x3e\x81\x40"), 219, 0, 0, false, 4, DECODE_PACKET, "mpls:1000", false},
    {"pppoe", LINK(MACS "\x88\x64\x11\0\x12\x34\xff\xff\0\x21"), NO_IP, 4, DECODE_PACKET, "pppoe:4660", false},
    {"pppoe, v6", LINK(MACS "\x81\0\0\7\x88\x64\x11\0\x12\x34\xff\xff\0\x57"), NO_IP, 6, DECODE_PACKET,
     "vlan:7 pppoe:4660", false},
    {"pppoe, mpls", LINK(MACS "\x88\x64\x11\0\0\1\xff\xff\x02\x81\0\x3e\x81\x40"), NO_IP, 4, DECODE_PACKET,
     "pppoe:1 mpls:1000", false},
    {"pppoe, bare", LINK("\x11\0\x12\x34\xff\xff\0\x21"), 51, 0, 0, false, 4, DECODE_PACKET, "pppoe:4660", false},
    {"pppoe, link control", LINK(MACS "\x88\x64\x11\0\x12\x34\xff\xff\xc0\x21"), NO_IP, 4, DECODE_OTHER, "", false},
    {"pppoe, termination", LINK(MACS "\x88\x64\x11\xa7\x12\x34\xff\xff\0\x21"), NO_IP, 4, DECODE_OTHER, "", false},
    {"pppoe, version 2", LINK(MACS "\x88\x64\x21\0\x12\x34\xff\xff\0\x21"), NO_IP, 4, DECODE_OTHER, "", false},
    {"pppoe discovery", LINK(MACS "\x88\x63\x11\x09\0\0\xff\xff\0\x21"), NO_IP, 4, DECODE_OTHER, "", false},
};

static void fill16(struct build *b, unsigned at, size_t v)
{
	b->b[at] = (uint8_t)(v >> 8);
	b->b[at + 1] = (uint8_t)v;
}

/* The lengths of an outer IP header at `ip`, and of UDP at `udp`, once the frame is whole. */
static void fill_lengths(struct build *b, unsigned ip, unsigned udp)
{
	if (ip)
		b->b[ip] >> 4 == 4 ? fill16(b, ip + 2, b->n - ip) : fill16(b, ip + 4, b->n - ip - 40);
	if (udp)
		fill16(b, udp + 4, b->n - udp);
}

static void put_inner(struct build *b, int version, bool ethernet)
{
	if (ethernet)
		put_ethernet(b, version == 4 ? 0x0800 : 0x86dd);
	version == 4 ? put_ip4(b, IP_PROTO_TCP, 25) : put_ip6(b, IP_PROTO_TCP, 25);
	put_tcp(b, "hello");
}

static void put_row(struct build *b, const struct row *r)
{
	b->n = 0;
	put_bytes(b, r->outer, r->outer_n);
	put_inner(b, r->inner, r->ethernet);
	fill_lengths(b, r->ip, r->udp);
}

static void assert_layers(const struct packet *p, const char *name, const char *layers)
{
	char text[256] = "";
	for (unsigned i = 0; i < p->encap.n; i++) {
		size_t n = strlen(text);
		unsigned kind = p->encap.layer[i].kind;
		snprintf(text + n, sizeof text - n, encap_kind_max_id((uint8_t)kind) ? "%s%s:%u" : "%s%s", i ? " " : "",
			 encap_kind_name((uint8_t)kind), (unsigned)p->encap.layer[i].id);
	}
	if (strcmp(text, layers) != 0)
		fail_msg("%s: layers \"%s\"", name, text);
}

static struct build b;

static void each_tunnel_gives_the_segment_inside(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		put_row(&b, r);
		put_zeros(&b, 4); /* an Ethernet trailer is nobody's payload */
		t.frame.link_type = r->link_type;
		struct packet p;
		enum decode_result result = bench_decode(&t, &b, &p);
		if (result != r->result)
			fail_msg("%s: result %d", r->name, result);
		bench_only(&t, ANOMALY_COUNT - 1);
		assert_int_equal(t.anomalies.n[ANOMALY_COUNT - 1], 0);
		if (result != DECODE_PACKET)
			continue;
		assert_layers(&p, r->name, r->layers);
		if (r->plain) {
			assert_int_equal(p.proto, IP_PROTO_UDP);
			assert_addr(&p.src, "192.0.2.1");
			assert_int_equal(p.payload.n, b.n - 4 - r->udp - 8);
			assert_int_equal(p.ip_id, 9);
			continue;
		}
		assert_int_equal(p.proto, IP_PROTO_TCP);
		assert_payload(&p, "hello");
		assert_int_equal(p.payload_bytes, 5);
		assert_addr(&p.src, r->inner == 4 ? "10.0.0.1" : "fd00::1");
		assert_addr(&p.dst, r->inner == 4 ? "10.0.0.2" : "fd00::2");
		assert_int_equal(p.wire_bytes, r->inner == 4 ? 45 : 65);
		assert_int_equal(p.ip_id, r->inner == 4 ? 7 : 0);
		if (r->link_type == 1)
			assert_int_equal(p.src_mac[5], r->ethernet ? 0x05 : 0x0b);
		else
			assert_null(p.src_mac);
	}
	bench_done(&t);
}

/* Cut by the capture, or that short on the wire: a length in a header must not lead past the end (the bytes end at an
 * unreadable page), and a cut tunnel gives no datagram that is longer than what was captured. */
static void a_tunnel_may_end_at_any_byte(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		put_row(&b, r);
		t.frame.link_type = r->link_type;
		for (size_t n = 0; n < b.n; n++) {
			struct packet p;
			enum decode_result cut = bench_decode_cut(&t, &b, n, b.n, &p);
			assert_int_not_equal(cut, DECODE_HELD);
			if (cut == DECODE_PACKET && p.proto == IP_PROTO_TCP) {
				assert_true(n >= b.n - 5);
				assert_int_equal(p.payload_bytes, 5);
				assert_int_equal(p.payload.n, n - (b.n - 5));
			}
			assert_int_not_equal(bench_decode_cut(&t, &b, n, n, &p), DECODE_HELD);
		}
	}
	bench_done(&t);
}

/* Every byte of every header, every value that lengths and flags are made of. */
static void any_byte_may_lie(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	static const uint8_t lies[] = {0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *r = &rows[i];
		t.frame.link_type = r->link_type;
		for (size_t at = 0; at < r->outer_n + 34; at++)
			for (size_t k = 0; k < sizeof lies; k++) {
				put_row(&b, r);
				b.b[at] = lies[k];
				struct packet p;
				bench_decode(&t, &b, &p); /* checks what is true of every frame */
			}
	}
	bench_done(&t);
}

static void nesting_ends_at_the_cap(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	for (unsigned depth = 1; depth <= ENCAP_MAX + 2; depth++) {
		b.n = 0;
		put_ethernet(&b, 0x0800);
		for (unsigned i = 0; i < depth; i++)
			put_ip4(&b, 4, (depth - i) * 20 + 25);
		put_ip4(&b, IP_PROTO_TCP, 25);
		put_tcp(&b, "hello");
		enum decode_result result = bench_decode(&t, &b, &p);
		assert_int_equal(result, depth <= ENCAP_MAX ? DECODE_PACKET : DECODE_REFUSED);
		assert_int_equal(bench_only(&t, ANOMALY_ENCAP_DEPTH), depth > ENCAP_MAX);
		if (result == DECODE_PACKET)
			assert_int_equal(p.encap.n, depth);
	}
	/* labels that name nothing count too */
	b.n = 0;
	put_ethernet(&b, 0x8847);
	for (unsigned i = 0; i < LIMIT_ENCAP_HEADERS + 1; i++)
		put_u32(&b, 0x00001040);
	put_zeros(&b, 60);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_REFUSED);
	assert_int_equal(bench_only(&t, ANOMALY_ENCAP_DEPTH), 1);
	bench_done(&t);
}

/* VXLAN in fragments, and inside it the segment in fragments: what was put together first is written over. */
static void fragments_inside_fragments(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	static struct build segment, outer;
	segment.n = 0;
	put_tcp(&segment, "0123456789abcdefghijABCDEFGHIJ0987654321");
	enum decode_result result = DECODE_OTHER;
	for (unsigned i = 0; i < 2; i++) { /* two inner fragments of 32 and 28 bytes, in two outer ones each */
		unsigned from = i * 32, n = i ? 28 : 32;
		outer.n = 0;
		put_u16(&outer, 40000);
		put_u16(&outer, 4789);
		put_u16(&outer, 8 + 8 + 14 + 20 + n);
		put_u16(&outer, 0);
		put_bytes(&outer, "\x08\0\0\0\0\0\x2a\0", 8);
		put_ethernet(&outer, 0x0800);
		put_ip4_fragment(&outer, IP_PROTO_TCP, n, 5, from / 8 | (i ? 0 : 0x2000));
		put_bytes(&outer, segment.b + from, n);
		for (unsigned k = 0; k < 2; k++) {
			b.n = 0;
			put_bytes(&b, MACS "\x08\0", 14);
			unsigned at = k * 40;
			put_ip4_fragment(&b, IP_PROTO_UDP, k ? outer.n - 40 : 40, 100 + i, at / 8 | (k ? 0 : 0x2000));
			put_bytes(&b, outer.b + at, k ? outer.n - 40 : 40);
			result = bench_decode(&t, &b, &p);
			assert_int_equal(result, i && k ? DECODE_PACKET : DECODE_HELD);
		}
	}
	assert_payload(&p, "0123456789abcdefghijABCDEFGHIJ0987654321");
	assert_layers(&p, "fragments", "vxlan:42");
	assert_addr(&p.src, "10.0.0.1");
	assert_addr(&p.dst, "10.0.0.2");
	assert_memory_equal(p.src_mac, "\x02\0\0\0\0\x05", 6);
	assert_memory_equal(p.dst_mac, "\x02\0\0\0\0\x0d", 6);
	assert_int_equal(decoder_memory(t.decoder), 0);
	bench_only(&t, ANOMALY_COUNT - 1);
	bench_done(&t);
}

/* The inner packet's fragments belong to the tunnel that they came in. */
static void fragments_of_two_tunnels_stay_apart(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	static struct build segment;
	segment.n = 0;
	put_tcp(&segment, "0123456789abcdefghijABCDEFGHIJ0987654321");
	for (unsigned i = 0; i < 3; i++) {
		unsigned from = i ? 32 : 0, n = i ? 28 : 32;
		b.n = 0;
		put_ethernet(&b, 0x0800);
		put_ip4(&b, 47, 8 + 20 + n);
		put_bytes(&b, i == 1 ? "\x20\0\x08\0\0\0\0\2" : "\x20\0\x08\0\0\0\0\1", 8);
		put_ip4_fragment(&b, IP_PROTO_TCP, n, 5, from / 8 | (i ? 0 : 0x2000));
		put_bytes(&b, segment.b + from, n);
		assert_int_equal(bench_decode(&t, &b, &p), i == 2 ? DECODE_PACKET : DECODE_HELD);
	}
	assert_layers(&p, "key", "gre:1");
	bench_done(&t);
}

/* Segmentation offload leaves the outer lengths 0 or short of the truth; the inner packet's own length then counts. */
static void an_outer_length_of_zero_does_not_make_the_inner_one_unknown(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	b.n = 0;
	put_ethernet(&b, 0x0800);
	put_ip4(&b, 4, 0);
	b.b[14 + 2] = b.b[14 + 3] = 0;
	put_ip4(&b, IP_PROTO_TCP, 25);
	put_tcp(&b, "hello");
	put_zeros(&b, 9);
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_payload(&p, "hello");
	bench_done(&t);
}

/* An address may begin like an IP header, and an IP address may hold what looks like a type (RFC 8469). */
static void a_pseudowire_is_told_from_ip_by_more_than_four_bits(void **state)
{
	(void)state;
	struct bench t;
	bench_init(&t);
	struct packet p;
	for (unsigned first = 0; first < 256; first++) {
		b.n = 0;
		put_bytes(&b, MPLS "\0\x3e\x81\x40", 18);
		put_inner(&b, 4, true);
		b.b[18] = (uint8_t)first;
		b.b[20] = 0xff; /* no IP length */
		assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
		assert_payload(&p, "hello");
		assert_int_equal(p.dst_mac[0], first);
	}
	b.n = 0;
	put_bytes(&b, MPLS "\0\x3e\x81\x40", 18);
	put_inner(&b, 4, false);
	memcpy(b.b + 18 + 12, "\x08\0\x45\1", 4); /* the address 8.0.69.1 */
	assert_int_equal(bench_decode(&t, &b, &p), DECODE_PACKET);
	assert_addr(&p.src, "8.0.69.1");
	bench_only(&t, ANOMALY_COUNT - 1);
	bench_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_tunnel_gives_the_segment_inside),
	    cmocka_unit_test(a_tunnel_may_end_at_any_byte),
	    cmocka_unit_test(any_byte_may_lie),
	    cmocka_unit_test(nesting_ends_at_the_cap),
	    cmocka_unit_test(fragments_inside_fragments),
	    cmocka_unit_test(fragments_of_two_tunnels_stay_apart),
	    cmocka_unit_test(an_outer_length_of_zero_does_not_make_the_inner_one_unknown),
	    cmocka_unit_test(a_pseudowire_is_told_from_ip_by_more_than_four_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
