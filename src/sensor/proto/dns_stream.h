/* The two directions of a TCP connection with port 53 -> whole DNS messages (RFC 1035 4.2.2: two bytes of length before each). Called by the
 * shard with ordered bytes and gaps. A direction that loses bytes, or is no DNS, is not read any more. */
#ifndef SHADOWTAP_DNS_STREAM_H
#define SHADOWTAP_DNS_STREAM_H

#include "slice.h"

struct dns_stream;

/* One message, borrowed. side: 0 or 1. False: it is none, and nothing further is told of that side. */
typedef bool dns_stream_fn(void *context, unsigned side, struct slice message);

struct dns_stream *dns_stream_new(dns_stream_fn *fn, void *context); /* NULL when out of memory */
void dns_stream_bytes(struct dns_stream *s, unsigned side, struct slice bytes);
void dns_stream_gap(struct dns_stream *s, unsigned side);
/* Nothing will be told any more. */
bool dns_stream_is_over(const struct dns_stream *s);
/* Memory ran out: that side was ended. */
bool dns_stream_failed(const struct dns_stream *s);
size_t dns_stream_memory(const struct dns_stream *s);
void dns_stream_free(struct dns_stream *s); /* NULL is fine */

#endif
