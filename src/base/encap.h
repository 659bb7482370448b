/* The outer layers that a packet arrived in, outermost first. Part of a flow's identity: the same addresses in two
 * VLANs are two connections. */
#ifndef SHADOWTAP_ENCAP_H
#define SHADOWTAP_ENCAP_H

#include <stdint.h>

#define ENCAP_MAX 8 /* deeper nesting is an anomaly and the packet is refused */

enum encap_kind { ENCAP_VLAN = 1 };

struct encap {
	uint8_t n;
	struct {
		uint8_t kind; /* enum encap_kind */
		uint32_t id;  /* VLAN id, VNI, session id ... */
	} layer[ENCAP_MAX];
};

/* "vlan" and so on, as events name them. */
static inline const char *encap_kind_name(uint8_t kind)
{
	switch (kind) {
	case ENCAP_VLAN: return "vlan";
	default: return "unknown";
	}
}

#endif
