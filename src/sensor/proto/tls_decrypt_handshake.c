/* Handshake messages -> which keys are in force. What is in the clear and what is not: RFC 8446 2, RFC 5246 7.3, RFC 5077 3. */
#include "cursor.h"
#include "tls_decrypt_state.h"

enum { EXT_ALPN = 16, EXT_ENCRYPT_THEN_MAC = 22, EXT_SESSION_TICKET = 35, EXT_EARLY_DATA = 42, EXT_SUPPORTED_VERSIONS = 43 };

/* SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3). */
static const uint8_t retry_random[TLS_RANDOM] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static uint64_t session_name(const struct tls_decrypt *t, struct slice id)
{
	return id.n ? tls_secrets_session_name(t->room->secrets, id) : 0;
}

/* The next extension of a list; false at its end, or where it is malformed. */
static bool extension_next(struct cursor *c, uint16_t *ret_type, struct slice *ret_data)
{
	if (cursor_left(c) == 0)
		return false;
	*ret_type = cursor_be16(c);
	*ret_data = cursor_vec16(c);
	return cursor_ok(c);
}

static struct cursor extensions_of(struct cursor *c)
{
	struct slice list = cursor_left(c) ? cursor_vec16(c) : slice_of(NULL, 0);
	return cursor_of(cursor_ok(c) ? list : slice_of(NULL, 0));
}

static void client_hello(struct tls_decrypt *t, struct slice body)
{
	struct cursor c = cursor_of(body), e;
	uint16_t type;
	struct slice data;
	cursor_skip(&c, 2);
	struct slice random = cursor_take(&c, TLS_RANDOM), id = cursor_vec8(&c);
	(void)cursor_vec16(&c); /* cipher suites */
	(void)cursor_vec8(&c);  /* compression */
	if (!cursor_ok(&c)) {
		tls_decrypt_shut_both(t);
		return;
	}
	memcpy(t->client_random, random.p, TLS_RANDOM);
	t->has_client = t->news = true;
	t->early_offered = false;
	t->offered_id = session_name(t, id);
	t->offered_ticket = 0;
	for (e = extensions_of(&c); extension_next(&e, &type, &data);) {
		t->early_offered |= type == EXT_EARLY_DATA;
		if (type == EXT_SESSION_TICKET)
			t->offered_ticket = session_name(t, data);
	}
}

static void server_hello(struct tls_decrypt *t, struct slice body)
{
	struct cursor c = cursor_of(body), e;
	uint16_t type, version = cursor_be16(&c);
	struct slice data, random = cursor_take(&c, TLS_RANDOM), id = cursor_vec8(&c);
	uint16_t suite = cursor_be16(&c);
	cursor_skip(&c, 1); /* compression */
	if (!cursor_ok(&c)) {
		tls_decrypt_shut_both(t);
		return;
	}
	bool etm = false;
	for (e = extensions_of(&c); extension_next(&e, &type, &data);) {
		if (type == EXT_SUPPORTED_VERSIONS && data.n == 2)
			version = (uint16_t)(data.p[0] << 8 | data.p[1]);
		etm |= type == EXT_ENCRYPT_THEN_MAC;
	}
	if (memcmp(random.p, retry_random, TLS_RANDOM) == 0)
		return; /* the real one follows */
	t->suite = tls_suite_find(suite);
	t->tls13 = version == 0x0304;
	if (!t->suite || tls_suite_is_13(t->suite) != t->tls13 || (!t->tls13 && version != 0x0303)) {
		t->room->counts.unreadable++;
		t->counted = true;
		tls_decrypt_shut_both(t);
		return;
	}
	memcpy(t->server_random, random.p, TLS_RANDOM);
	t->has_server = t->news = true;
	t->full = false;
	t->encrypt_then_mac = etm;
	t->given_id = session_name(t, id);
	t->given_ticket = 0;
	if (t->tls13)
		t->side[0].messages.reads = t->side[1].messages.reads = TLS_READS_SECRET_13;
}

static void encrypted_extensions(struct tls_decrypt *t, struct slice body)
{
	struct cursor c = cursor_of(body), e = extensions_of(&c);
	uint16_t type;
	struct slice data;
	while (extension_next(&e, &type, &data)) {
		t->early_accepted |= type == EXT_EARLY_DATA;
		if (type != EXT_ALPN)
			continue;
		struct cursor list = cursor_of(data);
		struct cursor names = cursor_of(cursor_vec16(&list));
		struct slice name = cursor_vec8(&names);
		if (cursor_ok(&list) && cursor_ok(&names) && cursor_left(&names) == 0) /* RFC 7301 3.1: exactly one */
			tls_learn_alpn(t->hellos, name);
	}
	t->early_known = t->news = true;
	t->callbacks->learned(t->context);
}

