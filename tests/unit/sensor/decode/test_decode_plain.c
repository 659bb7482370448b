/* The short road held against the walk: the same IP packet behind an Ethernet header, and alone (LINKTYPE_IPV4), which only the walk reads, must
 * come out the same, whatever is changed in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode.h"
#include "walk.h"

enum { MACS = 14, HEADERS = 54 };

static const uint8_t tcp[] = {
	0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00,
	0x45, 0, 0, 56, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2,
	0x9c, 0x40, 0x01, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8, 0x80, 0x18, 1, 0xf5, 0xab, 0xcd, 0, 0,
	1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 'a', 'b', 'c', 'd',
	0, 0, /* padding of the frame */
};
static const uint8_t udp[] = {
	0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00,
	0x45, 0, 0, 44, 0x12, 0x34, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2,
	0x9c, 0x40, 0, 53, 0, 24, 0xab, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0,
};

/* What both read, one after the other: their fragments too must come out the same. */
static struct decoder *d, *e;
static struct anomaly_counts ours, theirs;

static int setup(void **state)
{
	(void)state;
	d = decoder_new(&ours);
	e = decoder_new(&theirs);
	return d && e ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	decoder_free(d);
	decoder_free(e);
	return 0;
}

/* The frame's bytes lie in memory of their own size, so that a sanitizer sees a read past them. True if the short road took it. */
static bool agrees(const uint8_t *bytes, uint32_t caplen, uint32_t len)
{
	uint8_t *copy = malloc(caplen ? caplen : 1);
	struct packet p = {0}, q = {0}, plain = {0};
	ours = theirs = (struct anomaly_counts){0};
	assert_non_null(copy);
	if (caplen)
		memcpy(copy, bytes, caplen);
	struct frame f = {.data = copy, .caplen = caplen, .len = len, .link_type = 1, .capture = 3, .time_ns = 5, .number = 7};
	bool taken = plain_read(&f, &plain);
	enum decode_result r = decode_frame(d, &f, &p);
	if (taken)
		assert_int_equal(r, DECODE_PACKET);
	if (caplen < MACS || copy[12] != 0x08 || copy[13] != 0) {
		assert_false(taken);
	} else {
		struct frame raw = f;
		raw.link_type = 228; /* LINKTYPE_IPV4 */
		raw.data += MACS;
		raw.caplen -= MACS;
		raw.len -= MACS;
		enum decode_result s = decode_frame(e, &raw, &q);
		assert_int_equal(r, s);
		assert_memory_equal(&ours, &theirs, sizeof ours);
		if (r == DECODE_PACKET) {
			assert_int_equal(p.time_ns, q.time_ns);
			assert_int_equal(p.frame, q.frame);
			assert_int_equal(p.capture, q.capture);
			assert_memory_equal(&p.src, &q.src, sizeof p.src);
			assert_memory_equal(&p.dst, &q.dst, sizeof p.dst);
			assert_int_equal(p.src_port, q.src_port);
			assert_int_equal(p.dst_port, q.dst_port);
			assert_int_equal(p.proto, q.proto);
			assert_int_equal(p.tcp_flags, q.tcp_flags);
			assert_int_equal(p.tcp_window, q.tcp_window);
			assert_int_equal(p.checksum, q.checksum);
			assert_int_equal(p.ip_id, q.ip_id);
			assert_int_equal(p.tcp_seq, q.tcp_seq);
			assert_int_equal(p.tcp_ack, q.tcp_ack);
			assert_int_equal(p.wire_bytes, q.wire_bytes);
			assert_int_equal(p.payload_bytes, q.payload_bytes);
			assert_int_equal(p.payload.n, q.payload.n);
			bool inside = p.ip >= copy && p.ip < copy + caplen; /* else put together from fragments */
			if (inside && p.payload.n)
				assert_ptr_equal(p.payload.p, q.payload.p);
			if (inside)
				assert_ptr_equal(p.ip, q.ip);
			assert_int_equal(p.ip_n, q.ip_n);
			assert_int_equal(p.encap.n, q.encap.n);
			if (p.encap.n == 0) {
				assert_ptr_equal(p.dst_mac, copy);
				assert_ptr_equal(p.src_mac, copy + 6);
			}
			assert_ptr_equal(p.captured.p, copy);
			assert_int_equal(p.captured.n, caplen);
			assert_int_equal(p.frame_bytes, len);
			assert_int_equal(p.link_type, 1);
		}
	}
	free(copy);
	return taken;
}

static void every_change(const uint8_t *bytes, uint32_t n)
{
	uint8_t changed[128];
	assert_true(agrees(bytes, n, n));
	assert_true(agrees(bytes, n, n + 100)); /* only padding was cut off */
	for (uint32_t cut = 0; cut < n; cut++)
		agrees(bytes, cut, n);
	for (uint32_t i = MACS; i < n && i < HEADERS; i++)
		for (unsigned value = 0; value < 256; value++) {
			memcpy(changed, bytes, n);
			changed[i] = (uint8_t)value;
			agrees(changed, n, n);
		}
}

static void test_whatever_is_changed(void **state)
{
	(void)state;
	every_change(tcp, sizeof tcp);
	every_change(udp, sizeof udp);
}

/* Each of them is the walk's. */
static void test_what_is_left_to_the_walk(void **state)
{
	static const struct {
		uint8_t at, value;
	} tcp_changes[] = {{13, 0x06}, {14, 0x46}, {14, 0x65}, {16, 1}, {17, 39}, {20, 0x20}, {21, 1}, {23, 1}, {46, 0x40}, {46, 0xf0}},
	  udp_changes[] = {{39, 23}, {39, 25}, {39, 7}, {17, 27}};
	static const uint16_t ports[] = {4789, 4790, 8472, 6081};
	uint8_t changed[128];
	(void)state;
	for (size_t i = 0; i < sizeof tcp_changes / sizeof *tcp_changes; i++) {
		memcpy(changed, tcp, sizeof tcp);
		changed[tcp_changes[i].at] = tcp_changes[i].value;
		assert_false(agrees(changed, sizeof tcp, sizeof tcp));
	}
	for (size_t i = 0; i < sizeof udp_changes / sizeof *udp_changes; i++) {
		memcpy(changed, udp, sizeof udp);
		changed[udp_changes[i].at] = udp_changes[i].value;
		assert_false(agrees(changed, sizeof udp, sizeof udp));
	}
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		memcpy(changed, udp, sizeof udp);
		changed[36] = (uint8_t)(ports[i] >> 8);
		changed[37] = (uint8_t)ports[i];
		assert_false(agrees(changed, sizeof udp, sizeof udp));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_is_changed),
		cmocka_unit_test(test_what_is_left_to_the_walk),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
