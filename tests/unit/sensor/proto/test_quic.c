/* Datagrams of a flow -> hellos: split, scrambled, repeated, sent again under another ID or version, forged, cut, too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "quic.h"
#include "sensor/proto/quic_build.h"
#include "sensor/proto/tls_build.h"

enum { CLIENT = 1, SERVER = 0, HELLOS = 16 }; /* sides: the client need not be the lower one */

#define ID_A slice_of("\1\2\3\4\5\6\7\10", 8)
#define ID_B slice_of("\21\22\23\24\25\26\27\30\31", 9)
#define ID_CLIENT slice_of("cccc", 4)
#define ID_SERVER slice_of("ssssss", 6)

struct talk {
	struct quic_opener *opener;
	struct quic *q;
	struct anomaly_counts a;
	unsigned n;
	struct quic_hello hellos[HELLOS];
	struct tls_facts facts[HELLOS];
	unsigned tried;
	struct quic_build frames, datagram;
};

static void on_hello(void *context, const struct quic_hello *h)
{
	struct talk *t = context;
	assert_true(t->n < HELLOS);
	t->facts[t->n] = *h->facts;
	t->hellos[t->n] = *h;
	t->hellos[t->n].facts = &t->facts[t->n];
	t->n++;
}

static struct talk *talk_new(void)
{
	struct talk *t = calloc(1, sizeof *t);
	t->opener = quic_opener_new();
	t->q = quic_new(t->opener, &t->a, on_hello, t);
	assert_non_null(t->q);
	return t;
}

static void talk_free(struct talk *t)
{
	assert_false(quic_failed(t->q));
	quic_free(t->q);
	quic_opener_free(t->opener);
	free(t);
}

static struct build message_of(uint8_t type, const char *sni)
{
	struct build body = build_new(), message = build_new();
	if (type == 1)
		put_hello(&body, sni);
	else
		put_server_hello(&body, 0x0303, 0x0304, false);
	put_message(&message, type, build_slice(&body));
	build_free(&body);
	return message;
}

static struct quic_initial from_client(struct slice dcid)
{
	return (struct quic_initial){.version = QUIC_V1, .dcid = dcid, .scid = ID_CLIENT, .datagram = 1200};
}

static struct quic_initial from_server(struct slice key_id)
{
	return (struct quic_initial){.version = QUIC_V1, .sender = FROM_SERVER, .key_id = key_id, .dcid = ID_CLIENT, .scid = ID_SERVER,
	                             .datagram = 1200};
}

static void deliver(struct talk *t, unsigned side)
{
	/* a copy of its own size, so that a sanitizer sees what is read behind it */
	uint8_t *copy = malloc(t->datagram.n);
	memcpy(copy, t->datagram.b, t->datagram.n);
	t->tried += quic_datagram(t->q, side, slice_of(copy, t->datagram.n), (uint32_t)t->datagram.n, true);
	free(copy);
	t->datagram.n = t->frames.n = 0;
}

/* The frames gathered in one packet in one datagram. */
static void send(struct talk *t, struct quic_initial i)
{
	quic_put_initial(&t->datagram, &i, quic_built(&t->frames));
	deliver(t, i.sender == FROM_CLIENT ? CLIENT : SERVER);
}

static void send_crypto(struct talk *t, struct quic_initial i, size_t offset, struct slice bytes)
{
	quic_put_crypto(&t->frames, offset, bytes);
	send(t, i);
}

static void send_hello(struct talk *t, struct slice dcid, const char *sni)
{
	struct build m = message_of(1, sni);
	send_crypto(t, from_client(dcid), 0, build_slice(&m));
	build_free(&m);
}

static void send_server_hello(struct talk *t, struct quic_initial i)
{
	struct build m = message_of(2, NULL);
	quic_put(&t->frames, "\2\0\0\0\0", 5); /* ACK of packet 0 */
	send_crypto(t, i, 0, build_slice(&m));
	build_free(&m);
}

static void assert_told(const struct talk *t, unsigned i, const char *sni, uint32_t version)
{
	assert_true(i < t->n);
	assert_string_equal(t->facts[i].sni, sni);
	assert_true(t->facts[i].client_hello && !t->facts[i].sni_cut);
	assert_int_equal(t->facts[i].ja4[0], 'q');
	assert_int_equal(t->hellos[i].version, version);
	assert_int_equal(t->hellos[i].client, CLIENT);
}

static void test_a_connection(void **state)
{
	(void)state;
	static const uint32_t versions[] = {QUIC_V1, QUIC_V2, 0xff000017, 0xff00001c, 0xff00001d, 0xff000020, 0xff000021, 0xff000022};
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
			quic_put_crypto(&t->frames, at, slice_first(slice_after(build_slice(&m), at), size + (r >> 28)));
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
	quic_put(&t->datagram, "\xf0\0\0\0\1\4cccc\6ssssss" "token" "0123456789abcdef", 38);
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
	assert_int_equal(t->tried, 1);
	assert_int_equal(t->n, 1);
	for (int k = 0; k < ANOMALY_COUNT; k++)
		assert_int_equal(t->a.n[k], 0);
	build_free(&m);
	talk_free(t);
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
	} frames[] = {{"\x08stream", 7}, {"\6\0\x40", 3}, {"\6\0\x41\0", 4}, {"\2\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0", 12}, {"\x1d\0\0", 3}};
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
		quic_datagram(t->q, CLIENT, guarded_copy(&g, slice_first(quic_built(&t->datagram), n)), (uint32_t)n, true);
	t->datagram.b[5] = 21; /* an ID longer than any */
	uint64_t before = t->a.n[ANOMALY_QUIC_HEADER_BAD];
	quic_datagram(t->q, CLIENT, guarded_copy(&g, quic_built(&t->datagram)), 1200, true);
	assert_int_equal(t->a.n[ANOMALY_QUIC_HEADER_BAD], before + 1);
	guarded_free(&g);
	talk_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_connection),
		cmocka_unit_test(test_any_split_and_order),
		cmocka_unit_test(test_coalesced),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_connections_on_the_same_ports),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_version_changes),
		cmocka_unit_test(test_small_datagrams),
		cmocka_unit_test(test_first_packet_lost),
		cmocka_unit_test(test_part_of_a_hello),
		cmocka_unit_test(test_what_is_too_much),
		cmocka_unit_test(test_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
