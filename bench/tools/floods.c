/* A number -> captures that are nothing but new connections, from an arithmetic of its own: the same bytes each time.
 * Run by bench/run. None of them holds MCP.
 *
 * tiny: SYN, SYN/ACK, one request, RST; half HTTP GET, a quarter TLS records without an answer, a quarter JSON-RPC.
 *
 * syn: SYNs from all over and nothing else.
 *
 * open: connections that are all open at once: handshake, one line of SSH from both sides, no end. */
#include "pcap_out.h"
#include <stdbool.h>
#include <string.h>

enum { SYN = 2, RST = 4, PSH = 8, ACK = 16, HEADERS = 54, PAYLOAD_MAX = 256 };

struct end {
	uint32_t addr;
	uint16_t port;
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += be16_get(p + i);
	return n & 1 ? sum + ((uint32_t)p[n - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void send(struct pcap_out *o, struct end from, struct end to, uint32_t seq, uint32_t ack, uint8_t flags,
		 const void *payload, size_t n, unsigned after_us)
{
	uint8_t f[HEADERS + PAYLOAD_MAX] = {2, 0x78, 0, 0, 0, 0x20, 2, 0x78, 0, 0, 0, 0x10, 8, 0, 0x45};
	uint8_t *ip = f + 14, *tcp = f + 34;
	be16_put(ip + 2, (uint16_t)(40 + n));
	be16_put(ip + 4, (uint16_t)seq);
	be16_put(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = 6;
	be32_put(ip + 12, from.addr);
	be32_put(ip + 16, to.addr);
	be16_put(ip + 10, fold(sum16(ip, 20, 0)));
	be16_put(tcp, from.port);
	be16_put(tcp + 2, to.port);
	be32_put(tcp + 4, seq);
	be32_put(tcp + 8, ack);
	tcp[12] = 0x50;
	tcp[13] = flags;
	be16_put(tcp + 14, 64240);
	if (n)
		memcpy(f + HEADERS, payload, n);
	be16_put(tcp + 16, fold(sum16(tcp, 20 + n, sum16(ip + 12, 8, 6 + 20 + (uint32_t)n))));
	o->time_us += after_us;
	pcap_out_frame(o, f, (uint32_t)(HEADERS + n), (uint32_t)(HEADERS + n));
}

static const struct {
	const char *text;
	size_t n;
	uint16_t port;
} asks[4] = {
	{"GET /a HTTP/1.1\r\nHost: web.example.edu\r\n\r\n", 0, 80},
	{"\x16\x03\x01\x00\xc3\x01\x00\x00\xbf\x03\x03", 200, 443}, /* and no hello behind it */
	{"GET /mcp-news HTTP/1.1\r\nHost: w\r\n\r\n", 0, 80},
	{"{\"id\":1,\"method\":\"eth_blockNumber\"}\n", 0, 8545},
};

static void connection(struct pcap_out *o, uint32_t k, bool open)
{
	struct end client = {0x0a800000 + (uint32_t)((uint64_t)k * 7919 % 0x400000), (uint16_t)(1024 + k % 60000)};
	struct end server = {0x0a4e0014, open ? 22 : asks[k & 3].port};
	uint32_t c = k * 2654435761u, s = k;
	send(o, client, server, c, 0, SYN, NULL, 0, 8);
	send(o, server, client, s, c + 1, SYN | ACK, NULL, 0, 4);
	if (open) {
		static const char hello[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";
		size_t n = sizeof hello - 1;
		send(o, server, client, s + 1, c + 1, PSH | ACK, hello, n, 4);
		send(o, client, server, c + 1, s + 1 + (uint32_t)n, PSH | ACK, hello, n, 4);
		return;
	}
	uint8_t ask[PAYLOAD_MAX];
	size_t n = asks[k & 3].n ? asks[k & 3].n : strlen(asks[k & 3].text);
	for (size_t i = 0; i < n; i++)
		ask[i] = (uint8_t)i;
	memcpy(ask, asks[k & 3].text, asks[k & 3].n ? 11 : n);
	send(o, client, server, c + 1, s + 1, PSH | ACK, ask, n, 4);
	send(o, client, server, c + 1 + (uint32_t)n, s + 1, RST, NULL, 0, 4);
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	if (n == 0 || n > UINT32_MAX ||
	    (strcmp(argv[1], "tiny") != 0 && strcmp(argv[1], "syn") != 0 && strcmp(argv[1], "open") != 0)) {
		fputs("usage: floods tiny|syn|open NUMBER FILE\n", stderr);
		return 2;
	}
	struct pcap_out o;
	pcap_out_open(&o, argv[3], 1);
	uint64_t random = 1;
	for (uint32_t k = 0; k < n; k++) {
		if (argv[1][0] != 's') {
			connection(&o, k, argv[1][0] == 'o');
			continue;
		}
		uint64_t r = next_random(&random), r2 = next_random(&random);
		struct end from = {(uint32_t)r, (uint16_t)(r >> 32)}, to = {0x0a4e0014, k & 1 ? 443 : 80};
		send(&o, from, to, (uint32_t)r2, 0, SYN, NULL, 0, 2);
	}
	pcap_out_close(&o);
	return 0;
}
