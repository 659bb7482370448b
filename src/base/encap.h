/* The outer layers that a packet arrived in, outermost first. Part of a flow's identity: the same addresses in two
 * VLANs are two connections. docs/encapsulations.md says which layers there are. */
#ifndef SHADOWTAP_ENCAP_H
#define SHADOWTAP_ENCAP_H

#include <stdbool.h>
#include <stdint.h>

#define ENCAP_MAX 8 /* deeper nesting is an anomaly and the packet is refused */

enum encap_kind {
	ENCAP_VLAN = 1,
	ENCAP_MPLS,
	ENCAP_PPPOE,
	ENCAP_VXLAN,
	ENCAP_GENEVE,
	ENCAP_GRE,
	ENCAP_GRE_KEY,
	ENCAP_ERSPAN, /* type I, which has no session */
	ENCAP_ERSPAN_SESSION,
	ENCAP_IPIP,
	ENCAP_6IN4,
	ENCAP_4IN6,
	ENCAP_6IN6,
	ENCAP_KINDS
};

struct encap {
	uint8_t n;
	struct {
		uint8_t kind; /* enum encap_kind */
		uint32_t id;  /* VLAN id, VNI, session id ...; 0 where the kind has none */
	} layer[ENCAP_MAX];
};

/* "vlan" and so on, as events name them. */
static inline const char *encap_kind_name(uint8_t kind)
{
	switch (kind) {
	case ENCAP_VLAN: return "vlan";
	case ENCAP_MPLS: return "mpls";
	case ENCAP_PPPOE: return "pppoe";
	case ENCAP_VXLAN: return "vxlan";
	case ENCAP_GENEVE: return "geneve";
	case ENCAP_GRE:
	case ENCAP_GRE_KEY: return "gre";
	case ENCAP_ERSPAN:
	case ENCAP_ERSPAN_SESSION: return "erspan";
	case ENCAP_IPIP: return "ipip";
	case ENCAP_6IN4: return "6in4";
	case ENCAP_4IN6: return "4in6";
	case ENCAP_6IN6: return "6in6";
	default: return "unknown";
	}
}

/* The largest id that fits into the layer's header; 0: it has none. */
static inline uint32_t encap_kind_max_id(uint8_t kind)
{
	switch (kind) {
	case ENCAP_VLAN: return 0xfff;
	case ENCAP_MPLS: return 0xfffff;
	case ENCAP_PPPOE: return 0xffff;
	case ENCAP_VXLAN:
	case ENCAP_GENEVE: return 0xffffff;
	case ENCAP_GRE_KEY: return UINT32_MAX;
	case ENCAP_ERSPAN_SESSION: return 0x3ff;
	default: return 0;
	}
}

static inline bool encap_layer_valid(uint8_t kind, uint32_t id)
{
	return kind >= ENCAP_VLAN && kind < ENCAP_KINDS && id <= encap_kind_max_id(kind);
}

#endif
