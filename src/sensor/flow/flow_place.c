/* Packet -> its place: the hash of its ends in canonical order, and which of them sent it. Called once for each packet, before
 * dispatch to shards, and when a table moves or drops a flow. Looks at no outer layers.
 *
 * The ends are hashed as words: those of IPv4 have two (the lower and the higher address and port), those of IPv6 five. The
 * key is random in `live`. In `replay` it is known to everybody, so that caps fall the same way each time: whoever writes a
 * capture may then choose whose shard, and whose cap, his connections take part in, but not where they lie in its table. */
#include "flow_table.h"

static inline uint64_t end4(const uint8_t *addr, uint16_t port)
{
	return ((uint64_t)addr[0] << 24 | (uint64_t)addr[1] << 16 | (uint64_t)addr[2] << 8 | addr[3]) << 16 | port;
}

static inline uint64_t kind_of(uint8_t proto, uint8_t family)
{
	return (uint64_t)proto << 48 | (uint64_t)family << 56;
}

static inline uint64_t hash4(const struct hash_key *key, uint64_t kind, uint64_t lower, uint64_t higher)
{
	struct siphash_state s = siphash_start(key);
	siphash13_word(&s, kind | lower);
	siphash13_word(&s, higher);
	return siphash13_end(&s, 2);
}

static uint64_t hash6(const struct hash_key *key, uint64_t kind, const uint8_t *lower, uint16_t lower_port,
                      const uint8_t *higher, uint16_t higher_port)
{
	struct siphash_state s = siphash_start(key);
	siphash13_word(&s, siphash_le64(lower));
	siphash13_word(&s, siphash_le64(lower + 8));
	siphash13_word(&s, siphash_le64(higher));
	siphash13_word(&s, siphash_le64(higher + 8));
	siphash13_word(&s, kind | (uint64_t)lower_port << 16 | higher_port);
	return siphash13_end(&s, 5);
}

struct flow_place flow_place_of(const struct packet *p, const struct hash_key *key)
{
	uint64_t kind = kind_of(p->proto, p->src.family);
	if (p->src.family == 4) {
		uint64_t src = end4(p->src.b, p->src_port), dst = end4(p->dst.b, p->dst_port);
		unsigned side = src > dst;
		return (struct flow_place){hash4(key, kind, side ? dst : src, side ? src : dst), side};
	}
	int order = memcmp(p->src.b, p->dst.b, 16);
	if (order > 0 || (order == 0 && p->src_port > p->dst_port))
		return (struct flow_place){hash6(key, kind, p->dst.b, p->dst_port, p->src.b, p->src_port), 1};
	return (struct flow_place){hash6(key, kind, p->src.b, p->src_port, p->dst.b, p->dst_port), 0};
}

uint64_t flow_key_hash(const struct flow_key *k, const struct hash_key *key)
{
	uint64_t kind = kind_of(k->proto, k->family);
	if (k->family == 4)
		return hash4(key, kind, end4(k->addr[0], k->port[0]), end4(k->addr[1], k->port[1]));
	return hash6(key, kind, k->addr[0], k->port[0], k->addr[1], k->port[1]);
}
