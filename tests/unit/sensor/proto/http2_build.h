/* Lines of a stream file -> frames of HTTP/2, header blocks by nghttp2's deflater, one for each direction so that its
 * table grows as a real sender's does. Included by tests. Builds what is asked for, legal or not. */
#ifndef SHADOWTAP_HTTP2_BUILD_H
#define SHADOWTAP_HTTP2_BUILD_H

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http2_frame.h"

struct http2_build {
	nghttp2_hd_deflater *deflater[2];
	size_t n;
	uint8_t bytes[1 << 18];
};

static inline void build_init(struct http2_build *b)
{
	memset(b, 0, sizeof *b);
	for (int d = 0; d < 2; d++)
		if (nghttp2_hd_deflate_new(&b->deflater[d], 65536) != 0 ||
		    nghttp2_hd_deflate_change_table_size(b->deflater[d], 4096) != 0)
			abort();
}

static inline void build_done(struct http2_build *b)
{
	for (int d = 0; d < 2; d++)
		nghttp2_hd_deflate_del(b->deflater[d]);
}

static inline void build_bytes(struct http2_build *b, const void *p, size_t n)
{
	if (n > sizeof b->bytes - b->n)
		abort();
	if (n)
		memcpy(b->bytes + b->n, p, n);
	b->n += n;
}

