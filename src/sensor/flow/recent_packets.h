/* Packet -> was a copy of it seen a moment ago? A span port that mirrors where a packet enters and where it leaves, or
 * two VLANs that it crosses, shows it twice; the copies differ in the outer layers, the Ethernet addresses and the hop
 * count. Called by flow for packets of undecided connections. Compares no payload of
 * TCP: its numbers and checksum do. */
#ifndef SHADOWTAP_RECENT_PACKETS_H
#define SHADOWTAP_RECENT_PACKETS_H

#include "flow.h"
#include "limits.h"

struct recent_packet {
	uint32_t tag;   /* of its content; 0: nothing here */
	uint32_t encap; /* digest of the layers that it came in */
	int64_t time_ns;
};

/* A packet's content hashes to a set of RECENT_WAYS slots, where it takes the place of the oldest: one slot alone would be lost to the first of
 * the thousand packets between that falls into it. */
enum { RECENT_WAYS = 4 };

/* All zero: none. A set is one cache line. */
struct recent_packets {
	_Alignas(64) struct recent_packet slots[LIMIT_SHARD_RECENT];
};

_Static_assert(RECENT_WAYS * sizeof(struct recent_packet) == 64, "a set is one cache line");

/* True when a copy was seen: then *ret_encap is what that one came in. Else the packet is remembered. The places' key says which
 * packets share a slot: it is the same for replays of the same input. */
bool recent_packets_seen(struct recent_packets *r, const struct packet *p, const struct flow_place *place, uint32_t encap,
                         uint32_t *ret_encap);
/* What recent_packets_seen() will read is fetched meanwhile. */
void recent_packets_fetch(struct recent_packets *r, const struct packet *p, const struct flow_place *place);
void recent_packets_forget(struct recent_packets *r);

#endif
