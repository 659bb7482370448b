/* The n-th allocation fails, for every n: nothing crashes, nothing leaks, what is reported is a weaker truth.
 * The allocator is replaced by counting ones, so this does not run under a sanitizer that brings its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http1_transcript.h"

#if defined(__SANITIZE_ADDRESS__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#define OWN_ALLOCATOR (!__has_feature(address_sanitizer))
#else
#define OWN_ALLOCATOR 1
#endif

#if OWN_ALLOCATOR && defined(__GLIBC__)

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

static bool counting;
static long until_failure, alive;

static bool fails(void)
{
	return counting && until_failure-- == 0;
}

void *malloc(size_t n)
{
	void *p = fails() ? NULL : __libc_malloc(n);
	alive += counting && p;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);
	alive += counting && p;
	return p;
}

void *realloc(void *old, size_t n)
{
	void *p = fails() ? NULL : __libc_realloc(old, n);
	alive += counting && p && !old;
	return p;
}

void free(void *p)
{
	alive -= counting && p;
	__libc_free(p);
}

static const char client[] = "CONNECT a:1 HTTP/1.1\r\n\r\n"
			     "POST /1 HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08!"
			     "GET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"
			     "GET /4 HTTP/1.1\r\n\r\nGET /5 HTTP/1.1\r\n\r\n";
static const char server[] = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
			     "HTTP/1.1 200 OK\r\nTransfer-Encoding: br, chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n";

static bool run(struct transcript *t, long fail_at)
{
	memset(t, 0, sizeof *t);
	alive = 0;
	until_failure = fail_at;
	counting = true;
	transcript_init(t);
	if (t->h) {
		for (size_t i = 0; i + 1 < sizeof client; i++)
			http1_feed(t->h, FROM_CLIENT, slice_of(client + i, 1));
		for (size_t i = 0; i + 1 < sizeof server; i++)
			http1_feed(t->h, FROM_SERVER, slice_of(server + i, 1));
		http1_free(t->h);
	}
	counting = false;
	return until_failure < 0;
}

static void test_nth_allocation_fails(void **state)
{
	(void)state;
	static struct transcript t;
	long n = 0;
	for (; run(&t, n); n++) {
		assert_int_equal(alive, 0);
		assert_true(n == 0 ? t.h == NULL : t.n > 0);
	}
	assert_int_equal(alive, 0);
	assert_true(n > 8);
	assert_non_null(strstr(t.text, "S head 1 403 CONNECT 1.1\n"));
	assert_non_null(strstr(t.text, "S head 2 200 POST 1.1\n"));
	assert_int_equal(t.user_errors, 0);
}

#else

static void test_nth_allocation_fails(void **state)
{
	(void)state;
	skip();
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_nth_allocation_fails)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
