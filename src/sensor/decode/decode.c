#include "decode.h"
#include "fragment.h"
#include "limits.h"
#include "walk.h"

#include <assert.h>
#include <stdlib.h>

struct decoder {
	struct anomaly_counts *anomalies;
	struct fragment_table *fragments;
	uint8_t macs[12]; /* of a packet whose Ethernet header was overwritten by a datagram put together */
};

struct decoder *decoder_new(struct anomaly_counts *anomalies)
{
	struct decoder *d = malloc(sizeof *d);
	if (!d)
		return NULL;
	d->anomalies = anomalies;
	d->fragments = fragment_table_new(anomalies);
	if (!d->fragments) {
		free(d);
		return NULL;
	}
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	fragment_table_free(d->fragments);
	free(d);
}

size_t decoder_memory(const struct decoder *d)
{
	return fragment_table_memory(d->fragments);
}

/* A loop over layers instead of calls from layer to layer, so that layers nest in any order without recursion. It
 * ends: each step moves forward in its bytes, and layers and extensions are counted; a fragment completes at most one
 * datagram per IP header. */
enum decode_result decode_frame(struct decoder *d, const struct frame *f, struct packet *ret)
{
	fragment_table_age(d->fragments, f->time_ns);
	if (plain_read(f, ret))
		return DECODE_PACKET;

	/* A frame that claims more than any capture holds (limits.h) would claim it as a gap in some stream. */
	uint32_t n = f->caplen < LIMIT_FRAME_BYTES ? f->caplen : LIMIT_FRAME_BYTES;
	uint32_t wire = f->len < LIMIT_FRAME_BYTES ? f->len : LIMIT_FRAME_BYTES;
	struct walk w;
	walk_init(&w, f, n, wire > n ? wire : n);
	w.anomalies = d->anomalies;
	w.fragments = d->fragments;
	w.kept_macs = d->macs;
	enum step step = STEP_LINK;
	for (;;) {
		switch (step) {
		case STEP_LINK: step = link_read(&w); break;
		case STEP_ETHERNET: step = ethernet_read(&w); break;
		case STEP_ETHERTYPE: step = ethertype_read(&w); break;
		case STEP_MPLS: step = mpls_read(&w); break;
		case STEP_PPP: step = ppp_read(&w); break;
		case STEP_IP: step = ip_read(&w); break;
		case STEP_IP4: step = ip4_read(&w); break;
		case STEP_IP6: step = ip6_read(&w); break;
		case STEP_PROTOCOL: step = ip_protocol_read(&w); break;
		case STEP_GRE: step = gre_read(&w); break;
		case STEP_TCP: step = tcp_read(&w, ret); break;
		case STEP_UDP: step = udp_read(&w, ret); break;
		case STEP_PACKET: return DECODE_PACKET;
		case STEP_HELD: return DECODE_HELD;
		case STEP_OTHER: return DECODE_OTHER;
		case STEP_REFUSED: return DECODE_REFUSED;
		}
		assert(w.n <= w.wire);
	}
}
