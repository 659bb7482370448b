/* Builds handshakes byte by byte for the tests of TLS, right ones and wrong ones. */
#ifndef SHADOWTAP_TLS_BUILD_H
#define SHADOWTAP_TLS_BUILD_H

#include "slice.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define BUILD_MAX (1u << 20)

struct build {
	uint8_t *p;
	size_t n;
};

static inline struct build build_new(void)
{
	struct build b = {malloc(BUILD_MAX), 0};
	assert_non_null(b.p);
	return b;
}

static inline void build_free(struct build *b)
{
	free(b->p);
	b->p = NULL;
}

static inline struct slice build_slice(const struct build *b)
{
	return slice_of(b->p, b->n);
}

static inline void put(struct build *b, const void *p, size_t n)
{
	assert_true(b->n + n <= BUILD_MAX);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void put_be(struct build *b, uint32_t v, size_t bytes)
{
	while (bytes--) {
		uint8_t byte = (uint8_t)(v >> 8 * bytes);
		put(b, &byte, 1);
	}
}

static inline void put_zeros(struct build *b, size_t n)
{
	assert_true(b->n + n <= BUILD_MAX);
	memset(b->p + b->n, 0, n);
	b->n += n;
}

/* Opens a vector with a length of that many bytes; vector_end fills the length in. */
static inline size_t vector(struct build *b, size_t bytes)
{
	put_zeros(b, bytes);
	return b->n;
}

static inline void vector_end(struct build *b, size_t at, size_t bytes)
{
	size_t n = b->n - at;
	for (size_t i = 0; i < bytes; i++)
		b->p[at - 1 - i] = (uint8_t)(n >> 8 * i);
}

static inline void put_extension(struct build *b, uint16_t type, const void *p, size_t n)
{
	put_be(b, type, 2);
	put_be(b, (uint32_t)n, 2);
	put(b, p, n);
}

static inline void put_sni(struct build *b, const void *name, size_t n)
{
	put_be(b, 0, 2);
	put_be(b, (uint32_t)n + 5, 2);
	put_be(b, (uint32_t)n + 3, 2);
	put_be(b, 0, 1);
	put_be(b, (uint32_t)n, 2);
	put(b, name, n);
}

static inline void put_sni_text(struct build *b, const char *name)
{
	put_sni(b, name, strlen(name));
}

/* A ClientHello body up to its extension block, whose vector is opened: close it by vector_end(b, at, 2). */
static inline size_t hello_open(struct build *b)
{
	put_be(b, 0x0303, 2);
	put_zeros(b, 32);
	put_be(b, 0, 1);
	put(b, "\x00\x06\x13\x01\x13\x02\xc0\x2f", 8);
	put(b, "\x01\x00", 2);
	return vector(b, 2);
}

static inline void put_hello(struct build *b, const char *sni)
{
	size_t at = hello_open(b);
	if (sni)
		put_sni_text(b, sni);
	put_extension(b, 43, "\x02\x03\x04", 3);
	vector_end(b, at, 2);
}

static const uint8_t __attribute__((unused)) retry_magic[32] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* A ServerHello body; selected is put into supported_versions unless 0. */
static inline void put_server_hello(struct build *b, uint16_t legacy, uint16_t selected, bool retry)
{
	put_be(b, legacy, 2);
	if (retry)
		put(b, retry_magic, 32);
	else
		put_zeros(b, 32);
	put(b, "\x00\x13\x01\x00", 4);
	size_t at = vector(b, 2);
	if (selected) {
		uint8_t v[2] = {(uint8_t)(selected >> 8), (uint8_t)selected};
		put_extension(b, 43, v, 2);
	}
	vector_end(b, at, 2);
}

static inline void put_message(struct build *b, uint8_t type, struct slice body)
{
	put_be(b, type, 1);
	put_be(b, (uint32_t)body.n, 3);
	if (body.n)
		put(b, body.p, body.n);
}

/* The bytes in records of at most that size. */
static inline void put_records(struct build *b, uint8_t type, struct slice bytes, size_t size)
{
	do {
		struct slice part = slice_first(bytes, size);
		put_be(b, type, 1);
		put_be(b, 0x0301, 2);
		put_be(b, (uint32_t)part.n, 2);
		if (part.n)
			put(b, part.p, part.n);
		bytes = slice_after(bytes, part.n);
	} while (bytes.n);
}

static inline void put_handshake(struct build *b, uint8_t type, struct slice body)
{
	struct build message = build_new();
	put_message(&message, type, body);
	put_records(b, 22, build_slice(&message), 16384);
	build_free(&message);
}

/* A copy whose end is the end of readable memory. */
struct guarded {
	uint8_t *map;
	size_t pages;
	size_t page;
};

static inline struct guarded guarded_new(size_t max)
{
	struct guarded g = {.page = (size_t)sysconf(_SC_PAGESIZE)};
	g.pages = max / g.page + 1;
	g.map = mmap(NULL, (g.pages + 1) * g.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(g.map != MAP_FAILED);
	assert_int_equal(mprotect(g.map + g.pages * g.page, g.page, PROT_NONE), 0);
	return g;
}

static inline struct slice guarded_copy(const struct guarded *g, struct slice s)
{
	uint8_t *at = g->map + g->pages * g->page - s.n;
	if (s.n)
		memcpy(at, s.p, s.n);
	return slice_of(at, s.n);
}

static inline void guarded_free(struct guarded *g)
{
	munmap(g->map, (g->pages + 1) * g->page);
}

#endif
