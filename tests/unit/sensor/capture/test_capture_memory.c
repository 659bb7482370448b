/* Capture files while the machine runs out of memory: the error goes up, and nothing is left behind. */
#include "capture_build.h"

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

static bool counting;
static long until_failure, alive;

static bool fails_now(void)
{
	return counting && until_failure-- <= 0;
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
#else
static void test_failing_malloc(void **state)
{
	(void)state;
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_failing_malloc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
