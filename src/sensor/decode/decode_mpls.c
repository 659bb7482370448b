/* MPLS label stack -> what it carries: IP, or an Ethernet pseudowire with or without its control word.
 * Called by decode_frame(). Knows no signalling, which alone would say what a label stands for: looks at the bytes. */
#include "walk.h"

enum { LABEL_BYTES = 4, CONTROL_WORD = 4 };

enum { /* RFC 3032 2.1, RFC 6790 4 */
	LABEL_EXPLICIT_NULL4 = 0,
	LABEL_EXPLICIT_NULL6 = 2,
	LABEL_ENTROPY_FOLLOWS = 7,
	LABEL_RESERVED = 16, /* below: none names a path */
};

/* Whether an IP packet that starts here would end exactly where the labels' payload does. */
static bool ip_fits(const struct walk *w, unsigned version)
{
	struct cursor c = cursor_of(slice_of(w->p, w->n));
	uint32_t first = cursor_be32(&c);
	uint32_t payload = cursor_be16(&c);
	return cursor_ok(&c) && (version == 4 ? first & 0xffff : 40 + payload) == w->wire;
}

/* Routers tell IP from the rest by the first four bits (RFC 4928 3): an address of a bridged frame may begin with 4 or
 * 6 too (RFC 8469), so the length and the type are looked at too. Known weakness: a bridged frame of a type that
 * ethernet_plausible() does not know, to such an address, is read as IP and then refused. */
static enum step mpls_payload_read(struct walk *w)
{
	if (!walk_has(w, 1, ANOMALY_LINK_SHORT))
		return STEP_REFUSED;
	unsigned version = w->p[0] >> 4;
	if ((version == 4 || version == 6) && (ip_fits(w, version) || !ethernet_plausible(w, 0)))
		return version == 4 ? STEP_IP4 : STEP_IP6;
	if (version == 0 && ethernet_plausible(w, CONTROL_WORD)) { /* RFC 4385 3, RFC 4448 4.6 */
		walk_skip(w, CONTROL_WORD);
		return STEP_ETHERNET;
	}
	return ethernet_plausible(w, 0) ? STEP_ETHERNET : STEP_OTHER; /* an associated channel, ATM, TDM ... */
}

enum step mpls_read(struct walk *w)
{
	bool entropy = false;
	for (;;) {
		if (!walk_has(w, LABEL_BYTES, ANOMALY_LINK_SHORT))
			return STEP_REFUSED;
		struct cursor c = walk_header(w, LABEL_BYTES);
		uint32_t entry = cursor_be32(&c);
		uint32_t label = entry >> 12;
		bool bottom = entry & 0x100;
		walk_skip(w, LABEL_BYTES);
		/* an entropy label differs from flow to flow and names nothing */
		if (label < LABEL_RESERVED || entropy ? !walk_layer(w) : !walk_enter(w, ENCAP_MPLS, label))
			return STEP_REFUSED;
		entropy = label == LABEL_ENTROPY_FOLLOWS && !entropy;
		if (!bottom)
			continue;
		if (label == LABEL_EXPLICIT_NULL4)
			return STEP_IP4;
		if (label == LABEL_EXPLICIT_NULL6)
			return STEP_IP6;
		return mpls_payload_read(w);
	}
}
