/* DNS messages that a shard sees -> records of what they told whom (names.h). Called by the shard for datagrams and connections of port 53.
 * Remembers what it has told, so that copies and repeated answers are not told again; asks nobody and resolves nothing. */
#ifndef SHADOWTAP_SHARD_NAMES_H
#define SHADOWTAP_SHARD_NAMES_H

#include "encap.h"
#include "shard.h"

/* What was told lately, by hash; allocated with the first message. */
struct names_told;

/* One message and where it was seen. */
struct names_seen {
	int64_t time_ns;
	uint64_t frame;
	uint32_t capture;
	const struct encap *encap;
	struct ip_addr src, dst;
	uint16_t src_port, dst_port;
	struct slice message;
	size_t wire_bytes;
};

/* False: it was no DNS. */
bool shard_names_message(struct shard *s, const struct names_seen *seen);
void shard_names_datagram(struct shard *s, const struct packet *p);
/* A dns_stream_fn whose context is a struct flow_work. */
bool shard_names_stream(void *context, unsigned side, struct slice message);
size_t shard_names_memory(const struct shard *s);
/* The clock behind packet time was set. */
void shard_names_clock_stepped(struct shard *s, int64_t by_ns);
void shard_names_done(struct shard *s);

#endif
