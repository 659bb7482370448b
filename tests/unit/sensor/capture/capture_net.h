/* A network namespace with a pair of veth interfaces, frames that tell who they are, and a reader that counts them.
 * Used by the tests of live capture. Where it cannot be made (no root, no ip(8)) they are skipped; it goes with the
 * test's process. */
#ifndef TEST_CAPTURE_NET_H
#define TEST_CAPTURE_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture_live.h"
#include "frame.h"
#include "limits.h"
#include "status.h"
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TYPE_OURS 0x88b5 /* for local experiments (IEEE 802) */
#define OURS "ether proto 0x88b5"
#define PATIENCE_NS (5 * NS_PER_SEC)
#define SEQUENCES 200000

static const char *no_network; /* why not, or NULL */
static int sender = -1;        /* a packet socket on st0; what it sends arrives on st1 */

static inline int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

static inline bool ip(const char *arguments)
{
	char command[256];
	snprintf(command, sizeof command, "ip %s >/dev/null 2>&1", arguments);
	return system(command) == 0;
}

/* ---- the network ---- */

static inline int group_setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) != 0)
		no_network = "no right to make a network namespace";
	else if (!ip("link set lo up"))
		no_network = "no ip(8)";
	else if (!ip("link add st0 type veth peer name st1"))
		no_network = "no veth interfaces";
	/* The kernel's own neighbour discovery would be in the way of tests that count. */
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			no_network = "IPv6 cannot be turned off";
		close(fd);
	}
	ip("link del st0");
	return 0;
}

static inline int pair_setup(void **state)
{
	(void)state;
	if (no_network)
		return 0;
	if (!ip("link add st0 type veth peer name st1") || !ip("link set st0 up") || !ip("link set st1 up"))
		return -1;
	sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("st0")};
	return sender < 0 || bind(sender, (struct sockaddr *)&to, sizeof to) != 0 ? -1 : 0;
}

static inline int pair_teardown(void **state)
{
	(void)state;
	if (sender >= 0)
		close(sender);
	sender = -1;
	ip("link del st0"); /* where a test has not done that */
	return 0;
}

#define ON_A_PAIR(test) cmocka_unit_test_setup_teardown(test, pair_setup, pair_teardown)

#define NEED_NETWORK()                                                                                                 \
	do {                                                                                                           \
		if (no_network) {                                                                                      \
			print_message("%s: skipped\n", no_network);                                                    \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

/* ---- sending ---- */

/* A frame of n bytes that tells its sequence number, and which byte is which. */
static inline void frame_fill(uint8_t *p, size_t n, uint32_t sequence)
{
	static const uint8_t head[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, TYPE_OURS >> 8, TYPE_OURS & 0xff};
	memcpy(p, head, sizeof head);
	for (size_t i = sizeof head + 4; i < n; i++)
		p[i] = (uint8_t)(sequence + i * 7);
	memcpy(p + sizeof head, &sequence, 4);
}

static inline void send_bytes(const uint8_t *p, size_t n)
{
	assert_int_equal(send(sender, p, n, 0), (ssize_t)n);
}

static inline void send_ours(uint32_t sequence, size_t n)
{
	uint8_t p[1514];
	assert_true(n >= 18 && n <= sizeof p);
	frame_fill(p, n, sequence);
	send_bytes(p, n);
}

/* IPv4 and UDP between two hosts; port tells the flow, back its direction; the sequence number is the payload. */
static inline void send_udp(uint32_t sequence, uint16_t port, bool back)
{
	uint8_t p[64] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17};
	const uint8_t ends[2][6] = {{10, 9, 0, 1, (uint8_t)(port >> 8), (uint8_t)port}, {10, 9, 0, 2, 0, 80}};
	memcpy(p + 26, ends[back], 4);
	memcpy(p + 30, ends[!back], 4);
	memcpy(p + 34, ends[back] + 4, 2);
	memcpy(p + 36, ends[!back] + 4, 2);
	p[39] = 30;
	memcpy(p + 42, &sequence, 4);
	send_bytes(p, sizeof p);
}

/* ---- reading ---- */

struct heard {
	unsigned n;
	struct frame last;
	uint8_t bytes[2048];
	uint8_t count[SEQUENCES]; /* how often each sequence number came */
	size_t sequence_at;
	void (*check)(struct heard *h, const struct frame *f);
	int64_t since_ns;
	unsigned whole_us;
};

static inline void on_frame(void *context, const struct frame *f)
{
	struct heard *h = context;
	uint32_t sequence;
	if (h->check)
		h->check(h, f);
	if (f->caplen >= h->sequence_at + 4) {
		memcpy(&sequence, f->data + h->sequence_at, 4);
		if (sequence < SEQUENCES)
			h->count[sequence]++;
	}
	h->n++;
	h->last = *f;
}

static inline struct heard *heard_new(size_t sequence_at)
{
	struct heard *h = calloc(1, sizeof *h);
	assert_non_null(h);
	h->sequence_at = sequence_at;
	h->since_ns = now_ns();
	return h;
}

static inline struct capture_live *live_of(struct capture_live_config config)
{
	struct capture_live *c = NULL;
	char error[CAPTURE_ERROR_TEXT] = "";
	if (!config.number_step)
		config.first_number = config.number_step = 1;
	if (capture_live_open(&config, &c, error) != 0)
		fail_msg("%s", error);
	assert_non_null(c);
	assert_null(capture_live_warning(c));
	return c;
}

/* Until n frames in all have come, or patience ends. */
static inline void read_until(struct capture_live *c, struct heard *h, unsigned n)
{
	for (int64_t end = now_ns() + PATIENCE_NS; h->n < n && now_ns() < end;)
		assert_true(capture_live_read(c, 64, on_frame, h) >= 0);
	assert_int_equal(h->n, n);
}

/* Until three waits in a row have brought nothing. */
static inline void read_rest(struct capture_live *c, struct heard *h)
{
	for (int quiet = 0; quiet < 3;) {
		int n = capture_live_read(c, 64, on_frame, h);
		assert_true(n >= 0);
		quiet = n ? 0 : quiet + 1;
	}
}

static inline void read_until_down(struct capture_live *c, struct heard *h, bool down)
{
	for (int64_t end = now_ns() + PATIENCE_NS; capture_live_is_down(c) != down && now_ns() < end;)
		assert_true(capture_live_read(c, 64, on_frame, h) >= 0);
	assert_int_equal(capture_live_is_down(c), down);
}

#endif
