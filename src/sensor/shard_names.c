#include "shard_names.h"
#include "dns.h"
#include "flow_work.h"
#include "frame.h"
#include "names.h"
#include <stdlib.h>

struct names_told {
	struct {
		uint64_t hash;
		int64_t until_ns; /* packet time up to which the record that was told holds */
	} slots[LIMIT_SHARD_NAMES_TOLD];
};

/* An answer with the same content is worth a look again when it holds for longer than the one before: by a second, since resolvers count
 * down what they have in store. */
static bool is_told(struct shard *s, uint64_t hash, int64_t until_ns)
{
	if (!s->names_told && !(s->names_told = calloc(1, sizeof *s->names_told))) {
		s->counts.out_of_memory++;
		return false;
	}
	size_t slot = hash % LIMIT_SHARD_NAMES_TOLD;
	if (s->names_told->slots[slot].hash == hash && until_ns <= s->names_told->slots[slot].until_ns + NS_PER_SEC)
		return true;
	s->names_told->slots[slot].hash = hash;
	s->names_told->slots[slot].until_ns = until_ns;
	return false;
}

static uint64_t names_hash(const struct shard *s, const struct names *n)
{
	uint64_t words[4 + 3 * LIMIT_DNS_ADDRESSES];
	size_t count = 0;
	words[count++] = siphash(&s->session_key, n->name, strlen(n->name));
	words[count++] = siphash(&s->session_key, &n->client, sizeof n->client);
	words[count++] = n->answered | n->cut << 1;
	/* the encapsulation by its values: a struct has bytes between them that nobody set */
	uint64_t encap = n->encap.n;
	for (unsigned i = 0; i < n->encap.n; i++) {
		const uint64_t layer[] = {encap, (uint64_t)n->encap.layer[i].kind << 32 | n->encap.layer[i].id};
		encap = siphash(&s->session_key, layer, sizeof layer);
	}
	words[count++] = encap;
	for (unsigned i = 0; i < n->n_addresses; i++) {
		memcpy(&words[count], n->addresses[i].addr.b, 16);
		count += 2;
		words[count++] = n->addresses[i].addr.family;
	}
	return siphash(&s->session_key, words, count * sizeof *words);
}

static void tell(struct shard *s, const struct names *n)
{
	size_t bytes_n;
	uint8_t *bytes = names_encode(n, &bytes_n);
	if (bytes)
		s->on_observation(s->context, bytes, bytes_n);
	else
		s->counts.out_of_memory++;
}

/* What the name says by itself, as of a TLS server name. */
static void weigh(const struct shard *s, struct names *n)
{
	static const char *const tiers[3] = {"dns.dedicated", "dns.shared", "dns.pattern"};
	const struct signature *host = signature_host(s->signatures, n->name);
	if (!host || host->tier > HOST_PATTERN)
		return;
	const struct signature *behaviour = signature_behaviour(s->signatures, tiers[host->tier]);
	n->confidence = host->confidence < behaviour->confidence ? host->confidence : behaviour->confidence;
	if (n->confidence > CONFIDENCE_LIKELY) /* an address proves no message */
		n->confidence = CONFIDENCE_LIKELY;
	if (n->confidence == CONFIDENCE_NONE)
		return;
	n->dedicated = host->tier == HOST_DEDICATED;
	n->signature = behaviour->id;
	n->reason = host->reason;
}

bool shard_names_message(struct shard *s, const struct names_seen *seen)
{
	struct dns_message m;
	enum dns_kind kind = dns_message_read(seen->message, seen->wire_bytes, &m);
	if (kind == DNS_BAD)
		anomaly_count(&s->anomalies, ANOMALY_DNS_BAD);
	if (kind != DNS_QUERY && kind != DNS_ANSWER)
		return kind == DNS_OTHER;
	bool answer = kind == DNS_ANSWER;
	/* who speaks from another port than the resolver's is none */
	if ((answer ? seen->src_port : seen->dst_port) != DNS_PORT)
		return true;
	s->counts.dns_messages++;
	struct names n = {.time_ns = seen->time_ns, .frame = seen->frame, .capture = seen->capture, .encap = *seen->encap,
	                  .client = answer ? seen->dst : seen->src, .name = m.name, .answered = answer, .cut = answer && m.cut};
	/* of what gave no address only a server of MCP is worth a word: somebody wanted to go there */
	if (m.n_addresses == 0) {
		weigh(s, &n);
		if (!n.dedicated)
			return true;
	}
	uint32_t ttl = UINT32_MAX;
	for (unsigned i = 0; i < m.n_addresses; i++) {
		n.addresses[n.n_addresses++] = (struct named_address){m.addresses[i].addr, m.addresses[i].ttl};
		ttl = m.addresses[i].ttl < ttl ? m.addresses[i].ttl : ttl;
	}
	if (m.n_addresses == 0 || ttl < LIMIT_NAMES_LEAST_SECONDS)
		ttl = LIMIT_NAMES_LEAST_SECONDS;
	if (is_told(s, names_hash(s, &n), seen->time_ns + ttl * NS_PER_SEC))
		return true;
	if (m.n_addresses)
		weigh(s, &n);
	tell(s, &n);
	return true;
}

void shard_names_datagram(struct shard *s, const struct packet *p)
{
	const struct names_seen seen = {p->time_ns, p->frame, p->capture, &p->encap, p->src, p->dst, p->src_port, p->dst_port,
	                                p->payload, p->payload_bytes};
	shard_names_message(s, &seen);
}

bool shard_names_stream(void *context, unsigned side, struct slice message)
{
	const struct flow_work *w = context;
	const struct flow *f = w->flow;
	struct names_seen seen = {w->evidence.now_ns, w->evidence.frame, f->capture, &w->encap, {.family = f->key.family},
	                          {.family = f->key.family}, f->key.port[side], f->key.port[!side], message, message.n};
	memcpy(seen.src.b, f->key.addr[side], sizeof seen.src.b);
	memcpy(seen.dst.b, f->key.addr[!side], sizeof seen.dst.b);
	return shard_names_message(w->shard, &seen);
}

size_t shard_names_memory(const struct shard *s)
{
	return s->names_told ? sizeof *s->names_told : 0;
}

void shard_names_clock_stepped(struct shard *s, int64_t by_ns)
{
	for (size_t i = 0; s->names_told && i < LIMIT_SHARD_NAMES_TOLD; i++)
		s->names_told->slots[i].until_ns += by_ns;
}

void shard_names_done(struct shard *s)
{
	free(s->names_told);
	s->names_told = NULL;
}
