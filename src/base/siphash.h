/* SipHash: the keyed hash of every table that strangers fill, so that nobody can choose colliding keys. 2-4 for bytes,
 * 1-3 for the few words of a packet's ends. Not for signatures or storage.
 * Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); 1-3 is what Rust, Ruby and Python hash with. */
#ifndef SHADOWTAP_SIPHASH_H
#define SHADOWTAP_SIPHASH_H

#include "slice.h"
#include <string.h>

struct hash_key {
	uint64_t k0, k1;
};

/* SipHash-2-4. */
uint64_t siphash(const struct hash_key *key, const void *data, size_t n);

/* A key from the operating system's random source; false if it has none. */
bool hash_key_random(struct hash_key *ret);

/* In four variables and not in an array: gcc keeps an array in memory, and a round is nothing but its latency. */
struct siphash_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t siphash_rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void siphash_round(struct siphash_state *s)
{
	s->v0 += s->v1;
	s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
	s->v0 = siphash_rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
	s->v2 = siphash_rotate(s->v2, 32);
}

static inline struct siphash_state siphash_start(const struct hash_key *key)
{
	return (struct siphash_state){key->k0 ^ 0x736f6d6570736575ULL, key->k1 ^ 0x646f72616e646f6dULL,
	                              key->k0 ^ 0x6c7967656e657261ULL, key->k1 ^ 0x7465646279746573ULL};
}

static inline uint64_t siphash_le64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline void siphash13_word(struct siphash_state *s, uint64_t word)
{
	s->v3 ^= word;
	siphash_round(s);
	s->v0 ^= word;
}

/* n: how many words there were. */
static inline uint64_t siphash13_end(struct siphash_state *s, size_t n)
{
	siphash13_word(s, (uint64_t)(n * 8 & 0xff) << 56);
	s->v2 ^= 0xff;
	siphash_round(s);
	siphash_round(s);
	siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* SipHash-1-3 of n whole words: what it gives for their bytes in little-endian order. Where each packet goes by, the three above one after the
 * other: of a short loop over an array gcc makes twice as many instructions. */
static inline uint64_t siphash13_words(const struct hash_key *key, const uint64_t *words, size_t n)
{
	struct siphash_state s = siphash_start(key);
	for (size_t i = 0; i < n; i++)
		siphash13_word(&s, words[i]);
	return siphash13_end(&s, n);
}

#endif
