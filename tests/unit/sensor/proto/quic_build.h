/* Builds QUIC packets and datagrams for tests and fuzzers: frames sealed with the keys that everybody can make. */
#ifndef SHADOWTAP_QUIC_BUILD_H
#define SHADOWTAP_QUIC_BUILD_H

#include "quic_opener.h"
#include <openssl/evp.h>
#include <stdlib.h>

enum { QUIC_BUILD_MAX = 80000 };

struct quic_build {
	uint8_t b[QUIC_BUILD_MAX];
	size_t n;
};

/* One Initial to be: fields not set are zero. */
struct quic_initial {
	uint32_t version;
	enum direction sender;
	struct slice key_id; /* whose keys seal it; empty: dcid */
	struct slice dcid, scid, token;
	uint32_t number;
	unsigned number_n; /* bytes of the number, 0: 4 */
	size_t datagram;   /* pads its frames so that the packet takes that many bytes */
};

static inline void quic_must(bool ok)
{
	if (!ok)
		abort();
}

static inline void quic_put(struct quic_build *w, const void *p, size_t n)
{
	quic_must(w->n + n <= sizeof w->b);
	if (n)
		memcpy(w->b + w->n, p, n);
	w->n += n;
}

static inline void quic_put_be(struct quic_build *w, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;) {
		uint8_t b = (uint8_t)(v >> 8 * i);
		quic_put(w, &b, 1);
	}
}

static inline void quic_put_varint(struct quic_build *w, uint64_t v)
{
	if (v < 0x40)
		quic_put_be(w, v, 1);
	else if (v < 0x4000)
		quic_put_be(w, v | 0x4000, 2);
	else
		quic_put_be(w, v | 0x80000000u, 4);
}

static inline void quic_put_crypto(struct quic_build *w, uint64_t offset, struct slice bytes)
{
	quic_put_be(w, 6, 1);
	quic_put_varint(w, offset);
	quic_put_varint(w, bytes.n);
	quic_put(w, bytes.p, bytes.n);
}

static inline struct slice quic_built(const struct quic_build *w)
{
	return slice_of(w->b, w->n);
}

static inline void quic_seal_body(const struct quic_keys *k, uint8_t *packet, size_t number_at, unsigned number_n,
				  uint32_t number, size_t sealed)
{
	uint8_t nonce[12], mask[16], *body = packet + number_at + number_n;
	int n;
	memcpy(nonce, k->iv, sizeof nonce);
	for (unsigned i = 0; i < 4; i++)
		nonce[11 - i] ^= (uint8_t)(number >> 8 * i);
	EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new(), *ecb = EVP_CIPHER_CTX_new();
	quic_must(EVP_EncryptInit_ex(gcm, EVP_aes_128_gcm(), NULL, k->key, nonce) == 1 &&
		  EVP_EncryptUpdate(gcm, NULL, &n, packet, (int)(number_at + number_n)) == 1 &&
		  EVP_EncryptUpdate(gcm, body, &n, body, (int)sealed) == 1 &&
		  EVP_EncryptFinal_ex(gcm, body + sealed, &n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_GET_TAG, 16, body + sealed) == 1 &&
		  EVP_EncryptInit_ex(ecb, EVP_aes_128_ecb(), NULL, k->mask, NULL) == 1 &&
		  EVP_CIPHER_CTX_set_padding(ecb, 0) == 1 &&
		  EVP_EncryptUpdate(ecb, mask, &n, packet + number_at + 4, 16) == 1);
	EVP_CIPHER_CTX_free(gcm);
	EVP_CIPHER_CTX_free(ecb);
	packet[0] ^= mask[0] & 0x0f;
	for (unsigned i = 0; i < number_n; i++)
		packet[number_at + i] ^= mask[1 + i];
}

/* Appends the sealed packet. Its Length is always written in two bytes, or in four where it does not fit. */
static inline void quic_put_initial(struct quic_build *w, const struct quic_initial *i, struct slice frames)
{
	struct quic_keys keys;
	size_t start = w->n;
	unsigned number_n = i->number_n ? i->number_n : 4;
	uint8_t first = (uint8_t)(0xc0 | (i->version == QUIC_V2) << 4 | (number_n - 1)),
		ids[2] = {(uint8_t)i->dcid.n, (uint8_t)i->scid.n};
	quic_keys_derive(i->version, i->key_id.p ? i->key_id : i->dcid, i->sender, &keys);
	quic_put(w, &first, 1);
	quic_put_be(w, i->version, 4);
	quic_put(w, &ids[0], 1);
	quic_put(w, i->dcid.p, i->dcid.n);
	quic_put(w, &ids[1], 1);
	quic_put(w, i->scid.p, i->scid.n);
	quic_put_varint(w, i->token.n);
	quic_put(w, i->token.p, i->token.n);
	size_t header = w->n - start + 2 + number_n, sealed = frames.n < 4 ? 4 : frames.n; /* room for the sample */
	if (i->datagram > header + 16 + sealed)
		sealed = i->datagram - header - 16;
	size_t length = number_n + sealed + 16;
	if (length < 0x4000)
		quic_put_be(w, length | 0x4000, 2);
	else
		quic_put_be(w, length | 0x80000000u, 4);
	size_t number_at = w->n - start;
	quic_put_be(w, i->number, number_n);
	quic_put(w, frames.p, frames.n);
	quic_must(w->n + 16 + sealed - frames.n <= sizeof w->b);
	memset(w->b + w->n, 0, sealed - frames.n + 16);
	w->n += sealed - frames.n + 16;
	quic_seal_body(&keys, w->b + start, number_at, number_n, i->number, sealed);
}

#endif
