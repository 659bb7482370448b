/* Small captures -> a large one: copies of them with addresses and ports rewritten, so that the flows of each copy are
 * its own, many copies at a time, on a clock of its own. The same arguments give the same bytes. Run by bench/run.
 * Reads classic pcap (libpcap's reader). Rewrites the outermost IPv4 or IPv6 header and the TCP or UDP ports behind it,
 * and repairs their checksums; other frames, and what lies inside tunnels, are copied as they are.
 *
 * A copy's number c moves each address by c * 256 within its /8 (IPv6: its number is laid over bytes 8 to 11), and each
 * port from 32768 on by c * 7 within that range. Both are one-to-one, so flows stay flows. Two copies could only meet
 * if a piece held two addresses that differ by a multiple of 256, the same distance apart for client and server, and
 * the ports met too. */
#include "pcap_out.h"
#include <inttypes.h>
#include <pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct frame_at {
	size_t at;
	uint32_t n, wire;
};

struct piece {
	const char *path;
	double share, written; /* of the output, in bytes */
	uint8_t *bytes;
	size_t n_bytes, room;
	struct frame_at *frames;
	size_t n_frames, frames_room;
};

/* A copy that is being written. */
struct lane {
	struct piece *piece; /* NULL: none */
	size_t next;
	uint32_t copy;
};

static void *grown(void *p, size_t n)
{
	p = realloc(p, n);
	if (!p)
		pcap_out_fail("memory");
	return p;
}

static int piece_read(struct piece *p)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *in = pcap_open_offline(p->path, error);
	if (!in) {
		fprintf(stderr, "%s\n", error);
		exit(2);
	}
	struct pcap_pkthdr *h;
	const u_char *data;
	while (pcap_next_ex(in, &h, &data) == 1) {
		if (p->n_frames == p->frames_room)
			p->frames = grown(p->frames, (p->frames_room = p->frames_room * 2 + 1024) * sizeof *p->frames);
		if (p->n_bytes + h->caplen > p->room)
			p->bytes = grown(p->bytes, p->room = p->room * 2 + h->caplen + 65536);
		memcpy(p->bytes + p->n_bytes, data, h->caplen);
		p->frames[p->n_frames++] = (struct frame_at){p->n_bytes, h->caplen, h->len};
		p->n_bytes += h->caplen;
	}
	int link = pcap_datalink(in);
	pcap_close(in);
	if (p->n_frames == 0) {
		fprintf(stderr, "%s: no packets\n", p->path);
		exit(2);
	}
	return link;
}

/* Replaces 16 bits and carries the change into the checksums that cover them (RFC 1624). */
static void put16(uint8_t *p, uint16_t v, uint8_t *sum1, uint8_t *sum2)
{
	uint8_t *sums[2] = {sum1, sum2};
	for (int i = 0; i < 2; i++) {
		if (!sums[i])
			continue;
		uint32_t s = (uint16_t)~be16_get(sums[i]) + (uint32_t)(uint16_t)~be16_get(p) + v;
		s = (s & 0xffff) + (s >> 16);
		s = (s & 0xffff) + (s >> 16);
		be16_put(sums[i], (uint16_t)~s);
	}
	be16_put(p, v);
}

static void address4(uint8_t *a, uint32_t copy, uint8_t *ip_sum, uint8_t *transport_sum)
{
	uint32_t low = ((uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]) + (copy << 8);
	uint8_t changed[4] = {a[0], (uint8_t)(low >> 16), (uint8_t)(low >> 8), (uint8_t)low};
	put16(a, be16_get(changed), ip_sum, transport_sum);
	put16(a + 2, be16_get(changed + 2), ip_sum, transport_sum);
}

static void address6(uint8_t *a, uint32_t copy, uint8_t *transport_sum)
{
	put16(a + 8, be16_get(a + 8) ^ (uint16_t)(copy >> 16), transport_sum, NULL);
	put16(a + 10, be16_get(a + 10) ^ (uint16_t)copy, transport_sum, NULL);
}

static void ports(uint8_t *transport, uint32_t copy, uint8_t *sum)
{
	for (int i = 0; i < 2; i++) {
		uint16_t port = be16_get(transport + 2 * i);
		if (port >= 32768)
			put16(transport + 2 * i, (uint16_t)(32768 + (port - 32768 + copy * 7) % 32768), sum, NULL);
	}
}

/* Where the transport's checksum is, NULL if it has none, is cut off, or this is no first fragment. */
static uint8_t *sum_at(uint8_t *transport, const uint8_t *end, unsigned protocol)
{
	ptrdiff_t n = end - transport;
	if (protocol == 6)
		return n >= 18 ? transport + 16 : NULL;
	return protocol == 17 && n >= 8 && be16_get(transport + 6) ? transport + 6 : NULL;
}

