/* tls_record.c: records and messages over any split, its caps, and that nothing is copied where nothing has to be. */
#include "tls_build.h"

#include "limits.h"
#include "status.h"
#include "tls_record.h"
#include "tls_samples.h"

/* Feeds in chunks; collects "type/length/body bytes" of each message and returns their number, -1 for a bad record. */
static int collect(struct slice in, size_t chunk, struct build *out, bool *ret_copied)
{
	struct tls_records r = {.left = 0};
	struct tls_messages m = {.left = 0};
	int count = 0;
	*ret_copied = false;
	while (in.n) {
		struct slice bytes = slice_first(in, chunk);
		in = slice_after(in, chunk);
		struct tls_piece piece;
		enum tls_next next = TLS_NEXT_NONE;
		while (bytes.n && (next = tls_records_next(&r, &bytes, &piece)) == TLS_NEXT_ONE) {
			struct tls_message message;
			while (piece.type == TLS_HANDSHAKE && tls_messages_next(&m, &piece.bytes, &message) > 0) {
				put_be(out, message.type, 1);
				put_be(out, message.length, 4);
				put(out, message.body.p, message.body.n);
				*ret_copied |= m.kept_n > 0;
				count++;
			}
		}
		if (next == TLS_NEXT_BAD) {
			count = -1;
			break;
		}
	}
	tls_messages_done(&m);
	return count;
}

static void any_split(void **state)
{
	(void)state;
	static const struct {
		const uint8_t *p;
		size_t n;
		int messages;
	} cases[] = {
	    {node_client, sizeof node_client, 1},
	    {codex_client, sizeof codex_client, 1},
	    {tls12_server, sizeof tls12_server, 5},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice in = slice_of(cases[i].p, cases[i].n);
		struct build whole = build_new();
		bool copied;
		assert_int_equal(collect(in, in.n, &whole, &copied), cases[i].messages);
		assert_false(copied);
		for (size_t chunk = 1; chunk < in.n; chunk += 1 + chunk / 64) {
			struct build parts = build_new();
			assert_int_equal(collect(in, chunk, &parts, &copied), cases[i].messages);
			assert_int_equal(parts.n, whole.n);
			assert_memory_equal(parts.p, whole.p, whole.n);
			build_free(&parts);
		}
		build_free(&whole);
	}
}

static void records_of_any_size(void **state)
{
	(void)state;
	struct slice message = slice_of(codex_client + 5, sizeof codex_client - 5);
	struct build whole = build_new();
	bool copied;
	collect(slice_of(codex_client, sizeof codex_client), 4096, &whole, &copied);
	for (size_t size = 1; size <= 80; size++) {
		struct build in = build_new(), parts = build_new();
		put_records(&in, TLS_HANDSHAKE, message, size);
		for (size_t chunk = 1; chunk <= 11; chunk += 5) {
			parts.n = 0;
			assert_int_equal(collect(build_slice(&in), chunk, &parts, &copied), 1);
			assert_int_equal(parts.n, whole.n);
			assert_memory_equal(parts.p, whole.p, whole.n);
		}
		build_free(&in);
		build_free(&parts);
	}
	build_free(&whole);
}

static enum tls_next first_piece(const char *bytes, size_t n, struct tls_piece *ret_piece)
{
	struct tls_records r = {.left = 0};
	struct slice in = slice_of(bytes, n);
	return tls_records_next(&r, &in, ret_piece);
}