static inline void build_header(struct http2_build *b, size_t length, unsigned type, unsigned flags, uint32_t stream)
{
	const uint8_t h[] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
			     (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
			     (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
	build_bytes(b, h, sizeof h);
}

/* Text with %n, %% and %HH. */
static inline size_t build_text(uint8_t *out, size_t cap, const char *text)
{
	size_t n = 0;
	for (; *text; text++) {
		unsigned value = (uint8_t)*text;
		if (*text == '%') {
			text++;
			if (*text == '%' || *text == 'n')
				value = *text == 'n' ? '\n' : '%';
			else if (sscanf(text, "%2x", &value) == 1)
				text++;
			else
				abort();
		}
		if (n == cap)
			abort();
		out[n++] = (uint8_t)value;
	}
	return n;
}

struct build_options {
	unsigned flags;
	unsigned pad;
	size_t split; /* bytes of a header block in its first frame, the same in those that follow; 0: all */
	bool no_index;
};

static inline void build_padded(struct http2_build *b, unsigned type, uint32_t stream, const struct build_options *o,
				const void *prefix, size_t n_prefix, const void *p, size_t n)
{
	static const uint8_t zeros[256];
	unsigned padded = o->pad ? HTTP2_PADDED : 0;
	build_header(b, n + n_prefix + (padded ? 1 + o->pad : 0), type, o->flags | padded, stream);
	if (padded)
		build_bytes(b, &(uint8_t){(uint8_t)o->pad}, 1);
	build_bytes(b, prefix, n_prefix);
	build_bytes(b, p, n);
	build_bytes(b, zeros, o->pad);
}

/* fields: "name value" separated by " | ". promised: of a PUSH_PROMISE, else 0. */
static inline void build_headers(struct http2_build *b, enum direction d, uint32_t stream, uint32_t promised,
				 const struct build_options *options, char *fields)
{
	static uint8_t block[1 << 17], text[64][1 << 12];
	nghttp2_nv nv[64];
	size_t n = 0, used = 0;
	for (char *next; fields && *fields; fields = next) {
		next = strstr(fields, " | ");
		if (next) {
			*next = 0;
			next += 3;
		} else {
			next = fields + strlen(fields);
		}
		char *space = strchr(fields, ' ');
		if (n == 64 || !space)
			abort();
		*space = 0;
		size_t name = build_text(text[n], sizeof text[n] / 2, fields);
		size_t value = build_text(text[n] + name, sizeof text[n] - name, space + 1);
		nv[n] = (nghttp2_nv){text[n], text[n] + name, name, value,
				     options->no_index ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
		n++;
	}
	ssize_t made = nghttp2_hd_deflate_hd(b->deflater[d], block, sizeof block, nv, n);
	if (made < 0)
		abort();
	struct build_options o = *options;
	const uint8_t prefix[] = {(uint8_t)(promised >> 24), (uint8_t)(promised >> 16), (uint8_t)(promised >> 8),
				  (uint8_t)promised, 0};
	size_t n_prefix = promised ? 4 : o.flags & HTTP2_HAS_PRIORITY ? 5 : 0;
	size_t step = o.split ? o.split : (size_t)made;
	do {
		size_t part = (size_t)made - used < step ? (size_t)made - used : step;
		unsigned end = used + part == (size_t)made ? HTTP2_END_HEADERS : 0;
		if (used == 0) {
			o.flags |= end;
			build_padded(b, promised ? HTTP2_PUSH_PROMISE : HTTP2_HEADERS, stream, &o, prefix, n_prefix,
				     block, part);
		} else {
			build_header(b, part, HTTP2_CONTINUATION, end, stream);
			build_bytes(b, block + used, part);
		}
		used += part;
	} while (used < (size_t)made);
}

/* One line, as tests/streams/README.md has them, without its side. False: what is this? */
static inline bool build_line(struct http2_build *b, enum direction d, char *line)
{
	static uint8_t text[1 << 16];
	char *payload = strstr(line, " | ");
	if (payload) {
		*payload = 0;
		payload += 3;
	}
	char *what = strtok(line, " ");
	uint32_t number[3] = {0};
	unsigned n = 0;
	struct build_options o = {0};
	for (char *word; (word = strtok(NULL, " "));) {
		if (strcmp(word, "end") == 0)
			o.flags |= HTTP2_END_STREAM;
		else if (strcmp(word, "priority") == 0)
			o.flags |= HTTP2_HAS_PRIORITY;
		else if (strcmp(word, "noindex") == 0)
			o.no_index = true;
		else if (sscanf(word, "pad=%u", &o.pad) == 1 || sscanf(word, "split=%zu", &o.split) == 1)
			continue;
		else if (n < 3)
			number[n++] = (uint32_t)strtoul(word, NULL, 0);
	}
	if (!what)
		return false;
	if (strcmp(what, "preface") == 0) {
		build_bytes(b, HTTP2_PREFACE, sizeof HTTP2_PREFACE - 1);
	} else if (strcmp(what, "raw") == 0) {
		build_bytes(b, text, build_text(text, sizeof text, payload ? payload : ""));
	} else if (strcmp(what, "headers") == 0) {
		build_headers(b, d, number[0], 0, &o, payload);
	} else if (strcmp(what, "push") == 0) {
		build_headers(b, d, number[0], number[1], &o, payload);
	} else if (strcmp(what, "data") == 0) {
		size_t length = build_text(text, sizeof text, payload ? payload : "");
		build_padded(b, HTTP2_DATA, number[0], &o, NULL, 0, text, length);
	} else if (strcmp(what, "frame") == 0) { /* type, flags, stream */
		size_t length = build_text(text, sizeof text, payload ? payload : "");
		build_header(b, length, number[0], number[1], number[2]);
		build_bytes(b, text, length);
	} else if (strcmp(what, "reset") == 0) {
		build_header(b, 4, HTTP2_RST_STREAM, 0, number[0]);
		build_bytes(b, "\0\0\0\x08", 4);
	} else if (strcmp(what, "settings") == 0) {
		build_header(b, 6, HTTP2_SETTINGS, 0, 0);
		build_bytes(b, "\0\x03\0\0\0\x64", 6);
	} else if (strcmp(what, "table") == 0) { /* the size of the sender's table from its next block on */
		return nghttp2_hd_deflate_change_table_size(b->deflater[d], number[0]) == 0;
	} else {
		return false;
	}
	return true;
}

#endif
