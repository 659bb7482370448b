/* Two directions of bytes -> what TLS shows in the clear: ClientHello (SNI, ALPN, versions, JA4), ServerHello (chosen
 * version, ALPN up to TLS 1.2), certificate names up to TLS 1.2. Over any segments, records and record boundaries.
 * Called by app_stream, later by QUIC (hello only). Decrypts nothing. RFC 8446, RFC 5246, RFC 6066, RFC 7301;
 * JA4 by FoxIO's published description (BSD-3). */
#ifndef SHADOWTAP_TLS_H
#define SHADOWTAP_TLS_H

#include "anomaly.h"
#include "limits.h"
#include "slice.h"
#include "status.h"

#define JA4_TEXT 40
#define TLS_CERT_NAMES 8

struct tls_facts {
	bool client_hello;          /* a complete ClientHello was read; the next fields are from it */
	char sni[LIMIT_SNI];        /* as sent (valid UTF-8 made of it), empty if none */
	bool sni_cut;               /* did not fit, or was not a well-formed name: never approves anything */
	bool ech;                   /* an outer ECH hello: sni is not the server (RFC 9849) */
	char alpn_offered[8][LIMIT_ALPN];
	uint8_t n_alpn_offered;
	char ja4[JA4_TEXT];
	bool server_hello;          /* a complete ServerHello was read; the next fields are from it */
	bool hello_retry;           /* the last ServerHello was a HelloRetryRequest: another follows */
	uint16_t version;           /* negotiated, 0x0303 for 1.2; 0 unknown */
	char alpn[LIMIT_ALPN];      /* selected, empty where not visible (TLS 1.3) or none */
	char cert_names[TLS_CERT_NAMES][LIMIT_SNI]; /* subjectAltName DNS names, else the common name, of the leaf */
	uint8_t n_cert_names;
};

struct tls;

struct tls *tls_new(struct anomaly_counts *anomalies); /* NULL when out of memory */
/* PARSE_MORE; PARSE_DONE once that direction has shown all that it will in the clear; PARSE_BAD if it is no TLS. */
enum parse tls_feed(struct tls *t, enum direction d, struct slice bytes);
/* A gap ends what can be read of that direction. */
void tls_gap(struct tls *t, enum direction d, uint64_t n);
const struct tls_facts *tls_facts(const struct tls *t); /* grows as bytes arrive; lives as long as t */
size_t tls_memory(const struct tls *t);
void tls_free(struct tls *t);

/* "1.2", "1.3", "1.0" ... or NULL. */
const char *tls_version_name(uint16_t version);

/* A ClientHello handshake body (after the 4-byte handshake header) -> facts. False if malformed; what was read before
 * the fault stays. transport is 't' for TCP, 'q' for QUIC (first letter of JA4). */
bool tls_client_hello_read(struct slice body, char transport, struct tls_facts *ret, struct anomaly_counts *anomalies);

/* True if these first bytes of a direction could be TLS; *ret_sure once there are enough to know. */
bool tls_looks_like(struct slice first, bool *ret_sure);

#endif
