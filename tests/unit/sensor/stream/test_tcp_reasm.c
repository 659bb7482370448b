/* Segments by hand and at random; what comes out is compared as text: "0:abc", "0?3" (gap), "0-2" (skipped), "0." (end). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "frame.h"
#include "limits.h"
#include "tcp_reasm.h"
#include <stdio.h>
#include <stdlib.h>

struct bench {
	struct tcp_reasm r;
	struct anomaly_counts anomalies;
	struct tcp_counts counts;
	char out[1 << 16];
	size_t n;
	int64_t now;
	int last_side; /* so that pieces of one side run together: the text must not depend on the split */
};

static void put(struct bench *b, const char *text, size_t n)
{
	assert_true(b->n + n < sizeof b->out);
	memcpy(b->out + b->n, text, n);
	b->n += n;
	b->out[b->n] = 0;
}

static void on_bytes(void *context, unsigned side, struct slice s)
{
	struct bench *b = context;
	if (b->last_side != (int)side)
		put(b, side ? " 1:" : " 0:", 3);
	b->last_side = (int)side;
	put(b, (const char *)s.p, s.n);
}

static void mark(struct bench *b, unsigned side, const char *what, uint64_t n)
{
	char text[40];
	b->last_side = -1;
	put(b, text, (size_t)snprintf(text, sizeof text, " %u%s%llu", side, what, (unsigned long long)n));
}

static void on_gap(void *context, unsigned side, uint64_t n)
{
	mark(context, side, "?", n);
}

static void on_skipped(void *context, unsigned side, uint64_t n)
{
	mark(context, side, "-", n);
}

static void on_end(void *context, unsigned side)
{
	struct bench *b = context;
	b->last_side = -1;
	put(b, side ? " 1." : " 0.", 3);
}

static const struct tcp_callbacks callbacks = {on_bytes, on_gap, on_skipped, on_end};

static void start(struct bench *b, uint32_t isn0, uint32_t isn1)
{
	memset(b, 0, sizeof *b);
	b->last_side = -1;
	b->now = NS_PER_SEC;
	tcp_reasm_init(&b->r);
	struct packet syn = {.proto = IP_PROTO_TCP, .tcp_flags = TCP_SYN, .tcp_seq = isn0 - 1, .time_ns = b->now};
	tcp_reasm_push(&b->r, 0, &syn, &callbacks, b, &b->anomalies, &b->counts);
	syn.tcp_flags |= TCP_ACK;
	syn.tcp_seq = isn1 - 1;
	syn.tcp_ack = isn0;
	tcp_reasm_push(&b->r, 1, &syn, &callbacks, b, &b->anomalies, &b->counts);
}

static void push(struct bench *b, unsigned side, uint32_t seq, uint32_t ack, unsigned flags, const char *text, uint32_t wire)
{
	struct packet p = {.proto = IP_PROTO_TCP, .tcp_flags = (uint8_t)flags, .tcp_seq = seq, .tcp_ack = ack, .time_ns = b->now,
	                   .payload = slice_str(text), .payload_bytes = wire ? wire : (uint32_t)strlen(text)};
	b->now += 1000000;
	assert_int_equal(tcp_reasm_push(&b->r, side, &p, &callbacks, b, &b->anomalies, &b->counts), 0);
}

static void finish(struct bench *b)
{
	tcp_reasm_flush(&b->r, &callbacks, b, &b->anomalies, &b->counts);
	assert_false(tcp_reasm_waiting(&b->r));
	assert_int_equal(b->counts.seen, b->counts.delivered + b->counts.duplicate + b->counts.refused);
	assert_int_equal(tcp_reasm_memory(&b->r), 0);
	tcp_reasm_done(&b->r);
}

