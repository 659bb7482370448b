/* TCP or UDP header -> struct packet, filled whole.
 * Called by decode_frame() as the last step of a walk. Verifies no checksum. */
#include "walk.h"

enum { TCP_HEADER = 20, UDP_HEADER = 8 };

static void addr_set(struct ip_addr *a, const uint8_t *bytes, uint8_t family)
{
	a->family = family;
	if (family == 4) {
		memcpy(a->b, bytes, 4);
		memset(a->b + 4, 0, 12);
	} else {
		memcpy(a->b, bytes, 16);
	}
}

/* All that TCP and UDP have in common. header and payload_bytes are within what was on the wire; the capture may end
 * before the payload does, or even starts. */
static void packet_fill(struct packet *ret, const struct walk *w, uint32_t header, uint32_t payload_bytes)
{
	uint32_t captured = w->n > header ? w->n - header : 0;
	ret->time_ns = w->frame->time_ns;
	ret->frame = w->frame->number;
	ret->capture = w->frame->capture;
	addr_set(&ret->src, w->src, w->family);
	addr_set(&ret->dst, w->dst, w->family);
	ret->proto = w->proto;
	ret->ip_id = w->ip_id;
	ret->wire_bytes = w->ip_bytes;
	ret->payload_bytes = payload_bytes;
	ret->payload = slice_of(w->p + (w->n - captured), captured < payload_bytes ? captured : payload_bytes);
	ret->ip = w->ip;
	ret->ip_n = w->ip_n;
	ret->captured = slice_of(w->frame->data, w->frame->caplen < LIMIT_FRAME_BYTES ? w->frame->caplen : LIMIT_FRAME_BYTES);
	ret->frame_bytes = w->frame->len;
	ret->link_type = w->frame->link_type;
	ret->src_mac = w->src_mac;
	ret->dst_mac = w->dst_mac;
	ret->encap.n = w->encap.n;
	for (unsigned i = 0; i < w->encap.n; i++)
		ret->encap.layer[i] = w->encap.layer[i];
}

enum step tcp_read(struct walk *w, struct packet *ret)
{
	if (!walk_has(w, TCP_HEADER, ANOMALY_TCP_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, TCP_HEADER);
	uint16_t src_port = cursor_be16(&c);
	uint16_t dst_port = cursor_be16(&c);
	uint32_t seq = cursor_be32(&c);
	uint32_t ack = cursor_be32(&c);
	uint32_t header = (cursor_u8(&c) >> 4) * 4u;
	uint8_t flags = cursor_u8(&c);
	/* An offset into the header or past the segment: every host drops it (RFC 9293 3.1), so may its payload not
	 * count. */
	if (header < TCP_HEADER || header > w->wire)
		return walk_refuse(w, ANOMALY_TCP_OFFSET);
	packet_fill(ret, w, header, w->wire - header);
	ret->src_port = src_port;
	ret->dst_port = dst_port;
	ret->tcp_flags = flags;
	ret->tcp_window = cursor_be16(&c);
	ret->checksum = cursor_be16(&c);
	ret->tcp_seq = seq;
	ret->tcp_ack = ack;
	return STEP_PACKET;
}

enum step udp_read(struct walk *w, struct packet *ret)
{
	if (!walk_has(w, UDP_HEADER, ANOMALY_UDP_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, UDP_HEADER);
	uint16_t src_port = cursor_be16(&c);
	uint16_t dst_port = cursor_be16(&c);
	uint32_t bytes = cursor_be16(&c);
	/* 0 means "as IP says": in jumbograms (RFC 2675 4), which IPv6 hosts accept at any size, and under segmentation
	 * offload. Any other IPv4 datagram without a length is dropped by its target. */
	if (bytes == 0 && (w->family == 6 || w->unsized))
		bytes = w->wire;
	/* Less than the header or more than IP carries is dropped by hosts; less than IP carries is fine, and what
	 * follows is no payload (RFC 9868 puts options there). */
	if (bytes < UDP_HEADER || bytes > w->wire)
		return walk_refuse(w, ANOMALY_UDP_LENGTH);
	enum step inner = udp_tunnel_read(w, dst_port, UDP_HEADER, bytes - UDP_HEADER);
	if (inner != STEP_UDP)
		return inner;
	packet_fill(ret, w, UDP_HEADER, bytes - UDP_HEADER);
	ret->src_port = src_port;
	ret->dst_port = dst_port;
	ret->checksum = cursor_be16(&c);
	ret->tcp_flags = 0;
	ret->tcp_window = 0;
	ret->tcp_seq = 0;
	ret->tcp_ack = 0;
	return STEP_PACKET;
}
