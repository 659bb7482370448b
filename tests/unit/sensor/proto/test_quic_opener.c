/* Keys and packets of RFC 9001 appendix A and RFC 9369 appendix A; packet numbers; wrong tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "limits.h"
#include "quic_build.h"

static size_t unhex(const char *text, uint8_t *to)
{
	size_t n = 0;
	for (; text[0]; text += 2) {
		unsigned v;
		assert_int_equal(sscanf(text, "%2x", &v), 1);
		to[n++] = (uint8_t)v;
	}
	return n;
}

static void assert_hex(const uint8_t *p, size_t n, const char *text)
{
	uint8_t want[2048];
	assert_int_equal(unhex(text, want), n);
	assert_memory_equal(p, want, n);
}

static const uint8_t id[8] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};

/* A.1 of both. */
static void test_keys(void **state)
{
	(void)state;
	static const struct {
		uint32_t version;
		enum direction sender;
		const char *key, *iv, *mask;
	} vectors[] = {
	    {QUIC_V1, FROM_CLIENT, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
	     "9f50449e04a0e810283a1e9933adedd2"},
	    {QUIC_V1, FROM_SERVER, "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e",
	     "c206b8d9b9f0f37644430b490eeaa314"},
	    {QUIC_V2, FROM_CLIENT, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f",
	     "45b95e15235d6f45a6b19cbcb0294ba9"},
	    {QUIC_V2, FROM_SERVER, "82db637861d55e1d011f19ea71d5d2a7", "dd13c276499c0249d3310652",
	     "edf6d05c83121201b436e16877593c3a"},
	};
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct quic_keys k;
		quic_keys_derive(vectors[i].version, slice_of(id, sizeof id), vectors[i].sender, &k);
		assert_hex(k.key, sizeof k.key, vectors[i].key);
		assert_hex(k.iv, sizeof k.iv, vectors[i].iv);
		assert_hex(k.mask, sizeof k.mask, vectors[i].mask);
	}
}

/* A.2: a CRYPTO frame of 245 bytes, padded to 1,162. */
static const char client_frame[] =
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000000010"
    "000e00000b6578"
    "616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500050100000000003300260024001d002093"
    "70b2c9caa47fba"
    "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101"
    "001c0002400100"
    "3900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff";

/* The tag stands for the 1,162 bytes before it. */
static void check_client_initial(uint32_t version, const char *beginning, const char *tag)
{
	uint8_t frames[1162] = {0};
	assert_int_equal(unhex(client_frame, frames), 245);
	struct quic_build *w = calloc(1, sizeof *w);
	struct quic_initial i = {.version = version, .dcid = slice_of(id, sizeof id), .number = 2};
	quic_put_initial(w, &i, slice_of(frames, sizeof frames));
	assert_int_equal(w->n, 1200);
	assert_hex(w->b, strlen(beginning) / 2, beginning);
	assert_hex(w->b + w->n - 16, 16, tag);

	struct quic_opener *o = quic_opener_new();
	struct slice datagram = quic_built(w), opened;
	struct quic_packet p;
	struct quic_keys keys;
	uint64_t number;
	assert_true(quic_begins(datagram));
	assert_int_equal(quic_packet_next(&datagram, &p), QUIC_NEXT_ONE);
	assert_int_equal(p.type, QUIC_INITIAL);
	quic_keys_derive(p.version, p.dcid, FROM_CLIENT, &keys);
	assert_true(quic_open(o, &keys, &p, 0, &number, &opened));
	assert_int_equal(number, 2);
	assert_int_equal(opened.n, sizeof frames);
	assert_memory_equal(opened.p, frames, sizeof frames);
	quic_opener_free(o);
	free(w);
}

static void test_client_initial(void **state)
{
	(void)state;
	check_client_initial(
	    QUIC_V1, "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c",
	    "e221af44860018ab0856972e194cd934");
	check_client_initial(
	    QUIC_V2, "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e75d6c",
	    "a18b2faa745b6fe189cf772a9f84cbfc");
}

