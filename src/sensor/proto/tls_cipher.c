#include "tls_cipher.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>

/* ---- suites ---- */

#define SUITES_GCM(X) \
	X(0x009c) X(0x009e) X(0x00a0) X(0x00a2) X(0x00a4) X(0x00a6) X(0x00a8) X(0x00aa) X(0x00ac) X(0xc02b) X(0xc02d) X(0xc02f) X(0xc031)
#define GCM(id) {id, TLS_AES128_GCM, TLS_SHA256, 0}, {id + 1, TLS_AES256_GCM, TLS_SHA384, 0},
#define CBC128(id) {id, TLS_AES128_CBC, TLS_SHA256, TLS_SHA1},
#define CBC256(id) {id, TLS_AES256_CBC, TLS_SHA256, TLS_SHA1},
#define CBC128_256(id) {id, TLS_AES128_CBC, TLS_SHA256, TLS_SHA256},
#define CBC256_256(id) {id, TLS_AES256_CBC, TLS_SHA256, TLS_SHA256},
#define CBC256_384(id) {id, TLS_AES256_CBC, TLS_SHA384, TLS_SHA384},
#define CHACHA(id) {id, TLS_CHACHA20, TLS_SHA256, 0},
#define CCM(id) {id, TLS_AES128_CCM, TLS_SHA256, 0}, {id + 1, TLS_AES256_CCM, TLS_SHA256, 0},
#define CCM8(id) {id, TLS_AES128_CCM8, TLS_SHA256, 0}, {id + 1, TLS_AES256_CCM8, TLS_SHA256, 0},

/* By the IANA registry of cipher suites: RSA, (EC)DH(E), anonymous and PSK key exchange make no difference here. */
static const struct tls_suite suites[] = {
	{0x1301, TLS_AES128_GCM, TLS_SHA256, 0}, {0x1302, TLS_AES256_GCM, TLS_SHA384, 0}, {0x1303, TLS_CHACHA20, TLS_SHA256, 0},
	{0x1304, TLS_AES128_CCM, TLS_SHA256, 0}, {0x1305, TLS_AES128_CCM8, TLS_SHA256, 0},
	SUITES_GCM(GCM)
	{0xd001, TLS_AES128_GCM, TLS_SHA256, 0}, {0xd002, TLS_AES256_GCM, TLS_SHA384, 0},
	CHACHA(0xcca8) CHACHA(0xcca9) CHACHA(0xccaa) CHACHA(0xccab) CHACHA(0xccac) CHACHA(0xccad) CHACHA(0xccae)
	CCM(0xc09c) CCM(0xc09e) CCM8(0xc0a0) CCM8(0xc0a2) CCM(0xc0a4) CCM(0xc0a6) CCM8(0xc0a8) CCM8(0xc0aa) CCM(0xc0ac) CCM8(0xc0ae)
	CBC128(0x002f) CBC128(0x0030) CBC128(0x0031) CBC128(0x0032) CBC128(0x0033) CBC128(0x0034) CBC128(0xc004) CBC128(0xc009)
	CBC128(0xc00e) CBC128(0xc013) CBC128(0xc018)
	CBC256(0x0035) CBC256(0x0036) CBC256(0x0037) CBC256(0x0038) CBC256(0x0039) CBC256(0x003a) CBC256(0xc005) CBC256(0xc00a)
	CBC256(0xc00f) CBC256(0xc014) CBC256(0xc019)
	CBC128_256(0x003c) CBC128_256(0x003e) CBC128_256(0x003f) CBC128_256(0x0040) CBC128_256(0x0067) CBC128_256(0x006c)
	CBC128_256(0xc023) CBC128_256(0xc025) CBC128_256(0xc027) CBC128_256(0xc029)
	CBC256_256(0x003d) CBC256_256(0x0068) CBC256_256(0x0069) CBC256_256(0x006a) CBC256_256(0x006b) CBC256_256(0x006d)
	CBC256_384(0xc024) CBC256_384(0xc026) CBC256_384(0xc028) CBC256_384(0xc02a)
};

