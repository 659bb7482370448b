/* Addresses, ports and protocol -> Community ID version 1 with seed 0, the flow name that Zeek, Suricata and others
 * write too (github.com/corelight/community-id-spec). Both directions of a flow give the same id. TCP and UDP only. */
#ifndef SHADOWTAP_COMMUNITY_ID_H
#define SHADOWTAP_COMMUNITY_ID_H

#include "event.h"

/* 0, or FAIL_MEMORY. */
int community_id(const struct ip_addr *a, uint16_t a_port, const struct ip_addr *b, uint16_t b_port, uint8_t l4,
                 char ret[COMMUNITY_ID_TEXT]);

#endif
