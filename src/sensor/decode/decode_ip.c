/* IPv4 and IPv6 headers, with what may stand between them and the transport header -> the transport header.
 * Called by decode_frame(). Verifies no checksum, follows no routing header: the addresses are those of the IP header. */
#include "limits.h"
#include "walk.h"

enum { IP4_HEADER = 20, IP6_HEADER = 40, IP6_FRAGMENT_HEADER = 8, IP6_OPTION_JUMBO = 0xc2 };

enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_IP4 = 4,
	PROTO_IP6 = 41,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_AH = 51,
	PROTO_DESTINATION = 60,
	PROTO_MPLS = 137, /* RFC 4023 */
	PROTO_MOBILITY = 135,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

/* Narrows the walk to the IP packet: an Ethernet frame's padding is no payload. A packet longer than its capture was
 * cut by the snap length, or by a switch that truncates what it mirrors: then the frame itself claims no more than was
 * captured, which is why its length cannot tell a cut from a lie. Known weakness: a lying total length, which a host
 * would drop, passes for a cut packet. */
static void ip_bound(struct walk *w, uint8_t family, uint32_t bytes)
{
	if (w->n < bytes)
		walk_cut(w);
	else
		w->n = bytes;
	w->wire = bytes;
	w->family = family;
	w->extensions = 0;
	w->reassembled = false;
	w->ip = w->p;
	w->ip_n = w->n;
	w->ip_bytes = bytes;
}

/* Hands a fragment to the table, and when that completes the datagram, walks on in the datagram. */
static enum step ip_fragment_read(struct walk *w, const struct fragment *f)
{
	/* Offload never makes fragments; without a length, padding could not be told from data. */
	if (w->unsized)
		return walk_refuse(w, ANOMALY_IP_TOTAL_LENGTH);
	/* A fragment inside a tunnel that came in fragments itself: the table's buffer will be written over. */
	if (w->in_table && w->src_mac && w->dst_mac) {
		memmove(w->kept_macs, w->src_mac, 6);
		memmove(w->kept_macs + 6, w->dst_mac, 6);
		w->src_mac = w->kept_macs;
		w->dst_mac = w->kept_macs + 6;
	}
	struct whole whole;
	switch (fragment_push(w->fragments, f, w->frame->time_ns, &whole)) {
	case FRAGMENT_HELD: return STEP_HELD;
	case FRAGMENT_REFUSED: return STEP_REFUSED;
	case FRAGMENT_COMPLETE: break;
	}
	w->reassembled = true;
	w->in_table = true;
	w->ip = whole.ip.p;
	w->src = w->ip + (w->family == 4 ? 12 : 8);
	w->dst = w->ip + (w->family == 4 ? 16 : 24);
	w->ip_n = (uint32_t)whole.ip.n;
	w->ip_bytes = whole.wire_bytes;
	w->p = whole.payload.p;
	w->n = (uint32_t)whole.payload.n;
	w->wire = whole.payload_bytes;
	w->proto = whole.proto;
	return STEP_PROTOCOL;
}

static bool ip4_proto_wanted(uint8_t proto)
{
	return proto == IP_PROTO_TCP || proto == IP_PROTO_UDP || proto == PROTO_AH || proto == PROTO_IP4 ||
	       proto == PROTO_IP6 || proto == PROTO_GRE || proto == PROTO_MPLS;
}

