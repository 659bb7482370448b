/* HKDF of RFC 5869 is made of libcrypto's low-level SHA-256, for the reasons that ja4.c gives: what goes by EVP fetches
 * a provider, allocates and locks. The AES contexts below do that once, when they are made. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "quic_opener.h"
#include "limits.h"
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

enum { HASH = SHA256_DIGEST_LENGTH, TAG = 16, SAMPLE = 16, IV = 12 };

struct quic_opener {
	EVP_CIPHER_CTX *gcm, *ecb;
	uint8_t opened[LIMIT_QUIC_PACKET];
};

/* ---- keys ---- */

/* Published with each version, so that devices which know another version alone cannot meddle (RFC 9001 5.2). */
static const uint8_t *salt_of(uint32_t version)
{
	static const uint8_t v1[20] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
				       0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
	static const uint8_t v2[20] = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
				       0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
	static const uint8_t draft29[20] = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
					    0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
	static const uint8_t draft23[20] = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
					    0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02};
	if (version == QUIC_V2)
		return v2;
	if (version == QUIC_V1 || version > 0xff000020)
		return v1;
	return version > 0xff00001c ? draft29 : draft23;
}

/* HMAC of RFC 2104; key is no longer than a block. */
static void hmac(const uint8_t *key, size_t key_n, const uint8_t *data, size_t n, uint8_t ret[HASH])
{
	uint8_t pad[SHA256_CBLOCK];
	SHA256_CTX hash;
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] = (uint8_t)((i < key_n ? key[i] : 0) ^ 0x36);
	SHA256_Init(&hash);
	SHA256_Update(&hash, pad, sizeof pad);
	SHA256_Update(&hash, data, n);
	SHA256_Final(ret, &hash);
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&hash);
	SHA256_Update(&hash, pad, sizeof pad);
	SHA256_Update(&hash, ret, HASH);
	SHA256_Final(ret, &hash);
}

/* HKDF-Expand-Label with an empty context (RFC 8446 7.1): one block of HKDF-Expand is all that is ever wanted here. */
static void expand(const uint8_t secret[HASH], const char *label, uint8_t *ret, size_t n)
{
	uint8_t info[64], block[HASH];
	size_t label_n = strlen(label), at = 0;
	info[at++] = 0;
	info[at++] = (uint8_t)n;
	info[at++] = (uint8_t)(6 + label_n);
	memcpy(info + at, "tls13 ", 6);
	memcpy(info + at + 6, label, label_n);
	at += 6 + label_n;
	info[at++] = 0;
	info[at++] = 1; /* number of the block */
	hmac(secret, HASH, info, at, block);
	memcpy(ret, block, n);
}

void quic_keys_derive(uint32_t version, struct slice id, enum direction sender, struct quic_keys *ret)
{
	uint8_t initial[HASH], secret[HASH];
	bool v2 = version == QUIC_V2;
	hmac(salt_of(version), 20, id.p, id.n, initial); /* HKDF-Extract */
	expand(initial, sender == FROM_CLIENT ? "client in" : "server in", secret, HASH);
	expand(secret, v2 ? "quicv2 key" : "quic key", ret->key, sizeof ret->key);
	expand(secret, v2 ? "quicv2 iv" : "quic iv", ret->iv, sizeof ret->iv);
	expand(secret, v2 ? "quicv2 hp" : "quic hp", ret->mask, sizeof ret->mask);
}

/* ---- packets ---- */

struct quic_opener *quic_opener_new(void)
{
	struct quic_opener *o = calloc(1, sizeof *o);
	if (!o)
		return NULL;
	o->gcm = EVP_CIPHER_CTX_new();
	o->ecb = EVP_CIPHER_CTX_new();
	if (!o->gcm || !o->ecb || EVP_DecryptInit_ex(o->gcm, EVP_aes_128_gcm(), NULL, NULL, NULL) != 1 ||
	    EVP_EncryptInit_ex(o->ecb, EVP_aes_128_ecb(), NULL, NULL, NULL) != 1) {
		quic_opener_free(o);
		return NULL;
	}
	return o;
}

void quic_opener_free(struct quic_opener *o)
{
	if (!o)
		return;
	EVP_CIPHER_CTX_free(o->gcm);
	EVP_CIPHER_CTX_free(o->ecb);
	free(o);
}

/* RFC 9000 A.3: the number with these low bits that is nearest to the one expected. */
static uint64_t full_number(uint64_t expected, uint32_t low, unsigned bytes)
{
	uint64_t window = UINT64_C(1) << 8 * bytes, half = window / 2;
	uint64_t n = (expected & ~(window - 1)) | low;
	if (n + half <= expected && n < (UINT64_C(1) << 62) - window)
		return n + window;
	if (n > expected + half && n >= window)
		return n - window;
	return n;
}

static bool unmask(struct quic_opener *o, const struct quic_keys *keys, const uint8_t *sample, uint8_t ret[SAMPLE])
{
	int n;
	return EVP_EncryptInit_ex(o->ecb, NULL, NULL, keys->mask, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(o->ecb, 0) == 1 && EVP_EncryptUpdate(o->ecb, ret, &n, sample, SAMPLE) == 1 &&
	       n == SAMPLE;
}

bool quic_open(struct quic_opener *o, const struct quic_keys *keys, const struct quic_packet *p, uint64_t expected,
	       uint64_t *ret_number, struct slice *ret_frames)
{
	uint8_t mask[SAMPLE], number[4], nonce[IV], tag[TAG];
	const uint8_t *at = p->bytes.p + p->number_at;
	if (!unmask(o, keys, at + 4, mask))
		return false;
	uint8_t first = p->bytes.p[0] ^ (mask[0] & 0x0f); /* RFC 9001 5.4.1 */
	unsigned number_n = (first & 3) + 1;
	uint32_t low = 0;
	for (unsigned i = 0; i < number_n; i++) {
		number[i] = at[i] ^ mask[1 + i];
		low = low << 8 | number[i];
	}
	size_t sealed =
	    p->bytes.n - p->number_at - number_n - TAG; /* the header's Length was checked: 20 bytes or more */
	if (sealed > sizeof o->opened)
		return false;
	uint64_t full = full_number(expected, low, number_n);
	memcpy(nonce, keys->iv, IV);
	for (unsigned i = 0; i < 8; i++)
		nonce[IV - 1 - i] ^= (uint8_t)(full >> 8 * i);
	memcpy(tag, p->bytes.p + p->bytes.n - TAG, TAG);
	int n = 0, last = 0;
	/* the header as it was before its protection is authenticated too (RFC 9001 5.3) */
	if (EVP_DecryptInit_ex(o->gcm, NULL, NULL, keys->key, nonce) != 1 ||
	    EVP_DecryptUpdate(o->gcm, NULL, &n, &first, 1) != 1 ||
	    EVP_DecryptUpdate(o->gcm, NULL, &n, p->bytes.p + 1, (int)p->number_at - 1) != 1 ||
	    EVP_DecryptUpdate(o->gcm, NULL, &n, number, (int)number_n) != 1 ||
	    EVP_DecryptUpdate(o->gcm, o->opened, &n, at + number_n, (int)sealed) != 1 ||
	    EVP_CIPHER_CTX_ctrl(o->gcm, EVP_CTRL_GCM_SET_TAG, TAG, tag) != 1 ||
	    EVP_DecryptFinal_ex(o->gcm, o->opened + n, &last) != 1)
		return false;
	*ret_number = full;
	*ret_frames = slice_of(o->opened, (size_t)n);
	return true;
}
