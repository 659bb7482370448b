#include "tls_cert.h"
#include "cursor.h"
#include "text.h"
#include <stdlib.h>

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_T61_STRING = 0x14,
	DER_IA5_STRING = 0x16,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_DNS_NAME = 0x82,   /* GeneralName [2], an IA5String (RFC 5280 4.2.1.6) */
	DER_VERSION = 0xa0,    /* TBSCertificate [0] */
	DER_EXTENSIONS = 0xa3, /* TBSCertificate [3] */
};

/* The names of one leaf, still in its bytes. */
struct names {
	struct slice v[TLS_CERT_NAMES];
	uint8_t n;
};

/* One element: its tag and content. Tags of more than one byte and indefinite lengths do not occur in certificates
 * (X.690 10.1); lengths that are longer than needed are let pass. */
static uint8_t der_next(struct cursor *c, struct slice *ret_content)
{
	uint8_t tag = cursor_u8(c);
	size_t n = cursor_u8(c);
	if ((tag & 0x1f) == 0x1f || n == 0x80 || n > 0x84)
		c->bad = true;
	if (n > 0x80) {
		struct slice length = cursor_take(c, n & 0x7f);
		n = 0;
		for (size_t i = 0; i < length.n; i++)
			n = n << 8 | length.p[i];
	}
	*ret_content = cursor_take(c, n);
	return tag;
}

/* The content of the next element, which has to have that tag. */
static struct cursor der_enter(struct cursor *c, uint8_t tag)
{
	struct slice content;
	if (der_next(c, &content) != tag)
		c->bad = true;
	struct cursor inside = cursor_of(content);
	inside.bad = c->bad;
	return inside;
}

static uint8_t der_peek(const struct cursor *c)
{
	return cursor_left(c) ? *c->p : 0;
}

/* A name longer than a host name can be says nothing, and cut it would say something false. */
static void names_add(struct names *names, struct slice name)
{
	if (name.n && name.n < LIMIT_SNI && names->n < TLS_CERT_NAMES)
		names->v[names->n++] = name;
}

static bool read_general_names(struct cursor list, struct names *names)
{
	while (cursor_left(&list) && cursor_ok(&list)) {
		struct slice name;
		if (der_next(&list, &name) == DER_DNS_NAME && cursor_ok(&list))
			names_add(names, name);
	}
	return cursor_ok(&list);
}

static bool read_extensions(struct cursor list, struct names *names)
{
	while (cursor_left(&list) && cursor_ok(&list)) {
		struct slice oid, value;
		struct cursor extension = der_enter(&list, DER_SEQUENCE);
		if (der_next(&extension, &oid) != DER_OID)
			return false;
		if (der_peek(&extension) == DER_BOOLEAN)
			(void)der_next(&extension, &value);
		if (der_next(&extension, &value) != DER_OCTET_STRING || !cursor_ok(&extension))
			return false;
		if (!slice_eq(oid, SLICE_LITERAL("\x55\x1d\x11"))) /* id-ce-subjectAltName */
			continue;
		struct cursor c = cursor_of(value);
		if (!read_general_names(der_enter(&c, DER_SEQUENCE), names))
			return false;
	}
	return cursor_ok(&list);
}

/* The last common name of the subject: it is the most specific one. */
static bool read_common_name(struct cursor subject, struct slice *ret_name)
{
	while (cursor_left(&subject) && cursor_ok(&subject)) {
		struct cursor set = der_enter(&subject, DER_SET);
		while (cursor_left(&set) && cursor_ok(&set)) {
			struct slice oid, value;
			struct cursor pair = der_enter(&set, DER_SEQUENCE);
			uint8_t oid_tag = der_next(&pair, &oid), tag = der_next(&pair, &value);
			if (!cursor_ok(&pair) || oid_tag != DER_OID)
				return false;
			bool text = tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING || tag == DER_T61_STRING ||
				    tag == DER_IA5_STRING;
			if (text && slice_eq(oid, SLICE_LITERAL("\x55\x04\x03"))) /* id-at-commonName */
				*ret_name = value;
		}
		if (!cursor_ok(&set))
			return false;
	}
	return cursor_ok(&subject);
}

/* RFC 5280 4.1. What follows the names (the signature) is not looked at. */
static bool read_leaf(struct slice der, struct names *names)
{
	struct slice ignored, common_name = {NULL, 0};
	struct cursor c = cursor_of(der);
	struct cursor certificate = der_enter(&c, DER_SEQUENCE);
	struct cursor tbs = der_enter(&certificate, DER_SEQUENCE);
	if (der_peek(&tbs) == DER_VERSION)
		(void)der_next(&tbs, &ignored);
	(void)der_enter(&tbs, DER_INTEGER);  /* serialNumber */
	(void)der_enter(&tbs, DER_SEQUENCE); /* signature */
	(void)der_enter(&tbs, DER_SEQUENCE); /* issuer */
	(void)der_enter(&tbs, DER_SEQUENCE); /* validity */
	struct cursor subject = der_enter(&tbs, DER_SEQUENCE);
	(void)der_enter(&tbs, DER_SEQUENCE); /* subjectPublicKeyInfo */
	if (!cursor_ok(&tbs) || !read_common_name(subject, &common_name))
		return false;
	while (cursor_left(&tbs) && cursor_ok(&tbs)) {
		struct slice content;
		if (der_next(&tbs, &content) != DER_EXTENSIONS || !cursor_ok(&tbs))
			continue;
		struct cursor extensions = cursor_of(content);
		if (!read_extensions(der_enter(&extensions, DER_SEQUENCE), names))
			return false;
	}
	if (names->n == 0)
		names_add(names, common_name);
	return cursor_ok(&tbs);
}

int tls_certificate_read(struct slice body, struct tls_facts *ret, struct anomaly_counts *anomalies)
{
	struct names names = {.n = 0};
	struct cursor c = cursor_of(body);
	uint32_t list = cursor_be24(&c), leaf = 0;
	if (cursor_ok(&c) && list == 0) /* a server without certificate: RFC 5246 7.4.6 knows this of clients only */
		return 0;
	leaf = cursor_be24(&c);
	if (!cursor_ok(&c) || list < 3 || leaf > list - 3 || !read_leaf(cursor_take(&c, leaf), &names)) {
		anomaly_count(anomalies, ANOMALY_TLS_CERT_BAD);
		return 0;
	}
	if (names.n == 0)
		return 0;
	ret->cert_names = calloc(names.n, sizeof *ret->cert_names);
	if (!ret->cert_names)
		return FAIL_MEMORY;
	for (uint8_t i = 0; i < names.n; i++) /* a NUL inside ("bank.example\0.evil.example") comes out as U+FFFD */
		text_copy(ret->cert_names[i], LIMIT_SNI, names.v[i]);
	ret->n_cert_names = names.n;
	return 0;
}
