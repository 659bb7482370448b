/* tls_decrypt against libssl: what two real endpoints said to each other comes out again, byte for byte, at every size of piece, for every
 * cipher suite and every way to shake hands; with secrets that come late, records that are lost, and secrets that are wrong. */
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

static int make_certificate(void **state)
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

static int free_certificate(void **state)
{
	(void)state;
	X509_free(certificate);
	EVP_PKEY_free(private_key);
	return 0;
}

static void on_key(const SSL *ssl, const char *line)
{
	(void)ssl;
	strncat(logging->keys, line, sizeof logging->keys - strlen(logging->keys) - 1);
	strncat(logging->keys, "\n", sizeof logging->keys - strlen(logging->keys) - 1);
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned in_n, void *context)
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

static void open_pair(struct pair *p, int version, const char *suites)
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

static void connect_pair(struct pair *p, struct story *s, SSL_SESSION *session)
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

static bool carry(struct pair *p, enum direction d)
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

static void hear(struct pair *p, enum direction d)
{
	uint8_t heard[1 << 15];
	while (SSL_read(p->ssl[!d], heard, sizeof heard) > 0)
		;
	ERR_clear_error();
}

static void shake(struct pair *p)
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

static void note(struct story *s, enum direction d, const void *text, size_t n)
{
	assert_true(s->said[d].n + n <= SAID);
	memcpy(s->said[d].p + s->said[d].n, text, n);
	s->said[d].n += n;
}

static void say(struct pair *p, enum direction d, const char *text, size_t n)
{
	assert_int_equal(SSL_write(p->ssl[d], text, (int)n), (int)n);
	note(p->story, d, text, n);
	carry(p, d);
	hear(p, d);
	carry(p, (enum direction)!d);
}

static void talk(struct pair *p, int rounds)
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

static void close_pair(struct pair *p, bool contexts)
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

static struct story *story_new(void)
{
	struct story *s = calloc(1, sizeof *s);
	assert_non_null(s);
	return s;
}

static void story_free(struct story *s)
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

static void on_bytes(void *context, enum direction d, struct slice plain)
{
	struct listener *l = context;
	assert_true(l->heard[d].n + plain.n <= SAID);
	memcpy(l->heard[d].p + l->heard[d].n, plain.p, plain.n);
	l->heard[d].n += plain.n;
}

static void on_gap(void *context, enum direction d)
{
	((struct listener *)context)->gaps[d]++;
}

static void on_end(void *context, enum direction d)
{
	((struct listener *)context)->ends[d]++;
}

static void on_learned(void *context)
{
	((struct listener *)context)->learned++;
}

static void on_moment(void *context, const struct tls_moment *m)
{
	(void)context, (void)m;
}

static void on_given_up(void *context, void *owner)
{
	(void)owner;
	((struct listener *)context)->given_up++;
}

static void on_tried(void *context, void *owner)
{
	(void)context, (void)owner;
}

static const struct tls_decrypt_callbacks callbacks = {on_bytes, on_gap, on_end, on_learned, on_moment};

/* The lines of a key log, read by other means than ours. Those whose label does not begin with `but`. */
static void add_keys(struct tls_secrets *to, const char *keys, const char *but)
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

static struct listener *listen_to(struct tls_secrets *secrets, bool may_wait)
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

static void listener_free(struct listener *l)
{
	tls_decrypt_free(l->t);
	assert_int_equal(l->room.held, 0);
	assert_null(l->room.oldest);
	tls_room_done(&l->room);
	tls_free(l->hellos);
	free(l);
}

static void feed(struct listener *l, enum direction d, struct slice bytes, size_t piece)
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

static void check_heard(const struct listener *l, const struct story *s, const char *but)
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
static void check(const struct story *s, const char *more_keys, const char *but)
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
static void check_order(const struct story *s, const char *more_keys, const char *but)
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

/* ---- stories ---- */

static void suites(void **state)
{
	static const struct {
		int version;
		const char *name;
		bool no_etm;
	} all[] = {
		{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256", false}, {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", false},
		{TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256", false}, {TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256", false},
		{TLS1_3_VERSION, "TLS_AES_128_CCM_8_SHA256", false},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", false}, {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", false},
		{TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", false}, {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM", false},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-CCM8", false}, {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", false},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", true}, {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA", true},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", true}, {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", false},
		{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct pair p = {.story = NULL};
		struct story *s = story_new();
		open_pair(&p, all[i].version, all[i].name);
		if (all[i].no_etm)
			SSL_CTX_set_options(p.contexts[0], SSL_OP_NO_ENCRYPT_THEN_MAC);
		connect_pair(&p, s, NULL);
		shake(&p);
		assert_string_equal(SSL_get_cipher_name(p.ssl[0]), all[i].name);
		talk(&p, 3);
		close_pair(&p, true);
		check(s, "", NULL);
		check_order(s, "", NULL);
		story_free(s);
	}
}

