#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flow.h"
#include "frame.h"
#include "limits.h"
#include <stdlib.h>

static const struct hash_key table_key = {5, 6};

struct ends {
	unsigned n, by[5];
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
	struct flow_place place = flow_place_of(&p, &table_key);
	*side = place.side;
	return flow_table_touch(t, &p, &place);
}

static void test_both_directions_are_one_flow(void **state)
{
	(void)state;
	struct ends ends = {0};
	struct anomaly_counts a = {0};
	struct flow_table *t = flow_table_new(on_end, &ends, &a, &table_key);
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
	struct flow_place one = flow_place_of(&there, &key), other = flow_place_of(&reply, &key);
	assert_int_equal(flow_place_shard(&one), flow_place_shard(&other));
	assert_true(one.hash == other.hash && one.side != other.side);
	flow_table_free(t);
	assert_int_equal(ends.by[FLOW_END_DRAINED], 2);
}

/* IPv6 ends differ in their last bytes only; the table grows several times, numbers are used again, and each flow is found. */
static void test_many(void **state)
{
	(void)state;
	enum { MANY = 3000 };
	struct ends ends = {0};
	struct anomaly_counts a = {0};
	struct flow_table *t = flow_table_new(on_end, &ends, &a, &table_key);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned pass = 0; pass < 2; pass++)
			for (uint32_t i = 0; i < MANY; i++) {
				struct packet p = packet(0, (uint16_t)(1000 + i / 256), pass, i + 1, round, TCP_ACK);
				p.tcp_seq += pass * MANY + round;
				p.src.family = p.dst.family = round % 2 ? 6 : 4;
				struct ip_addr *client = pass ? &p.dst : &p.src;
				client->b[round % 2 ? 15 : 3] = (uint8_t)i;
				struct flow_place place = flow_place_of(&p, &table_key);
				flow_table_fetch_place(t, &place);
				flow_table_fetch_flow(t, &place);
				flow_table_fetch_copies(t, &p, &place);
				struct flow *f = flow_table_touch(t, &p, &place);
				assert_int_equal(f->first_frame, i + 1);
				assert_int_equal(f->packets[0] + f->packets[1], pass + 1);
			}
		struct flow_counts c = flow_table_counts(t);
		assert_int_equal(c.alive, MANY);
		assert_in_range(c.memory, MANY * sizeof(struct flow), sizeof(struct flow) * (MANY + 256) + 8 * MANY + 64 * 1024);
		flow_table_drain(t);
	}
	flow_table_free(t);
}

static void test_used_again(void **state)
{
	(void)state;
	struct ends ends = {0};
	struct anomaly_counts a = {0};
	struct flow_table *t = flow_table_new(on_end, &ends, &a, &table_key);
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
	again.time_ns += NS_PER_SEC;
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
	struct flow_table *t = flow_table_new(on_end, &ends, &a, &table_key);
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
	/* one in which nothing is read leaves sooner */
	struct flow *decided = touch(t, packet(3, 1, false, 4, 30000, TCP_SYN), &side);
	flow_table_classify(t, decided, FLOW_DECIDED);
	flow_table_age(t, 30000 * NS_PER_SEC + LIMIT_FLOW_DECIDED_SECONDS * NS_PER_SEC);
	assert_int_equal(ends.by[FLOW_END_AGED], 2);
	flow_table_age(t, 30001 * NS_PER_SEC + LIMIT_FLOW_DECIDED_SECONDS * NS_PER_SEC);
	assert_int_equal(ends.by[FLOW_END_AGED], 3);
	struct flow_counts c = flow_table_counts(t);
	assert_int_equal(c.opened, c.alive + c.aged + c.evicted + c.reused + c.drained + c.merged);
	flow_table_free(t);
}

