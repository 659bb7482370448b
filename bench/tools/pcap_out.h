/* Frames -> a classic pcap file of microseconds, Ethernet. Buffered here: the files are large and the frames small.
 * Included by the generators of bench. Time is what the caller says. */
#ifndef SHADOWTAP_BENCH_PCAP_OUT_H
#define SHADOWTAP_BENCH_PCAP_OUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct pcap_out {
	FILE *file;
	uint64_t bytes;
	uint64_t time_us;
};

#define PCAP_OUT_START_SECONDS UINT64_C(1763800000)

static inline void pcap_out_fail(const char *what)
{
	perror(what);
	exit(1);
}

static inline void pcap_out_open(struct pcap_out *o, const char *path, uint32_t link_type)
{
	const uint32_t head[6] = {0xA1B2C3D4, 4u << 16 | 2, 0, 0, 262144, link_type};
	*o = (struct pcap_out){
	    .file = fopen(path, "wb"), .bytes = sizeof head, .time_us = PCAP_OUT_START_SECONDS * 1000000};
	if (!o->file || setvbuf(o->file, NULL, _IOFBF, 1 << 20) != 0 || fwrite(head, sizeof head, 1, o->file) != 1)
		pcap_out_fail(path);
}

static inline void pcap_out_frame(struct pcap_out *o, const uint8_t *frame, uint32_t n, uint32_t wire)
{
	const uint32_t head[4] = {(uint32_t)(o->time_us / 1000000), (uint32_t)(o->time_us % 1000000), n, wire};
	if (fwrite(head, sizeof head, 1, o->file) != 1 || fwrite(frame, 1, n, o->file) != n)
		pcap_out_fail("write");
	o->bytes += sizeof head + n;
}

static inline void pcap_out_close(struct pcap_out *o)
{
	if (fclose(o->file) != 0)
		pcap_out_fail("write");
}

static inline uint16_t be16_get(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void be16_put(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void be32_put(uint8_t *p, uint32_t v)
{
	be16_put(p, (uint16_t)(v >> 16));
	be16_put(p + 2, (uint16_t)v);
}

#endif