static void retry_updates_and_padding(void **state)
{
	struct pair p = {.story = NULL};
	struct story *s = story_new();
	(void)state;
	open_pair(&p, TLS1_3_VERSION, NULL);
	SSL_CTX_set1_groups_list(p.contexts[FROM_CLIENT], "X25519:P-256");
	SSL_CTX_set1_groups_list(p.contexts[FROM_SERVER], "P-256"); /* HelloRetryRequest */
	SSL_CTX_set_block_padding(p.contexts[FROM_SERVER], 512);
	SSL_CTX_set_verify(p.contexts[FROM_SERVER], SSL_VERIFY_PEER, NULL); /* the client's certificate is asked for */
	connect_pair(&p, s, NULL);
	shake(&p);
	talk(&p, 2);
	for (int i = 0; i < 3; i++) {
		SSL_key_update(p.ssl[FROM_CLIENT], SSL_KEY_UPDATE_REQUESTED);
		talk(&p, 2);
		SSL_key_update(p.ssl[FROM_SERVER], SSL_KEY_UPDATE_NOT_REQUESTED);
		talk(&p, 2);
	}
	close_pair(&p, true);
	check(s, "", NULL);
	check_order(s, "", NULL);
	check(s, "", "SERVER_HANDSHAKE"); /* records of the handshake are passed over; no name is learned from them */
	story_free(s);
}

static void resumption_and_early_data(void **state)
{
	(void)state;
	for (int accepted = 0; accepted < 2; accepted++) {
		struct pair p = {.story = NULL};
		struct story *first = story_new(), *s = story_new();
		size_t written = 0;
		uint8_t early[64];
		open_pair(&p, TLS1_3_VERSION, NULL);
		connect_pair(&p, first, NULL);
		shake(&p);
		talk(&p, 1);
		SSL_SESSION *session = SSL_get1_session(p.ssl[FROM_CLIENT]);
		close_pair(&p, false);
		connect_pair(&p, s, session);
		SSL_set_max_early_data(p.ssl[FROM_SERVER], accepted ? 1 << 14 : 0);
		assert_int_equal(SSL_write_early_data(p.ssl[FROM_CLIENT], "early words", 11, &written), 1);
		carry(&p, FROM_CLIENT);
		int r = SSL_read_early_data(p.ssl[FROM_SERVER], early, sizeof early, &written);
		assert_int_equal(r == SSL_READ_EARLY_DATA_SUCCESS, accepted);
		if (accepted) {
			note(s, FROM_CLIENT, early, written);
			(void)SSL_read_early_data(p.ssl[FROM_SERVER], early, sizeof early, &written);
		}
		carry(&p, FROM_SERVER);
		shake(&p);
		assert_true(SSL_session_reused(p.ssl[FROM_CLIENT]));
		talk(&p, 2);
		close_pair(&p, true);
		check(s, "", NULL);
		check_order(s, "", NULL);
		SSL_SESSION_free(session);
		story_free(first);
		story_free(s);
	}
}

/* A key log of a library that names a master secret once: the connections that go on with it are found by id or ticket. */
static void resumption_12(void **state)
{
	(void)state;
	for (int ticket = 0; ticket < 2; ticket++) {
		struct pair p = {.story = NULL};
		struct story *stories[2] = {story_new(), story_new()};
		SSL_SESSION *session = NULL;
		open_pair(&p, TLS1_2_VERSION, NULL);
		if (!ticket)
			SSL_CTX_set_options(p.contexts[FROM_SERVER], SSL_OP_NO_TICKET);
		for (int i = 0; i < 2; i++) {
			connect_pair(&p, stories[i], session);
			shake(&p);
			assert_int_equal(SSL_session_reused(p.ssl[FROM_CLIENT]), i);
			talk(&p, 2);
			if (i == 0)
				session = SSL_get1_session(p.ssl[FROM_CLIENT]);
			close_pair(&p, i == 1);
		}
		struct tls_secrets *secrets = tls_secrets_new(&key);
		add_keys(secrets, stories[0]->keys, NULL);
		for (int i = 0; i < 2; i++) {
			struct listener *l = listen_to(secrets, false);
			for (unsigned t = 0; t < stories[i]->n; t++)
				feed(l, stories[i]->turns[t].d, slice_of(stories[i]->turns[t].p, stories[i]->turns[t].n), 100);
			check_heard(l, stories[i], NULL);
			for (unsigned k = 0; k < l->room.n_learned; k++)
				assert_int_equal(tls_secrets_session_note(secrets, l->room.learned[k].name, l->room.learned[k].random), 0);
			assert_true(i || l->room.n_learned);
			listener_free(l);
		}
		tls_secrets_free(secrets);
		check(stories[1], "", NULL); /* and with a line of its own */
		SSL_SESSION_free(session);
		story_free(stories[0]);
		story_free(stories[1]);
	}
}

