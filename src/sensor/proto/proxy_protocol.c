#include "proxy_protocol.h"

/* Section 2.1: the longest line of version 1, with its CRLF. */
enum { V1_LONGEST = 107, V2_HEADER = 16, V2_LONGEST = 536 };

/* Section 2.2: bytes 13 and 14 of version 2. */
enum { V2_COMMAND_PROXY = 1, V2_FAMILY_INET = 1, V2_FAMILY_INET6 = 2 };

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443": the third word, if it is of the family that the second says. */
static void v1_client(struct slice line, struct ip_addr *ret)
{
	struct slice rest = slice_after(line, 6), family = slice_first(rest, slice_find(rest, ' '));
	rest = slice_after(rest, family.n + 1);
	struct ip_addr a;
	if (!ip_addr_parse(slice_first(rest, slice_find(rest, ' ')), &a))
		return;
	if (slice_eq_str(family, a.family == 4 ? "TCP4" : "TCP6"))
		*ret = a;
}

static void v2_client(struct slice header, struct ip_addr *ret)
{
	uint8_t family = header.p[13] >> 4;
	size_t n = family == V2_FAMILY_INET ? 4 : family == V2_FAMILY_INET6 ? 16 : 0;
	if ((header.p[12] & 15) != V2_COMMAND_PROXY || n == 0 || header.n < V2_HEADER + n)
		return;
	ret->family = n == 4 ? 4 : 6;
	memcpy(ret->b, header.p + V2_HEADER, n);
}

size_t proxy_protocol_read(struct slice first, bool *ret_sure, struct ip_addr *ret_client)
{
	size_t n = first.n < 6 ? first.n : 6;
	*ret_sure = true;
	*ret_client = (struct ip_addr){0};
	if (n && memcmp(first.p, "PROXY ", n) == 0) {
		size_t lf = slice_find(first, '\n');
		if (lf == first.n) {
			*ret_sure = first.n >= V1_LONGEST;
			return 0;
		}
		if (n < 6 || lf >= V1_LONGEST || first.p[lf - 1] != '\r')
			return 0;
		v1_client(slice_first(first, lf - 1), ret_client);
		return lf + 1;
	}
	n = first.n < sizeof v2_signature ? first.n : sizeof v2_signature;
	if (n == 0 || memcmp(first.p, v2_signature, n) != 0)
		return 0;
	if (first.n < V2_HEADER) {
		*ret_sure = false;
		return 0;
	}
	size_t length = V2_HEADER + ((size_t)first.p[14] << 8 | first.p[15]);
	if (first.p[12] >> 4 != 2 || length > V2_LONGEST)
		return 0;
	*ret_sure = first.n >= length;
	if (!*ret_sure)
		return 0;
	v2_client(slice_first(first, length), ret_client);
	return length;
}
