/* The ceiling on what comes out is that of content codings, over the whole direction: at most 1 MiB or
 * LIMIT_HTTP_UNFOLD_RATIO times what went in, whichever is more, and LIMIT_HTTP_UNFOLD_BYTES per message. What "went
 * in" is rounded up to the next UNFOLD_STEP, and no bytes are handed over across such a step before the output of the
 * ones before it was drained: the cut falls on the same byte however the input was split. */
#include "websocket_inflate.h"
#include "limits.h"
#include <stdlib.h>
#include <zlib.h>

#define STEP_OUT 8192
#define UNFOLD_STEP 4096
#define UNFOLD_FREE (UINT64_C(1) << 20)
#define INFLATE_MEMORY (44u << 10) /* zlib's own figure: about 7 KiB and the 32 KiB window */
#define WINDOW (32u << 10)

struct websocket_inflate {
	z_stream z;
	bool takeover;
	uint64_t in, out, message_out;
};

struct websocket_inflate *websocket_inflate_new(bool takeover)
{
	struct websocket_inflate *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->takeover = takeover;
	if (inflateInit2(&w->z, -15) != Z_OK) {
		free(w);
		return NULL;
	}
	return w;
}

/* A sender may end a message with a final block (7.2.3.4); what follows still refers back to what came before. */
static bool begin_stream_anew(struct websocket_inflate *w)
{
	uint8_t *window = w->takeover ? malloc(WINDOW) : NULL;
	uInt n = 0;
	bool ok = !w->takeover || (window && inflateGetDictionary(&w->z, window, &n) == Z_OK);
	ok = ok && inflateReset(&w->z) == Z_OK && (n == 0 || inflateSetDictionary(&w->z, window, n) == Z_OK);
	free(window);
	return ok;
}

static uint64_t ceiling(const struct websocket_inflate *w)
{
	uint64_t in = (w->in + UNFOLD_STEP - 1) / UNFOLD_STEP * UNFOLD_STEP;
	uint64_t total = in > UNFOLD_FREE / LIMIT_HTTP_UNFOLD_RATIO ? in * LIMIT_HTTP_UNFOLD_RATIO : UNFOLD_FREE;
	uint64_t left = total > w->out ? total - w->out : 0, message = LIMIT_HTTP_UNFOLD_BYTES - w->message_out;
	return left < message ? left : message;
}

/* All of one step's bytes, and everything that comes out of them. */
static enum websocket_unfold unfold(struct websocket_inflate *w, struct slice part,
				    void (*sink)(void *context, struct slice plain), void *context)
{
	uint8_t out[STEP_OUT];
	w->z.next_in = (Bytef *)(uintptr_t)part.p; /* zlib does not write there */
	w->z.avail_in = (uInt)part.n;
	for (;;) {
		w->z.next_out = out;
		w->z.avail_out = sizeof out;
		int e = inflate(&w->z, Z_SYNC_FLUSH);
		size_t n = sizeof out - w->z.avail_out;
		uint64_t room = ceiling(w);
		bool over = n > room;
		n = over ? (size_t)room : n;
		w->out += n;
		w->message_out += n;
		if (n)
			sink(context, slice_of(out, n));
		if (over)
			return WS_UNFOLD_LIMIT;
		if (e == Z_STREAM_END) {
			if (!begin_stream_anew(w))
				return WS_UNFOLD_MEMORY;
			if (w->z.avail_in == 0)
				return WS_UNFOLD_OK;
			continue;
		}
		if (e == Z_MEM_ERROR)
			return WS_UNFOLD_MEMORY;
		if (e != Z_OK && e != Z_BUF_ERROR)
			return WS_UNFOLD_BAD;
		if (w->z.avail_out) /* all input taken, all output out */
			return WS_UNFOLD_OK;
	}
}

enum websocket_unfold websocket_inflate_feed(struct websocket_inflate *w, struct slice bytes,
					     void (*sink)(void *context, struct slice plain), void *context)
{
	while (bytes.n) {
		struct slice part = slice_first(bytes, UNFOLD_STEP - (size_t)(w->in % UNFOLD_STEP));
		w->in += part.n;
		enum websocket_unfold u = unfold(w, part, sink, context);
		if (u != WS_UNFOLD_OK)
			return u;
		bytes = slice_after(bytes, part.n);
	}
	return WS_UNFOLD_OK;
}

enum websocket_unfold websocket_inflate_end(struct websocket_inflate *w,
					    void (*sink)(void *context, struct slice plain), void *context)
{
	static const uint8_t tail[4] = {0, 0, 0xff, 0xff}; /* 7.2.2: the sender cut it off */
	enum websocket_unfold u = unfold(w, slice_of(tail, sizeof tail), sink, context);
	w->message_out = 0;
	if (u == WS_UNFOLD_OK && !w->takeover)
		websocket_inflate_restart(w);
	return u;
}

void websocket_inflate_restart(struct websocket_inflate *w)
{
	inflateReset(&w->z);
	w->message_out = 0;
}

size_t websocket_inflate_memory(const struct websocket_inflate *w)
{
	return w ? sizeof *w + INFLATE_MEMORY : 0;
}

void websocket_inflate_free(struct websocket_inflate *w)
{
	if (!w)
		return;
	inflateEnd(&w->z);
	free(w);
}
