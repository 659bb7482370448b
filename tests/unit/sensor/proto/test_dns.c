/* Answers lead from the name that was asked for to addresses; everything else in a message is nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dns.h"
#include "dns_build.h"

static enum dns_kind read_all(const struct dns_build *m, struct dns_message *ret)
{
	/* of its very size, so that the sanitizer sees a byte too far */
	uint8_t *copy = malloc(m->n ? m->n : 1);
	memcpy(copy, m->b, m->n);
	enum dns_kind k = dns_message_read(slice_of(copy, m->n), m->n, ret);
	free(copy);
	return k;
}

static void expect_one(const struct dns_message *m, uint32_t address, uint32_t ttl)
{
	assert_int_equal(m->n_addresses, 1);
	assert_int_equal(m->addresses[0].addr.family, 4);
	uint32_t v = (uint32_t)m->addresses[0].addr.b[0] << 24 | (uint32_t)m->addresses[0].addr.b[1] << 16 |
	             (uint32_t)m->addresses[0].addr.b[2] << 8 | m->addresses[0].addr.b[3];
	assert_int_equal(v, address);
	assert_int_equal(m->addresses[0].ttl, ttl);
}

static void test_plain(void **state)
{
	(void)state;
	struct dns_build b;
	struct dns_message m;
	dns_begin(&b, 0x8180, "MCP.Acme.Com", 1, 1);
	dns_a(&b, "@12", 300, 0x0a000001);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	assert_string_equal(m.name, "mcp.acme.com");
	expect_one(&m, 0x0a000001, 300);
	assert_false(m.cut);

	dns_begin(&b, 0x0100, "mcp.acme.com", 28, 0);
	assert_int_equal(read_all(&b, &m), DNS_QUERY);
	assert_int_equal(m.type, 28);

	dns_begin(&b, 0x8183, "mcp.acme.com", 1, 0); /* NXDOMAIN */
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	assert_int_equal(m.rcode, 3);
	assert_int_equal(m.n_addresses, 0);
}

static void test_chain_in_any_order(void **state)
{
	(void)state;
	struct dns_build b;
	struct dns_message m;
	dns_begin(&b, 0x8180, "a.test", 1, 3);
	dns_a(&b, "c.test", 600, 0x0a000002);
	dns_cname(&b, "b.test", 50, "C.test");
	dns_cname(&b, "a.test", 900, "b.test");
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	assert_string_equal(m.name, "a.test");
	expect_one(&m, 0x0a000002, 50); /* the least of the chain */

	dns_begin(&b, 0x8180, "a.test", 1, 3); /* a loop ends */
	dns_cname(&b, "a.test", 9, "b.test");
	dns_cname(&b, "b.test", 9, "a.test");
	dns_a(&b, "b.test", 600, 0x0a000003);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	expect_one(&m, 0x0a000003, 9);

	dns_begin(&b, 0x8180, "n0.test", 1, 41); /* longer than anybody follows */
	for (int i = 0; i < 40; i++) {
		char from[16], to[16];
		snprintf(from, sizeof from, "n%d.test", i);
		snprintf(to, sizeof to, "n%d.test", i + 1);
		dns_cname(&b, from, 60, to);
	}
	dns_a(&b, "n40.test", 60, 0x0a000004);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	assert_int_equal(m.n_addresses, 0);
	assert_true(m.cut);
}

static void test_what_nobody_asked_for(void **state)
{
	(void)state;
	struct dns_build b;
	struct dns_message m;
	dns_begin(&b, 0x8180, "a.test", 1, 2);
	dns_a(&b, "evil.test", 300, 0x0a000001); /* another owner in the answer */
	dns_a(&b, "a.test", 300, 0x0a000002);
	b.b[11] = 1; /* and an additional record */
	dns_a(&b, "a.test", 300, 0x0a000003);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	expect_one(&m, 0x0a000002, 300);

	dns_begin(&b, 0x8180, "a.test", 28, 1); /* A to a question for AAAA */
	dns_a(&b, "a.test", 300, 0x0a000001);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	assert_int_equal(m.n_addresses, 0);

	dns_begin(&b, 0x8180, "a.test", 1, 1); /* of class CHAOS */
	dns_a(&b, "a.test", 300, 0x0a000001);
	b.b[12 + 8 + 4 + 8 + 3] = 3;
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	assert_int_equal(m.n_addresses, 0);
}

