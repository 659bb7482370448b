/* How long a packet may lie in the ring. On Linux libpcap reads a ring of blocks (TPACKET_V3): the kernel hands a block
 * over when it is full or its time is up, which is set to CAPTURE_LIVE_WAIT_MS. Immediate mode would hand over each
 * packet at once, but in slots of a fixed size that must hold the largest packet (64 KiB and more with offloading: 64
 * MiB would hold 1,000 packets) and with one wake-up each. So a quiet line costs 20 wake-ups a second, a busy one a
 * wake-up per block of 256 KiB, and a frame is late by 50 ms, at worst 100.
 *
 * Reading never blocks inside libpcap where the back end has a descriptor to wait on: the kernel does not hand over
 * empty blocks, so that libpcap's own wait on a silent line has no end, and nobody would notice that the interface is
 * down. */
#include "capture_live.h"

#include "capture_link.h"
#include "capture_time.h"
#include "limits.h"
#include "status.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Files of the kernel's that count what an interface lost before anybody saw it. Not through pcap_stats(), which opens
 * them each time: a confined process may not. */
static const char *const loss_files[] = {"rx_missed_errors", "rx_fifo_errors"};
#define LOSS_FILES (sizeof loss_files / sizeof *loss_files)

struct capture_live {
	pcap_t *pcap;
	int fd;             /* to wait on, or -1: libpcap waits */
	bool packet_socket; /* Linux's own back end: fd is a packet(7) socket ... */
	bool bound;         /* ... of one interface, not of all ("any") */
	char *interface;
	uint32_t capture, link_type;
	uint8_t tsresol;
	uint64_t next_number, number_step;

	/* Frames that lie in the ring from before the handle joined its fanout group, when it got everything: at most
	 * so many, none of them from this time on. */
	uint64_t stale;
	int64_t fresh_ns;

	struct capture_live_counts counts;
	struct {
		int fd;
		uint64_t at_open;
	} loss[LOSS_FILES];

	bool down;
	bool broken; /* libpcap said so last: the ring may still hold what came before */
	bool failed; /* for good */
	char error[CAPTURE_ERROR_TEXT];
	char warning[CAPTURE_ERROR_TEXT]; /* "" if none */

	/* Of the read that is going on. */
	capture_live_frame_fn *fn;
	void *context;
	unsigned handed;
};

/* ---- opening ---- */

/* "eth0: " + what, in error. Returns fail. */
__attribute__((format(printf, 4, 5))) static int open_fail(const char *interface, char *error, int fail,
							   const char *what, ...)
{
	va_list args;
	va_start(args, what);
	int n = snprintf(error, CAPTURE_ERROR_TEXT, "%s: ", interface);
	if (n >= 0 && n < CAPTURE_ERROR_TEXT)
		vsnprintf(error + n, CAPTURE_ERROR_TEXT - (size_t)n, what, args);
	va_end(args);
	return fail;
}

static int activate_fail(const struct capture_live *c, int rc, char *error)
{
	const char *says = pcap_geterr(c->pcap);
	switch (rc) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return open_fail(c->interface, error, FAIL_IO, "no such interface ('shadowtap interfaces' lists them)");
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return open_fail(c->interface, error, FAIL_IO,
				 "no permission to capture: this needs root or the capability CAP_NET_RAW");
	case PCAP_ERROR_IFACE_NOT_UP:
		return open_fail(c->interface, error, FAIL_IO, "the interface is down (ip link set %s up)",
				 c->interface);
	case PCAP_ERROR: return open_fail(c->interface, error, FAIL_IO, "%s", says);
	default:
		return open_fail(c->interface, error, FAIL_IO, "%s%s%s", pcap_statustostr(rc), says[0] ? ": " : "",
				 says);
	}
}

