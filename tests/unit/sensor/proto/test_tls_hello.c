/* tls_hello.c: real hellos, every field, and what is wrong at each level of nesting. */
#include "tls_build.h"

#include "tls_hello.h"
#include "tls_samples.h"

struct result {
	struct tls_facts facts;
	struct anomaly_counts anomalies;
	bool ok;
};

static struct result read_hello(struct slice body)
{
	struct result r = {.ok = false};
	r.ok = tls_client_hello_read(body, 't', &r.facts, &r.anomalies);
	assert_true(r.ok == r.facts.client_hello);
	return r;
}

static struct result read_build(struct build *b)
{
	struct result r = read_hello(build_slice(b));
	build_free(b);
	return r;
}

/* A hello whose extension block is exactly these bytes. */
static struct result read_extensions(const void *p, size_t n)
{
	struct build b = build_new();
	size_t at = hello_open(&b);
	put(&b, p, n);
	vector_end(&b, at, 2);
	return read_build(&b);
}

static struct result read_sni(const void *name, size_t n)
{
	struct build b = build_new();
	size_t at = hello_open(&b);
	put_sni(&b, name, n);
	vector_end(&b, at, 2);
	return read_build(&b);
}

static void expect_name(struct result r, const char *sni, bool cut)
{
	assert_true(r.ok);
	assert_string_equal(r.facts.sni, sni);
	assert_int_equal(r.facts.sni_cut, cut);
	assert_int_equal(r.anomalies.n[ANOMALY_TLS_SNI_BAD], cut);
}

#define BODY(sample) slice_of((sample) + 9, sizeof(sample) - 9) /* behind the record and message headers */

static void real_hellos(void **state)
{
	(void)state;
	struct result r = read_hello(BODY(node_client));
	expect_name(r, "mcp.stripe.com", false);
	assert_string_equal(r.facts.ja4, "t13d5911h1_a33745022dd6_1f22a2ca17c4");
	assert_int_equal(r.facts.n_alpn_offered, 1);
	assert_string_equal(r.facts.alpn_offered[0], "http/1.1");
	assert_false(r.facts.ech);
	assert_int_equal(r.anomalies.n[ANOMALY_TLS_HELLO_BAD], 0);

	r = read_hello(BODY(codex_client));
	expect_name(r, "tools.acme.test", false);
	assert_int_equal(r.facts.n_alpn_offered, 2);
	assert_string_equal(r.facts.alpn_offered[0], "h2");
	assert_string_equal(r.facts.alpn_offered[1], "http/1.1");
	assert_memory_equal(r.facts.ja4, "t13d1011h2_61a7ad8aa9b6_", 24);
}

static void names(void **state)
{
	(void)state;
	expect_name(read_sni("a.example", 9), "a.example", false);
	expect_name(read_sni("MCP.Example.COM.", 16), "MCP.Example.COM.", false); /* as sent */
	expect_name(read_sni("10.78.0.21", 10), "10.78.0.21", false);
	expect_name(read_sni("2001:db8::1", 11), "2001:db8::1", false);
	expect_name(read_sni("mcp.example.com\0.evil.test", 26), "mcp.example.com\xef\xbf\xbd.evil.test", true);
	expect_name(read_sni("a\nb", 3), "a\nb", true);
	expect_name(read_sni("\xff\xfe", 2), "\xef\xbf\xbd\xef\xbf\xbd", true);
	expect_name(read_sni("mcp..example", 12), "mcp..example", true);
	expect_name(read_sni("*.mcp.example", 13), "*.mcp.example", true);
	expect_name(read_sni("mcp.example:443", 15), "mcp.example:443", true);
	expect_name(read_sni("m\xd1\x81p.example", 12), "m\xd1\x81p.example", true);
	expect_name(read_sni("", 0), "", true);
}

/* 253 bytes is the longest name; more is kept as far as it fits and approves nothing. */
static void long_names(void **state)
{
	(void)state;
	char name[60001];
	for (size_t i = 0; i < sizeof name - 1; i++)
		name[i] = i % 4 == 3 ? '.' : 'a';
	name[sizeof name - 1] = 0;
	assert_false(read_sni(name, 253).facts.sni_cut);
	assert_true(read_sni(name, 255).facts.sni_cut);
	struct result r = read_sni(name, 60000);
	assert_true(r.ok && r.facts.sni_cut);
	assert_int_equal(strlen(r.facts.sni), LIMIT_SNI - 1);
	assert_memory_equal(r.facts.sni, name, LIMIT_SNI - 1);
}

