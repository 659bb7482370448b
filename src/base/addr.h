/* IP addresses and networks: parse, format, compare. Used by decode, policy and events. Resolves no names. */
#ifndef SHADOWTAP_ADDR_H
#define SHADOWTAP_ADDR_H

#include "slice.h"

struct ip_addr {
	uint8_t family; /* 4, 6, or 0 for "none" */
	uint8_t b[16];  /* network order; an IPv4 address uses the first four and leaves the rest zero */
};

#define IP_ADDR_TEXT 46 /* enough for any formatted address and its NUL */

struct ip_net {
	struct ip_addr addr; /* host bits are zero */
	uint8_t bits;        /* prefix length */
};

/* Text without brackets or zone; false if it is no address. */
bool ip_addr_parse(struct slice text, struct ip_addr *ret);
/* RFC 5952 text. */
void ip_addr_format(const struct ip_addr *a, char out[IP_ADDR_TEXT]);
bool ip_addr_eq(const struct ip_addr *a, const struct ip_addr *b);
int ip_addr_cmp(const struct ip_addr *a, const struct ip_addr *b);

/* "10.0.0.0/8", "2001:db8::/32" or a bare address. False if malformed or if host bits are set. */
bool ip_net_parse(struct slice text, struct ip_net *ret);
/* IPv4-mapped IPv6 addresses match IPv4 networks too. */
bool ip_net_contains(const struct ip_net *net, const struct ip_addr *a);

#endif