static void renegotiation(void **state)
{
	struct pair p = {.story = NULL};
	struct story *s = story_new();
	(void)state;
	open_pair(&p, TLS1_2_VERSION, NULL);
	SSL_CTX_set_options(p.contexts[FROM_SERVER], SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	connect_pair(&p, s, NULL);
	shake(&p);
	talk(&p, 2);
	assert_int_equal(SSL_renegotiate(p.ssl[FROM_CLIENT]), 1);
	for (int i = 0; i < 6; i++) {
		SSL_do_handshake(p.ssl[FROM_CLIENT]);
		carry(&p, FROM_CLIENT);
		hear(&p, FROM_CLIENT);
		carry(&p, FROM_SERVER);
	}
	assert_int_equal(SSL_total_renegotiations(p.ssl[FROM_CLIENT]), 1);
	talk(&p, 2);
	close_pair(&p, true);
	check(s, "", NULL);
	story_free(s);
}

/* ---- what is lost, wrong or too much ---- */

static struct story *plain_story(int version, int rounds)
{
	struct pair p = {.story = NULL};
	struct story *s = story_new();
	open_pair(&p, version, NULL);
	connect_pair(&p, s, NULL);
	shake(&p);
	talk(&p, rounds);
	close_pair(&p, true);
	return s;
}

/* Bytes of the server's direction are lost, at many places, of many lengths: what is heard of it is a beginning and an end of what was said,
 * and the client's direction does not suffer. */
static void gaps(void **state)
{
	static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct story *s = plain_story(versions[v], 4);
		size_t whole = 0, found = 0, tried = 0;
		for (unsigned t = 0; t < s->n; t++)
			whole += s->turns[t].d == FROM_SERVER ? s->turns[t].n : 0;
		for (size_t from = 200; from < whole - 500; from += 379) {
			size_t lost = from % 3 ? 60 : 1800, at = 0;
			struct tls_secrets *secrets = tls_secrets_new(&key);
			add_keys(secrets, s->keys, NULL);
			struct listener *l = listen_to(secrets, false);
			for (unsigned t = 0; t < s->n; t++) {
				struct slice bytes = slice_of(s->turns[t].p, s->turns[t].n);
				if (s->turns[t].d == FROM_CLIENT) {
					feed(l, FROM_CLIENT, bytes, 500);
					continue;
				}
				for (size_t i = 0; i < bytes.n; i++, at++) {
					if (at == from) {
						tls_gap(l->hellos, FROM_SERVER, lost);
						tls_decrypt_gap(l->t, FROM_SERVER, from % 2 ? lost : 0);
					}
					if (at < from || at >= from + lost)
						feed(l, FROM_SERVER, slice_of(bytes.p + i, 1), 1);
				}
			}
			const struct text *heard = &l->heard[FROM_SERVER], *said = &s->said[FROM_SERVER];
			size_t begin = 0, end = 0;
			while (begin < heard->n && heard->p[begin] == said->p[begin])
				begin++;
			while (end < heard->n - begin && heard->p[heard->n - 1 - end] == said->p[said->n - 1 - end])
				end++;
			assert_int_equal(begin + end, heard->n);
			assert_true(heard->n < said->n ? l->gaps[FROM_SERVER] == 1 || heard->n == 0 || l->gaps[FROM_SERVER] == 0 : true);
			assert_int_equal(l->anomalies.n[ANOMALY_TLS_TAG_BAD], 0);
			tried++;
			found += heard->n > 0 && heard->p[heard->n - 1] == said->p[said->n - 1] && l->room.counts.decrypted;
			if (from > 2500) /* behind the handshake */
				assert_int_equal(l->heard[FROM_CLIENT].n, s->said[FROM_CLIENT].n);
			listener_free(l);
			tls_secrets_free(secrets);
		}
		assert_true(found * 10 >= tried * 9); /* the last records are too near to the end to be found behind a gap */
		story_free(s);
	}
}

