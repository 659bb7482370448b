#include "mcp_records.h"
#include <stdlib.h>

void mcp_records_put_take(struct mcp_records *r, uint32_t authority_ordinal, uint8_t *bytes, size_t n)
{
	struct mcp_record *one = malloc(sizeof *one);
	if (!one) {
		free(bytes);
		return;
	}
	*one = (struct mcp_record){.authority_ordinal = authority_ordinal, .bytes = bytes, .n = n};
	*(r->last ? &r->last->next : &r->first) = one;
	r->last = one;
	r->bytes += n;
}

uint8_t *mcp_records_pop(struct mcp_records *r, uint32_t *ret_authority_ordinal, size_t *ret_n)
{
	struct mcp_record *one = r->first;
	if (!one)
		return NULL;
	uint8_t *bytes = one->bytes;
	*ret_authority_ordinal = one->authority_ordinal;
	*ret_n = one->n;
	r->first = one->next;
	if (!r->first)
		r->last = NULL;
	r->bytes -= one->n;
	free(one);
	return bytes;
}

void mcp_records_done(struct mcp_records *r)
{
	uint32_t ordinal;
	size_t n;
	for (uint8_t *bytes; (bytes = mcp_records_pop(r, &ordinal, &n)) != NULL;)
		free(bytes);
}
