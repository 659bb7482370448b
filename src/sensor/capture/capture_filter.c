#include "capture_filter.h"

#include "capture_link.h"
#include "limits.h"
#include "status.h"
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKTYPE_ETHERNET 1
#define SNAPLEN 262144 /* what libpcap takes as no limit */

enum program_state { PROGRAM_UNTRIED = 0, PROGRAM_READY, PROGRAM_REFUSED };

/* Indexed by link type: a capture file may name thousands, so a small cache could be thrashed, or filled with useless
 * ones so that the real one is refused. */
struct capture_filter {
	char *expression;
	uint64_t refused;
	struct {
		enum program_state state;
		struct bpf_program program;
	} link[LIMIT_FILTER_LINK_TYPES];
};

/* 0 or FAIL_CONFIG, FAIL_MEMORY. */
static int program_compile(struct capture_filter *f, uint32_t link_type, char *error, size_t error_size)
{
	f->link[link_type].state = PROGRAM_REFUSED;
	pcap_t *dead = pcap_open_dead(capture_link_to_dlt(link_type), SNAPLEN);
	if (!dead) {
		snprintf(error, error_size, "out of memory");
		return FAIL_MEMORY;
	}
	int fail = 0;
	if (pcap_compile(dead, &f->link[link_type].program, f->expression, 1, PCAP_NETMASK_UNKNOWN) == 0) {
		f->link[link_type].state = PROGRAM_READY;
	} else {
		snprintf(error, error_size, "%s", pcap_geterr(dead));
		fail = FAIL_CONFIG;
	}
	pcap_close(dead);
	return fail;
}

int capture_filter_new(const char *expression, struct capture_filter **ret, char *error, size_t error_size)
{
	struct capture_filter *f = calloc(1, sizeof *f);
	int fail = f && (f->expression = strdup(expression)) ? 0 : FAIL_MEMORY;
	if (fail)
		snprintf(error, error_size, "out of memory");
	else
		fail = program_compile(f, LINKTYPE_ETHERNET, error, error_size);
	if (fail) {
		capture_filter_free(f);
		return fail;
	}
	*ret = f;
	return 0;
}

bool capture_filter_matches(struct capture_filter *f, const struct frame *frame)
{
	uint32_t link_type = frame->link_type;
	char ignored[PCAP_ERRBUF_SIZE];
	if (link_type < LIMIT_FILTER_LINK_TYPES && f->link[link_type].state == PROGRAM_UNTRIED)
		program_compile(f, link_type, ignored, sizeof ignored);
	if (link_type >= LIMIT_FILTER_LINK_TYPES || f->link[link_type].state == PROGRAM_REFUSED) {
		f->refused++;
		return false;
	}
	struct pcap_pkthdr header = {.caplen = frame->caplen, .len = frame->len};
	return pcap_offline_filter(&f->link[link_type].program, &header, frame->data) != 0;
}

uint64_t capture_filter_refused(const struct capture_filter *f)
{
	return f->refused;
}

void capture_filter_free(struct capture_filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < LIMIT_FILTER_LINK_TYPES; i++)
		if (f->link[i].state == PROGRAM_READY)
			pcap_freecode(&f->link[i].program);
	free(f->expression);
	free(f);
}
