/* One DNS message -> the name that was asked for and the addresses that the answer section gives for it, through its chain of aliases. Called for
 * datagrams of port 53 and by dns_stream. Believes nothing but the answer section: what a server adds unasked is ignored. RFC 1035, 2181, 3596,
 * 6891, 9460. */
#ifndef SHADOWTAP_DNS_H
#define SHADOWTAP_DNS_H

#include "addr.h"
#include "hostname.h"
#include "limits.h"
#include "slice.h"

enum { DNS_PORT = 53 };

enum dns_kind {
	DNS_FOREIGN, /* no query with one question, nor the answer to one */
	DNS_OTHER,   /* not read further: a name that no host can have, or a type that gives no address */
	DNS_BAD,     /* begins as one and is malformed */
	DNS_QUERY,
	DNS_ANSWER,  /* with or without addresses: n_addresses may be 0 */
};

/* Types of records (IANA), as far as they are asked for or followed here. */
enum { DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_AAAA = 28, DNS_TYPE_SVCB = 64, DNS_TYPE_HTTPS = 65, DNS_TYPE_ANY = 255 };

struct dns_address {
	struct ip_addr addr;
	uint32_t ttl; /* the least of the chain that leads to it, in seconds */
};

struct dns_message {
	char name[HOSTNAME_TEXT]; /* asked for; of "_8443._https.name" the name */
	uint16_t type;
	uint8_t rcode;
	bool cut;                 /* there is more that was not read: truncated (TC), cut by the capture, or past a limit */
	bool ech;                 /* an HTTPS record of the chain brings keys for Encrypted ClientHello */
	struct dns_address addresses[LIMIT_DNS_ADDRESSES]; /* each once, in the order of the message */
	unsigned n_addresses;
};

/* wire_bytes: the message's length, more than there is of it where the capture cut it. *ret: filled for the last two kinds. */
enum dns_kind dns_message_read(struct slice message, size_t wire_bytes, struct dns_message *ret);

#endif
