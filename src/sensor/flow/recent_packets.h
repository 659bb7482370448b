/* Packet -> was a copy of it seen a moment ago? A span port that mirrors where a packet enters and where it leaves, or
 * two VLANs that it crosses, shows it twice; the copies differ in the outer layers, the Ethernet addresses and the hop
 * count. Called by flow for packets of undecided connections. Compares no payload of
 * TCP: its numbers and checksum do. */
#ifndef SHADOWTAP_RECENT_PACKETS_H
#define SHADOWTAP_RECENT_PACKETS_H

#include "limits.h"
#include "packet.h"
#include "siphash.h"

struct recent_packet {
	uint32_t tag;   /* of its content; 0: nothing here */
	uint32_t encap; /* digest of the layers that it came in */
	int64_t time_ns;
};

/* A packet's content hashes to a set of RECENT_WAYS slots, where it takes the place of the oldest: one slot alone would be lost to the first of
 * the thousand packets between that falls into it. */
enum { RECENT_WAYS = 4 };

struct recent_packets {
	struct hash_key key;
	struct recent_packet slots[LIMIT_SHARD_RECENT];
};

/* key: the same for replays of the same input, since it says which packets share a slot. */
void recent_packets_init(struct recent_packets *r, const struct hash_key *key);
/* True when a copy was seen: then *ret_encap is what that one came in. Else the packet is remembered. */
bool recent_packets_seen(struct recent_packets *r, const struct packet *p, uint32_t encap, uint32_t *ret_encap);
void recent_packets_forget(struct recent_packets *r);

#endif
