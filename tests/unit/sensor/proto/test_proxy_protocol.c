/* Headers of the PROXY protocol: their length, the client that they claim, at every prefix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static void test_headers(void **state)
{
	(void)state;
	static const struct { const char *bytes; size_t n, length; const char *client; } cases[] = {
#define B(text) text, sizeof(text) - 1
		{B("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET"), 42, "192.0.2.1"},
		{B("PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"), 46, "2001:db8::1"},
		{B("PROXY UNKNOWN\r\nGET"), 15, NULL},
		{B("PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n"), 38, NULL}, /* of the other family */
		{B("PROXY TCP4 999.0.2.1 192.0.2.2 1 2\r\n"), 36, NULL},
		{B("PROXY TCP4\r\n"), 12, NULL},
		{B("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\nGET"), 0, NULL},
		{B("PROXYTCP4 192.0.2.1 192.0.2.2 56324 443\r\n"), 0, NULL},
		{B(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\0\1\0\2GET"), 28, "192.0.2.1"},
		{B(SIGNATURE "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\1\0\2"), 52, "2001:db8::1"},
		{B(SIGNATURE "\x20\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\0\1\0\2"), 28, NULL}, /* LOCAL: the proxy itself */
		{B(SIGNATURE "\x21\0\0\0GET"), 16, NULL},
		{B(SIGNATURE "\x21\x11\0\2\xc0\0"), 18, NULL}, /* too short for an address */
		{B(SIGNATURE "\x11\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\0\1\0\2"), 0, NULL},
		{B("GET / HTTP/1.1\r\n"), 0, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t n = 0; n <= cases[i].n; n++) {
			bool sure;
			struct ip_addr client;
			uint8_t *exact = malloc(n ? n : 1);
			memcpy(exact, cases[i].bytes, n);
			size_t length = proxy_protocol_read(slice_of(exact, n), &sure, &client);
			free(exact);
			if (n < cases[i].length) {
				assert_int_equal(length, 0);
				assert_false(n && sure);
				continue;
			}
			if (n < cases[i].n)
				continue;
			char text[IP_ADDR_TEXT] = "";
			if (client.family)
				ip_addr_format(&client, text);
			if (length != cases[i].length || !sure || strcmp(text, cases[i].client ? cases[i].client : "") != 0)
				fail_msg("case %zu: length %zu, sure %d, client %s", i, length, sure, text);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
