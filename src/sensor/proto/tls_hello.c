#include "tls_hello.h"
#include "addr.h"
#include "cursor.h"
#include "hostname.h"
#include "text.h"

enum extension {
	EXT_SERVER_NAME = 0,
	EXT_SIGNATURE_ALGORITHMS = 13,
	EXT_ALPN = 16,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_ENCRYPTED_CLIENT_HELLO = 0xfe0d,
};

#define SESSION_ID_MAX 32

/* SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3). */
static const uint8_t retry_random[32] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* A ClientHello being read. bad gathers what is wrong inside extensions; the hello is read on. */
struct reading {
	struct tls_facts *facts;
	struct ja4_input ja4;
	struct slice name; /* the first host_name */
	bool name_seen, name_bad, versions_seen, alpn_seen, signatures_seen, bad;
};

/* The first host_name wins, as with most servers. A second, different one (in the list, or in a second extension; RFC
 * 6066 3 and RFC 8446 4.2 forbid both) could be what another server takes: then neither name may approve anything.
 * Entries of unknown types are passed over as if they had a 16-bit length, which is how everybody reads them. */
static void read_server_name(struct reading *r, struct slice data)
{
	struct cursor c = cursor_of(data);
	struct slice list = cursor_vec16(&c);
	if (!cursor_ok(&c) || cursor_left(&c) || list.n == 0) {
		r->name_bad = true;
		return;
	}
	c = cursor_of(list);
	while (cursor_left(&c)) {
		uint8_t type = cursor_u8(&c);
		struct slice name = cursor_vec16(&c);
		if (!cursor_ok(&c)) {
			r->name_bad = true;
			return;
		}
		if (type != 0)
			continue;
		if (!r->name_seen)
			r->name = name;
		else if (!slice_ieq(r->name, name))
			r->name_bad = true;
		r->name_seen = true;
	}
}

static bool name_is_well_formed(struct slice name)
{
	char normal[HOSTNAME_TEXT];
	struct ip_addr addr;
	return hostname_normalize(name, normal) || ip_addr_parse(name, &addr);
}

/* An address is against RFC 6066 3 but some clients send it; it is kept as sent. */
static void store_server_name(struct reading *r, struct anomaly_counts *anomalies)
{
	if (r->name_seen && (!text_copy(r->facts->sni, sizeof r->facts->sni, r->name) || !name_is_well_formed(r->name)))
		r->name_bad = true;
	if (r->name_bad) {
		r->facts->sni_cut = true;
		anomaly_count(anomalies, ANOMALY_TLS_SNI_BAD);
	}
}

static bool alpn_is_grease(struct slice protocol)
{
	return protocol.n == 2 && tls_is_grease((uint16_t)(protocol.p[0] << 8 | protocol.p[1]));
}

static void read_alpn(struct reading *r, struct slice data)
{
	struct tls_facts *f = r->facts;
	struct cursor c = cursor_of(data);
	struct slice list = cursor_vec16(&c);
	if (!cursor_ok(&c) || cursor_left(&c) || r->alpn_seen) {
		r->bad = true;
		return;
	}
	r->alpn_seen = true;
	c = cursor_of(list);
	bool first = true;
	while (cursor_left(&c)) {
		struct slice protocol = cursor_vec8(&c);
		if (!cursor_ok(&c)) {
			r->bad = true;
			return;
		}
		if (alpn_is_grease(protocol))
			continue;
		if (first)
			r->ja4.alpn = protocol;
		first = false;
		if (f->n_alpn_offered < sizeof f->alpn_offered / sizeof *f->alpn_offered)
			text_copy(f->alpn_offered[f->n_alpn_offered++], LIMIT_ALPN, protocol);
	}
}

/* Only for JA4: what was negotiated stands in the ServerHello. */
static void read_supported_versions(struct reading *r, struct slice data)
{
	struct cursor c = cursor_of(data);
	struct slice list = cursor_vec8(&c);
	if (!cursor_ok(&c) || cursor_left(&c) || list.n % 2 || r->versions_seen) {
		r->bad = true;
		return;
	}
	r->versions_seen = true;
	r->ja4.version = 0;
	c = cursor_of(list);
	while (cursor_left(&c)) {
		uint16_t version = cursor_be16(&c);
		if (!tls_is_grease(version) && version > r->ja4.version)
			r->ja4.version = version;
	}
}

static void read_signature_algorithms(struct reading *r, struct slice data)
{
	struct cursor c = cursor_of(data);
	struct slice list = cursor_vec16(&c);
	if (!cursor_ok(&c) || cursor_left(&c) || list.n % 2 || r->signatures_seen) {
		r->bad = true;
		return;
	}
	r->signatures_seen = true;
	r->ja4.signatures = list;
}

