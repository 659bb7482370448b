/* Link types: as files carry them -> the registered LINKTYPE_ value (pcap-linktype(7)); to and from libpcap's DLT_.
 * Called by the readers and the filter. Knows nothing of the link layers themselves. */
#ifndef SHADOWTAP_CAPTURE_LINK_H
#define SHADOWTAP_CAPTURE_LINK_H

#include <stdint.h>

/* The link-type field of a pcap header or of a pcapng interface. */
uint32_t capture_link_of_field(uint32_t field);

uint32_t capture_link_of_dlt(int dlt);
int capture_link_to_dlt(uint32_t link_type);

#endif
