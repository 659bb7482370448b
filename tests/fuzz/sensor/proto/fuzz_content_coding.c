/* Coded bytes: the plain bytes are the same in any split; of a broken body one result is the beginning of the other.
 * The first byte chooses the codings. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content_coding.h"
#include "limits.h"

#define KEEP (1u << 18)

struct plain {
	uint64_t total;
	uint64_t hash;
	size_t n;
	uint8_t first[KEEP];
	enum coding_status status;
	bool ended;
};

static void take(void *context, struct slice s)
{
	struct plain *p = context;
	for (size_t i = 0; i < s.n; i++) {
		p->hash = (p->hash ^ s.p[i]) * UINT64_C(0x100000001b3);
		if (p->n < KEEP)
			p->first[p->n++] = s.p[i];
	}
	p->total += s.n;
}

static void unfold(struct plain *p, const struct coding_list *list, struct slice in, size_t chunk)
{
	struct content_coding *c = content_coding_new(list);
	if (!c)
		abort();
	p->total = p->hash = p->n = 0;
	p->status = CODING_OK;
	while (in.n) {
		struct slice part = slice_first(in, chunk);
		uint8_t *exact = malloc(part.n);
		if (!exact)
			abort();
		memcpy(exact, part.p, part.n);
		enum coding_status status = content_coding_feed(c, slice_of(exact, part.n), take, p);
		free(exact);
		if (p->status != CODING_OK && status != p->status)
			abort();
		p->status = status;
		in = slice_after(in, part.n);
	}
	p->ended = content_coding_end(c) == CODING_OK;
	if (p->total > LIMIT_HTTP_UNFOLD_BYTES || content_coding_memory(c) > (40u << 20))
		abort();
	content_coding_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const codings[] = {"gzip",    "deflate",    "br",       "zstd",
					      "gzip,br", "zstd, gzip", "br,br,br", "deflate,zstd"};
	static struct plain whole, split;
	if (n == 0)
		return 0;
	struct coding_list list = {0};
	if (coding_list_add(&list, slice_str(codings[data[0] & 7])) != CODING_OK)
		abort();
	struct slice in = slice_of(data + 1, n - 1);
	unfold(&whole, &list, in, SIZE_MAX);
	for (size_t chunk = 1; chunk <= 7; chunk += 6) {
		unfold(&split, &list, in, chunk);
		size_t both = whole.n < split.n ? whole.n : split.n;
		bool same = whole.total == split.total && whole.hash == split.hash;
		if (whole.status != split.status || whole.ended != split.ended ||
		    memcmp(whole.first, split.first, both) != 0 || (whole.status == CODING_OK && !same)) {
			fprintf(stderr, "whole: status %d, %llu bytes; chunks of %zu: status %d, %llu bytes\n",
				(int)whole.status, (unsigned long long)whole.total, chunk, (int)split.status,
				(unsigned long long)split.total);
			abort();
		}
	}
	return 0;
}