static void headers(void **state)
{
	(void)state;
	struct tls_piece p;
	assert_int_equal(first_piece("G", 1, &p), TLS_NEXT_BAD);
	assert_int_equal(first_piece("\x13", 1, &p), TLS_NEXT_BAD);
	assert_int_equal(first_piece("\x19", 1, &p), TLS_NEXT_BAD);
	assert_int_equal(first_piece("\x80\x2e\x01\x03\x01", 5, &p), TLS_NEXT_BAD); /* an SSLv2 hello */
	assert_int_equal(first_piece("\x16\x02", 2, &p), TLS_NEXT_BAD);
	assert_int_equal(first_piece("\x16\x03\x01\x48", 4, &p), TLS_NEXT_NONE);
	assert_int_equal(first_piece("\x16\x03\x01\x48\x01", 5, &p), TLS_NEXT_BAD); /* 2^14 + 2048 + 1 */
	assert_int_equal(first_piece("\x16\x03\x01\x48\x00", 5, &p), TLS_NEXT_NONE);
	assert_int_equal(first_piece("\x15\x03\x09\x00\x02\x02", 6, &p), TLS_NEXT_ONE); /* any minor version */
	assert_int_equal(p.type, TLS_ALERT);
	assert_true(p.first && !p.empty && p.bytes.n == 1 && p.bytes.p[0] == 2);
	assert_int_equal(first_piece("\x16\x03\x01\x00\x00", 5, &p), TLS_NEXT_ONE);
	assert_true(p.first && p.empty && p.bytes.n == 0);
}

static void second_piece_of_a_record(void **state)
{
	(void)state;
	struct tls_records r = {.left = 0};
	struct tls_piece p;
	struct slice in = slice_of("\x17\x03\x03\x00\x03"
				   "a",
				   6);
	assert_int_equal(tls_records_next(&r, &in, &p), TLS_NEXT_ONE);
	assert_true(p.first);
	in = slice_of("bcd", 3);
	assert_int_equal(tls_records_next(&r, &in, &p), TLS_NEXT_ONE);
	assert_false(p.first);
	assert_int_equal(p.bytes.n, 2);
	assert_int_equal(in.n, 1); /* 'd' is no part of the record */
}

/* A length field that promises 16 MiB gets memory for what came, and never more than the cap. */
static void promises_cost_nothing(void **state)
{
	(void)state;
	struct tls_messages m = {.left = 0};
	struct tls_message message;
	struct slice in = slice_of("\x01\xff\xff\xff"
				   "abc",
				   7);
	assert_int_equal(tls_messages_next(&m, &in, &message), 0);
	assert_true(m.kept_cap <= 512);
	assert_int_equal(tls_messages_partial(&m, TLS_CLIENT_HELLO).n, 3);
	assert_int_equal(tls_messages_partial(&m, TLS_SERVER_HELLO).n, 0);
	uint8_t block[1000] = {0};
	size_t fed = 3;
	for (;;) {
		in = slice_of(block, sizeof block);
		if (tls_messages_next(&m, &in, &message) == 1)
			break;
		fed += sizeof block;
		assert_true(fed < LIMIT_TLS_HELLO && m.kept_cap <= LIMIT_TLS_HELLO);
	}
	assert_int_equal(message.length, 0xffffff);
	assert_int_equal(message.body.n, LIMIT_TLS_HELLO);
	assert_int_equal(fed + sizeof block - in.n, LIMIT_TLS_HELLO);
	in = slice_of(block, sizeof block); /* the rest is passed over, and what was kept is gone */
	assert_int_equal(tls_messages_next(&m, &in, &message), 0);
	assert_null(m.kept);
	tls_messages_done(&m);
}

/* Of a certificate chain only the leaf is waited for. */
static void certificate_leaf(void **state)
{
	(void)state;
	struct tls_messages m = {.left = 0};
	struct tls_message message;
	struct slice in = slice_of("\x0b\x00\x10\x00"
				   "\x00\x0f\xfd"
				   "\x00\x00\x03"
				   "le",
				   12);
	assert_int_equal(tls_messages_next(&m, &in, &message), 0);
	in = slice_of("af--chain--", 11);
	assert_int_equal(tls_messages_next(&m, &in, &message), 1);
	assert_int_equal(message.type, TLS_CERTIFICATE);
	assert_true(slice_eq(message.body, slice_of("\x00\x0f\xfd\x00\x00\x03lea", 9)));
	assert_int_equal(in.n, 10);
	tls_messages_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_split),
	    cmocka_unit_test(records_of_any_size),
	    cmocka_unit_test(headers),
	    cmocka_unit_test(second_piece_of_a_record),
	    cmocka_unit_test(promises_cost_nothing),
	    cmocka_unit_test(certificate_leaf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
