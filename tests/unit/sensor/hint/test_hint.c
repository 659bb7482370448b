#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hint.h"

/* A TCP segment or UDP datagram as decode would hand it over. */
struct sent {
	uint8_t ip[1600];
	struct packet p;
};

static void put16(uint8_t *at, size_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void send_to(struct sent *s, enum direction d, uint8_t proto, uint16_t client, uint16_t server, uint8_t flags,
		    const void *payload, size_t n)
{
	size_t header = proto == IP_PROTO_TCP ? 20 : 8, total = 20 + header + n;
	assert_true(total <= sizeof s->ip);
	memset(s, 0, sizeof *s);
	s->ip[0] = 0x45;
	put16(s->ip + 2, total);
	s->ip[8] = 64;
	s->ip[9] = proto;
	memcpy(s->ip + 12, d == FROM_CLIENT ? "\x0a\0\0\1\x0a\0\0\2" : "\x0a\0\0\2\x0a\0\0\1", 8);
	put16(s->ip + 20, d == FROM_CLIENT ? client : server);
	put16(s->ip + 22, d == FROM_CLIENT ? server : client);
	if (proto == IP_PROTO_TCP) {
		s->ip[27] = 1;
		s->ip[31] = 1;
		s->ip[32] = 0x50;
		s->ip[33] = flags;
		s->ip[34] = 0x20;
	} else {
		put16(s->ip + 24, 8 + n);
	}
	memcpy(s->ip + 20 + header, payload, n);
	s->p.time_ns = INT64_C(1700000000000000000);
	s->p.ip = s->ip;
	s->p.ip_n = (uint32_t)total;
	s->p.proto = proto;
}

static const char request[] = "GET /index.html HTTP/1.1\r\nHost: intranet.example.com\r\nUser-Agent: curl/8.0\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
static const uint8_t dns[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0";

static void http_and_dns_get_their_names(void **state)
{
	(void)state;
	struct hint *h = hint_new(false);
	assert_non_null(h);
	struct hint_flow *f = hint_flow_new(h);
	assert_non_null(f);
	static struct sent s;
	char label[HINT_LABEL_TEXT];

	send_to(&s, FROM_CLIENT, IP_PROTO_TCP, 40000, 8123, TCP_SYN, "", 0);
	assert_false(hint_feed(h, f, &s.p, FROM_CLIENT));
	send_to(&s, FROM_SERVER, IP_PROTO_TCP, 40000, 8123, TCP_SYN | TCP_ACK, "", 0);
	assert_false(hint_feed(h, f, &s.p, FROM_SERVER));
	send_to(&s, FROM_CLIENT, IP_PROTO_TCP, 40000, 8123, TCP_ACK, request, sizeof request - 1);
	(void)hint_feed(h, f, &s.p, FROM_CLIENT);
	send_to(&s, FROM_SERVER, IP_PROTO_TCP, 40000, 8123, TCP_ACK, answer, sizeof answer - 1);
	(void)hint_feed(h, f, &s.p, FROM_SERVER);
	hint_label(h, f, label);
	assert_memory_equal(label, "HTTP", 4);
	hint_flow_free(h, f);

	f = hint_flow_new(h);
	assert_non_null(f);
	send_to(&s, FROM_CLIENT, IP_PROTO_UDP, 40000, 53, 0, dns, sizeof dns);
	(void)hint_feed(h, f, &s.p, FROM_CLIENT);
	hint_label(h, f, label);
	assert_memory_equal(label, "DNS", 3);
	hint_flow_free(h, f);
	hint_free(h);
}

static void it_ends_after_so_many_packets(void **state)
{
	(void)state;
	struct hint *h = hint_new(false);
	assert_non_null(h);
	struct hint_flow *f = hint_flow_new(h);
	assert_non_null(f);
	static struct sent s;
	bool final = false;
	int fed = 0;
	for (; fed < 1000 && !final; fed++) {
		send_to(&s, FROM_CLIENT, IP_PROTO_TCP, 40000, 47123, TCP_ACK, "\xf3\xa1\x07", 3);
		final = hint_feed(h, f, &s.p, FROM_CLIENT);
	}
	assert_true(final);
	assert_true(fed <= HINT_MAX_PACKETS);
	assert_true(hint_feed(h, f, &s.p, FROM_CLIENT));
	char label[HINT_LABEL_TEXT];
	memset(label, 'x', sizeof label);
	hint_label(h, f, label);
	assert_non_null(memchr(label, 0, sizeof label));
	hint_flow_free(h, f);
	hint_free(h);
}

static void an_unfed_flow_has_no_label(void **state)
{
	(void)state;
	struct hint *h = hint_new(false);
	assert_non_null(h);
	struct hint_flow *f = hint_flow_new(h);
	assert_non_null(f);
	char label[HINT_LABEL_TEXT] = "x";
	hint_label(h, f, label);
	assert_string_equal(label, "");
	assert_true(hint_flow_memory(h) > 512);
	hint_flow_free(h, f);
	hint_flow_free(h, NULL);
	hint_free(h);
	hint_free(NULL);
}

/* A packet that the capture cut, and one larger than nDPI's 16-bit length. */
static void odd_packets_do_no_harm(void **state)
{
	(void)state;
	struct hint *h = hint_new(false);
	assert_non_null(h);
	static struct sent s;
	send_to(&s, FROM_CLIENT, IP_PROTO_TCP, 40000, 80, TCP_ACK, request, sizeof request - 1);
	uint32_t whole = s.p.ip_n;
	for (uint32_t n = 40; n < whole; n++) {
		struct hint_flow *f = hint_flow_new(h);
		assert_non_null(f);
		uint8_t *exact = malloc(n);
		assert_non_null(exact);
		memcpy(exact, s.ip, n);
		s.p.ip = exact;
		s.p.ip_n = n;
		(void)hint_feed(h, f, &s.p, FROM_CLIENT);
		char label[HINT_LABEL_TEXT];
		hint_label(h, f, label);
		free(exact);
		hint_flow_free(h, f);
	}
	uint8_t *large = calloc(1, 70000);
	assert_non_null(large);
	memcpy(large, s.ip, 40);
	put16(large + 2, 0);
	s.p.ip = large;
	s.p.ip_n = 70000;
	struct hint_flow *f = hint_flow_new(h);
	assert_non_null(f);
	(void)hint_feed(h, f, &s.p, FROM_CLIENT);
	hint_flow_free(h, f);
	free(large);
	hint_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_and_dns_get_their_names),
		cmocka_unit_test(it_ends_after_so_many_packets),
		cmocka_unit_test(an_unfed_flow_has_no_label),
		cmocka_unit_test(odd_packets_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