static void test_order(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	start(b, 1000, 5000);
	push(b, 0, 1003, 5000, TCP_ACK, "def", 0);
	push(b, 0, 1006, 5000, TCP_ACK, "ghi", 0);
	assert_string_equal(b->out, "");
	push(b, 0, 1000, 5000, TCP_ACK, "abc", 0);
	assert_string_equal(b->out, " 0:abcdefghi");
	push(b, 0, 1000, 5000, TCP_ACK, "abc", 0); /* retransmitted whole, then with more behind it */
	push(b, 0, 1006, 5000, TCP_ACK, "ghijk", 0);
	push(b, 0, 1011, 5000, TCP_ACK | TCP_FIN, "l", 0);
	assert_string_equal(b->out, " 0:abcdefghijkl 0.");
	push(b, 0, 1012, 5000, TCP_ACK, "after", 0);
	assert_int_equal(b->anomalies.n[ANOMALY_TCP_AFTER_FIN], 1);
	assert_int_equal(b->counts.duplicate, 6);
	finish(b);
	assert_string_equal(b->out, " 0:abcdefghijkl 0.");
	free(b);
}

static void test_first_copy_wins(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	start(b, 0xfffffffe, 5000); /* and the numbers wrap */
	push(b, 0, 1, 5000, TCP_ACK, "DEF", 0);
	push(b, 0, 0xffffffff, 5000, TCP_ACK, "bcXYZghi", 0);
	assert_int_equal(b->anomalies.n[ANOMALY_TCP_OVERLAP_CONFLICT], 1);
	push(b, 0, 1, 5000, TCP_ACK, "DEF", 0); /* the same bytes again are no conflict */
	assert_int_equal(b->anomalies.n[ANOMALY_TCP_OVERLAP_CONFLICT], 1);
	push(b, 0, 0xfffffffe, 5000, TCP_ACK, "a", 0);
	finish(b);
	assert_string_equal(b->out, " 0:abcDEFghi");
	free(b);
}

static void test_lost_and_acknowledged(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	start(b, 1000, 5000);
	push(b, 0, 1000, 5000, TCP_ACK, "abc", 0);
	push(b, 0, 1010, 5000, TCP_ACK, "xyz", 0); /* 1003..1009 are lost to the capture */
	push(b, 1, 5000, 1013, TCP_ACK, "answer", 0);
	assert_string_equal(b->out, " 0:abc"); /* the answer waits: its question may only be late */
	b->now += LIMIT_TCP_HOLE_NS;
	push(b, 1, 5006, 1013, TCP_ACK, "!", 0);
	assert_string_equal(b->out, " 0:abc 0?7 0:xyz 1:answer!");
	assert_int_equal(b->anomalies.n[ANOMALY_TCP_GAP], 1);
	finish(b);
	free(b);
}

static void test_answer_seen_before_question(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	start(b, 1000, 5000);
	push(b, 1, 5000, 1003, TCP_ACK, "200", 0);
	push(b, 0, 1000, 5000, TCP_ACK, "GET", 0);
	assert_string_equal(b->out, " 0:GET 1:200");
	finish(b);
	free(b);
}

static void test_forged_acknowledgments_do_not_stop_it(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	start(b, 1000, 5000);
	push(b, 1, 5000, 900000, TCP_ACK, "1", 0);
	push(b, 0, 1000, 990000, TCP_ACK, "0", 0);
	b->now += LIMIT_TCP_HOLE_NS;
	push(b, 1, 5001, 900000, TCP_ACK, "1", 0);
	finish(b);
	assert_non_null(strstr(b->out, "0"));
	assert_non_null(strstr(b->out, "1:1"));
	free(b);
}

static void test_reset_only_inside_the_window(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	start(b, 1000, 5000);
	push(b, 0, 1000, 5000, TCP_ACK, "abc", 0);
	push(b, 0, 77777777, 0, TCP_RST, "", 0);
	push(b, 1, 4000, 0, TCP_RST, "", 0);
	assert_int_equal(b->anomalies.n[ANOMALY_TCP_RST_OUT_OF_WINDOW], 2);
	push(b, 0, 1003, 5000, TCP_ACK, "def", 0);
	push(b, 1, 5000, 0, TCP_RST, "", 0);
	push(b, 0, 1006, 5000, TCP_ACK, "ghi", 0);
	finish(b);
	assert_string_equal(b->out, " 0:abcdef 1. 0.");
	free(b);
}

