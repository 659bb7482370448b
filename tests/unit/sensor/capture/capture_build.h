/* Builds capture files in memory, offers them as a regular file or as a pipe, and reads them back whole.
 * Used by the tests of this folder. Never touches the disk. */
#ifndef TEST_CAPTURE_BUILD_H
#define TEST_CAPTURE_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture_file.h"
#include "limits.h"
#include "slice.h"
#include "status.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define ARRAY(a) (sizeof(a) / sizeof *(a))

struct bytes {
	uint8_t *p;
	size_t n;
	size_t room;
	bool big; /* byte order of what is put */
};

static inline void put(struct bytes *b, const void *p, size_t n)
{
	if (b->n + n > b->room) {
		b->room = (b->n + n) * 2 + 64;
		b->p = realloc(b->p, b->room);
		assert_non_null(b->p);
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void put_number(struct bytes *b, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(v >> 8 * (b->big ? size - 1 - i : i));
		put(b, &byte, 1);
	}
}

static inline void put_u16(struct bytes *b, uint64_t v)
{
	put_number(b, v, 2);
}

static inline void put_u32(struct bytes *b, uint64_t v)
{
	put_number(b, v, 4);
}

static inline void bytes_done(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){0};
}

static inline struct slice bytes_slice(const struct bytes *b)
{
	return slice_of(b->p, b->n);
}

/* ---- pcap ---- */

static inline void pcap_header(struct bytes *b, uint32_t magic, uint32_t link_type)
{
	put_u32(b, magic);
	put_u16(b, 2);
	put_u16(b, 4);
	put_u32(b, 0);
	put_u32(b, 0);
	put_u32(b, 262144);
	put_u32(b, link_type);
}

/* Packet data that tells which packet and which byte it is. */
static inline void put_pattern(struct bytes *b, unsigned which, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = (uint8_t)(which * 37 + i * 11 + (i >> 8));
		put(b, &byte, 1);
	}
}

static inline void pcap_record(struct bytes *b, uint32_t s, uint32_t units, uint32_t caplen, uint32_t len,
			       unsigned which)
{
	put_u32(b, s);
	put_u32(b, units);
	put_u32(b, caplen);
	put_u32(b, len);
	put_pattern(b, which, caplen);
}

/* n packets of growing length: 0, 7, 14 ... */
static inline void pcap_sample(struct bytes *b, unsigned n)
{
	pcap_header(b, 0xa1b2c3d4, 1);
	for (unsigned i = 0; i < n; i++)
		pcap_record(b, 1700000000 + i, i, i * 7, i * 7 + (i & 1), i);
}

/* ---- pcapng ---- */

static inline void ng_block(struct bytes *b, uint32_t type, struct slice body)
{
	uint32_t padded = (uint32_t)(body.n + 3) / 4 * 4;
	put_u32(b, type);
	put_u32(b, padded + 12);
	put(b, body.p, body.n);
	put(b, "\0\0\0", padded - body.n);
	put_u32(b, padded + 12);
}

static inline void ng_section(struct bytes *b)
{
	struct bytes body = {.big = b->big};
	put_u32(&body, 0x1a2b3c4d);
	put_u16(&body, 1);
	put_u16(&body, 0);
	put_number(&body, UINT64_MAX, 8);
	ng_block(b, 0x0a0d0d0a, bytes_slice(&body));
	bytes_done(&body);
}

static inline void ng_option(struct bytes *b, uint16_t code, struct slice value)
{
	put_u16(b, code);
	put_u16(b, value.n);
	put(b, value.p, value.n);
	put(b, "\0\0\0", (4 - value.n % 4) % 4);
}

/* tsresol 6 and offset 0 are left out, as writers do. */
static inline void ng_interface(struct bytes *b, uint16_t link_type, uint32_t snaplen, uint8_t tsresol,
				int64_t offset_s)
{
	struct bytes body = {.big = b->big};
	put_u16(&body, link_type);
	put_u16(&body, 0);
	put_u32(&body, snaplen);
	ng_option(&body, 2, SLICE_LITERAL("eth0"));
	if (tsresol != 6)
		ng_option(&body, 9, slice_of(&tsresol, 1));
	if (offset_s) {
		struct bytes v = {.big = b->big};
		put_number(&v, (uint64_t)offset_s, 8);
		ng_option(&body, 14, bytes_slice(&v));
		bytes_done(&v);
	}
	ng_option(&body, 0, slice_of(NULL, 0));
	ng_block(b, 1, bytes_slice(&body));
	bytes_done(&body);
}

static inline void ng_packet(struct bytes *b, uint32_t interface, uint64_t ticks, uint32_t caplen, uint32_t len,
			     unsigned which)
{
	struct bytes body = {.big = b->big};
	put_u32(&body, interface);
	put_u32(&body, ticks >> 32);
	put_u32(&body, (uint32_t)ticks);
	put_u32(&body, caplen);
	put_u32(&body, len);
	put_pattern(&body, which, caplen);
	ng_block(b, 6, bytes_slice(&body));
	bytes_done(&body);
}

static inline void ng_old_packet(struct bytes *b, uint16_t interface, uint64_t ticks, uint32_t caplen, uint32_t len,
				 unsigned which)
{
	struct bytes body = {.big = b->big};
	put_u16(&body, interface);
	put_u16(&body, 0xffff);
	put_u32(&body, ticks >> 32);
	put_u32(&body, (uint32_t)ticks);
	put_u32(&body, caplen);
	put_u32(&body, len);
	put_pattern(&body, which, caplen);
	ng_block(b, 2, bytes_slice(&body));
	bytes_done(&body);
}

