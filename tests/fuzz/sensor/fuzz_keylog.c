/* Any bytes as a key log, in one piece and in many: the same lines, the same secrets. Input: a byte for the splits, the key log. */
#include "keylog.h"
#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void on_bad(void *context, uint64_t line)
{
	uint64_t *last = context;
	assert(line > *last);
	*last = line;
}

static struct tls_secrets_counts play(struct slice text, size_t piece, struct keylog *k)
{
	static const struct hash_key key = {1, 2};
	struct tls_secrets *s = tls_secrets_new(&key);
	uint64_t last = 0;
	assert(s);
	*k = (struct keylog){.n = 0};
	for (; text.n; text = slice_after(text, piece))
		assert(keylog_read(k, slice_first(text, piece), s, on_bad, &last) == 0);
	assert(keylog_end(k, s) == 0);
	struct tls_secrets_counts c = tls_secrets_counts(s);
	assert(c.connections <= k->lines);
	tls_secrets_free(s);
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct keylog whole, parts;
	if (n < 1)
		return 0;
	struct slice text = slice_of(data + 1, n - 1);
	struct tls_secrets_counts a = play(text, text.n + 1, &whole), b = play(text, 1 + data[0] % 97, &parts);
	assert(a.connections == b.connections && whole.lines == parts.lines && whole.malformed == parts.malformed);
	assert(whole.number == parts.number);
	return 0;
}
