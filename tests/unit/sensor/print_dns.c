/* A capture -> what its DNS answers give: name, type, response code and, of each address, its TTL; one answer a line, for test_dns_tshark.py.
 * No test by itself. */
#include <stdio.h>
#include <stdlib.h>

#include "capture_file.h"
#include "decode.h"
#include "dns.h"
#include "dns_stream.h"
#include "flow.h"
#include "tcp_reasm.h"

struct talk {
	struct tcp_reasm reasm;
	struct dns_stream *dns;
};

static void print_message(struct slice message, size_t wire_bytes)
{
	struct dns_message m;
	if (dns_message_read(message, wire_bytes, &m) != DNS_ANSWER || m.cut)
		return;
	printf("%s|%u|%u|", m.name, m.type, m.rcode);
	for (unsigned i = 0; i < m.n_addresses; i++) {
		char text[IP_ADDR_TEXT];
		ip_addr_format(&m.addresses[i].addr, text);
		printf("%s%s/%u", i ? "," : "", text, m.addresses[i].ttl);
	}
	printf("\n");
}

static bool on_message(void *context, unsigned side, struct slice message)
{
	(void)context, (void)side;
	print_message(message, message.n);
	return true;
}

static void on_bytes(void *context, unsigned side, struct slice bytes)
{
	dns_stream_bytes(((struct talk *)context)->dns, side, bytes);
}

static void on_gap(void *context, unsigned side, uint64_t n)
{
	(void)n;
	dns_stream_gap(((struct talk *)context)->dns, side);
}

static void on_end(void *context, unsigned side)
{
	(void)context, (void)side;
}

static const struct tcp_callbacks callbacks = {on_bytes, on_gap, on_gap, on_end};

static void on_flow_end(void *context, struct flow *f, enum flow_end why)
{
	struct talk *t = f->work;
	(void)context, (void)why;
	if (t) {
		tcp_reasm_done(&t->reasm);
		dns_stream_free(t->dns);
	}
	free(t);
	f->work = NULL;
}

int main(int argc, char **argv)
{
	static struct anomaly_counts anomalies;
	static struct tcp_counts counts;
	char error[CAPTURE_ERROR_TEXT];
	struct capture_file *file;
	struct frame frame;
	struct packet p;
	const struct hash_key key = {1, 2};
	struct decoder *decoder = decoder_new(&anomalies);
	struct flow_table *flows = flow_table_new(on_flow_end, NULL, &anomalies, &key);
	if (argc != 2 || !decoder || !flows || capture_file_open(argv[1], &file, error) != 0)
		return 2;
	while (capture_file_next(file, &frame) == 1) {
		if (decode_frame(decoder, &frame, &p) != DECODE_PACKET || (p.src_port != DNS_PORT && p.dst_port != DNS_PORT))
			continue;
		if (p.proto == IP_PROTO_UDP) {
			print_message(p.payload, p.payload_bytes);
			continue;
		}
		struct flow_place place = flow_place_of(&p, &key);
		struct flow *f = flow_table_touch(flows, &p, &place);
		struct talk *t = f->work;
		if (!t && (t = f->work = calloc(1, sizeof *t)) != NULL) {
			tcp_reasm_init(&t->reasm);
			t->dns = dns_stream_new(on_message, t);
		}
		if (t)
			tcp_reasm_push(&t->reasm, place.side, &p, &callbacks, t, &anomalies, &counts);
	}
	flow_table_free(flows);
	capture_file_free(file);
	decoder_free(decoder);
	return 0;
}