static void test_midstream_and_cut(void **state)
{
	(void)state;
	struct bench *b = calloc(1, sizeof *b);
	b->last_side = -1;
	b->now = NS_PER_SEC;
	tcp_reasm_init(&b->r);
	push(b, 1, 5000, 1000, TCP_ACK, "mid", 0);
	push(b, 1, 5003, 1000, TCP_ACK, "cu", 10); /* a snap length cut eight bytes */
	push(b, 1, 5013, 1000, TCP_ACK, "on", 0);
	finish(b);
	assert_string_equal(b->out, " 1?0 1:midcu 1?8 1:on");
	free(b);
}

static void test_skip(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	start(b, 1000, 5000);
	tcp_reasm_skip(&b->r, 0, 10);
	push(b, 0, 1000, 5000, TCP_ACK, "abc", 0);
	push(b, 0, 1006, 5000, TCP_ACK, "gh", 0);      /* a hole in what nobody reads does not wait */
	push(b, 0, 1008, 5000, TCP_ACK, "ijREAD", 0);
	finish(b);
	assert_string_equal(b->out, " 0-3 0-3 0-2 0-2 0:READ");
	free(b);
}

static void test_held_bytes_are_bounded(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	static char block[8001];
	memset(block, 'x', 8000);
	start(b, 1000, 5000);
	size_t most = 0;
	for (uint32_t i = 0; i < 400; i++) {
		b->n = 0;
		push(b, 0, 2000 + i * 16000, 5000, TCP_ACK, block, 0);
		if (tcp_reasm_memory(&b->r) > most)
			most = tcp_reasm_memory(&b->r);
	}
	assert_true(most <= LIMIT_TCP_HELD_BYTES + 9000 + 1024 * 64);
	assert_true(b->anomalies.n[ANOMALY_TCP_BUFFER_LIMIT] > 0);
	b->n = 0;
	tcp_reasm_done(&b->r);
	free(b);
}

/* Any cutting, doubling and local shuffling of the same bytes gives the same bytes. */
static void test_split_invariance(void **state)
{
	(void)state;
	struct bench *b = malloc(sizeof *b);
	char text[400], want[410];
	srand(7);
	for (int round = 0; round < 2000; round++) {
		uint32_t isn = (uint32_t)rand() * 2654435761u;
		size_t n = 1 + (size_t)rand() % 390;
		for (size_t i = 0; i < n; i++)
			text[i] = (char)('a' + rand() % 26);
		text[n] = 0;
		snprintf(want, sizeof want, " 0:%s", text);
		struct { size_t at, n; } cuts[512];
		size_t k = 0;
		for (size_t at = 0; at < n;) {
			size_t len = 1 + (size_t)rand() % 20;
			if (len > n - at)
				len = n - at;
			cuts[k].at = at;
			cuts[k++].n = len;
			if (rand() % 3 == 0 && at > 4) { /* an overlapping retransmission */
				cuts[k].at = at - 3;
				cuts[k++].n = 3 + len;
			}
			at += len;
		}
		for (size_t i = k; i-- > 1;) {
			size_t j = (size_t)rand() % (i + 1);
			if (round & 1) {
				size_t a = cuts[i].at, m = cuts[i].n;
				cuts[i] = cuts[j];
				cuts[j].at = a;
				cuts[j].n = m;
			}
		}
		start(b, isn, 5000);
		for (size_t i = 0; i < k; i++) {
			char piece[32];
			memcpy(piece, text + cuts[i].at, cuts[i].n);
			piece[cuts[i].n] = 0;
			push(b, 0, isn + (uint32_t)cuts[i].at, 5000, TCP_ACK, piece, 0);
		}
		finish(b);
		assert_string_equal(b->out, want);
		assert_int_equal(b->counts.delivered, n);
		assert_int_equal(b->anomalies.n[ANOMALY_TCP_OVERLAP_CONFLICT], 0);
	}
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_first_copy_wins),
		cmocka_unit_test(test_lost_and_acknowledged),
		cmocka_unit_test(test_answer_seen_before_question),
		cmocka_unit_test(test_forged_acknowledgments_do_not_stop_it),
		cmocka_unit_test(test_reset_only_inside_the_window),
		cmocka_unit_test(test_midstream_and_cut),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_held_bytes_are_bounded),
		cmocka_unit_test(test_split_invariance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
