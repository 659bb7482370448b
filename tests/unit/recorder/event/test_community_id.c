#include "community_id.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *a, uint16_t a_port, const char *b, uint16_t b_port, uint8_t l4, const char *want)
{
	struct ip_addr from, to;
	char got[COMMUNITY_ID_TEXT];
	assert_true(ip_addr_parse(slice_str(a), &from) && ip_addr_parse(slice_str(b), &to));
	assert_int_equal(community_id(&from, a_port, &to, b_port, l4, got), 0);
	assert_string_equal(got, want);
	assert_int_equal(community_id(&to, b_port, &from, a_port, l4, got), 0);
	assert_string_equal(got, want);
}

/* From the specification's baseline (seed 0). */
static void agrees_with_the_published_vectors(void **state)
{
	(void)state;
	check("128.232.110.120", 34855, "66.35.250.204", 80, 6, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	check("192.168.1.52", 54585, "8.8.8.8", 53, 17, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
	check("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943, "2607:f8b0:400c:c03::1a", 25, 6,
	      "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
}

/* Equal addresses are ordered by port: SHA-1 of 0000 7f000001 7f000001 06 00 0050 c000. */
static void orders_by_port_on_one_host(void **state)
{
	(void)state;
	check("127.0.0.1", 49152, "127.0.0.1", 80, 6, "1:FUHgr/8ckBulmH1bYA5TIyjCdIU=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_published_vectors),
		cmocka_unit_test(orders_by_port_on_one_host),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
