/* Who was told what, when: by client and tenant, by packet time, within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "frame.h"
#include "name_book.h"

static struct ip_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct ip_addr){.family = 4, .b = {a, b, c, d}};
}

static int64_t at(double seconds)
{
	return (int64_t)(seconds * 1e9);
}

/* A client asks, and is told one address. */
static struct names told(uint8_t client, const char *name, uint8_t server, double seconds, uint32_t ttl)
{
	bool mcp = strncmp(name, "mcp.", 4) == 0;
	struct names n = {.time_ns = at(seconds), .frame = 9, .client = v4(10, 0, 0, client), .name = name, .answered = true,
	                  .dedicated = mcp, .confidence = mcp ? CONFIDENCE_LIKELY : CONFIDENCE_NONE, .signature = mcp ? "dns.dedicated" : "",
	                  .reason = mcp ? "why" : "", .n_addresses = 1};
	n.addresses[0] = (struct named_address){v4(192, 0, 2, server), ttl};
	return n;
}

static struct observation connection(uint8_t client, uint8_t server, double seconds)
{
	return (struct observation){.client_ip = v4(10, 0, 0, client), .server_ip = v4(192, 0, 2, server), .connection_time_ns = at(seconds)};
}

static void take(struct name_book *b, struct names n)
{
	assert_int_equal(name_book_take(b, &n), 0);
}

static unsigned count(struct name_book *b, struct observation o, struct address_names *ret)
{
	name_book_address(b, &o, "www.acme.com", ret);
	return ret->n;
}

static void test_times_and_clients(void **state)
{
	(void)state;
	struct name_book *b = name_book_new();
	struct address_names a;
	take(b, told(1, "mcp.acme.com", 5, 100, 300));
	assert_int_equal(count(b, connection(1, 5, 99.9), &a), 0); /* before */
	assert_int_equal(count(b, connection(1, 5, 100), &a), 1);
	assert_string_equal(a.name, "mcp.acme.com");
	assert_int_equal(a.confidence, CONFIDENCE_LIKELY);
	assert_int_equal(a.time_ns, at(100));
	assert_false(a.listed);
	assert_int_equal(count(b, connection(1, 5, 400), &a), 1);
	assert_int_equal(count(b, connection(1, 5, 400.1), &a), 0);
	assert_int_equal(count(b, connection(2, 5, 200), &a), 0); /* another client */
	assert_int_equal(count(b, connection(1, 6, 200), &a), 0); /* another address */
	struct observation o = connection(1, 5, 200);
	o.encap.n = 1; /* another tenant */
	o.encap.layer[0].kind = ENCAP_VLAN;
	o.encap.layer[0].id = 7;
	assert_int_equal(count(b, o, &a), 0);
	/* told again in time: it held all along; told again later: it did not in between */
	take(b, told(1, "mcp.acme.com", 5, 350, 300));
	assert_int_equal(count(b, connection(1, 5, 200), &a), 1);
	assert_int_equal(count(b, connection(1, 5, 640), &a), 1);
	take(b, told(1, "mcp.acme.com", 5, 900, 1)); /* for a minute at least */
	assert_int_equal(count(b, connection(1, 5, 800), &a), 0);
	assert_int_equal(count(b, connection(1, 5, 959), &a), 1);
	assert_int_equal(count(b, connection(1, 5, 961), &a), 0);
	take(b, told(3, "mcp.acme.com", 5, 1000, UINT32_MAX)); /* for a day at most */
	assert_int_equal(count(b, connection(3, 5, 1000 + LIMIT_NAMES_MOST_SECONDS - 1), &a), 1);
	assert_int_equal(count(b, connection(3, 5, 1000 + LIMIT_NAMES_MOST_SECONDS + 1), &a), 0);
	name_book_free(b);
	name_book_free(NULL);
}

static void test_several_names(void **state)
{
	(void)state;
	struct name_book *b = name_book_new();
	struct address_names a;
	take(b, told(1, "www.acme.com", 5, 100, 300));
	take(b, told(1, "mcp.acme.com", 5, 100, 300));
	take(b, told(1, "a.acme.com", 5, 100, 300));
	assert_int_equal(count(b, connection(1, 5, 150), &a), 3);
	assert_true(a.listed);
	assert_string_equal(a.name, "mcp.acme.com"); /* what says most */
	name_book_end(b);
	assert_int_equal(count(b, connection(1, 5, 150), &a), 0);
	name_book_free(b);
}

