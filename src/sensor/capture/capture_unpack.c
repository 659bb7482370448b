#include "capture_unpack.h"

#include "limits.h"
#include "status.h"
#include <assert.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define UINT_MOST ((uInt)-1)
#define ZSTD_BLOCK_HEADER 3 /* RFC 8878 3.1.1.2 */
#define ZSTD_FIRST_PIECE 1

struct capture_unpack {
	enum capture_packing packing;
	z_stream gzip;
	ZSTD_DCtx *zstd;
	size_t zstd_hint;  /* bytes that zstd wants next */
	bool zstd_pending; /* it may hold output */
	bool complete;
	bool padding; /* zeros follow the last gzip member */
};

enum capture_packing capture_packing_of(struct slice first)
{
	if (first.n >= 2 && first.p[0] == 0x1f && first.p[1] == 0x8b)
		return CAPTURE_GZIP;
	if (first.n < 4)
		return CAPTURE_PLAIN;
	uint32_t magic =
	    (uint32_t)first.p[3] << 24 | (uint32_t)first.p[2] << 16 | (uint32_t)first.p[1] << 8 | first.p[0];
	/* A skippable frame may come first (RFC 8878 3.1.2); pzstd writes one. */
	if (magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START)
		return CAPTURE_ZSTD;
	return CAPTURE_PLAIN;
}

int capture_unpack_new(enum capture_packing packing, struct capture_unpack **ret)
{
	assert(packing != CAPTURE_PLAIN);
	struct capture_unpack *u = calloc(1, sizeof *u);
	if (!u)
		return FAIL_MEMORY;
	u->packing = packing;
	if (packing == CAPTURE_GZIP) {
		if (inflateInit2(&u->gzip, 16 + MAX_WBITS) != Z_OK) {
			free(u);
			return FAIL_MEMORY;
		}
	} else {
		u->zstd = ZSTD_createDCtx();
		if (!u->zstd) {
			free(u);
			return FAIL_MEMORY;
		}
		u->zstd_hint = ZSTD_FIRST_PIECE;
		ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, LIMIT_CAPTURE_ZSTD_WINDOW_LOG);
	}
	*ret = u;
	return 0;
}

void capture_unpack_free(struct capture_unpack *u)
{
	if (!u)
		return;
	if (u->packing == CAPTURE_GZIP)
		inflateEnd(&u->gzip);
	ZSTD_freeDCtx(u->zstd);
	free(u);
}

/* Between members only another member or zero padding (tapes, block devices) may follow. True: go on with in. */
static bool gzip_between(struct capture_unpack *u, struct slice *in, int *ret_fail, const char **ret_why)
{
	while (in->n && in->p[0] == 0) {
		*in = slice_after(*in, 1);
		u->padding = true;
	}
	if (in->n == 0)
		return false;
	if (u->padding || in->p[0] != 0x1f) {
		*ret_why = "bytes that are not gzip follow the gzip data";
		*ret_fail = FAIL_INPUT;
		return false;
	}
	u->complete = false;
	return true;
}

static int gzip_some(struct capture_unpack *u, struct slice *in, uint8_t *out, size_t room, size_t *ret_made,
		     const char **ret_why)
{
	int fail = 0;
	while (*ret_made < room) {
		if (u->complete && !gzip_between(u, in, &fail, ret_why))
			return fail;
		size_t space = room - *ret_made;
		u->gzip.next_in = (Bytef *)in->p;
		u->gzip.avail_in = in->n < UINT_MOST ? (uInt)in->n : UINT_MOST;
		u->gzip.next_out = out + *ret_made;
		u->gzip.avail_out = space < UINT_MOST ? (uInt)space : UINT_MOST;
		int rc = inflate(&u->gzip, Z_NO_FLUSH);
		size_t used = (size_t)(u->gzip.next_in - in->p);
		size_t made = (size_t)(u->gzip.next_out - (out + *ret_made));
		*in = slice_after(*in, used);
		*ret_made += made;
		if (rc == Z_MEM_ERROR)
			return FAIL_MEMORY;
		if (rc == Z_STREAM_END) {
			if (inflateReset(&u->gzip) != Z_OK)
				return FAIL_MEMORY;
			u->complete = true;
		} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
			*ret_why = "the gzip data is damaged";
			return FAIL_INPUT;
		} else if (used == 0 && made == 0) {
			return 0;
		}
	}
	return 0;
}

/* zstd forgets to say how much it wrote when it finds damage in the same call. So that what came before is not lost,
 * each call gets so little that it either writes or may fail: output that is pending is fetched without new input, and
 * then one piece of the frame is handed over, be it a block or a header. zstd's hint is the next piece, and for blocks
 * the header behind it too, which is left out. */
static size_t zstd_piece(const struct capture_unpack *u, size_t left)
{
	if (u->zstd_pending)
		return 0;
	size_t piece = u->zstd_hint > ZSTD_BLOCK_HEADER ? u->zstd_hint - ZSTD_BLOCK_HEADER : u->zstd_hint;
	return piece < left ? piece : left;
}

static int zstd_some(struct capture_unpack *u, struct slice *in, uint8_t *out, size_t room, size_t *ret_made,
		     const char **ret_why)
{
	ZSTD_outBuffer to = {out, room, 0};
	while (to.pos < room && (in->n || u->zstd_pending)) {
		ZSTD_inBuffer from = {in->p, zstd_piece(u, in->n), 0};
		size_t before = to.pos;
		size_t rc = ZSTD_decompressStream(u->zstd, &to, &from);
		*in = slice_after(*in, from.pos);
		*ret_made = to.pos;
		if (ZSTD_isError(rc)) {
			ZSTD_ErrorCode code = ZSTD_getErrorCode(rc);
			if (code == ZSTD_error_memory_allocation)
				return FAIL_MEMORY;
			*ret_why = code == ZSTD_error_frameParameter_windowTooLarge
				       ? "the zstd data asks for too large a window"
				       : "the zstd data is damaged";
			return FAIL_INPUT;
		}
		/* Asked without a byte of the next frame, zstd speaks of the next frame. */
		if (from.pos || to.pos != before)
			u->complete = rc == 0;
		u->zstd_pending = to.pos == room;
		u->zstd_hint = rc ? rc : ZSTD_FIRST_PIECE;
	}
	return 0;
}

int capture_unpack_some(struct capture_unpack *u, struct slice in, uint8_t *out, size_t room, size_t *ret_used,
			size_t *ret_made, const char **ret_why)
{
	struct slice rest = in;
	*ret_made = 0;
	int fail = u->packing == CAPTURE_GZIP ? gzip_some(u, &rest, out, room, ret_made, ret_why)
					      : zstd_some(u, &rest, out, room, ret_made, ret_why);
	*ret_used = in.n - rest.n;
	return fail;
}

bool capture_unpack_complete(const struct capture_unpack *u)
{
	return u->complete;
}
