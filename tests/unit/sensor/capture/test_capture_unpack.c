#include "capture_build.h"

#include "capture_unpack.h"

/* Compressible and not, in turns, so that both long matches and literals cross every boundary. */
static void put_text(struct bytes *b, size_t n)
{
	uint32_t x = 1;
	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245 + 12345;
		uint8_t byte = i / 300 % 2 ? (uint8_t)(x >> 16) : (uint8_t)("capture"[i % 7]);
		put(b, &byte, 1);
	}
}

struct outcome {
	int fail;
	bool complete;
	const char *why;
};

/* Feeds s in pieces of `piece`, into room of `room` at a time. */
static struct outcome unpack(struct slice s, size_t piece, size_t room, struct bytes *out)
{
	struct capture_unpack *u = NULL;
	struct outcome o = {0};
	uint8_t made_here[4096];
	assert_true(room <= sizeof made_here);
	assert_int_equal(capture_unpack_new(capture_packing_of(s), &u), 0);
	bool pending = false;
	while (!o.fail && (s.n || pending)) {
		struct slice in = slice_first(s, piece);
		size_t used = SIZE_MAX, made = SIZE_MAX;
		o.fail = capture_unpack_some(u, in, made_here, room, &used, &made, &o.why);
		assert_true(used <= in.n);
		assert_true(made <= room);
		/* Progress, or the loop of capture_input would spin. */
		assert_true(o.fail || pending || used || made);
		put(out, made_here, made);
		s = slice_after(s, used);
		pending = made == room;
	}
	o.complete = capture_unpack_complete(u);
	capture_unpack_free(u);
	return o;
}

static void test_packing_of(void **state)
{
	(void)state;
	assert_int_equal(capture_packing_of(SLICE_LITERAL("\x1f\x8b")), CAPTURE_GZIP);
	assert_int_equal(capture_packing_of(SLICE_LITERAL("\x1f")), CAPTURE_PLAIN);
	assert_int_equal(capture_packing_of(SLICE_LITERAL("\x28\xb5\x2f\xfd")), CAPTURE_ZSTD);
	assert_int_equal(capture_packing_of(SLICE_LITERAL("\x28\xb5\x2f")), CAPTURE_PLAIN);
	assert_int_equal(capture_packing_of(SLICE_LITERAL("\x5f\x2a\x4d\x18")), CAPTURE_ZSTD);
	assert_int_equal(capture_packing_of(SLICE_LITERAL("\x60\x2a\x4d\x18")), CAPTURE_PLAIN);
	assert_int_equal(capture_packing_of(SLICE_LITERAL("\xd4\xc3\xb2\xa1")), CAPTURE_PLAIN);
	assert_int_equal(capture_packing_of(SLICE_LITERAL("")), CAPTURE_PLAIN);
}

/* Two members or frames (for zstd a skippable one between), in any split. */
static void test_any_split(void **state)
{
	(void)state;
	struct bytes text = {0}, packed[2] = {{0}, {0}};
	put_text(&text, 5000);
	struct slice first = slice_first(bytes_slice(&text), 1777), second = slice_after(bytes_slice(&text), 1777);
	put_gzip(&packed[0], first);
	put_gzip(&packed[0], slice_of(NULL, 0));
	put_gzip(&packed[0], second);
	put(&packed[0], "\0\0\0\0\0\0\0", 7);
	put_u32(&packed[1], 0x184d2a53);
	put_u32(&packed[1], 5);
	put(&packed[1], "skip!", 5);
	put_zstd(&packed[1], first);
	put_u32(&packed[1], 0x184d2a50);
	put_u32(&packed[1], 0);
	put_zstd(&packed[1], second);
	static const size_t rooms[] = {1, 2, 3, 97, 4096};
	for (size_t k = 0; k < 2; k++)
		for (size_t r = 0; r < ARRAY(rooms); r++)
			for (size_t piece = 1; piece <= packed[k].n; piece += piece < 40 ? 1 : 97) {
				struct bytes out = {0};
				struct outcome o = unpack(bytes_slice(&packed[k]), piece, rooms[r], &out);
				assert_int_equal(o.fail, 0);
				assert_true(o.complete);
				assert_int_equal(out.n, text.n);
				assert_memory_equal(out.p, text.p, text.n);
				bytes_done(&out);
			}
	bytes_done(&packed[0]);
	bytes_done(&packed[1]);
	bytes_done(&text);
}

