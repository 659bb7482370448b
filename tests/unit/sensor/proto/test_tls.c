/* tls.c: whole handshakes in both directions, in any split; what is out of place; gaps, limits, memory. */
#include "tls_build.h"

#include "tls.h"
#include "tls_samples.h"

/* Failing allocations: while armed, only so many succeed. The names under which the C library and the address sanitizer
 * keep the real ones let the test stand before them without linker options. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(SANITIZED) || defined(__SANITIZE_ADDRESS__)
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t size);
static long allocations_left = -1; /* -1: not armed */

static bool may_allocate(void)
{
	if (allocations_left == 0)
		return false;
	allocations_left -= allocations_left > 0;
	return true;
}

void *calloc(size_t n, size_t size)
{
	return may_allocate() ? REAL(calloc)(n, size) : NULL;
}

void *realloc(void *p, size_t size)
{
	return may_allocate() ? REAL(realloc)(p, size) : NULL;
}

struct fixture {
	struct tls *t;
	struct anomaly_counts anomalies;
	const struct tls_facts *f;
};

static struct fixture *open_tls(void)
{
	struct fixture *x = malloc(sizeof *x);
	assert_non_null(x);
	memset(x, 0, sizeof *x);
	x->t = tls_new(&x->anomalies);
	assert_non_null(x->t);
	x->f = tls_facts(x->t);
	return x;
}

static void close_tls(struct fixture *x)
{
	tls_free(x->t);
	free(x);
}

static uint64_t anomalies_of(const struct fixture *x)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < ANOMALY_COUNT; i++)
		sum += x->anomalies.n[i];
	return sum;
}

static enum parse feed_chunks(struct fixture *x, enum direction d, struct slice in, size_t chunk)
{
	enum parse status = PARSE_MORE;
	while (in.n) {
		enum parse now = tls_feed(x->t, d, slice_first(in, chunk));
		assert_true(status == PARSE_MORE || now == status);
		status = now;
		in = slice_after(in, chunk);
	}
	return status;
}

static enum parse feed_build(struct fixture *x, enum direction d, struct build *b)
{
	enum parse status = feed_chunks(x, d, build_slice(b), b->n);
	build_free(b);
	return status;
}

#define SAMPLE(s) slice_of((s), sizeof(s))

static void check_tls13(struct fixture *x)
{
	assert_true(x->f->client_hello && x->f->server_hello && !x->f->hello_retry);
	assert_string_equal(x->f->sni, "mcp.stripe.com");
	assert_string_equal(x->f->ja4, "t13d5911h1_a33745022dd6_1f22a2ca17c4");
	assert_int_equal(x->f->version, 0x0304);
	assert_string_equal(x->f->alpn, "");
	assert_int_equal(x->f->n_cert_names, 0);
}

static void check_tls12(struct fixture *x)
{
	assert_true(x->f->server_hello);
	assert_int_equal(x->f->version, 0x0303);
	assert_string_equal(x->f->alpn, "h2");
	assert_int_equal(x->f->n_cert_names, 6);
	assert_string_equal(x->f->cert_names[0], "mcp.stripe.com");
}

