/* Ethernet, IPv4 without options or fragments, TCP or UDP, captured whole -> struct packet, in one go: nine frames of ten.
 * Called by decode_frame() before its walk. Judges nothing: whatever is not as it should be, or not quite ordinary, is left to the walk, which
 * names what is wrong. What is taken here must come out as the walk would have it. */
#include "ethertype.h"
#include "walk.h"

enum { LINK_ETHERNET = 1, ETHERNET_HEADER = 14, IP_HEADER = 20, TCP_HEADER = 20, UDP_HEADER = 8 };
/* Headers that are read by one cursor: those of TCP. A datagram of UDP in a frame that is shorter still is not ordinary either. */
enum { HEADERS = ETHERNET_HEADER + IP_HEADER + TCP_HEADER };

static bool is_tunnel_port(uint16_t port)
{
	return port == PORT_VXLAN || port == PORT_VXLAN_GPE || port == PORT_VXLAN_LINUX || port == PORT_GENEVE;
}

static void addr4_set(struct ip_addr *a, const uint8_t *bytes)
{
	a->family = 4;
	memcpy(a->b, bytes, 4);
	memset(a->b + 4, 0, 12);
}

bool plain_read(const struct frame *f, struct packet *ret)
{
	if (f->link_type != LINK_ETHERNET || f->caplen < HEADERS || f->caplen > LIMIT_FRAME_BYTES)
		return false;
	struct cursor c = cursor_of(slice_of(f->data, HEADERS)); /* a constant length: none of the reads below can fail */
	const uint8_t *dst_mac = cursor_take(&c, 6).p;
	const uint8_t *src_mac = cursor_take(&c, 6).p;
	uint16_t ethertype = cursor_be16(&c);
	const uint8_t *ip = c.p;
	uint8_t first = cursor_u8(&c);
	cursor_skip(&c, 1); /* type of service */
	uint32_t bytes = cursor_be16(&c);
	uint16_t ip_id = cursor_be16(&c);
	uint16_t fragment = cursor_be16(&c);
	cursor_skip(&c, 1); /* time to live */
	uint8_t proto = cursor_u8(&c);
	cursor_skip(&c, 2); /* checksum */
	const uint8_t *src = cursor_take(&c, 4).p;
	const uint8_t *dst = cursor_take(&c, 4).p;
	uint16_t src_port = cursor_be16(&c);
	uint16_t dst_port = cursor_be16(&c);
	if (ethertype != ETHERTYPE_IP4 || first != 0x45 || (fragment & 0x3fff) || bytes > f->caplen - ETHERNET_HEADER)
		return false;
	uint32_t header;
	if (proto == IP_PROTO_TCP) {
		uint32_t seq = cursor_be32(&c);
		uint32_t ack = cursor_be32(&c);
		header = (cursor_u8(&c) >> 4) * 4u;
		if (header < TCP_HEADER || bytes < IP_HEADER + header)
			return false;
		ret->tcp_seq = seq;
		ret->tcp_ack = ack;
		ret->tcp_flags = cursor_u8(&c);
		ret->tcp_window = cursor_be16(&c);
	} else if (proto == IP_PROTO_UDP) {
		header = UDP_HEADER;
		/* less than IP carries is allowed, with something behind it: the walk knows */
		if (bytes < IP_HEADER + header || cursor_be16(&c) != bytes - IP_HEADER || is_tunnel_port(dst_port))
			return false;
		ret->tcp_seq = ret->tcp_ack = 0;
		ret->tcp_flags = 0;
		ret->tcp_window = 0;
	} else {
		return false;
	}
	ret->checksum = cursor_be16(&c);
	ret->time_ns = f->time_ns;
	ret->frame = f->number;
	ret->capture = f->capture;
	addr4_set(&ret->src, src);
	addr4_set(&ret->dst, dst);
	ret->src_port = src_port;
	ret->dst_port = dst_port;
	ret->proto = proto;
	ret->ip_id = ip_id;
	ret->wire_bytes = ret->ip_n = bytes;
	ret->payload_bytes = bytes - IP_HEADER - header;
	ret->payload = slice_of(ip + IP_HEADER + header, ret->payload_bytes);
	ret->ip = ip;
	ret->captured = slice_of(f->data, f->caplen);
	ret->frame_bytes = f->len;
	ret->link_type = f->link_type;
	ret->src_mac = src_mac;
	ret->dst_mac = dst_mac;
	ret->encap.n = 0;
	return true;
}
