/* Messages -> TLS 1.2 or 1.3 (RFC 5425). Called by alert_exit_socket.c. Always verifies the chain and the name, and has
 * no switch for it. */
#include "alert_exit_wire.h"
#include "status.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Most servers send a ticket as soon as they have taken our certificate, or that we have none; one that sends none may
 * take as long as this to refuse it. */
enum { TLS_SETTLE_MS = 10000, TLS_PROBATION_MS = 1000, READS = 16 };

struct tls_wire {
	struct wire w; /* first: the operations get this one */
	SSL_CTX *context;
	SSL *ssl;
};

static struct tls_wire *tls_of(struct wire *w)
{
	return (struct tls_wire *)w;
}

/* What OpenSSL says last is what it is about. */
static const char *reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;
	return text ? text : "no reason given";
}

/* A key with a passphrase would have OpenSSL ask for it on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

/* RFC 8446 4.6.1: a ticket comes after the client's Finished, so after its certificate was looked at. */
static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct tls_wire *t = SSL_get_app_data(ssl);
	(void)session;
	t->w.accepted = true;
	return 0; /* not kept */
}

static int refuse_files(SSL_CTX *c, const char *what, const char *file, char *error)
{
	exit_failed(error, 0, "%s %.300s: %s", what, file, reason());
	SSL_CTX_free(c);
	ERR_clear_error();
	return FAIL_CONFIG;
}

static int load_context(struct tls_wire *t, char *error)
{
	const struct exit_spec *spec = t->w.spec;
	ERR_clear_error();
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	if (!c) {
		exit_failed(error, 0, "TLS cannot be used: %s", reason());
		return FAIL_MEMORY;
	}
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_default_passwd_cb(c, no_passphrase);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c, on_ticket);
	if (spec->ca[0] && SSL_CTX_load_verify_locations(c, spec->ca, NULL) != 1)
		return refuse_files(c, "no certificates of authorities in", spec->ca, error);
	if (!spec->ca[0] && SSL_CTX_set_default_verify_paths(c) != 1)
		return refuse_files(c, "the system's certificates cannot be used", "(ca=)", error);
	if (spec->cert[0] && SSL_CTX_use_certificate_chain_file(c, spec->cert) != 1)
		return refuse_files(c, "no certificate in", spec->cert, error);
	if (spec->key[0] && SSL_CTX_use_PrivateKey_file(c, spec->key, SSL_FILETYPE_PEM) != 1)
		return refuse_files(c, "no key without a passphrase, or none that fits the certificate, in", spec->key,
		                    error);
	if (spec->key[0] && SSL_CTX_check_private_key(c) != 1)
		return refuse_files(c, "the certificate does not belong to the key", spec->key, error);
	SSL_CTX_free(t->context);
	t->context = c;
	return 0;
}

static bool expect_name(struct tls_wire *t)
{
	const struct exit_spec *spec = t->w.spec;
	const char *name = spec->server_name[0] ? spec->server_name : spec->host;
	uint8_t address[16];
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1;
	return SSL_set1_host(t->ssl, name) == 1 && SSL_set_tlsext_host_name(t->ssl, name) == 1;
}

/* After a call that did not succeed: waits for what it wants. 0: try again. */
static int wait_for(struct tls_wire *t, int rc, int64_t deadline_ms, const char *what, char *error)
{
	int system_error = errno, why = SSL_get_error(t->ssl, rc);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		if (exit_poll(t->w.fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms) == 0)
			return exit_failed(error, 0, "%s: the other side does not go on", what);
		return 0;
	}
	long verified = SSL_get_verify_result(t->ssl);
	if (verified != X509_V_OK)
		exit_failed(error, 0, "%s: the server's certificate is not accepted: %s", what,
		            X509_verify_cert_error_string(verified));
	else if (why == SSL_ERROR_SYSCALL)
		exit_failed(error, system_error, "%s: the other side closed the connection", what);
	else
		exit_failed(error, 0, "%s: %s", what,
		            why == SSL_ERROR_ZERO_RETURN ? "the other side closed the connection" : reason());
	return FAIL_IO;
}

static void count_written(struct tls_wire *t)
{
	t->w.written = BIO_number_written(SSL_get_wbio(t->ssl));
}