/* Every chunk size; server before client too, as taps deliver. */
static void any_split(void **state)
{
	(void)state;
	for (size_t chunk = 1; chunk <= sizeof codex_client; chunk += chunk < 400 ? 1 : 37) {
		struct fixture *x = open_tls();
		if (chunk % 2) {
			assert_int_equal(feed_chunks(x, FROM_SERVER, SAMPLE(node_server), chunk), PARSE_DONE);
			assert_false(x->f->client_hello);
		}
		assert_int_equal(feed_chunks(x, FROM_CLIENT, SAMPLE(node_client), chunk), PARSE_DONE);
		if (chunk % 2 == 0)
			assert_int_equal(feed_chunks(x, FROM_SERVER, SAMPLE(node_server), chunk), PARSE_DONE);
		check_tls13(x);
		assert_int_equal(anomalies_of(x), 0);
		close_tls(x);

		x = open_tls();
		assert_int_equal(feed_chunks(x, FROM_CLIENT, SAMPLE(codex_client), chunk), PARSE_DONE);
		assert_string_equal(x->f->sni, "tools.acme.test");
		assert_int_equal(feed_chunks(x, FROM_SERVER, SAMPLE(tls12_server), chunk), PARSE_DONE);
		check_tls12(x);
		assert_int_equal(anomalies_of(x), 0);
		close_tls(x);

		x = open_tls(); /* no certificate in a resumed session: its ChangeCipherSpec ends the clear part */
		assert_int_equal(feed_chunks(x, FROM_CLIENT, SAMPLE(resumed_client), chunk), PARSE_DONE);
		assert_int_equal(feed_chunks(x, FROM_SERVER, SAMPLE(resumed_server), chunk), PARSE_DONE);
		assert_true(x->f->client_hello && x->f->server_hello);
		assert_int_equal(x->f->version, 0x0303);
		assert_int_equal(x->f->n_cert_names, 0);
		assert_int_equal(anomalies_of(x), 0);
		close_tls(x);
	}
}

/* Cut after each byte, at the end of readable memory: no verdict before its last byte. */
static void truncation(void **state)
{
	(void)state;
	struct guarded g = guarded_new(sizeof codex_client);
	for (size_t n = 0; n <= sizeof node_client; n++) {
		struct fixture *x = open_tls();
		enum parse status = tls_feed(x->t, FROM_CLIENT, guarded_copy(&g, slice_first(SAMPLE(node_client), n)));
		assert_int_equal(status, n < sizeof node_client ? PARSE_MORE : PARSE_DONE);
		assert_int_equal(x->f->client_hello, n == sizeof node_client);
		assert_int_equal(anomalies_of(x), 0);
		close_tls(x);
	}
	bool names = false;
	for (size_t n = 0; n <= sizeof tls12_server; n++) {
		struct fixture *x = open_tls();
		enum parse status = tls_feed(x->t, FROM_SERVER, guarded_copy(&g, slice_first(SAMPLE(tls12_server), n)));
		assert_int_equal(x->f->n_cert_names, status == PARSE_DONE ? 6 : 0);
		assert_true(!names || status == PARSE_DONE);
		names = status == PARSE_DONE;
		assert_int_equal(anomalies_of(x), 0);
		close_tls(x);
	}
	assert_true(names);
	guarded_free(&g);
}

static void put_client(struct build *b, const char *sni, size_t record)
{
	struct build body = build_new(), message = build_new();
	put_hello(&body, sni);
	put_message(&message, 1, build_slice(&body));
	put_records(b, 22, build_slice(&message), record);
	build_free(&body);
	build_free(&message);
}

/* Whole in its segment: nothing is kept. In pieces: what came is kept, and given back once it is read. */
static void memory(void **state)
{
	(void)state;
	struct fixture *x = open_tls();
	size_t least = tls_memory(x->t);
	assert_true(least < 1024);
	allocations_left = 0;
	enum parse status = tls_feed(x->t, FROM_CLIENT, SAMPLE(codex_client));
	allocations_left = -1;
	assert_int_equal(status, PARSE_DONE);
	assert_false(tls_failed(x->t));
	assert_string_equal(x->f->sni, "tools.acme.test");
	close_tls(x);

	x = open_tls();
	struct slice hello = SAMPLE(codex_client);
	assert_int_equal(tls_feed(x->t, FROM_CLIENT, slice_first(hello, 1448)), PARSE_MORE);
	assert_true(tls_memory(x->t) >= least + 1448 - 9);
	assert_true(tls_memory(x->t) <= least + hello.n);
	assert_int_equal(tls_feed(x->t, FROM_CLIENT, slice_after(hello, 1448)), PARSE_DONE);
	assert_int_equal(tls_memory(x->t), least);
	feed_chunks(x, FROM_SERVER, SAMPLE(tls12_server), 100);
	assert_int_equal(tls_memory(x->t), least + 6 * LIMIT_SNI);
	close_tls(x);

	x = open_tls(); /* and never more than the hello says it has */
	for (size_t at = 0; at + 100 < hello.n; at += 100) {
		assert_int_equal(tls_feed(x->t, FROM_CLIENT, slice_first(slice_after(hello, at), 100)), PARSE_MORE);
		assert_true(tls_memory(x->t) <= least + hello.n - 9);
	}
	close_tls(x);
	tls_free(NULL);
}

