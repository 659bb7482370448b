/* The opening of a connection to a SOCKS proxy -> the server that was asked for, and where the tunnel begins: SOCKS5
 * (RFC 1928) with no authentication or a password (RFC 1929), SOCKS4 and 4a. Called by app_stream. Follows CONNECT
 * only: not BIND, not UDP, no GSSAPI (which wraps what follows). Passwords are stepped over, never kept. */
#ifndef SHADOWTAP_SOCKS_H
#define SHADOWTAP_SOCKS_H

#include "limits.h"
#include "slice.h"
#include "status.h"

struct socks_facts {
	uint8_t version;            /* 4 or 5 */
	bool asked;                 /* the request was read */
	char authority[LIMIT_HOST]; /* "name:port", "[v6]:port": the server that the client asked for */
};

struct socks;

/* Whether a client's first bytes could open a SOCKS connection; *ret_sure once there are enough to know. */
bool socks_looks_like(struct slice first, bool *ret_sure);

/* NULL when out of memory. */
struct socks *socks_new(void);
/* PARSE_DONE: what follows the first *ret_consumed bytes is the tunnel's. PARSE_BAD: refused, or nothing that is read
 * here. Neither direction waits for the other: clients may go on before the proxy answered. */
enum parse socks_feed(struct socks *s, enum direction d, struct slice bytes, size_t *ret_consumed);
const struct socks_facts *socks_facts(const struct socks *s);
size_t socks_memory(void);
void socks_free(struct socks *s);

#endif
