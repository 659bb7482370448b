/* Datagrams that nobody honest sends, or of which some are lost: forged, cut, malformed, too small, too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "quic_talk.h"

/* No packet with a bit changed says anything, and none that was forged later changes what was read. */
static void test_forged(void **state)
{
	(void)state;
	struct build m = message_of(1, "mcp.example");
	for (size_t byte = 0; byte < 1200; byte++) {
		struct talk *t = talk_new();
		struct quic_initial i = from_client(ID_A);
		quic_put_crypto(&t->frames, 0, build_slice(&m));
		quic_put_initial(&t->datagram, &i, quic_built(&t->frames));
		t->datagram.b[byte] ^= 0x10;
		deliver(t, CLIENT);
		assert_int_equal(t->n, 0);
		assert_true(quic_is_idle(t->q));
		talk_free(t);
	}
	struct talk *t = talk_new();
	send_hello(t, ID_A, "mcp.example");
	/* who knows the ID but not the first packet's bytes, or comes after them */
	struct build lie = message_of(1, "approved.example");
	struct quic_initial i = from_client(ID_A);
	i.number = 9;
	send_crypto(t, i, 0, build_slice(&lie));
	send_crypto(t, i, build_slice(&m).n, build_slice(&lie));
	i.scid = slice_of("x", 1);
	send_crypto(t, i, 0, build_slice(&lie));
	/* who does not know the ID */
	i = from_server(ID_B);
	send_server_hello(t, i);
	assert_int_equal(t->n, 1);
	assert_int_equal(t->a.n[ANOMALY_QUIC_UNOPENED], 1);
	/* half of the hello is there: different bytes at its places change nothing */
	struct talk *half = talk_new();
	send_crypto(half, from_client(ID_A), 0, slice_first(build_slice(&m), m.n - 1));
	i = from_client(ID_A);
	i.number = 1;
	send_crypto(half, i, 0, build_slice(&lie));
	i.number = 2;
	send_crypto(half, i, m.n - 1, slice_after(build_slice(&m), m.n - 1));
	assert_told(half, 0, "mcp.example", QUIC_V1);
	assert_true(half->a.n[ANOMALY_QUIC_CRYPTO_CONFLICT] > 0);
	talk_free(half);
	talk_free(t);
	build_free(&m);
	build_free(&lie);
}

/* A server must discard what comes in less than 1,200 bytes: so nobody can make a sensor try keys for less. */
static void test_small_datagrams(void **state)
{
	(void)state;
	struct talk *t = talk_new();
	struct build m = message_of(1, "mcp.example");
	struct quic_initial i = from_client(ID_A);
	i.datagram = 1199;
	send_crypto(t, i, 0, build_slice(&m));
	assert_int_equal(t->n + t->tried, 0);
	assert_int_equal(t->a.n[ANOMALY_QUIC_UNOPENED], 1);
	send_crypto(t, from_client(ID_A), 0, slice_first(build_slice(&m), 10));
	i.datagram = 0;
	i.number = 1;
	send_crypto(t, i, 10, slice_after(build_slice(&m), 10)); /* of a known connection */
	assert_told(t, 0, "mcp.example", QUIC_V1);
	/* a larger datagram of which the capture kept less */
	i = from_client(ID_B);
	quic_put_initial(&t->datagram, &i, SLICE_LITERAL("\1"));
	assert_false(quic_datagram(t->q, CLIENT, slice_of(t->datagram.b, 256), 1200, true));
	assert_int_equal(t->a.n[ANOMALY_QUIC_HEADER_BAD], 0);
	assert_false(quic_datagram(t->q, CLIENT, slice_of(t->datagram.b, 256), 256, true));
	assert_int_equal(t->a.n[ANOMALY_QUIC_HEADER_BAD], 1);
	build_free(&m);
	talk_free(t);
}

static void test_first_packet_lost(void **state)
{
	(void)state;
	/* the second one still bears the ID that the keys are made of */
	struct talk *t = talk_new();
	struct build m = message_of(1, "mcp.example");
	struct quic_initial i = from_client(ID_A);
	i.number = 1;
	send_crypto(t, i, 150, slice_after(build_slice(&m), 150));
	assert_false(quic_is_idle(t->q));
	assert_int_equal(t->n, 0);
	i.number = 0;
	send_crypto(t, i, 0, slice_first(build_slice(&m), 150)); /* late, or sent again */
	assert_told(t, 0, "mcp.example", QUIC_V1);
	talk_free(t);
	/* later ones bear the server's */
	t = talk_new();
	i = from_client(ID_SERVER);
	i.key_id = ID_A;
	send(t, i);
	send_server_hello(t, from_server(ID_A));
	assert_true(quic_is_idle(t->q));
	assert_int_equal(t->a.n[ANOMALY_QUIC_UNOPENED], 2);
	assert_int_equal(quic_memory(t->q) < 200, 1);
	talk_free(t);
	build_free(&m);
}

