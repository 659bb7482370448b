#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "policy_build.h"

static void test_order_names_its_rule(void **state)
{
	/* each goes before the next, for the reason beside it */
	static const struct {
		const char *entry, *why;
	} rows[] = {
		{"\"host\":\"a.b.c\",\"path\":\"/mcp/x\"", "the longer path goes first"},
		{"\"host\":\"a.b.c\",\"path\":\"/mcp\",\"port\":443", "an entry with a port goes first"},
		{"\"host\":\"a.b.c\",\"path\":\"/mcp\"", "an exact host goes before a wildcard"},
		{"\"host\":\"*.b.c\",\"path\":\"/m\"", "the longer host suffix goes first"},
		{"\"host\":\"*.c\",\"path\":\"/longer/path\"", "a host goes before an address"},
		{"\"address\":\"10.0.0.0/9\"", "the longer address prefix goes first"},
		{"\"address\":\"10.0.0.0/8\",\"path\":\"/longer/path\"", "the longer path goes first"},
		{"\"address\":\"10.0.0.0/8\"", "it stands earlier in the file"},
		{"\"address\":\"10.0.0.0/8\"", NULL},
	};
	const size_t n = sizeof rows / sizeof *rows;
	char text[2048];
	size_t used = (size_t)snprintf(text, sizeof text, "{\"version\":1,\"approved\":[");
	(void)state;
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s{\"id\":\"%zu\",%s}", i ? "," : "", i, rows[i].entry);
	snprintf(text + used, sizeof text - used, "]}");
	struct policy *p = policy_of(text);
	for (size_t i = 0; i + 1 < n; i++) {
		const char *why = NULL;
		assert_true(policy_entry_order(&p->entries[i], &p->entries[i + 1], &why) < 0);
		assert_string_equal(why, rows[i].why);
	}
	/* a total order: every pair, both ways round */
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			int order = policy_entry_order(&p->entries[i], &p->entries[j], NULL);
			assert_int_equal(order, i < j ? -1 : i > j);
		}
	}
	policy_free(p);
}

static void test_match_names_the_obstacle(void **state)
{
	static const struct {
		const char *entry;
		struct facts facts;
		enum policy_match match;
	} rows[] = {
		{"\"host\":\"a.com\"", {.host = "a.com"}, POLICY_MATCH},
		{"\"host\":\"a.com\"", {.host = "b.com"}, POLICY_OTHER_SERVER},
		{"\"host\":\"a.com\"", {.host = "a.com", .cut = true}, POLICY_NAME_UNCERTAIN},
		{"\"host\":\"a.com\",\"address\":\"1.2.3.4\"", {.host = "a.com", .proxy = true}, POLICY_ADDRESS_UNSEEN},
		{"\"host\":\"a.com\",\"address\":\"1.2.3.4\"", {.host = "a.com"}, POLICY_OTHER_SERVER},
		{"\"address\":\"1.2.3.4\"", {.host = "a.com", .proxy = true}, POLICY_ADDRESS_UNSEEN},
		{"\"host\":\"a.com\",\"port\":80", {.host = "a.com"}, POLICY_OTHER_PORT},
		{"\"host\":\"a.com\",\"clients\":[\"9.9.9.9\"]", {.host = "a.com"}, POLICY_OTHER_CLIENT},
		{"\"host\":\"a.com\",\"expires\":\"2020-01-01\"", {.host = "a.com"}, POLICY_EXPIRED},
		{"\"host\":\"a.com\",\"path\":\"/mcp\"", {.host = "a.com", .path = "/"}, POLICY_OTHER_PATH},
		{"\"host\":\"a.com\",\"path\":\"/mcp\"", {.host = "a.com", .path = "/mcp/.."}, POLICY_PATH_AMBIGUOUS},
		{"\"host\":\"a.com\",\"path\":\"/mcp\"", {.host = "a.com"}, POLICY_MATCH},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[256];
		struct policy_subject s;
		snprintf(text, sizeof text, "{\"version\":1,\"approved\":[{\"id\":\"e\",%s}]}", rows[i].entry);
		struct policy *p = policy_of(text);
		struct observation o = observe(&rows[i].facts);
		policy_subject_from(&o, &s);
		enum policy_match m = policy_entry_match(&p->entries[0], &s);
		if (m != rows[i].match)
			fail_msg("%zu: %s", i, policy_match_text(m));
		policy_free(p);
	}
	for (int m = POLICY_MATCH; m <= POLICY_PATH_UNSEEN; m++)
		assert_true(policy_match_text((enum policy_match)m)[0]);
}

static void test_networks(void **state)
{
	struct ip_addr a = address_of("192.0.2.255"), b = address_of("2001:db8:ffff::1");
	char text[IP_ADDR_TEXT];
	(void)state;
	static const struct {
		unsigned bits;
		const char *v4;
	} rows[] = {{0, "0.0.0.0"}, {1, "128.0.0.0"}, {8, "192.0.0.0"}, {25, "192.0.2.128"}, {31, "192.0.2.254"}, {32, "192.0.2.255"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ip_net net = policy_net_of(&a, rows[i].bits);
		ip_addr_format(&net.addr, text);
		assert_string_equal(text, rows[i].v4);
	}
	struct ip_net v6 = policy_net_of(&b, 33);
	ip_addr_format(&v6.addr, text);
	assert_string_equal(text, "2001:db8:8000::");
	v6 = policy_net_of(&b, 128);
	assert_true(ip_addr_eq(&v6.addr, &b));

	struct ip_net wide = policy_net_of(&a, 24), narrow = policy_net_of(&a, 28);
	assert_true(policy_net_covers(&wide, &narrow));
	assert_true(policy_net_covers(&wide, &wide));
	assert_false(policy_net_covers(&narrow, &wide));
	struct ip_net other = {address_of("192.0.3.0"), 28};
	assert_false(policy_net_covers(&wide, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_names_its_rule),
		cmocka_unit_test(test_match_names_the_obstacle),
		cmocka_unit_test(test_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
