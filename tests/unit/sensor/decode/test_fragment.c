#include "frame_build.h"

#include "fragment.h"
#include "limits.h"

/* A datagram of 10 units of 8 bytes, the last one short. */
enum { PAYLOAD = 77 };

struct table {
	struct anomaly_counts anomalies;
	struct fragment_table *t;
	int64_t now;
	struct encap encap;
	uint8_t ip[40], payload[65535];
};

static void table_init(struct table *x, int family)
{
	memset(x, 0, sizeof *x);
	x->t = fragment_table_new(&x->anomalies);
	assert_non_null(x->t);
	x->now = 5000 * NS_PER_SEC;
	static struct build b;
	b.n = 0;
	if (family == 4)
		put_ip4(&b, IP_PROTO_UDP, 0);
	else
		put_ip6(&b, 44, 0);
	memcpy(x->ip, b.b, b.n);
	for (size_t i = 0; i < sizeof x->payload; i++)
		x->payload[i] = (uint8_t)(i * 7 + i / 251);
}

static void table_done(struct table *x)
{
	assert_int_equal(fragment_table_memory(x->t), 0);
	fragment_table_free(x->t);
}

static uint64_t counted(struct table *x, enum anomaly which)
{
	uint64_t n = x->anomalies.n[which];
	x->anomalies.n[which] = 0;
	return n;
}

static void assert_no_anomaly(struct table *x)
{
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (x->anomalies.n[i])
			fail_msg("unexpected %s", anomaly_name(i));
}

static struct fragment piece(struct table *x, int family, uint32_t offset, uint32_t bytes, bool more)
{
	return (struct fragment){
		.encap = &x->encap,
		.family = (uint8_t)family,
		.proto = IP_PROTO_UDP,
		.more = more,
		.id = 99,
		.offset = offset,
		.bytes = bytes,
		.header_bytes = family == 4 ? 20 : 40,
		.data = slice_of(x->payload + offset, bytes),
		.ip = x->ip,
		.src = x->ip + (family == 4 ? 12 : 8),
		.dst = x->ip + (family == 4 ? 16 : 24),
	};
}

static enum fragment_result push(struct table *x, struct fragment f, struct whole *ret)
{
	uint8_t *exact = malloc(f.data.n ? f.data.n : 1);
	assert_non_null(exact);
	if (f.data.n)
		memcpy(exact, f.data.p, f.data.n);
	f.data.p = exact;
	enum fragment_result result = fragment_push(x->t, &f, x->now, ret);
	free(exact);
	return result;
}

static void assert_whole(const struct table *x, const struct whole *w, int family, uint32_t n)
{
	assert_int_equal(w->payload.n, n);
	assert_int_equal(w->payload_bytes, n);
	assert_memory_equal(w->payload.p, x->payload, n);
	uint32_t header = family == 4 ? 20 : 40;
	assert_int_equal(w->wire_bytes, header + n);
	assert_int_equal(w->proto, IP_PROTO_UDP);
	assert_int_equal(w->ip.n, header + n);
	assert_ptr_equal(w->ip.p + header, w->payload.p);
	const uint8_t *ip = w->ip.p;
	if (family == 4) {
		assert_int_equal(ip[0], 0x45);
		assert_int_equal(ip[2] << 8 | ip[3], 20 + n);
		assert_int_equal(ip[6] | ip[7], 0);
		assert_int_equal(ip[9], IP_PROTO_UDP);
		assert_memory_equal(ip + 12, x->ip + 12, 8);
	} else {
		assert_int_equal(ip[0] >> 4, 6);
		assert_int_equal(ip[4] << 8 | ip[5], n);
		assert_int_equal(ip[6], IP_PROTO_UDP);
		assert_memory_equal(ip + 8, x->ip + 8, 32);
	}
}

