#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "content_coding.h"
#include "limits.h"

struct got {
	uint8_t *p;
	size_t n, cap;
	uint64_t total; /* also what did not fit */
};

static void take(void *context, struct slice s)
{
	struct got *g = context;
	g->total += s.n;
	size_t n = s.n < g->cap - g->n ? s.n : g->cap - g->n;
	memcpy(g->p + g->n, s.p, n);
	g->n += n;
}

static size_t deflate_as(int window_bits, struct slice in, uint8_t *out, size_t cap)
{
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)in.p;
	z.avail_in = (uInt)in.n;
	z.next_out = out;
	z.avail_out = (uInt)cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t n = cap - z.avail_out;
	deflateEnd(&z);
	return n;
}

#define WINDOW_GZIP (MAX_WBITS + 16)
#define WINDOW_ZLIB MAX_WBITS
#define WINDOW_RAW (-MAX_WBITS)

/* Feeds coded in pieces of chunk bytes; says how it ended. */
static enum coding_status unfold(const char *codings, struct slice coded, size_t chunk, struct got *g, bool *ret_ended)
{
	struct coding_list list = {0};
	assert_int_equal(coding_list_add(&list, slice_str(codings)), CODING_OK);
	struct content_coding *c = content_coding_new(&list);
	assert_non_null(c);
	g->n = 0;
	g->total = 0;
	enum coding_status status = CODING_OK;
	while (coded.n) {
		struct slice part = slice_first(coded, chunk);
		uint8_t *exact = malloc(part.n);
		assert_non_null(exact);
		memcpy(exact, part.p, part.n);
		status = content_coding_feed(c, slice_of(exact, part.n), take, g);
		free(exact);
		coded = slice_after(coded, part.n);
	}
	*ret_ended = content_coding_end(c) == CODING_OK;
	assert_true(content_coding_memory(c) < (20u << 20));
	content_coding_free(c);
	return status;
}

static void expect_plain(const char *codings, struct slice coded, struct slice plain)
{
	struct got g = {.p = malloc(plain.n + 64), .cap = plain.n + 64};
	assert_non_null(g.p);
	for (size_t chunk = 1; chunk <= coded.n; chunk = chunk < 40 ? chunk + 1 : chunk * 3) {
		bool ended;
		assert_int_equal(unfold(codings, coded, chunk, &g, &ended), CODING_OK);
		assert_true(ended);
		assert_int_equal(g.n, plain.n);
		assert_memory_equal(g.p, plain.p, plain.n);
		/* Without its last byte, of a checksum or of the last block, it has not ended. */
		unfold(codings, slice_first(coded, coded.n - 1), chunk, &g, &ended);
		assert_false(ended);
	}
	free(g.p);
}

static uint8_t *sample(size_t n)
{
	uint8_t *p = malloc(n);
	assert_non_null(p);
	uint32_t x = 12345;
	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245u + 12345u;
		p[i] = (uint8_t)(i % 7 ? "{\"jsonrpc\":\"2.0\"}"[i % 17] : (uint8_t)(x >> 24));
	}
	return p;
}

static void test_each_coding(void **state)
{
	(void)state;
	size_t n = 70000, cap = 100000;
	uint8_t *plain = sample(n), *coded = malloc(cap);
	assert_non_null(coded);
	struct slice p = slice_of(plain, n);
	expect_plain("gzip", slice_of(coded, deflate_as(WINDOW_GZIP, p, coded, cap)), p);
	expect_plain("X-GZIP", slice_of(coded, deflate_as(WINDOW_GZIP, p, coded, cap)), p);
	expect_plain("deflate", slice_of(coded, deflate_as(WINDOW_ZLIB, p, coded, cap)), p);
	expect_plain("deflate", slice_of(coded, deflate_as(WINDOW_RAW, p, coded, cap)), p);
	size_t z = ZSTD_compress(coded, cap, plain, n, 3);
	assert_false(ZSTD_isError(z));
	expect_plain("zstd", slice_of(coded, z), p);
	free(plain);
	free(coded);
}

