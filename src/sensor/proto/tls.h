/* Two directions of bytes -> what TLS shows in the clear: ClientHello (SNI, ALPN, versions, JA4), ServerHello (chosen
 * version, ALPN up to TLS 1.2), certificate names up to TLS 1.2. Over any segments, records and record boundaries.
 * Called by app_stream, later by QUIC (hello only). Decrypts nothing. RFC 8446, RFC 5246, RFC 6066, RFC 7301;
 * JA4 by FoxIO's published description (BSD-3). */
#ifndef SHADOWTAP_TLS_H
#define SHADOWTAP_TLS_H

#include "anomaly.h"
#include "ja4.h"
#include "limits.h"
#include "slice.h"
#include "status.h"

#define TLS_CERT_NAMES 8

/* Where a ClientHello was cut (a gap, LIMIT_TLS_HELLO) or is malformed, client_hello stays false, but what was whole
 * before that point is filled in: a name for the analyst. There is no JA4 then, and only an honest gap leaves sni_cut
 * false. Plain data but for cert_names, which a copy borrows. */
struct tls_facts {
	bool client_hello;   /* a complete ClientHello was read; the next fields are from it */
	char sni[LIMIT_SNI]; /* as sent (valid UTF-8 made of it), empty if none */
	bool sni_cut;        /* did not fit, was not a well-formed name or one of several different names, or the
			      * hello was malformed or too long: never approves anything */
	bool ech;            /* an outer ECH hello (RFC 9849): sni need not be the server. Browsers send a GREASE ECH
			      * where they know no key; that cannot be told from a real one, nor is it meant to be */
	char alpn_offered[8][LIMIT_ALPN];
	uint8_t n_alpn_offered;
	char ja4[JA4_TEXT];    /* empty if a list exceeds LIMIT_TLS_JA4_VALUES */
	bool server_hello;     /* a complete ServerHello was read; the next fields are from it */
	bool hello_retry;      /* the last ServerHello was a HelloRetryRequest: another follows */
	uint16_t version;      /* negotiated, 0x0303 for 1.2; 0 unknown */
	char alpn[LIMIT_ALPN]; /* selected, empty where not visible (TLS 1.3 that is not decrypted) or none */
	uint8_t n_cert_names;
	bool decrypted;        /* what is said inside is read, with the operator's secrets */
	char (*cert_names)[LIMIT_SNI]; /* the first subjectAltName DNS names, else the common name, of the leaf */
};

struct tls;

struct tls *tls_new(struct anomaly_counts *anomalies); /* NULL when out of memory; anomalies is borrowed */
/* PARSE_MORE; PARSE_DONE once that direction has shown all that it will in the clear; PARSE_BAD if it is no TLS.
 * The client is done after its first ClientHello: the second one, after a HelloRetryRequest, repeats it (RFC
 * 8446 4.1.2) and its differences are not the client's habit. The server is done after its ServerHello from TLS 1.3 on,
 * else after its Certificate or at the first record that is no handshake: a resumed session shows no certificate. */
enum parse tls_feed(struct tls *t, enum direction d, struct slice bytes);
/* A gap ends what can be read of that direction: PARSE_DONE from then on. */
void tls_gap(struct tls *t, enum direction d, uint64_t n);
/* Memory ran out in tls_feed (FAIL_MEMORY for the caller to hand up): that direction was ended as if by a gap. */
bool tls_failed(const struct tls *t);
const struct tls_facts *tls_facts(const struct tls *t); /* grows as bytes arrive; lives as long as t */
size_t tls_memory(const struct tls *t);

/* What the decrypted part of a handshake adds: the protocol that was selected, the names of a certificate (where there are none
 * yet; body: from its list on), and that there is something to read. */
void tls_learn_alpn(struct tls *t, struct slice protocol);
void tls_learn_certificate(struct tls *t, struct slice body);
void tls_learn_decrypted(struct tls *t);
void tls_free(struct tls *t);

/* "1.2", "1.3", "1.0" ... or NULL. */
const char *tls_version_name(uint16_t version);

/* A ClientHello handshake body (after the 4-byte handshake header) -> the client's fields of ret; those of the server
 * are left alone, so ret must have been initialised. False if malformed; what was read before the fault stays.
 * transport is 't' for TCP, 'q' for QUIC (first letter of JA4). */
bool tls_client_hello_read(struct slice body, char transport, struct tls_facts *ret, struct anomaly_counts *anomalies);

/* True if these first bytes of a direction could be TLS: a handshake record that starts with a ClientHello or
 * ServerHello. *ret_sure once there are enough to know. */
bool tls_looks_like(struct slice first, bool *ret_sure);

#endif
