/* What was encoded comes back; nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "names.h"

static struct names sample(void)
{
	struct names n = {.time_ns = -5, .frame = 7, .capture = 3, .client = {.family = 6, .b = {0xfd, 1}}, .name = "mcp.acme.com",
	                  .answered = true, .cut = true, .dedicated = true, .confidence = CONFIDENCE_LIKELY, .signature = "dns.dedicated",
	                  .reason = "it serves nothing else", .n_addresses = 2};
	n.encap.n = 2;
	n.encap.layer[0].kind = ENCAP_VLAN;
	n.encap.layer[0].id = 10;
	n.encap.layer[1].kind = ENCAP_VXLAN;
	n.encap.layer[1].id = 42;
	n.addresses[0] = (struct named_address){{.family = 4, .b = {10, 0, 0, 1}}, 300};
	n.addresses[1] = (struct named_address){{.family = 6, .b = {0x20, 1}}, 0};
	return n;
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct names n = sample();
	size_t size;
	uint8_t *bytes = names_encode(&n, &size);
	struct names_box box;
	assert_int_equal(record_kind_of(bytes, size), RECORD_NAMES);
	assert_true(names_decode(bytes, size, &box));
	assert_true(box.n.time_ns == -5 && box.n.frame == 7 && box.n.capture == 3);
	assert_true(box.n.answered && box.n.cut && box.n.dedicated && box.n.confidence == CONFIDENCE_LIKELY);
	assert_true(ip_addr_eq(&box.n.client, &n.client));
	assert_int_equal(box.n.encap.layer[1].id, 42);
	assert_string_equal(box.n.name, "mcp.acme.com");
	assert_string_equal(box.n.signature, "dns.dedicated");
	assert_string_equal(box.n.reason, "it serves nothing else");
	assert_int_equal(box.n.n_addresses, 2);
	assert_int_equal(box.n.addresses[0].ttl, 300);
	assert_true(ip_addr_eq(&box.n.addresses[1].addr, &n.addresses[1].addr));
	for (size_t k = 0; k < size; k++) { /* any cut */
		uint8_t *copy = malloc(k ? k : 1);
		memcpy(copy, bytes, k);
		assert_false(names_decode(copy, k, &box));
		free(copy);
	}
	free(bytes);
}

static void refuse(struct names n, size_t at, uint8_t value)
{
	size_t size;
	struct names_box box;
	uint8_t *bytes = names_encode(&n, &size);
	if (at)
		bytes[at] = value;
	assert_false(names_decode(bytes, size, &box));
	free(bytes);
}

static void test_refused(void **state)
{
	(void)state;
	enum { FLAGS = RECORD_REF_AT + RECORD_REF_BYTES };
	struct names n = sample();
	refuse(n, 3, 9);         /* version */
	refuse(n, FLAGS, 0xff);
	refuse(n, FLAGS + 1, CONFIDENCE_CONFIRMED);
	refuse(n, FLAGS + 2, ENCAP_MAX + 1);
	refuse(n, FLAGS + 3, LIMIT_DNS_ADDRESSES + 1);
	refuse(n, FLAGS + 4, 5); /* family */
	refuse(n, RECORD_REF_AT + 20, 1); /* an authority */
	n.name = "MCP.acme.com";
	refuse(n, 0, 0);
	n = sample();
	n.confidence = CONFIDENCE_NONE; /* but a signature */
	refuse(n, 0, 0);
	n = sample();
	n.signature = NULL;
	n.reason = NULL;
	refuse(n, 0, 0);
	n = sample();
	n.answered = false; /* but addresses */
	refuse(n, 0, 0);
	n = sample();
	n.client.family = 4; /* with bytes behind the fourth */
	n.client.b[5] = 1;
	refuse(n, 0, 0);
	n = sample();
	n.encap.layer[0].id = 5000; /* no VLAN */
	refuse(n, 0, 0);
	n = sample();
	n.reason = "\xff";
	refuse(n, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
