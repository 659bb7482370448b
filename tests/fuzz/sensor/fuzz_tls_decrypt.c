/* Two directions of any bytes, and any key log -> tls_decrypt. The same bytes in one piece for each step and in many, with the secrets before and
 * with the secrets behind, say the same; memory stays within its limits. Input: a byte for the splits, two for the length of the key log,
 * the key log, then steps: a byte (bit 0 the direction, bit 1 a gap), two of length, the bytes. */
#include "keylog.h"
#include "tls_decrypt.h"
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct run {
	struct anomaly_counts anomalies;
	struct tls_room room;
	uint64_t digest[2];
	size_t said[2];
	unsigned ends[2];
};

static void mix(struct run *r, enum direction d, uint8_t byte)
{
	r->digest[d] = (r->digest[d] ^ byte) * 0x100000001b3u;
}

static void on_bytes(void *context, enum direction d, struct slice plain)
{
	struct run *r = context;
	assert(plain.n && plain.n <= TLS_RECORD_MAX);
	r->said[d] += plain.n;
	for (size_t i = 0; i < plain.n; i++)
		mix(r, d, plain.p[i]);
}

static void on_gap(void *context, enum direction d)
{
	mix(context, d, 0xfe);
}

static void on_end(void *context, enum direction d)
{
	struct run *r = context;
	assert(++r->ends[d] == 1);
}

static void on_learned(void *context)
{
	(void)context;
}

static void on_moment(void *context, const struct tls_moment *m)
{
	(void)context, (void)m;
}

static void on_given_up(void *context, void *owner)
{
	(void)context, (void)owner;
	assert(false); /* there is no other one to make room */
}

static void on_tried(void *context, void *owner)
{
	(void)context, (void)owner;
}

static void feed(struct tls_decrypt *t, struct tls *hellos, enum direction d, struct slice bytes, unsigned split)
{
	uint32_t seed = split;
	while (bytes.n) {
		size_t size = split ? 1 + (seed >> 8) % 61 : bytes.n;
		seed = seed * 1664525 + 1013904223;
		struct slice part = slice_first(bytes, size);
		uint8_t *copy = malloc(part.n);
		assert(copy);
		memcpy(copy, part.p, part.n);
		tls_feed(hellos, d, slice_of(copy, part.n));
		tls_decrypt_feed(t, d, slice_of(copy, part.n));
		free(copy);
		bytes = slice_after(bytes, part.n);
	}
}

static void play(struct run *r, struct slice log, struct slice steps, unsigned split, bool late)
{
	static const struct tls_decrypt_callbacks callbacks = {on_bytes, on_gap, on_end, on_learned, on_moment};
	static const struct hash_key key = {1, 2};
	struct keylog k = {.n = 0};
	struct tls_secrets *secrets = tls_secrets_new(&key);
	*r = (struct run){.said = {0, 0}};
	r->room = (struct tls_room){.secrets = secrets, .may_wait = late, .anomalies = &r->anomalies, .on_given_up = on_given_up, .context = r};
	struct tls *hellos = tls_new(&r->anomalies);
	struct tls_decrypt *t = tls_decrypt_new(&r->room, hellos, &callbacks, r, r, 0);
	assert(secrets && hellos && t);
	if (!late)
		assert(keylog_read(&k, log, secrets, NULL, NULL) == 0 && keylog_end(&k, secrets) == 0);
	while (steps.n >= 3) {
		enum direction d = steps.p[0] & 1 ? FROM_SERVER : FROM_CLIENT;
		size_t length = (size_t)(steps.p[1] << 8 | steps.p[2]);
		if (steps.p[0] & 2) {
			tls_decrypt_gap(t, d, length);
			steps = slice_after(steps, 3);
			continue;
		}
		struct slice bytes = slice_first(slice_after(steps, 3), length);
		feed(t, hellos, d, bytes, split);
		steps = slice_after(steps, 3 + length);
		assert(r->room.held <= LIMIT_TLS_WAITING * 2);
		assert(tls_decrypt_memory(t) < LIMIT_TLS_WAITING * 2 + 4 * TLS_RECORD_MAX + 4 * LIMIT_TLS_HELLO + 8192);
	}
	if (late) {
		assert(keylog_read(&k, log, secrets, NULL, NULL) == 0 && keylog_end(&k, secrets) == 0);
		tls_room_retry(&r->room, on_tried, NULL);
	}
	keylog_done(&k);
	tls_decrypt_free(t);
	assert(r->room.held == 0 && !r->room.oldest && !r->room.newest);
	tls_room_done(&r->room);
	tls_free(hellos);
	tls_secrets_free(secrets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 3)
		return 0;
	struct slice rest = slice_of(data + 3, n - 3);
	struct slice log = slice_first(rest, (size_t)(data[1] << 8 | data[2])), steps = slice_after(rest, log.n);
	struct run whole, parts, late;
	play(&whole, log, steps, 0, false);
	play(&parts, log, steps, 1 + data[0], false);
	play(&late, log, steps, 0, true);
	for (int d = 0; d < 2; d++) {
		assert(whole.said[d] == parts.said[d] && whole.digest[d] == parts.digest[d]);
		if (late.room.counts.given_up == 0) /* all that waited was tried */
			assert(late.said[d] >= whole.said[d]);
	}
	return 0;
}
