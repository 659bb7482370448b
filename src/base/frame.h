/* One captured frame as capture hands it to decode. Borrowed bytes; packet time is the only clock of the sensor. */
#ifndef SHADOWTAP_FRAME_H
#define SHADOWTAP_FRAME_H

#include <stdint.h>

#define NS_PER_SEC INT64_C(1000000000)

struct frame {
	const uint8_t *data;
	uint32_t caplen;    /* bytes present at data */
	uint32_t len;       /* bytes on the wire; >= caplen */
	uint32_t link_type; /* LINKTYPE_ value as written in capture files (pcap-linktype(7)) */
	uint32_t capture;   /* index of the file or interface it came from */
	int64_t time_ns;    /* nanoseconds since the epoch, packet time */
	uint64_t number;    /* 1-based within its capture */
};

#endif
