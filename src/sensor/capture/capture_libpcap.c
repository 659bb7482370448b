/* Whatever our own readers do not know but the installed libpcap does (pcap before 2.4, formats to come) -> frames.
 * libpcap reads through a FILE of ours, so that compressed files and pipes work here too. */
#include "capture_reader.h"

#include "capture_link.h"
#include "capture_time.h"
#include "limits.h"
#include "status.h"
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>

static ssize_t cookie_read(void *cookie, char *to, size_t room)
{
	struct capture_file *f = cookie;
	if (room == 0)
		return 0;
	int have = capture_input_need(&f->input, 1);
	if (have < 0) {
		if (have != FAIL_IO)
			errno = EIO;
		f->outcome = have;
		return -1;
	}
	struct slice got = slice_first(slice_of(f->input.p, capture_input_left(&f->input)), room);
	memcpy(to, got.p, got.n);
	f->input.p += got.n;
	return (ssize_t)got.n;
}

/* What the input says goes before what libpcap makes of it. */
static int libpcap_fail(struct capture_file *f, const char *says)
{
	if (f->outcome < 0)
		return capture_reader_short(f, f->outcome, 0, "a packet");
	return capture_reader_fail(
	    f, FAIL_INPUT, f->next ? "libpcap: %s" : "expected a capture file, pcap or pcapng (libpcap: %s)", says);
}

/* The file was opened for nanoseconds, so tv_usec holds those. libpcap takes the 32 bits of a file for signed in its
 * own byte order and for unsigned in the other; like our own reader, take them for unsigned. */
static int64_t time_of(const struct timeval *t)
{
	const int64_t ns_most = (int64_t)UINT32_MAX * 1000; /* a microsecond field with all bits set */
	int64_t s = t->tv_sec < 0 ? (uint32_t)t->tv_sec : t->tv_sec;
	int64_t ns = t->tv_usec < 0 ? 0 : t->tv_usec;
	if (s >= CAPTURE_TIME_MAX_S)
		return CAPTURE_TIME_MAX_S * NS_PER_SEC;
	return s * NS_PER_SEC + (ns < ns_most ? ns : ns_most);
}

static int libpcap_next_frame(struct capture_file *f, struct frame *ret)
{
	/* Even after EINTR: libpcap has lost the first half of a packet then. */
	if (f->outcome < 0)
		return f->outcome;
	/* libpcap cannot be stopped in the middle of a packet and asked again: a pipe is said to block. */
	if (f->input.nowait)
		return CAPTURE_WAIT;
	struct pcap_pkthdr *header;
	const u_char *data;
	int rc = pcap_next_ex(f->libpcap, &header, &data);
	if (rc == PCAP_ERROR_BREAK)
		return 0;
	if (rc != 1)
		return libpcap_fail(f, pcap_geterr(f->libpcap));
	if (header->caplen > LIMIT_FRAME_BYTES)
		return capture_reader_fail(f, FAIL_INPUT, "expected a packet of at most %u bytes, found a length of %u",
					   LIMIT_FRAME_BYTES, header->caplen);
	ret->data = data;
	ret->caplen = header->caplen;
	ret->len = header->len < header->caplen ? header->caplen : header->len;
	ret->link_type = capture_link_of_dlt(pcap_datalink(f->libpcap));
	ret->time_ns = time_of(&header->ts);
	ret->number = ++f->frames;
	return 1;
}

static void libpcap_done(struct capture_file *f)
{
	pcap_close(f->libpcap);
}

int capture_libpcap_open(struct capture_file *f)
{
	FILE *file = fopencookie(f, "rb", (cookie_io_functions_t){.read = cookie_read});
	if (!file)
		return capture_reader_fail(f, FAIL_MEMORY, "out of memory");
	/* Without a buffer of stdio's own the input's offset is libpcap's. */
	setvbuf(file, NULL, _IONBF, 0);
	char says[PCAP_ERRBUF_SIZE];
	f->libpcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, says);
	if (!f->libpcap) {
		fclose(file);
		return libpcap_fail(f, says);
	}
	f->next = libpcap_next_frame;
	f->done = libpcap_done;
	return 1;
}