static void failing_memory(void **state)
{
	(void)state;
	allocations_left = 0;
	struct anomaly_counts anomalies = {{0}};
	struct tls *t = tls_new(&anomalies);
	allocations_left = -1;
	assert_null(t);

	unsigned failed = 0;
	for (long n = 0; n < 12; n++) {
		struct fixture *x = open_tls();
		allocations_left = n;
		enum parse client = feed_chunks(x, FROM_CLIENT, SAMPLE(codex_client), 100);
		enum parse server = feed_chunks(x, FROM_SERVER, SAMPLE(tls12_server), 100);
		allocations_left = -1;
		assert_int_equal(client, PARSE_DONE);
		assert_int_equal(server, PARSE_DONE);
		failed += tls_failed(x->t);
		if (!tls_failed(x->t))
			check_tls12(x);
		assert_true(tls_failed(x->t) || x->f->client_hello);
		assert_int_equal(anomalies_of(x), 0);
		close_tls(x);
	}
	assert_in_range(failed, 4, 11); /* each of the few allocations failed once, and in the end none did */
}

static void put_server(struct build *b, uint16_t legacy, uint16_t selected, bool retry)
{
	struct build body = build_new();
	put_server_hello(&body, legacy, selected, retry);
	put_handshake(b, 2, build_slice(&body));
	build_free(&body);
}

#define CCS "\x14\x03\x03\x00\x01\x01"
#define FATAL "\x15\x03\x03\x00\x02\x02\x28"
#define WARNING "\x15\x03\x03\x00\x02\x01\x70"
#define DATA                                                                                                           \
	"\x17\x03\x03\x00\x03"                                                                                         \
	"abc"

static void hello_retry(void **state)
{
	(void)state;
	struct fixture *x = open_tls();
	struct build client = build_new(), server = build_new();
	put_client(&client, "first.example", 16384);
	put(&client, CCS, 6);
	put_client(&client, "second.example", 16384);
	assert_int_equal(feed_build(x, FROM_CLIENT, &client), PARSE_DONE);
	assert_string_equal(x->f->sni, "first.example");

	put_server(&server, 0x0303, 0x0304, true);
	put(&server, CCS, 6);
	assert_int_equal(feed_build(x, FROM_SERVER, &server), PARSE_MORE);
	assert_true(x->f->server_hello && x->f->hello_retry);
	assert_int_equal(x->f->version, 0x0304);
	server = build_new();
	put_server(&server, 0x0303, 0x0304, false);
	put(&server, CCS DATA, 14);
	assert_int_equal(feed_build(x, FROM_SERVER, &server), PARSE_DONE);
	assert_true(x->f->server_hello && !x->f->hello_retry);
	assert_int_equal(anomalies_of(x), 0);
	close_tls(x);

	x = open_tls(); /* RFC 8446 4.1.4: only one */
	server = build_new();
	put_server(&server, 0x0303, 0x0304, true);
	put_server(&server, 0x0303, 0x0304, true);
	assert_int_equal(feed_build(x, FROM_SERVER, &server), PARSE_BAD);
	assert_int_equal(x->anomalies.n[ANOMALY_TLS_HELLO_BAD], 1);
	close_tls(x);
}

/* Early data follows the hello at once (RFC 8446 4.2.10); nothing behind the hello is looked at. */
static void behind_the_hello(void **state)
{
	(void)state;
	struct fixture *x = open_tls();
	struct build client = build_new();
	put_client(&client, "a.example", 16384);
	put(&client, CCS DATA "GET / HTTP/1.1", 28);
	assert_int_equal(feed_build(x, FROM_CLIENT, &client), PARSE_DONE);
	assert_string_equal(x->f->sni, "a.example");
	assert_int_equal(anomalies_of(x), 0);
	close_tls(x);
}

