/* Lets the n-th allocation of this program fail, and counts what is alive. Included by one test source each.
 * Sanitizers bring an allocator of their own: there FAILING_MALLOC is 0 and such tests skip themselves. */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

#include <errno.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAILING_MALLOC 0
#endif
#endif
#if !defined(FAILING_MALLOC) && (defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__))
#define FAILING_MALLOC 0
#endif
#ifndef FAILING_MALLOC
#define FAILING_MALLOC 1
#endif

#if FAILING_MALLOC
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void free(void *p);

static long allocations_left = -1; /* -1: none fails */
static long allocations_alive;

static int allocation_fails(void)
{
	if (allocations_left < 0)
		return 0;
	if (allocations_left == 0) {
		errno = ENOMEM;
		return 1; /* and so do all that follow, until the test resets it */
	}
	allocations_left--;
	return 0;
}

void *malloc(size_t n)
{
	void *p = allocation_fails() ? NULL : __libc_malloc(n);
	allocations_alive += p != NULL;
	return p;
}

void *calloc(size_t n, size_t size)
{
	void *p = allocation_fails() ? NULL : __libc_calloc(n, size);
	allocations_alive += p != NULL;
	return p;
}

void *realloc(void *p, size_t n)
{
	void *q = allocation_fails() ? NULL : __libc_realloc(p, n);
	allocations_alive += !p && q;
	return q;
}

void free(void *p)
{
	allocations_alive -= p != NULL;
	__libc_free(p);
}
#endif

#endif