static void fragments_may_come_in_any_order(void **state)
{
	(void)state;
	static const uint32_t at[5] = {0, 16, 24, 64, PAYLOAD};
	static struct table x;
	for (int family = 4; family <= 6; family += 2) {
		table_init(&x, family);
		for (unsigned order = 0; order < 256; order++) {
			unsigned which[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};
			if ((1u << which[0] | 1u << which[1] | 1u << which[2] | 1u << which[3]) != 15)
				continue;
			for (unsigned i = 0; i < 4; i++) {
				unsigned f = which[i];
				struct whole w;
				enum fragment_result r =
					push(&x, piece(&x, family, at[f], at[f + 1] - at[f], f < 3), &w);
				assert_int_equal(r, i < 3 ? FRAGMENT_HELD : FRAGMENT_COMPLETE);
				if (i == 3)
					assert_whole(&x, &w, family, PAYLOAD);
			}
		}
		assert_no_anomaly(&x);
		table_done(&x);
	}
}

static void the_size_of_fragments_does_not_matter(void **state)
{
	(void)state;
	static struct table x;
	table_init(&x, 4);
	for (uint32_t size = 512; size <= 65512; size += size < 4000 ? 8 : 2000) {
		struct whole w;
		uint32_t n = 65515; /* the largest there is */
		for (uint32_t at = 0; at < n; at += size) {
			bool more = at + size < n;
			enum fragment_result r = push(&x, piece(&x, 4, at, more ? size : n - at, more), &w);
			assert_int_equal(r, more ? FRAGMENT_HELD : FRAGMENT_COMPLETE);
		}
		assert_whole(&x, &w, 4, n);
	}
	assert_no_anomaly(&x);
	table_done(&x);
}

static void a_duplicate_is_no_anomaly(void **state)
{
	(void)state;
	static struct table x;
	for (int family = 4; family <= 6; family += 2) {
		table_init(&x, family);
		struct whole w;
		assert_int_equal(push(&x, piece(&x, family, 8, 16, true), &w), FRAGMENT_HELD);
		assert_int_equal(push(&x, piece(&x, family, 8, 16, true), &w), FRAGMENT_HELD);
		assert_int_equal(push(&x, piece(&x, family, 24, 53, false), &w), FRAGMENT_HELD);
		assert_int_equal(push(&x, piece(&x, family, 24, 53, false), &w), FRAGMENT_HELD);
		assert_int_equal(push(&x, piece(&x, family, 0, 8, true), &w), FRAGMENT_COMPLETE);
		assert_whole(&x, &w, family, PAYLOAD);
		assert_no_anomaly(&x);
		/* One copy too many opens a datagram that never ends. */
		assert_int_equal(push(&x, piece(&x, family, 24, 53, false), &w), FRAGMENT_HELD);
		fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_TIMEOUT), 1);
		table_done(&x);
	}
}

static void the_first_copy_wins(void **state)
{
	(void)state;
	static struct table x;
	static uint8_t evil[PAYLOAD];
	memset(evil, 'X', sizeof evil);
	struct whole w;
	/* Within what is there: both versions of IP take it for a duplicate. */
	for (int family = 4; family <= 6; family += 2) {
		table_init(&x, family);
		assert_int_equal(push(&x, piece(&x, family, 0, 64, true), &w), FRAGMENT_HELD);
		struct fragment f = piece(&x, family, 16, 24, true);
		f.data.p = evil;
		assert_int_equal(push(&x, f, &w), FRAGMENT_HELD);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_CONFLICT), 1);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_OVERLAP), 1);
		assert_int_equal(push(&x, piece(&x, family, 64, 13, false), &w), FRAGMENT_COMPLETE);
		assert_whole(&x, &w, family, PAYLOAD);
		assert_no_anomaly(&x);
		table_done(&x);
	}
	/* IPv4, over the edges of two pieces and the hole between them: only the hole is filled. */
	table_init(&x, 4);
	assert_int_equal(push(&x, piece(&x, 4, 8, 16, true), &w), FRAGMENT_HELD);
	assert_int_equal(push(&x, piece(&x, 4, 40, 16, true), &w), FRAGMENT_HELD);
	struct fragment f = piece(&x, 4, 0, PAYLOAD, false);
	f.data.p = evil;
	assert_int_equal(push(&x, f, &w), FRAGMENT_COMPLETE);
	assert_int_equal(w.payload.n, PAYLOAD);
	for (uint32_t i = 0; i < PAYLOAD; i++) {
		bool first = (i >= 8 && i < 24) || (i >= 40 && i < 56);
		assert_int_equal(w.payload.p[i], first ? x.payload[i] : 'X');
	}
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_CONFLICT), 1);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_OVERLAP), 1);
	assert_no_anomaly(&x);
	table_done(&x);
	/* Partial overlap that agrees is an overlap, but no conflict. */
	table_init(&x, 4);
	assert_int_equal(push(&x, piece(&x, 4, 0, 24, true), &w), FRAGMENT_HELD);
	assert_int_equal(push(&x, piece(&x, 4, 16, PAYLOAD - 16, false), &w), FRAGMENT_COMPLETE);
	assert_whole(&x, &w, 4, PAYLOAD);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_OVERLAP), 1);
	assert_no_anomaly(&x);
	table_done(&x);
}

