/* Layers of decoders, the last applied coding first. Each layer writes into a small buffer that goes to the next.
 *
 * The ceilings: a layer may put out at most max(1 MiB, LIMIT_HTTP_UNFOLD_RATIO x input), and never more than
 * LIMIT_HTTP_UNFOLD_BYTES. "Input" is what the body had up to here, rounded up to the next UNFOLD_STEP, and no decoder
 * is handed bytes across such a step before the output of the ones before it was drained: so the cut falls on the same
 * byte however the body was split. Known weakness: raw deflate is told from zlib by its first two bytes; a raw
 * stream that starts like a zlib header (about 1 in 1000) is read as broken zlib. */
#include "content_coding.h"

#include <assert.h>
#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "limits.h"

#define STEP_OUT 8192
#define UNFOLD_STEP 4096
#define UNFOLD_FREE (UINT64_C(1) << 20)
#define INFLATE_MEMORY (44u << 10) /* zlib's own figure for inflate: about 7 KiB and the 32 KiB window */

enum coding_kind { KIND_GZIP, KIND_DEFLATE, KIND_BROTLI, KIND_ZSTD };

struct layer {
	uint8_t kind;
	bool begun;    /* a byte was fed */
	bool open;     /* inside a frame or member: the body may not end here */
	uint8_t n_peek;
	uint8_t peek[2]; /* deflate: the bytes that tell zlib from raw */
	bool z_ready;
	z_stream z;
	BrotliDecoderState *brotli;
	ZSTD_DCtx *zstd;
	uint64_t out;
};

struct content_coding {
	enum coding_status status;
	uint8_t n;
	uint64_t in;
	size_t brotli_bytes;
	void (*sink)(void *context, struct slice plain);
	void *context;
	struct layer layer[CONTENT_CODING_LAYERS];
};

enum coding_status coding_list_add(struct coding_list *list, struct slice value)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} known[] = {
		{"gzip", KIND_GZIP}, {"x-gzip", KIND_GZIP}, {"deflate", KIND_DEFLATE},
		{"br", KIND_BROTLI}, {"zstd", KIND_ZSTD},
	};

	while (value.n) {
		size_t comma = slice_find(value, ',');
		struct slice name = slice_trim(slice_first(value, comma));
		value = slice_after(value, comma + 1);
		if (name.n == 0 || slice_ieq_str(name, "identity"))
			continue;
		size_t i = 0, n_known = sizeof known / sizeof known[0];
		while (i < n_known && !slice_ieq_str(name, known[i].name))
			i++;
		if (i == n_known || list->n == CONTENT_CODING_LAYERS)
			return CODING_UNKNOWN;
		list->kind[list->n++] = known[i].kind;
	}
	return CODING_OK;
}

/* Brotli's window is the largest thing a stranger can make us allocate here (16 MiB), so it is counted. */
#define BROTLI_PREFIX 16
static void *brotli_take(void *opaque, size_t n)
{
	struct content_coding *c = opaque;
	if (n > SIZE_MAX - BROTLI_PREFIX)
		return NULL;
	uint8_t *p = malloc(n + BROTLI_PREFIX);
	if (!p)
		return NULL;
	memcpy(p, &n, sizeof n);
	c->brotli_bytes += n;
	return p + BROTLI_PREFIX;
}

static void brotli_give(void *opaque, void *address)
{
	struct content_coding *c = opaque;
	if (!address)
		return;
	uint8_t *p = (uint8_t *)address - BROTLI_PREFIX;
	size_t n;
	memcpy(&n, p, sizeof n);
	c->brotli_bytes -= n;
	free(p);
}

struct content_coding *content_coding_new(const struct coding_list *list)
{
	assert(list->n > 0 && list->n <= CONTENT_CODING_LAYERS);
	struct content_coding *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->n = list->n;
	for (unsigned i = 0; i < c->n; i++)
		c->layer[i].kind = list->kind[c->n - 1 - i];
	return c;
}

static enum coding_status layer_open(struct content_coding *c, struct layer *l, int window_bits)
{
	switch (l->kind) {
	case KIND_GZIP:
	case KIND_DEFLATE:
		if (inflateInit2(&l->z, window_bits) != Z_OK)
			return CODING_MEMORY;
		l->z_ready = true;
		break;
	case KIND_BROTLI:
		l->brotli = BrotliDecoderCreateInstance(brotli_take, brotli_give, c);
		if (!l->brotli)
			return CODING_MEMORY;
		break;
	case KIND_ZSTD:
		l->zstd = ZSTD_createDCtx();
		if (!l->zstd)
			return CODING_MEMORY;
		if (ZSTD_isError(ZSTD_DCtx_setParameter(l->zstd, ZSTD_d_windowLogMax, LIMIT_HTTP_ZSTD_WINDOW_LOG)))
			return CODING_BAD;
		break;
	}
	l->begun = true;
	l->open = true;
	return CODING_OK;
}

