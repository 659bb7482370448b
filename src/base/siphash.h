/* SipHash-2-4: the keyed hash of every table that strangers fill, so that nobody can choose colliding keys.
 * Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012). Not for signatures or storage. */
#ifndef SHADOWTAP_SIPHASH_H
#define SHADOWTAP_SIPHASH_H

#include "slice.h"

struct hash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct hash_key *key, const void *data, size_t n);

/* A key from the operating system's random source; false if it has none. */
bool hash_key_random(struct hash_key *ret);

#endif