static void client_records_between(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		enum parse status;
		unsigned anomalies;
	} cases[] = {
	    {FATAL, 7, PARSE_DONE, 1},
	    {CCS, 6, PARSE_DONE, 1},
	    {"\x16\x03\x01\x00\x00", 5, PARSE_DONE, 1},
	    {CCS CCS CCS, 18, PARSE_DONE, 3},
	    {DATA, 8, PARSE_BAD, 1},
	    {"\x18\x03\x01\x00\x01x", 6, PARSE_BAD, 1},
	    {"GET / ", 6, PARSE_BAD, 1},
	    {"\x16\x02\x01\x00\x01x", 6, PARSE_BAD, 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t record = 20; record <= 16384;
		     record += 16364) { /* between the pieces of the hello, and before it */
			for (size_t chunk = 1; chunk < 10; chunk += 3) {
				struct fixture *x = open_tls();
				struct build whole = build_new(), client = build_new();
				put_client(&whole, "a.example", record);
				size_t cut = record == 20 ? 25 : 0;
				put(&client, whole.p, cut);
				put(&client, cases[i].bytes, cases[i].n);
				put(&client, whole.p + cut, whole.n - cut);
				assert_int_equal(feed_chunks(x, FROM_CLIENT, build_slice(&client), chunk),
						 cases[i].status);
				assert_int_equal(x->anomalies.n[ANOMALY_TLS_RECORD_BAD], cases[i].anomalies);
				assert_string_equal(x->f->sni, cases[i].status == PARSE_DONE ? "a.example" : "");
				build_free(&whole);
				build_free(&client);
				close_tls(x);
			}
		}
	}
}

static void client_messages_before(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		struct fixture *x = open_tls();
		struct build client = build_new();
		put_handshake(&client, (uint8_t)type, SLICE_LITERAL("xx"));
		assert_int_equal(feed_build(x, FROM_CLIENT, &client), PARSE_BAD);
		assert_int_equal(x->anomalies.n[ANOMALY_TLS_HELLO_BAD], 1);
		client = build_new(); /* bad for good */
		put_client(&client, "a.example", 16384);
		assert_int_equal(feed_build(x, FROM_CLIENT, &client), PARSE_BAD);
		assert_false(x->f->client_hello);
		close_tls(x);
	}
}

/* What a server may send where: before its hello, after a retry, after a TLS 1.2 hello. */
static void server_records(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		enum parse before, retry, after;
	} cases[] = {
	    {WARNING, 7, PARSE_MORE, PARSE_MORE, PARSE_MORE}, /* unrecognized_name */
	    {FATAL, 7, PARSE_DONE, PARSE_DONE, PARSE_DONE},
	    {CCS, 6, PARSE_MORE, PARSE_MORE, PARSE_DONE},
	    {DATA, 8, PARSE_BAD, PARSE_BAD, PARSE_DONE},
	    {"\x16\x03\x03\x00\x04\x00\x00\x00\x00", 9, PARSE_MORE, PARSE_MORE, PARSE_MORE}, /* HelloRequest */
	    {"\x16\x03\x03\x00\x04\x0e\x00\x00\x00", 9, PARSE_BAD, PARSE_BAD, PARSE_DONE},   /* ServerHelloDone */
	    {"\x16\x03\x03\x00\x04\x0c\x00\x00\x00", 9, PARSE_BAD, PARSE_BAD, PARSE_DONE},   /* ServerKeyExchange */
	    {"\x16\x03\x03\x00\x04\x16\x00\x00\x00", 9, PARSE_BAD, PARSE_BAD, PARSE_MORE},   /* CertificateStatus */
	    {"\x16\x03\x03\x00\x07\x0b\x00\x00\x03\0\0\0", 12, PARSE_BAD, PARSE_BAD, PARSE_DONE}, /* no certificate */
	    {"\x16\x03\x03\x00\x05\x02\x00\x00\x01x", 10, PARSE_BAD, PARSE_BAD, PARSE_BAD},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice bytes = slice_of(cases[i].bytes, cases[i].n);
		for (int stage = 0; stage < 3; stage++) {
			for (size_t chunk = 1; chunk < 16; chunk += 4) {
				struct fixture *x = open_tls();
				struct build server = build_new();
				if (stage)
					put_server(&server, 0x0303, stage == 1 ? 0x0304 : 0, stage == 1);
				put(&server, bytes.p, bytes.n);
				assert_int_equal(feed_chunks(x, FROM_SERVER, build_slice(&server), chunk),
						 stage == 0   ? cases[i].before
						 : stage == 1 ? cases[i].retry
							      : cases[i].after);
				assert_int_equal(x->f->server_hello, stage > 0);
				build_free(&server);
				close_tls(x);
			}
		}
	}
}

