/* The fields in which proxies say whom they speak for -> addresses: X-Forwarded-For and Forwarded (RFC 7239). Called
 * for requests that are MCP. They are claims: anybody can write them. Takes addresses only, no names, no "_hidden"
 * ones. */
#ifndef SHADOWTAP_MCP_CLAIM_H
#define SHADOWTAP_MCP_CLAIM_H

#include "http_head.h"
#include "observation.h"

struct mcp_claims {
	struct claimed_client items[LIMIT_CLAIMED_CLIENTS];
	uint8_t n;
};

/* In the order of the fields and of their lists; each address once per source; the first LIMIT_CLAIMED_CLIENTS. */
void mcp_claims_read(const struct http_head *request, struct mcp_claims *into);
void mcp_claims_add(struct mcp_claims *into, enum claim_source source, const struct ip_addr *address);

#endif