static void key_update(struct tls_decrypt *t, enum direction d)
{
	struct tls_side *s = &t->side[d];
	size_t n = tls_hash_size(t->suite->hash);
	if (!tls_traffic_update(t->suite->hash, s->secret) || !tls_cipher_start_13(&s->cipher, t->suite, slice_of(s->secret, n)))
		tls_decrypt_shut(t, d);
	s->sequence = 0;
}

static void message_13(struct tls_decrypt *t, enum direction d, const struct tls_message *m)
{
	struct tls_side *s = &t->side[d];
	bool server_flight = d == FROM_SERVER && s->epoch == TLS_HANDSHAKING;
	switch (m->type) {
	case TLS_ENCRYPTED_EXTENSIONS:
		if (server_flight)
			encrypted_extensions(t, m->body);
		break;
	case TLS_CERTIFICATE:
		if (server_flight && m->body.n) {
			tls_learn_certificate(t->hellos, slice_after(m->body, 1u + m->body.p[0]));
			t->callbacks->learned(t->context);
		}
		break;
	case TLS_END_OF_EARLY_DATA:
		if (d == FROM_CLIENT && s->epoch == TLS_EARLY)
			s->turn = TLS_HANDSHAKING;
		break;
	case TLS_FINISHED: /* after a post-handshake authentication it changes nothing (RFC 8446 4.6.2) */
		if (s->epoch == TLS_HANDSHAKING)
			s->turn = TLS_APPLICATION;
		break;
	case TLS_KEY_UPDATE:
		if (s->epoch == TLS_APPLICATION)
			key_update(t, d);
		break;
	default: break; /* tickets, requests for certificates and their answers */
	}
}

static void message(struct tls_decrypt *t, enum direction d, const struct tls_message *m)
{
	switch (m->type) {
	case TLS_CLIENT_HELLO:
		if (d == FROM_CLIENT)
			client_hello(t, m->body);
		break;
	case TLS_SERVER_HELLO:
		if (d == FROM_SERVER)
			server_hello(t, m->body);
		break;
	case TLS_CERTIFICATE:
	case TLS_SERVER_KEY_EXCHANGE:
	case TLS_SERVER_HELLO_DONE:
		t->news |= d == FROM_SERVER && !t->full; /* no other session has the secret that is waited for */
		t->full |= d == FROM_SERVER;
		break;
	case TLS_NEW_SESSION_TICKET: /* RFC 5077 3.3: lifetime, then the ticket */
		if (d == FROM_SERVER && m->body.n == m->length) {
			struct cursor c = cursor_of(m->body);
			cursor_skip(&c, 4);
			struct slice ticket = cursor_vec16(&c);
			t->given_ticket = cursor_ok(&c) ? session_name(t, ticket) : 0;
		}
		break;
	default: break;
	}
}

void tls_handshake_bytes(struct tls_decrypt *t, enum direction d, struct slice bytes, bool secret)
{
	struct tls_side *s = &t->side[d];
	struct tls_message m;
	int n = 0;
	while (!s->shut && (n = tls_messages_next(&s->messages, &bytes, &m)) > 0) {
		if (!secret || !t->tls13) {
			message(t, d, &m);
			continue;
		}
		message_13(t, d, &m);
		/* RFC 8446 5.1: nothing follows in a record behind which the keys change. A record full of KeyUpdates would cost a
		 * thousand of them. */
		if (bytes.n && !s->shut && (s->turn != TLS_CLEAR || m.type == TLS_KEY_UPDATE)) {
			anomaly_count(t->room->anomalies, ANOMALY_TLS_RECORD_BAD);
			tls_decrypt_shut(t, d);
		}
	}
	if (n < 0)
		tls_decrypt_shut_both(t);
}

/* ---- keys ---- */

static void learn(struct tls_decrypt *t, uint64_t name, const uint8_t *random)
{
	struct tls_room *r = t->room;
	if (!name || r->n_learned == LIMIT_TLS_LEARNED)
		return;
	r->learned[r->n_learned].name = name;
	memcpy(r->learned[r->n_learned++].random, random, TLS_RANDOM);
}