static int activate(struct capture_live *c, const struct capture_live_config *config, char *error)
{
	char says[PCAP_ERRBUF_SIZE] = "";
	uint32_t snaplen = config->snaplen && config->snaplen < LIMIT_FRAME_BYTES ? config->snaplen : LIMIT_FRAME_BYTES;
	uint32_t ring = config->buffer_bytes > LIMIT_LIVE_RING_LEAST ? config->buffer_bytes : LIMIT_LIVE_RING_LEAST;
	c->pcap = pcap_create(c->interface, says);
	if (!c->pcap)
		return open_fail(c->interface, error, FAIL_IO, "%s", says);
	pcap_set_snaplen(c->pcap, (int)snaplen);
	pcap_set_promisc(c->pcap, config->promiscuous);
	pcap_set_timeout(c->pcap, CAPTURE_LIVE_WAIT_MS);
	pcap_set_buffer_size(c->pcap, ring < INT32_MAX ? (int)ring : INT32_MAX);
	pcap_set_tstamp_precision(c->pcap, PCAP_TSTAMP_PRECISION_NANO); /* where it is not offered: microseconds */
	int rc = pcap_activate(c->pcap);
	if (rc < 0)
		return activate_fail(c, rc, error);
	if (rc > 0)
		open_fail(c->interface, c->warning, 0, "%s",
			  rc == PCAP_WARNING ? pcap_geterr(c->pcap) : pcap_statustostr(rc));
	c->tsresol = pcap_get_tstamp_precision(c->pcap) == PCAP_TSTAMP_PRECISION_NANO ? 9 : 6;
	c->link_type = capture_link_of_dlt(pcap_datalink(c->pcap));
	c->fd = pcap_get_selectable_fd(c->pcap);
	if (c->fd >= 0 && pcap_setnonblock(c->pcap, 1, says) != 0)
		c->fd = -1;
	struct sockaddr_ll address = {0};
	socklen_t n = sizeof address;
	if (c->fd >= 0 && getsockname(c->fd, (struct sockaddr *)&address, &n) == 0 && address.sll_family == AF_PACKET) {
		c->packet_socket = true;
		c->bound = address.sll_ifindex != 0;
	}
	return 0;
}

/* The kernel forgets its counts as it tells them. */
static void statistics_take(struct capture_live *c, uint64_t *ret_received, uint64_t *ret_dropped)
{
	struct tpacket_stats_v3 s = {0};
	socklen_t n = sizeof s;
	*ret_received = *ret_dropped = 0;
	if (getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &s, &n) != 0)
		return;
	*ret_received = s.tp_packets;
	*ret_dropped = s.tp_drops;
}

/* Between its opening and this call the handle got what its brothers got too: that is thrown away unseen. The hash is
 * the same for both directions and takes no ports from fragments. */
static int fanout_join(struct capture_live *c, uint16_t id, char *error)
{
	int group = id | PACKET_FANOUT_HASH << 16;
	if (!c->packet_socket)
		return open_fail(c->interface, error, FAIL_CONFIG,
				 "several capture threads cannot share this kind of interface");
	if (setsockopt(c->fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof group) != 0)
		return open_fail(c->interface, error, FAIL_CONFIG,
				 "cannot share its packets between capture threads: %s", strerror(errno));
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	c->fresh_ns = (int64_t)now.tv_sec * NS_PER_SEC + now.tv_nsec;
	uint64_t dropped;
	statistics_take(c, &c->stale, &dropped);
	return 0;
}

static int filter_set(struct capture_live *c, const char *expression, char *error)
{
	struct bpf_program program;
	if (pcap_compile(c->pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return open_fail(c->interface, error, FAIL_CONFIG, "filter: %s", pcap_geterr(c->pcap));
	int rc = pcap_setfilter(c->pcap, &program);
	pcap_freecode(&program);
	return rc == 0 ? 0 : open_fail(c->interface, error, FAIL_CONFIG, "filter: %s", pcap_geterr(c->pcap));
}

static bool loss_read(int fd, uint64_t *ret)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	*ret = strtoull(text, NULL, 10);
	return true;
}

/* Stays open for as long as the handle. An interface without such files (any) has lost nothing that is known. */
static void loss_open(struct capture_live *c)
{
	char path[64 + IFNAMSIZ];
	if (!c->bound)
		return;
	for (size_t i = 0; i < LOSS_FILES; i++) {
		snprintf(path, sizeof path, "/sys/class/net/%s/statistics/%s", c->interface, loss_files[i]);
		c->loss[i].fd = open(path, O_RDONLY | O_CLOEXEC);
		if (c->loss[i].fd >= 0)
			loss_read(c->loss[i].fd, &c->loss[i].at_open);
	}
}

int capture_live_open(const struct capture_live_config *config, struct capture_live **ret,
		      char error[CAPTURE_ERROR_TEXT])
{
	struct capture_live *c = calloc(1, sizeof *c);
	if (c) {
		c->fd = -1;
		for (size_t i = 0; i < LOSS_FILES; i++)
			c->loss[i].fd = -1;
		c->interface = strdup(config->interface);
	}
	if (!c || !c->interface) {
		free(c);
		return open_fail(config->interface, error, FAIL_MEMORY, "out of memory");
	}
	c->capture = config->capture;
	c->next_number = config->first_number;
	c->number_step = config->number_step;
	int fail = activate(c, config, error);
	if (!fail && config->fanout)
		fail = fanout_join(c, config->fanout, error);
	if (!fail && config->filter)
		fail = filter_set(c, config->filter, error);
	if (fail) {
		capture_live_free(c);
		return fail;
	}
	loss_open(c);
	*ret = c;
	return 0;
}

/* ---- reading ---- */

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
	struct capture_live *c = (struct capture_live *)user;
	struct frame f = {
	    .data = data,
	    .caplen = header->caplen < LIMIT_FRAME_BYTES ? header->caplen : LIMIT_FRAME_BYTES,
	    .len = header->len < header->caplen ? header->caplen : header->len,
	    .link_type = c->link_type,
	    .capture = c->capture,
	    .time_ns = capture_time_ns((uint64_t)header->ts.tv_usec, c->tsresol, header->ts.tv_sec),
	};
	if (c->stale) {
		c->stale = f.time_ns < c->fresh_ns ? c->stale - 1 : 0;
		if (f.time_ns < c->fresh_ns)
			return;
	}
	f.number = c->next_number;
	c->next_number += c->number_step;
	c->handed++;
	c->fn(c->context, &f);
}

