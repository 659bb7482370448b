/* The walk through one frame's headers, outermost to innermost: where it stands, and what it learned on the way.
 * Private to this folder: decode.c drives the steps, the other decode_*.c take them.
 * Holds no bytes, outlives no frame. */
#ifndef SHADOWTAP_WALK_H
#define SHADOWTAP_WALK_H

#include "anomaly.h"
#include "cursor.h"
#include "frame.h"
#include "fragment.h"
#include "limits.h"
#include "packet.h"

enum step {
	STEP_LINK,      /* go on at the frame's link header */
	STEP_ETHERNET,
	STEP_ETHERTYPE, /* at what walk.ethertype names */
	STEP_MPLS,      /* at a label */
	STEP_PPP,       /* at the protocol of a PPP frame */
	STEP_IP,        /* at an IP header of either version */
	STEP_IP4,
	STEP_IP6,
	STEP_PROTOCOL, /* at what walk.proto names */
	STEP_GRE,
	STEP_TCP,
	STEP_UDP,
	STEP_PACKET, /* the walk is over: enum decode_result says what these four mean */
	STEP_HELD,
	STEP_OTHER,
	STEP_REFUSED,
};

/* Where tunnels over UDP are sent to. */
enum {
	PORT_VXLAN = 4789,       /* RFC 7348 5 */
	PORT_VXLAN_GPE = 4790,   /* plain VXLAN is sent there too */
	PORT_VXLAN_LINUX = 8472, /* what Linux took before the port was assigned; flannel and Cilium still do */
	PORT_GENEVE = 6081,      /* RFC 8926 3.3 */
};

struct walk {
	struct anomaly_counts *anomalies;
	struct fragment_table *fragments;
	const struct frame *frame;
	/* The next header; how many bytes of its layer were captured from here on, and how many were on the wire. The two
	 * lengths stay apart: side by side gcc 12 loads both as one vector, and stalls on the two stores just before. */
	const uint8_t *p;
	uint32_t n;
	uint16_t ethertype;
	uint8_t proto;
	uint8_t family; /* of the innermost IP header: 4 or 6 */
	uint32_t wire;  /* >= n */
	uint8_t layers;     /* tags, labels and tunnels entered, also those that have no name in encap */
	uint8_t extensions; /* headers read between the innermost IP header and the transport header */
	bool cut;           /* PACKET_CUT is counted for this frame */
	bool unsized;       /* the IP header gives no length: segmentation offload, or a jumbogram */
	bool reassembled;   /* the innermost IP packet was put together from fragments */
	bool in_table;      /* p is inside the fragment table's buffer */
	uint16_t ip_id;
	const uint8_t *ip;
	uint32_t ip_n;     /* captured */
	uint32_t ip_bytes; /* on the wire */
	const uint8_t *src, *dst;
	const uint8_t *src_mac, *dst_mac;
	uint8_t *kept_macs; /* the decoder's room for both */
	struct encap encap;
};

/* decode_plain.c: the ordinary frame in one go, without a walk. False: it is not ordinary, and *ret is untouched. */
bool plain_read(const struct frame *f, struct packet *ret);

enum step link_read(struct walk *w);
enum step ethernet_read(struct walk *w);
/* Whether an Ethernet header may start `at` bytes from here: a type that tunnels carry, and behind it what the type
 * promises. False where the capture cut it. */
bool ethernet_plausible(const struct walk *w, uint32_t at);
enum step ethertype_read(struct walk *w);
enum step mpls_read(struct walk *w);
enum step pppoe_read(struct walk *w);
enum step ppp_read(struct walk *w);
enum step ip_read(struct walk *w);
enum step ip4_read(struct walk *w);
enum step ip6_read(struct walk *w);
enum step ip_protocol_read(struct walk *w);
enum step gre_read(struct walk *w);
/* At a UDP payload of so many bytes: enters the tunnel that the port stands for, if it is one; else STEP_UDP, and the
 * walk has not moved. */
enum step udp_tunnel_read(struct walk *w, uint16_t port, uint32_t header, uint32_t bytes);
enum step tcp_read(struct walk *w, struct packet *ret);
enum step udp_read(struct walk *w, struct packet *ret);

/* Member by member: clearing the whole struct for every frame costs as much as reading an IPv4 header. Left unset is
 * what a step sets before another reads it: the ethertype, the IP members, and layers of encap from encap.n on. */
static inline void walk_init(struct walk *w, const struct frame *f, uint32_t n, uint32_t wire)
{
	w->frame = f;
	w->p = f->data;
	w->n = n;
	w->wire = wire;
	w->layers = 0;
	w->extensions = 0;
	w->cut = false;
	w->unsized = false;
	w->reassembled = false;
	w->in_table = false;
	w->src_mac = NULL;
	w->dst_mac = NULL;
	w->encap.n = 0;
}

static inline enum step walk_refuse(struct walk *w, enum anomaly why)
{
	anomaly_count(w->anomalies, why);
	return STEP_REFUSED;
}

static inline void walk_cut(struct walk *w)
{
	if (!w->cut)
		anomaly_count(w->anomalies, ANOMALY_PACKET_CUT);
	w->cut = true;
}

/* True when the next n bytes were captured. Else the capture cut them off, or they never were there: too_short. */
static inline bool walk_has(struct walk *w, uint32_t n, enum anomaly too_short)
{
	if (n <= w->n)
		return true;
	if (n > w->wire)
		anomaly_count(w->anomalies, too_short);
	else
		walk_cut(w);
	return false;
}

/* Past a header that walk_has() found. */
static inline void walk_skip(struct walk *w, uint32_t n)
{
	w->p += n;
	w->n -= n;
	w->wire -= n;
}

/* Narrows the walk to the next `bytes` of the layer. */
static inline void walk_bound(struct walk *w, uint32_t bytes)
{
	if (bytes < w->wire)
		w->wire = bytes;
	if (bytes < w->n)
		w->n = bytes;
}

/* Counts one more tag, label or tunnel, named or not: a frame full of them would otherwise be walked to its end. */
static inline bool walk_layer(struct walk *w)
{
	if (w->layers == LIMIT_ENCAP_HEADERS) {
		anomaly_count(w->anomalies, ANOMALY_ENCAP_DEPTH);
		return false;
	}
	w->layers++;
	return true;
}

/* The same for one that events name. */
static inline bool walk_enter(struct walk *w, enum encap_kind kind, uint32_t id)
{
	if (w->encap.n == ENCAP_MAX) {
		anomaly_count(w->anomalies, ANOMALY_ENCAP_DEPTH);
		return false;
	}
	if (!walk_layer(w))
		return false;
	w->encap.layer[w->encap.n].kind = (uint8_t)kind;
	w->encap.layer[w->encap.n].id = id;
	w->encap.n++;
	return true;
}

/* A cursor over a header of n bytes that walk_has() found. With a constant n the compiler sees that no read can fail
 * and drops the cursor's checks: this is what makes the ordinary road cheap. */
static inline struct cursor walk_header(const struct walk *w, uint32_t n)
{
	return cursor_of(slice_of(w->p, n));
}

#endif