/* A gap ends the direction; the name that was whole before it is kept, the hello is not declared complete. */
static void gaps(void **state)
{
	(void)state;
	unsigned with_name = 0;
	for (size_t n = 0; n < sizeof node_client; n += 3) {
		struct fixture *x = open_tls();
		tls_feed(x->t, FROM_CLIENT, slice_first(SAMPLE(node_client), n));
		tls_gap(x->t, FROM_CLIENT, 100);
		assert_int_equal(tls_feed(x->t, FROM_CLIENT, SAMPLE(node_client)), PARSE_DONE);
		assert_false(x->f->client_hello);
		assert_string_equal(x->f->ja4, "");
		assert_false(x->f->sni_cut);
		if (x->f->sni[0]) {
			with_name++;
			assert_string_equal(x->f->sni, "mcp.stripe.com");
		}
		assert_int_equal(anomalies_of(x), 0);
		feed_chunks(x, FROM_SERVER, SAMPLE(node_server), 4096); /* the other direction does not suffer */
		assert_int_equal(x->f->version, 0x0304);
		tls_gap(x->t, FROM_SERVER, 1);
		assert_int_equal(x->f->version, 0x0304);
		close_tls(x);
	}
	assert_in_range(with_name, 10, sizeof node_client / 3 - 10);

	struct fixture *x = open_tls();
	tls_gap(x->t, FROM_SERVER, 0);
	assert_int_equal(tls_feed(x->t, FROM_SERVER, SAMPLE(tls12_server)), PARSE_DONE);
	assert_false(x->f->server_hello);
	close_tls(x);
}

static void put_padded(struct build *b, const char *sni, size_t padding, size_t record)
{
	struct build body = build_new(), message = build_new();
	size_t at = hello_open(&body);
	put_sni_text(&body, sni);
	put_be(&body, 21, 2);
	put_be(&body, (uint32_t)padding, 2);
	put_zeros(&body, padding);
	vector_end(&body, at, 2);
	put_message(&message, 1, build_slice(&body));
	put_records(b, 22, build_slice(&message), record);
	build_free(&body);
	build_free(&message);
}