/* Each *_step takes what it can of *in, fills out, and says in *ret_again whether it wants another call. */
static enum coding_status inflate_step(struct layer *l, struct slice *in, uint8_t *out, size_t cap, size_t *ret_n,
				       bool *ret_again)
{
	*ret_n = 0;
	*ret_again = in->n > 0;
	if (!l->open) {
		if (in->n == 0)
			return CODING_OK;
		/* Members follow each other (RFC 1952 2.2); some senders pad the end with zeros. */
		if (l->kind != KIND_GZIP || (in->p[0] != 0x1f && in->p[0] != 0))
			return CODING_BAD;
		if (in->p[0] == 0) {
			*in = slice_after(*in, 1);
			*ret_again = in->n > 0;
			return CODING_OK;
		}
		if (inflateReset(&l->z) != Z_OK)
			return CODING_BAD;
		l->open = true;
	}
	l->z.next_in = (Bytef *)(uintptr_t)in->p;
	l->z.avail_in = (uInt)in->n;
	l->z.next_out = out;
	l->z.avail_out = (uInt)cap;
	int rc = inflate(&l->z, Z_NO_FLUSH);
	*in = slice_after(*in, in->n - l->z.avail_in);
	*ret_n = cap - l->z.avail_out;
	l->z.next_in = NULL;
	l->z.avail_in = 0;
	if (rc == Z_STREAM_END) {
		l->open = false;
		*ret_again = in->n > 0;
		return CODING_OK;
	}
	if (rc == Z_MEM_ERROR)
		return CODING_MEMORY;
	if (rc != Z_OK && rc != Z_BUF_ERROR)
		return CODING_BAD;
	*ret_again = in->n > 0 || *ret_n == cap;
	return CODING_OK;
}

static enum coding_status brotli_step(struct layer *l, struct slice *in, uint8_t *out, size_t cap, size_t *ret_n,
				       bool *ret_again)
{
	*ret_n = 0;
	*ret_again = false;
	if (!l->open)
		return in->n ? CODING_BAD : CODING_OK;
	size_t left = in->n, room = cap;
	const uint8_t *from = in->p;
	BrotliDecoderResult rc = BrotliDecoderDecompressStream(l->brotli, &left, &from, &room, &out, NULL);
	*in = slice_after(*in, in->n - left);
	*ret_n = cap - room;
	if (rc == BROTLI_DECODER_RESULT_ERROR)
		/* the error codes of failed allocations are the last ones */
		return BrotliDecoderGetErrorCode(l->brotli) <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES ? CODING_MEMORY
													: CODING_BAD;
	if (rc == BROTLI_DECODER_RESULT_SUCCESS)
		l->open = false;
	*ret_again = in->n > 0 || rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
	return CODING_OK;
}

static enum coding_status zstd_step(struct layer *l, struct slice *in, uint8_t *out, size_t cap, size_t *ret_n,
				       bool *ret_again)
{
	ZSTD_inBuffer from = {in->p, in->n, 0};
	ZSTD_outBuffer to = {out, cap, 0};
	size_t rc = ZSTD_decompressStream(l->zstd, &to, &from);
	*in = slice_after(*in, from.pos);
	*ret_n = to.pos;
	*ret_again = false;
	if (ZSTD_isError(rc)) {
		switch (ZSTD_getErrorCode(rc)) {
		case ZSTD_error_frameParameter_windowTooLarge: return CODING_UNKNOWN;
		case ZSTD_error_memory_allocation: return CODING_MEMORY;
		default: return CODING_BAD;
		}
	}
	if (from.pos > 0 || to.pos > 0)
		l->open = rc != 0;
	*ret_again = in->n > 0 || to.pos == cap;
	return CODING_OK;
}

static enum coding_status layer_step(struct layer *l, struct slice *in, uint8_t *out, size_t cap, size_t *ret_n,
				       bool *ret_again)
{
	switch (l->kind) {
	case KIND_BROTLI: return brotli_step(l, in, out, cap, ret_n, ret_again);
	case KIND_ZSTD: return zstd_step(l, in, out, cap, ret_n, ret_again);
	default: return inflate_step(l, in, out, cap, ret_n, ret_again);
	}
}

