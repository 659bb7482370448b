/* Link header -> what it carries: Ethernet, Linux cooked, BSD loopback, PPP, Cisco HDLC, bare IP or MPLS; VLAN tags.
 * Called by decode_frame(). Reads no IP. */
#include "ethertype.h"
#include "walk.h"

/* LINKTYPE_ values as capture files hold them (pcap-linktype(7)). */
enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_RAW_BSD = 12, /* DLT_RAW of most systems, and of OpenBSD: written into files by old tools */
	LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50,
	LINK_PPPOE = 51,
	LINK_RAW = 101,
	LINK_CISCO_HDLC = 104,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_PPP_WITH_DIRECTION = 204,
	LINK_MPLS = 219,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

enum { ETHERNET_HEADER = 14, VLAN_TAG = 4, SLL_HEADER = 16, SLL2_HEADER = 20 };
enum { LOOPBACK_HEADER = 4, HDLC_HEADER = 4, MAC = 6 };

enum { ARPHRD_ETHERNET = 1 };

enum step ethernet_read(struct walk *w)
{
	if (!walk_has(w, ETHERNET_HEADER, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, ETHERNET_HEADER);
	w->dst_mac = cursor_take(&c, MAC).p;
	w->src_mac = cursor_take(&c, MAC).p;
	w->ethertype = cursor_be16(&c);
	walk_skip(w, ETHERNET_HEADER);
	return STEP_ETHERTYPE;
}

bool ethernet_plausible(const struct walk *w, uint32_t at)
{
	struct cursor c = cursor_of(slice_of(w->p, w->n));
	cursor_skip(&c, at + ETHERNET_HEADER - 2);
	uint16_t type = cursor_be16(&c);
	uint8_t next = cursor_u8(&c);
	if (!cursor_ok(&c))
		return false;
	switch (type) {
	case ETHERTYPE_IP4: return next >> 4 == 4;
	case ETHERTYPE_IP6: return next >> 4 == 6;
	case ETHERTYPE_ARP:
	case ETHERTYPE_VLAN:
	case ETHERTYPE_QINQ:
	case ETHERTYPE_MPLS:
	case ETHERTYPE_PPPOE_SESSION: return true;
	default: return false;
	}
}

static enum step vlan_read(struct walk *w)
{
	if (!walk_has(w, VLAN_TAG, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, VLAN_TAG);
	uint16_t id = cursor_be16(&c) & 0x0fff;
	w->ethertype = cursor_be16(&c);
	/* 0 carries a priority and names no VLAN (IEEE 802.1Q 9.6) */
	if (id ? !walk_enter(w, ENCAP_VLAN, id) : !walk_layer(w))
		return STEP_REFUSED;
	walk_skip(w, VLAN_TAG);
	return STEP_ETHERTYPE;
}

enum step ethertype_read(struct walk *w)
{
	switch (w->ethertype) {
	case ETHERTYPE_IP4: return STEP_IP4;
	case ETHERTYPE_IP6: return STEP_IP6;
	case ETHERTYPE_VLAN:
	case ETHERTYPE_QINQ:
	case ETHERTYPE_QINQ_OLD: return vlan_read(w);
	case ETHERTYPE_MPLS:
	case ETHERTYPE_MPLS_UPSTREAM: return STEP_MPLS;
	case ETHERTYPE_PPPOE_SESSION: return pppoe_read(w);
	case ETHERTYPE_BRIDGED: return walk_layer(w) ? STEP_ETHERNET : STEP_REFUSED;
	default: return STEP_OTHER; /* ARP, LLDP ...; below 0x600 a length and no type (IEEE 802.3 3.2.6) */
	}
}

static enum step sll_read(struct walk *w)
{
	if (!walk_has(w, SLL_HEADER, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, SLL_HEADER);
	cursor_skip(&c, 2); /* packet type */
	uint16_t arphrd = cursor_be16(&c);
	uint16_t mac_n = cursor_be16(&c);
	const uint8_t *mac = cursor_take(&c, 8).p;
	w->ethertype = cursor_be16(&c);
	if (arphrd == ARPHRD_ETHERNET && mac_n == MAC)
		w->src_mac = mac;
	walk_skip(w, SLL_HEADER);
	return STEP_ETHERTYPE;
}

static enum step sll2_read(struct walk *w)
{
	if (!walk_has(w, SLL2_HEADER, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, SLL2_HEADER);
	w->ethertype = cursor_be16(&c);
	cursor_skip(&c, 2 + 4); /* reserved, interface */
	uint16_t arphrd = cursor_be16(&c);
	cursor_skip(&c, 1); /* packet type */
	uint8_t mac_n = cursor_u8(&c);
	const uint8_t *mac = cursor_take(&c, 8).p;
	if (arphrd == ARPHRD_ETHERNET && mac_n == MAC)
		w->src_mac = mac;
	walk_skip(w, SLL2_HEADER);
	return STEP_ETHERTYPE;
}

/* The address family is the capturing system's number for it, so IPv6 has one value per system. */
static enum step loopback_read(struct walk *w, bool either_order)
{
	if (!walk_has(w, LOOPBACK_HEADER, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, LOOPBACK_HEADER);
	uint32_t family = cursor_be32(&c);
	/* LINKTYPE_NULL is in the byte order of the capturing host, which may not be that of the file. */
	if (either_order && family > 0xffff)
		family = __builtin_bswap32(family);
	walk_skip(w, LOOPBACK_HEADER);
	switch (family) {
	case 2: return STEP_IP4;
	case 10: /* Linux */
	case 23: /* Windows */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return STEP_IP6;
	default: return STEP_OTHER;
	}
}

/* Address, control and an Ethernet type: what Cisco routers speak on serial lines, and Linux too. */
static enum step hdlc_read(struct walk *w)
{
	if (!walk_has(w, HDLC_HEADER, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, HDLC_HEADER);
	cursor_skip(&c, 2); /* unicast or broadcast, 0 */
	w->ethertype = cursor_be16(&c);
	walk_skip(w, HDLC_HEADER);
	return STEP_ETHERTYPE;
}

/* One byte in front of the frame says whether the host sent or received it. */
static enum step directed_ppp_read(struct walk *w)
{
	if (!walk_has(w, 1, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	walk_skip(w, 1);
	return STEP_PPP;
}

enum step link_read(struct walk *w)
{
	switch (w->frame->link_type) {
	case LINK_ETHERNET: return ethernet_read(w);
	case LINK_SLL: return sll_read(w);
	case LINK_SLL2: return sll2_read(w);
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD: return STEP_IP;
	case LINK_IPV4: return STEP_IP4;
	case LINK_IPV6: return STEP_IP6;
	case LINK_PPP:
	case LINK_PPP_HDLC: return STEP_PPP;
	case LINK_PPP_WITH_DIRECTION: return directed_ppp_read(w);
	case LINK_PPPOE: return pppoe_read(w);
	case LINK_CISCO_HDLC: return hdlc_read(w);
	case LINK_MPLS: return STEP_MPLS;
	case LINK_NULL: return loopback_read(w, true);
	case LINK_LOOP: return loopback_read(w, false);
	default: return walk_refuse(w, ANOMALY_LINK_UNKNOWN);
	}
}
