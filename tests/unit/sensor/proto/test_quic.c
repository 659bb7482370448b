/* Datagrams of a flow -> hellos: split, scrambled, repeated, sent again under another ID or in another version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "quic_talk.h"

static void test_a_connection(void **state)
{
	(void)state;
	static const uint32_t versions[] = {QUIC_V1,    QUIC_V2,    0xff000017, 0xff00001c,
					    0xff00001d, 0xff000020, 0xff000021, 0xff000022};
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct talk *t = talk_new();
		struct build m = message_of(1, "mcp.example");
		struct quic_initial c = from_client(ID_A), s = from_server(ID_A);
		c.version = s.version = versions[i];
		assert_true(quic_is_idle(t->q));
		send_crypto(t, c, 0, build_slice(&m));
		assert_int_equal(t->n, 1);
		assert_told(t, 0, "mcp.example", versions[i]);
		assert_false(t->facts[0].server_hello);
		assert_false(quic_is_idle(t->q) || quic_is_over(t->q));
		send_server_hello(t, s);
		assert_int_equal(t->n, 2);
		assert_told(t, 1, "mcp.example", versions[i]);
		assert_int_equal(t->facts[1].version, 0x0304);
		assert_false(quic_is_over(t->q)); /* the client may still send Initials */
		quic_datagram(t->q, SERVER, SLICE_LITERAL("\x40sssssss"), 8, true);
		assert_false(quic_is_over(t->q));
		quic_datagram(t->q, CLIENT, SLICE_LITERAL("\x40sssssss"), 8, true);
		assert_true(quic_is_over(t->q));
		assert_int_equal(t->tried, 1);
		for (int k = 0; k < ANOMALY_COUNT; k++)
			assert_int_equal(t->a.n[k], 0);
		build_free(&m);
		talk_free(t);
	}
}

/* The same hello in pieces of every size, in any order, several a packet, some twice, with PING and PADDING between. */
static void test_any_split_and_order(void **state)
{
	(void)state;
	struct build m = message_of(1, "scrambled.mcp.example");
	char ja4[JA4_TEXT] = "";
	uint32_t r = 7;
	for (size_t size = 1; size <= m.n; size++) {
		struct talk *t = talk_new();
		size_t pieces = (m.n + size - 1) / size, order[512];
		assert_true(pieces < 512);
		for (size_t i = 0; i < pieces; i++)
			order[i] = i;
		for (size_t i = pieces; i-- > 1;) {
			r = r * 1664525 + 1013904223;
			size_t k = (r >> 8) % (i + 1), swap = order[i];
			order[i] = order[k];
			order[k] = swap;
		}
		uint32_t number = 0;
		for (size_t i = 0; i < pieces; i++) {
			size_t at = order[i] * size;
			r = r * 1664525 + 1013904223;
			quic_put(&t->frames, "\1\0\0", r >> 30);
			quic_put_crypto(&t->frames, at,
					slice_first(slice_after(build_slice(&m), at), size + (r >> 28)));
			if (r >> 24 & 1 || i + 1 == pieces) {
				struct quic_initial initial = from_client(number ? ID_SERVER : ID_A);
				initial.key_id = ID_A;
				initial.number = number++;
				initial.number_n = 1 + (r >> 16) % 4;
				send(t, initial);
			}
		}
		assert_int_equal(t->n, 1);
		assert_told(t, 0, "scrambled.mcp.example", QUIC_V1);
		assert_true(!ja4[0] || strcmp(ja4, t->facts[0].ja4) == 0);
		strcpy(ja4, t->facts[0].ja4);
		assert_int_equal(t->tried, 1);
		talk_free(t);
	}
	build_free(&m);
}