static void test_service_records(void **state)
{
	(void)state;
	struct dns_build b;
	struct dns_message m;
	dns_begin(&b, 0x8180, "_8443._https.a.test", 65, 1);
	size_t at = dns_open(&b, "@12", 65, 300);
	dns_put(&b, 1, 2);
	dns_name(&b, "");
	dns_put(&b, 4, 2); /* ipv4hint */
	dns_put(&b, 8, 2);
	dns_put(&b, 0x0a0000010a000002, 8);
	dns_put(&b, 5, 2); /* ech */
	dns_put(&b, 3, 2);
	dns_put(&b, 0x010203, 3);
	dns_put(&b, 6, 2); /* ipv6hint */
	dns_put(&b, 16, 2);
	dns_put(&b, 0x20010db800000000, 8);
	dns_put(&b, 1, 8);
	dns_close(&b, at);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	assert_string_equal(m.name, "a.test");
	assert_int_equal(m.n_addresses, 3);
	assert_int_equal(m.addresses[2].addr.family, 6);
	assert_true(m.ech);

	dns_begin(&b, 0x8180, "a.test", 65, 2); /* alias mode */
	at = dns_open(&b, "a.test", 65, 100);
	dns_put(&b, 0, 2);
	dns_name(&b, "pool.test");
	dns_close(&b, at);
	at = dns_open(&b, "pool.test", 65, 300);
	dns_put(&b, 1, 2);
	dns_name(&b, "");
	dns_put(&b, 4, 2);
	dns_put(&b, 4, 2);
	dns_put(&b, 0x0a000005, 4);
	dns_close(&b, at);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	expect_one(&m, 0x0a000005, 100);

	dns_begin(&b, 0x8180, "a.test", 65, 1); /* a hint that is no address */
	at = dns_open(&b, "a.test", 65, 100);
	dns_put(&b, 1, 2);
	dns_name(&b, "");
	dns_put(&b, 4, 2);
	dns_put(&b, 3, 2);
	dns_put(&b, 1, 3);
	dns_close(&b, at);
	assert_int_equal(read_all(&b, &m), DNS_BAD);
}

static void test_pointers(void **state)
{
	(void)state;
	static const char *const bad[] = {"@20", "@24", "@25", "@4000", "a.@24"}; /* to themselves, forward, away */
	struct dns_build b;
	struct dns_message m;
	dns_begin(&b, 0x8180, "@12", 1, 0);
	assert_int_equal(read_all(&b, &m), DNS_BAD);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		dns_begin(&b, 0x8180, "abcdef.z", 1, 1); /* 12 .. 22, then type and class; the owner begins at 26 */
		dns_a(&b, bad[i], 300, 0x0a000001);
		if (i == 1 || i == 4) /* 24: the question's class, bytes 0 1: one label that runs into the record */
			continue;
		enum dns_kind k = read_all(&b, &m);
		assert_true(k == DNS_BAD || (k == DNS_ANSWER && m.n_addresses == 0));
	}
	/* a ladder of pointers, each to the one before: more than any name needs */
	dns_begin(&b, 0x8180, "a.test", 1, 2);
	size_t at = dns_open(&b, "a.test", 16, 1), first = b.n;
	dns_put(&b, 0xc00c, 2);
	for (int i = 0; i < 100; i++)
		dns_put(&b, 0xc000 | (b.n - 2), 2);
	size_t last = b.n - 2;
	dns_close(&b, at);
	char name[16];
	snprintf(name, sizeof name, "@%zu", last);
	dns_a(&b, name, 300, 0x0a000001);
	assert_int_equal(read_all(&b, &m), DNS_BAD);
	snprintf(name, sizeof name, "@%zu", first + 2 * 20);
	b.n = last + 2;
	dns_a(&b, name, 300, 0x0a000001);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	expect_one(&m, 0x0a000001, 300);
}