static void dispatch(struct capture_live *c, unsigned most)
{
	int rc = pcap_dispatch(c->pcap, most < INT32_MAX ? (int)most : INT32_MAX, on_packet, (u_char *)c);
	c->broken = rc < 0 && rc != PCAP_ERROR_BREAK;
	if (c->broken)
		open_fail(c->interface, c->error, 0, "%s", pcap_geterr(c->pcap));
}

/* By name, since a packet socket is only told when its interface goes down, not when it comes up. A name that is no
 * longer there is not for here to judge: libpcap tells a vanished interface from a renamed one. */
static void down_look(struct capture_live *c)
{
	struct ifreq request = {0};
	if (!c->bound || strlen(c->interface) >= sizeof request.ifr_name)
		return;
	strcpy(request.ifr_name, c->interface);
	if (ioctl(c->fd, SIOCGIFFLAGS, &request) == 0)
		c->down = (request.ifr_flags & (IFF_UP | IFF_RUNNING)) != (IFF_UP | IFF_RUNNING);
}

int capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context)
{
	assert(most > 0);
	if (c->failed)
		return FAIL_IO;
	c->fn = fn;
	c->context = context;
	c->handed = 0;
	/* Other back ends are read only when there is something: that of nflog calls having nothing an error. */
	if (c->packet_socket || c->fd < 0)
		dispatch(c, most);
	bool broken = c->broken;
	if (c->handed == 0 && c->fd >= 0) {
		/* When an interface vanishes its last packets lie in a block that the kernel hands over in a moment. */
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		int ready = poll(&p, 1, broken ? 2 * CAPTURE_LIVE_WAIT_MS : CAPTURE_LIVE_WAIT_MS);
		/* Whatever else woke it, libpcap finds out. */
		if (broken ? p.revents & POLLIN : ready > 0)
			dispatch(c, most);
	}
	if (c->handed) {
		c->down = false;
		return (int)c->handed;
	}
	if (!c->broken)
		down_look(c);
	c->failed = broken;
	return c->failed ? FAIL_IO : 0;
}

bool capture_live_is_down(const struct capture_live *c)
{
	return c->down;
}

const char *capture_live_error(const struct capture_live *c)
{
	return c->error;
}

const char *capture_live_warning(const struct capture_live *c)
{
	return c->warning[0] ? c->warning : NULL;
}

uint32_t capture_live_link_type(const struct capture_live *c)
{
	return c->link_type;
}

void capture_live_counts(struct capture_live *c, struct capture_live_counts *ret)
{
	struct pcap_stat s;
	if (c->packet_socket) {
		uint64_t received, dropped, lost = 0, now;
		statistics_take(c, &received, &dropped);
		c->counts.received += received;
		c->counts.dropped += dropped;
		for (size_t i = 0; i < LOSS_FILES; i++)
			if (c->loss[i].fd >= 0 && loss_read(c->loss[i].fd, &now) && now > c->loss[i].at_open)
				lost += now - c->loss[i].at_open;
		if (lost > c->counts.dropped_by_interface) /* a vanished interface's files cannot be read any more */
			c->counts.dropped_by_interface = lost;
	} else if (pcap_stats(c->pcap, &s) == 0) {
		c->counts = (struct capture_live_counts){s.ps_recv, s.ps_drop, s.ps_ifdrop};
	}
	*ret = c->counts;
}

void capture_live_free(struct capture_live *c)
{
	if (!c)
		return;
	if (c->pcap)
		pcap_close(c->pcap);
	for (size_t i = 0; i < LOSS_FILES; i++)
		if (c->loss[i].fd >= 0)
			close(c->loss[i].fd);
	free(c->interface);
	free(c);
}
