/* SHA-256 (FIPS 180-4) of bytes as they come: plain state that can be copied and lies anywhere, no allocation and no
 * failure. libcrypto's own state, because what its EVP interface hands out is allocated and can fail; OpenSSL 3 calls
 * that interface deprecated and keeps it. Used for the canonical hashes of definitions; for nothing secret. */
#ifndef SHADOWTAP_SHA256_H
#define SHADOWTAP_SHA256_H

#include "slice.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#define SHA256_BYTES SHA256_DIGEST_LENGTH

struct sha256 {
	SHA256_CTX state;
};

static inline void sha256_init(struct sha256 *s)
{
	SHA256_Init(&s->state);
}

static inline void sha256_update(struct sha256 *s, struct slice bytes)
{
	SHA256_Update(&s->state, bytes.p, bytes.n);
}

/* The state is of no further use. */
static inline void sha256_final(struct sha256 *s, uint8_t out[SHA256_BYTES])
{
	SHA256_Final(out, &s->state);
}

#endif
