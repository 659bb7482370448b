/* Interfaces -> frames, through libpcap: any back end that it was built with. Called by the sensor's lanes, one thread per handle.
 * Opens need privileges; reading does not. Decodes nothing. */
#ifndef SHADOWTAP_CAPTURE_LIVE_H
#define SHADOWTAP_CAPTURE_LIVE_H

#include "capture_file.h"

struct capture_live;

struct capture_live_config {
	const char *interface;
	const char *filter;      /* BPF expression, or NULL */
	uint32_t snaplen;        /* bytes kept of each packet */
	uint32_t buffer_bytes;   /* of the kernel's ring, for this handle */
	bool promiscuous;
	/* Several handles of one interface share its packets (packet(7), PACKET_FANOUT_HASH): the same id for all of them, not 0. 0: this
	 * handle gets everything. Where the back end has no fanout: FAIL_CONFIG. */
	uint16_t fanout;
	/* Of frames: capture as given; number = first_number, first_number + number_step, ... so that the handles of one interface
	 * number theirs apart. */
	uint32_t capture;
	uint64_t first_number, number_step;
};

/* FAIL_CONFIG (filter, fanout), FAIL_IO (no such interface, no permission ...) or FAIL_MEMORY, with a sentence in error that names
 * the interface and, where it is a matter of permission, says what is needed. */
int capture_live_open(const struct capture_live_config *config, struct capture_live **ret, char error[CAPTURE_ERROR_TEXT]);

typedef void capture_live_frame_fn(void *context, const struct frame *f);

/* Hands over at most `most` frames whose bytes are valid during the call; waits for the first one no longer than about
 * CAPTURE_LIVE_WAIT_MS. How many there were (0: none came), or FAIL_IO with capture_live_error(): this handle is over, for good (the
 * interface vanished). An interface that is merely down gives 0 and capture_live_is_down(); it goes on by itself when it
 * comes up again. */
#define CAPTURE_LIVE_WAIT_MS 50
int capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context);
bool capture_live_is_down(const struct capture_live *c);
const char *capture_live_error(const struct capture_live *c);

/* LINKTYPE_ value. */
uint32_t capture_live_link_type(const struct capture_live *c);

/* Since it was opened. received: what the filter let through, dropped ones included where the platform counts so (man
 * pcap_stats). */
struct capture_live_counts {
	uint64_t received, dropped, dropped_by_interface;
};
void capture_live_counts(struct capture_live *c, struct capture_live_counts *ret);

void capture_live_free(struct capture_live *c);

/* ---- what can be captured on ---- */

struct capture_interface_info {
	const char *name;
	const char *description;  /* or NULL */
	const char *addresses;    /* "192.0.2.1, fe80::1", or "" */
	bool up, running, loopback, wireless;
	const char *link_type;    /* "EN10MB", or NULL where it could not be opened */
	const char *why_not;      /* a sentence, or NULL if it can be captured on */
};

typedef void capture_interface_fn(void *context, const struct capture_interface_info *info);
/* In libpcap's order. FAIL_IO with a sentence in error. */
int capture_interfaces(capture_interface_fn *fn, void *context, char error[CAPTURE_ERROR_TEXT]);

#endif
