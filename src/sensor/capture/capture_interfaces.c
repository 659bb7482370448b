/* The interfaces that libpcap knows -> what can be captured on, and why not. Called by `shadowtap interfaces`.
 * Opens network interfaces for a moment, never promiscuously; leaves alone what opening alone would change. */
#include "capture_live.h"

#include "limits.h"
#include "status.h"
#include "text.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

/* What libpcap lists beside network interfaces and is of no use here. */
static const struct {
	const char *begins;
	const char *why_not;
} unsuited[] = {
    {"bluetooth", "Bluetooth, which carries no IP packets here"},
    {"usbmon", "a USB bus, which carries no IP packets"},
    {"dbus-", "D-Bus, which carries no IP packets"},
    {"nflog", "the firewall's log, whose packets have a header that is not read"},
    {"nfqueue", "a queue that holds up the traffic until somebody lets it pass; shadowtap only watches"},
};

static void addresses_text(const pcap_if_t *i, char out[LIMIT_INTERFACE_ADDRESSES])
{
	static const char more[] = ", ...";
	size_t n = 0;
	out[0] = '\0';
	for (const pcap_addr_t *a = i->addresses; a; a = a->next) {
		char one[INET6_ADDRSTRLEN];
		const void *address = NULL;
		if (a->addr && a->addr->sa_family == AF_INET)
			address = &((const struct sockaddr_in *)(const void *)a->addr)->sin_addr;
		else if (a->addr && a->addr->sa_family == AF_INET6)
			address = &((const struct sockaddr_in6 *)(const void *)a->addr)->sin6_addr;
		if (!address || !inet_ntop(a->addr->sa_family, address, one, sizeof one))
			continue;
		if (n + 2 + strlen(one) + sizeof more > LIMIT_INTERFACE_ADDRESSES) {
			text_append(out, LIMIT_INTERFACE_ADDRESSES, &n, "%s", more);
			return;
		}
		text_append(out, LIMIT_INTERFACE_ADDRESSES, &n, "%s%s", n ? ", " : "", one);
	}
}

/* Sets link_type, or why_not with the help of the buffer. */
static void try_open(const char *name, struct capture_interface_info *info, char why[CAPTURE_ERROR_TEXT])
{
	char says[PCAP_ERRBUF_SIZE] = "";
	info->why_not = why;
	pcap_t *p = pcap_create(name, says);
	if (!p) {
		snprintf(why, CAPTURE_ERROR_TEXT, "%s", says);
		return;
	}
	pcap_set_snaplen(p, 64);
	pcap_set_timeout(p, CAPTURE_LIVE_WAIT_MS);
	pcap_set_buffer_size(p, (int)LIMIT_LIVE_RING_LEAST);
	int rc = pcap_activate(p);
	if (rc >= 0) {
		info->why_not = NULL;
		info->link_type = pcap_datalink_val_to_name(pcap_datalink(p));
	} else if (rc == PCAP_ERROR_PERM_DENIED) {
		snprintf(why, CAPTURE_ERROR_TEXT, "no permission: this needs root or the capability CAP_NET_RAW");
	} else if (rc == PCAP_ERROR_IFACE_NOT_UP) {
		snprintf(why, CAPTURE_ERROR_TEXT, "it is down (ip link set %s up)", name);
	} else {
		const char *more = pcap_geterr(p);
		snprintf(why, CAPTURE_ERROR_TEXT, "%s", more[0] ? more : pcap_statustostr(rc));
	}
	pcap_close(p);
}

static void describe(const pcap_if_t *i, capture_interface_fn *fn, void *context)
{
	char addresses[LIMIT_INTERFACE_ADDRESSES], why[CAPTURE_ERROR_TEXT];
	struct capture_interface_info info = {
	    .name = i->name,
	    .description = i->description,
	    .addresses = addresses,
	    .network = strcmp(i->name, "any") == 0 || if_nametoindex(i->name) != 0,
	    .up = i->flags & PCAP_IF_UP,
	    .running = i->flags & PCAP_IF_RUNNING,
	    .loopback = i->flags & PCAP_IF_LOOPBACK,
	    .wireless = i->flags & PCAP_IF_WIRELESS,
	};
	addresses_text(i, addresses);
	/* Opening others may do more than look (that of nflog resets where the firewall logs to). They are shown
	 * untried. */
	if (info.network) {
		try_open(i->name, &info, why);
	} else {
		for (size_t k = 0; k < sizeof unsuited / sizeof *unsuited; k++)
			if (slice_starts(slice_str(i->name), unsuited[k].begins))
				info.why_not = unsuited[k].why_not;
	}
	fn(context, &info);
}

int capture_interfaces(capture_interface_fn *fn, void *context, char error[CAPTURE_ERROR_TEXT])
{
	char says[PCAP_ERRBUF_SIZE] = "";
	pcap_if_t *all = NULL;
	if (pcap_findalldevs(&all, says) != 0) {
		snprintf(error, CAPTURE_ERROR_TEXT, "listing the interfaces: %.*s", CAPTURE_ERROR_TEXT - 32, says);
		return FAIL_IO;
	}
	for (const pcap_if_t *i = all; i; i = i->next)
		describe(i, fn, context);
	pcap_freealldevs(all);
	return 0;
}
