/* One body of a ClientHello, ServerHello or Certificate message, picked by the first byte, the others being the body.
 * What is reported is bounded, well formed, and no part of a hello says another name than the whole. */
#include "addr.h"
#include "hostname.h"
#include "text.h"
#include "tls_cert.h"
#include "tls_hello.h"
#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_text(const char *text, size_t cap)
{
	size_t n = strnlen(text, cap);
	assert(n < cap);
	for (struct slice s = slice_of(text, n); s.n;) {
		size_t len = utf8_char_len(s);
		assert(len);
		s = slice_after(s, len);
	}
}

static bool well_formed(const char *name)
{
	char normal[HOSTNAME_TEXT];
	struct ip_addr addr;
	return hostname_normalize(slice_str(name), normal) || ip_addr_parse(slice_str(name), &addr);
}

static void client_hello(struct slice body, char transport, size_t cut)
{
	struct anomaly_counts anomalies = {{0}};
	struct tls_facts f = {0}, start = {0};
	bool ok = tls_client_hello_read(body, transport, &f, &anomalies);
	assert(ok == f.client_hello);
	assert(ok || (f.sni_cut && f.ja4[0] == 0 && anomalies.n[ANOMALY_TLS_HELLO_BAD] == 1));
	check_text(f.sni, sizeof f.sni);
	assert(f.sni_cut || f.sni[0] == 0 || well_formed(f.sni));
	assert(f.n_alpn_offered <= sizeof f.alpn_offered / sizeof *f.alpn_offered);
	for (size_t i = 0; i < f.n_alpn_offered; i++)
		check_text(f.alpn_offered[i], sizeof f.alpn_offered[i]);
	size_t ja4 = strnlen(f.ja4, sizeof f.ja4);
	assert(ja4 == 0 || (ja4 == 36 && f.ja4[0] == transport && f.ja4[10] == '_' && f.ja4[23] == '_'));
	assert(!ok || ja4 || anomalies.n[ANOMALY_TLS_HELLO_LIMIT]);

	if (!ok)
		return;
	tls_client_hello_read_start(slice_first(body, cut), &start, &anomalies);
	assert(!start.client_hello && start.ja4[0] == 0);
	assert(start.sni[0] == 0 || start.sni_cut || strcmp(start.sni, f.sni) == 0);
	assert(!start.ech || f.ech);
	assert(start.n_alpn_offered <= f.n_alpn_offered);
	tls_client_hello_read_start(body, &start, &anomalies);
	assert(strcmp(start.sni, f.sni) == 0 && start.sni_cut == f.sni_cut && start.ech == f.ech);
}

static void server_hello(struct slice body)
{
	struct anomaly_counts anomalies = {{0}};
	struct tls_facts f = {0};
	bool ok = tls_server_hello_read(body, &f, &anomalies);
	assert(ok == f.server_hello && ok == (anomalies.n[ANOMALY_TLS_HELLO_BAD] == 0));
	check_text(f.alpn, sizeof f.alpn);
}

static void certificate(struct slice body)
{
	struct anomaly_counts anomalies = {{0}};
	struct tls_facts f = {0};
	assert(tls_certificate_read(body, &f, &anomalies) == 0);
	assert(f.n_cert_names <= TLS_CERT_NAMES && (f.n_cert_names == 0) == (f.cert_names == NULL));
	assert(f.n_cert_names == 0 || anomalies.n[ANOMALY_TLS_CERT_BAD] == 0);
	for (size_t i = 0; i < f.n_cert_names; i++)
		check_text(f.cert_names[i], LIMIT_SNI);
	free(f.cert_names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 1)
		return 0;
	uint8_t *copy = malloc(n); /* its end is the body's end, whatever the fuzzer's buffer is */
	assert(copy);
	memcpy(copy, data, n);
	struct slice body = slice_of(copy + 1, n - 1);
	switch (data[0] & 3) {
	case 0: server_hello(body); break;
	case 1: certificate(body); break;
	case 2: client_hello(body, 'q', (size_t)(data[0] >> 2) * n / 64); break;
	default: client_hello(body, 't', (size_t)(data[0] >> 2) * n / 64); break;
	}
	free(copy);
	return 0;
}