const struct tls_suite *tls_suite_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

bool tls_suite_is_13(const struct tls_suite *s)
{
	return s->id >> 8 == 0x13;
}

/* ---- kinds ---- */

static const struct kind {
	uint8_t key, iv, tag; /* iv: the part of the nonce that no record carries, up to TLS 1.2 */
} kinds[TLS_CIPHER_KINDS] = {
	[TLS_AES128_GCM] = {16, 4, 16}, [TLS_AES256_GCM] = {32, 4, 16}, [TLS_CHACHA20] = {32, 12, 16},
	[TLS_AES128_CCM] = {16, 4, 16}, [TLS_AES256_CCM] = {32, 4, 16}, [TLS_AES128_CCM8] = {16, 4, 8},
	[TLS_AES256_CCM8] = {32, 4, 8}, [TLS_AES128_CBC] = {16, 0, 0},  [TLS_AES256_CBC] = {32, 0, 0},
};

enum { EXPLICIT_NONCE = 8, CBC_BLOCK = 16 };

static const EVP_CIPHER *cipher_of(uint8_t kind)
{
	switch (kind) {
	case TLS_AES128_GCM: return EVP_aes_128_gcm();
	case TLS_AES256_GCM: return EVP_aes_256_gcm();
	case TLS_CHACHA20: return EVP_chacha20_poly1305();
	case TLS_AES128_CCM:
	case TLS_AES128_CCM8: return EVP_aes_128_ccm();
	case TLS_AES256_CCM:
	case TLS_AES256_CCM8: return EVP_aes_256_ccm();
	case TLS_AES128_CBC: return EVP_aes_128_cbc();
	default: return EVP_aes_256_cbc();
	}
}

static bool is_cbc(uint8_t kind)
{
	return kind >= TLS_AES128_CBC;
}

static bool is_ccm(uint8_t kind)
{
	return kind >= TLS_AES128_CCM && kind <= TLS_AES256_CCM8;
}

/* ---- starting ---- */

void tls_cipher_done(struct tls_cipher *c)
{
	EVP_CIPHER_CTX_free(c->context); /* wipes the key in it */
	OPENSSL_cleanse(c, sizeof *c);
}

static bool start(struct tls_cipher *c, uint8_t kind, const struct tls_keys *keys)
{
	c->kind = kind;
	c->tag_n = kinds[kind].tag;
	memcpy(c->iv, keys->iv, sizeof c->iv);
	memcpy(c->mac, keys->mac, sizeof c->mac);
	c->context = EVP_CIPHER_CTX_new();
	if (!c->context || EVP_DecryptInit_ex(c->context, cipher_of(kind), NULL, NULL, NULL) != 1)
		return false;
	if (!is_cbc(kind) && EVP_CIPHER_CTX_ctrl(c->context, EVP_CTRL_AEAD_SET_IVLEN, TLS_IV_MAX, NULL) != 1)
		return false;
	if (is_ccm(kind) && EVP_CIPHER_CTX_ctrl(c->context, EVP_CTRL_AEAD_SET_TAG, c->tag_n, NULL) != 1)
		return false;
	return EVP_DecryptInit_ex(c->context, NULL, NULL, keys->key, NULL) == 1 && EVP_CIPHER_CTX_set_padding(c->context, 0) == 1;
}

bool tls_cipher_start_13(struct tls_cipher *c, const struct tls_suite *suite, struct slice secret)
{
	struct tls_keys keys = {{0}, {0}, {0}};
	struct tls_key_sizes sizes = {kinds[suite->kind].key, TLS_IV_MAX, 0};
	tls_cipher_done(c);
	bool ok = secret.n == tls_hash_size(suite->hash) && tls_traffic_keys(suite->hash, secret, sizes, &keys) && start(c, suite->kind, &keys);
	c->tls13 = true;
	OPENSSL_cleanse(&keys, sizeof keys);
	if (!ok)
		tls_cipher_done(c);
	return ok;
}

