/* Addresses and networks: what parses, what it is written back as, and which network holds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "addr.h"

static void test_addresses(void **state)
{
	(void)state;
	static const struct { const char *text, *written; } cases[] = {
		{"10.0.0.1", "10.0.0.1"},
		{"255.255.255.255", "255.255.255.255"},
		{"0.0.0.0", "0.0.0.0"},
		{"::", "::"},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
		{"2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"},
		{"::ffff:10.1.2.3", "::ffff:10.1.2.3"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"", NULL},
		{"10.0.0", NULL},
		{"10.0.0.256", NULL},
		{"10.0.0.1 ", NULL},
		{" 10.0.0.1", NULL},
		{"10.0.0.01", NULL},
		{"0x0a.0.0.1", NULL},
		{"10.0.0.1.2", NULL},
		{"[::1]", NULL},
		{"fe80::1%eth0", NULL},
		{"1:2:3:4:5:6:7:8:9", NULL},
		{"::1::", NULL},
		{"mcp.acme.example", NULL},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip_addr a = {.family = 99};
		char out[IP_ADDR_TEXT];
		if (ip_addr_parse(slice_str(cases[i].text), &a) != (cases[i].written != NULL))
			fail_msg("\"%s\"", cases[i].text);
		if (!cases[i].written) {
			assert_int_equal(a.family, 99); /* untouched on failure */
			continue;
		}
		ip_addr_format(&a, out);
		assert_string_equal(out, cases[i].written);
	}
	struct ip_addr a;
	assert_false(ip_addr_parse(slice_of("10.0.0.1\0", 9), &a)); /* a NUL hides nothing behind it */
	char out[IP_ADDR_TEXT] = "x";
	ip_addr_format(&(struct ip_addr){0}, out);
	assert_string_equal(out, "");
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;
	assert_true(ip_addr_parse(slice_str(text), &a));
	return a;
}

static void test_order(void **state)
{
	(void)state;
	static const char *const sorted[] = {"0.0.0.0", "9.255.255.255", "10.0.0.0", "10.0.0.1", "::", "::1", "fe80::"};
	for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++)
		for (size_t k = 0; k < sizeof sorted / sizeof *sorted; k++) {
			struct ip_addr a = addr(sorted[i]), b = addr(sorted[k]);
			int c = ip_addr_cmp(&a, &b);
			assert_int_equal(i < k ? -1 : i > k, c < 0 ? -1 : c > 0);
			assert_true(ip_addr_eq(&a, &b) == (i == k));
		}
}

static void test_networks(void **state)
{
	(void)state;
	static const struct { const char *net, *in, *out; } cases[] = {
		{"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
		{"10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"},
		{"10.0.0.0/8", "10.0.0.0", "::10.0.0.1"},
		{"0.0.0.0/0", "255.1.2.3", "::1"},
		{"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
		{"192.0.2.7", "192.0.2.7", "192.0.2.6"},
		{"192.0.2.6/31", "192.0.2.7", "192.0.2.8"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
		{"2001:db8::1", "2001:db8::1", "2001:db8::2"},
		{"::/0", "::1", "10.0.0.1"},
		{"fc00::/7", "fdff::", "fe00::"},
		{"::ffff:10.0.0.0/104", "::ffff:10.9.9.9", "10.9.9.9"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip_net net;
		struct ip_addr in = addr(cases[i].in), out = addr(cases[i].out);
		assert_true(ip_net_parse(slice_str(cases[i].net), &net));
		if (!ip_net_contains(&net, &in) || ip_net_contains(&net, &out))
			fail_msg("%s", cases[i].net);
	}
	struct ip_net any;
	assert_true(ip_net_parse(SLICE_LITERAL("0.0.0.0/0"), &any));
	assert_false(ip_net_contains(&any, &(struct ip_addr){0}));
}

static void test_malformed_networks(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/ 8",
		"10.0.0.0/256", "10.0.0.0/4294967304", "2001:db8::/129", "2001:db8::1/64", "192.0.2.129/25", "10/8", "::/0x0",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ip_net net = {.bits = 77};
		if (ip_net_parse(slice_str(bad[i]), &net))
			fail_msg("\"%s\"", bad[i]);
		assert_int_equal(net.bits, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_malformed_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
