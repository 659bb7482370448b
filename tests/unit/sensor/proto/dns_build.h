/* Writes DNS messages, right ones and wrong ones, for tests. */
#ifndef SHADOWTAP_TEST_DNS_BUILD_H
#define SHADOWTAP_TEST_DNS_BUILD_H

#include "slice.h"

struct dns_build {
	uint8_t b[8192];
	size_t n;
};

static inline void dns_put(struct dns_build *m, uint64_t v, unsigned bytes)
{
	while (bytes--)
		m->b[m->n++] = (uint8_t)(v >> 8 * bytes);
}

/* "a.b", or "a.@12" with a pointer to offset 12 at its end, or "@12". */
static inline void dns_name(struct dns_build *m, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");
		if (name[0] == '@') {
			unsigned to = 0;
			for (name++; *name; name++)
				to = to * 10 + (unsigned)(*name - '0');
			dns_put(m, 0xc000u | to, 2);
			return;
		}
		dns_put(m, n, 1);
		memcpy(m->b + m->n, name, n);
		m->n += n;
		name += n + (name[n] == '.');
	}
	dns_put(m, 0, 1);
}

/* flags: 0x0100 asks, 0x8180 answers. */
static inline void dns_begin(struct dns_build *m, uint16_t flags, const char *name, uint16_t type, uint16_t answers)
{
	m->n = 0;
	dns_put(m, 0x1234, 2);
	dns_put(m, flags, 2);
	dns_put(m, 1, 2);
	dns_put(m, answers, 2);
	dns_put(m, 0, 4);
	dns_name(m, name);
	dns_put(m, type, 2);
	dns_put(m, 1, 2);
}

/* Where the length of its data stands; what is put from here on is data until dns_close(). */
static inline size_t dns_open(struct dns_build *m, const char *owner, uint16_t type, uint32_t ttl)
{
	dns_name(m, owner);
	dns_put(m, type, 2);
	dns_put(m, 1, 2);
	dns_put(m, ttl, 4);
	dns_put(m, 0, 2);
	return m->n - 2;
}

static inline void dns_close(struct dns_build *m, size_t at)
{
	size_t n = m->n - at - 2;
	m->b[at] = (uint8_t)(n >> 8);
	m->b[at + 1] = (uint8_t)n;
}

static inline void dns_a(struct dns_build *m, const char *owner, uint32_t ttl, uint32_t address)
{
	size_t at = dns_open(m, owner, 1, ttl);
	dns_put(m, address, 4);
	dns_close(m, at);
}

static inline void dns_cname(struct dns_build *m, const char *owner, uint32_t ttl, const char *target)
{
	size_t at = dns_open(m, owner, 5, ttl);
	dns_name(m, target);
	dns_close(m, at);
}

#endif
