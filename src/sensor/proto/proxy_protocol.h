/* The PROXY protocol's header before a connection's own first byte (haproxy.org, "The PROXY protocol", versions 1 and 2), as
 * load balancers write it. Called by app_stream to step over it. What it claims of the client is not read here. */
#ifndef SHADOWTAP_PROXY_PROTOCOL_H
#define SHADOWTAP_PROXY_PROTOCOL_H

#include "slice.h"

/* Length of the header that `first` begins with; 0 if there is none. *ret_sure is false while more bytes are needed. */
size_t proxy_protocol_length(struct slice first, bool *ret_sure);

#endif
