/* The classic format (draft-ietf-opsawg-pcap): a file header, then a header before each packet -> frames. */
#include "capture_reader.h"

#include "capture_link.h"
#include "limits.h"
#include "status.h"

#define MAGIC_MICROSECONDS 0xa1b2c3d4u
#define MAGIC_NANOSECONDS 0xa1b23c4du
#define MAGIC_MODIFIED 0xa1b2cd34u /* patched libpcap of the 1990s: 8 more bytes before each packet */
#define FILE_HEADER 24
#define RECORD_HEADER 16
#define RECORD_HEADER_MODIFIED 24

static int pcap_next_frame(struct capture_file *f, struct frame *ret)
{
	struct capture_pcap *r = &f->pcap;
	struct capture_input *in = &f->input;
	int have = capture_input_need(in, r->header_bytes);
	if (have != CAPTURE_READY)
		return capture_reader_short(f, have, r->header_bytes, "a packet header");
	uint32_t caplen = capture_u32(in->p + 8, r->swapped);
	uint32_t len = capture_u32(in->p + 12, r->swapped);
	if (caplen > LIMIT_FRAME_BYTES)
		return capture_reader_fail(f, FAIL_INPUT, "expected a packet of at most %u bytes, found a length of %u",
					   LIMIT_FRAME_BYTES, caplen);
	have = capture_input_need(in, r->header_bytes + (size_t)caplen);
	if (have != CAPTURE_READY)
		return capture_reader_short(f, have, r->header_bytes + (size_t)caplen, "a packet with its header");
	/* More than the file header's snap length is taken too: what was captured is there, whatever the header says.
	 */
	const uint8_t *p = in->p;
	ret->data = p + r->header_bytes;
	ret->caplen = caplen;
	ret->len = len < caplen ? caplen : len; /* some writers leave len 0 or give the length without the FCS */
	ret->link_type = r->link_type;
	/* No overflow: 2^32 s and 2^32 units of a microsecond are below 2^62 ns. */
	ret->time_ns = (int64_t)capture_u32(p, r->swapped) * NS_PER_SEC +
		       (int64_t)((uint64_t)capture_u32(p + 4, r->swapped) * r->ns_per_unit);
	ret->number = ++f->frames;
	in->p = ret->data + caplen;
	/* The next packet's header, and that of the one after it, should it be as long: where they lie is known only now, and whoever
	 * reads them waits for memory. Beyond the mapping a fetch does nothing. */
	__builtin_prefetch(in->p);
	__builtin_prefetch(in->p + 64);
	__builtin_prefetch(in->p + r->header_bytes + caplen);
	return 1;
}

int capture_pcap_open(struct capture_file *f)
{
	struct capture_pcap r = {.header_bytes = RECORD_HEADER, .ns_per_unit = 1000};
	uint32_t magic = capture_u32(f->input.p, false);
	if (magic == __builtin_bswap32(MAGIC_MICROSECONDS) || magic == __builtin_bswap32(MAGIC_NANOSECONDS) ||
	    magic == __builtin_bswap32(MAGIC_MODIFIED)) {
		magic = __builtin_bswap32(magic);
		r.swapped = true;
	}
	if (magic == MAGIC_NANOSECONDS)
		r.ns_per_unit = 1;
	else if (magic == MAGIC_MODIFIED)
		r.header_bytes = RECORD_HEADER_MODIFIED;
	else if (magic != MAGIC_MICROSECONDS)
		return 0;
	int have = capture_input_need(&f->input, FILE_HEADER);
	if (have == CAPTURE_END)
		return capture_reader_fail(f, FAIL_INPUT, "expected a pcap header of %u bytes, found %zu", FILE_HEADER,
					   capture_input_left(&f->input));
	if (have < 0)
		return capture_reader_short(f, have, FILE_HEADER, "a pcap header");
	/* Before 2.4 writers disagreed on the order of the two lengths; libpcap knows how to tell. */
	if (capture_u16(f->input.p + 4, r.swapped) != 2 || capture_u16(f->input.p + 6, r.swapped) < 4)
		return 0;
	r.link_type = capture_link_of_field(capture_u32(f->input.p + 20, r.swapped));
	f->input.p += FILE_HEADER;
	f->pcap = r;
	f->next = pcap_next_frame;
	return 1;
}
