/* tls_decrypt: records that are lost, secrets that are wrong or never come, and more bytes that wait than may. */
#include "tls_pair.h"

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

/* A record of the client's, as its libssl would have sealed it with the first keys for what it says. */
static size_t seal(const struct tls_secrets *secrets, const uint8_t *random, uint64_t number, struct slice plain, uint8_t *out)
{
	struct tls_keys keys;
	struct tls_key_sizes sizes = {16, 12, 0};
	int n;
	assert_true(tls_traffic_keys(TLS_SHA256, tls_secrets_find(secrets, random, TLS_SECRET_CLIENT_TRAFFIC), sizes, &keys));
	keys.iv[11] ^= (uint8_t)number;
	memcpy(out, (uint8_t[]){23, 3, 3, (uint8_t)((plain.n + 16) >> 8), (uint8_t)(plain.n + 16)}, 5);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	assert_true(EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, keys.key, keys.iv) && EVP_EncryptUpdate(c, NULL, &n, out, 5) &&
	            EVP_EncryptUpdate(c, out + 5, &n, plain.p, (int)plain.n) && EVP_EncryptFinal_ex(c, out + 5 + plain.n, &n) &&
	            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out + 5 + plain.n));
	EVP_CIPHER_CTX_free(c);
	return 5 + plain.n + 16;
}

/* RFC 8446 5.1: a KeyUpdate ends its record. One by itself is followed; a record full of them ends that direction, at the price of one. */
static void key_updates_in_one_record(void **state)
{
	static const char one[] = "\x18\0\0\1\0\x16", two[] = "\x18\0\0\1\0\x18\0\0\1\0\x16";
	(void)state;
	struct pair p = {.story = NULL};
	struct story *s = story_new();
	open_pair(&p, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
	connect_pair(&p, s, NULL);
	shake(&p);
	talk(&p, 1);
	for (int many = 0; many < 2; many++) {
		uint8_t record[64];
		struct tls_secrets *secrets = tls_secrets_new(&key);
		add_keys(secrets, s->keys, NULL);
		struct listener *l = listen_to(secrets, false);
		for (unsigned t = 0; t < s->n; t++)
			feed(l, s->turns[t].d, slice_of(s->turns[t].p, s->turns[t].n), 700);
		size_t n = seal(secrets, s->turns[0].p + 11, 1, many ? slice_of(two, sizeof two - 1) : slice_of(one, sizeof one - 1), record);
		feed(l, FROM_CLIENT, slice_of(record, n), 700);
		assert_int_equal(l->anomalies.n[ANOMALY_TLS_RECORD_BAD], many);
		assert_int_equal(l->anomalies.n[ANOMALY_TLS_TAG_BAD], 0);
		assert_int_equal(l->gaps[FROM_CLIENT], many);
		feed(l, FROM_CLIENT, slice_of(record, n), 700); /* the keys are others now */
		assert_int_equal(l->anomalies.n[ANOMALY_TLS_TAG_BAD], !many);
		listener_free(l);
		tls_secrets_free(secrets);
	}
	close_pair(&p, true);
	story_free(s);
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
		cmocka_unit_test(gaps),
		cmocka_unit_test(wrong_secrets),
		cmocka_unit_test(key_updates_in_one_record),
		cmocka_unit_test(without_secrets),
		cmocka_unit_test(waiting_limits),
	};
	return cmocka_run_group_tests_name("tls_decrypt_faults", tests, make_certificate, free_certificate);
}
