/* Both directions of a SOCKS opening: the same authority and the same first byte of the tunnel in any split. First byte: the
 * split; then turns: a byte that says who, a byte of length, the bytes. */
#include <stdlib.h>
#undef NDEBUG
#include <assert.h>

#include "socks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
	struct socks_facts facts;
	enum parse state[2];
	size_t consumed[2];
};

static struct outcome play(struct slice in, unsigned split)
{
	struct outcome o = {.state = {PARSE_MORE, PARSE_MORE}};
	struct socks *s = socks_new();
	assert(s);
	while (in.n >= 2) {
		enum direction d = in.p[0] & 1 ? FROM_SERVER : FROM_CLIENT;
		struct slice rest = slice_first(slice_after(in, 2), in.p[1]);
		in = slice_after(in, 2 + rest.n);
		while (rest.n && o.state[d] == PARSE_MORE) {
			struct slice part = slice_first(rest, split ? split : rest.n);
			uint8_t *piece = malloc(part.n);
			assert(piece);
			memcpy(piece, part.p, part.n);
			size_t used;
			o.state[d] = socks_feed(s, d, slice_of(piece, part.n), &used);
			free(piece);
			assert(used <= part.n && (used == part.n || o.state[d] != PARSE_MORE));
			o.consumed[d] += used;
			rest = slice_after(rest, part.n);
		}
	}
	o.facts = *socks_facts(s);
	assert(strlen(o.facts.authority) < LIMIT_HOST);
	socks_free(s);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 1)
		return 0;
	bool sure;
	socks_looks_like(slice_of(data + 1, n - 1), &sure);
	struct slice in = slice_of(data + 1, n - 1);
	struct outcome whole = play(in, 0), bytes = play(in, 1), split = play(in, 1 + data[0] % 16);
	assert(memcmp(&whole.facts, &bytes.facts, sizeof whole.facts) == 0);
	assert(memcmp(&whole.facts, &split.facts, sizeof whole.facts) == 0);
	for (int d = 0; d < 2; d++)
		assert(whole.consumed[d] == bytes.consumed[d] && whole.state[d] == split.state[d]);
	return 0;
}