static void test_flood_is_bounded_and_spares_open_flows(void **state)
{
	(void)state;
	struct ends ends = {0};
	struct anomaly_counts a = {0};
	struct flow_table *t = flow_table_new(on_end, &ends, &a, &table_key);
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

/* ---- copies ---- */

static struct packet in_vlan(struct packet p, uint32_t vlan)
{
	p.encap.n = vlan != 0;
	p.encap.layer[0].kind = ENCAP_VLAN;
	p.encap.layer[0].id = vlan;
	return p;
}

static struct packet later(struct packet p, double seconds)
{
	p.time_ns += (int64_t)(seconds * 1e9);
	p.frame++;
	return p;
}

struct copies {
	struct ends ends;
	struct anomaly_counts a;
	struct flow_table *t;
	unsigned side;
};

static void copies_start(struct copies *c)
{
	memset(c, 0, sizeof *c);
	c->t = flow_table_new(on_end, &c->ends, &c->a, &table_key);
	assert_non_null(c->t);
}

static void copies_stop(struct copies *c)
{
	struct flow_counts n = flow_table_counts(c->t);
	assert_int_equal(n.opened, n.alive + n.aged + n.evicted + n.reused + n.drained + n.merged);
	flow_table_free(c->t);
}

static void test_a_copy_counts_once(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	struct packet p = packet(7, 1000, false, 1, 1, TCP_ACK);
	struct flow *f = touch(c.t, p, &c.side);
	assert_false(f->repeated);
	/* a routed copy: other addresses on the link, another hop count; none of it is content */
	uint8_t mac[6] = {1};
	struct packet copy = later(p, 0.1);
	copy.src_mac = mac;
	assert_ptr_equal(touch(c.t, copy, &c.side), f);
	assert_true(f->repeated);
	assert_int_equal(f->packets[c.side], 1);
	assert_int_equal(f->bytes[c.side], 40);
	assert_int_equal(c.a.n[ANOMALY_PACKET_TWICE], 1);
	/* whatever differs makes another packet */
	struct packet others[8];
	for (size_t i = 0; i < 8; i++)
		others[i] = p;
	others[0].tcp_seq++;
	others[1].tcp_ack++;
	others[2].payload_bytes++;
	others[3].tcp_window++;
	others[4].checksum++;
	others[5].ip_id++;
	others[6].tcp_flags |= TCP_PSH;
	others[7].src_port++;
	for (size_t i = 0; i < 8; i++)
		assert_false(touch(c.t, others[i], &c.side)->repeated);
	/* without a number, what comes after a retransmission timer is a retransmission; a numbered one is still a copy */
	assert_false(touch(c.t, later(p, 0.2), &c.side)->repeated);
	assert_true(touch(c.t, later(others[5], 4), &c.side)->repeated);
	assert_false(touch(c.t, later(others[5], 6), &c.side)->repeated);
	/* what nobody counts is not looked up */
	f->decided = true;
	uint32_t before = f->packets[0] + f->packets[1];
	assert_false(touch(c.t, later(p, 0.21), &c.side)->repeated);
	assert_int_equal(f->packets[0] + f->packets[1], before + 1);
	copies_stop(&c);
}

static void test_datagrams_without_a_checksum_are_not_compared(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	struct packet p = packet(7, 1000, false, 1, 1, 0);
	p.proto = IP_PROTO_UDP;
	p.tcp_seq = 0;
	assert_false(touch(c.t, p, &c.side)->repeated);
	assert_false(touch(c.t, p, &c.side)->repeated);
	p.checksum = 1;
	assert_false(touch(c.t, p, &c.side)->repeated);
	assert_true(touch(c.t, p, &c.side)->repeated);
	copies_stop(&c);
}

/* A host that captures what it sends sees the checksum before its network card made it: the same for all datagrams of one length. */
static void test_datagrams_of_one_length_are_told_apart(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	uint8_t bytes[100] = {0};
	struct packet p = packet(7, 1000, false, 1, 1, 0);
	p.proto = IP_PROTO_UDP;
	p.tcp_seq = 0;
	p.checksum = 0x1234;
	p.payload = slice_of(bytes, sizeof bytes);
	p.payload_bytes = sizeof bytes;
	assert_false(touch(c.t, p, &c.side)->repeated);
	bytes[3]++;
	assert_false(touch(c.t, p, &c.side)->repeated);
	bytes[99]++;
	assert_false(touch(c.t, p, &c.side)->repeated);
	assert_true(touch(c.t, p, &c.side)->repeated);
	/* a copy that the capture cut has no end to compare */
	bytes[2]++;
	p.payload.n = 60;
	assert_false(touch(c.t, p, &c.side)->repeated);
	bytes[50]++;
	assert_true(touch(c.t, p, &c.side)->repeated);
	copies_stop(&c);
}

/* Packets a1 b1 a2 b2 ... of one connection, each in VLAN 100 and again in VLAN 200. */
static void test_two_vlans_of_one_span_are_one_connection(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	struct flow *f = NULL;
	for (unsigned i = 0; i < 20; i++) {
		struct packet p = packet(7, 1000, i % 2, i + 1, 1 + i * 0.01, i ? TCP_ACK : TCP_SYN);
		struct flow *first = touch(c.t, in_vlan(p, i % 3 ? 100 : 200), &c.side); /* either may come first */
		assert_true(!f || f == first);
		f = first;
		assert_false(f->repeated);
		assert_ptr_equal(touch(c.t, later(in_vlan(p, i % 3 ? 200 : 100), 0.001), &c.side), f);
		assert_true(f->repeated);
	}
	assert_int_equal(f->packets[0] + f->packets[1], 20);
	assert_int_equal(f->bytes[0] + f->bytes[1], 20 * 40);
	assert_int_equal(flow_table_counts(c.t).opened, 1);
	assert_int_equal(c.a.n[ANOMALY_PACKET_TWICE], 20);
	/* what the mirror lost in one VLAN counts from the other */
	assert_false(touch(c.t, in_vlan(packet(7, 1000, false, 50, 2, TCP_ACK), 200), &c.side)->repeated);
	assert_int_equal(f->packets[0] + f->packets[1], 21);
	copies_stop(&c);
}

/* The same addresses and ports in two VLANs: two tenants. Nothing in their packets is alike but those. */
static void test_two_tenants_stay_two(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	struct flow *f[2] = {0};
	for (unsigned i = 0; i < 20; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct packet p = packet(7, 1000, i % 2, i + 1, 1 + i * 0.01, i ? TCP_ACK : TCP_SYN);
			p.tcp_seq += k * 77777;
			struct flow *g = touch(c.t, in_vlan(p, 100 + k * 100), &c.side);
			assert_true(!f[k] || f[k] == g);
			f[k] = g;
			assert_false(g->repeated);
		}
	assert_ptr_not_equal(f[0], f[1]);
	assert_int_equal(flow_table_counts(c.t).opened, 2);
	copies_stop(&c);
}

/* The same packets in another VLAN, but too late for a copy: a capture that is played again. */
static void test_the_same_again_later_is_another_connection(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	struct packet p = packet(7, 1000, false, 1, 1, TCP_SYN);
	p.ip_id = 9;
	struct flow *f = touch(c.t, in_vlan(p, 100), &c.side);
	assert_ptr_not_equal(touch(c.t, later(in_vlan(p, 200), 5.1), &c.side), f);
	copies_stop(&c);
}

/* A capture that begins between the two copies of a packet sees the second VLAN first, then new packets in both. */
static void test_two_flows_that_turn_out_to_be_one_become_the_older_one(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	struct flow *old = touch(c.t, in_vlan(packet(7, 1000, false, 1, 1, TCP_ACK), 200), &c.side);
	struct packet p = packet(7, 1000, false, 2, 1.01, TCP_ACK);
	struct flow *young = touch(c.t, in_vlan(p, 100), &c.side);
	assert_ptr_not_equal(old, young);
	assert_ptr_equal(touch(c.t, later(in_vlan(p, 200), 0.001), &c.side), old);
	assert_int_equal(c.ends.by[FLOW_END_MERGED], 1);
	assert_int_equal(c.ends.order[0], 2);
	assert_false(old->repeated); /* the copy that counted is gone */
	assert_int_equal(old->packets[c.side], 2);
	assert_ptr_equal(touch(c.t, in_vlan(packet(7, 1000, false, 3, 1.02, TCP_ACK), 100), &c.side), old);
	assert_int_equal(flow_table_counts(c.t).alive, 1);
	/* the one that is read may have given an event: it stays, whatever its age */
	struct flow *half = touch(c.t, in_vlan(packet(8, 1000, false, 20, 2, TCP_SYN), 200), &c.side);
	p = packet(8, 1000, false, 21, 2.01, TCP_ACK);
	struct flow *read = touch(c.t, in_vlan(p, 100), &c.side);
	read->work = &c;
	assert_ptr_not_equal(half, read);
	assert_ptr_equal(touch(c.t, later(in_vlan(p, 200), 0.001), &c.side), read);
	assert_true(read->repeated);
	assert_int_equal(read->packets[c.side], 2);
	assert_int_equal(read->bytes[c.side], 80);
	assert_int_equal(c.ends.by[FLOW_END_MERGED], 2);
	/* a flow that has been decided does not take the place of one that reads */
	struct flow *other = touch(c.t, in_vlan(packet(7, 1000, false, 10, 3, TCP_ACK), 300), &c.side);
	p = packet(7, 1000, false, 11, 3.01, TCP_ACK);
	touch(c.t, in_vlan(p, 100), &c.side);
	old->decided = true;
	assert_ptr_equal(touch(c.t, in_vlan(p, 300), &c.side), other);
	assert_int_equal(c.ends.by[FLOW_END_MERGED], 2);
	copies_stop(&c);
}

/* Whoever can send a datagram to a tunnel's port can make up packets of somebody's connection in it, before or after the
 * real ones. Neither a copy of a real packet nor age may put such a flow in the real one's place. */
static void test_made_up_flows_take_nobodys_place(void **state)
{
	(void)state;
	/* with a SYN or without; of the server's side only */
	for (unsigned kind = 0; kind < 3; kind++) {
		struct copies c;
		copies_start(&c);
		uint64_t far = 500000000;
		if (kind == 1)
			touch(c.t, in_vlan(packet(7, 1000, false, far - 1, 1, TCP_SYN), 100), &c.side);
		struct flow *made_up = touch(c.t, in_vlan(packet(7, 1000, kind == 2, far, 1.1, TCP_ACK), 100), &c.side);
		made_up->work = &c;
		struct flow *real = touch(c.t, packet(7, 1000, false, 1, 2, TCP_SYN), &c.side);
		assert_ptr_not_equal(real, made_up);
		struct packet p = packet(7, 1000, false, 2, 2.1, TCP_ACK);
		assert_ptr_equal(touch(c.t, p, &c.side), real);
		assert_ptr_equal(touch(c.t, later(in_vlan(p, 100), 0.001), &c.side), made_up);
		assert_ptr_equal(touch(c.t, packet(7, 1000, false, 3, 2.2, TCP_ACK), &c.side), real);
		assert_int_equal(real->packets[c.side], 3);
		assert_int_equal(c.ends.by[FLOW_END_MERGED], 0);
		copies_stop(&c);
	}
}

/* A tunnel for each direction: the answer finds the flow by the number that it acknowledges. */
static void test_directions_in_two_tunnels_are_one_connection(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	struct packet syn = in_vlan(packet(7, 1000, false, 500, 1, TCP_SYN), 100);
	struct flow *f = touch(c.t, syn, &c.side);
	f->syn_seen = (uint8_t)(1u << c.side); /* as the shard does */
	f->isn[c.side] = 500;
	struct packet answer = in_vlan(packet(7, 1000, true, 2, 1.1, TCP_SYN | TCP_ACK), 200);
	answer.tcp_ack = 502;
	assert_ptr_not_equal(touch(c.t, answer, &c.side), f);
	answer.encap.layer[0].id = 300;
	answer.tcp_ack = 501;
	assert_ptr_equal(touch(c.t, answer, &c.side), f);
	assert_false(f->repeated);
	assert_int_equal(f->packets[c.side], 1);
	/* once that side has been heard, another answer is somebody else's */
	answer.encap.layer[0].id = 400;
	answer.tcp_seq++;
	assert_ptr_not_equal(touch(c.t, answer, &c.side), f);
	copies_stop(&c);
}

static void test_labels_do_not_tell_connections_apart(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	struct packet there = packet(7, 1000, false, 1, 1, TCP_ACK), back = packet(7, 1000, true, 2, 1.1, TCP_ACK);
	there = in_vlan(there, 1000);
	back = in_vlan(back, 2000);
	there.encap.layer[0].kind = back.encap.layer[0].kind = ENCAP_MPLS;
	struct flow *f = touch(c.t, there, &c.side);
	assert_ptr_equal(touch(c.t, back, &c.side), f);
	copies_stop(&c);
}

/* The connection is over; its ends open the next one. Its SYN comes in both VLANs, in either order. */
static void test_a_new_connection_on_the_same_ends_is_new_in_both_vlans(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 2; order++) {
		struct copies c;
		copies_start(&c);
		struct packet p = packet(7, 1000, false, 1, 1, TCP_SYN);
		struct flow *f = touch(c.t, in_vlan(p, 100), &c.side);
		f->syn_seen = (uint8_t)(1u << c.side);
		f->isn[c.side] = p.tcp_seq;
		touch(c.t, in_vlan(p, 200), &c.side);
		flow_table_classify(c.t, f, FLOW_CLOSED);
		struct packet again = packet(7, 1000, false, 99, 2, TCP_SYN);
		struct flow *g = touch(c.t, in_vlan(again, order ? 200 : 100), &c.side);
		assert_int_equal(g->first_frame, 99);
		assert_false(g->repeated);
		g->syn_seen = (uint8_t)(1u << c.side);
		g->isn[c.side] = again.tcp_seq;
		assert_ptr_equal(touch(c.t, later(in_vlan(again, order ? 100 : 200), 0.001), &c.side), g);
		assert_true(g->repeated);
		assert_int_equal(flow_table_counts(c.t).alive, 1);
		assert_int_equal(c.ends.by[FLOW_END_REUSED], 1);
		copies_stop(&c);
	}
}

