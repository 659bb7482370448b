/* Interfaces -> frames, through libpcap: any back end that it was built with. Called by the sensor's lanes.
 * Opens need privileges; reading does not. A handle belongs to one thread at a time, capture_live_counts() included.
 * Decodes nothing. */
#ifndef SHADOWTAP_CAPTURE_LIVE_H
#define SHADOWTAP_CAPTURE_LIVE_H

#include "capture_file.h"

struct capture_live;

struct capture_live_config {
	/* "any" is all interfaces together: a packet that passes two of them (a bridge and its port, a router) is
	 * captured twice. */
	const char *interface;
	const char *filter;    /* BPF expression, or NULL */
	uint32_t snaplen;      /* bytes kept of each packet; 0: all, up to LIMIT_FRAME_BYTES (Linux: 256 KiB) */
	uint32_t buffer_bytes; /* of the kernel's ring, for this handle; at least LIMIT_LIVE_RING_LEAST is taken */
	bool promiscuous;
	/* Several handles of one interface share its packets (packet(7), PACKET_FANOUT_HASH): the same id for all of
	 * them, not 0, and no other program's in this network namespace. 0: this handle gets everything. Both
	 * directions of a flow, and all fragments of a datagram, come to the same handle. Where the back end has no
	 * fanout: FAIL_CONFIG. */
	uint16_t fanout;
	/* Of frames: capture as given; number = first_number, first_number + number_step, ... so that the handles of
	 * one interface number theirs apart. */
	uint32_t capture;
	uint64_t first_number, number_step;
};

/* FAIL_CONFIG (filter, fanout), FAIL_IO (no such interface, no permission, the interface is down ...) or FAIL_MEMORY,
 * with a sentence in error that names the interface and, where it is a matter of permission, says what is needed. What
 * libpcap warned of is no failure: capture_live_warning(). */
int capture_live_open(const struct capture_live_config *config, struct capture_live **ret,
		      char error[CAPTURE_ERROR_TEXT]);

/* A sentence that names the interface (no promiscuous mode ...), or NULL. */
const char *capture_live_warning(const struct capture_live *c);

typedef void capture_live_frame_fn(void *context, const struct frame *f);

/* Hands over at most `most` (not 0) frames whose bytes are valid during the call; waits for the first one no longer
 * than about CAPTURE_LIVE_WAIT_MS, or until a signal comes. How many there were (0: none came), or FAIL_IO with
 * capture_live_error(): this handle is over, for good (the interface vanished). An interface that is merely down, or
 * has no carrier, gives 0 and capture_live_is_down(); it goes on by itself when it comes up again. */
#define CAPTURE_LIVE_WAIT_MS 50
int capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context);
bool capture_live_is_down(const struct capture_live *c);
const char *capture_live_error(const struct capture_live *c);

/* LINKTYPE_ value. */
uint32_t capture_live_link_type(const struct capture_live *c);

/* Since it was opened. received: what the filter let through, dropped ones included where the platform counts so (man
 * pcap_stats), and on Linux's loopback each packet as it leaves and as it arrives, though only one of the two is handed
 * over. dropped: for want of room in the ring. dropped_by_interface: by the card or its driver, all handles of the
 * interface together. */
struct capture_live_counts {
	uint64_t received, dropped, dropped_by_interface;
};
void capture_live_counts(struct capture_live *c, struct capture_live_counts *ret);

void capture_live_free(struct capture_live *c);

/* ---- what can be captured on ---- */

struct capture_interface_info {
	const char *name;
	const char *description; /* or NULL */
	const char *addresses;   /* "192.0.2.1, fe80::1", or "" */
	bool network; /* a network interface, or "any" for all of them; else another source that libpcap knows: no
			 state, no addresses */
	bool up, running, loopback, wireless;
	const char *link_type; /* "EN10MB", or NULL where it was not or could not be opened */
	const char *why_not;   /* a clause ("no permission: ..."), or NULL if it can be captured on */
};

typedef void capture_interface_fn(void *context, const struct capture_interface_info *info);
/* In libpcap's order; the strings are valid during the call. Network interfaces are opened for a moment to see whether
 * they can be. FAIL_IO with a sentence in error. */
int capture_interfaces(capture_interface_fn *fn, void *context, char error[CAPTURE_ERROR_TEXT]);

#endif
