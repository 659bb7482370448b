/* The PROXY protocol's header before a connection's own first byte (haproxy.org, "The PROXY protocol", versions 1 and
 * 2), as load balancers write it -> its length, and the client that it claims. Called by app_stream, which steps over
 * it. */
#ifndef SHADOWTAP_PROXY_PROTOCOL_H
#define SHADOWTAP_PROXY_PROTOCOL_H

#include "addr.h"
#include "slice.h"

/* Length of the header that `first` begins with; 0 if there is none. *ret_sure is false while more bytes are needed.
 * *ret_client is the client's address, its family 0 where the header names none (LOCAL, UNKNOWN, a UNIX socket). */
size_t proxy_protocol_read(struct slice first, bool *ret_sure, struct ip_addr *ret_client);

#endif