static inline void ng_simple_packet(struct bytes *b, uint32_t len, uint32_t present, unsigned which)
{
	struct bytes body = {.big = b->big};
	put_u32(&body, len);
	put_pattern(&body, which, present);
	ng_block(b, 3, bytes_slice(&body));
	bytes_done(&body);
}

/* ---- packing ---- */

static inline void put_gzip(struct bytes *b, struct slice s)
{
	size_t room = s.n + s.n / 100 + 128;
	uint8_t *out = malloc(room);
	assert_non_null(out);
	z_stream z = {.next_in = (Bytef *)s.p, .avail_in = (uInt)s.n, .next_out = out, .avail_out = (uInt)room};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	put(b, out, z.total_out);
	deflateEnd(&z);
	free(out);
}

static inline void put_zstd(struct bytes *b, struct slice s)
{
	size_t room = ZSTD_compressBound(s.n);
	uint8_t *out = malloc(room);
	assert_non_null(out);
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	size_t n = ZSTD_compress2(c, out, room, s.p, s.n);
	assert_false(ZSTD_isError(n));
	ZSTD_freeCCtx(c);
	put(b, out, n);
	free(out);
}

/* ---- files ---- */

struct source {
	int fd;
	char path[32];
};

static inline void source_named(struct source *s)
{
	snprintf(s->path, sizeof s->path, "/proc/self/fd/%d", s->fd);
}

/* A regular file, though on no disk. */
static inline struct source source_file(struct slice s)
{
	struct source src = {.fd = memfd_create("capture", MFD_CLOEXEC)};
	assert_true(src.fd >= 0);
	while (s.n) {
		ssize_t n = write(src.fd, s.p, s.n);
		assert_true(n > 0);
		s = slice_after(s, (size_t)n);
	}
	source_named(&src);
	return src;
}

static inline void source_done(struct source *s)
{
	close(s->fd);
}

/* ---- reading back ---- */

#define COLLECTED 4096

struct collected {
	struct {
		struct frame frame;
		uint8_t *data;
	} got[COLLECTED];
	size_t n;
	int outcome; /* the last one */
	bool stable;
	char error[CAPTURE_ERROR_TEXT];
};

static inline void collect_rest(struct capture_file *f, struct collected *c)
{
	struct frame frame = {.capture = 77};
	while ((c->outcome = capture_file_next(f, &frame)) == 1) {
		assert_int_equal(frame.capture, 77);
		assert_int_equal(frame.number, c->n + 1);
		assert_true(frame.caplen <= LIMIT_FRAME_BYTES);
		assert_true(frame.len >= frame.caplen);
		assert_true(c->n < COLLECTED);
		c->got[c->n].frame = frame;
		c->got[c->n].data = malloc(frame.caplen ? frame.caplen : 1);
		assert_non_null(c->got[c->n].data);
		memcpy(c->got[c->n].data, frame.data, frame.caplen);
		c->n++;
	}
	c->stable = capture_file_is_stable(f);
	if (c->outcome < 0)
		memcpy(c->error, capture_file_error(f), sizeof c->error);
	/* The end stays the end. */
	assert_int_equal(capture_file_next(f, &frame), c->outcome);
}

static inline struct collected *collect(const char *path)
{
	struct collected *c = calloc(1, sizeof *c);
	assert_non_null(c);
	struct capture_file *f = NULL;
	c->outcome = capture_file_open(path, &f, c->error);
	if (c->outcome == 0) {
		assert_non_null(f);
		collect_rest(f, c);
		capture_file_free(f);
	} else {
		assert_null(f);
	}
	return c;
}

static inline struct collected *collect_file(struct slice s)
{
	struct source src = source_file(s);
	struct collected *c = collect(src.path);
	source_done(&src);
	return c;
}

/* Makes fd the standard input; gives back what stdin_restore() wants. */
static inline int stdin_become(int fd)
{
	int saved = dup(STDIN_FILENO);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	return saved;
}

static inline void stdin_restore(int saved)
{
	dup2(saved, STDIN_FILENO);
	close(saved);
}

/* The same through a pipe (which s must fit into) on standard input. */
static inline struct collected *collect_pipe(struct slice s)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_true(s.n <= 65536);
	assert_int_equal(write(fds[1], s.p, s.n), (ssize_t)s.n);
	close(fds[1]);
	int saved = stdin_become(fds[0]);
	struct collected *c = collect("-");
	stdin_restore(saved);
	close(fds[0]);
	return c;
}

static inline void collected_free(struct collected *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->got[i].data);
	free(c);
}

static inline void assert_pattern(const struct collected *c, size_t i, unsigned which)
{
	for (size_t k = 0; k < c->got[i].frame.caplen; k++)
		assert_int_equal(c->got[i].data[k], (uint8_t)(which * 37 + k * 11 + (k >> 8)));
}

static inline void assert_frame(const struct collected *c, size_t i, int64_t time_ns, uint32_t link_type,
				uint32_t caplen, uint32_t len, unsigned which)
{
	assert_true(i < c->n);
	const struct frame *f = &c->got[i].frame;
	assert_int_equal(f->time_ns, time_ns);
	assert_int_equal(f->link_type, link_type);
	assert_int_equal(f->caplen, caplen);
	assert_int_equal(f->len, len);
	assert_pattern(c, i, which);
}

/* The frames of pcap_sample(), as far as they got. */
static inline void assert_sample(const struct collected *c)
{
	for (size_t i = 0; i < c->n; i++)
		assert_frame(c, i, (1700000000 + (int64_t)i) * 1000000000 + (int64_t)i * 1000, 1, (uint32_t)i * 7,
			     (uint32_t)(i * 7 + (i & 1)), (unsigned)i);
}

#endif
