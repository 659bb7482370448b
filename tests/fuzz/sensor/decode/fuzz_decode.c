/* A sequence of frames through one decoder. Each frame: 1 byte link type (index), 1 byte flags, 1 byte time step in
 * seconds, 2 bytes length, bytes. Checks after each what holds for every input: slices inside the frame or outside it
 * altogether (then in the decoder's buffer, where the sanitizer watches), lengths in order, memory within its caps, and
 * that the same frames with every other time of day give the same results. */
#include "decode.h"
#include "limits.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void sum_up(uint64_t *sum, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*sum = (*sum ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
}

static void check_packet(const struct packet *p, const struct frame *f, uint64_t *sum)
{
	require(p->proto == IP_PROTO_TCP || p->proto == IP_PROTO_UDP);
	require(p->src.family == p->dst.family && (p->src.family == 4 || p->src.family == 6));
	require(p->time_ns == f->time_ns && p->frame == f->number && p->capture == f->capture);
	require(p->payload.n <= p->payload_bytes && p->payload_bytes < p->wire_bytes);
	require(p->wire_bytes <= LIMIT_FRAME_BYTES + 40);
	require(p->ip_n >= 28 && p->ip_n <= LIMIT_FRAME_BYTES);
	require(p->payload.p >= p->ip && p->payload.p + p->payload.n <= p->ip + p->ip_n);
	bool in_frame = p->ip >= f->data && p->ip < f->data + f->caplen;
	require(!in_frame || p->ip + p->ip_n <= f->data + f->caplen);
	for (int i = 0; i < 2; i++) {
		const uint8_t *mac = i ? p->dst_mac : p->src_mac;
		require(!mac || !in_frame || (mac >= f->data && mac + 6 <= f->data + f->caplen));
		if (mac) /* the sanitizer watches the decoder's own bytes */
			sum_up(sum, mac, 6);
	}
	require(p->encap.n <= ENCAP_MAX);
	for (unsigned i = 0; i < p->encap.n; i++)
		require(encap_layer_valid(p->encap.layer[i].kind, p->encap.layer[i].id));
	sum_up(sum, p->payload.p, p->payload.n);
	sum_up(sum, p->ip, p->ip_n);
	sum_up(sum, p->src.b, sizeof p->src.b);
	sum_up(sum, p->dst.b, sizeof p->dst.b);
	const uint32_t numbers[] = {p->src_port, p->dst_port, p->tcp_flags, p->tcp_window, p->tcp_seq, p->tcp_ack,
				    p->wire_bytes, p->payload_bytes, p->checksum, p->ip_id};
	sum_up(sum, numbers, sizeof numbers);
}

static uint64_t run(const uint8_t *data, size_t n, int64_t start)
{
	static const uint16_t link_types[] = {1, 1, 1, 113, 276, 101, 12, 14, 228, 229, 0, 108, 147,
					      9, 51, 104, 219};
	/* One decoder for all runs, since making one costs more than most inputs do; each run leaves it empty. */
	static struct anomaly_counts anomalies;
	static struct decoder *d;
	if (!d && !(d = decoder_new(&anomalies)))
		return 0;
	memset(&anomalies, 0, sizeof anomalies);
	uint64_t sum = 0;
	struct frame f = {.capture = 1, .time_ns = start};
	for (size_t at = 0; at + 5 <= n;) {
		const uint8_t *head = data + at;
		uint32_t bytes = (uint32_t)(head[3] << 8 | head[4]);
		at += 5;
		if (bytes > n - at)
			bytes = (uint32_t)(n - at);
		uint8_t *exact = malloc(bytes ? bytes : 1);
		if (!exact)
			break;
		memcpy(exact, data + at, bytes);
		at += bytes;
		f.link_type = link_types[head[0] % (sizeof link_types / sizeof link_types[0])];
		f.data = exact;
		f.caplen = bytes;
		f.len = bytes + (head[1] & 1 ? 300u : 0) + (head[1] & 2 ? 100000u : 0);
		f.time_ns += (head[1] & 4 ? -1 : 1) * head[2] * NS_PER_SEC;
		f.number++;
		struct anomaly_counts before = anomalies;
		struct packet p;
		enum decode_result result = decode_frame(d, &f, &p);
		if (result == DECODE_PACKET)
			check_packet(&p, &f, &sum);
		require(result != DECODE_REFUSED || memcmp(&before, &anomalies, sizeof before) != 0);
		require(decoder_memory(d) <= LIMIT_FRAGMENT_BYTES + LIMIT_FRAGMENT_DATAGRAMS * 256u);
		sum_up(&sum, &result, sizeof result);
		free(exact);
	}
	sum_up(&sum, &anomalies, sizeof anomalies);
	f = (struct frame){.data = (const uint8_t *)"", .link_type = 1, .time_ns = INT64_MAX};
	struct packet p;
	require(decode_frame(d, &f, &p) == DECODE_REFUSED);
	require(decoder_memory(d) == 0);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	require(run(data, n, 0) == run(data, n, INT64_C(1700000000) * NS_PER_SEC));
	return 0;
}
