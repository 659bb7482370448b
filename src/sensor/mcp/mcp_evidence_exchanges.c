/* The exchanges of a connection whose answers are awaited, oldest first, and the row of one that names no server. Called by the
 * files of evidence. Keeps no more than LIMIT_EXCHANGES: the oldest leaves, as HTTP forgets it too. */
#include "mcp_evidence.h"

struct mcp_exchange *mcp_evidence_exchange(struct mcp_evidence *e, unsigned depth, uint64_t id)
{
	struct mcp_exchange *x = e->exchanges;
	while (x && (x->id != id || x->depth != depth))
		x = x->next;
	return x;
}

void mcp_evidence_exchange_drop(struct mcp_evidence *e, struct mcp_exchange *x)
{
	struct mcp_exchange **at = &e->exchanges;
	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	e->n_exchanges--;
	mcp_call_exchange_gone(e, x);
	mcp_exchange_free(x);
}

void mcp_evidence_forget(struct mcp_evidence *e, const struct mcp_row *row)
{
	for (struct mcp_exchange *x = e->exchanges, *next; x; x = next) {
		next = x->next;
		if (x->row == row)
			mcp_evidence_exchange_drop(e, x);
	}
}

void mcp_evidence_exchange_add(struct mcp_evidence *e, struct mcp_exchange *x)
{
	if (e->n_exchanges == LIMIT_EXCHANGES) /* HTTP forgets the oldest too (http-pipeline-limit) */
		mcp_evidence_exchange_drop(e, e->exchanges);
	struct mcp_exchange **at = &e->exchanges;
	while (*at)
		at = &(*at)->next;
	*at = x;
	e->n_exchanges++;
}

/* The server of an exchange of which not enough was seen: that of the connection while it has one only. A lost segment must
 * not turn the connection to an approved name into a second one to its bare address. */
struct mcp_row *mcp_evidence_nameless(struct mcp_evidence *e)
{
	return e->n_rows == 1 ? e->rows[0] : mcp_evidence_row(e, slice_of(NULL, 0));
}
