/* The Certificate message of TLS up to 1.2 -> the DNS names of the leaf: subjectAltName, else the common name.
 * Called by tls. Verifies nothing: a server may present any certificate, names are a hint. A walk of the few DER
 * elements on the way (X.690, RFC 5280 4.1): libcrypto would build the whole certificate, keys and all, for as
 * much. */
#ifndef SHADOWTAP_TLS_CERT_H
#define SHADOWTAP_TLS_CERT_H

#include "tls.h"

/* body: the message after its header, at least up to the end of the leaf. Sets n_cert_names and cert_names of ret,
 * which the caller frees. A malformed certificate is counted and gives no names. 0 or FAIL_MEMORY. */
int tls_certificate_read(struct slice body, struct tls_facts *ret, struct anomaly_counts *anomalies);

#endif