static void ip6_drops_a_datagram_whose_fragments_overlap(void **state)
{
	(void)state;
	static struct table x;
	table_init(&x, 6);
	struct whole w;
	assert_int_equal(push(&x, piece(&x, 6, 0, 24, true), &w), FRAGMENT_HELD);
	assert_int_equal(push(&x, piece(&x, 6, 16, PAYLOAD - 16, false), &w), FRAGMENT_REFUSED);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_OVERLAP), 1);
	assert_int_equal(fragment_table_memory(x.t), 0);
	/* The sender's repetition under the same id is read. */
	assert_int_equal(push(&x, piece(&x, 6, 24, PAYLOAD - 24, false), &w), FRAGMENT_HELD);
	assert_int_equal(push(&x, piece(&x, 6, 0, 24, true), &w), FRAGMENT_COMPLETE);
	assert_whole(&x, &w, 6, PAYLOAD);
	assert_no_anomaly(&x);
	table_done(&x);
}

static void only_the_first_next_header_counts(void **state)
{
	(void)state;
	static struct table x;
	table_init(&x, 6);
	struct whole w;
	struct fragment last = piece(&x, 6, 24, PAYLOAD - 24, false);
	last.proto = 58;
	assert_int_equal(push(&x, last, &w), FRAGMENT_HELD);
	assert_int_equal(push(&x, piece(&x, 6, 0, 24, true), &w), FRAGMENT_COMPLETE);
	assert_whole(&x, &w, 6, PAYLOAD);
	table_done(&x);
}

static void impossible_fragments_are_refused(void **state)
{
	(void)state;
	static struct table x;
	struct whole w;
	for (int family = 4; family <= 6; family += 2) {
		table_init(&x, family);
		/* Empty ones. */
		assert_int_equal(push(&x, piece(&x, family, 8, 0, true), &w), FRAGMENT_REFUSED);
		assert_int_equal(push(&x, piece(&x, family, 8, 0, false), &w), FRAGMENT_REFUSED);
		assert_int_equal(push(&x, piece(&x, family, 0, 7, true), &w), FRAGMENT_REFUSED);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_BAD), 3);
		assert_int_equal(fragment_table_memory(x.t), 0);
		/* Ping of death: ends behind the largest datagram. The most that fits is held. */
		uint32_t most = family == 4 ? 65515 : 65535;
		struct fragment f = piece(&x, family, 65504, 8, false);
		f.data.p = x.payload;
		f.data.n = f.bytes = most - 65504 + 1;
		assert_int_equal(push(&x, f, &w), FRAGMENT_REFUSED);
		f.header_bytes += 8;
		f.data.n = f.bytes = most - 65504;
		assert_int_equal(push(&x, f, &w), FRAGMENT_REFUSED);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_BAD), 2);
		f.header_bytes -= 8;
		assert_int_equal(push(&x, f, &w), FRAGMENT_HELD);
		fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_TIMEOUT), 1);
		/* Two ends; data behind the end; an end before data. The datagram survives them. */
		assert_int_equal(push(&x, piece(&x, family, 64, 13, false), &w), FRAGMENT_HELD);
		assert_int_equal(push(&x, piece(&x, family, 64, 12, false), &w), FRAGMENT_REFUSED);
		assert_int_equal(push(&x, piece(&x, family, 64, 16, true), &w), FRAGMENT_REFUSED);
		assert_int_equal(push(&x, piece(&x, family, 80, 8, false), &w), FRAGMENT_REFUSED);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_BAD), 3);
		assert_int_equal(push(&x, piece(&x, family, 0, 64, true), &w), FRAGMENT_COMPLETE);
		assert_whole(&x, &w, family, PAYLOAD);
		assert_int_equal(push(&x, piece(&x, family, 64, 16, true), &w), FRAGMENT_HELD);
		assert_int_equal(push(&x, piece(&x, family, 64, 13, false), &w), FRAGMENT_REFUSED);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_BAD), 1);
		fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_TIMEOUT), 1);
		assert_no_anomaly(&x);
		table_done(&x);
	}
	/* Not a multiple of 8 before the end: IPv4 hosts round down, IPv6 hosts refuse. */
	table_init(&x, 4);
	assert_int_equal(push(&x, piece(&x, 4, 0, 28, true), &w), FRAGMENT_HELD);
	assert_int_equal(push(&x, piece(&x, 4, 24, PAYLOAD - 24, false), &w), FRAGMENT_COMPLETE);
	assert_whole(&x, &w, 4, PAYLOAD);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_BAD), 1);
	assert_no_anomaly(&x);
	table_done(&x);
	table_init(&x, 6);
	assert_int_equal(push(&x, piece(&x, 6, 0, 28, true), &w), FRAGMENT_REFUSED);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_BAD), 1);
	table_done(&x);
}

