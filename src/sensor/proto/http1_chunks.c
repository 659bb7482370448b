#include "http1_chunks.h"

#include <assert.h>

#include "limits.h"

enum chunks_at {
	AT_SIZE_FIRST, /* a size has one digit at least */
	AT_SIZE,
	AT_PADDING,    /* white space behind the size, which old servers write */
	AT_EXTENSION,
	AT_SIZE_LF,
	AT_DATA,
	AT_DATA_CR,
	AT_DATA_LF,
	AT_TRAILER,    /* at the start of a trailer line */
	AT_TRAILER_LINE,
	AT_TRAILER_LF,
	AT_END_LF,
	AT_END,
	AT_BAD,
};

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(uint8_t c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

static enum chunks_at size_byte(struct http1_chunks *c, uint8_t b)
{
	int digit = hex_digit(b);
	if (digit >= 0 && c->at != AT_PADDING) {
		if (c->left >> 60) /* a size past 64 bits wraps to a small one in careless readers */
			return AT_BAD;
		c->left = c->left << 4 | (unsigned)digit;
		return AT_SIZE;
	}
	if (c->at == AT_SIZE_FIRST)
		return AT_BAD;
	switch (b) {
	case '\r': return AT_SIZE_LF;
	case ';': return AT_EXTENSION;
	case ' ':
	case '\t': return AT_PADDING;
	default: return AT_BAD;
	}
}

static enum chunks_at trailer_byte(struct http1_chunks *c, uint8_t b)
{
	if (++c->trailer_bytes > LIMIT_HTTP_HEADER_BYTES)
		return AT_BAD;
	if (b == '\r')
		return c->at == AT_TRAILER ? AT_END_LF : AT_TRAILER_LF;
	return is_text(b) ? AT_TRAILER_LINE : AT_BAD;
}

static enum chunks_at next_at(struct http1_chunks *c, uint8_t b)
{
	switch ((enum chunks_at)c->at) {
	case AT_SIZE_FIRST:
	case AT_SIZE:
	case AT_PADDING: return size_byte(c, b);
	case AT_EXTENSION: return b == '\r' ? AT_SIZE_LF : is_text(b) ? AT_EXTENSION : AT_BAD;
	case AT_SIZE_LF:
		if (b != '\n')
			return AT_BAD;
		return c->left ? AT_DATA : AT_TRAILER;
	case AT_DATA_CR: return b == '\r' ? AT_DATA_LF : AT_BAD;
	case AT_DATA_LF: return b == '\n' ? AT_SIZE_FIRST : AT_BAD;
	case AT_TRAILER:
	case AT_TRAILER_LINE: return trailer_byte(c, b);
	case AT_TRAILER_LF: return b == '\n' ? AT_TRAILER : AT_BAD;
	case AT_END_LF: return b == '\n' ? AT_END : AT_BAD;
	default: return AT_BAD;
	}
}

enum parse http1_chunks_feed(struct http1_chunks *c, struct slice bytes,
			     void (*body)(void *context, struct slice piece), void *context, size_t *ret_used)
{
	struct slice rest = bytes;
	while (rest.n && c->at != AT_END && c->at != AT_BAD) {
		if (c->at == AT_DATA) {
			struct slice part = slice_first(rest, c->left < rest.n ? (size_t)c->left : rest.n);
			rest = slice_after(rest, part.n);
			http1_chunks_pass(c, part.n);
			body(context, part);
			continue;
		}
		c->at = (uint8_t)next_at(c, rest.p[0]);
		rest = slice_after(rest, 1);
	}
	*ret_used = bytes.n - rest.n;
	return c->at == AT_END ? PARSE_DONE : c->at == AT_BAD ? PARSE_BAD : PARSE_MORE;
}

uint64_t http1_chunks_left(const struct http1_chunks *c)
{
	return c->at == AT_DATA ? c->left : 0;
}

void http1_chunks_pass(struct http1_chunks *c, uint64_t n)
{
	assert(n <= http1_chunks_left(c));
	c->left -= n;
	if (c->at == AT_DATA && c->left == 0)
		c->at = AT_DATA_CR;
}