static const char ping[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
/* What a brotli encoder (quality 11) makes of ping. */
static const uint8_t ping_br[] = {
	0x8b, 0x13, 0x80, 0x7b, 0x22, 0x6a, 0x73, 0x6f, 0x6e, 0x72, 0x70, 0x63, 0x22, 0x3a, 0x22, 0x32,
	0x2e, 0x30, 0x22, 0x2c, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x31, 0x2c, 0x22, 0x6d, 0x65, 0x74, 0x68,
	0x6f, 0x64, 0x22, 0x3a, 0x22, 0x70, 0x69, 0x6e, 0x67, 0x22, 0x7d, 0x03,
};

static void test_brotli(void **state)
{
	(void)state;
	expect_plain("br", slice_of(ping_br, sizeof ping_br), slice_str(ping));
	struct got g = {.p = malloc(100), .cap = 100};
	bool ended;
	uint8_t more[sizeof ping_br + 1] = {0};
	memcpy(more, ping_br, sizeof ping_br);
	assert_int_equal(unfold("br", slice_of(more, sizeof more), sizeof more, &g, &ended), CODING_BAD);
	assert_false(ended);
	free(g.p);
}

static void test_members_and_frames(void **state)
{
	(void)state;
	uint8_t coded[512];
	struct slice a = slice_str("first "), b = slice_str("second");
	size_t n = deflate_as(WINDOW_GZIP, a, coded, sizeof coded);
	n += deflate_as(WINDOW_GZIP, b, coded + n, sizeof coded - n);
	expect_plain("gzip", slice_of(coded, n), slice_str("first second"));

	struct got g = {.p = malloc(100), .cap = 100};
	bool ended;
	memset(coded + n, 0, 20); /* padding, as tape archives have it */
	assert_int_equal(unfold("gzip", slice_of(coded, n + 20), 7, &g, &ended), CODING_OK);
	assert_true(ended);
	assert_int_equal(g.n, 12);
	coded[n] = 'x';
	assert_int_equal(unfold("gzip", slice_of(coded, n + 1), 7, &g, &ended), CODING_BAD);

	n = ZSTD_compress(coded, sizeof coded, a.p, a.n, 1);
	n += ZSTD_compress(coded + n, sizeof coded - n, b.p, b.n, 1);
	expect_plain("zstd", slice_of(coded, n), slice_str("first second"));
	free(g.p);
}

static void test_layers(void **state)
{
	(void)state;
	size_t n = 30000, cap = 60000;
	uint8_t *plain = sample(n), *one = malloc(cap), *two = malloc(cap), *three = malloc(cap);
	assert_true(one && two && three);
	size_t n1 = deflate_as(WINDOW_GZIP, slice_of(plain, n), one, cap);
	size_t n2 = ZSTD_compress(two, cap, one, n1, 3);
	size_t n3 = deflate_as(WINDOW_ZLIB, slice_of(two, n2), three, cap);
	expect_plain("gzip,zstd", slice_of(two, n2), slice_of(plain, n));
	expect_plain(" gzip , identity,, zstd,\tdeflate ", slice_of(three, n3), slice_of(plain, n));
	free(plain);
	free(one);
	free(two);
	free(three);
}

static void test_list(void **state)
{
	(void)state;
	struct coding_list list = {0};
	assert_int_equal(coding_list_add(&list, slice_str("")), CODING_OK);
	assert_int_equal(coding_list_add(&list, slice_str("identity, Identity")), CODING_OK);
	assert_int_equal(list.n, 0);
	assert_int_equal(coding_list_add(&list, slice_str("compress")), CODING_UNKNOWN);
	assert_int_equal(coding_list_add(&list, slice_str("gzipx")), CODING_UNKNOWN);
	assert_int_equal(coding_list_add(&list, slice_str("gzip, br, zstd")), CODING_OK);
	assert_int_equal(list.n, 3);
	assert_int_equal(coding_list_add(&list, slice_str("gzip")), CODING_UNKNOWN);
	assert_int_equal(coding_list_add(&list, slice_str("identity")), CODING_OK);
}

static void test_broken(void **state)
{
	(void)state;
	struct got g = {.p = malloc(1000), .cap = 1000};
	bool ended;
	static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
	for (size_t i = 0; i < 4; i++) {
		for (size_t chunk = 1; chunk < 30; chunk++) {
			struct slice junk = slice_str("\xff\xfe this is none of these formats");
			assert_int_equal(unfold(codings[i], junk, chunk, &g, &ended), CODING_BAD);
			assert_false(ended);
		}
		assert_int_equal(unfold(codings[i], (struct slice){NULL, 0}, 1, &g, &ended), CODING_OK);
		assert_true(ended);
	}
	/* A wrong checksum is found, though all was handed on. */
	uint8_t coded[512];
	size_t n = deflate_as(WINDOW_GZIP, slice_str(ping), coded, sizeof coded);
	coded[n - 6] ^= 1;
	assert_int_equal(unfold("gzip", slice_of(coded, n), n, &g, &ended), CODING_BAD);
	assert_int_equal(g.n, strlen(ping));
	free(g.p);
}

/* A bomb is cut at the same byte however it arrives, far below what it would unfold to. */
static void expect_cut(const char *codings, struct slice coded, uint64_t at)
{
	struct got g = {.p = malloc(1), .cap = 0};
	bool ended;
	static const size_t chunks[] = {1, 7, 1460, 4096, 65536, SIZE_MAX};
	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		assert_int_equal(unfold(codings, coded, chunks[i], &g, &ended), CODING_LIMIT);
		assert_false(ended);
		assert_int_equal(g.total, at);
	}
	free(g.p);
}

