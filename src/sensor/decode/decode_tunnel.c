/* Tunnels over IP and UDP -> what they carry: GRE, ERSPAN, VXLAN, GENEVE.
 * Called by decode_frame() and udp_read(). A UDP port alone makes no tunnel: a datagram whose header is not one that
 * the standard lets a tunnel endpoint send stays a datagram. Follows no source route, decrypts nothing. */
#include "ethertype.h"
#include "walk.h"

enum { /* GRE's flags (RFC 2784 2.1, RFC 2890 2) and protocols that are no Ethernet types of a payload */
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000, /* RFC 1701: nobody sends it any more */
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_VERSION = 0x0007,
	GRE_ERSPAN = 0x88be,
	GRE_ERSPAN3 = 0x22eb,
};

enum { VXLAN_HEADER = 8, GENEVE_HEADER = 8, ERSPAN2_HEADER = 8, ERSPAN3_HEADER = 12, ERSPAN3_SUBHEADER = 8 };

/* A mirrored frame in GRE (draft-foschiano-erspan 4). Type I has no header of its own, and no sequence number. */
static enum step erspan_read(struct walk *w, uint16_t protocol, bool sequence)
{
	if (protocol == GRE_ERSPAN && !sequence)
		return walk_enter(w, ENCAP_ERSPAN, 0) ? STEP_ETHERNET : STEP_REFUSED;
	uint32_t header = protocol == GRE_ERSPAN ? ERSPAN2_HEADER : ERSPAN3_HEADER;
	if (!walk_has(w, header, ANOMALY_TUNNEL_SHORT))
		return STEP_REFUSED;
	struct cursor c = cursor_of(slice_of(w->p, header));
	unsigned version = cursor_be16(&c) >> 12; /* the rest is the VLAN that the frame was mirrored from */
	uint32_t session = cursor_be16(&c) & 0x3ff;
	if (version != (protocol == GRE_ERSPAN ? 1 : 2))
		return STEP_OTHER;
	walk_skip(w, header);
	if (protocol == GRE_ERSPAN3) {
		cursor_skip(&c, 4 + 2); /* timestamp, security group */
		uint16_t last = cursor_be16(&c);
		if (last >> 10 & 0x1f) /* frame type: 0 is Ethernet */
			return STEP_OTHER;
		if (last & 1) {
			if (!walk_has(w, ERSPAN3_SUBHEADER, ANOMALY_TUNNEL_SHORT))
				return STEP_REFUSED;
			walk_skip(w, ERSPAN3_SUBHEADER);
		}
	}
	return walk_enter(w, ENCAP_ERSPAN_SESSION, session) ? STEP_ETHERNET : STEP_REFUSED;
}

