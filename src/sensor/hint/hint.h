/* First packets of flows that our own first-bytes test leaves open -> nDPI's protocol label. A hint for the analyst,
 * never a gate. The only place that includes nDPI, so all differences between its releases (4.2 to 5.x) stay here.
 * One struct hint per shard worker: not thread-safe. A hint_flow may go from one hint to another. nDPI's caches span flows: labels are exempt from determinism. */
#ifndef SHADOWTAP_HINT_H
#define SHADOWTAP_HINT_H

#include "packet.h"
#include "status.h"

struct hint;      /* the detection module */
struct hint_flow; /* nDPI's state of one flow while it is undecided */

#define HINT_LABEL_TEXT 48
/* Packets that nDPI sees of one flow. It names most protocols from the first with payload, after a handshake of three;
 * more cost time and hold its flow state (some kilobytes) longer. */
#define HINT_MAX_PACKETS 10

/* lazy: nDPI's module, some ten milliseconds and megabytes, is made when the first flow wants it; until then it may open no
 * file of its own. NULL when nDPI or memory fails. */
struct hint *hint_new(bool lazy);
struct hint_flow *hint_flow_new(struct hint *h); /* NULL likewise */
/* Hands one packet to nDPI. True when nDPI has a final answer (or HINT_MAX_PACKETS were seen): feed no more. */
bool hint_feed(struct hint *h, struct hint_flow *f, const struct packet *p, enum direction d);
/* "TLS", "HTTP", "DNS.Google" ... or an empty string. May be called once, at the end: lets nDPI guess (by port). */
void hint_label(struct hint *h, struct hint_flow *f, char out[HINT_LABEL_TEXT]);
/* Bytes that one hint_flow takes, for the memory account. */
size_t hint_flow_memory(const struct hint *h);
void hint_flow_free(struct hint *h, struct hint_flow *f);
void hint_free(struct hint *h);

#endif