enum step ip4_read(struct walk *w)
{
	if (!walk_has(w, IP4_HEADER, ANOMALY_IP_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, IP4_HEADER);
	uint8_t first = cursor_u8(&c);
	cursor_skip(&c, 1); /* type of service */
	uint32_t bytes = cursor_be16(&c);
	w->ip_id = cursor_be16(&c);
	uint16_t fragment = cursor_be16(&c);
	cursor_skip(&c, 1); /* time to live */
	w->proto = cursor_u8(&c);
	cursor_skip(&c, 2); /* checksum */
	w->src = cursor_take(&c, 4).p;
	w->dst = cursor_take(&c, 4).p;
	uint32_t header = (first & 0x0fu) * 4;
	if (first >> 4 != 4)
		return walk_refuse(w, ANOMALY_IP_VERSION);
	w->unsized = bytes == 0;
	if (w->unsized)
		bytes = w->wire;
	if (bytes < IP4_HEADER)
		return walk_refuse(w, ANOMALY_IP_TOTAL_LENGTH);
	if (header < IP4_HEADER || header > bytes)
		return walk_refuse(w, ANOMALY_IP_HEADER_LENGTH);
	ip_bound(w, 4, bytes);
	if (!walk_has(w, header, ANOMALY_IP_SHORT))
		return STEP_REFUSED;
	walk_skip(w, header);
	if ((fragment & 0x3fff) == 0) /* neither "more fragments" nor an offset */
		return STEP_PROTOCOL;
	if (!ip4_proto_wanted(w->proto))
		return STEP_OTHER;
	struct fragment f = {
		.encap = &w->encap,
		.family = 4,
		.proto = w->proto,
		.more = fragment & 0x2000,
		.id = w->ip_id,
		.offset = (fragment & 0x1fffu) * 8,
		.bytes = w->wire,
		.header_bytes = header,
		.data = slice_of(w->p, w->n),
		.ip = w->ip,
		.src = w->src,
		.dst = w->dst,
	};
	return ip_fragment_read(w, &f);
}

/* The length in a jumbo payload option (RFC 2675 2) of the hop-by-hop header that directly follows, or 0. */
static uint32_t ip6_jumbo_bytes(const struct walk *w)
{
	struct cursor c = cursor_of(slice_after(slice_of(w->p, w->n), IP6_HEADER));
	cursor_skip(&c, 1); /* next header */
	size_t n = (cursor_u8(&c) + 1u) * 8;
	struct cursor options = cursor_of(cursor_take(&c, n - 2));
	while (cursor_left(&options)) {
		uint8_t type = cursor_u8(&options);
		if (type == 0) /* Pad1 has no length */
			continue;
		struct slice value = cursor_vec8(&options);
		if (type == IP6_OPTION_JUMBO && value.n == 4) {
			struct cursor v = cursor_of(value);
			return cursor_be32(&v);
		}
		if (!cursor_ok(&options))
			break;
	}
	return 0;
}

enum step ip6_read(struct walk *w)
{
	if (!walk_has(w, IP6_HEADER, ANOMALY_IP_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, IP6_HEADER);
	uint32_t first = cursor_be32(&c);
	uint32_t payload = cursor_be16(&c);
	w->proto = cursor_u8(&c);
	cursor_skip(&c, 1); /* hop limit */
	w->src = cursor_take(&c, 16).p;
	w->dst = cursor_take(&c, 16).p;
	if (first >> 28 != 6)
		return walk_refuse(w, ANOMALY_IP_VERSION);
	uint32_t jumbo = w->proto == PROTO_HOP_BY_HOP ? ip6_jumbo_bytes(w) : 0;
	/* A jumbo length beside an ordinary one, or one that needed no jumbogram, is an error (RFC 2675 3): two
	 * readers would see two different packets. */
	if (jumbo && (payload || jumbo <= 0xffff))
		return walk_refuse(w, ANOMALY_IP6_EXTENSION);
	if (jumbo > LIMIT_FRAME_BYTES)
		return walk_refuse(w, ANOMALY_IP_TOTAL_LENGTH);
	w->ip_id = 0;
	w->unsized = payload == 0;
	uint32_t bytes = IP6_HEADER + payload;
	if (jumbo)
		bytes = IP6_HEADER + jumbo;
	else if (payload == 0)
		bytes = w->wire;
	ip_bound(w, 6, bytes);
	walk_skip(w, IP6_HEADER);
	return STEP_PROTOCOL;
}

enum step ip_read(struct walk *w)
{
	if (!walk_has(w, 1, ANOMALY_IP_SHORT))
		return STEP_REFUSED;
	switch (w->p[0] >> 4) {
	case 4: return STEP_IP4;
	case 6: return STEP_IP6;
	default: return walk_refuse(w, ANOMALY_IP_VERSION);
	}
}

/* A header of the form "next header, length" (RFC 8200 4, RFC 6564 4), or AH, which counts differently (RFC 4302 2.2). */
static enum step extension_read(struct walk *w)
{
	enum anomaly bad = w->family == 6 ? ANOMALY_IP6_EXTENSION : ANOMALY_IP_SHORT;
	/* A chain of empty headers to slow a parser down or to push the transport header out of sight (RFC 7112). */
	if (w->extensions == LIMIT_IP6_EXTENSIONS)
		return walk_refuse(w, bad);
	/* Hop-by-hop options anywhere but first are unknown to hosts (RFC 8200 4.1). */
	if (w->proto == PROTO_HOP_BY_HOP && (w->extensions || w->reassembled))
		return walk_refuse(w, bad);
	if (!walk_has(w, 2, bad))
		return STEP_REFUSED;
	w->extensions++;
	struct cursor c = walk_header(w, 2);
	uint8_t next = cursor_u8(&c);
	uint8_t units = cursor_u8(&c);
	uint32_t bytes = w->proto == PROTO_AH ? (units + 2u) * 4 : (units + 1u) * 8;
	if (!walk_has(w, bytes, bad))
		return STEP_REFUSED;
	walk_skip(w, bytes);
	w->proto = next;
	return STEP_PROTOCOL;
}

static enum step ip6_fragment_read(struct walk *w)
{
	/* A fragment inside a fragment is no datagram that any host sends: only a way to make a parser work. */
	if (w->reassembled || w->extensions == LIMIT_IP6_EXTENSIONS)
		return walk_refuse(w, ANOMALY_FRAGMENT_BAD);
	if (!walk_has(w, IP6_FRAGMENT_HEADER, ANOMALY_IP6_EXTENSION))
		return STEP_REFUSED;
	uint32_t header_bytes = (uint32_t)(w->p - w->ip);
	struct cursor c = walk_header(w, IP6_FRAGMENT_HEADER);
	uint8_t next = cursor_u8(&c);
	cursor_skip(&c, 1); /* reserved */
	uint16_t offset = cursor_be16(&c);
	uint32_t id = cursor_be32(&c);
	w->extensions++;
	walk_skip(w, IP6_FRAGMENT_HEADER);
	w->proto = next;
	if ((offset & 0xfff9) == 0) /* an atomic fragment stands alone, whatever else has its id (RFC 6946 4) */
		return STEP_PROTOCOL;
	/* Held whatever the next header: only that of the first fragment counts (RFC 8200 4.5), so a made-up one in
	 * the others must not hide the datagram. */
	struct fragment f = {
		.encap = &w->encap,
		.family = 6,
		.proto = next,
		.more = offset & 1,
		.id = id,
		.offset = offset & 0xfff8u,
		.bytes = w->wire,
		.header_bytes = header_bytes,
		.data = slice_of(w->p, w->n),
		.ip = w->ip,
		.src = w->src,
		.dst = w->dst,
	};
	return ip_fragment_read(w, &f);
}

static enum step ip_inner_read(struct walk *w, uint8_t inner)
{
	enum encap_kind kind = w->family == 4 ? (inner == 4 ? ENCAP_IPIP : ENCAP_6IN4) :
	                                        (inner == 4 ? ENCAP_4IN6 : ENCAP_6IN6);
	if (!walk_enter(w, kind, 0))
		return STEP_REFUSED;
	return inner == 4 ? STEP_IP4 : STEP_IP6;
}

enum step ip_protocol_read(struct walk *w)
{
	switch (w->proto) {
	case IP_PROTO_TCP: return STEP_TCP;
	case IP_PROTO_UDP: return STEP_UDP;
	case PROTO_IP4: return ip_inner_read(w, 4); /* RFC 2003, RFC 2473 */
	case PROTO_IP6: return ip_inner_read(w, 6); /* RFC 4213, RFC 2473; also 6to4, 6rd, ISATAP */
	case PROTO_GRE: return STEP_GRE;
	case PROTO_MPLS: return STEP_MPLS;
	case PROTO_AH: return extension_read(w);
	case PROTO_FRAGMENT: return w->family == 6 ? ip6_fragment_read(w) : STEP_OTHER;
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_DESTINATION:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6: return w->family == 6 ? extension_read(w) : STEP_OTHER;
	default: return STEP_OTHER; /* ICMP, ESP, "no next header" (59), and all that carries no stream */
	}
}
