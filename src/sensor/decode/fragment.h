/* Fragments of IPv4 and IPv6 datagrams -> whole datagrams, within limits.h and by packet time.
 * Called by decode_ip.c. Trusts no fragment: no overlap, order, length or amount of them makes it grow or fail. */
#ifndef SHADOWTAP_FRAGMENT_H
#define SHADOWTAP_FRAGMENT_H

#include "anomaly.h"
#include "encap.h"
#include "slice.h"

struct fragment_table;

struct fragment {
	const struct encap *encap;
	uint8_t family; /* 4 or 6 */
	uint8_t proto;  /* of the payload; for IPv6 the fragment header's next header */
	bool more;      /* more fragments follow */
	uint32_t id;
	uint32_t offset; /* in bytes */
	uint32_t bytes;  /* of payload on the wire */
	uint32_t header_bytes; /* before the payload in the datagram as it was sent: with options, without a fragment header */
	struct slice data;     /* the captured payload, at most bytes */
	const uint8_t *ip;     /* the IP header: 20 or 40 bytes */
	const uint8_t *src, *dst;
};

/* A datagram put together. Borrowed from the table until its next call. */
struct whole {
	struct slice ip;      /* an IP header without options, of the datagram's length, and the payload after it */
	struct slice payload; /* up to the first byte that a capture cut off */
	uint32_t payload_bytes;
	uint32_t wire_bytes; /* of the datagram as it was sent, before it was cut into fragments */
	uint8_t proto;
};

enum fragment_result {
	FRAGMENT_HELD,     /* waits for others, or tells nothing new */
	FRAGMENT_COMPLETE, /* *ret is set */
	FRAGMENT_REFUSED,  /* it, or its whole datagram, is dropped; the anomaly is counted */
};

struct fragment_table *fragment_table_new(struct anomaly_counts *anomalies); /* NULL: no memory or no randomness */
enum fragment_result fragment_push(struct fragment_table *t, const struct fragment *f, int64_t now_ns, struct whole *ret);
/* Gives up what has waited too long. Cheap when nothing waits: for every frame. */
void fragment_table_age(struct fragment_table *t, int64_t now_ns);
/* Bytes held for unfinished datagrams. */
size_t fragment_table_memory(const struct fragment_table *t);
void fragment_table_free(struct fragment_table *t);

#endif
