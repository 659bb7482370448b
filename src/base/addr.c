#include "addr.h"
#include <arpa/inet.h>
#include <stdio.h>

bool ip_addr_parse(struct slice text, struct ip_addr *ret)
{
	char buf[IP_ADDR_TEXT];
	if (text.n == 0 || text.n >= sizeof buf || memchr(text.p, 0, text.n))
		return false;
	memcpy(buf, text.p, text.n);
	buf[text.n] = 0;
	struct ip_addr a = {0};
	if (inet_pton(AF_INET, buf, a.b) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, buf, a.b) == 1)
		a.family = 6;
	else
		return false;
	*ret = a;
	return true;
}

void ip_addr_format(const struct ip_addr *a, char out[IP_ADDR_TEXT])
{
	out[0] = 0;
	if (a->family)
		inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, out, IP_ADDR_TEXT);
}

bool ip_addr_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return ip_addr_cmp(a, b) == 0;
}

int ip_addr_cmp(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, sizeof a->b);
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool ip_net_parse(struct slice text, struct ip_net *ret)
{
	size_t slash = slice_find(text, '/');
	struct ip_net net = {0};
	if (!ip_addr_parse(slice_first(text, slash), &net.addr))
		return false;
	unsigned most = net.addr.family == 4 ? 32 : 128, bits = most;
	if (slash < text.n) {
		struct slice digits = slice_after(text, slash + 1);
		if (digits.n == 0 || digits.n > 3 || (digits.n > 1 && digits.p[0] == '0'))
			return false;
		bits = 0;
		for (size_t i = 0; i < digits.n; i++) {
			if (digits.p[i] < '0' || digits.p[i] > '9')
				return false;
			bits = bits * 10 + (digits.p[i] - '0');
		}
		if (bits > most)
			return false;
	}
	for (unsigned i = bits; i < most; i++)
		if (net.addr.b[i / 8] & (0x80 >> (i % 8)))
			return false;
	net.bits = (uint8_t)bits;
	*ret = net;
	return true;
}

bool ip_net_contains(const struct ip_net *net, const struct ip_addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}; /* RFC 4291 2.5.5.2 */
	if (net->addr.family == a->family)
		return a->family != 0 && bits_equal(net->addr.b, a->b, net->bits);
	if (net->addr.family == 4 && a->family == 6 && memcmp(a->b, mapped, sizeof mapped) == 0)
		return bits_equal(net->addr.b, a->b + 12, net->bits);
	return false;
}
