#include "http1_fields.h"

#include <stdlib.h>

enum http1_fields_at { AT_NOTHING, AT_TARGET, AT_NAME, AT_VALUE };

/* An ordinary head fits in this; what grew beyond is given back between messages. */
#define KEEP_BETWEEN_MESSAGES 1024
#define LENGTH_BYTES 2

_Static_assert(LIMIT_HTTP_HEADER_KEPT <= UINT16_MAX, "record lengths have two bytes");

void http1_fields_free(struct http1_fields *f)
{
	free(f->buf);
	*f = (struct http1_fields){0};
}

void http1_fields_reset(struct http1_fields *f)
{
	if (f->cap > KEEP_BETWEEN_MESSAGES) {
		http1_fields_free(f);
		return;
	}
	*f = (struct http1_fields){.buf = f->buf, .cap = f->cap};
}

/* False when the bound is reached or memory is short: the record under construction is dropped and none follows. */
static bool fields_append(struct http1_fields *f, const void *bytes, size_t n)
{
	if (f->cut)
		return false;
	if (n > LIMIT_HTTP_HEADER_KEPT - f->n) {
		f->cut = true;
		return false;
	}
	if (n > f->cap - f->n) {
		size_t cap = f->cap ? f->cap : 512;
		while (cap < f->n + n)
			cap *= 2;
		uint8_t *grown = realloc(f->buf, cap);
		if (!grown) {
			f->cut = true;
			return false;
		}
		f->buf = grown;
		f->cap = (uint32_t)cap;
	}
	if (n)
		memcpy(f->buf + f->n, bytes, n);
	f->n += (uint32_t)n;
	return true;
}

static bool length_open(struct http1_fields *f)
{
	static const uint8_t zero[LENGTH_BYTES];
	uint32_t at = f->n;
	if (!fields_append(f, zero, sizeof zero))
		return false;
	f->length = at;
	return true;
}

static void length_close(struct http1_fields *f)
{
	uint32_t n = f->n - f->length - LENGTH_BYTES;
	f->buf[f->length] = (uint8_t)(n >> 8);
	f->buf[f->length + 1] = (uint8_t)n;
}

static size_t length_read(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* A dropped record: what was written of it goes, except a cut target, of which the beginning is worth having. */
static void fields_close(struct http1_fields *f)
{
	if (f->cut && f->at > AT_TARGET)
		f->n = f->record;
	else if (f->at == AT_TARGET)
		length_close(f);
	else if (f->at == AT_VALUE) {
		while (f->n > f->length + LENGTH_BYTES && (f->buf[f->n - 1] == ' ' || f->buf[f->n - 1] == '\t'))
			f->n--;
		length_close(f);
		f->count++;
	} else if (f->at == AT_NAME) {
		length_close(f);
		if (length_open(f))
			f->count++;
		else
			f->n = f->record;
	}
	f->at = AT_NOTHING;
}

/* The target comes first, so the buffer starts with its record even when it is empty (answers). */
static bool fields_begin(struct http1_fields *f)
{
	static const uint8_t empty_name[LENGTH_BYTES];
	return f->n > 0 || (fields_append(f, empty_name, sizeof empty_name) && length_open(f));
}

void http1_fields_target(struct http1_fields *f, struct slice piece)
{
	if (f->cut || !fields_begin(f))
		return;
	f->at = AT_TARGET;
	if (piece.n > LIMIT_HTTP_HEADER_KEPT - f->n) {
		fields_append(f, piece.p, LIMIT_HTTP_HEADER_KEPT - f->n);
		f->cut = true;
		return;
	}
	fields_append(f, piece.p, piece.n);
}

void http1_fields_name(struct http1_fields *f, struct slice piece, bool fresh)
{
	if (fresh || f->at != AT_NAME) {
		fields_close(f);
		if (f->count == LIMIT_HTTP_FIELDS)
			f->cut = true;
		if (f->cut || !fields_begin(f))
			return;
		f->record = f->n;
		if (!length_open(f))
			return;
		f->at = AT_NAME;
	}
	if (!fields_append(f, piece.p, piece.n))
		fields_close(f);
}

void http1_fields_value(struct http1_fields *f, struct slice piece, bool folded)
{
	if (f->at == AT_NAME) {
		length_close(f);
		if (!length_open(f)) {
			fields_close(f);
			return;
		}
		f->at = AT_VALUE;
		f->fold = false;
	}
	if (f->at != AT_VALUE)
		return;
	if (folded) {
		while (f->n > f->length + LENGTH_BYTES && (f->buf[f->n - 1] == ' ' || f->buf[f->n - 1] == '\t'))
			f->n--;
		if (!fields_append(f, " ", 1)) {
			fields_close(f);
			return;
		}
		f->fold = true;
	}
	while (f->fold && piece.n && (piece.p[0] == ' ' || piece.p[0] == '\t'))
		piece = slice_after(piece, 1);
	if (piece.n == 0)
		return;
	f->fold = false;
	if (!fields_append(f, piece.p, piece.n))
		fields_close(f);
}

uint32_t http1_fields_list(struct http1_fields *f, struct http_field out[LIMIT_HTTP_FIELDS], struct slice *ret_target)
{
	fields_close(f);
	*ret_target = (struct slice){(const uint8_t *)"", 0};
	uint32_t n = 0;
	/* Two lengths are the least that a record has; the counts were made by us. */
	for (uint32_t at = 0, nth = 0; at + 2 * LENGTH_BYTES <= f->n; nth++) {
		struct slice name = {f->buf + at + LENGTH_BYTES, length_read(f->buf + at)};
		at += LENGTH_BYTES + (uint32_t)name.n;
		struct slice value = {f->buf + at + LENGTH_BYTES, length_read(f->buf + at)};
		at += LENGTH_BYTES + (uint32_t)value.n;
		if (nth == 0)
			*ret_target = value;
		else if (n < LIMIT_HTTP_FIELDS)
			out[n++] = (struct http_field){name, value};
	}
	return n;
}
