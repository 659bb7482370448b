#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flow.h"
#include "frame.h"
#include "limits.h"
#include <stdlib.h>

struct ends {
	unsigned n, by[4];
	uint64_t order[64]; /* first frames, as they ended */
};

static void on_end(void *context, struct flow *f, enum flow_end why)
{
	struct ends *e = context;
	if (e->n < 64)
		e->order[e->n] = f->first_frame;
	e->n++;
	e->by[why]++;
	f->work = NULL;
}

static struct packet packet(uint32_t client, uint16_t port, bool reply, uint64_t frame, double seconds, unsigned flags)
{
	struct packet p = {.time_ns = (int64_t)(seconds * 1e9), .frame = frame, .src_port = port, .dst_port = 80,
	                   .proto = IP_PROTO_TCP, .tcp_flags = (uint8_t)flags, .tcp_seq = (uint32_t)frame, .wire_bytes = 40};
	p.src.family = p.dst.family = 4;
	memcpy(p.src.b, &client, 4);
	p.dst.b[0] = 192;
	if (reply) {
		struct ip_addr a = p.src;
		p.src = p.dst;
		p.dst = a;
		p.src_port = 80;
		p.dst_port = port;
	}
	return p;
}

static struct flow *touch(struct flow_table *t, struct packet p, unsigned *side)
{
	return flow_table_touch(t, &p, side);
}

static void test_both_directions_are_one_flow(void **state)
{
	(void)state;
	struct ends ends = {0};
	struct anomaly_counts a = {0};
	struct flow_table *t = flow_table_new(on_end, &ends, &a);
	unsigned s1, s2;
	struct flow *f = touch(t, packet(7, 1000, false, 1, 1, TCP_SYN), &s1);
	assert_ptr_equal(f, touch(t, packet(7, 1000, true, 2, 1.1, TCP_SYN | TCP_ACK), &s2));
	assert_int_not_equal(s1, s2);
	assert_int_equal(f->packets[s1], 1);
	assert_int_equal(f->bytes[s2], 40);
	struct packet vlan = packet(7, 1000, false, 3, 1.2, TCP_SYN);
	vlan.encap.n = 1;
	vlan.encap.layer[0].kind = ENCAP_VLAN;
	vlan.encap.layer[0].id = 10;
	assert_ptr_not_equal(f, touch(t, vlan, &s1));
	struct packet reply = packet(7, 1000, true, 3, 1.2, TCP_ACK), there = packet(7, 1000, false, 3, 1.2, TCP_ACK);
	struct hash_key key = {1, 2};
	assert_int_equal(flow_shard_of(&there, &key), flow_shard_of(&reply, &key));
	flow_table_free(t);
	assert_int_equal(ends.by[FLOW_END_DRAINED], 2);
}

static void test_used_again(void **state)
{
	(void)state;
	struct ends ends = {0};
	struct anomaly_counts a = {0};
	struct flow_table *t = flow_table_new(on_end, &ends, &a);
	unsigned side;
	struct flow *f = touch(t, packet(7, 1000, false, 1, 1, TCP_SYN), &side);
	f->syn_seen = (uint8_t)(1u << side);
	f->isn[side] = 1;
	flow_table_classify(t, f, FLOW_OPEN);
	struct packet again = packet(7, 1000, false, 2, 2, TCP_SYN);
	again.tcp_seq = 1; /* retransmitted */
	touch(t, again, &side);
	again.tcp_seq = 99; /* forged into a living connection */
	touch(t, again, &side);
	assert_int_equal(ends.n, 0);
	flow_table_classify(t, f, FLOW_CLOSED);
	f = touch(t, again, &side);
	assert_int_equal(ends.by[FLOW_END_REUSED], 1);
	assert_int_equal(f->first_frame, 2);
	assert_int_equal(a.n[ANOMALY_FLOW_REUSED], 1);
	flow_table_free(t);
}

static void test_ageing_by_packet_time(void **state)
{
	(void)state;
	struct ends ends = {0};
	struct anomaly_counts a = {0};
	struct flow_table *t = flow_table_new(on_end, &ends, &a);
	unsigned side;
	touch(t, packet(1, 1, false, 1, 10, TCP_SYN), &side);
	struct flow *open = touch(t, packet(2, 1, false, 2, 10, TCP_SYN), &side);
	flow_table_classify(t, open, FLOW_OPEN);
	flow_table_age(t, 10 * NS_PER_SEC + LIMIT_FLOW_HALF_OPEN_SECONDS * NS_PER_SEC);
	assert_int_equal(ends.n, 0);
	flow_table_age(t, 11 * NS_PER_SEC + LIMIT_FLOW_HALF_OPEN_SECONDS * NS_PER_SEC);
	assert_int_equal(ends.n, 1);
	assert_int_equal(ends.order[0], 1);
	/* one that was used since it was listed stays */
	touch(t, packet(2, 1, false, 3, 7000, TCP_ACK), &side);
	flow_table_age(t, 11 * NS_PER_SEC + LIMIT_FLOW_OPEN_SECONDS * NS_PER_SEC);
	assert_int_equal(ends.n, 1);
	flow_table_age(t, 3 * LIMIT_FLOW_OPEN_SECONDS * NS_PER_SEC);
	assert_int_equal(ends.by[FLOW_END_AGED], 2);
	struct flow_counts c = flow_table_counts(t);
	assert_int_equal(c.opened, c.alive + c.aged + c.evicted + c.reused + c.drained);
	flow_table_free(t);
}

static void test_flood_is_bounded_and_spares_open_flows(void **state)
{
	(void)state;
	struct ends ends = {0};
	struct anomaly_counts a = {0};
	struct flow_table *t = flow_table_new(on_end, &ends, &a);
	unsigned side;
	struct flow *open = touch(t, packet(0xffffffff, 1, false, 1, 1, TCP_SYN), &side);
	flow_table_classify(t, open, FLOW_OPEN);
	for (uint32_t i = 0; i < 3 * LIMIT_SHARD_FLOWS; i++)
		assert_non_null(touch(t, packet(i, (uint16_t)(i + 1), false, i + 2, 1, TCP_SYN), &side));
	struct flow_counts c = flow_table_counts(t);
	assert_int_equal(c.alive, LIMIT_SHARD_FLOWS);
	assert_int_equal(c.opened, c.alive + c.evicted);
	assert_int_equal(a.n[ANOMALY_FLOW_LIMIT], c.evicted);
	assert_int_equal(ends.order[0], 2); /* the oldest half-open one, not the open one before it */
	assert_ptr_equal(open, touch(t, packet(0xffffffff, 1, false, 9, 1, TCP_ACK), &side));
	flow_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_directions_are_one_flow),
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_ageing_by_packet_time),
		cmocka_unit_test(test_flood_is_bounded_and_spares_open_flows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