/* A.3: sealed with the keys of the client's ID. */
static void test_server_initial(void **state)
{
	(void)state;
	static const char *const packets[] = {
	    "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5e"
	    "de4cf73c3ec2493a1839"
	    "b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850"
	    "abbdca3d20398c276456"
	    "cbc42158407dd074ee",
	    "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf8726301791535823"
	    "0035f7fd3945d88965cf"
	    "17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707f0a0812d8cd5a6881eaf21ceda98f4bd"
	    "23f6fe1a3e2c43edd9ce"
	    "7ca84bed8521e2e140",
	};
	struct quic_opener *o = quic_opener_new();
	for (size_t i = 0; i < 2; i++) {
		uint8_t bytes[256];
		struct slice datagram = slice_of(bytes, unhex(packets[i], bytes)), frames;
		struct quic_packet p;
		struct quic_keys keys;
		uint64_t number;
		assert_int_equal(quic_packet_next(&datagram, &p), QUIC_NEXT_ONE);
		assert_int_equal(p.dcid.n, 0);
		assert_int_equal(p.scid.n, 8);
		quic_keys_derive(p.version, slice_of(id, sizeof id), FROM_SERVER, &keys);
		assert_true(quic_open(o, &keys, &p, 0, &number, &frames));
		assert_int_equal(number, 1);
		assert_hex(frames.p, frames.n,
			   "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045"
			   "a1200130100002e0033"
			   "0024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304");
		/* the other direction's keys do not fit, nor do any once a bit is different */
		struct quic_keys other;
		quic_keys_derive(p.version, slice_of(id, sizeof id), FROM_CLIENT, &other);
		assert_false(quic_open(o, &other, &p, 0, &number, &frames));
		for (size_t bit = 0; bit < 8 * p.bytes.n; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(quic_open(o, &keys, &p, 0, &number, &frames));
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_true(quic_open(o, &keys, &p, 0, &number, &frames));
	}
	quic_opener_free(o);
}

/* Written in fewer bytes than it has (RFC 9000 A.3). */
static void test_packet_numbers(void **state)
{
	(void)state;
	static const struct {
		uint32_t number;
		unsigned bytes;
		uint64_t expected;
	} cases[] = {{0, 1, 0},
		     {255, 1, 250},
		     {256, 1, 250},
		     {300, 1, 256},
		     {0xa82f9b32, 2, 0xa82f30eb},
		     {0x12345, 3, 0x12300},
		     {100, 1, 200}};
	struct quic_opener *o = quic_opener_new();
	struct quic_build *w = calloc(1, sizeof *w);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct quic_initial initial = {.version = QUIC_V1,
					       .dcid = slice_of(id, sizeof id),
					       .number = cases[i].number,
					       .number_n = cases[i].bytes};
		struct quic_packet p;
		struct quic_keys keys;
		struct slice frames, datagram;
		uint64_t number;
		w->n = 0;
		quic_put_initial(w, &initial, SLICE_LITERAL("\1\1\1\1"));
		datagram = quic_built(w);
		assert_int_equal(quic_packet_next(&datagram, &p), QUIC_NEXT_ONE);
		quic_keys_derive(QUIC_V1, p.dcid, FROM_CLIENT, &keys);
		assert_true(quic_open(o, &keys, &p, cases[i].expected, &number, &frames));
		assert_true(number == cases[i].number);
	}
	free(w);
	quic_opener_free(o);
}

static void test_too_large(void **state)
{
	(void)state;
	struct quic_opener *o = quic_opener_new();
	struct quic_build *w = calloc(1, sizeof *w);
	for (size_t more = 0; more < 2; more++) {
		struct quic_initial initial = {.version = QUIC_V1, .dcid = slice_of(id, sizeof id)};
		uint8_t *padding = calloc(1, LIMIT_QUIC_PACKET + more);
		struct quic_packet p;
		struct quic_keys keys;
		struct slice frames, datagram;
		uint64_t number;
		w->n = 0;
		quic_put_initial(w, &initial, slice_of(padding, LIMIT_QUIC_PACKET + more));
		datagram = quic_built(w);
		assert_int_equal(quic_packet_next(&datagram, &p), QUIC_NEXT_ONE);
		quic_keys_derive(QUIC_V1, p.dcid, FROM_CLIENT, &keys);
		assert_int_equal(quic_open(o, &keys, &p, 0, &number, &frames), !more);
		free(padding);
	}
	free(w);
	quic_opener_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys),           cmocka_unit_test(test_client_initial),
	    cmocka_unit_test(test_server_initial), cmocka_unit_test(test_packet_numbers),
	    cmocka_unit_test(test_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