enum step gre_read(struct walk *w)
{
	if (!walk_has(w, 4, ANOMALY_TUNNEL_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, 4);
	uint16_t flags = cursor_be16(&c);
	uint16_t protocol = cursor_be16(&c);
	if (flags & (GRE_VERSION | GRE_ROUTING)) /* version 1 is PPTP's, with compressed and encrypted PPP inside */
		return STEP_OTHER;
	uint32_t header =
	    4 + (flags & GRE_CHECKSUM ? 4 : 0) + (flags & GRE_KEY ? 4 : 0) + (flags & GRE_SEQUENCE ? 4 : 0);
	if (!walk_has(w, header, ANOMALY_TUNNEL_SHORT))
		return STEP_REFUSED;
	c = cursor_of(slice_of(w->p, header));
	cursor_skip(&c, flags & GRE_CHECKSUM ? 8 : 4);
	uint32_t key = flags & GRE_KEY ? cursor_be32(&c) : 0;
	walk_skip(w, header);
	if (protocol == GRE_ERSPAN || protocol == GRE_ERSPAN3)
		return erspan_read(w, protocol, flags & GRE_SEQUENCE);
	if (!walk_enter(w, flags & GRE_KEY ? ENCAP_GRE_KEY : ENCAP_GRE, key))
		return STEP_REFUSED;
	w->ethertype = protocol;
	return STEP_ETHERTYPE;
}

static struct slice udp_payload(const struct walk *w, uint32_t header, uint32_t bytes)
{
	return slice_first(slice_after(slice_of(w->p, w->n), header), bytes);
}

/* Into the tunnel: the walk goes on behind both headers, within the datagram. */
static bool tunnel_enter(struct walk *w, enum encap_kind kind, uint32_t id, uint32_t headers, uint32_t datagram)
{
	if (!walk_enter(w, kind, id))
		return false;
	walk_bound(w, datagram);
	walk_skip(w, headers);
	return true;
}

/* The flag that says a network id follows, and zeros where RFC 7348 5 has them; or the group policy of
 * draft-smith-vxlan-group-policy 2.1, which takes three flags and two bytes of those. A receiver is told to ignore what
 * is reserved, and a few switches use it: then a frame must be seen to follow, since other protocols have these ports
 * too. */
static enum step vxlan_read(struct walk *w, uint32_t header, uint32_t bytes)
{
	struct cursor c = cursor_of(udp_payload(w, header, bytes));
	uint8_t flags = cursor_u8(&c);
	uint8_t policy_flags = cursor_u8(&c);
	uint16_t policy = cursor_be16(&c);
	uint32_t id = cursor_be24(&c);
	uint8_t reserved = cursor_u8(&c);
	bool plain = flags == 0x08 && policy_flags == 0 && policy == 0;
	bool grouped = flags == 0x88 && (policy_flags & ~0x48) == 0;
	bool standard = (plain || grouped) && !reserved;
	if (!cursor_ok(&c) || (!standard && (!(flags & 0x08) || !ethernet_plausible(w, header + VXLAN_HEADER))))
		return STEP_UDP;
	return tunnel_enter(w, ENCAP_VXLAN, id, header + VXLAN_HEADER, header + bytes) ? STEP_ETHERNET : STEP_REFUSED;
}

/* VXLAN with a type of payload (draft-ietf-nvo3-vxlan-gpe 3): version 0, flags for the id and for the type. */
static enum step vxlan_gpe_read(struct walk *w, uint32_t header, uint32_t bytes)
{
	struct cursor c = cursor_of(udp_payload(w, header, bytes));
	uint8_t flags = cursor_u8(&c);
	uint16_t zero = cursor_be16(&c);
	uint8_t next = cursor_u8(&c);
	uint32_t id = cursor_be24(&c);
	uint8_t reserved = cursor_u8(&c);
	static const enum step steps[] = {[1] = STEP_IP4, [2] = STEP_IP6, [3] = STEP_ETHERNET};
	if (!cursor_ok(&c) || flags != 0x0c || zero || next < 1 || next > 3 || reserved)
		return vxlan_read(w, header, bytes);
	return tunnel_enter(w, ENCAP_VXLAN, id, header + VXLAN_HEADER, header + bytes) ? steps[next] : STEP_REFUSED;
}

/* Whether the options fill their room exactly (RFC 8926 3.5). */
static bool geneve_options_fit(struct slice options)
{
	struct cursor c = cursor_of(options);
	while (cursor_left(&c)) {
		cursor_skip(&c, 3); /* class, type */
		uint8_t words = cursor_u8(&c);
		cursor_skip(&c, (words & 0x1fu) * 4);
		if (!cursor_ok(&c) || words & 0xe0)
			return false;
	}
	return true;
}

static enum step geneve_read(struct walk *w, uint32_t header, uint32_t bytes)
{
	struct cursor c = cursor_of(udp_payload(w, header, bytes));
	uint8_t first = cursor_u8(&c);
	uint8_t flags = cursor_u8(&c);
	uint16_t protocol = cursor_be16(&c);
	uint32_t id = cursor_be24(&c);
	uint8_t reserved = cursor_u8(&c);
	uint32_t options_n = (first & 0x3fu) * 4;
	struct slice options = cursor_take(&c, options_n);
	/* version 0, flags "control" and "critical", the rest 0 (RFC 8926 3.4), an Ethernet type */
	if (!cursor_ok(&c) || first & 0xc0 || flags & 0x3f || protocol < 0x600 || reserved ||
	    !geneve_options_fit(options))
		return STEP_UDP;
	if (flags & 0x80) /* a control message carries nobody's traffic */
		return STEP_OTHER;
	if (!tunnel_enter(w, ENCAP_GENEVE, id, header + GENEVE_HEADER + options_n, header + bytes))
		return STEP_REFUSED;
	w->ethertype = protocol;
	return STEP_ETHERTYPE;
}

enum step udp_tunnel_read(struct walk *w, uint16_t port, uint32_t header, uint32_t bytes)
{
	switch (port) {
	case PORT_VXLAN:
	case PORT_VXLAN_LINUX: return vxlan_read(w, header, bytes);
	case PORT_VXLAN_GPE: return vxlan_gpe_read(w, header, bytes);
	case PORT_GENEVE: return geneve_read(w, header, bytes);
	default: return STEP_UDP;
	}
}
