/* Records other than observations, made while a message is read -> handed over once the observation that they refer to is out. Filled by
 * evidence, emptied by flow_work after each packet. Oldest first; owns the bytes. */
#ifndef SHADOWTAP_MCP_RECORDS_H
#define SHADOWTAP_MCP_RECORDS_H

#include <stddef.h>
#include <stdint.h>

struct mcp_record {
	struct mcp_record *next;
	uint32_t authority_ordinal; /* of its row */
	uint8_t *bytes;
	size_t n;
};

struct mcp_records {
	struct mcp_record *first, *last;
	size_t bytes;
};

/* Takes the bytes (malloc'd), and frees them if memory is out. */
void mcp_records_put_take(struct mcp_records *r, uint32_t authority_ordinal, uint8_t *bytes, size_t n);
/* The oldest one's bytes are the caller's; NULL: there is none. */
uint8_t *mcp_records_pop(struct mcp_records *r, uint32_t *ret_authority_ordinal, size_t *ret_n);
void mcp_records_done(struct mcp_records *r);

#endif
