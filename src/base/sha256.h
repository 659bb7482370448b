/* SHA-256 (FIPS 180-4) of bytes as they come: plain state that can be copied and lies anywhere, no allocation and no
 * failure, which is why it is not the crypto library's. Used for the canonical hashes of definitions; for nothing secret. */
#ifndef SHADOWTAP_SHA256_H
#define SHADOWTAP_SHA256_H

#include "slice.h"

#define SHA256_BYTES 32

struct sha256 {
	uint32_t h[8];
	uint64_t n; /* bytes so far */
	uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, struct slice bytes);
/* The state is of no further use. */
void sha256_final(struct sha256 *s, uint8_t out[SHA256_BYTES]);

#endif