/* Large but lawful hellos are read; at the cap the name is a hint that approves nothing. */
static void limits(void **state)
{
	(void)state;
	struct fixture *x = open_tls();
	struct build client = build_new();
	put_padded(&client, "a.example", 60000, 1);
	assert_int_equal(feed_build(x, FROM_CLIENT, &client), PARSE_DONE);
	assert_true(x->f->client_hello && !x->f->sni_cut);
	assert_string_equal(x->f->sni, "a.example");
	assert_int_equal(anomalies_of(x), 0);
	close_tls(x);

	x = open_tls();
	client = build_new();
	put_padded(&client, "a.example", 65500, 16384);
	assert_int_equal(feed_build(x, FROM_CLIENT, &client), PARSE_DONE);
	assert_true(!x->f->client_hello && x->f->sni_cut);
	assert_string_equal(x->f->sni, "a.example");
	assert_int_equal(x->anomalies.n[ANOMALY_TLS_HELLO_LIMIT], 1);
	close_tls(x);

	x = open_tls(); /* a length of 16 MiB and nothing but padding */
	client = build_new();
	put(&client, "\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9);
	put_zeros(&client, 16380);
	for (int i = 0; i < 5; i++) {
		put(&client, "\x16\x03\x01\x40\x00", 5);
		put_zeros(&client, 16384);
	}
	assert_int_equal(feed_build(x, FROM_CLIENT, &client), PARSE_DONE);
	assert_true(!x->f->client_hello && x->f->sni_cut);
	assert_int_equal(x->anomalies.n[ANOMALY_TLS_HELLO_LIMIT], 1);
	close_tls(x);

	for (size_t chunk = 100; chunk <= LIMIT_TLS_PREAMBLE * 2; chunk *= 7) { /* empty records for ever */
		x = open_tls();
		client = build_new();
		while (client.n < LIMIT_TLS_PREAMBLE + 100)
			put(&client, "\x16\x03\x01\x00\x00", 5);
		assert_int_equal(feed_chunks(x, FROM_CLIENT, build_slice(&client), chunk), PARSE_DONE);
		assert_int_equal(x->anomalies.n[ANOMALY_TLS_RECORD_BAD], LIMIT_TLS_PREAMBLE / 5);
		assert_int_equal(x->anomalies.n[ANOMALY_TLS_HELLO_LIMIT], 1);
		build_free(&client);
		close_tls(x);
	}
}

static void version_names(void **state)
{
	(void)state;
	assert_string_equal(tls_version_name(0x0304), "1.3");
	assert_string_equal(tls_version_name(0x0303), "1.2");
	assert_string_equal(tls_version_name(0x0302), "1.1");
	assert_string_equal(tls_version_name(0x0301), "1.0");
	assert_string_equal(tls_version_name(0x0300), "ssl3");
	assert_string_equal(tls_version_name(0x7f17), "1.3");
	assert_null(tls_version_name(0));
	assert_null(tls_version_name(0x0305));
}

static void looks_like(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		bool is, sure;
	} cases[] = {
	    {"", 0, true, false},
	    {"\x16", 1, true, false},
	    {"\x16\x03\x01\x02\x00", 5, true, false},
	    {"\x16\x03\x01\x02\x00\x01", 6, true, true},
	    {"\x16\x03\x03\x00\x7a\x02", 6, true, true},
	    {"\x16\x03\x01\x00\x01\x01", 6, true, true},
	    {"\x16\x03\x01\x00\x00\x16\x03\x01\x00\x00", 10, true, false}, /* empty records first */
	    {"\x16\x03\x01\x00\x00\x16\x03\x01\x00\x05\x01", 11, true, true},
	    {"\x16\x03\x01\x00\x00GET", 8, false, true},
	    {"\x16\x03\x01\x02\x00\x0b", 6, false, true},
	    {"\x16\x03\x01\xff\xff", 5, false, true},
	    {"\x16\x03\x05", 3, false, true},
	    {"\x16\xfe\xff", 3, false, true}, /* DTLS */
	    {"\x17\x03\x03\x00\x20\x01", 6, false, true},
	    {"GET /", 5, false, true},
	    {"\x80\x2e\x01\x03\x01\x00", 6, false, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool sure;
		assert_int_equal(tls_looks_like(slice_of(cases[i].bytes, cases[i].n), &sure), cases[i].is);
		assert_int_equal(sure, cases[i].sure);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_split),
	    cmocka_unit_test(truncation),
	    cmocka_unit_test(memory),
	    cmocka_unit_test(failing_memory),
	    cmocka_unit_test(hello_retry),
	    cmocka_unit_test(behind_the_hello),
	    cmocka_unit_test(client_records_between),
	    cmocka_unit_test(client_messages_before),
	    cmocka_unit_test(server_records),
	    cmocka_unit_test(gaps),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(version_names),
	    cmocka_unit_test(looks_like),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
