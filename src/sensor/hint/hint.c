/* Which release of nDPI has which interface, as far as it is used here:
 *   4.2, 4.4      the packet call takes no direction
 *   4.6, 4.8      it does
 *   4.10          initialization takes a global context for preferences and reports failure; giving up takes no
 *                 "enable guess"
 *   4.12, 4.14    the two protocol ids moved into a member of their own
 *   5.0           all protocols are on by default; the packet call says when it is done; giving up takes two arguments
 * 6.0 asks at initialization under which licence it is used: a decision for a person, so it does not compile. */
#include "hint.h"
#include "frame.h"
#include "text.h"

#include <ndpi_api.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#define NDPI_RELEASE (NDPI_MAJOR * 100 + NDPI_MINOR)

#if NDPI_RELEASE < 402 || NDPI_RELEASE >= 600
#error "nDPI 4.2 to 5.x is supported"
#endif

struct hint {
	struct ndpi_detection_module_struct *module;
	size_t flow_bytes;
};

/* nDPI's own flow follows in the same allocation: its size is known only at run time, where the library may be a
 * newer build than the headers. */
struct hint_flow {
	unsigned packets;
	bool final;
	uint16_t master, app; /* nDPI's protocol ids */
	_Alignas(max_align_t) unsigned char ndpi[];
};

static struct ndpi_flow_struct *ndpi_of(struct hint_flow *f)
{
	return (struct ndpi_flow_struct *)(void *)f->ndpi;
}

static void take_ids(struct hint_flow *f, const ndpi_protocol *p)
{
#if NDPI_RELEASE >= 411
	f->master = p->proto.master_protocol;
	f->app = p->proto.app_protocol;
#else
	f->master = p->master_protocol;
	f->app = p->app_protocol;
#endif
}

static bool finalize(struct ndpi_detection_module_struct *module)
{
#if NDPI_RELEASE >= 410
	return ndpi_finalize_initialization(module) == 0;
#else
	ndpi_finalize_initialization(module);
	return true;
#endif
}

/* One at a time: nDPI sets up libgcrypt, which aborts the process when two threads do that at once, as the workers of a replay may at their first
 * unknown flow. Once for each of them, so nobody waits for a lock per packet. */
static bool module_make(struct hint *h)
{
	static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
	bool made = false;
	pthread_mutex_lock(&making);
#if NDPI_RELEASE >= 410
	h->module = ndpi_init_detection_module(NULL);
#else
	h->module = ndpi_init_detection_module(ndpi_no_prefs);
#endif
	if (h->module) {
#if NDPI_RELEASE < 500
		NDPI_PROTOCOL_BITMASK all;
		NDPI_BITMASK_SET_ALL(all);
		(void)ndpi_set_protocol_detection_bitmask2(h->module, &all);
#endif
		made = finalize(h->module);
		if (!made) {
			ndpi_exit_detection_module(h->module);
			h->module = NULL;
		}
	}
	pthread_mutex_unlock(&making);
	return made;
}

struct hint *hint_new(bool lazy)
{
	struct hint *h = malloc(sizeof *h);
	if (!h)
		return NULL;
	h->module = NULL;
	h->flow_bytes = sizeof(struct hint_flow) + ndpi_detection_get_sizeof_ndpi_flow_struct();
	if (!lazy && !module_make(h)) {
		free(h);
		return NULL;
	}
	return h;
}

void hint_free(struct hint *h)
{
	if (!h)
		return;
	if (h->module)
		ndpi_exit_detection_module(h->module);
	free(h);
}

size_t hint_flow_memory(const struct hint *h)
{
	return h->flow_bytes;
}

struct hint_flow *hint_flow_new(struct hint *h)
{
	return h->module || module_make(h) ? calloc(1, h->flow_bytes) : NULL;
}

void hint_flow_free(struct hint *h, struct hint_flow *f)
{
	(void)h;
	if (!f)
		return;
	ndpi_free_flow_data(ndpi_of(f)); /* what it allocated for the flow, not the flow */
	free(f);
}

/* Whether nDPI knows the protocol and expects to learn no more about it. */
static bool is_final(struct hint *h, struct hint_flow *f, const ndpi_protocol *p)
{
#if NDPI_RELEASE >= 500
	(void)h;
	(void)f;
	return p->state == NDPI_STATE_CLASSIFIED || p->state == NDPI_STATE_MONITORING;
#else
	(void)p;
	return f->app != NDPI_PROTOCOL_UNKNOWN && !ndpi_extra_dissection_possible(h->module, ndpi_of(f));
#endif
}

bool hint_feed(struct hint *h, struct hint_flow *f, const struct packet *p, enum direction d)
{
	if (f->final || (!h->module && !module_make(h)))
		return true;
	uint16_t n = p->ip_n < UINT16_MAX ? (uint16_t)p->ip_n : UINT16_MAX; /* it cannot take more */
	uint64_t ms = p->time_ns > 0 ? (uint64_t)p->time_ns / (NS_PER_SEC / 1000) : 0;
#if NDPI_RELEASE >= 406
	struct ndpi_flow_input_info info = {
		.in_pkt_dir = d == FROM_CLIENT ? NDPI_IN_PKT_DIR_C_TO_S : NDPI_IN_PKT_DIR_S_TO_C,
		.seen_flow_beginning = NDPI_FLOW_BEGINNING_UNKNOWN,
	};
	ndpi_protocol result = ndpi_detection_process_packet(h->module, ndpi_of(f), p->ip, n, ms, &info);
#else
	(void)d; /* it goes by the ports */
	ndpi_protocol result = ndpi_detection_process_packet(h->module, ndpi_of(f), p->ip, n, ms);
#endif
	take_ids(f, &result);
	f->packets++;
	f->final = f->packets >= HINT_MAX_PACKETS || is_final(h, f, &result);
	return f->final;
}

static void guess(struct hint *h, struct hint_flow *f)
{
#if NDPI_RELEASE >= 500
	ndpi_protocol result = ndpi_detection_giveup(h->module, ndpi_of(f));
#elif NDPI_RELEASE >= 410
	u_int8_t guessed;
	ndpi_protocol result = ndpi_detection_giveup(h->module, ndpi_of(f), &guessed);
#else
	u_int8_t guessed;
	ndpi_protocol result = ndpi_detection_giveup(h->module, ndpi_of(f), 1, &guessed);
#endif
	take_ids(f, &result);
}

void hint_label(struct hint *h, struct hint_flow *f, char out[HINT_LABEL_TEXT])
{
	out[0] = '\0';
	if (!h->module && !module_make(h))
		return;
	/* Before its first packet nDPI's flow has no addresses to guess from. */
	if (f->app == NDPI_PROTOCOL_UNKNOWN && f->packets > 0)
		guess(h, f);
	size_t n = 0;
	bool both = f->master != NDPI_PROTOCOL_UNKNOWN && f->app != NDPI_PROTOCOL_UNKNOWN && f->master != f->app;
	if (both)
		text_append(out, HINT_LABEL_TEXT, &n, "%s.%s", ndpi_get_proto_name(h->module, f->master),
			    ndpi_get_proto_name(h->module, f->app));
	else if (f->app != NDPI_PROTOCOL_UNKNOWN || f->master != NDPI_PROTOCOL_UNKNOWN)
		text_append(out, HINT_LABEL_TEXT, &n, "%s",
			    ndpi_get_proto_name(h->module, f->app != NDPI_PROTOCOL_UNKNOWN ? f->app : f->master));
}