/* The rest of a hello is lost: its name is told once the client went on, or at the end, as what it is. */
static void test_part_of_a_hello(void **state)
{
	(void)state;
	struct build m = message_of(1, "mcp.example");
	for (int at_end = 0; at_end < 2; at_end++) {
		struct talk *t = talk_new();
		send_crypto(t, from_client(ID_A), 0, slice_first(build_slice(&m), m.n - 2));
		for (int i = 0; i < 20 && !at_end; i++)
			quic_datagram(t->q, CLIENT, SLICE_LITERAL("\x40sssssss"), 8, true);
		if (at_end)
			quic_end(t->q);
		assert_int_equal(t->n, 1);
		assert_string_equal(t->facts[0].sni, "mcp.example");
		assert_false(t->facts[0].client_hello || t->facts[0].sni_cut);
		assert_false(quic_is_over(t->q));
		quic_end(t->q);
		assert_int_equal(t->n, 1);
		/* it was late, not lost */
		struct quic_initial i = from_client(ID_A);
		i.number = 1;
		send_crypto(t, i, m.n - 2, slice_after(build_slice(&m), m.n - 2));
		assert_int_equal(t->n, 2);
		assert_told(t, 1, "mcp.example", QUIC_V1);
		assert_true(at_end || quic_is_over(t->q));
		talk_free(t);
	}
	build_free(&m);
}

static void test_what_is_too_much(void **state)
{
	(void)state;
	/* a hello longer than anybody's: its name is shown and approves nothing */
	struct talk *t = talk_new();
	struct build body = build_new(), m = build_new();
	put_be(&body, 0x0303, 2);
	put_zeros(&body, 33);
	put_be(&body, 4000, 2); /* bytes of ciphers */
	put_zeros(&body, 4000);
	put_be(&body, 0x0100, 2);
	size_t at = vector(&body, 2);
	put_sni_text(&body, "mcp.example");
	for (int i = 0; i < 2; i++) {
		put_be(&body, 0xfff0u + (unsigned)i, 2);
		put_be(&body, 32000, 2);
		put_zeros(&body, 32000);
	}
	vector_end(&body, at, 2);
	put_message(&m, 1, build_slice(&body));
	for (size_t offset = 0; offset < m.n; offset += 8000) {
		struct quic_initial i = from_client(ID_A);
		i.number = (uint32_t)(offset / 8000);
		send_crypto(t, i, offset, slice_first(slice_after(build_slice(&m), offset), 8000));
	}
	assert_int_equal(t->n, 1);
	assert_string_equal(t->facts[0].sni, "mcp.example");
	assert_true(t->facts[0].sni_cut && !t->facts[0].client_hello);
	assert_int_equal(t->a.n[ANOMALY_TLS_HELLO_LIMIT], 1);
	assert_true(quic_memory(t->q) < 4096);
	talk_free(t);
	build_free(&body);
	build_free(&m);

	/* many connections that never finish their hello: the oldest leaves */
	t = talk_new();
	m = message_of(1, "mcp.example");
	for (unsigned i = 0; i < 3 * LIMIT_QUIC_CONNECTIONS; i++) {
		uint8_t id[8] = {(uint8_t)i};
		send_crypto(t, from_client(slice_of(id, sizeof id)), 1000, build_slice(&m));
		assert_true(quic_memory(t->q) < LIMIT_QUIC_CONNECTIONS * 8192);
	}
	assert_int_equal(t->a.n[ANOMALY_QUIC_CONNECTIONS_LIMIT], 2 * LIMIT_QUIC_CONNECTIONS);
	send_hello(t, ID_A, "mcp.example");
	assert_told(t, 0, "mcp.example", QUIC_V1);
	talk_free(t);

	/* who may not try opens nothing, and it is counted */
	t = talk_new();
	struct quic_initial i = from_client(ID_A);
	quic_put_crypto(&t->frames, 0, build_slice(&m));
	quic_put_initial(&t->datagram, &i, quic_built(&t->frames));
	assert_false(quic_datagram(t->q, CLIENT, quic_built(&t->datagram), 1200, false));
	assert_true(quic_is_idle(t->q));
	assert_int_equal(t->a.n[ANOMALY_QUIC_INITIALS_LIMIT], 1);
	talk_free(t);
	build_free(&m);
}

