#include "community_id.h"
#include "status.h"
#include <openssl/evp.h>

#define SHA1_BYTES 20

static size_t put_addr(uint8_t *p, const struct ip_addr *a)
{
	size_t n = a->family == 4 ? 4 : 16;
	memcpy(p, a->b, n);
	return n;
}

static size_t put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return 2;
}

/* "1:" + base64(SHA-1(seed, lower address, higher address, protocol, 0, their ports)); where the addresses are equal
 * the lower port comes first. SHA-1 is what the specification asks for; nothing here depends on its strength. */
int community_id(const struct ip_addr *a, uint16_t a_port, const struct ip_addr *b, uint16_t b_port, uint8_t l4,
                 char ret[COMMUNITY_ID_TEXT])
{
	int order = memcmp(a->b, b->b, a->family == 4 ? 4 : 16);
	if (order > 0 || (order == 0 && a_port > b_port)) {
		const struct ip_addr *addr = a;
		uint16_t port = a_port;
		a = b;
		a_port = b_port;
		b = addr;
		b_port = port;
	}
	uint8_t in[2 + 16 + 16 + 2 + 2 + 2];
	size_t n = put_be16(in, 0);
	n += put_addr(in + n, a);
	n += put_addr(in + n, b);
	in[n++] = l4;
	in[n++] = 0;
	n += put_be16(in + n, a_port);
	n += put_be16(in + n, b_port);

	unsigned char digest[EVP_MAX_MD_SIZE];
	if (EVP_Digest(in, n, digest, NULL, EVP_sha1(), NULL) != 1)
		return FAIL_MEMORY;
	ret[0] = '1';
	ret[1] = ':';
	EVP_EncodeBlock((unsigned char *)ret + 2, digest, SHA1_BYTES);
	return 0;
}
