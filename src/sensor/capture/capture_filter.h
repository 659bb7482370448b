/* BPF filters (pcap-filter(7)) on frames of any link type: compiled by libpcap, once per link type on first sight.
 * Called by cli for every frame when --filter is given. */
#ifndef SHADOWTAP_CAPTURE_FILTER_H
#define SHADOWTAP_CAPTURE_FILTER_H

#include "frame.h"
#include <stdbool.h>
#include <stddef.h>

struct capture_filter;

/* Checks the expression on Ethernet first, so that a typo is found before anything is read.
 * FAIL_CONFIG with libpcap's sentence in error, or FAIL_MEMORY. */
int capture_filter_new(const char *expression, struct capture_filter **ret, char *error, size_t error_size);
/* A frame of a link type for which the expression cannot be compiled does not match (counted in *refused). */
bool capture_filter_matches(struct capture_filter *f, const struct frame *frame);
uint64_t capture_filter_refused(const struct capture_filter *f);
void capture_filter_free(struct capture_filter *f);

#endif
