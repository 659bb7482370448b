/* The one-shot and low-level SHA-256 of libcrypto are the same code, but since 3.0 the one-shot way fetches a provider:
 * it allocates, takes locks that all workers share, and on first use opens openssl.cnf, which a confined sensor
 * cannot. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "ja4.h"
#include "cursor.h"
#include "limits.h"
#include <openssl/sha.h>
#include <stdio.h>

#define EXT_SERVER_NAME 0
#define EXT_ALPN 16
#define HASH_TEXT 13 /* 12 hex digits and the NUL */
#define HASH_EMPTY "000000000000"

struct values {
	uint16_t v[LIMIT_TLS_JA4_VALUES];
	size_t n;
};

static bool values_add(struct values *l, uint16_t value)
{
	if (tls_is_grease(value))
		return true;
	if (l->n == LIMIT_TLS_JA4_VALUES)
		return false;
	l->v[l->n++] = value;
	return true;
}

/* Shell sort: no recursion, no memory (qsort may allocate), and n is capped, so a hostile order costs little. */
static void values_sort(struct values *l)
{
	static const size_t gaps[] = {301, 132, 57, 23, 10, 4, 1};
	for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++) {
		size_t gap = gaps[g];
		for (size_t i = gap; i < l->n; i++) {
			uint16_t value = l->v[i];
			size_t at = i;
			for (; at >= gap && l->v[at - gap] > value; at -= gap)
				l->v[at] = l->v[at - gap];
			l->v[at] = value;
		}
	}
}

static bool values_read(struct values *l, struct slice list)
{
	struct cursor c = list.n ? cursor_of(list) : (struct cursor){0};
	while (cursor_left(&c) >= 2)
		if (!values_add(l, cursor_be16(&c)))
			return false;
	return true;
}

/* Some hundred bytes at a time: what a call of libcrypto costs is more than hashing a value. */
static void hash_values(SHA256_CTX *hash, const struct values *l)
{
	static const char digits[] = "0123456789abcdef";
	char text[5 * 64];
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		uint16_t v = l->v[i];
		if (n + 5 > sizeof text) {
			SHA256_Update(hash, text, n);
			n = 0;
		}
		if (i)
			text[n++] = ',';
		text[n++] = digits[v >> 12];
		text[n++] = digits[v >> 8 & 15];
		text[n++] = digits[v >> 4 & 15];
		text[n++] = digits[v & 15];
	}
	SHA256_Update(hash, text, n);
}

/* first, and if it is not empty, '_' and then: the first 12 hex digits of its SHA-256. */
static void hash_lists(const struct values *first, const struct values *then, char ret[HASH_TEXT])
{
	if (first->n == 0) {
		memcpy(ret, HASH_EMPTY, HASH_TEXT);
		return;
	}
	SHA256_CTX hash;
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA256_Init(&hash);
	hash_values(&hash, first);
	if (then && then->n) {
		SHA256_Update(&hash, "_", 1);
		hash_values(&hash, then);
	}
	SHA256_Final(digest, &hash);
	for (size_t i = 0; i < 6; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static bool is_alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* First and last character; if either byte is no ASCII letter or digit, first and last digit of the whole in hex. */
static void alpn_ends(struct slice alpn, char ret[3])
{
	static const char digits[] = "0123456789abcdef";
	memcpy(ret, "00", 3);
	if (alpn.n == 0)
		return;
	uint8_t first = alpn.p[0], last = alpn.p[alpn.n - 1];
	bool plain = is_alphanumeric(first) && is_alphanumeric(last);
	ret[0] = plain ? (char)first : digits[first >> 4];
	ret[1] = plain ? (char)last : digits[last & 15];
}

static const char *version_text(uint16_t version)
{
	switch (version) {
	case 0x0304: return "13";
	case 0x0303: return "12";
	case 0x0302: return "11";
	case 0x0301: return "10";
	case 0x0300: return "s3";
	case 0x0002: return "s2";
	default: return "00";
	}
}

bool ja4_write(const struct ja4_input *in, char ret[JA4_TEXT])
{
	struct values list = {.n = 0}, signatures = {.n = 0};
	char cipher_hash[HASH_TEXT], extension_hash[HASH_TEXT], alpn[3];

	ret[0] = 0;
	if (!values_read(&list, in->ciphers) || !values_read(&signatures, in->signatures))
		return false;
	size_t n_ciphers = list.n;
	values_sort(&list);
	hash_lists(&list, NULL, cipher_hash);

	list.n = 0;
	size_t counted_apart = 0; /* server_name and ALPN count, but speak in the first part only */
	struct cursor c = in->extensions.n ? cursor_of(in->extensions) : (struct cursor){0};
	while (cursor_left(&c)) {
		uint16_t type = cursor_be16(&c);
		(void)cursor_vec16(&c);
		if (!cursor_ok(&c))
			break;
		if (type == EXT_SERVER_NAME || type == EXT_ALPN)
			counted_apart++;
		else if (!values_add(&list, type))
			return false;
	}
	size_t n_extensions = list.n + counted_apart;
	values_sort(&list);
	hash_lists(&list, &signatures, extension_hash);

	alpn_ends(in->alpn, alpn);
	snprintf(ret, JA4_TEXT, "%c%s%c%02u%02u%s_%s_%s", in->transport, version_text(in->version),
		 in->server_name ? 'd' : 'i', n_ciphers > 99 ? 99 : (unsigned)n_ciphers,
		 n_extensions > 99 ? 99 : (unsigned)n_extensions, alpn, cipher_hash, extension_hash);
	return true;
}
