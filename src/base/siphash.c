#include "siphash.h"
#include <sys/random.h>

uint64_t siphash(const struct hash_key *key, const void *data, size_t n)
{
	const uint8_t *p = data;
	struct siphash_state s = siphash_start(key);
	size_t whole = n & ~(size_t)7;
	for (size_t i = 0; i < whole; i += 8) {
		uint64_t word = siphash_le64(p + i);
		s.v3 ^= word;
		siphash_round(&s);
		siphash_round(&s);
		s.v0 ^= word;
	}
	uint64_t last = (uint64_t)(n & 0xff) << 56;
	for (size_t i = whole; i < n; i++)
		last |= (uint64_t)p[i] << (8 * (i - whole));
	s.v3 ^= last;
	siphash_round(&s);
	siphash_round(&s);
	s.v0 ^= last;
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

bool hash_key_random(struct hash_key *ret)
{
	return getrandom(ret, sizeof *ret, 0) == (ssize_t)sizeof *ret;
}