static void rewrite(uint8_t *f, uint32_t n, int link, uint32_t copy)
{
	const uint8_t *end = f + n;
	uint32_t at = link == DLT_EN10MB ? 14 : link == DLT_LINUX_SLL ? 16 : link == DLT_LINUX_SLL2 ? 20 : 0;
	while (link == DLT_EN10MB && at + 4 < n && (be16_get(f + at - 2) == 0x8100 || be16_get(f + at - 2) == 0x88a8))
		at += 4;
	if (copy == 0 || n < at + 20)
		return;
	uint8_t *ip = f + at;
	if (ip[0] >> 4 == 4) {
		uint8_t *transport = ip + (ip[0] & 15) * 4;
		bool first = (be16_get(ip + 6) & 0x1fff) == 0;
		uint8_t *sum = first ? sum_at(transport, end, ip[9]) : NULL;
		address4(ip + 12, copy, ip + 10, sum);
		address4(ip + 16, copy, ip + 10, sum);
		if (first && (ip[9] == 6 || ip[9] == 17) && end - transport >= 4)
			ports(transport, copy, sum);
	} else if (ip[0] >> 4 == 6 && end - ip >= 44) {
		uint8_t *transport = ip + 40;
		uint8_t *sum = sum_at(transport, end, ip[6]);
		address6(ip + 8, copy, sum);
		address6(ip + 24, copy, sum);
		if (ip[6] == 6 || ip[6] == 17)
			ports(transport, copy, sum);
	}
}

/* The one that has had least of its share. */
static struct piece *piece_due(struct piece *pieces, size_t n)
{
	struct piece *due = &pieces[0];
	for (size_t i = 1; i < n; i++)
		if (pieces[i].written / pieces[i].share < due->written / due->share)
			due = &pieces[i];
	return due;
}

static int usage(void)
{
	fputs("usage: multiply [-c COPIES | -b BYTES] [-l LANES] [-r MBIT] OUTPUT PIECE[=SHARE]...\n"
	      "COPIES of all pieces together, or copies until BYTES are written; LANES at a time [256]; time passes\n"
	      "as on a wire of MBIT per second [1000]. SHARE: of the bytes, beside the others' [1].\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t copies = 0, bytes = 0;
	size_t n_lanes = 256;
	double mbit = 1000;
	int i = 1;
	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		switch (argv[i][1]) {
		case 'c': copies = strtoull(argv[i + 1], NULL, 10); break;
		case 'b': bytes = strtoull(argv[i + 1], NULL, 10); break;
		case 'l': n_lanes = strtoul(argv[i + 1], NULL, 10); break;
		case 'r': mbit = strtod(argv[i + 1], NULL); break;
		default: return usage();
		}
	}
	if (argc - i < 2 || !copies == !bytes || n_lanes == 0 || mbit <= 0)
		return usage();
	const char *output = argv[i++];
	size_t n = (size_t)(argc - i);
	struct piece *pieces = calloc(n, sizeof *pieces);
	struct lane *lanes = calloc(n_lanes, sizeof *lanes);
	if (!pieces || !lanes)
		pcap_out_fail("memory");
	int link = -1;
	for (size_t k = 0; k < n; k++) {
		char *share = strchr(argv[(size_t)i + k], '=');
		if (share)
			*share++ = '\0';
		pieces[k] = (struct piece){.path = argv[(size_t)i + k], .share = share ? strtod(share, NULL) : 1};
		int its = piece_read(&pieces[k]);
		if (pieces[k].share <= 0 || (link != -1 && its != link)) {
			fprintf(stderr, "%s: another link type than the first, or no share\n", pieces[k].path);
			return 2;
		}
		link = its;
	}

	struct pcap_out o;
	pcap_out_open(&o, output, (uint32_t)link);
	uint64_t started = 0, limit = copies * n, random = 8, packets = 0, wire = 0, promised = 0;
	size_t busy = 0;
	do {
		for (size_t l = 0; l < n_lanes; l++) {
			struct lane *lane = &lanes[l];
			if (!lane->piece && (copies ? started < limit : promised < bytes)) {
				lane->piece = copies ? &pieces[started % n] : piece_due(pieces, n);
				/* Copies of one piece are what may meet: with -c a round of pieces shares a number. */
				lane->copy = (uint32_t)(copies ? started / n : started);
				lane->next = 0;
				lane->piece->written += (double)lane->piece->n_bytes;
				promised += lane->piece->n_bytes + 16 * lane->piece->n_frames;
				started++;
				busy++;
			}
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			for (unsigned run = 1 + (unsigned)(random >> 61); run && lane->piece; run--) {
				struct frame_at at = lane->piece->frames[lane->next++];
				uint8_t f[262144];
				at.n = at.n < sizeof f ? at.n : (uint32_t)sizeof f;
				memcpy(f, lane->piece->bytes + at.at, at.n);
				rewrite(f, at.n, link, lane->copy);
				wire += at.wire + 24; /* preamble, checksum and gap */
				o.time_us = PCAP_OUT_START_SECONDS * 1000000 + (uint64_t)((double)wire * 8 / mbit);
				pcap_out_frame(&o, f, at.n, at.wire);
				packets++;
				if (lane->next == lane->piece->n_frames) {
					lane->piece = NULL;
					busy--;
				}
			}
		}
	} while (busy);
	pcap_out_close(&o);
	printf("%" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " copies\n", packets, o.bytes, started);
	for (size_t k = 0; k < n; k++) {
		free(pieces[k].bytes);
		free(pieces[k].frames);
	}
	free(pieces);
	free(lanes);
	return 0;
}
