#include "catalog_state.h"
#include "status.h"
#include <stdlib.h>

struct catalog *catalog_new(void)
{
	struct catalog *c = calloc(1, sizeof *c);
	if (c && !hash_key_random(&c->key)) { /* nothing that anybody sees depends on the order of the tables */
		free(c);
		return NULL;
	}
	return c;
}

static int take_definitions(struct catalog *c, struct catalog_server *s, const struct offer *offer, const struct catalog_sink *sink)
{
	unsigned changes = LIMIT_CATALOG_CHANGES_PAGE;
	int result = 0;
	for (size_t i = 0; i < offer->n; i++) {
		const struct definition *seen = &offer->items[i];
		struct catalog_definition *d = catalog_definition_find(c, s, offer->list, seen->name, strlen(seen->name));
		if (!d && s->n >= LIMIT_CATALOG_SERVER_DEFINITIONS) {
			c->counts.refused++;
			continue;
		}
		if (!d)
			d = catalog_definition_make(c, s, offer->list, seen->name);
		int one = d ? catalog_definition_take(c, d, seen, offer, &changes, sink) : FAIL_MEMORY;
		result = result ? result : one;
	}
	return result;
}

int catalog_take(struct catalog *c, const struct offer *offer, const struct observation *o, const struct catalog_sink *sink)
{
	struct offer at = *offer;
	at.time_ns -= ((at.time_ns % 1000) + 1000) % 1000; /* as the rows have it: what was read from them compares equal */
	struct catalog_server *s = catalog_server_of(c, o, true);
	if (!s)
		return FAIL_MEMORY;
	catalog_server_touch(c, s);
	s->has_address = !o->via_proxy;
	s->address = o->server_ip;
	int result = take_definitions(c, s, &at, sink);
	bool whole = catalog_list_take(c, s, &at, o);
	if (whole && at.list == LIST_TOOLS)
		catalog_tags_read(c, s, o, at.time_ns);
	int told = s->lists[at.list] && at.last ? catalog_list_tell(s, at.list, sink) : 0;
	int room = catalog_make_room(c, s, sink);
	return result ? result : told ? told : room;
}

static int flush_server(struct catalog_server *s, const struct catalog_sink *sink)
{
	int result = 0;
	for (int list = LIST_NONE + 1; list < LIST_COUNT; list++)
		if (s->lists[list] && s->lists[list]->dirty) {
			s->lists[list]->told_ns = INT64_MIN;
			int one = catalog_list_tell(s, (enum definition_list)list, sink);
			result = result ? result : one;
		}
	return result;
}

int catalog_flush(struct catalog *c, const struct catalog_sink *sink)
{
	int result = 0;
	for (struct catalog_server *s = c->stalest; s; s = s->fresher) {
		int one = flush_server(s, sink);
		result = result ? result : one;
	}
	return result;
}

static bool over(const struct catalog *c)
{
	return c->counts.servers > LIMIT_CATALOG_SERVERS || c->counts.definitions > LIMIT_CATALOG_DEFINITIONS ||
	       c->counts.bytes > LIMIT_CATALOG_BYTES;
}

int catalog_make_room(struct catalog *c, const struct catalog_server *but, const struct catalog_sink *sink)
{
	int result = 0;
	while (over(c) && c->stalest && c->stalest != but) {
		int one = flush_server(c->stalest, sink);
		result = result ? result : one;
		catalog_server_free(c, c->stalest);
		c->counts.left++;
	}
	return result;
}

size_t catalog_tags(const struct catalog *c, const struct observation *o, const char *ret[LIMIT_TAGS])
{
	struct catalog_server *s = catalog_server_of((struct catalog *)c, o, false);
	size_t n = 0;
	if (s && s->tags & TAG_PORTAL)
		ret[n++] = "portal";
	if (s && s->tags & TAG_CODE_MODE)
		ret[n++] = "code-mode";
	return n;
}

void catalog_counts(const struct catalog *c, struct catalog_counts *ret)
{
	*ret = c->counts;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	while (c->stalest)
		catalog_server_free(c, c->stalest);
	free(c);
}
