#include "capture_build.h"

#include "capture_input.h"
#include <errno.h>
#include <fcntl.h>

/* A number for each byte of a file. */
static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i * 131 + (i >> 8) + (i >> 16));
}

static void put_numbered(struct bytes *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = byte_at(i);
		put(b, &byte, 1);
	}
}

/* Asks for pieces of growing size, and for more than there is at the end. */
static void walk(struct capture_input *in, size_t first, size_t total)
{
	size_t at = first, piece = 1;
	while (at < total) {
		if (piece > total - at) {
			assert_int_equal(capture_input_need(in, piece), CAPTURE_END);
			assert_int_equal(capture_input_left(in), total - at);
			piece = total - at;
		}
		assert_int_equal(capture_input_need(in, piece), CAPTURE_READY);
		assert_int_equal(capture_input_offset(in), at);
		for (size_t i = 0; i < piece; i++)
			assert_int_equal(in->p[i], byte_at(at + i));
		in->p += piece;
		at += piece;
		piece = piece * 3 + 1;
	}
	assert_int_equal(capture_input_need(in, 1), CAPTURE_END);
	assert_int_equal(capture_input_left(in), 0);
}

static void test_mapped(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_numbered(&b, 3000000);
	struct source src = source_file(bytes_slice(&b));
	struct capture_input in;
	assert_int_equal(capture_input_open(&in, src.path), 0);
	assert_non_null(in.map);
	assert_false(in.may_wait);
	assert_int_equal(in.size, b.n);
	assert_int_equal(capture_input_position(&in), 0);
	walk(&in, 0, b.n);
	assert_int_equal(capture_input_position(&in), b.n);
	capture_input_done(&in);
	source_done(&src);
	bytes_done(&b);
}

static void test_packed(void **state)
{
	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		struct bytes b = {0}, packed = {0};
		put_numbered(&b, 3000000);
		zstd ? put_zstd(&packed, bytes_slice(&b)) : put_gzip(&packed, bytes_slice(&b));
		struct source src = source_file(bytes_slice(&packed));
		struct capture_input in;
		assert_int_equal(capture_input_open(&in, src.path), 0);
		assert_null(in.map);
		assert_non_null(in.unpack);
		assert_int_equal(in.size, packed.n);
		walk(&in, 0, b.n);
		assert_int_equal(capture_input_position(&in), packed.n);
		capture_input_done(&in);
		source_done(&src);
		bytes_done(&packed);
		bytes_done(&b);
	}
}

static void test_pipe(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_numbered(&b, 60000);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], b.p, b.n), (ssize_t)b.n);
	close(fds[1]);
	int saved = stdin_become(fds[0]);
	struct capture_input in;
	assert_int_equal(capture_input_open(&in, "-"), 0);
	assert_true(in.may_wait);
	assert_int_equal(in.size, 0);
	assert_int_equal(capture_input_position(&in), 0);
	walk(&in, 0, b.n);
	assert_int_equal(capture_input_position(&in), b.n);
	capture_input_done(&in);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0); /* not ours to close */
	stdin_restore(saved);
	close(fds[0]);
	bytes_done(&b);
}

/* `shadowtap replay - < file` after something else has read a part of the file. */
static void test_stdin_with_offset(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_numbered(&b, 10000);
	struct source src = source_file(bytes_slice(&b));
	assert_int_equal(lseek(src.fd, 1234, SEEK_SET), 1234);
	int saved = stdin_become(src.fd);
	struct capture_input in;
	assert_int_equal(capture_input_open(&in, "-"), 0);
	assert_non_null(in.map);
	walk(&in, 1234, b.n);
	capture_input_done(&in);
	stdin_restore(saved);
	source_done(&src);
	bytes_done(&b);
}

/* A mapped file that shrinks while it is walked: an error at the next window, no SIGBUS. */
static void test_shrinks(void **state)
{
	(void)state;
	struct source src = source_file(slice_of(NULL, 0));
	assert_int_equal(ftruncate(src.fd, 64 << 20), 0);
	struct capture_input in;
	assert_int_equal(capture_input_open(&in, src.path), 0);
	assert_int_equal(capture_input_need(&in, 16), CAPTURE_READY);
	assert_true(capture_input_left(&in) < 32 << 20);
	in.p = in.end; /* all that was promised is used */
	assert_int_equal(ftruncate(src.fd, 4096), 0);
	assert_int_equal(capture_input_need(&in, 1), FAIL_INPUT);
	assert_string_equal(in.why, "the file was cut short while it was read");
	assert_int_equal(capture_input_left(&in), 0);
	capture_input_done(&in);
	source_done(&src);
}