static void wrong_secrets(void **state)
{
	static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
	(void)state;
	for (size_t v = 0; v < 2; v++) {
		struct story *s = plain_story(versions[v], 1);
		char *last = strrchr(s->keys, '\n'); /* of the last line, one digit */
		last[-1] = last[-1] == '0' ? '1' : '0';
		struct tls_secrets *secrets = tls_secrets_new(&key);
		add_keys(secrets, s->keys, NULL);
		struct listener *l = listen_to(secrets, true);
		for (unsigned t = 0; t < s->n; t++)
			feed(l, s->turns[t].d, slice_of(s->turns[t].p, s->turns[t].n), 700);
		assert_true(l->anomalies.n[ANOMALY_TLS_TAG_BAD] >= 1);
		assert_true(l->heard[0].n == 0 || l->heard[1].n == 0);
		listener_free(l);
		tls_secrets_free(secrets);
		story_free(s);
	}
}

static void without_secrets(void **state)
{
	struct story *s = plain_story(TLS1_3_VERSION, 1);
	(void)state;
	struct tls_secrets *secrets = tls_secrets_new(&key);
	struct listener *l = listen_to(secrets, false);
	for (unsigned t = 0; t < s->n; t++)
		feed(l, s->turns[t].d, slice_of(s->turns[t].p, s->turns[t].n), 700);
	assert_true(tls_decrypt_is_over(l->t)); /* nothing is held where nothing may come */
	assert_int_equal(l->room.counts.no_secret, 1);
	assert_int_equal(l->room.held, 0);
	listener_free(l);
	tls_secrets_free(secrets);
	story_free(s);
}

/* One connection that waits for too much is given up, and of many the one that has waited longest. */
static void waiting_limits(void **state)
{
	static const uint8_t data[5] = {23, 3, 3, 0x40, 0};
	static uint8_t record[0x4000];
	struct story *s = plain_story(TLS1_3_VERSION, 1);
	(void)state;
	struct tls_secrets *secrets = tls_secrets_new(&key);
	struct listener *l = listen_to(secrets, true);
	for (unsigned t = 0; t < s->n; t++)
		feed(l, s->turns[t].d, slice_of(s->turns[t].p, s->turns[t].n), 700);
	for (size_t n = 0; n < LIMIT_TLS_WAITING + 0x10000; n += sizeof record) {
		tls_decrypt_feed(l->t, FROM_SERVER, slice_of(data, sizeof data));
		tls_decrypt_feed(l->t, FROM_SERVER, slice_of(record, sizeof record));
		assert_true(l->room.held <= LIMIT_TLS_WAITING);
	}
	assert_true(tls_decrypt_is_over(l->t));
	assert_int_equal(l->room.counts.given_up, 1);
	assert_int_equal(l->anomalies.n[ANOMALY_TLS_WAITING_LIMIT], 1);
	assert_int_equal(l->room.held, 0);

	enum { MANY = 12 };
	struct tls_decrypt *many[MANY];
	struct tls *hellos = tls_new(&l->anomalies);
	for (int i = 0; i < MANY; i++) {
		many[i] = tls_decrypt_new(&l->room, hellos, &callbacks, l, l, 0);
		for (unsigned t = 0; t < s->n; t++)
			tls_decrypt_feed(many[i], s->turns[t].d, slice_of(s->turns[t].p, s->turns[t].n));
		for (size_t n = 0; n < LIMIT_TLS_WAITING / 2; n += sizeof record)
			tls_decrypt_feed(many[i], FROM_SERVER, slice_of(record, sizeof record));
		assert_true(l->room.held <= LIMIT_SHARD_TLS_WAITING);
		assert_true(tls_decrypt_waits(many[i]));
	}
	assert_true(tls_decrypt_is_over(many[0]) && !tls_decrypt_is_over(many[MANY - 1]));
	assert_true(l->given_up >= MANY - LIMIT_SHARD_TLS_WAITING / LIMIT_TLS_WAITING * 2);
	for (int i = 0; i < MANY; i++)
		tls_decrypt_free(many[i]);
	tls_free(hellos);
	listener_free(l);
	tls_secrets_free(secrets);
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suites), cmocka_unit_test(retry_updates_and_padding), cmocka_unit_test(resumption_and_early_data),
		cmocka_unit_test(resumption_12), cmocka_unit_test(renegotiation), cmocka_unit_test(gaps), cmocka_unit_test(wrong_secrets),
		cmocka_unit_test(without_secrets), cmocka_unit_test(waiting_limits),
	};
	return cmocka_run_group_tests_name("tls_decrypt", tests, make_certificate, free_certificate);
}
