#include "capture_link.h"

#include <pcap/pcap.h>
#include <stddef.h>

/* Where the number in a file differs from libpcap's own on this system: these had different DLT_ numbers on different
 * systems before the registry began. All later ones are the same in both. */
static const struct {
	uint32_t link_type;
	int dlt;
} differs[] = {
    {100, DLT_ATM_RFC1483}, {101, DLT_RAW},      {102, DLT_SLIP_BSDOS},
    {103, DLT_PPP_BSDOS},   {106, DLT_ATM_CLIP}, {246, DLT_PFSYNC},
};

uint32_t capture_link_of_field(uint32_t field)
{
	/* The upper half says how many FCS bytes end each packet (draft-ietf-opsawg-pcap); IP lengths tell that too. */
	uint32_t link_type = field & 0xffff;
	switch (link_type) { /* the DLT_ number of one system or another, written by tools that skip the mapping */
	case 11: return 100;
	case 12: /* most systems */
	case 14: /* OpenBSD */ return 101;
	case 19: return 106;
	default: return link_type;
	}
}

uint32_t capture_link_of_dlt(int dlt)
{
	for (size_t i = 0; i < sizeof differs / sizeof *differs; i++)
		if (differs[i].dlt == dlt)
			return differs[i].link_type;
	return (uint32_t)dlt;
}

int capture_link_to_dlt(uint32_t link_type)
{
	for (size_t i = 0; i < sizeof differs / sizeof *differs; i++)
		if (differs[i].link_type == link_type)
			return differs[i].dlt;
	return (int)link_type;
}