static void test_cut(void **state)
{
	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		struct bytes text = {0}, packed = {0};
		put_text(&text, 2000);
		zstd ? put_zstd(&packed, bytes_slice(&text)) : put_gzip(&packed, bytes_slice(&text));
		size_t last = 0;
		for (size_t n = 4; n <= packed.n; n++) {
			struct bytes out = {0};
			struct outcome o = unpack(slice_first(bytes_slice(&packed), n), 50, 100, &out);
			assert_int_equal(o.fail, 0);
			assert_int_equal(o.complete, n == packed.n);
			assert_true(out.n >= last && out.n <= text.n);
			if (out.n)
				assert_memory_equal(out.p, text.p, out.n);
			last = out.n;
			bytes_done(&out);
		}
		assert_int_equal(last, text.n);
		bytes_done(&packed);
		bytes_done(&text);
	}
}

static void test_damage(void **state)
{
	(void)state;
	struct bytes text = {0}, gzip = {0}, zstd = {0};
	put_text(&text, 1000);
	put_gzip(&gzip, bytes_slice(&text));
	put_zstd(&zstd, bytes_slice(&text));
	static const struct {
		bool zstd;
		int flip_from_end; /* damage this byte, or append when 0 */
		struct slice append;
		const char *why;
	} cases[] = {
	    {false, 5, {0}, "the gzip data is damaged"}, /* check sum */
	    {false, 1, {0}, "the gzip data is damaged"}, /* length */
	    {false, 0, SLICE_LITERAL("x"), "bytes that are not gzip follow the gzip data"},
	    {false, 0, SLICE_LITERAL("\x1f\x8c\0\0\0\0\0\0\0\0\0\0"), "the gzip data is damaged"},
	    {false, 0, SLICE_LITERAL("\0\x1f"), "bytes that are not gzip follow the gzip data"},
	    {true, 1, {0}, "the zstd data is damaged"}, /* check sum */
	    {true, 0, SLICE_LITERAL("garbage"), "the zstd data is damaged"},
	    /* A frame of which the descriptor asks for a window of 2^28. */
	    {true, 0, SLICE_LITERAL("\x28\xb5\x2f\xfd\x00\x90\x00\x00\x00\x00"),
	     "the zstd data asks for too large a window"},
	};
	for (size_t i = 0; i < ARRAY(cases); i++)
		for (size_t piece = 1; piece < 300; piece += 13) {
			struct bytes in = {0}, out = {0};
			put(&in, cases[i].zstd ? zstd.p : gzip.p, cases[i].zstd ? zstd.n : gzip.n);
			if (cases[i].flip_from_end)
				in.p[in.n - (size_t)cases[i].flip_from_end] ^= 1;
			put(&in, cases[i].append.p, cases[i].append.n);
			struct outcome o = unpack(bytes_slice(&in), piece, 128, &out);
			assert_int_equal(o.fail, FAIL_INPUT);
			assert_string_equal(o.why, cases[i].why);
			/* What came before the fault is not lost. */
			assert_int_equal(out.n, text.n);
			assert_memory_equal(out.p, text.p, text.n);
			bytes_done(&in);
			bytes_done(&out);
		}
	bytes_done(&text);
	bytes_done(&gzip);
	bytes_done(&zstd);
}

/* The smallest file that unfolds into a lot needs no more room than the caller gives. */
static void test_bomb_is_streamed(void **state)
{
	(void)state;
	uint8_t *zeros = calloc(1, 8 << 20);
	assert_non_null(zeros);
	struct bytes packed = {0};
	put_zstd(&packed, slice_of(zeros, 8 << 20));
	assert_true(packed.n < 2000);
	struct capture_unpack *u = NULL;
	assert_int_equal(capture_unpack_new(CAPTURE_ZSTD, &u), 0);
	struct slice s = bytes_slice(&packed);
	uint8_t out[1000];
	size_t total = 0, used, made;
	const char *why;
	do {
		assert_int_equal(capture_unpack_some(u, s, out, sizeof out, &used, &made, &why), 0);
		s = slice_after(s, used);
		total += made;
	} while (made);
	assert_int_equal(total, 8 << 20);
	assert_true(capture_unpack_complete(u));
	capture_unpack_free(u);
	capture_unpack_free(NULL);
	bytes_done(&packed);
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_packing_of), cmocka_unit_test(test_any_split),        cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_damage),     cmocka_unit_test(test_bomb_is_streamed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
