/* HPACK with a memory that was lost: what is handed out is right or unknown, never another field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "http2_hpack.h"
#include "limits.h"

struct seen {
	char text[4096];
	unsigned unknown;
};

static void on_field(void *context, struct slice name, struct slice value)
{
	struct seen *s = context;
	size_t n = strlen(s->text);
	if (name.n == 0)
		s->unknown++;
	else
		snprintf(s->text + n, sizeof s->text - n, "%.*s=%.*s ", (int)name.n, (const char *)name.p, (int)value.n,
			 (const char *)value.p);
}

/* A block with the fields x-0 .. x-(n-1) of the given generation, each of which the sender indexes. */
static size_t block(nghttp2_hd_deflater *d, unsigned generation, unsigned n, uint8_t *out, size_t cap)
{
	static char name[256][16], value[256][64];
	nghttp2_nv nv[256];
	for (unsigned i = 0; i < n; i++) {
		int a = snprintf(name[i], sizeof name[i], "x-%u", i),
		    b = snprintf(value[i], sizeof value[i], "%u.%u", generation, i);
		nv[i] =
		    (nghttp2_nv){(uint8_t *)name[i], (uint8_t *)value[i], (size_t)a, (size_t)b, NGHTTP2_NV_FLAG_NONE};
	}
	ssize_t made = nghttp2_hd_deflate_hd(d, out, cap, nv, n);
	assert_true(made > 0);
	return (size_t)made;
}

static bool read_block(struct http2_hpack *p, const uint8_t *bytes, size_t n, struct seen *s)
{
	*s = (struct seen){0};
	return http2_hpack_feed(p, slice_of(bytes, n), on_field, s) && http2_hpack_end(p);
}

/* Every generation of fields is sent twice, so that the second time it is indices. Blocks are lost at every place. */
static void test_never_another_field(void **state)
{
	(void)state;
	static uint8_t bytes[1 << 14];
	static const uint32_t tables[] = {4096, 256, 65536};
	for (size_t k = 0; k < sizeof tables / sizeof *tables; k++) {
		for (unsigned lost = 0; lost < 12; lost++) {
			struct http2_hpack p;
			struct seen s;
			nghttp2_hd_deflater *d;
			assert_int_equal(nghttp2_hd_deflate_new(&d, 65536), 0);
			nghttp2_hd_deflate_change_table_size(d, tables[k]);
			http2_hpack_init(&p);
			for (unsigned i = 0; i < 12; i++) {
				size_t n = block(d, i / 2, 5, bytes, sizeof bytes);
				if (i == lost) {
					http2_hpack_lose(&p);
					continue;
				}
				bool ok = read_block(&p, bytes, n, &s);
				char want[128] = "";
				for (unsigned f = 0; f < 5; f++)
					snprintf(want + strlen(want), sizeof want - strlen(want), "x-%u=%u.%u ", f,
						 i / 2, f);
				if (ok && s.unknown == 0)
					assert_string_equal(s.text, want);
				for (char *field = strtok(s.text, " "); field; field = strtok(NULL, " "))
					assert_non_null(strstr(want, field)); /* right or unknown */
				/* a generation that began after the loss is whole again, its names too */
				if (i > lost + 3 && tables[k] == 4096)
					assert_true(ok && s.unknown <= 5);
				assert_true(http2_hpack_memory(&p) < (400u << 10));
			}
			http2_hpack_done(&p);
			nghttp2_hd_deflate_del(d);
		}
	}
}

/* Indices beyond what a table of the default size can hold: the place-holders grow once, then blocks are given up. */
static void test_a_larger_table(void **state)
{
	(void)state;
	struct http2_hpack p;
	struct seen s;
	static const uint8_t far[] = {0x82, 0xff, 0xc9, 0x01}; /* index 328 */
	static const uint8_t literal[] = {0x82, 0x00, 0x01, 'a', 0x01, 'b'};
	static const uint8_t beyond[] = {0xff, 0xff, 0xff, 0x7f};
	http2_hpack_init(&p);
	http2_hpack_lose(&p);
	assert_false(read_block(&p, far, sizeof far, &s));
	assert_string_equal(s.text, ":method=GET ");
	assert_true(read_block(&p, far, sizeof far, &s));
	assert_int_equal(s.unknown, 1);
	assert_true(read_block(&p, literal, sizeof literal, &s));
	assert_string_equal(s.text, ":method=GET a=b ");
	assert_true(http2_hpack_memory(&p) < (512u << 10));
	assert_false(read_block(&p, beyond, sizeof beyond, &s));
	assert_false(read_block(&p, literal, sizeof literal, &s)); /* for good */
	assert_int_equal(http2_hpack_memory(&p), 0);
	http2_hpack_done(&p);
}

/* A block that ends in the middle of a field, and one whose table is too large. */
static void test_broken_blocks(void **state)
{
	(void)state;
	struct http2_hpack p;
	struct seen s;
	http2_hpack_init(&p);
	assert_false(read_block(&p,
				(const uint8_t *)"\x40\x05"
						 "ab",
				4, &s));
	assert_true(p.lost);
	http2_hpack_done(&p);
	http2_hpack_init(&p);
	assert_false(read_block(&p, (const uint8_t *)"\x3f\xe1\xff\x07", 4, &s)); /* 128 KiB */
	http2_hpack_done(&p);
	http2_hpack_init(&p);
	assert_true(read_block(&p, (const uint8_t *)"\x3f\xe1\xff\x03\x82", 5, &s)); /* 64 KiB */
	assert_string_equal(s.text, ":method=GET ");
	http2_hpack_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_never_another_field),
	    cmocka_unit_test(test_a_larger_table),
	    cmocka_unit_test(test_broken_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