static void test_bombs(void **state)
{
	(void)state;
	size_t n = 80u << 20, cap = 4u << 20;
	uint8_t *zeros = calloc(1, n), *coded = malloc(cap), *twice = malloc(cap);
	assert_true(zeros && coded && twice);
	/* about 1030 to 1: the first 4096 bytes are one step, which may unfold to the free 1 MiB */
	size_t k = deflate_as(WINDOW_GZIP, slice_of(zeros, n), coded, cap);
	assert_true(k > 70000 && k < 90000);
	expect_cut("gzip", slice_of(coded, k), UINT64_C(1) << 20);
	size_t kk = deflate_as(WINDOW_GZIP, slice_of(coded, k), twice, cap);
	expect_cut("gzip, gzip", slice_of(twice, kk), UINT64_C(1) << 20);
	k = ZSTD_compress(coded, cap, zeros, n, 1);
	expect_cut("zstd", slice_of(coded, k), UINT64_C(1) << 20);

	/* Below the ratio, above the size: 80 MiB that shrink to a hundredth. */
	uint32_t x = 1;
	for (size_t i = 0; i < n; i += 150)
		zeros[i] = (uint8_t)((x = x * 1103515245u + 12345u) >> 24);
	free(coded);
	coded = malloc(cap);
	assert_non_null(coded);
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = zeros;
	z.avail_in = (uInt)n;
	z.next_out = coded;
	z.avail_out = (uInt)cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	k = cap - z.avail_out;
	deflateEnd(&z);
	assert_true(k > n / LIMIT_HTTP_UNFOLD_RATIO);
	struct got g = {.p = malloc(1), .cap = 0};
	bool ended;
	assert_int_equal(unfold("gzip", slice_of(coded, k), 1460, &g, &ended), CODING_LIMIT);
	assert_int_equal(g.total, LIMIT_HTTP_UNFOLD_BYTES);
	free(g.p);
	free(zeros);
	free(coded);
	free(twice);
}

static void test_zstd_window(void **state)
{
	(void)state;
	/* A frame header that asks for 16 MiB (RFC 8878 3.1.1.1.2: exponent 14), then an empty last block. */
	static const uint8_t wide[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3, 0x01, 0x00, 0x00};
	static const uint8_t honest[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 0x01, 0x00, 0x00};
	struct got g = {.p = malloc(1), .cap = 0};
	bool ended;
	assert_int_equal(unfold("zstd", slice_of(wide, sizeof wide), sizeof wide, &g, &ended), CODING_UNKNOWN);
	assert_int_equal(unfold("zstd", slice_of(honest, sizeof honest), sizeof honest, &g, &ended), CODING_OK);
	assert_true(ended);
	free(g.p);
}

/* An event must come out when the sender flushed it, not when the stream ends. */
static void test_flushed_events(void **state)
{
	(void)state;
	z_stream z = {0};
	uint8_t coded[512], plain[64];
	struct coding_list list = {0};
	struct got g = {.p = plain, .cap = sizeof plain};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY), Z_OK);
	coding_list_add(&list, slice_str("gzip"));
	struct content_coding *c = content_coding_new(&list);
	assert_non_null(c);
	for (int i = 0; i < 3; i++) {
		z.next_in = (Bytef *)(uintptr_t)"data: 1\n\n";
		z.avail_in = 9;
		z.next_out = coded;
		z.avail_out = sizeof coded;
		assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
		struct slice flushed = slice_of(coded, sizeof coded - z.avail_out);
		assert_int_equal(content_coding_feed(c, flushed, take, &g), CODING_OK);
		assert_int_equal(g.n, 9 * (i + 1));
	}
	assert_int_equal(content_coding_end(c), CODING_BAD);
	deflateEnd(&z);
	content_coding_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_coding),
		cmocka_unit_test(test_brotli),
		cmocka_unit_test(test_members_and_frames),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_zstd_window),
		cmocka_unit_test(test_flushed_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
