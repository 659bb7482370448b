/* Names compare label by label: what an approval of *.acme.com must not let in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hostname.h"

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NAME_253 A63 "." A63 "." A63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_normalize(void **state)
{
	(void)state;
	static const struct { const char *text, *name; } cases[] = {
		{"MCP.Acme.COM", "mcp.acme.com"},
		{"mcp.acme.com.", "mcp.acme.com"},
		{"localhost", "localhost"},
		{"10.0.0.1", "10.0.0.1"},
		{"_mcp._tcp.acme.com", "_mcp._tcp.acme.com"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{A63 ".com", A63 ".com"},
		{NAME_253, NAME_253},
		{NAME_253 ".", NAME_253},
		{"a" NAME_253, NULL},
		{"a" A63 ".com", NULL},
		{"", NULL},
		{".", NULL},
		{"..", NULL},
		{".acme.com", NULL},
		{"acme..com", NULL},
		{"acme.com..", NULL},
		{"acme.com ", NULL},
		{"acme.com:443", NULL},
		{"acme.com/mcp", NULL},
		{"*.acme.com", NULL},
		{"b\xc3\xbc""cher.example", NULL},
		{"[::1]", NULL},
		{"acme\tcom", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char out[HOSTNAME_TEXT] = "before";
		if (hostname_normalize(slice_str(cases[i].text), out) != (cases[i].name != NULL))
			fail_msg("\"%s\"", cases[i].text);
		assert_string_equal(out, cases[i].name ? cases[i].name : "");
	}
	char out[HOSTNAME_TEXT];
	assert_false(hostname_normalize(slice_of("acme.com\0.evil.net", 18), out));
}

static void test_matches(void **state)
{
	(void)state;
	static const struct { const char *pattern, *name; bool match; } cases[] = {
		{"acme.com", "acme.com", true},
		{"acme.com", "ACME.com.", true},
		{"ACME.com.", "acme.com", true},
		{"acme.com", "mcp.acme.com", false},
		{"acme.com", "acme.com.evil.net", false},
		{"acme.com", "evilacme.com", false},
		{"acme.com", "acme.co", false},
		{"*.acme.com", "mcp.acme.com", true},
		{"*.acme.com", "a.b.acme.com", true},
		{"*.Acme.Com.", "a.b.acme.com", true},
		{"*.acme.com", "acme.com", false},
		{"*.acme.com", "evilacme.com", false},
		{"*.acme.com", "acme.com.evil.net", false},
		{"*.acme.com", "x.acme.com.evil.net", false},
		{"*.acme.com", "xacme.com", false},
		{"*.com", "acme.com", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char pattern[HOSTNAME_TEXT], name[HOSTNAME_TEXT];
		assert_true(hostname_pattern_normalize(slice_str(cases[i].pattern), pattern));
		assert_true(hostname_normalize(slice_str(cases[i].name), name));
		if (hostname_matches(pattern, name) != cases[i].match)
			fail_msg("%s against %s", cases[i].pattern, cases[i].name);
	}
	assert_false(hostname_matches("", ""));
	assert_false(hostname_matches("*.acme.com", ""));
	assert_false(hostname_matches("", "acme.com"));
}

static void test_bad_patterns(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "*", "*.", "*..com", "*.*.com", "a.*.com", "*a.com", "a*.com", "*.acme com",
		".acme.com"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char out[HOSTNAME_TEXT] = "before";
		if (hostname_pattern_normalize(slice_str(bad[i]), out))
			fail_msg("\"%s\"", bad[i]);
		assert_string_equal(out, "");
	}
}

static void test_authorities(void **state)
{
	(void)state;
	static const struct { const char *text, *host; unsigned port; } cases[] = {
		{"acme.com", "acme.com", 0},
		{"acme.com:", "acme.com", 0},
		{"acme.com:443", "acme.com", 443},
		{"acme.com:65535", "acme.com", 65535},
		{"acme.com:00443", "acme.com", 443},
		{"[::1]", "::1", 0},
		{"[::1]:8443", "::1", 8443},
		{"10.0.0.1:80", "10.0.0.1", 80},
		{"", NULL, 0},
		{":443", NULL, 0},
		{"[]", NULL, 0},
		{"[]:443", NULL, 0},
		{"[::1", NULL, 0},
		{"[::1]443", NULL, 0},
		{"::1", NULL, 0},
		{"acme.com:65536", NULL, 0},
		{"acme.com:99999", NULL, 0},
		{"acme.com:000443", NULL, 0},
		{"acme.com:44x", NULL, 0},
		{"acme.com:-1", NULL, 0},
		{"acme.com:443 ", NULL, 0},
		{"acme.com:443:443", NULL, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice host = SLICE_LITERAL("before");
		uint16_t port = 7;
		bool ok = authority_split(slice_str(cases[i].text), &host, &port);
		if (ok != (cases[i].host != NULL))
			fail_msg("\"%s\"", cases[i].text);
		if (!slice_eq_str(host, ok ? cases[i].host : "before") || port != (ok ? cases[i].port : 7))
			fail_msg("\"%s\"", cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalize),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_bad_patterns),
		cmocka_unit_test(test_authorities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
