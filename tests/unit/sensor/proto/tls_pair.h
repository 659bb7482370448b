/* Two endpoints of libssl that shake hands and talk in memory, what went over the wire between them, and a listener with their secrets. */
#ifndef SHADOWTAP_TLS_PAIR_H
#define SHADOWTAP_TLS_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls_decrypt.h"

enum { TURNS = 256, SAID = 1 << 18 };

struct text {
	uint8_t p[SAID];
	size_t n;
};

/* What went over the wire, and what was meant by it. */
struct story {
	struct {
		enum direction d;
		size_t n;
		uint8_t *p;
	} turns[TURNS];
	unsigned n;
	struct text said[2];
	char keys[1 << 14];
};

static X509 *certificate;
static EVP_PKEY *private_key;
static struct story *logging;

/* ---- endpoints ---- */

static __attribute__((unused)) int make_certificate(void **state)
{
	(void)state;
	private_key = EVP_EC_gen("P-256");
	certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, private_key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)"tools.example", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	return X509_sign(certificate, private_key, EVP_sha256()) ? 0 : -1;
}

static __attribute__((unused)) int free_certificate(void **state)
{
	(void)state;
	X509_free(certificate);
	EVP_PKEY_free(private_key);
	return 0;
}

static __attribute__((unused)) void on_key(const SSL *ssl, const char *line)
{
	(void)ssl;
	strncat(logging->keys, line, sizeof logging->keys - strlen(logging->keys) - 1);
	strncat(logging->keys, "\n", sizeof logging->keys - strlen(logging->keys) - 1);
}

static __attribute__((unused)) int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned in_n, void *context)
{
	(void)ssl, (void)in_n, (void)context;
	*out = in + 1;
	*n = in[0];
	return SSL_TLSEXT_ERR_OK;
}

struct pair {
	SSL_CTX *contexts[2];
	SSL *ssl[2]; /* by direction: who sends in it */
	struct story *story;
};

static __attribute__((unused)) void open_pair(struct pair *p, int version, const char *suites)
{
	for (int d = 0; d < 2; d++) {
		SSL_CTX *c = p->contexts[d] = SSL_CTX_new(d == FROM_CLIENT ? TLS_client_method() : TLS_server_method());
		SSL_CTX_set_min_proto_version(c, version);
		SSL_CTX_set_max_proto_version(c, version);
		if (suites && version == TLS1_3_VERSION)
			assert_int_equal(SSL_CTX_set_ciphersuites(c, suites), 1);
		else if (suites)
			assert_int_equal(SSL_CTX_set_cipher_list(c, suites), 1);
		SSL_CTX_set_security_level(c, 0);
		SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_BOTH);
	}
	SSL_CTX_set_keylog_callback(p->contexts[FROM_CLIENT], on_key);
	SSL_CTX_set_alpn_protos(p->contexts[FROM_CLIENT], (const uint8_t *)"\x02h2", 3);
	SSL_CTX_set_alpn_select_cb(p->contexts[FROM_SERVER], on_alpn, NULL);
	SSL_CTX_use_certificate(p->contexts[FROM_SERVER], certificate);
	SSL_CTX_use_PrivateKey(p->contexts[FROM_SERVER], private_key);
	SSL_CTX_set_session_id_context(p->contexts[FROM_SERVER], (const uint8_t *)"t", 1);
	SSL_CTX_set_max_early_data(p->contexts[FROM_SERVER], 1 << 14);
	SSL_CTX_set_options(p->contexts[FROM_SERVER], SSL_OP_NO_ANTI_REPLAY);
}