bool tls_cipher_start_12(struct tls_cipher *c, const struct tls_suite *suite, struct slice master, struct tls_randoms randoms,
                         enum direction d, bool encrypt_then_mac)
{
	struct tls_keys keys = {{0}, {0}, {0}};
	struct tls_key_sizes sizes = {kinds[suite->kind].key, kinds[suite->kind].iv, 0};
	if (is_cbc(suite->kind))
		sizes.mac = (uint8_t)tls_hash_size(suite->mac);
	tls_cipher_done(c);
	bool ok = master.n == TLS_MASTER && tls_master_keys(suite->hash, master, randoms, sizes, d, &keys) && start(c, suite->kind, &keys);
	c->mac_hash = suite->mac;
	c->encrypt_then_mac = encrypt_then_mac && is_cbc(suite->kind); /* RFC 7366 2: of no meaning for others */
	OPENSSL_cleanse(&keys, sizeof keys);
	if (!ok)
		tls_cipher_done(c);
	return ok;
}

/* ---- opening ---- */

static void put_sequence(uint8_t out[8], uint64_t sequence)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(sequence >> (56 - 8 * i));
}

/* seq_num, type, version, length: what a tag or MAC up to TLS 1.2 covers besides the content (RFC 5246 6.2.3). */
static void put_covered(uint8_t out[13], uint64_t sequence, const uint8_t header[TLS_RECORD_HEADER], size_t n)
{
	put_sequence(out, sequence);
	memcpy(out + 8, header, 3);
	out[11] = (uint8_t)(n >> 8);
	out[12] = (uint8_t)n;
}

static bool aead(struct tls_cipher *c, const uint8_t nonce[TLS_IV_MAX], struct slice covered, struct slice text, const uint8_t *tag,
                 uint8_t *out)
{
	int n = 0, more = 0;
	uint8_t copy[16]; /* libcrypto takes tags that it could change */
	memcpy(copy, tag, c->tag_n);
	EVP_CIPHER_CTX *x = c->context;
	if (is_ccm(c->kind))
		return EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, c->tag_n, copy) == 1 &&
		       EVP_DecryptInit_ex(x, NULL, NULL, NULL, nonce) == 1 && EVP_DecryptUpdate(x, NULL, &n, NULL, (int)text.n) == 1 &&
		       EVP_DecryptUpdate(x, NULL, &n, covered.p, (int)covered.n) == 1 &&
		       EVP_DecryptUpdate(x, out, &n, text.p, (int)text.n) == 1 && n == (int)text.n;
	return EVP_DecryptInit_ex(x, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_DecryptUpdate(x, NULL, &n, covered.p, (int)covered.n) == 1 &&
	       EVP_DecryptUpdate(x, out, &n, text.p, (int)text.n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, c->tag_n, copy) == 1 && EVP_DecryptFinal_ex(x, out + n, &more) == 1;
}

static bool open_aead(struct tls_cipher *c, uint64_t sequence, const uint8_t header[TLS_RECORD_HEADER], struct slice body, uint8_t *out,
                      size_t *ret_n)
{
	uint8_t nonce[TLS_IV_MAX], covered[13];
	bool carried = !c->tls13 && c->kind != TLS_CHACHA20; /* half the nonce is in the record */
	size_t overhead = c->tag_n + (carried ? (size_t)EXPLICIT_NONCE : 0);
	if (body.n < overhead)
		return false;
	struct slice text = slice_first(slice_after(body, carried ? EXPLICIT_NONCE : 0), body.n - overhead);
	memcpy(nonce, c->iv, sizeof nonce);
	if (carried) {
		memcpy(nonce + 4, body.p, EXPLICIT_NONCE);
	} else {
		uint8_t number[8];
		put_sequence(number, sequence);
		for (int i = 0; i < 8; i++)
			nonce[4 + i] ^= number[i];
	}
	put_covered(covered, sequence, header, text.n);
	struct slice also = c->tls13 ? slice_of(header, TLS_RECORD_HEADER) : slice_of(covered, sizeof covered);
	if (!aead(c, nonce, also, text, body.p + body.n - c->tag_n, out))
		return false;
	*ret_n = text.n;
	return true;
}