/* More copies than a flow can answer to: the first stays, the others take turns, and no flow is made of them. */
static void test_many_vlans_of_one_span(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	for (unsigned i = 0; i < 10; i++)
		for (unsigned vlan = 1; vlan <= 5; vlan++)
			touch(c.t, in_vlan(packet(7, 1000, false, i + 1, 1 + i, TCP_ACK), vlan), &c.side);
	assert_int_equal(flow_table_counts(c.t).opened, 1);
	copies_stop(&c);
}

/* All share a chain, so there may not be many. */
static void test_encapsulations_of_the_same_ends_are_bounded(void **state)
{
	(void)state;
	struct copies c;
	copies_start(&c);
	for (unsigned i = 0; i < 1000; i++)
		touch(c.t, in_vlan(packet(7, 1000, false, i + 1, 1 + i * 0.01, TCP_ACK), i + 1), &c.side);
	struct flow_counts n = flow_table_counts(c.t);
	assert_int_equal(n.alive, LIMIT_FLOW_ENCAPS);
	assert_int_equal(c.a.n[ANOMALY_FLOW_LIMIT], 1000 - LIMIT_FLOW_ENCAPS);
	assert_int_equal(c.ends.order[0], 1); /* the one that was silent longest */
	/* but not the one of which more was seen, however long it is silent */
	struct flow *real = touch(c.t, packet(7, 1000, true, 2000, 20, TCP_ACK), &c.side);
	real->work = &c;
	touch(c.t, packet(7, 1000, false, 2001, 20, TCP_ACK), &c.side);
	for (unsigned i = 0; i < 100; i++)
		touch(c.t, in_vlan(packet(7, 1000, false, i + 3000, 21 + i * 0.01, TCP_ACK), i + 1), &c.side);
	assert_ptr_equal(touch(c.t, packet(7, 1000, false, 4000, 30, TCP_ACK), &c.side), real);
	copies_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_directions_are_one_flow),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_ageing_by_packet_time),
		cmocka_unit_test(test_flood_is_bounded_and_spares_open_flows),
		cmocka_unit_test(test_a_copy_counts_once),
		cmocka_unit_test(test_datagrams_without_a_checksum_are_not_compared),
		cmocka_unit_test(test_datagrams_of_one_length_are_told_apart),
		cmocka_unit_test(test_two_vlans_of_one_span_are_one_connection),
		cmocka_unit_test(test_two_tenants_stay_two),
		cmocka_unit_test(test_the_same_again_later_is_another_connection),
		cmocka_unit_test(test_two_flows_that_turn_out_to_be_one_become_the_older_one),
		cmocka_unit_test(test_directions_in_two_tunnels_are_one_connection),
		cmocka_unit_test(test_labels_do_not_tell_connections_apart),
		cmocka_unit_test(test_a_new_connection_on_the_same_ends_is_new_in_both_vlans),
		cmocka_unit_test(test_made_up_flows_take_nobodys_place),
		cmocka_unit_test(test_many_vlans_of_one_span),
		cmocka_unit_test(test_encapsulations_of_the_same_ends_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
