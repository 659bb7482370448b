/* One protected record -> its content, or a wrong tag. The cipher suites of TLS 1.3 (RFC 8446 B.4), and of TLS 1.2 those with
 * AES-GCM (RFC 5288), AES-CCM (RFC 6655), ChaCha20-Poly1305 (RFC 7905) and AES-CBC (RFC 5246 6.2.3.2, RFC 7366). Called by
 * tls_decrypt. Primitives are libcrypto's; nothing is handed out before its tag has been checked. */
#ifndef SHADOWTAP_TLS_CIPHER_H
#define SHADOWTAP_TLS_CIPHER_H

#include "tls_record.h"
#include "tls_schedule.h"

enum tls_cipher_kind {
	TLS_AES128_GCM,
	TLS_AES256_GCM,
	TLS_CHACHA20,
	TLS_AES128_CCM,
	TLS_AES256_CCM,
	TLS_AES128_CCM8,
	TLS_AES256_CCM8,
	TLS_AES128_CBC,
	TLS_AES256_CBC,
	TLS_CIPHER_KINDS,
};

struct tls_suite {
	uint16_t id;
	uint8_t kind; /* enum tls_cipher_kind */
	uint8_t hash; /* enum tls_hash: of HKDF, or of the PRF */
	uint8_t mac;  /* enum tls_hash: of CBC records */
};

/* NULL: not one that is read here. */
const struct tls_suite *tls_suite_find(uint16_t id);
bool tls_suite_is_13(const struct tls_suite *s);

/* One direction from one change of keys to the next. All zero: none yet. */
struct tls_cipher {
	struct evp_cipher_ctx_st *context;
	uint8_t kind, mac_hash, tag_n;
	bool tls13, encrypt_then_mac;
	uint8_t iv[TLS_IV_MAX], mac[TLS_MAC_MAX];
};

/* What was there before is wiped. False if libcrypto fails. secret: tls_hash_size() bytes. */
bool tls_cipher_start_13(struct tls_cipher *c, const struct tls_suite *suite, struct slice secret);
bool tls_cipher_start_12(struct tls_cipher *c, const struct tls_suite *suite, struct slice master, struct tls_randoms randoms,
                         enum direction d, bool encrypt_then_mac);

/* out: as much room as body has bytes, apart from it. False: the tag does not fit. *ret_n counts the padding and the content type of
 * TLS 1.3 too. */
bool tls_cipher_open(struct tls_cipher *c, uint64_t sequence, const uint8_t header[TLS_RECORD_HEADER], struct slice body, uint8_t *out,
                     size_t *ret_n);
void tls_cipher_done(struct tls_cipher *c);

/* Makes libcrypto load what it loads lazily, for a process that will not be able to. False if it lacks a primitive. */
bool tls_cipher_warm_up(void);

#endif