/* Its own, else that of the session that it resumes. */
static struct slice master_find(const struct tls_decrypt *t, uint8_t random[TLS_RANDOM])
{
	const struct tls_secrets *all = t->room->secrets;
	memcpy(random, t->client_random, TLS_RANDOM);
	struct slice master = tls_secrets_find(all, random, TLS_SECRET_MASTER);
	if (!master.n && !t->full && tls_secrets_session_find(all, t->offered_ticket, random))
		master = tls_secrets_find(all, random, TLS_SECRET_MASTER);
	if (!master.n && !t->full && tls_secrets_session_find(all, t->offered_id, random))
		master = tls_secrets_find(all, random, TLS_SECRET_MASTER);
	return master;
}

enum tls_step tls_keys_12(struct tls_decrypt *t, enum direction d)
{
	struct tls_side *s = &t->side[d];
	uint8_t random[TLS_RANDOM];
	struct slice master = master_find(t, random);
	if (!master.n) /* a resumption: the connection that began the session may be read after this one, in another shard */
		return tls_decrypt_needs(t, !t->full && (t->offered_id || t->offered_ticket));
	if (!tls_cipher_start_12(&s->cipher, t->suite, master, (struct tls_randoms){t->client_random, t->server_random}, d,
	                         t->encrypt_then_mac)) {
		tls_decrypt_shut(t, d);
		return TLS_STEP_ON;
	}
	s->epoch = TLS_APPLICATION;
	s->sequence = 0;
	if (t->full)
		learn(t, t->given_id, random);
	learn(t, t->given_ticket, random);
	return TLS_STEP_ON;
}

static struct slice secret_13(const struct tls_decrypt *t, enum direction d, enum tls_epoch epoch)
{
	static const enum tls_secret kinds[2][4] = {
		{TLS_SECRET_EARLY, TLS_SECRET_EARLY, TLS_SECRET_CLIENT_HANDSHAKE, TLS_SECRET_CLIENT_TRAFFIC},
		{TLS_SECRET_EARLY, TLS_SECRET_EARLY, TLS_SECRET_SERVER_HANDSHAKE, TLS_SECRET_SERVER_TRAFFIC},
	};
	return tls_secrets_find(t->room->secrets, t->client_random, kinds[d][epoch]);
}

enum tls_step tls_keys_13(struct tls_decrypt *t, enum direction d, enum tls_epoch epoch)
{
	struct tls_side *s = &t->side[d];
	struct slice secret = secret_13(t, d, epoch);
	if (!secret.n)
		return tls_decrypt_needs(t, false);
	if (!tls_cipher_start_13(&s->cipher, t->suite, secret)) { /* its length is not that of the suite's hash: another connection's */
		anomaly_count(t->room->anomalies, ANOMALY_TLS_TAG_BAD);
		tls_decrypt_shut(t, d);
		return TLS_STEP_ON;
	}
	memcpy(s->secret, secret.p, secret.n);
	s->epoch = epoch;
	s->sequence = 0;
	s->hunted = s->by_gap = false;
	t->news |= d == FROM_SERVER && epoch == TLS_APPLICATION; /* see early_is_open() */
	return TLS_STEP_ON;
}

/* The server may still say whether it takes early data: not where its EncryptedExtensions were lost, or have no secret. */
static bool early_is_open(const struct tls_decrypt *t)
{
	const struct tls_side *server = &t->side[FROM_SERVER];
	return !t->early_known && !server->shut && server->epoch != TLS_APPLICATION;
}

enum tls_step tls_keys_13_first(struct tls_decrypt *t, enum direction d)
{
	struct tls_side *s = &t->side[d];
	bool early = d == FROM_CLIENT && t->early_offered;
	if (early && early_is_open(t))
		return TLS_STEP_WAIT; /* whether early data counts, the server says: else it is sent, and would be read, twice */
	if (early && (t->early_accepted || !t->early_known) && secret_13(t, d, TLS_EARLY).n)
		return tls_keys_13(t, d, TLS_EARLY);
	/* a log without secrets of the handshake: its records are passed over, until one opens with the next secret */
	bool hidden = !secret_13(t, d, TLS_HANDSHAKING).n && secret_13(t, d, TLS_APPLICATION).n;
	enum tls_step step = tls_keys_13(t, d, hidden ? TLS_APPLICATION : TLS_HANDSHAKING);
	if (step == TLS_STEP_ON && !s->shut && (hidden || early)) {
		s->hunted = true;
		s->reach = 1;
		s->gapped |= early && (t->early_accepted || !t->early_known); /* it counts, or may, and is passed over */
	}
	return step;
}
