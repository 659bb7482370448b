/* Builds frames by hand and decodes them from memory that ends at an unreadable page.
 * Used by the tests of decode. */
#ifndef SHADOWTAP_TEST_FRAME_BUILD_H
#define SHADOWTAP_TEST_FRAME_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "decode.h"

#define BUILD_MAX (1u << 17)

struct build {
	size_t n;
	uint8_t b[BUILD_MAX];
};

static inline void put_bytes(struct build *b, const void *p, size_t n)
{
	assert_true(b->n + n <= BUILD_MAX);
	memcpy(b->b + b->n, p, n);
	b->n += n;
}

static inline void put_u8(struct build *b, unsigned v)
{
	put_bytes(b, &(uint8_t){(uint8_t)v}, 1);
}

static inline void put_u16(struct build *b, unsigned v)
{
	put_bytes(b, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static inline void put_u32(struct build *b, uint32_t v)
{
	put_u16(b, v >> 16);
	put_u16(b, v & 0xffff);
}

static inline void put_text(struct build *b, const char *s)
{
	put_bytes(b, s, strlen(s));
}

static inline void put_zeros(struct build *b, size_t n)
{
	while (n--)
		put_u8(b, 0);
}

/* Destination 02:00:00:00:00:0d, source 02:00:00:00:00:05. */
static inline void put_ethernet(struct build *b, unsigned type)
{
	put_bytes(b, "\x02\0\0\0\0\x0d\x02\0\0\0\0\x05", 12);
	put_u16(b, type);
}

/* 10.0.0.1 to 10.0.0.2. fragment is the word of flags and offset. */
static inline void put_ip4_fragment(struct build *b, unsigned proto, size_t payload, unsigned id, unsigned fragment)
{
	put_bytes(b, "\x45\0", 2);
	put_u16(b, (unsigned)(20 + payload));
	put_u16(b, id);
	put_u16(b, fragment);
	put_u8(b, 64);
	put_u8(b, proto);
	put_u16(b, 0);
	put_bytes(b, "\x0a\0\0\x01\x0a\0\0\x02", 8);
}

static inline void put_ip4(struct build *b, unsigned proto, size_t payload)
{
	put_ip4_fragment(b, proto, payload, 7, 0x4000);
}

/* fd00::1 to fd00::2. */
static inline void put_ip6(struct build *b, unsigned next, size_t payload)
{
	put_u32(b, 0x60000000);
	put_u16(b, (unsigned)payload);
	put_u8(b, next);
	put_u8(b, 64);
	put_bytes(b, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 32);
}

/* 40000 to 80, sequence 1000, acknowledges 2000, PSH ACK, window 512. */
static inline void put_tcp(struct build *b, const char *payload)
{
	put_u16(b, 40000);
	put_u16(b, 80);
	put_u32(b, 1000);
	put_u32(b, 2000);
	put_bytes(b, "\x50\x18\x02\0\0\0\0\0", 8);
	put_text(b, payload);
}

/* 40000 to 53; bytes is what the length field says. */
static inline void put_udp(struct build *b, size_t bytes, const char *payload)
{
	put_u16(b, 40000);
	put_u16(b, 53);
	put_u16(b, (unsigned)bytes);
	put_u16(b, 0);
	put_text(b, payload);
}

struct bench {
	struct anomaly_counts anomalies;
	struct decoder *decoder;
	struct frame frame;
	uint8_t *map;
	size_t map_n;
};

static inline void bench_init(struct bench *t)
{
	memset(t, 0, sizeof *t);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	t->map_n = BUILD_MAX;
	t->map = mmap(NULL, t->map_n + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(t->map, MAP_FAILED);
	assert_int_equal(mprotect(t->map + t->map_n, page, PROT_NONE), 0);
	t->decoder = decoder_new(&t->anomalies);
	assert_non_null(t->decoder);
	t->frame = (struct frame){.link_type = 1, .capture = 3, .time_ns = 1000 * NS_PER_SEC};
}

static inline void bench_done(struct bench *t)
{
	decoder_free(t->decoder);
	munmap(t->map, t->map_n + (size_t)sysconf(_SC_PAGESIZE));
}

static inline bool slice_within(struct slice s, const uint8_t *p, size_t n)
{
	return s.p >= p && s.p + s.n <= p + n;
}

/* Decodes the first caplen bytes of b as a frame of len bytes on the wire, and checks what is true of every frame: one
 * result; refused means counted; a packet has every member set and points nowhere else; else *ret is untouched. */
static inline enum decode_result bench_decode_cut(struct bench *t, const struct build *b, size_t caplen, size_t len,
						  struct packet *ret)
{
	uint64_t before = 0, after = 0;
	for (int i = 0; i < ANOMALY_COUNT; i++)
		before += t->anomalies.n[i];
	uint8_t *at = t->map + t->map_n - caplen;
	memcpy(at, b->b, caplen);
	t->frame.data = at;
	t->frame.caplen = (uint32_t)caplen;
	t->frame.len = (uint32_t)len;
	t->frame.number++;
	struct packet blank;
	memset(&blank, 0xa5, sizeof blank);
	memcpy(ret, &blank, sizeof blank);
	enum decode_result result = decode_frame(t->decoder, &t->frame, ret);
	for (int i = 0; i < ANOMALY_COUNT; i++)
		after += t->anomalies.n[i];
	if (result == DECODE_REFUSED)
		assert_true(after > before);
	if (result != DECODE_PACKET) {
		assert_memory_equal(ret, &blank, sizeof blank);
		return result;
	}
	assert_int_equal(ret->time_ns, t->frame.time_ns);
	assert_int_equal(ret->frame, t->frame.number);
	assert_int_equal(ret->capture, t->frame.capture);
	assert_true(ret->src.family == ret->dst.family && (ret->src.family == 4 || ret->src.family == 6));
	assert_true(ret->proto == IP_PROTO_TCP || ret->proto == IP_PROTO_UDP);
	assert_true(ret->payload.n <= ret->payload_bytes);
	assert_true(ret->payload_bytes < ret->wire_bytes);
	assert_true(slice_within(ret->payload, ret->ip, ret->ip_n));
	assert_true(ret->encap.n <= ENCAP_MAX);
	return result;
}

static inline enum decode_result bench_decode(struct bench *t, const struct build *b, struct packet *ret)
{
	return bench_decode_cut(t, b, b->n, b->n, ret);
}

/* Reads the count and forgets it; fails if any other anomaly was counted since. */
static inline uint64_t bench_only(struct bench *t, enum anomaly which)
{
	uint64_t n = t->anomalies.n[which];
	t->anomalies.n[which] = 0;
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (t->anomalies.n[i])
			fail_msg("unexpected %s", anomaly_name(i));
	return n;
}

static inline void assert_payload(const struct packet *p, const char *text)
{
	assert_int_equal(p->payload.n, strlen(text));
	assert_memory_equal(p->payload.p, text, p->payload.n);
}

static inline void assert_addr(const struct ip_addr *a, const char *text)
{
	char out[IP_ADDR_TEXT];
	ip_addr_format(a, out);
	assert_string_equal(out, text);
}

#endif
