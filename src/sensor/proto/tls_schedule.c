#include "tls_schedule.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

size_t tls_hash_size(enum tls_hash h)
{
	static const uint8_t sizes[] = {20, 32, 48};
	return sizes[h];
}

static const EVP_MD *digest(enum tls_hash h)
{
	return h == TLS_SHA384 ? EVP_sha384() : h == TLS_SHA256 ? EVP_sha256() : EVP_sha1();
}

bool tls_hmac(enum tls_hash h, struct slice key, struct slice text, uint8_t *out)
{
	static const uint8_t nothing;
	unsigned n = 0;
	return HMAC(digest(h), key.p, (int)key.n, text.n ? text.p : &nothing, text.n, out, &n) && n == tls_hash_size(h);
}

bool tls_expand_label(enum tls_hash h, struct slice secret, const char *label, uint8_t *out, size_t n)
{
	static const char prefix[6] = {'t', 'l', 's', '1', '3', ' '};
	uint8_t info[64], block[TLS_SECRET_MAX];
	size_t label_n = strlen(label), at = 0;
	if (n > tls_hash_size(h) || label_n + sizeof prefix + 5 > sizeof info)
		return false;
	info[at++] = 0;
	info[at++] = (uint8_t)n;
	info[at++] = (uint8_t)(sizeof prefix + label_n);
	memcpy(info + at, prefix, sizeof prefix);
	memcpy(info + at + sizeof prefix, label, label_n);
	at += sizeof prefix + label_n;
	info[at++] = 0; /* no context */
	info[at++] = 1; /* first and only block of HKDF-Expand (RFC 5869 2.3) */
	bool ok = tls_hmac(h, secret, slice_of(info, at), block);
	if (ok)
		memcpy(out, block, n);
	OPENSSL_cleanse(block, sizeof block);
	return ok;
}

bool tls_traffic_keys(enum tls_hash h, struct slice secret, struct tls_key_sizes sizes, struct tls_keys *ret)
{
	return tls_expand_label(h, secret, "key", ret->key, sizes.key) && tls_expand_label(h, secret, "iv", ret->iv, sizes.iv);
}

bool tls_traffic_update(enum tls_hash h, uint8_t *secret)
{
	return tls_expand_label(h, slice_of(secret, tls_hash_size(h)), "traffic upd", secret, tls_hash_size(h));
}

/* P_hash of RFC 5246 5. */
static bool p_hash(enum tls_hash h, struct slice secret, struct slice seed, uint8_t *out, size_t n)
{
	uint8_t a[TLS_SECRET_MAX + 128], block[TLS_SECRET_MAX]; /* A(i), and behind it the seed */
	size_t size = tls_hash_size(h);
	if (seed.n > sizeof a - size)
		return false;
	bool ok = tls_hmac(h, secret, seed, a);
	memcpy(a + size, seed.p, seed.n);
	while (ok && n) {
		size_t take = n < size ? n : size;
		ok = tls_hmac(h, secret, slice_of(a, size + seed.n), block);
		memcpy(out, block, take);
		out += take;
		n -= take;
		ok = ok && tls_hmac(h, secret, slice_of(a, size), block);
		memcpy(a, block, size);
	}
	OPENSSL_cleanse(a, sizeof a);
	OPENSSL_cleanse(block, sizeof block);
	return ok;
}

bool tls_master_keys(enum tls_hash h, struct slice master, struct tls_randoms randoms, struct tls_key_sizes sizes, enum direction d,
                     struct tls_keys *ret)
{
	static const char label[13] = {'k', 'e', 'y', ' ', 'e', 'x', 'p', 'a', 'n', 's', 'i', 'o', 'n'};
	uint8_t seed[sizeof label + 2 * TLS_RANDOM], block[2 * (TLS_MAC_MAX + TLS_KEY_MAX + TLS_IV_MAX)];
	size_t n = 2u * (sizes.mac + sizes.key + sizes.iv);
	memcpy(seed, label, sizeof label);
	memcpy(seed + sizeof label, randoms.server, TLS_RANDOM);
	memcpy(seed + sizeof label + TLS_RANDOM, randoms.client, TLS_RANDOM);
	bool ok = n <= sizeof block && p_hash(h, master, slice_of(seed, sizeof seed), block, n);
	if (ok) { /* each in turn, the client's first */
		const uint8_t *keys = block + 2 * sizes.mac, *ivs = keys + 2 * sizes.key;
		memcpy(ret->mac, block + (d == FROM_CLIENT ? 0 : sizes.mac), sizes.mac);
		memcpy(ret->key, keys + (d == FROM_CLIENT ? 0 : sizes.key), sizes.key);
		memcpy(ret->iv, ivs + (d == FROM_CLIENT ? 0 : sizes.iv), sizes.iv);
	}
	OPENSSL_cleanse(block, sizeof block);
	return ok;
}
