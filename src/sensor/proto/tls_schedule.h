/* A secret of a key log -> the keys of one direction: TLS 1.3 traffic secrets (RFC 8446 7.1 to 7.3), the master secret of
 * TLS 1.2 (RFC 5246 5 and 6.3). Called by tls_decrypt. Knows no records and keeps nothing. */
#ifndef SHADOWTAP_TLS_SCHEDULE_H
#define SHADOWTAP_TLS_SCHEDULE_H

#include "slice.h"
#include "status.h"

#define TLS_RANDOM 32
#define TLS_SECRET_MAX 48
#define TLS_MASTER 48
#define TLS_KEY_MAX 32
#define TLS_IV_MAX 12
#define TLS_MAC_MAX 48

enum tls_hash { TLS_SHA1, TLS_SHA256, TLS_SHA384 };

struct tls_keys {
	uint8_t key[TLS_KEY_MAX], iv[TLS_IV_MAX], mac[TLS_MAC_MAX];
};

/* How much of each a cipher takes. */
struct tls_key_sizes {
	uint8_t key, iv, mac;
};

size_t tls_hash_size(enum tls_hash h);
/* out: tls_hash_size(h) bytes. False if libcrypto fails. */
bool tls_hmac(enum tls_hash h, struct slice key, struct slice text, uint8_t *out);

/* HKDF-Expand-Label with an empty context; at most one block of the hash. */
bool tls_expand_label(enum tls_hash h, struct slice secret, const char *label, uint8_t *out, size_t n);
bool tls_traffic_keys(enum tls_hash h, struct slice secret, struct tls_key_sizes sizes, struct tls_keys *ret);
/* The secret after a KeyUpdate takes the place of the one before it. */
bool tls_traffic_update(enum tls_hash h, uint8_t *secret);

struct tls_randoms {
	const uint8_t *client, *server; /* TLS_RANDOM bytes each */
};

bool tls_master_keys(enum tls_hash h, struct slice master, struct tls_randoms randoms, struct tls_key_sizes sizes, enum direction d,
                     struct tls_keys *ret);

#endif
