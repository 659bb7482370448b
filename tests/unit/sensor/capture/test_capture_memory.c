/* Capture files, read and written while the machine runs out of memory: the error goes up, and nothing is left behind.
 */
#include "capture_build.h"

#include "pcapng_writer.h"

/* Sanitizers bring their own allocator, so that this runs in an ordinary build only. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(SANITIZED) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define OWN_ALLOCATOR 0
#else
#define OWN_ALLOCATOR 1
#endif

#if OWN_ALLOCATOR
/* Stands before the C library's allocator for this whole program, zlib and zstd included. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool counting, only_one; /* only_one: those after it succeed again */
static long until_failure, alive;

static bool fails_now(void)
{
	if (!counting)
		return false;
	long left = until_failure--;
	return only_one ? left == 0 : left <= 0;
}

void *malloc(size_t n)
{
	void *p = fails_now() ? NULL : __libc_malloc(n);
	alive += counting && p;
	return p;
}

void *calloc(size_t count, size_t n)
{
	void *p = fails_now() ? NULL : __libc_calloc(count, n);
	alive += counting && p;
	return p;
}

void *realloc(void *old, size_t n)
{
	void *p = fails_now() ? NULL : __libc_realloc(old, n);
	alive += counting && p && !old;
	return p;
}

void free(void *p)
{
	alive -= counting && p;
	__libc_free(p);
}

/* Reads s with the n-th allocation and all later ones failing. True when n was enough. */
static bool reads_with(struct slice s, long n)
{
	struct source src = source_file(s);
	struct capture_file *f = NULL;
	struct frame frame;
	char error[CAPTURE_ERROR_TEXT] = "";
	alive = 0;
	until_failure = n;
	counting = true;
	int outcome = capture_file_open(src.path, &f, error);
	if (outcome == 0) {
		while ((outcome = capture_file_next(f, &frame)) == 1)
			;
		if (outcome < 0)
			memcpy(error, capture_file_error(f), sizeof error);
		capture_file_free(f);
	}
	counting = false;
	source_done(&src);
	assert_int_equal(alive, 0);
	if (outcome == 0)
		return true;
	assert_int_equal(outcome, FAIL_MEMORY);
	assert_non_null(strstr(error, "out of memory"));
	return false;
}

static void test_failing_malloc(void **state)
{
	(void)state;
	struct bytes plain = {0}, files[4] = {{0}, {0}, {0}, {0}};
	pcap_sample(&files[0], 5);
	ng_section(&plain);
	for (unsigned i = 0; i < 20; i++)
		ng_interface(&plain, 1, 0, 6, 0);
	ng_packet(&plain, 19, 1, 300000, 300000, 1); /* larger than the read buffer */
	put(&files[1], plain.p, plain.n);
	put_gzip(&files[2], bytes_slice(&plain));
	put_zstd(&files[3], bytes_slice(&plain));
	for (size_t i = 0; i < 4; i++) {
		long n = 0;
		while (!reads_with(bytes_slice(&files[i]), n))
			assert_true(++n < 1000);
		assert_true(n >= 1);
		bytes_done(&files[i]);
	}
	bytes_done(&plain);
}

/* Writes a small frame, one larger than the buffer, and one of each of some link types, with the n-th allocation alone
 * failing. What could be put is in the file. True when none failed. */
static bool writes_with(long n)
{
	static const uint8_t large[300000];
	struct source src = source_file(slice_of(NULL, 0));
	unsigned kept = 0;
	alive = 0;
	until_failure = n;
	only_one = counting = true;
	struct pcapng_writer *w = pcapng_writer_new(src.fd, "shadowtap", NULL, 0);
	bool all = w && pcapng_writer_size(w);
	for (uint32_t i = 0; w && i < 10; i++) {
		struct frame f = {.data = large,
				  .caplen = i == 1 ? sizeof large : 60,
				  .len = sizeof large,
				  .link_type = i,
				  .time_ns = i};
		int rc = pcapng_writer_put(w, &f, "comment");
		assert_true(rc == 0 || rc == FAIL_MEMORY);
		kept += rc == 0;
		all = all && rc == 0;
	}
	if (w)
		assert_int_equal(pcapng_writer_flush(w), 0);
	pcapng_writer_free(w);
	only_one = counting = false;
	assert_int_equal(alive, 0);
	assert_int_equal(kept, !w ? 0 : all ? 10 : 9);
	if (w) {
		struct collected *c = collect(src.path);
		assert_int_equal(c->outcome, 0);
		assert_int_equal(c->n, kept);
		collected_free(c);
	}
	source_done(&src);
	return all;
}

static void test_writer(void **state)
{
	(void)state;
	long n = 0;
	while (!writes_with(n))
		assert_true(++n < 100);
	assert_true(n >= 6);
}
#else
static void test_failing_malloc(void **state)
{
	(void)state;
	skip();
}

static void test_writer(void **state)
{
	(void)state;
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_failing_malloc),
	    cmocka_unit_test(test_writer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
