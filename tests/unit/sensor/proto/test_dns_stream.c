/* The same messages whatever the pieces they come in; what is no DNS is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dns.h"
#include "dns_build.h"
#include "dns_stream.h"

struct told {
	char text[4096];
	size_t n;
	bool refuse;
};

static bool on_message(void *context, unsigned side, struct slice message)
{
	struct told *t = context;
	struct dns_message m;
	enum dns_kind k = dns_message_read(message, message.n, &m);
	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%u %zu %d %u\n", side, message.n, (int)k,
	                         k == DNS_ANSWER ? m.n_addresses : 0);
	return !t->refuse;
}

static size_t session(uint8_t *out)
{
	struct dns_build b;
	size_t n = 0;
	for (unsigned i = 0; i < 4; i++) {
		dns_begin(&b, 0x8180, "mcp.acme.com", 1, (uint16_t)(i * 30));
		for (uint32_t k = 0; k < i * 30; k++)
			dns_a(&b, "@12", 300, 0x0a000000 + k);
		out[n++] = (uint8_t)(b.n >> 8);
		out[n++] = (uint8_t)b.n;
		memcpy(out + n, b.b, b.n);
		n += b.n;
	}
	return n;
}

static void test_every_split(void **state)
{
	(void)state;
	static uint8_t bytes[16384];
	static struct told whole, pieces;
	size_t n = session(bytes);
	for (size_t size = n; size; size--) {
		struct told *t = size == n ? &whole : &pieces;
		memset(t, 0, sizeof *t);
		struct dns_stream *s = dns_stream_new(on_message, t);
		for (size_t at = 0; at < n; at += size) {
			size_t one = n - at < size ? n - at : size;
			uint8_t *copy = malloc(one);
			memcpy(copy, bytes + at, one);
			dns_stream_bytes(s, 1, slice_of(copy, one));
			free(copy);
		}
		assert_false(dns_stream_is_over(s));
		dns_stream_free(s);
		assert_string_equal(t->text, whole.text);
	}
	assert_int_equal(slice_find(slice_str(whole.text), '\n') + 1, 9);
	assert_non_null(strstr(whole.text, " 30\n"));
}

static void test_what_ends_a_side(void **state)
{
	(void)state;
	static uint8_t bytes[16384];
	size_t n = session(bytes);
	struct told t = {.n = 0};
	struct dns_stream *s = dns_stream_new(on_message, &t);
	dns_stream_bytes(s, 0, slice_of(bytes, 20)); /* begins a message */
	size_t held = dns_stream_memory(s);
	dns_stream_gap(s, 0);
	assert_true(dns_stream_memory(s) < held);
	dns_stream_bytes(s, 0, slice_of(bytes, n));
	assert_int_equal(t.n, 0);
	dns_stream_bytes(s, 1, slice_of("\0\5abcde", 7)); /* shorter than a header */
	assert_true(dns_stream_is_over(s));
	dns_stream_free(s);

	t.refuse = true;
	s = dns_stream_new(on_message, &t);
	dns_stream_bytes(s, 0, slice_of(bytes, n));
	assert_int_equal(t.n, slice_find(slice_str(t.text), '\n') + 1); /* one, and no more */
	dns_stream_free(s);
	dns_stream_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_split), cmocka_unit_test(test_what_ends_a_side)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
