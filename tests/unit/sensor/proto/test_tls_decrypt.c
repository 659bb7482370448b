/* tls_decrypt against libssl: what two real endpoints said to each other comes out again, byte for byte, at every size of piece, for every
 * cipher suite and every way to shake hands, with the secrets before and behind. */
#include "tls_pair.h"

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
	for (int way = 0; way < 3; way++) {
		bool accepted = way == 1, retried = way == 2; /* a HelloRetryRequest refuses it: a second hello comes behind it */
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
		SSL_set_max_early_data(p.ssl[FROM_SERVER], accepted || retried ? 1 << 14 : 0);
		if (retried) {
			SSL_set1_groups_list(p.ssl[FROM_CLIENT], "X25519:P-256");
			SSL_set1_groups_list(p.ssl[FROM_SERVER], "P-256");
		}
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

/* Early data that was accepted, and a log without the secrets that tell so: nobody waits for what cannot come. Without the secret of the early
 * data itself: it is declared lost. */
static void early_data_half_known(void **state)
{
	static const char *const without[] = {"SERVER_HANDSHAKE", "CLIENT_EARLY"};
	(void)state;
	struct pair p = {.story = NULL};
	struct story *first = story_new(), *s = story_new();
	size_t written = 0, early = strlen("early words");
	uint8_t heard[64];
	open_pair(&p, TLS1_3_VERSION, NULL);
	connect_pair(&p, first, NULL);
	shake(&p);
	talk(&p, 1);
	SSL_SESSION *session = SSL_get1_session(p.ssl[FROM_CLIENT]);
	close_pair(&p, false);
	connect_pair(&p, s, session);
	assert_int_equal(SSL_write_early_data(p.ssl[FROM_CLIENT], "early words", early, &written), 1);
	note(s, FROM_CLIENT, "early words", early);
	carry(&p, FROM_CLIENT);
	assert_int_equal(SSL_read_early_data(p.ssl[FROM_SERVER], heard, sizeof heard, &written), SSL_READ_EARLY_DATA_SUCCESS);
	(void)SSL_read_early_data(p.ssl[FROM_SERVER], heard, sizeof heard, &written);
	carry(&p, FROM_SERVER);
	shake(&p);
	talk(&p, 2);
	close_pair(&p, true);
	check(s, "", without[0]);
	for (int late = 0; late < 2; late++) {
		struct tls_secrets *secrets = tls_secrets_new(&key);
		struct listener *l = listen_to(secrets, late);
		add_keys(secrets, s->keys, without[1]);
		for (unsigned t = 0; t < s->n; t++)
			feed(l, s->turns[t].d, slice_of(s->turns[t].p, s->turns[t].n), 100);
		assert_int_equal(l->gaps[FROM_CLIENT], 1);
		assert_int_equal(l->heard[FROM_CLIENT].n, s->said[FROM_CLIENT].n - early);
		assert_memory_equal(l->heard[FROM_CLIENT].p, s->said[FROM_CLIENT].p + early, l->heard[FROM_CLIENT].n);
		assert_int_equal(l->heard[FROM_SERVER].n, s->said[FROM_SERVER].n);
		assert_int_equal(l->gaps[FROM_SERVER], 0);
		listener_free(l);
		tls_secrets_free(secrets);
	}
	SSL_SESSION_free(session);
	story_free(first);
	story_free(s);
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
		/* the second one is read before the first, though nobody expects further secrets: two shards, one batch */
		secrets = tls_secrets_new(&key);
		add_keys(secrets, stories[0]->keys, NULL);
		struct listener *both[2] = {listen_to(secrets, false), listen_to(secrets, false)};
		for (int i = 1; i >= 0; i--)
			for (unsigned t = 0; t < stories[i]->n; t++)
				feed(both[i], stories[i]->turns[t].d, slice_of(stories[i]->turns[t].p, stories[i]->turns[t].n), 100);
		assert_true(tls_decrypt_waits(both[1]->t));
		for (unsigned k = 0; k < both[0]->room.n_learned; k++)
			tls_secrets_session_note(secrets, both[0]->room.learned[k].name, both[0]->room.learned[k].random);
		tls_room_retry(&both[1]->room, on_tried, NULL);
		check_heard(both[1], stories[1], NULL);
		assert_false(tls_decrypt_waits(both[1]->t));
		listener_free(both[0]);
		listener_free(both[1]);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suites),
		cmocka_unit_test(retry_updates_and_padding),
		cmocka_unit_test(resumption_and_early_data),
		cmocka_unit_test(early_data_half_known),
		cmocka_unit_test(resumption_12),
		cmocka_unit_test(renegotiation),
	};
	return cmocka_run_group_tests_name("tls_decrypt", tests, make_certificate, free_certificate);
}
