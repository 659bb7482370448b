/* The yardstick: a bare libpcap read loop that touches each packet (one byte of its headers, its length) and nothing
 * else. Run by bench/run against the sensor on the same file; prints packets and bytes. Understands nothing of what it
 * reads. */
#include <inttypes.h>
#include <pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
	if (!p) {
		fprintf(stderr, "usage: pcap_loop FILE %s\n", error);
		return 2;
	}
	struct pcap_pkthdr *h;
	const u_char *data;
	uint64_t packets = 0, bytes = 0, sum = 0;
	int status;
	while ((status = pcap_next_ex(p, &h, &data)) == 1) {
		packets++;
		bytes += h->len;
		sum += h->caplen ? data[h->caplen > 34 ? 34 : h->caplen - 1] : 0;
	}
	printf("%" PRIu64 " packets, %" PRIu64 " bytes, sum %" PRIu64 "\n", packets, bytes, sum);
	if (status == PCAP_ERROR)
		fprintf(stderr, "%s\n", pcap_geterr(p));
	pcap_close(p);
	return status == PCAP_ERROR;
}