static void what_differs_in_its_key_does_not_mix(void **state)
{
	(void)state;
	static struct table x;
	struct whole w;
	for (int family = 4; family <= 6; family += 2) {
		table_init(&x, family);
		assert_int_equal(push(&x, piece(&x, family, 0, 64, true), &w), FRAGMENT_HELD);
		uint8_t other[16] = {10, 9, 9, 9};
		struct encap vlan = {.n = 1, .layer = {{ENCAP_VLAN, 10}}};
		struct encap vlan2 = {.n = 1, .layer = {{ENCAP_VLAN, 266}}};
		struct fragment f[6];
		for (int i = 0; i < 6; i++)
			f[i] = piece(&x, family, 64, 13, false);
		f[0].id = 98;
		f[1].src = other;
		f[2].dst = other;
		f[3].encap = &vlan;
		f[4].encap = &vlan2;
		f[5].proto = IP_PROTO_TCP;
		for (int i = 0; i < (family == 4 ? 6 : 5); i++)
			assert_int_equal(push(&x, f[i], &w), FRAGMENT_HELD);
		assert_int_equal(push(&x, piece(&x, family, 64, 13, false), &w), FRAGMENT_COMPLETE);
		assert_whole(&x, &w, family, PAYLOAD);
		fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_TIMEOUT), family == 4 ? 6 : 5);
		assert_no_anomaly(&x);
		table_done(&x);
	}
}

static void packet_time_ends_the_waiting(void **state)
{
	(void)state;
	static struct table x;
	static const int64_t jump[] = {31, -31, 1000000000};
	for (size_t i = 0; i < 3; i++) {
		table_init(&x, 4);
		struct whole w;
		assert_int_equal(push(&x, piece(&x, 4, 0, 64, true), &w), FRAGMENT_HELD);
		fragment_table_age(x.t, x.now + 30 * NS_PER_SEC);
		fragment_table_age(x.t, x.now - 30 * NS_PER_SEC);
		assert_no_anomaly(&x);
		x.now += jump[i] * NS_PER_SEC;
		/* Not completed by what comes too late, although nobody asked to age the table. */
		assert_int_equal(push(&x, piece(&x, 4, 64, 13, false), &w), FRAGMENT_HELD);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_TIMEOUT), 1);
		assert_int_equal(push(&x, piece(&x, 4, 0, 64, true), &w), FRAGMENT_COMPLETE);
		assert_whole(&x, &w, 4, PAYLOAD);
		table_done(&x);
	}
	table_init(&x, 4);
	struct whole w;
	x.now = INT64_MIN;
	assert_int_equal(push(&x, piece(&x, 4, 0, 64, true), &w), FRAGMENT_HELD);
	fragment_table_age(x.t, INT64_MAX);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_TIMEOUT), 1);
	table_done(&x);
}

