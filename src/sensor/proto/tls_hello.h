/* One ClientHello or ServerHello body -> facts. tls_client_hello_read() is in tls.h: QUIC has hellos without records.
 * Called by tls. Keeps no state. RFC 8446 4.1 and 4.2, RFC 5246 7.4.1, RFC 6066 3, RFC 7301 3.1, RFC 9849 5. */
#ifndef SHADOWTAP_TLS_HELLO_H
#define SHADOWTAP_TLS_HELLO_H

#include "tls.h"

/* The start of a ClientHello whose end is missing: fills in what is whole, client_hello stays false. Not being complete
 * is no anomaly here. */
void tls_client_hello_read_start(struct slice start, struct tls_facts *ret, struct anomaly_counts *anomalies);

/* Sets server_hello, hello_retry, version and alpn of ret. False if malformed, ret unchanged then. */
bool tls_server_hello_read(struct slice body, struct tls_facts *ret, struct anomaly_counts *anomalies);

#endif