static void test_check(void **state)
{
	(void)state;
	struct name_book *b = name_book_new();
	struct observation o = connection(1, 9, 1000);
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_UNSEEN); /* nothing is seen */
	take(b, told(1, "www.acme.com", 7, 0, 300));
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_UNSEEN); /* not of that name */
	take(b, told(1, "mcp.acme.com", 5, 900, 300));
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_MISMATCH);
	o = connection(1, 5, 1000);
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_FITS);
	o = connection(1, 9, 250); /* too soon after the first answer, and before that of the name */
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_UNSEEN);
	o = connection(1, 9, 1300); /* it has run out */
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_UNSEEN);
	o = connection(2, 9, 1000); /* whose DNS is not seen */
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_UNSEEN);
	o = connection(1, 9, 1000); /* of another family */
	o.server_ip = (struct ip_addr){.family = 6, .b = {0x20, 1}};
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_UNSEEN);
	struct names n = told(1, "mcp.acme.com", 5, 950, 300);
	n.cut = true; /* there was more */
	take(b, n);
	o = connection(1, 9, 1000);
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_UNSEEN);
	take(b, told(1, "mcp.acme.com", 5, 960, 300));
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_MISMATCH);
	take(b, told(2, "mcp.acme.com", 9, 970, 300)); /* somebody else was told so */
	assert_int_equal(name_book_check(b, &o, "mcp.acme.com"), NAME_FITS);
	/* a TTL of an hour: the client may have the other address for as long */
	take(b, told(4, "x.acme.com", 1, 2000, 60));
	take(b, told(4, "mcp.b.com", 5, 2400, 3600));
	o = connection(4, 9, 2500);
	assert_int_equal(name_book_check(b, &o, "mcp.b.com"), NAME_UNSEEN);
	take(b, told(4, "mcp.b.com", 5, 5500, 3600));
	o = connection(4, 9, 5601);
	assert_int_equal(name_book_check(b, &o, "mcp.b.com"), NAME_MISMATCH);
	name_book_free(b);
}

static void test_lookups(void **state)
{
	(void)state;
	struct name_book *b = name_book_new();
	struct names question = told(1, "mcp.acme.com", 5, 100, 300);
	question.answered = false;
	question.n_addresses = 0;
	take(b, question);
	take(b, told(1, "mcp.acme.com", 5, 100.1, 300)); /* the same look-up */
	take(b, told(2, "mcp.acme.com", 5, 100.1, 300));
	take(b, told(3, "mcp.acme.com", 5, 100.1, 300));
	take(b, told(4, "www.acme.com", 5, 100.1, 300)); /* nobody's business */
	assert_int_equal(name_book_counts(b)->lookups, 3);
	struct observation o = connection(1, 5, 101);
	name_book_connected(b, &o, NULL); /* by address */
	o = connection(2, 8, 101);
	name_book_connected(b, &o, "mcp.acme.com"); /* by name */
	o = connection(3, 8, 101);
	name_book_connected(b, &o, "www.acme.com");
	take(b, told(1, "mcp.acme.com", 6, 102, 300)); /* AAAA came late: no new look-up */
	assert_int_equal(name_book_counts(b)->lookups, 3);
	assert_int_equal(name_book_counts(b)->unused, 0);
	take(b, told(9, "www.acme.com", 5, 100.1 + LIMIT_NAMES_LOOKUP_SECONDS, 300));
	assert_int_equal(name_book_counts(b)->unused, 1);
	take(b, told(1, "mcp.acme.com", 5, 900, 300));
	assert_int_equal(name_book_counts(b)->lookups, 4);
	name_book_end(b);
	assert_int_equal(name_book_counts(b)->unused, 2);
	name_book_free(b);
}

/* A flood of answers: each cap holds, and what was told last is there. */
static void test_flood(void **state)
{
	(void)state;
	struct name_book *b = name_book_new();
	struct address_names a;
	for (unsigned i = 0; i < LIMIT_NAMES_GIVEN + 5000; i++) {
		char name[32];
		snprintf(name, sizeof name, "%s%u.test", i % 8 ? "w" : "mcp.", i);
		struct names n = told(1, name, 5, 100 + i * 1e-6, 300);
		n.client.b[1] = (uint8_t)(i >> 16);
		n.client.b[2] = (uint8_t)(i >> 8);
		n.client.b[3] = (uint8_t)i;
		n.addresses[0].addr.b[1] = (uint8_t)(i >> 8);
		take(b, n);
		assert_true(name_book_counts(b)->given <= LIMIT_NAMES_GIVEN);
	}
	const struct name_book_counts *c = name_book_counts(b);
	assert_int_equal(c->given, LIMIT_NAMES_GIVEN);
	assert_int_equal(c->forgotten, 5000);
	assert_int_equal(c->lookups - c->unused, LIMIT_NAMES_LOOKUPS);
	take(b, told(1, "mcp.acme.com", 5, 200, 300));
	assert_int_equal(count(b, connection(1, 5, 201), &a), 1);
	/* a day after they ran out, nothing of it is left */
	take(b, told(1, "mcp.acme.com", 5, 200 + 3.0 * LIMIT_NAMES_MOST_SECONDS, 300));
	take(b, told(1, "mcp.acme.com", 5, 201 + 3.0 * LIMIT_NAMES_MOST_SECONDS, 300));
	assert_int_equal(name_book_counts(b)->given, 1);
	name_book_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_and_clients), cmocka_unit_test(test_several_names), cmocka_unit_test(test_check),
		cmocka_unit_test(test_lookups), cmocka_unit_test(test_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
