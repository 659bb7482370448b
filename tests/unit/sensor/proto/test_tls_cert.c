/* tls_cert.c: names of a real certificate, of ones that libcrypto makes to order, and of ones that lie. */
#include "tls_build.h"

#include "tls_cert.h"
#include "tls_samples.h"
#include <openssl/evp.h>
#include <openssl/x509v3.h>

struct result {
	struct tls_facts facts;
	struct anomaly_counts anomalies;
};

static struct result read_body(struct slice body)
{
	struct result r = {.facts = {0}};
	assert_int_equal(tls_certificate_read(body, &r.facts, &r.anomalies), 0);
	assert_int_equal(r.facts.n_cert_names == 0, r.facts.cert_names == NULL);
	return r;
}

static void put_leaf(struct build *b, struct slice der)
{
	put_be(b, (uint32_t)der.n + 3, 3);
	put_be(b, (uint32_t)der.n, 3);
	put(b, der.p, der.n);
}

/* names is a list as X509V3_EXT_conf takes it, or NULL; raw_name one more DNS name of any bytes. Ends with an empty
 * one. */
static void expect(const char *common_name, const char *names, struct slice raw_name, const char *const *expected)
{
	X509 *x = X509_new();
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *keygen = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
	assert_true(x && keygen && EVP_PKEY_keygen_init(keygen) > 0 && EVP_PKEY_keygen(keygen, &key) > 0);
	EVP_PKEY_CTX_free(keygen);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME *subject = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"Acme", -1, -1, 0);
	if (common_name)
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:FALSE");
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	GENERAL_NAMES *list = NULL;
	if (names) {
		e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
		assert_non_null(e);
		list = X509V3_EXT_d2i(e);
		X509_EXTENSION_free(e);
	}
	if (raw_name.n) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();
		ASN1_STRING_set(text, raw_name.p, (int)raw_name.n);
		GENERAL_NAME_set0_value(name, GEN_DNS, text);
		if (!list)
			list = GENERAL_NAMES_new();
		sk_GENERAL_NAME_push(list, name);
	}
	if (list)
		X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0, 0);
	GENERAL_NAMES_free(list);
	assert_true(X509_sign(x, key, NULL) > 0);
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	assert_true(n > 0);

	struct build b = build_new();
	put_leaf(&b, slice_of(der, (size_t)n));
	struct result r = read_body(build_slice(&b));
	assert_int_equal(r.anomalies.n[ANOMALY_TLS_CERT_BAD], 0);
	size_t i = 0;
	for (; expected[i]; i++) {
		assert_true(i < r.facts.n_cert_names);
		assert_string_equal(r.facts.cert_names[i], expected[i]);
	}
	assert_int_equal(r.facts.n_cert_names, i);
	free(r.facts.cert_names);
	build_free(&b);
	OPENSSL_free(der);
	X509_free(x);
	EVP_PKEY_free(key);
}

#define LIST(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}
static const struct slice none = {NULL, 0};

static void made_to_order(void **state)
{
	(void)state;
	expect("cn.example", "DNS:a.example,DNS:*.b.example", none, LIST("a.example", "*.b.example"));
	expect("cn.example", "IP:192.0.2.1,email:x@y.example,DNS:c.example", none, LIST("c.example"));
	expect("cn.example", NULL, none, LIST("cn.example"));
	expect("cn.example", "IP:192.0.2.1", none, LIST("cn.example"));
	expect(NULL, NULL, none, LIST(NULL));
	expect(NULL, "DNS:1,DNS:2,DNS:3,DNS:4,DNS:5,DNS:6,DNS:7,DNS:8,DNS:9", none,
	       LIST("1", "2", "3", "4", "5", "6", "7", "8"));
	/* CVE-2009-2408: a NUL must not end the name for us where it does not for the authority */
	expect(NULL, NULL, SLICE_LITERAL("bank.example\0.evil.example"), LIST("bank.example\xef\xbf\xbd.evil.example"));
	char longest[LIMIT_SNI + 1];
	memset(longest, 'a', sizeof longest);
	longest[LIMIT_SNI - 1] = 0;
	expect(NULL, "DNS:x.example", slice_of(longest, LIMIT_SNI - 1), LIST("x.example", longest));
	longest[LIMIT_SNI - 1] = 'a';
	expect(NULL, "DNS:x.example", slice_of(longest, LIMIT_SNI),
	       LIST("x.example")); /* cut it would say something false */
}