static uint64_t unfold_allowance(const struct content_coding *c)
{
	uint64_t steps = (c->in + UNFOLD_STEP - 1) / UNFOLD_STEP;
	if (steps > LIMIT_HTTP_UNFOLD_BYTES / UNFOLD_STEP)
		return LIMIT_HTTP_UNFOLD_BYTES;
	uint64_t allowed = steps * UNFOLD_STEP * LIMIT_HTTP_UNFOLD_RATIO;
	if (allowed < UNFOLD_FREE)
		allowed = UNFOLD_FREE;
	return allowed < LIMIT_HTTP_UNFOLD_BYTES ? allowed : LIMIT_HTTP_UNFOLD_BYTES;
}

/* Pushes bytes into layer i. Calls itself for the next layer: CONTENT_CODING_LAYERS deep at most. */
static enum coding_status layer_push(struct content_coding *c, unsigned i, struct slice in)
{
	if (i == c->n) {
		c->sink(c->context, in);
		return CODING_OK;
	}
	struct layer *l = &c->layer[i];
	struct slice pending[2] = {{NULL, 0}, in};
	if (!l->begun) {
		int bits = MAX_WBITS + 16;
		if (l->kind == KIND_DEFLATE) {
			while (l->n_peek < 2 && pending[1].n) {
				l->peek[l->n_peek++] = pending[1].p[0];
				pending[1] = slice_after(pending[1], 1);
			}
			if (l->n_peek < 2)
				return CODING_OK;
			/* RFC 9110 8.4.1.2 means zlib (header: RFC 1950 2.2), but raw deflate is sent under that name. */
			bool zlib = (l->peek[0] & 0x0f) == Z_DEFLATED && l->peek[0] >> 4 <= 7 &&
				    (l->peek[0] << 8 | l->peek[1]) % 31 == 0;
			bits = zlib ? MAX_WBITS : -MAX_WBITS;
			pending[0] = (struct slice){l->peek, 2};
		}
		enum coding_status status = layer_open(c, l, bits);
		if (status != CODING_OK)
			return status;
	}

	uint8_t out[STEP_OUT];
	for (unsigned k = 0; k < 2; k++) {
		bool again = pending[k].n > 0;
		while (again) {
			size_t n;
			enum coding_status status = layer_step(l, &pending[k], out, sizeof out, &n, &again);
			uint64_t allowed = unfold_allowance(c);
			bool too_much = n > allowed - l->out;
			if (too_much)
				n = (size_t)(allowed - l->out);
			l->out += n;
			if (n) {
				enum coding_status next = layer_push(c, i + 1, slice_of(out, n));
				if (next != CODING_OK)
					return next;
			}
			if (too_much)
				return CODING_LIMIT;
			if (status != CODING_OK)
				return status;
		}
	}
	return CODING_OK;
}

enum coding_status content_coding_feed(struct content_coding *c, struct slice bytes,
				       void (*sink)(void *context, struct slice plain), void *context)
{
	c->sink = sink;
	c->context = context;
	while (bytes.n && c->status == CODING_OK) {
		struct slice part = slice_first(bytes, UNFOLD_STEP - (size_t)(c->in % UNFOLD_STEP));
		c->in += part.n;
		c->status = layer_push(c, 0, part);
		bytes = slice_after(bytes, part.n);
	}
	return c->status;
}

enum coding_status content_coding_end(const struct content_coding *c)
{
	if (c->status != CODING_OK)
		return c->status;
	for (unsigned i = 0; i < c->n; i++)
		if (c->layer[i].open || (c->layer[i].n_peek && !c->layer[i].begun))
			return CODING_BAD;
	return CODING_OK;
}

size_t content_coding_memory(const struct content_coding *c)
{
	if (!c)
		return 0;
	size_t n = sizeof *c + c->brotli_bytes;
	for (unsigned i = 0; i < c->n; i++) {
		n += c->layer[i].z_ready ? INFLATE_MEMORY : 0;
		n += c->layer[i].zstd ? ZSTD_sizeof_DCtx(c->layer[i].zstd) : 0;
	}
	return n;
}

void content_coding_free(struct content_coding *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		if (c->layer[i].z_ready)
			inflateEnd(&c->layer[i].z);
		if (c->layer[i].brotli)
			BrotliDecoderDestroyInstance(c->layer[i].brotli);
		ZSTD_freeDCtx(c->layer[i].zstd);
	}
	free(c);
}
