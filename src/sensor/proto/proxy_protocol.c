#include "proxy_protocol.h"

/* Section 2.1: the longest line of version 1, with its CRLF. */
enum { V1_LONGEST = 107, V2_HEADER = 16, V2_LONGEST = 536 };

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

size_t proxy_protocol_length(struct slice first, bool *ret_sure)
{
	size_t n = first.n < 6 ? first.n : 6;
	*ret_sure = true;
	if (n && memcmp(first.p, "PROXY ", n) == 0) {
		size_t lf = slice_find(first, '\n');
		if (lf < first.n)
			return n == 6 && lf < V1_LONGEST && first.p[lf - 1] == '\r' ? lf + 1 : 0;
		*ret_sure = first.n >= V1_LONGEST;
		return 0;
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
	return *ret_sure ? length : 0;
}