static void read_extension(struct reading *r, uint16_t type, struct slice data)
{
	switch (type) {
	case EXT_SERVER_NAME:
		r->ja4.server_name = true;
		read_server_name(r, data);
		break;
	case EXT_ALPN: read_alpn(r, data); break;
	case EXT_SUPPORTED_VERSIONS: read_supported_versions(r, data); break;
	case EXT_SIGNATURE_ALGORITHMS: read_signature_algorithms(r, data); break;
	case EXT_ENCRYPTED_CLIENT_HELLO:
		/* ECHClientHelloType: outer is 0. An inner one (1) is only ever sent encrypted. */
		if (data.n && data.p[0] == 0)
			r->facts->ech = true;
		break;
	default: break;
	}
}

/* The framing of a ClientHello. With start_only the end may be missing. */
static bool read_client_hello(struct reading *r, struct slice body, bool start_only)
{
	struct cursor c = cursor_of(body);
	r->ja4.version = cursor_be16(&c);
	cursor_skip(&c, 32);
	struct slice session_id = cursor_vec8(&c);
	r->ja4.ciphers = cursor_vec16(&c);
	struct slice compressions = cursor_vec8(&c);
	if (!cursor_ok(&c) || session_id.n > SESSION_ID_MAX || r->ja4.ciphers.n == 0 || r->ja4.ciphers.n % 2 ||
	    compressions.n == 0)
		return false;
	if (cursor_left(&c) == 0) /* SSL 3.0 to TLS 1.2 know hellos without extensions (RFC 5246 7.4.1.2) */
		return true;
	size_t n = cursor_be16(&c);
	if (!cursor_ok(&c) || (start_only ? n < cursor_left(&c) : n != cursor_left(&c)))
		return false;
	r->ja4.extensions = cursor_take(&c, cursor_left(&c));
	c = cursor_of(r->ja4.extensions);
	while (cursor_left(&c)) {
		uint16_t type = cursor_be16(&c);
		struct slice data = cursor_vec16(&c);
		if (!cursor_ok(&c))
			return false;
		read_extension(r, type, data);
	}
	return true;
}

static void clear_client(struct tls_facts *f)
{
	f->client_hello = f->sni_cut = f->ech = false;
	f->n_alpn_offered = 0;
	f->sni[0] = f->ja4[0] = 0;
}

bool tls_client_hello_read(struct slice body, char transport, struct tls_facts *ret, struct anomaly_counts *anomalies)
{
	struct reading r = {.facts = ret, .ja4.transport = transport};
	clear_client(ret);
	bool ok = read_client_hello(&r, body, false);
	store_server_name(&r, anomalies);
	if (!ok || r.bad)
		anomaly_count(anomalies, ANOMALY_TLS_HELLO_BAD);
	if (!ok) {
		ret->sni_cut = true; /* a server may read the rest otherwise than we did */
		return false;
	}
	if (!ja4_write(&r.ja4, ret->ja4))
		anomaly_count(anomalies, ANOMALY_TLS_HELLO_LIMIT);
	ret->client_hello = true;
	return true;
}

void tls_client_hello_read_start(struct slice start, struct tls_facts *ret, struct anomaly_counts *anomalies)
{
	struct reading r = {.facts = ret};
	clear_client(ret);
	(void)read_client_hello(&r, start, true);
	store_server_name(&r, anomalies);
}

bool tls_server_hello_read(struct slice body, struct tls_facts *ret, struct anomaly_counts *anomalies)
{
	struct cursor c = cursor_of(body);
	struct slice alpn = {NULL, 0};
	uint16_t version = cursor_be16(&c);
	struct slice random = cursor_take(&c, 32);
	struct slice session_id = cursor_vec8(&c);
	cursor_skip(&c, 3); /* cipher suite, compression */
	bool ok = cursor_ok(&c) && session_id.n <= SESSION_ID_MAX && version >> 8 == 3;

	if (ok && cursor_left(&c)) {
		struct slice extensions = cursor_vec16(&c);
		ok = cursor_ok(&c) && cursor_left(&c) == 0;
		c = cursor_of(extensions);
		while (ok && cursor_left(&c)) {
			uint16_t type = cursor_be16(&c);
			struct slice data = cursor_vec16(&c);
			struct cursor e = cursor_of(data);
			ok = cursor_ok(&c);
			if (ok && type == EXT_SUPPORTED_VERSIONS) {
				version = cursor_be16(&e);
				ok = cursor_ok(&e) && cursor_left(&e) == 0;
			} else if (ok && type == EXT_ALPN) {
				/* RFC 7301 3.1: a list of exactly one */
				struct slice list = cursor_vec16(&e);
				ok = cursor_ok(&e) && cursor_left(&e) == 0;
				e = cursor_of(list);
				alpn = cursor_vec8(&e);
				ok = ok && cursor_ok(&e) && cursor_left(&e) == 0;
			}
		}
	}
	if (!ok) {
		anomaly_count(anomalies, ANOMALY_TLS_HELLO_BAD);
		return false;
	}
	ret->server_hello = true;
	ret->hello_retry = memcmp(random.p, retry_random, sizeof retry_random) == 0;
	ret->version = version;
	text_copy(ret->alpn, sizeof ret->alpn, alpn);
	return true;
}
