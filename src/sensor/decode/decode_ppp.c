/* PPPoE session header and PPP protocol field -> what they carry.
 * Called by decode_frame(). Reads no negotiation, unfolds no compression: those packets are of no interest. */
#include "walk.h"

enum { PPPOE_HEADER = 6, PPPOE_VERSION_AND_TYPE = 0x11, PPPOE_SESSION_DATA = 0 };

enum { PPP_ADDRESS_AND_CONTROL = 0xff03, PPP_IP4 = 0x0021, PPP_IP6 = 0x0057, PPP_MPLS = 0x0281 };

enum step pppoe_read(struct walk *w)
{
	if (!walk_has(w, PPPOE_HEADER, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, PPPOE_HEADER);
	uint8_t version_and_type = cursor_u8(&c);
	uint8_t code = cursor_u8(&c);
	uint16_t session = cursor_be16(&c);
	uint16_t bytes = cursor_be16(&c);
	if (version_and_type != PPPOE_VERSION_AND_TYPE || code != PPPOE_SESSION_DATA) /* RFC 2516 4, 6 */
		return STEP_OTHER;
	walk_skip(w, PPPOE_HEADER);
	if (!walk_enter(w, ENCAP_PPPOE, session))
		return STEP_REFUSED;
	walk_bound(w, bytes); /* an Ethernet frame's padding is no payload */
	return STEP_PPP;
}

/* The two bytes of HDLC framing may stand in front (RFC 1662 3.1); a protocol below 256 may take one byte (RFC 1661
 * 6.5), which is odd where the first of two is even. */
enum step ppp_read(struct walk *w)
{
	if (!walk_has(w, 2, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	struct cursor c = walk_header(w, 2);
	if (cursor_be16(&c) == PPP_ADDRESS_AND_CONTROL)
		walk_skip(w, 2);
	if (!walk_has(w, 1, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	uint32_t field = w->p[0] & 1 ? 1 : 2;
	if (!walk_has(w, field, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	c = walk_header(w, field);
	uint16_t protocol = field == 1 ? cursor_u8(&c) : cursor_be16(&c);
	walk_skip(w, field);
	switch (protocol) {
	case PPP_IP4: return STEP_IP4;
	case PPP_IP6: return STEP_IP6;
	case PPP_MPLS: return STEP_MPLS;
	default: return STEP_OTHER; /* LCP, IPCP, multilink ... */
	}
}