/* Coalesced packets (RFC 9000 12.2), and one with another ID, which is no part of the datagram. */
static void test_coalesced(void **state)
{
	(void)state;
	struct talk *t = talk_new();
	struct build m = message_of(1, "mcp.example");
	struct quic_initial i = from_client(ID_A);
	i.datagram = 700;
	quic_put_crypto(&t->frames, 100, slice_after(build_slice(&m), 100));
	quic_put_initial(&t->datagram, &i, quic_built(&t->frames));
	t->frames.n = 0;
	/* 0-RTT with the same ID */
	quic_put(&t->datagram, "\xd0\0\0\0\1\10\1\2\3\4\5\6\7\10\4cccc\x19zzzzzzzzzzzzzzzzzzzzzzzzz", 45);
	quic_put_crypto(&t->frames, 0, slice_first(build_slice(&m), 100));
	i.number = 1;
	quic_put_initial(&t->datagram, &i, quic_built(&t->frames));
	t->frames.n = 0;
	struct build other = message_of(1, "other.example");
	struct quic_initial stray = from_client(ID_B);
	quic_put_crypto(&t->frames, 0, build_slice(&other));
	quic_put_initial(&t->datagram, &stray, quic_built(&t->frames));
	deliver(t, CLIENT);
	assert_int_equal(t->n, 1);
	assert_told(t, 0, "mcp.example", QUIC_V1);
	assert_int_equal(t->tried, 1);
	build_free(&m);
	build_free(&other);
	talk_free(t);
}

static void test_connections_on_the_same_ports(void **state)
{
	(void)state;
	struct talk *t = talk_new();
	send_hello(t, ID_A, "first.example");
	send_hello(t, ID_B, "second.example");
	send_server_hello(t, from_server(ID_A));
	send_server_hello(t, from_server(ID_B));
	assert_int_equal(t->n, 4);
	assert_told(t, 0, "first.example", QUIC_V1);
	assert_told(t, 1, "second.example", QUIC_V1);
	assert_told(t, 2, "first.example", QUIC_V1);
	assert_told(t, 3, "second.example", QUIC_V1);
	assert_int_equal(t->tried, 2);
	talk_free(t);
}

static void test_retry(void **state)
{
	(void)state;
	struct talk *t = talk_new();
	send_hello(t, ID_A, "mcp.example");
	quic_put(&t->datagram,
		 "\xf0\0\0\0\1\4cccc\6ssssss"
		 "token"
		 "0123456789abcdef",
		 38);
	deliver(t, SERVER);
	struct build m = message_of(1, "mcp.example");
	struct quic_initial i = from_client(ID_SERVER);
	i.token = slice_of("token", 5);
	i.number = 1;
	send_crypto(t, i, 0, build_slice(&m));
	send_server_hello(t, from_server(ID_SERVER));
	assert_int_equal(t->n, 3);
	for (unsigned k = 0; k < 3; k++)
		assert_told(t, k, "mcp.example", QUIC_V1);
	assert_int_equal(t->facts[2].version, 0x0304);
	assert_int_equal(t->a.n[ANOMALY_QUIC_UNOPENED], 0);
	quic_datagram(t->q, CLIENT, SLICE_LITERAL("\x40sssssss"), 8, true);
	assert_true(quic_is_over(t->q));
	build_free(&m);
	talk_free(t);
}

/* RFC 9368: the server answers in version 2 with keys of the same ID, and the client follows. */
static void test_version_changes(void **state)
{
	(void)state;
	struct talk *t = talk_new();
	struct build m = message_of(1, "mcp.example");
	send_crypto(t, from_client(ID_A), 0, slice_first(build_slice(&m), 60));
	quic_put(&t->datagram, "\x80\0\0\0\0\4cccc\10\1\2\3\4\5\6\7\10\0\0\0\1", 23); /* Version Negotiation */
	deliver(t, SERVER);
	struct quic_initial s = from_server(ID_A), c = from_client(ID_SERVER);
	s.version = c.version = QUIC_V2;
	c.key_id = ID_A;
	c.number = 1;
	send_server_hello(t, s);
	send_crypto(t, c, 60, slice_after(build_slice(&m), 60));
	assert_int_equal(t->n, 1);
	assert_told(t, 0, "mcp.example", QUIC_V2);
	assert_int_equal(t->facts[0].version, 0x0304);
	/* a version that is not read */
	c.version = 0x0a0a0a0a;
	c.key_id = c.dcid = ID_B;
	send_crypto(t, c, 0, build_slice(&m));
	assert_int_equal(t->tried, 2); /* the connection, and its change of version */
	assert_int_equal(t->n, 1);
	for (int k = 0; k < ANOMALY_COUNT; k++)
		assert_int_equal(t->a.n[k], 0);
	build_free(&m);
	talk_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_connection), cmocka_unit_test(test_any_split_and_order),
	    cmocka_unit_test(test_coalesced),    cmocka_unit_test(test_connections_on_the_same_ports),
	    cmocka_unit_test(test_retry),        cmocka_unit_test(test_version_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