static void odd_name_lists(void **state)
{
	(void)state;
	/* no name: no SNI, nothing wrong */
	expect_name(read_extensions("\x00\x2b\x00\x03\x02\x03\x04", 7), "", false);
	/* an unknown type before the name is passed over */
	expect_name(read_extensions("\0\0\0\x0c\0\x0a\x07\0\x02xx\0\0\x02"
				    "ab",
				    16),
		    "ab", false);
	/* the same name twice says the same thing; another one does not */
	expect_name(read_extensions("\0\0\0\x0c\0\x0a\0\0\x02"
				    "aB\0\0\x02"
				    "ab",
				    16),
		    "aB", false);
	expect_name(read_extensions("\0\0\0\x0c\0\x0a\0\0\x02"
				    "ab\0\0\x02"
				    "cd",
				    16),
		    "ab", true);
	/* two extensions */
	expect_name(read_extensions("\0\0\0\x07\0\x05\0\0\x02"
				    "ab\0\0\0\x07\0\x05\0\0\x02"
				    "ab",
				    22),
		    "ab", false);
	expect_name(read_extensions("\0\0\0\x07\0\x05\0\0\x02"
				    "ab\0\0\0\x07\0\x05\0\0\x02"
				    "cd",
				    22),
		    "ab", true);
	/* lengths that lie: of the list (too long, too short), of the name; an empty extension, an empty list */
	expect_name(read_extensions("\0\0\0\x07\0\x06\0\0\x02"
				    "ab",
				    11),
		    "", true);
	expect_name(read_extensions("\0\0\0\x07\0\x04\0\0\x02"
				    "ab",
				    11),
		    "", true);
	expect_name(read_extensions("\0\0\0\x07\0\x05\0\0\x03"
				    "ab",
				    11),
		    "", true);
	expect_name(read_extensions("\0\0\0\0", 4), "", true);
	expect_name(read_extensions("\0\0\0\x02\0\0", 6), "", true);
	/* JA4 says "d" by the extension alone */
	assert_int_equal(read_extensions("\0\0\0\0", 4).facts.ja4[3], 'd');
	assert_int_equal(read_extensions("\0\x17\0\0", 4).facts.ja4[3], 'i');
}

static void encrypted_hello(void **state)
{
	(void)state;
	assert_true(read_extensions("\xfe\x0d\x00\x02\x00\x01", 6).facts.ech);
	assert_false(read_extensions("\xfe\x0d\x00\x01\x01", 5).facts.ech);
	assert_false(read_extensions("\xfe\x0d\x00\x00", 4).facts.ech);
}

static void protocols(void **state)
{
	(void)state;
	/* GREASE is no protocol; nine offers, eight kept */
	struct result r = read_extensions("\0\x10\0\x17\0\x15\x02\x8a\x8a\x01"
					  "1\x01"
					  "2\x01"
					  "3\x01"
					  "4\x01"
					  "5\x01"
					  "6\x01"
					  "7\x01"
					  "8\x01"
					  "9",
					  27);
	assert_true(r.ok);
	assert_int_equal(r.anomalies.n[ANOMALY_TLS_HELLO_BAD], 0);
	assert_int_equal(r.facts.n_alpn_offered, 8);
	assert_string_equal(r.facts.alpn_offered[0], "1");
	assert_string_equal(r.facts.alpn_offered[7], "8");
	assert_memory_equal(r.facts.ja4 + 8, "11", 2);
	/* the empty one is the first: JA4 says so */
	r = read_extensions("\0\x10\0\x06\0\x04\0\x02h2", 10);
	assert_memory_equal(r.facts.ja4 + 8, "00", 2);
	/* malformed inside: counted, the hello stands */
	r = read_extensions("\0\x10\0\x05\0\x03\x05h2", 9);
	assert_true(r.ok);
	assert_int_equal(r.anomalies.n[ANOMALY_TLS_HELLO_BAD], 1);
	assert_int_equal(r.facts.n_alpn_offered, 0);
}

static void versions(void **state)
{
	(void)state;
	/* the highest without GREASE, in any order; else the legacy version */
	assert_memory_equal(read_extensions("\0\x2b\0\x07\x06\x03\x03\xaa\xaa\x03\x04", 11).facts.ja4, "t13", 3);
	assert_memory_equal(read_extensions("\0\x2b\0\x05\x04\x03\x02\x03\x01", 9).facts.ja4, "t11", 3);
	assert_memory_equal(read_extensions("\0\x17\0\0", 4).facts.ja4, "t12", 3);
	assert_memory_equal(read_extensions("\0\x2b\0\x03\x02\xfa\xfa", 7).facts.ja4, "t00", 3);
	assert_int_equal(read_extensions("\0\x2b\0\x03\x02\x03", 6).ok, false);
}