static void tls_close(struct wire *w, bool in_order)
{
	struct tls_wire *t = tls_of(w);
	if (t->ssl && in_order) {
		ERR_clear_error();
		SSL_shutdown(t->ssl); /* says goodbye and does not wait for the answer */
	}
	SSL_free(t->ssl);
	t->ssl = NULL;
	wire_plain_close(w, in_order);
}

static int tls_open(struct wire *w, int64_t deadline_ms, char *error)
{
	struct tls_wire *t = tls_of(w);
	if (!t->context && load_context(t, error) != 0)
		return FAIL_IO;
	int rc = exit_connect(w, SOCK_STREAM, deadline_ms, error);
	if (rc != 0)
		return rc;
	ERR_clear_error();
	t->ssl = SSL_new(t->context);
	w->accepted = false;
	if (!t->ssl || SSL_set_app_data(t->ssl, t) != 1 || SSL_set_fd(t->ssl, w->fd) != 1 || !expect_name(t))
		rc = exit_failed(error, 0, "TLS cannot be used: %s", reason());
	int done = 0;
	while (rc == 0 && done != 1) {
		ERR_clear_error();
		errno = 0;
		done = SSL_connect(t->ssl);
		if (done != 1)
			rc = wait_for(t, done, deadline_ms, "TLS handshake", error);
	}
	if (rc != 0) {
		tls_close(w, false);
		return rc;
	}
	w->accepted = SSL_version(t->ssl) < TLS1_3_VERSION; /* there the handshake ends with the server's word */
	count_written(t);
	return 0;
}

static int tls_write(struct wire *w, const char *bytes, size_t n, int64_t deadline_ms, char *error)
{
	struct tls_wire *t = tls_of(w);
	int rc = 0, done = 0;
	while (rc == 0 && done <= 0) { /* no partial writes: all of it, or a call to be repeated as it is */
		ERR_clear_error();
		errno = 0;
		done = SSL_write(t->ssl, bytes, (int)n);
		if (done <= 0)
			rc = wait_for(t, done, deadline_ms, "cannot send", error);
	}
	count_written(t);
	return rc;
}

static enum wire_health tls_check(struct wire *w, char *error)
{
	struct tls_wire *t = tls_of(w);
	char scrap[4096];
	for (int i = 0; i < READS; i++) {
		ERR_clear_error();
		errno = 0;
		int k = SSL_read(t->ssl, scrap, sizeof scrap);
		if (k > 0)
			continue;
		int system_error = errno, why = SSL_get_error(t->ssl, k);
		if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
			return WIRE_ALIVE;
		if (why == SSL_ERROR_ZERO_RETURN)
			return wire_how_it_ended(w, error);
		if (why == SSL_ERROR_SSL &&
		    ERR_GET_REASON(ERR_peek_last_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			exit_failed(error, 0, "the other side ended TLS: %s", reason());
			return WIRE_BROKEN;
		}
		if (why == SSL_ERROR_SYSCALL && system_error) {
			exit_failed(error, system_error, "the connection broke");
			return WIRE_BROKEN;
		}
		return wire_how_it_ended(w, error); /* a FIN without a goodbye, as many send it */
	}
	return WIRE_ALIVE;
}

static void tls_renew(struct wire *w)
{
	struct tls_wire *t = tls_of(w);
	SSL_CTX_free(t->context);
	t->context = NULL;
}

static void tls_free(struct wire *w)
{
	SSL_CTX_free(tls_of(w)->context);
	wire_plain_free(w);
}

int wire_tls_new(const struct exit_spec *spec, struct wire **ret, char *error)
{
	static const struct wire_ops ops = {tls_open, tls_write, tls_check, tls_close, tls_renew, tls_free};
	struct tls_wire *t = calloc(1, sizeof *t);
	if (!t) {
		exit_failed(error, 0, "out of memory");
		return FAIL_MEMORY;
	}
	t->w.ops = &ops;
	t->w.spec = spec;
	t->w.fd = -1;
	t->w.settle_ms = TLS_SETTLE_MS;
	t->w.probation_ms = TLS_PROBATION_MS;
	int rc = load_context(t, error); /* so that a wrong file is found when the configuration is read */
	if (rc != 0) {
		free(t);
		return rc;
	}
	*ret = &t->w;
	return 0;
}