/* The Certificate message of the recorded server: behind the ServerHello record. */
static struct slice recorded(void)
{
	size_t at = 5 + (size_t)(tls12_server[3] << 8 | tls12_server[4]);
	size_t n = (size_t)(tls12_server[at + 3] << 8 | tls12_server[at + 4]);
	assert_int_equal(tls12_server[at + 5], 11);
	return slice_of(tls12_server + at + 9, n - 4);
}

static void a_real_one(void **state)
{
	(void)state;
	struct result r = read_body(recorded());
	assert_int_equal(r.facts.n_cert_names, 6);
	assert_string_equal(r.facts.cert_names[0], "mcp.stripe.com");
	assert_int_equal(r.anomalies.n[ANOMALY_TLS_CERT_BAD], 0);
	free(r.facts.cert_names);
}

/* Cut at every byte, at the end of readable memory, with lengths of the message that still fit: counted, and no names.
 */
static void truncation(void **state)
{
	(void)state;
	struct slice whole = recorded();
	struct guarded g = guarded_new(whole.n);
	size_t leaf = (size_t)whole.p[3] << 16 | (size_t)whole.p[4] << 8 | whole.p[5];
	for (size_t n = 0; n < leaf + 6; n++) {
		struct result r = read_body(guarded_copy(&g, slice_first(whole, n)));
		assert_int_equal(r.facts.n_cert_names, 0);
		assert_int_equal(r.anomalies.n[ANOMALY_TLS_CERT_BAD], 1);
	}
	for (size_t n = 1; n < leaf; n += 7) { /* the leaf itself is cut, its own lengths are not */
		struct build b = build_new();
		put_leaf(&b, slice_of(whole.p + 6, n));
		struct result r = read_body(guarded_copy(&g, build_slice(&b)));
		assert_int_equal(r.facts.n_cert_names, 0);
		assert_int_equal(r.anomalies.n[ANOMALY_TLS_CERT_BAD], 1);
		build_free(&b);
	}
	guarded_free(&g);
}

/* Each byte of the leaf broken in a few ways: whatever comes out is bounded text. */
static void broken_bytes(void **state)
{
	(void)state;
	struct slice whole = recorded();
	struct guarded g = guarded_new(whole.n);
	struct slice copy = guarded_copy(&g, whole);
	uint8_t *p = g.map + (copy.p - g.map);
	static const uint8_t flips[] = {0xff, 0x80, 0x01, 0x1f};
	for (size_t i = 0; i < copy.n; i++) {
		for (size_t f = 0; f < sizeof flips; f++) {
			p[i] ^= flips[f];
			struct result r = read_body(copy);
			assert_true(r.facts.n_cert_names <= TLS_CERT_NAMES);
			for (size_t k = 0; k < r.facts.n_cert_names; k++)
				assert_true(strnlen(r.facts.cert_names[k], LIMIT_SNI) < LIMIT_SNI);
			free(r.facts.cert_names);
			p[i] ^= flips[f];
		}
	}
	guarded_free(&g);
}

static size_t bad(const char *p, size_t n)
{
	struct result r = read_body(slice_of(p, n));
	assert_int_equal(r.facts.n_cert_names, 0);
	return r.anomalies.n[ANOMALY_TLS_CERT_BAD];
}

static void lying_lengths(void **state)
{
	(void)state;
	struct build b = build_new(); /* a good leaf that is one byte longer than the list around it */
	put(&b, recorded().p, recorded().n);
	size_t list = ((size_t)b.p[3] << 16 | (size_t)b.p[4] << 8 | b.p[5]) + 2;
	b.p[0] = (uint8_t)(list >> 16);
	b.p[1] = (uint8_t)(list >> 8);
	b.p[2] = (uint8_t)list;
	assert_int_equal(bad((const char *)b.p, b.n), 1);
	build_free(&b);
	assert_int_equal(bad("\0\0\0", 3), 0); /* no certificate is no lie */
	assert_int_equal(bad("\0\0\x02\0\0", 5), 1);
	assert_int_equal(bad("\0\0\x05\0\0\x03\x30\x01\x00", 9), 1); /* the leaf is longer than the list */
	assert_int_equal(bad("\0\0\x05\0\0\x02\x30\x80", 8), 1);     /* indefinite */
	assert_int_equal(bad("\0\0\x05\0\0\x02\x3f\x00", 8), 1);     /* a tag of more bytes */
	assert_int_equal(bad("\0\0\x09\0\0\x06\x30\x84\xff\xff\xff\xff", 12), 1);
	assert_int_equal(bad("\0\0\x0a\0\0\x07\x30\x85\x01\0\0\0\0", 13), 1); /* a length of five bytes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(made_to_order), cmocka_unit_test(a_real_one),    cmocka_unit_test(truncation),
	    cmocka_unit_test(broken_bytes),  cmocka_unit_test(lying_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
