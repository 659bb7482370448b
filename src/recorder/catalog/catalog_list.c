/* Pages -> whole lists. A client reads a list page by page, each with the cursor that the one before named; its pages may come on several
 * connections of its session. A list is whole when its first page and each that was named were read, and the last names none. Where the
 * requests are not on the answers' connection (the legacy transport) a page is taken for the one that its reader waits for. */
#include "catalog_state.h"
#include <stdlib.h>

/* Who reads: the session, else the client by address and name (stateless servers). Two of the same client at a time look like a lost page. */
static uint64_t reader_of(const struct catalog *c, const struct observation *o)
{
	struct {
		uint8_t family, address[16];
		char name[LIMIT_NAME];
	} who;
	if (o->n_session_keys)
		return o->session_keys[0] ? o->session_keys[0] : 1;
	memset(&who, 0, sizeof who);
	who.family = o->client_ip.family;
	memcpy(who.address, o->client_ip.b, sizeof who.address);
	if (o->client_name)
		memcpy(who.name, o->client_name, strnlen(o->client_name, sizeof who.name - 1));
	return siphash(&c->key, &who, sizeof who) | 1;
}

static struct listing *listing_of(struct catalog_list *l, uint64_t reader)
{
	struct listing *place = &l->readers[0];
	for (int i = 0; i < LIMIT_CATALOG_READERS; i++) {
		if (l->readers[i].reader == reader)
			return &l->readers[i];
		if (l->readers[i].time_ns < place->time_ns)
			place = &l->readers[i];
	}
	*place = (struct listing){.reader = reader};
	return place;
}

/* The page's first piece: it goes on with the list, or begins another one. */
static void page_begin(struct listing *g, const struct offer *o)
{
	bool next = g->expect && (o->request_seen ? o->cursor == g->expect : true);
	if (!next)
		*g = (struct listing){.reader = g->reader, .began_ns = o->time_ns, .broken = o->request_seen && o->cursor != 0};
	g->expect = 0;
}

static void look_at_names(struct listing *g, const struct offer *o)
{
	static const char *const code_tools[] = {"code", "codemode", "code_mode", "code-mode", "execute_code", "execute-code", "run_code",
	                                         "run-code", "execute_typescript", "execute_javascript", "run_typescript", "run_javascript"};
	for (size_t i = 0; i < o->n; i++) {
		const char *name = o->items[i].name;
		g->search |= strcmp(name, "search") == 0;
		g->execute |= strcmp(name, "execute") == 0;
		for (size_t k = 0; k < sizeof code_tools / sizeof *code_tools; k++)
			g->code |= strcmp(name, code_tools[k]) == 0;
	}
}

/* Two tools named search and execute (a third explains them), or one that takes code: behind them is all that the server can do. */
static bool is_code_mode(const struct listing *g)
{
	return (g->search && g->execute && g->count <= 3) || (g->code && g->count == 1);
}

bool catalog_list_take(struct catalog *c, struct catalog_server *s, const struct offer *offer, const struct observation *o)
{
	struct catalog_list **list = &s->lists[offer->list], *l = *list;
	if (!l) {
		l = *list = calloc(1, sizeof *l);
		if (!l)
			return false;
		s->bytes += sizeof *l;
		c->counts.bytes += sizeof *l;
		l->first_ns = l->last_ns = offer->time_ns;
		l->told_ns = INT64_MIN;
	}
	l->first_ns = offer->time_ns < l->first_ns ? offer->time_ns : l->first_ns;
	l->last_ns = offer->time_ns > l->last_ns ? offer->time_ns : l->last_ns;
	l->dirty = true;
	struct listing *g = listing_of(l, reader_of(c, o));
	if (offer->first)
		page_begin(g, offer);
	g->time_ns = offer->time_ns;
	g->count += offer->n;
	g->broken |= offer->cut;
	look_at_names(g, offer);
	if (!offer->last)
		return false;
	if (offer->next_cursor) {
		g->expect = offer->next_cursor;
		return false;
	}
	bool whole = !g->broken;
	if (whole && offer->time_ns >= l->complete_ns) {
		if (l->definitions != g->count || !l->complete_ns)
			l->told_ns = INT64_MIN;
		l->complete_ns = offer->time_ns;
		l->since_ns = g->began_ns;
		l->definitions = g->count;
	}
	if (whole && offer->list == LIST_TOOLS && is_code_mode(g))
		s->tags |= TAG_CODE_MODE;
	*g = (struct listing){.reader = g->reader, .time_ns = g->time_ns};
	return whole;
}

int catalog_list_tell(struct catalog_server *s, enum definition_list list, const struct catalog_sink *sink)
{
	struct catalog_list *l = s->lists[list];
	int result = 0;
	if (l->told_ns != INT64_MIN && l->last_ns - l->told_ns < LIMIT_CATALOG_TELL_NS)
		return 0;
	for (struct catalog_definition *d = s->own; d; d = d->next_own)
		for (unsigned i = 0; d->list == list && i < d->n; i++)
			if (d->versions[i].told_ns != d->versions[i].last_ns) {
				int one = catalog_row_tell(d, &d->versions[i], sink);
				result = result ? result : one;
			}
	int told = catalog_row_tell_list(s, list, sink);
	return result ? result : told;
}