static void at_the_cap_the_oldest_is_given_up(void **state)
{
	(void)state;
	static struct table x;
	struct whole w;
	table_init(&x, 4);
	for (uint32_t i = 0; i <= LIMIT_FRAGMENT_DATAGRAMS; i++) {
		struct fragment f = piece(&x, 4, 0, 64, true);
		f.id = i;
		assert_int_equal(push(&x, f, &w), FRAGMENT_HELD);
		assert_int_equal(counted(&x, ANOMALY_FRAGMENT_LIMIT), i == LIMIT_FRAGMENT_DATAGRAMS);
	}
	struct fragment f = piece(&x, 4, 64, 13, false);
	f.id = 1;
	assert_int_equal(push(&x, f, &w), FRAGMENT_COMPLETE);
	f.id = 0; /* was the oldest */
	assert_int_equal(push(&x, f, &w), FRAGMENT_HELD);
	f.id = LIMIT_FRAGMENT_DATAGRAMS;
	assert_int_equal(push(&x, f, &w), FRAGMENT_COMPLETE);
	fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_TIMEOUT), LIMIT_FRAGMENT_DATAGRAMS - 1);
	assert_no_anomaly(&x);
	table_done(&x);
}

static void the_bytes_held_are_capped(void **state)
{
	(void)state;
	static struct table x;
	struct whole w;
	table_init(&x, 4);
	size_t most = 0;
	for (uint32_t i = 0; i < 500; i++) {
		struct fragment f = piece(&x, 4, 0, 65504, true);
		f.id = i;
		assert_int_equal(push(&x, f, &w), FRAGMENT_HELD);
		size_t held = fragment_table_memory(x.t);
		most = held > most ? held : most;
	}
	size_t slots = LIMIT_FRAGMENT_DATAGRAMS * 256; /* the tables around the bytes are small */
	assert_true(most > LIMIT_FRAGMENT_BYTES / 2 && most < LIMIT_FRAGMENT_BYTES + slots);
	/* The newest survived. */
	struct fragment f = piece(&x, 4, 65504, 11, false);
	f.id = 499;
	assert_int_equal(push(&x, f, &w), FRAGMENT_COMPLETE);
	assert_whole(&x, &w, 4, 65515);
	fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
	/* Each datagram is complete, given up or timed out. */
	uint64_t given_up = counted(&x, ANOMALY_FRAGMENT_LIMIT), timed_out = counted(&x, ANOMALY_FRAGMENT_TIMEOUT);
	assert_true(given_up > 300 && timed_out > 100);
	assert_int_equal(1 + given_up + timed_out, 500);
	assert_no_anomaly(&x);
	table_done(&x);
}

/* The i-th of many fragments, a hundred to a datagram, with holes between them. */
static enum fragment_result push_scattered(struct table *x, uint32_t i)
{
	struct whole w;
	struct fragment f = piece(x, 4, i % 100 * 16, 8, true);
	f.id = 1000 + i / 100;
	return push(x, f, &w);
}

static void the_oldest_gives_way_to_its_own_growth(void **state)
{
	(void)state;
	static struct table x;
	struct whole w;
	table_init(&x, 4);
	assert_int_equal(push(&x, piece(&x, 4, 0, 64, true), &w), FRAGMENT_HELD);
	uint32_t room = 0;
	for (; !counted(&x, ANOMALY_FRAGMENT_LIMIT); room++)
		assert_int_equal(push_scattered(&x, room), FRAGMENT_HELD);
	fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
	table_done(&x);

	table_init(&x, 4);
	assert_int_equal(push(&x, piece(&x, 4, 0, 64, true), &w), FRAGMENT_HELD);
	for (uint32_t i = 0; i + 1 < room; i++)
		assert_int_equal(push_scattered(&x, i), FRAGMENT_HELD);
	assert_no_anomaly(&x);
	assert_int_equal(push(&x, piece(&x, 4, 64, 8, true), &w), FRAGMENT_REFUSED);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_LIMIT), 1);
	fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_TIMEOUT), (room + 98) / 100);
	table_done(&x);
}

static void a_datagram_of_too_many_pieces_is_given_up(void **state)
{
	(void)state;
	static struct table x;
	struct whole w;
	table_init(&x, 4);
	for (uint32_t i = 0; i < LIMIT_FRAGMENTS_PER_DATAGRAM; i++)
		assert_int_equal(push(&x, piece(&x, 4, i * 16, 8, true), &w), FRAGMENT_HELD);
	assert_no_anomaly(&x);
	assert_int_equal(push(&x, piece(&x, 4, 60000, 8, true), &w), FRAGMENT_REFUSED);
	assert_int_equal(counted(&x, ANOMALY_FRAGMENT_LIMIT), 1);
	table_done(&x);
}

