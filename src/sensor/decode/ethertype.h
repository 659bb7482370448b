/* The Ethernet types that decode reads or recognises. Private to this folder. */
#ifndef SHADOWTAP_ETHERTYPE_H
#define SHADOWTAP_ETHERTYPE_H

enum {
	ETHERTYPE_IP4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_BRIDGED = 0x6558, /* transparent Ethernet bridging: a whole frame follows (RFC 1701, RFC 8926) */
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_MPLS = 0x8847,
	ETHERTYPE_MPLS_UPSTREAM = 0x8848, /* RFC 5332 */
	ETHERTYPE_PPPOE_SESSION = 0x8864,
	ETHERTYPE_QINQ = 0x88a8,     /* IEEE 802.1ad */
	ETHERTYPE_QINQ_OLD = 0x9100, /* before the standard */
};

#endif
