/* X-Forwarded-For and Forwarded -> addresses, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "mcp_claim.h"

/* fields: "Name: value\n" lines. */
static void read_fields(const char *fields, struct mcp_claims *claims)
{
	static struct http_field list[32];
	struct http_head head = {.direction = FROM_CLIENT, .fields = list};
	for (struct slice rest = slice_str(fields); rest.n;) {
		struct slice line = slice_first(rest, slice_find(rest, '\n'));
		rest = slice_after(rest, line.n + 1);
		size_t colon = slice_find(line, ':');
		list[head.n_fields++] = (struct http_field){slice_first(line, colon), slice_trim(slice_after(line, colon + 1))};
	}
	mcp_claims_read(&head, claims);
}

static void test_fields(void **state)
{
	(void)state;
	static const struct { const char *fields, *expect; } cases[] = {
		{"X-Forwarded-For: 192.0.2.1\n", "x-forwarded-for 192.0.2.1;"},
		{"x-forwarded-for: 192.0.2.1, 198.51.100.7 ,203.0.113.9:4711\n",
		 "x-forwarded-for 192.0.2.1;x-forwarded-for 198.51.100.7;x-forwarded-for 203.0.113.9;"},
		{"X-Forwarded-For: 2001:db8::1, [2001:db8::2]:80, [2001:db8::3]\n",
		 "x-forwarded-for 2001:db8::1;x-forwarded-for 2001:db8::2;x-forwarded-for 2001:db8::3;"},
		{"X-Forwarded-For: unknown, evil\", 300.1.1.1, 1.2.3, ,192.0.2.1 x\n", ""},
		{"X-Forwarded-For: 192.0.2.1\nX-Forwarded-For: 192.0.2.1, 192.0.2.2\n",
		 "x-forwarded-for 192.0.2.1;x-forwarded-for 192.0.2.2;"},
		{"Forwarded: for=192.0.2.43\n", "forwarded 192.0.2.43;"},
		{"Forwarded: For=\"[2001:db8:cafe::17]:4711\"\n", "forwarded 2001:db8:cafe::17;"},
		{"Forwarded: proto=http;by=203.0.113.43; for=192.0.2.60 , for=198.51.100.17;host=\"a,for=1.1.1.1\"\n",
		 "forwarded 192.0.2.60;forwarded 198.51.100.17;"},
		{"Forwarded: for=_hidden, for=unknown, for=\"_SEVKISEK\", for, for=, =192.0.2.1\n", ""},
		{"Forwarded: for=192.0.2.43\nX-Forwarded-For: 192.0.2.43\n", "forwarded 192.0.2.43;x-forwarded-for 192.0.2.43;"},
		{"Via: 1.1 192.0.2.1\nX-Real-Name: 192.0.2.1\n", ""},
		{"X-Forwarded-For: 1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5,6.6.6.6,7.7.7.7,8.8.8.8,9.9.9.9\n",
		 "x-forwarded-for 1.1.1.1;x-forwarded-for 2.2.2.2;x-forwarded-for 3.3.3.3;x-forwarded-for 4.4.4.4;"
		 "x-forwarded-for 5.5.5.5;x-forwarded-for 6.6.6.6;x-forwarded-for 7.7.7.7;x-forwarded-for 8.8.8.8;"},
		{"Forwarded: for=\"1.1.1.1\n", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mcp_claims claims = {.n = 0};
		char text[1024] = "", address[IP_ADDR_TEXT];
		size_t n = 0;
		read_fields(cases[i].fields, &claims);
		for (unsigned k = 0; k < claims.n; k++) {
			ip_addr_format(&claims.items[k].address, address);
			n += (size_t)snprintf(text + n, sizeof text - n, "%s %s;", claim_source_name(claims.items[k].source), address);
		}
		assert_string_equal(text, cases[i].expect);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
