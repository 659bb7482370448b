/* Any segments on one connection: no byte is lost from the account, delivered bytes are those of their place in the
 * sequence space, memory stays within its cap and is gone after the flush.
 * The first byte: which sides' SYN is seen. Then records of six: what, where, how much. */
#include <stdlib.h>
#undef NDEBUG
#include <assert.h>

#include "frame.h"
#include "limits.h"
#include "tcp_reasm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct bench {
	struct tcp_reasm r;
	struct anomaly_counts anomalies;
	struct tcp_counts counts;
	uint64_t told, skipped; /* by callbacks */
	bool known[2];          /* where the next byte stands */
	uint32_t at[2];
	unsigned ends[2];
};

/* The byte that stands at a sequence number: every copy of it is the same, so that no copy may win wrongly. */
static uint8_t byte_at(uint32_t seq)
{
	return (uint8_t)((seq * 2654435761u) >> 24);
}

static void on_bytes(void *context, unsigned side, struct slice s)
{
	struct bench *b = context;
	assert(s.n > 0 && !b->ends[side]);
	b->told += s.n;
	for (size_t i = 0; i < s.n && b->known[side]; i++)
		assert(s.p[i] == byte_at(b->at[side] + (uint32_t)i));
	b->at[side] += (uint32_t)s.n;
}

static void on_gap(void *context, unsigned side, uint64_t n)
{
	struct bench *b = context;
	assert(!b->ends[side]);
	if (n == 0)
		b->known[side] = false;
	b->at[side] += (uint32_t)n;
}

static void on_skipped(void *context, unsigned side, uint64_t n)
{
	struct bench *b = context;
	assert(n > 0 && !b->ends[side]);
	b->skipped += n;
	b->at[side] += (uint32_t)n;
}

static void on_end(void *context, unsigned side)
{
	struct bench *b = context;
	assert(b->ends[side]++ == 0);
}

static const struct tcp_callbacks callbacks = {on_bytes, on_gap, on_skipped, on_end};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t payload[65536];
	struct bench b = {0};
	if (n < 1)
		return 0;
	uint8_t first = *data++;
	n--;
	uint32_t base[2] = {first & 4 ? 0xffffff00u : 1000, first & 8 ? 0x7fffff00u : 5000};
	int64_t now = NS_PER_SEC;
	tcp_reasm_init(&b.r);
	for (unsigned side = 0; side < 2; side++)
		if (first & 1u << side) {
			struct packet syn = {.proto = IP_PROTO_TCP, .tcp_flags = TCP_SYN, .tcp_seq = base[side] - 1,
				.time_ns = now};
			tcp_reasm_push(&b.r, side, &syn, &callbacks, &b, &b.anomalies, &b.counts);
			b.known[side] = true;
			b.at[side] = base[side];
		}
	for (; n >= 6; data += 6, n -= 6) {
		uint8_t what = data[0];
		unsigned side = what & 1;
		uint32_t seq = base[side] + (uint32_t)(data[1] << 8 | data[2]) * (what & 2 ? 1 : 257);
		uint32_t size = (uint32_t)data[3] * (what & 4 ? 64 : 1);
		now += (int64_t)data[5] * 4000000;
		if ((what & 0xf8) == 0xf8) {
			tcp_reasm_skip(&b.r, side, what & 2 ? UINT64_MAX : size);
		} else if ((what & 0xf8) == 0xf0) {
			tcp_reasm_age(&b.r, now, &callbacks, &b, &b.anomalies, &b.counts);
		} else {
			for (uint32_t i = 0; i < size; i++)
				payload[i] = byte_at(seq + i);
			uint32_t cut = what & 8 ? size / 2 : 0;
			struct packet p = {.proto = IP_PROTO_TCP, .time_ns = now, .tcp_seq = seq, .payload_bytes = size,
			                   .payload = slice_of(payload, size - cut),
			                   .tcp_ack = base[!side] + (uint32_t)data[4] * 257,
			                   .tcp_flags = (uint8_t)((what & 0x10 ? 0 : TCP_ACK) | (what >> 5 == 6 ? TCP_FIN : 0) |
			                                          (what >> 5 == 5 ? TCP_RST : 0) | (what >> 5 == 4 ? TCP_SYN : 0))};
			int r = tcp_reasm_push(&b.r, side, &p, &callbacks, &b, &b.anomalies, &b.counts);
			assert(r == 0);
		}
		assert(tcp_reasm_memory(&b.r) <= 2 * (LIMIT_TCP_HELD_BYTES + LIMIT_TCP_HELD_SEGMENTS * 128u + 65536));
		assert(b.counts.delivered + b.counts.duplicate + b.counts.refused <= b.counts.seen);
	}
	tcp_reasm_flush(&b.r, &callbacks, &b, &b.anomalies, &b.counts);
	assert(!tcp_reasm_waiting(&b.r));
	assert(tcp_reasm_memory(&b.r) == 0);
	assert(b.counts.seen == b.counts.delivered + b.counts.duplicate + b.counts.refused);
	assert(b.told <= b.counts.delivered);
	tcp_reasm_done(&b.r);
	return 0;
}
