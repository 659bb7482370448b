#include "tls.h"
#include "cursor.h"
#include "text.h"
#include "tls_cert.h"
#include "tls_hello.h"
#include "tls_record.h"
#include <stdlib.h>

/* One direction. Its status leaves PARSE_MORE once and for good; nothing is kept from then on. */
struct side {
	struct tls_records records;
	struct tls_messages messages;
	uint32_t seen; /* bytes, for LIMIT_TLS_PREAMBLE */
	enum parse status;
};

struct tls {
	struct side side[2];
	struct anomaly_counts *anomalies;
	bool failed;
	struct tls_facts facts;
};

struct tls *tls_new(struct anomaly_counts *anomalies)
{
	struct tls *t = calloc(1, sizeof *t);
	if (t)
		t->anomalies = anomalies;
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	tls_messages_done(&t->side[FROM_CLIENT].messages);
	tls_messages_done(&t->side[FROM_SERVER].messages);
	free(t->facts.cert_names);
	free(t);
}

static void finish(struct side *s, enum parse status)
{
	tls_messages_done(&s->messages);
	s->status = status;
}

static void finish_bad(struct tls *t, struct side *s, enum anomaly why)
{
	anomaly_count(t->anomalies, why);
	finish(s, PARSE_BAD);
}

static void client_message(struct tls *t, struct side *s, const struct tls_message *m)
{
	if (m->type != TLS_CLIENT_HELLO) {
		finish_bad(t, s, ANOMALY_TLS_HELLO_BAD);
		return;
	}
	if (m->body.n < m->length) {
		/* Padding a hello past every sensor's patience must not turn its name into one that approves. */
		anomaly_count(t->anomalies, ANOMALY_TLS_HELLO_LIMIT);
		tls_client_hello_read_start(m->body, &t->facts, t->anomalies);
		t->facts.sni_cut = true;
		finish(s, PARSE_DONE);
		return;
	}
	finish(s, tls_client_hello_read(m->body, 't', &t->facts, t->anomalies) ? PARSE_DONE : PARSE_BAD);
}

/* TLS 1.3, and its drafts (0x7f00 and the draft's number), hide what follows the ServerHello. */
static bool hides_the_rest(uint16_t version)
{
	return version >= 0x0304;
}

static void server_hello(struct tls *t, struct side *s, const struct tls_message *m)
{
	bool retried = t->facts.hello_retry;
	if (m->body.n < m->length) {
		anomaly_count(t->anomalies, ANOMALY_TLS_HELLO_LIMIT);
		finish(s, PARSE_DONE);
	} else if (!tls_server_hello_read(m->body, &t->facts, t->anomalies)) {
		finish(s, PARSE_BAD);
	} else if (t->facts.hello_retry && retried) {
		finish_bad(t, s, ANOMALY_TLS_HELLO_BAD); /* RFC 8446 4.1.4: at most one */
	} else if (!t->facts.hello_retry && hides_the_rest(t->facts.version)) {
		finish(s, PARSE_DONE);
	}
}

static void server_message(struct tls *t, struct side *s, const struct tls_message *m)
{
	bool expected = !t->facts.server_hello || t->facts.hello_retry;
	switch (m->type) {
	case TLS_HELLO_REQUEST: /* may come at any time and means nothing here (RFC 5246 7.4.1.1) */
		return;
	case TLS_SERVER_HELLO:
		if (expected) {
			server_hello(t, s, m);
			return;
		}
		break;
	case TLS_CERTIFICATE:
		if (expected)
			break;
		t->failed |= tls_certificate_read(m->body, &t->facts, t->anomalies) != 0;
		finish(s, PARSE_DONE);
		return;
	case TLS_SERVER_KEY_EXCHANGE:
	case TLS_SERVER_HELLO_DONE: /* an anonymous or pre-shared key: there was no certificate */
		if (expected)
			break;
		finish(s, PARSE_DONE);
		return;
	default: /* CertificateStatus, NewSessionTicket and the like */
		if (expected)
			break;
		return;
	}
	finish_bad(t, s, ANOMALY_TLS_HELLO_BAD);
}

static void handshake(struct tls *t, enum direction d, struct slice bytes)
{
	struct side *s = &t->side[d];
	struct tls_message m;
	int n = 0;
	while (s->status == PARSE_MORE && (n = tls_messages_next(&s->messages, &bytes, &m)) > 0) {
		if (d == FROM_CLIENT)
			client_message(t, s, &m);
		else
			server_message(t, s, &m);
	}
	if (n < 0) {
		t->failed = true;
		finish(s, PARSE_DONE);
	}
}

/* RFC 8446 5.1 lets nothing stand between the pieces of a hello, but an alert or ChangeCipherSpec there, or before it,
 * must not hide the name from us if some server is patient with it. */
static void client_other(struct tls *t, struct side *s, const struct tls_piece *piece)
{
	if (piece->type != TLS_ALERT && piece->type != TLS_CHANGE_CIPHER_SPEC)
		finish_bad(t, s, ANOMALY_TLS_RECORD_BAD);
	else if (piece->first)
		anomaly_count(t->anomalies, ANOMALY_TLS_RECORD_BAD);
}