static bool mac_fits(const struct tls_cipher *c, const uint8_t covered[13], struct slice text, const uint8_t *mac)
{
	uint8_t buffer[13 + TLS_RECORD_MAX], want[TLS_MAC_MAX];
	size_t n = tls_hash_size(c->mac_hash);
	if (text.n > TLS_RECORD_MAX)
		return false;
	memcpy(buffer, covered, 13);
	memcpy(buffer + 13, text.p, text.n);
	return tls_hmac(c->mac_hash, slice_of(c->mac, n), slice_of(buffer, 13 + text.n), want) && CRYPTO_memcmp(want, mac, n) == 0;
}

/* Nobody waits for our answer, so how long a wrong padding takes tells nobody anything. */
static bool open_cbc(struct tls_cipher *c, uint64_t sequence, const uint8_t header[TLS_RECORD_HEADER], struct slice body, uint8_t *out,
                     size_t *ret_n)
{
	uint8_t covered[13];
	size_t mac = tls_hash_size(c->mac_hash);
	int n = 0;
	if (c->encrypt_then_mac) {
		if (body.n < mac)
			return false;
		body.n -= mac;
		put_covered(covered, sequence, header, body.n);
		if (!mac_fits(c, covered, body, body.p + body.n))
			return false;
	}
	if (body.n < 2 * CBC_BLOCK || body.n % CBC_BLOCK)
		return false;
	struct slice text = slice_after(body, CBC_BLOCK);
	if (EVP_DecryptInit_ex(c->context, NULL, NULL, NULL, body.p) != 1 ||
	    EVP_DecryptUpdate(c->context, out, &n, text.p, (int)text.n) != 1 || n != (int)text.n)
		return false;
	size_t padding = (size_t)out[text.n - 1] + 1, after = padding + (c->encrypt_then_mac ? 0 : mac);
	if (after > text.n)
		return false;
	for (size_t i = 0; i < padding; i++)
		if (out[text.n - 1 - i] != padding - 1)
			return false;
	*ret_n = text.n - after;
	if (c->encrypt_then_mac)
		return true;
	put_covered(covered, sequence, header, *ret_n);
	return mac_fits(c, covered, slice_of(out, *ret_n), out + *ret_n);
}

bool tls_cipher_open(struct tls_cipher *c, uint64_t sequence, const uint8_t header[TLS_RECORD_HEADER], struct slice body, uint8_t *out,
                     size_t *ret_n)
{
	if (!c->context)
		return false;
	return is_cbc(c->kind) ? open_cbc(c, sequence, header, body, out, ret_n) : open_aead(c, sequence, header, body, out, ret_n);
}

bool tls_cipher_warm_up(void)
{
	static const uint8_t secret[TLS_SECRET_MAX], header[TLS_RECORD_HEADER], body[64];
	uint8_t out[sizeof body];
	size_t n;
	bool ok = true;
	for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
		struct tls_cipher c = {.context = NULL};
		ok &= tls_suite_is_13(&suites[i])
			      ? tls_cipher_start_13(&c, &suites[i], slice_of(secret, tls_hash_size(suites[i].hash)))
			      : tls_cipher_start_12(&c, &suites[i], slice_of(secret, TLS_MASTER),
			                            (struct tls_randoms){secret, secret}, FROM_CLIENT, true);
		(void)tls_cipher_open(&c, 0, header, slice_of(body, sizeof body), out, &n); /* errors are loaded with the first one */
		tls_cipher_done(&c);
	}
	return ok;
}