static void bytes_that_the_capture_cut_end_the_datagram(void **state)
{
	(void)state;
	static struct table x;
	static const uint32_t at[4] = {0, 24, 64, PAYLOAD};
	for (unsigned cut = 0; cut < 3; cut++) {
		for (uint32_t captured = 0; captured < at[cut + 1] - at[cut]; captured++) {
			table_init(&x, 4);
			struct whole w;
			for (unsigned i = 3; i-- > 0;) {
				struct fragment f = piece(&x, 4, at[i], at[i + 1] - at[i], i < 2);
				if (i == cut)
					f.data.n = captured;
				assert_int_equal(push(&x, f, &w), i ? FRAGMENT_HELD : FRAGMENT_COMPLETE);
			}
			assert_int_equal(w.payload_bytes, PAYLOAD);
			assert_int_equal(w.payload.n, at[cut] + captured);
			assert_memory_equal(w.payload.p, x.payload, w.payload.n);
			assert_int_equal(w.ip.n, 20 + w.payload.n);
			assert_int_equal(w.wire_bytes, 20 + PAYLOAD);
			assert_no_anomaly(&x);
			table_done(&x);
		}
	}
}

/* Random fragments of one datagram against the simplest model there is: an array that keeps what came first. */
static void random_fragments_match_a_plain_array(void **state)
{
	(void)state;
	enum { UNITS = 40, N = UNITS * 8 };
	static struct table x;
	table_init(&x, 4);
	uint32_t seed = 12345;
	unsigned completed = 0;
	for (int round = 0; round < 3000; round++) {
		uint8_t model[N], filled[N] = {0};
		bool done = false, ended = false;
		for (int i = 0; i < 100 && !done; i++) {
			uint8_t bytes[N];
			seed = seed * 1664525 + 1013904223;
			uint32_t from = (seed >> 8) % UNITS * 8;
			uint32_t n = ((seed >> 16) % (UNITS / 3) + 1) * 8;
			if (from + n > N)
				n = N - from;
			bool more = from + n < N;
			memset(bytes, (int)(seed >> 24), sizeof bytes);
			for (uint32_t j = from; j < from + n; j++) {
				if (!filled[j])
					model[j] = bytes[j];
				filled[j] = 1;
			}
			ended |= !more;
			struct fragment f = piece(&x, 4, from, n, more);
			f.data.p = bytes;
			struct whole w;
			bool all = ended && !memchr(filled, 0, N);
			assert_int_equal(push(&x, f, &w), all ? FRAGMENT_COMPLETE : FRAGMENT_HELD);
			if (all) {
				assert_int_equal(w.payload.n, N);
				assert_memory_equal(w.payload.p, model, N);
				completed++;
				done = true;
			}
		}
		fragment_table_age(x.t, x.now + 31 * NS_PER_SEC);
	}
	assert_true(completed > 2000);
	table_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_may_come_in_any_order),
		cmocka_unit_test(the_size_of_fragments_does_not_matter),
		cmocka_unit_test(a_duplicate_is_no_anomaly),
		cmocka_unit_test(the_first_copy_wins),
		cmocka_unit_test(ip6_drops_a_datagram_whose_fragments_overlap),
		cmocka_unit_test(only_the_first_next_header_counts),
		cmocka_unit_test(impossible_fragments_are_refused),
		cmocka_unit_test(what_differs_in_its_key_does_not_mix),
		cmocka_unit_test(packet_time_ends_the_waiting),
		cmocka_unit_test(at_the_cap_the_oldest_is_given_up),
		cmocka_unit_test(the_bytes_held_are_capped),
		cmocka_unit_test(the_oldest_gives_way_to_its_own_growth),
		cmocka_unit_test(a_datagram_of_too_many_pieces_is_given_up),
		cmocka_unit_test(bytes_that_the_capture_cut_end_the_datagram),
		cmocka_unit_test(random_fragments_match_a_plain_array),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