/* A warning before the ServerHello is usual (unrecognized_name, RFC 6066 3), so is a ChangeCipherSpec after a
 * HelloRetryRequest (RFC 8446 D.4). Up to TLS 1.2 a ChangeCipherSpec after the ServerHello is a resumed session. */
static void server_other(struct tls *t, struct side *s, const struct tls_piece *piece)
{
	bool before = !t->facts.server_hello, retry = t->facts.hello_retry;
	switch (piece->type) {
	case TLS_ALERT:
		/* Alerts are two bytes and nobody splits them over records: a level of 2 is fatal. */
		if (piece->first && piece->bytes.n && piece->bytes.p[0] == 2)
			finish(s, PARSE_DONE);
		break;
	case TLS_CHANGE_CIPHER_SPEC:
		if (before && piece->first)
			anomaly_count(t->anomalies, ANOMALY_TLS_RECORD_BAD);
		else if (!before && !retry)
			finish(s, PARSE_DONE);
		break;
	default:
		if (before || retry)
			finish_bad(t, s, ANOMALY_TLS_RECORD_BAD);
		else
			finish(s, PARSE_DONE);
	}
}

enum parse tls_feed(struct tls *t, enum direction d, struct slice bytes)
{
	struct side *s = &t->side[d];
	bool limit = bytes.n > LIMIT_TLS_PREAMBLE - s->seen;
	bytes = slice_first(bytes, LIMIT_TLS_PREAMBLE - s->seen);
	while (s->status == PARSE_MORE && bytes.n) {
		struct tls_piece piece;
		size_t before = bytes.n;
		enum tls_next next = tls_records_next(&s->records, &bytes, &piece);
		s->seen += (uint32_t)(before - bytes.n);
		if (next == TLS_NEXT_NONE)
			break;
		if (next == TLS_NEXT_BAD) {
			finish_bad(t, s, ANOMALY_TLS_RECORD_BAD);
		} else if (piece.empty && piece.type == TLS_HANDSHAKE) {
			/* RFC 8446 5.1 and RFC 5246 6.2.1 forbid empty handshake records; some servers do not mind. */
			anomaly_count(t->anomalies, ANOMALY_TLS_RECORD_BAD);
		} else if (piece.type == TLS_HANDSHAKE) {
			handshake(t, d, piece.bytes);
		} else if (d == FROM_CLIENT) {
			client_other(t, s, &piece);
		} else {
			server_other(t, s, &piece);
		}
	}
	if (s->status == PARSE_MORE && limit) {
		anomaly_count(t->anomalies, ANOMALY_TLS_HELLO_LIMIT);
		finish(s, PARSE_DONE);
	}
	return s->status;
}

void tls_gap(struct tls *t, enum direction d, uint64_t n)
{
	(void)n; /* how much is lost makes no difference: nothing can be found again behind it */
	struct side *s = &t->side[d];
	if (s->status != PARSE_MORE)
		return;
	struct slice start = tls_messages_partial(&s->messages, TLS_CLIENT_HELLO);
	if (d == FROM_CLIENT && start.n)
		tls_client_hello_read_start(start, &t->facts, t->anomalies);
	finish(s, PARSE_DONE);
}

bool tls_failed(const struct tls *t)
{
	return t->failed;
}

const struct tls_facts *tls_facts(const struct tls *t)
{
	return &t->facts;
}

void tls_learn_alpn(struct tls *t, struct slice protocol)
{
	text_copy(t->facts.alpn, sizeof t->facts.alpn, protocol);
}

void tls_learn_certificate(struct tls *t, struct slice body)
{
	if (!t->facts.cert_names)
		t->failed |= tls_certificate_read(body, &t->facts, t->anomalies) != 0;
}

void tls_learn_decrypted(struct tls *t)
{
	t->facts.decrypted = true;
}

size_t tls_memory(const struct tls *t)
{
	return sizeof *t + t->side[FROM_CLIENT].messages.kept_cap + t->side[FROM_SERVER].messages.kept_cap +
	       t->facts.n_cert_names * sizeof *t->facts.cert_names;
}

const char *tls_version_name(uint16_t version)
{
	switch (version) {
	case 0x0304: return "1.3";
	case 0x0303: return "1.2";
	case 0x0302: return "1.1";
	case 0x0301: return "1.0";
	case 0x0300: return "ssl3";
	default: return version >> 8 == 0x7f ? "1.3" : NULL; /* drafts of 1.3 */
	}
}

bool tls_looks_like(struct slice first, bool *ret_sure)
{
	/* Empty records in front must not hide the hello; the real one is the first with content. */
	for (*ret_sure = true;; first = slice_after(first, TLS_RECORD_HEADER)) {
		const uint8_t *p = first.p;
		if ((first.n > 0 && p[0] != TLS_HANDSHAKE) || (first.n > 1 && p[1] != 3) || (first.n > 2 && p[2] > 4) ||
		    (first.n > 4 && (unsigned)(p[3] << 8 | p[4]) > TLS_RECORD_MAX))
			return false;
		if (first.n > 5 && (p[3] || p[4]))
			return p[5] == TLS_CLIENT_HELLO || p[5] == TLS_SERVER_HELLO;
		if (first.n <= TLS_RECORD_HEADER) {
			*ret_sure = false;
			return true;
		}
	}
}
