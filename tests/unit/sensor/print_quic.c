/* A capture -> the hellos that quic reads in it, one a line, for test_quic_tshark.py: client, its port, server, its
 * port, version, SNI, protocols offered, JA4, negotiated TLS version. No test by itself. */
#include <stdio.h>
#include <stdlib.h>

#include "capture_file.h"
#include "decode.h"
#include "flow.h"
#include "quic.h"

struct print {
	struct anomaly_counts anomalies;
	struct quic_opener *opener;
	const struct flow *flow; /* of the packet that is read */
};

static void print_end(const struct flow *f, unsigned side)
{
	char text[IP_ADDR_TEXT];
	struct ip_addr a = {.family = f->key.family};
	memcpy(a.b, f->key.addr[side], sizeof a.b);
	ip_addr_format(&a, text);
	printf("%s|%u|", text, f->key.port[side]);
}

static void on_hello(void *context, const struct quic_hello *hello)
{
	const struct print *p = context;
	const struct tls_facts *t = hello->facts;
	const char *version = tls_version_name(t->version);
	print_end(p->flow, hello->client);
	print_end(p->flow, !hello->client);
	printf("0x%08x|%s|", hello->version, t->sni);
	for (unsigned i = 0; i < t->n_alpn_offered; i++)
		printf("%s%s", i ? "," : "", t->alpn_offered[i]);
	printf("|%s|%s\n", t->client_hello ? t->ja4 : "partial", version ? version : "");
}

static void on_flow_end(void *context, struct flow *f, enum flow_end why)
{
	struct print *p = context;
	(void)why;
	if (f->work) {
		p->flow = f;
		quic_end(f->work);
	}
	quic_free(f->work);
	f->work = NULL;
}

int main(int argc, char **argv)
{
	static struct print p;
	char error[CAPTURE_ERROR_TEXT];
	struct capture_file *file;
	struct frame frame;
	struct packet packet;
	const struct hash_key key = {1, 2};
	struct decoder *decoder = decoder_new(&p.anomalies);
	struct flow_table *flows = flow_table_new(on_flow_end, &p, &p.anomalies, &key);
	p.opener = quic_opener_new();
	if (argc != 2 || !decoder || !flows || !p.opener || capture_file_open(argv[1], &file, error) != 0)
		return 2;
	while (capture_file_next(file, &frame) == 1) {
		if (decode_frame(decoder, &frame, &packet) != DECODE_PACKET || packet.proto != IP_PROTO_UDP)
			continue;
		struct flow_place place = flow_place_of(&packet, &key);
		struct flow *f = flow_table_touch(flows, &packet, &place);
		if (!f->work && quic_begins(packet.payload))
			f->work = quic_new(p.opener, &p.anomalies, on_hello, &p);
		p.flow = f;
		if (f->work)
			quic_datagram(f->work, place.side, packet.payload, packet.payload_bytes, true);
	}
	flow_table_free(flows);
	for (int i = ANOMALY_QUIC_HEADER_BAD; i <= ANOMALY_QUIC_INITIALS_LIMIT; i++)
		if (p.anomalies.n[i])
			fprintf(stderr, "%s %llu\n", anomaly_name(i), (unsigned long long)p.anomalies.n[i]);
	capture_file_free(file);
	decoder_free(decoder);
	quic_opener_free(p.opener);
	return 0;
}