/* Frames that have no place in an Initial, and ones that are cut, end the packet; headers that lie end the datagram. */
static void test_malformed(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
	} frames[] = {{"\x08stream", 7},
		      {"\6\0\x40", 3},
		      {"\6\0\x41\0", 4},
		      {"\2\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0", 12},
		      {"\x1d\0\0", 3}};
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		struct talk *t = talk_new();
		struct quic_initial initial = from_client(ID_A);
		initial.datagram = 0;
		struct build m = message_of(1, "mcp.example");
		quic_put_crypto(&t->frames, 0, build_slice(&m));
		quic_put(&t->frames, frames[i].bytes, frames[i].n);
		quic_put_initial(&t->datagram, &initial, quic_built(&t->frames));
		assert_true(quic_datagram(t->q, CLIENT, quic_built(&t->datagram), 1200, true));
		assert_int_equal(t->a.n[ANOMALY_QUIC_FRAME_BAD], 1);
		assert_int_equal(t->n, 1); /* what stood before it */
		build_free(&m);
		talk_free(t);
	}
	/* a ServerHello from the client, a ClientHello from the server */
	struct talk *t = talk_new();
	struct build m = message_of(2, NULL), h = message_of(1, "mcp.example");
	send_crypto(t, from_client(ID_A), 0, build_slice(&m));
	send_crypto(t, from_server(ID_A), 0, build_slice(&h));
	assert_int_equal(t->n, 0);
	assert_int_equal(t->a.n[ANOMALY_TLS_HELLO_BAD], 2);
	build_free(&m);
	build_free(&h);
	/* every header cut at every byte, ended by unreadable memory */
	struct guarded g = guarded_new(2048);
	struct quic_initial i = from_client(ID_B);
	i.token = slice_of("token", 5);
	quic_put_initial(&t->datagram, &i, SLICE_LITERAL("\1"));
	for (size_t n = 0; n < t->datagram.n; n++)
		quic_datagram(t->q, CLIENT, guarded_copy(&g, slice_first(quic_built(&t->datagram), n)), (uint32_t)n,
			      true);
	t->datagram.b[5] = 21; /* an ID longer than any */
	uint64_t before = t->a.n[ANOMALY_QUIC_HEADER_BAD];
	quic_datagram(t->q, CLIENT, guarded_copy(&g, quic_built(&t->datagram)), 1200, true);
	assert_int_equal(t->a.n[ANOMALY_QUIC_HEADER_BAD], before + 1);
	guarded_free(&g);
	talk_free(t);
}

/* One datagram may cost so much and no more: small Initials behind each other, and packets in another version, each of which wants keys. */
static void test_costly_datagrams(void **state)
{
	(void)state;
	struct talk *t = talk_new();
	struct build m = message_of(1, "mcp.example");
	struct quic_initial i = from_client(ID_A);
	for (unsigned k = 0; k <= LIMIT_QUIC_INITIALS; k++) { /* the hello is in the last one */
		i.number = k;
		i.datagram = k < LIMIT_QUIC_INITIALS ? 100 : 1200;
		if (k == LIMIT_QUIC_INITIALS)
			quic_put_crypto(&t->frames, 0, build_slice(&m));
		quic_put_initial(&t->datagram, &i, quic_built(&t->frames));
	}
	deliver(t, CLIENT);
	assert_int_equal(t->n, 0);
	assert_int_equal(t->a.n[ANOMALY_QUIC_INITIALS_LIMIT], 1);
	i.datagram = 1200;
	send_crypto(t, i, 0, slice_first(build_slice(&m), 20));
	/* the same connection in another version: only where a try is left */
	i.version = QUIC_V2;
	quic_put_crypto(&t->frames, 20, slice_after(build_slice(&m), 20));
	quic_put_initial(&t->datagram, &i, quic_built(&t->frames));
	assert_false(quic_datagram(t->q, CLIENT, quic_built(&t->datagram), 1200, false));
	assert_int_equal(t->n, 0);
	assert_int_equal(t->a.n[ANOMALY_QUIC_INITIALS_LIMIT], 2);
	assert_true(quic_datagram(t->q, CLIENT, quic_built(&t->datagram), 1200, true));
	assert_told(t, 0, "mcp.example", QUIC_V2);
	build_free(&m);
	talk_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forged),
	    cmocka_unit_test(test_small_datagrams),
	    cmocka_unit_test(test_first_packet_lost),
	    cmocka_unit_test(test_part_of_a_hello),
	    cmocka_unit_test(test_what_is_too_much),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_costly_datagrams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