/* GREASE anywhere changes nothing. */
static void grease(void **state)
{
	(void)state;
	struct build plain = build_new(), greased = build_new();
	for (int i = 0; i < 2; i++) {
		struct build *b = i ? &greased : &plain;
		put_be(b, 0x0303, 2);
		put_zeros(b, 32);
		put_be(b, 0, 1);
		size_t at = vector(b, 2);
		put(b, "\x4a\x4a", i ? 2 : 0);
		put(b, "\x13\x01\x13\x02", 4);
		vector_end(b, at, 2);
		put(b, "\x01\x00", 2);
		at = vector(b, 2);
		put(b, "\x1a\x1a\x00\x00", i ? 4 : 0);
		put_sni_text(b, "a.example");
		put_extension(b, 43, i ? "\x04\xca\xca\x03\x04" : "\x02\x03\x04", i ? 5 : 3);
		put_extension(b, 13, i ? "\x00\x04\x0a\x0a\x04\x03" : "\x00\x02\x04\x03", i ? 6 : 4);
		put_extension(b, 16, i ? "\x00\x06\x02ZZ\x02h2" : "\x00\x03\x02h2", i ? 8 : 5);
		put(b, "\xfa\xfa\x00\x01\x00", i ? 5 : 0);
		vector_end(b, at, 2);
	}
	struct result a = read_build(&plain), b = read_build(&greased);
	expect_name(a, "a.example", false);
	expect_name(b, "a.example", false);
	assert_memory_equal(a.facts.ja4, "t13d0204h2_", 11);
	assert_string_equal(a.facts.ja4, b.facts.ja4);
	assert_int_equal(b.facts.n_alpn_offered, 1);
}

static void put_start(struct build *b, size_t session_id, size_t ciphers, size_t compressions)
{
	put_be(b, 0x0301, 2);
	put_zeros(b, 32);
	put_be(b, (uint32_t)session_id, 1);
	put_zeros(b, session_id);
	put_be(b, (uint32_t)ciphers, 2);
	put_zeros(b, ciphers);
	put_be(b, (uint32_t)compressions, 1);
	put_zeros(b, compressions);
}

static void malformed(void **state)
{
	(void)state;
	static const struct {
		size_t session_id, ciphers, compressions;
		bool ok;
	} starts[] = {{0, 2, 1, true},  {32, 2, 1, true}, {33, 2, 1, false}, {255, 2, 1, false},
		      {0, 0, 1, false}, {0, 3, 1, false}, {0, 2, 0, false},  {0, 60000, 1, true}};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		struct build b = build_new(); /* and no extensions, as before TLS 1.3 */
		put_start(&b, starts[i].session_id, starts[i].ciphers, starts[i].compressions);
		struct result r = read_build(&b);
		assert_int_equal(r.ok, starts[i].ok);
		assert_int_equal(r.facts.sni_cut, !starts[i].ok);
		assert_int_equal(r.anomalies.n[ANOMALY_TLS_HELLO_BAD], !starts[i].ok);
		assert_int_equal(r.anomalies.n[ANOMALY_TLS_HELLO_LIMIT], starts[i].ciphers > 2 * LIMIT_TLS_JA4_VALUES);
	}
	for (int extra = -1; extra <= 1; extra++) { /* the extension block is shorter or longer than its length says */
		struct build b = build_new();
		put_start(&b, 0, 2, 1);
		put_be(&b, (uint32_t)(14 + extra), 2);
		put_sni_text(&b, "a.com");
		struct result r = read_build(&b);
		assert_int_equal(r.ok, extra == 0);
		assert_int_equal(r.facts.sni_cut, extra != 0);
		assert_int_equal(r.facts.ja4[0] != 0, extra == 0);
	}
	/* an extension that is longer than the block; what came before stays, for the analyst */
	struct result r = read_extensions("\0\0\0\x07\0\x05\0\0\x02"
					  "ab\0\x17\0\x01",
					  15);
	assert_false(r.ok);
	assert_string_equal(r.facts.sni, "ab");
	assert_true(r.facts.sni_cut);
	assert_string_equal(r.facts.ja4, "");
	assert_int_equal(r.anomalies.n[ANOMALY_TLS_HELLO_BAD], 1);
}

/* Cut at every byte, its end being the end of readable memory: never whole, never a wrong name, never a read outside.
 */
static void truncation(void **state)
{
	(void)state;
	struct guarded g = guarded_new(sizeof codex_client);
	const struct slice hellos[] = {BODY(node_client), BODY(codex_client)};
	const char *const sni[] = {"mcp.stripe.com", "tools.acme.test"};
	for (size_t i = 0; i < 2; i++) {
		bool seen = false;
		size_t bare = 34 + 1 + hellos[i].p[34]; /* up to where the extensions begin: whole, as before TLS 1.3 */
		bare += 2 + (size_t)(hellos[i].p[bare] << 8 | hellos[i].p[bare + 1]);
		bare += 1 + (size_t)hellos[i].p[bare];
		for (size_t n = 0; n <= hellos[i].n; n++) {
			struct slice body = guarded_copy(&g, slice_first(hellos[i], n));
			assert_int_equal(read_hello(body).ok, n == hellos[i].n || n == bare);

			struct result r = {.ok = false};
			tls_client_hello_read_start(body, &r.facts, &r.anomalies);
			assert_false(r.facts.client_hello);
			assert_string_equal(r.facts.ja4, "");
			if (seen || r.facts.sni[0])
				assert_string_equal(r.facts.sni, sni[i]);
			seen = r.facts.sni[0] != 0;
			assert_int_equal(r.anomalies.n[ANOMALY_TLS_SNI_BAD] + r.anomalies.n[ANOMALY_TLS_HELLO_BAD], 0);
		}
		assert_true(seen);
	}
	guarded_free(&g);
}