/* Pages behind are handed back, and can be read again all the same. */
static void test_pages_behind(void **state)
{
	(void)state;
	struct source src = source_file(slice_of(NULL, 0));
	assert_int_equal(ftruncate(src.fd, 64 << 20), 0);
	assert_int_equal(pwrite(src.fd, "early", 5, 100), 5);
	struct capture_input in;
	assert_int_equal(capture_input_open(&in, src.path), 0);
	const uint8_t *early = in.p + 100;
	while (capture_input_need(&in, 65536) == CAPTURE_READY)
		in.p += 65536;
	assert_int_equal(capture_input_position(&in), 64 << 20);
	assert_true(in.map_dropped >= 32 << 20);
	assert_memory_equal(early, "early", 5);
	capture_input_done(&in);
	source_done(&src);
}

static void test_nowait(void **state)
{
	(void)state;
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "12345", 5), 5);
	int saved = stdin_become(fds[0]);
	struct capture_input in;
	assert_int_equal(capture_input_open(&in, "-"), 0);
	in.nowait = true;
	assert_int_equal(capture_input_need(&in, 6), CAPTURE_WAIT);
	assert_int_equal(capture_input_left(&in), 5);
	assert_int_equal(capture_input_need(&in, 5), CAPTURE_READY);
	assert_int_equal(write(fds[1], "6", 1), 1);
	assert_int_equal(capture_input_need(&in, 6), CAPTURE_READY);
	assert_memory_equal(in.p, "123456", 6);
	in.p += 6;
	assert_int_equal(capture_input_need(&in, 1), CAPTURE_WAIT);
	close(fds[1]);
	assert_int_equal(capture_input_need(&in, 1), CAPTURE_END);
	capture_input_done(&in);
	stdin_restore(saved);
	close(fds[0]);
}

/* Data that is packed and damaged: all good bytes first, then the failure, again and again. */
static void test_damage_comes_last(void **state)
{
	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		struct bytes b = {0}, packed = {0};
		put_numbered(&b, 1000);
		zstd ? put_zstd(&packed, bytes_slice(&b)) : put_gzip(&packed, bytes_slice(&b));
		packed.p[packed.n - 1] ^= 1; /* of the check sum, of the length */
		struct source src = source_file(bytes_slice(&packed));
		struct capture_input in;
		assert_int_equal(capture_input_open(&in, src.path), 0);
		assert_int_equal(capture_input_need(&in, 999), CAPTURE_READY);
		assert_int_equal(capture_input_need(&in, 1001), FAIL_INPUT);
		assert_int_equal(capture_input_need(&in, 1000), CAPTURE_READY);
		assert_memory_equal(in.p, b.p, 1000);
		assert_int_equal(capture_input_need(&in, 1001), FAIL_INPUT);
		assert_non_null(strstr(in.why, "damaged"));
		capture_input_done(&in);
		source_done(&src);
		bytes_done(&packed);
		bytes_done(&b);
	}
}

static void test_cannot_open(void **state)
{
	(void)state;
	struct capture_input in;
	assert_int_equal(capture_input_open(&in, "/nonexistent/capture.pcap"), FAIL_IO);
	assert_int_equal(errno, ENOENT);
	capture_input_done(&in);
	assert_int_equal(capture_input_open(&in, "/"), FAIL_IO);
	assert_int_equal(errno, EISDIR);
	capture_input_done(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mapped),      cmocka_unit_test(test_packed),
	    cmocka_unit_test(test_pipe),        cmocka_unit_test(test_stdin_with_offset),
	    cmocka_unit_test(test_shrinks),     cmocka_unit_test(test_pages_behind),
	    cmocka_unit_test(test_nowait),      cmocka_unit_test(test_damage_comes_last),
	    cmocka_unit_test(test_cannot_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
