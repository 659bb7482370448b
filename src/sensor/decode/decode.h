/* Frame -> packet: link layers, VLAN/QinQ, MPLS, PPPoE, IPv4, IPv6 with extension headers, fragments, tunnels (VXLAN,
 * GENEVE, GRE, ERSPAN, IP in IP), TCP, UDP.
 * Called by sensor for each frame, before dispatch to shards. Verifies no checksums (capture hosts offload them) and
 * takes an IP total length of 0 from the captured length (TSO). Knows no flows. */
#ifndef SHADOWTAP_DECODE_H
#define SHADOWTAP_DECODE_H

#include "anomaly.h"
#include "frame.h"
#include "packet.h"

struct decoder;

enum decode_result {
	DECODE_PACKET,  /* *ret is a TCP or UDP packet */
	DECODE_HELD,    /* a fragment that waits for others */
	DECODE_OTHER,   /* well-formed but of no interest: ARP, ICMP, another protocol */
	DECODE_REFUSED, /* malformed; the anomaly is counted */
};

struct decoder *decoder_new(struct anomaly_counts *anomalies); /* NULL when out of memory; anomalies is borrowed */
/* Sets every member of *ret for DECODE_PACKET, of encap.layer as many as there are; else leaves it alone. */
enum decode_result decode_frame(struct decoder *d, const struct frame *f, struct packet *ret);
/* Bytes held for unfinished fragments. */
size_t decoder_memory(const struct decoder *d);
void decoder_free(struct decoder *d);

#endif