static struct result read_server(struct slice body)
{
	struct result r = {.ok = false};
	struct tls_facts before = r.facts;
	r.ok = tls_server_hello_read(body, &r.facts, &r.anomalies);
	if (!r.ok)
		assert_memory_equal(&r.facts, &before, sizeof before);
	assert_int_equal(r.ok, r.facts.server_hello);
	assert_int_equal(r.anomalies.n[ANOMALY_TLS_HELLO_BAD], !r.ok);
	return r;
}

static void server_hellos(void **state)
{
	(void)state;
	static const struct {
		uint16_t legacy, selected;
		bool retry;
		uint16_t version;
	} cases[] = {{0x0303, 0x0304, false, 0x0304},
		     {0x0303, 0x0304, true, 0x0304},
		     {0x0303, 0, false, 0x0303},
		     {0x0301, 0, false, 0x0301},
		     {0x0303, 0x7f1c, false, 0x7f1c}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct build b = build_new();
		put_server_hello(&b, cases[i].legacy, cases[i].selected, cases[i].retry);
		struct result r = read_server(build_slice(&b));
		assert_true(r.ok);
		assert_int_equal(r.facts.version, cases[i].version);
		assert_int_equal(r.facts.hello_retry, cases[i].retry);
		put_be(&b, 0, 1);
		assert_false(read_server(build_slice(&b)).ok); /* something behind the extensions */
		build_free(&b);
	}
	struct slice hello = slice_of(tls12_server + 9, 74);
	struct result r = read_server(hello);
	assert_true(r.ok);
	assert_int_equal(r.facts.version, 0x0303);
	assert_string_equal(r.facts.alpn, "h2");
	struct guarded g = guarded_new(hello.n);
	for (size_t n = 0; n < hello.n; n++) /* RFC 5246 lets it end before the extensions */
		assert_int_equal(read_server(guarded_copy(&g, slice_first(hello, n))).ok, n == 38);
	guarded_free(&g);
}

static struct result read_server_extensions(const void *p, size_t n)
{
	struct build b = build_new();
	put_be(&b, 0x0303, 2);
	put_zeros(&b, 32 + 1 + 3);
	put_be(&b, (uint32_t)n, 2);
	put(&b, p, n);
	struct result r = read_server(build_slice(&b));
	build_free(&b);
	return r;
}

static void server_extensions(void **state)
{
	(void)state;
	assert_true(read_server_extensions("", 0).ok);
	assert_string_equal(read_server_extensions("\0\x10\0\x05\0\x03\x02h2", 9).facts.alpn, "h2");
	assert_false(read_server_extensions("\0\x10\0\x08\0\x06\x02h2\x02h3", 12).ok); /* two protocols selected */
	assert_false(read_server_extensions("\0\x10\0\x02\0\x00", 6).ok);
	assert_false(read_server_extensions("\0\x10\0\x05\0\x02\x02h2", 9).ok);
	assert_false(read_server_extensions("\0\x2b\0\x01\x03", 5).ok);
	assert_false(read_server_extensions("\0\x2b\0\x03\x03\x04\0", 7).ok);
	assert_false(read_server_extensions("\0\x17\0\x01", 4).ok);
	struct build b = build_new();
	put_server_hello(&b, 0x0203, 0, false); /* SSL 2.3? */
	assert_false(read_server(build_slice(&b)).ok);
	b.n = 0;
	put_be(&b, 0x0303, 2);
	put_zeros(&b, 32);
	put_be(&b, 33, 1);
	put_zeros(&b, 33 + 3);
	assert_false(read_server(build_slice(&b)).ok); /* session id too long */
	build_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(real_hellos),    cmocka_unit_test(names),           cmocka_unit_test(long_names),
	    cmocka_unit_test(odd_name_lists), cmocka_unit_test(encrypted_hello), cmocka_unit_test(protocols),
	    cmocka_unit_test(versions),       cmocka_unit_test(grease),          cmocka_unit_test(malformed),
	    cmocka_unit_test(truncation),     cmocka_unit_test(server_hellos),   cmocka_unit_test(server_extensions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
