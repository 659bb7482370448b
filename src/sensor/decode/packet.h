/* What decode makes of a frame: the innermost TCP segment or UDP datagram. Borrowed from the frame or, for a datagram
 * put together from fragments, from the decoder until its next call. */
#ifndef SHADOWTAP_PACKET_H
#define SHADOWTAP_PACKET_H

#include "addr.h"
#include "encap.h"
#include "slice.h"

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
};

enum { IP_PROTO_TCP = 6, IP_PROTO_UDP = 17 };

struct packet {
	int64_t time_ns;
	uint64_t frame;        /* number of the frame that completed it */
	uint32_t capture;      /* index of the file or interface */
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
	uint8_t proto;         /* IP_PROTO_TCP or IP_PROTO_UDP */
	uint8_t tcp_flags;
	uint16_t tcp_window;   /* as sent, unscaled */
	uint16_t checksum;     /* of TCP or UDP, as sent */
	uint16_t ip_id;        /* of IPv4; IPv6 has none: 0 */
	uint32_t tcp_seq, tcp_ack;
	uint32_t wire_bytes;   /* length of the IP packet on the wire */
	uint32_t payload_bytes;/* length of the payload on the wire; larger than payload.n where the capture cut it */
	struct slice payload;  /* the captured part */
	const uint8_t *ip;     /* the innermost IP packet as captured: what nDPI is fed. Of fragments: the whole datagram, */
			       /* under an IP header without options */
	uint32_t ip_n;
	struct slice captured; /* the whole frame as captured: what evidence is made of */
	uint32_t frame_bytes;  /* its length on the wire */
	uint32_t link_type;    /* and its LINKTYPE_ value */
	const uint8_t *src_mac;/* 6 bytes of the innermost Ethernet or Linux cooked header, or NULL */
	const uint8_t *dst_mac;/* cooked headers have none */
	struct encap encap;
};

#endif