static __attribute__((unused)) void connect_pair(struct pair *p, struct story *s, SSL_SESSION *session)
{
	p->story = s;
	logging = s;
	for (int d = 0; d < 2; d++) {
		p->ssl[d] = SSL_new(p->contexts[d]);
		SSL_set_bio(p->ssl[d], BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	}
	SSL_set_connect_state(p->ssl[FROM_CLIENT]);
	SSL_set_accept_state(p->ssl[FROM_SERVER]);
	if (session)
		assert_int_equal(SSL_set_session(p->ssl[FROM_CLIENT], session), 1);
}

static __attribute__((unused)) bool carry(struct pair *p, enum direction d)
{
	struct story *s = p->story;
	uint8_t *bytes;
	long n = BIO_get_mem_data(SSL_get_wbio(p->ssl[d]), &bytes);
	if (n <= 0)
		return false;
	assert_true(s->n < TURNS);
	s->turns[s->n].d = d;
	s->turns[s->n].n = (size_t)n;
	s->turns[s->n].p = malloc((size_t)n);
	memcpy(s->turns[s->n++].p, bytes, (size_t)n);
	BIO_write(SSL_get_rbio(p->ssl[!d]), bytes, (int)n);
	(void)BIO_reset(SSL_get_wbio(p->ssl[d]));
	return true;
}

static __attribute__((unused)) void hear(struct pair *p, enum direction d)
{
	uint8_t heard[1 << 15];
	while (SSL_read(p->ssl[!d], heard, sizeof heard) > 0)
		;
	ERR_clear_error();
}

static __attribute__((unused)) void shake(struct pair *p)
{
	for (int i = 0; i < 20; i++) {
		for (int d = 0; d < 2; d++) {
			SSL_do_handshake(p->ssl[d]);
			ERR_clear_error();
			carry(p, (enum direction)d);
		}
	}
	assert_true(SSL_is_init_finished(p->ssl[0]) && SSL_is_init_finished(p->ssl[1]));
	hear(p, FROM_SERVER); /* tickets */
}

static __attribute__((unused)) void note(struct story *s, enum direction d, const void *text, size_t n)
{
	assert_true(s->said[d].n + n <= SAID);
	memcpy(s->said[d].p + s->said[d].n, text, n);
	s->said[d].n += n;
}

static __attribute__((unused)) void say(struct pair *p, enum direction d, const char *text, size_t n)
{
	assert_int_equal(SSL_write(p->ssl[d], text, (int)n), (int)n);
	note(p->story, d, text, n);
	carry(p, d);
	hear(p, d);
	carry(p, (enum direction)!d);
}

static __attribute__((unused)) void talk(struct pair *p, int rounds)
{
	static char page[20000]; /* more than one record */
	memset(page, 'x', sizeof page);
	for (int i = 0; i < rounds; i++) {
		char text[64];
		int n = snprintf(text, sizeof text, "POST /mcp HTTP/1.1 %d", i);
		say(p, FROM_CLIENT, text, (size_t)n);
		say(p, FROM_SERVER, page, i % 2 ? sizeof page : 17);
	}
}

static __attribute__((unused)) void close_pair(struct pair *p, bool contexts)
{
	for (int d = 0; d < 2; d++) {
		if (p->ssl[d] && SSL_is_init_finished(p->ssl[d]))
			SSL_shutdown(p->ssl[d]);
		if (p->ssl[d])
			carry(p, (enum direction)d);
	}
	for (int d = 0; d < 2; d++) {
		SSL_free(p->ssl[d]);
		p->ssl[d] = NULL;
		if (contexts)
			SSL_CTX_free(p->contexts[d]);
	}
}

static __attribute__((unused)) struct story *story_new(void)
{
	struct story *s = calloc(1, sizeof *s);
	assert_non_null(s);
	return s;
}

static __attribute__((unused)) void story_free(struct story *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free(s->turns[i].p);
	free(s);
}

/* ---- the listener ---- */

struct listener {
	struct anomaly_counts anomalies;
	struct tls_room room;
	struct tls_secrets *secrets;
	struct tls *hellos;
	struct tls_decrypt *t;
	struct text heard[2];
	unsigned gaps[2], ends[2], learned, given_up;
};

static __attribute__((unused)) void on_bytes(void *context, enum direction d, struct slice plain)
{
	struct listener *l = context;
	assert_true(l->heard[d].n + plain.n <= SAID);
	memcpy(l->heard[d].p + l->heard[d].n, plain.p, plain.n);
	l->heard[d].n += plain.n;
}

static __attribute__((unused)) void on_gap(void *context, enum direction d)
{
	((struct listener *)context)->gaps[d]++;
}

static __attribute__((unused)) void on_end(void *context, enum direction d)
{
	((struct listener *)context)->ends[d]++;
}

static __attribute__((unused)) void on_learned(void *context)
{
	((struct listener *)context)->learned++;
}

static __attribute__((unused)) void on_moment(void *context, const struct tls_moment *m)
{
	(void)context, (void)m;
}

static __attribute__((unused)) void on_given_up(void *context, void *owner)
{
	(void)owner;
	((struct listener *)context)->given_up++;
}

static __attribute__((unused)) void on_tried(void *context, void *owner)
{
	(void)context, (void)owner;
}

static const struct tls_decrypt_callbacks callbacks = {on_bytes, on_gap, on_end, on_learned, on_moment};

/* The lines of a key log, read by other means than ours. Those whose label does not begin with `but`. */
static __attribute__((unused)) void add_keys(struct tls_secrets *to, const char *keys, const char *but)
{
	static const char *const names[TLS_SECRET_KINDS] = {
		"CLIENT_RANDOM", "CLIENT_EARLY_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
		"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"};
	char name[64], random[65], secret[97];
	int n = 0;
	for (; sscanf(keys, "%63s %64s %96s%n", name, random, secret, &n) == 3; keys += n)
		for (int kind = 0; kind < TLS_SECRET_KINDS; kind++) {
			uint8_t r[32], s[48];
			if (strcmp(name, names[kind]) != 0 || (but && strncmp(name, but, strlen(but)) == 0))
				continue;
			for (size_t i = 0; i < 32; i++)
				sscanf(random + 2 * i, "%2hhx", &r[i]);
			for (size_t i = 0; i < strlen(secret) / 2; i++)
				sscanf(secret + 2 * i, "%2hhx", &s[i]);
			assert_int_equal(tls_secrets_add(to, r, (enum tls_secret)kind, slice_of(s, strlen(secret) / 2)), 0);
		}
}

static __attribute__((unused)) struct listener *listen_to(struct tls_secrets *secrets, bool may_wait)
{
	struct listener *l = calloc(1, sizeof *l);
	assert_non_null(l);
	l->secrets = secrets;
	l->room = (struct tls_room){.secrets = secrets, .may_wait = may_wait, .anomalies = &l->anomalies, .on_given_up = on_given_up, .context = l};
	l->hellos = tls_new(&l->anomalies);
	l->t = tls_decrypt_new(&l->room, l->hellos, &callbacks, l, l, 0);
	assert_non_null(l->t);
	return l;
}

static __attribute__((unused)) void listener_free(struct listener *l)
{
	tls_decrypt_free(l->t);
	assert_int_equal(l->room.held, 0);
	assert_null(l->room.oldest);
	tls_room_done(&l->room);
	tls_free(l->hellos);
	free(l);
}

static __attribute__((unused)) void feed(struct listener *l, enum direction d, struct slice bytes, size_t piece)
{
	while (bytes.n) {
		struct slice part = slice_first(bytes, piece);
		uint8_t *copy = malloc(part.n); /* so that a read behind it is seen */
		assert_non_null(copy);
		memcpy(copy, part.p, part.n);
		tls_feed(l->hellos, d, slice_of(copy, part.n));
		tls_decrypt_feed(l->t, d, slice_of(copy, part.n));
		free(copy);
		bytes = slice_after(bytes, part.n);
	}
}

static __attribute__((unused)) void check_heard(const struct listener *l, const struct story *s, const char *but)
{
	for (int d = 0; d < 2; d++) {
		assert_int_equal(l->heard[d].n, s->said[d].n);
		assert_memory_equal(l->heard[d].p, s->said[d].p, s->said[d].n);
		assert_int_equal(l->gaps[d], 0);
	}
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (l->anomalies.n[i])
			fail_msg("anomaly %s", anomaly_name((enum anomaly)i));
	assert_int_equal(l->room.counts.decrypted, 1);
	assert_int_equal(l->room.counts.no_secret, 0);
	assert_true(tls_facts(l->hellos)->decrypted);
	if (but) /* nothing is learned from a handshake that is not opened */
		return;
	assert_string_equal(tls_facts(l->hellos)->alpn, "h2");
	if (tls_facts(l->hellos)->version == 0x0304 && l->learned > 2) /* a full handshake: the certificate was read */
		assert_string_equal(tls_facts(l->hellos)->cert_names[0], "tools.example");
}

static const struct hash_key key = {1, 2};

/* All at once, in pieces of many sizes, the server ahead of the client, and before the secrets. but: label of lines to leave out. */
static __attribute__((unused)) void check(const struct story *s, const char *more_keys, const char *but)
{
	static const size_t pieces[] = {1 << 20, 1, 2, 3, 5, 6, 7, 16, 64, 1000, 1460};
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		for (int late = 0; late < 2; late++) {
			struct tls_secrets *secrets = tls_secrets_new(&key);
			struct listener *l = listen_to(secrets, late);
			for (int k = late; k < 2; k++) {
				if (k == late && !late) {
					add_keys(secrets, s->keys, but);
					add_keys(secrets, more_keys, but);
				}
				for (unsigned t = 0; k == 1 && t < s->n; t++)
					feed(l, s->turns[t].d, slice_of(s->turns[t].p, s->turns[t].n), pieces[i]);
			}
			for (int d = 0; late && d < 2; d++)
				tls_decrypt_end(l->t, (enum direction)d);
			if (late) {
				assert_int_equal(l->heard[0].n + l->heard[1].n, 0);
				assert_true(tls_decrypt_waits(l->t));
				add_keys(secrets, s->keys, but);
				add_keys(secrets, more_keys, but);
				tls_room_retry(&l->room, on_tried, NULL);
				assert_false(tls_decrypt_waits(l->t));
				assert_int_equal(l->ends[0], 1);
				assert_int_equal(l->ends[1], 1);
			}
			check_heard(l, s, but);
			listener_free(l);
			tls_secrets_free(secrets);
		}
}

/* Each direction whole, the server's first. */
static __attribute__((unused)) void check_order(const struct story *s, const char *more_keys, const char *but)
{
	struct tls_secrets *secrets = tls_secrets_new(&key);
	struct listener *l = listen_to(secrets, false);
	add_keys(secrets, s->keys, but);
	add_keys(secrets, more_keys, but);
	for (int d = 1; d >= 0; d--)
		for (unsigned t = 0; t < s->n; t++)
			if ((int)s->turns[t].d == d)
				feed(l, s->turns[t].d, slice_of(s->turns[t].p, s->turns[t].n), 1460);
	check_heard(l, s, but);
	listener_free(l);
	tls_secrets_free(secrets);
}

#endif