static void test_names_of_no_host(void **state)
{
	(void)state;
	struct dns_build b;
	struct dns_message m;
	static const char *const names[] = {"", "a b.test", "caf\xc3\xa9.test", "10.0.0.1"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		dns_begin(&b, 0x0100, names[i], 1, 0);
		assert_int_equal(read_all(&b, &m), DNS_OTHER);
	}
	dns_begin(&b, 0x0100, "aXb.test", 1, 0);
	b.b[14] = '.'; /* a dot inside a label */
	assert_int_equal(read_all(&b, &m), DNS_OTHER);
	dns_begin(&b, 0x0100, "a.test", 16, 0); /* TXT */
	assert_int_equal(read_all(&b, &m), DNS_OTHER);
	dns_begin(&b, 0x2900, "a.test", 1, 0); /* UPDATE */
	assert_int_equal(read_all(&b, &m), DNS_FOREIGN);
	dns_begin(&b, 0x8180, "a.test", 1, 0);
	b.b[5] = 0; /* no question: mDNS, and the rest of a zone */
	assert_int_equal(read_all(&b, &m), DNS_FOREIGN);
}

static void test_cut(void **state)
{
	(void)state;
	struct dns_build b;
	struct dns_message m;
	dns_begin(&b, 0x8380, "a.test", 1, 3); /* truncated: what is there counts, and is not all */
	dns_a(&b, "a.test", 300, 0x0a000001);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	expect_one(&m, 0x0a000001, 300);
	assert_true(m.cut);
	b.b[2] = 0x81; /* the same without saying so */
	assert_int_equal(read_all(&b, &m), DNS_BAD);
	/* a snap length; no beginning of a message reads a byte too far or tells of an address that is not whole */
	dns_begin(&b, 0x8180, "a.test", 1, 2);
	dns_a(&b, "a.test", 300, 0x0a000001);
	size_t whole = b.n;
	dns_a(&b, "a.test", 300, 0x0a000002);
	for (size_t n = 0; n < b.n; n++) {
		uint8_t *copy = malloc(n ? n : 1);
		memcpy(copy, b.b, n);
		enum dns_kind k = dns_message_read(slice_of(copy, n), b.n, &m);
		free(copy);
		assert_true(n < 24 ? k == DNS_FOREIGN || k == DNS_BAD : k == DNS_ANSWER);
		if (k == DNS_ANSWER) {
			assert_int_equal(m.n_addresses, n >= whole);
			assert_true(m.cut);
		}
	}
}

static void test_many(void **state)
{
	(void)state;
	struct dns_build b;
	struct dns_message m;
	dns_begin(&b, 0x8180, "a.test", 1, 100);
	for (uint32_t i = 0; i < 100; i++)
		dns_a(&b, "@12", i == 0 ? 0x80000000 : 300, 0x0a000000 + i); /* RFC 2181 8: the highest bit makes it 0 */
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	assert_int_equal(m.n_addresses, LIMIT_DNS_ADDRESSES);
	assert_true(m.cut);
	assert_int_equal(m.addresses[0].ttl, 0);
	dns_begin(&b, 0x8180, "a.test", 1, LIMIT_DNS_RECORDS + 1);
	for (int i = 0; i <= LIMIT_DNS_RECORDS; i++)
		dns_a(&b, "@12", 300, 0x0a000001);
	assert_int_equal(read_all(&b, &m), DNS_ANSWER);
	expect_one(&m, 0x0a000001, 300);
	assert_true(m.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_chain_in_any_order), cmocka_unit_test(test_what_nobody_asked_for),
		cmocka_unit_test(test_service_records), cmocka_unit_test(test_pointers), cmocka_unit_test(test_names_of_no_host),
		cmocka_unit_test(test_cut), cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
