/* Look-ups of dedicated hosts, until a connection follows or the time for it is over: what is counted as a hint that nothing came of. */
#include "frame.h"
#include "name_state.h"
#include "status.h"
#include <stdlib.h>

static void drop(struct name_book *b, struct lookup *l)
{
	struct lookup **at = &b->lookups[name_bucket_of_client(b, &l->asker, LOOKUP_BUCKETS)];
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	*(l->older ? &l->older->newer : &b->oldest_lookup) = l->newer;
	*(l->newer ? &l->newer->older : &b->newest_lookup) = l->older;
	b->n_lookups--;
	b->counts.unused += !l->used;
	known_name_drop(b, l->name);
	free(l);
}

void name_lookup_age(struct name_book *b, bool all)
{
	for (struct lookup *l; (l = b->oldest_lookup) != NULL;) {
		if (!all && b->n_lookups <= LIMIT_NAMES_LOOKUPS && b->now_ns - l->time_ns < LIMIT_NAMES_LOOKUP_SECONDS * NS_PER_SEC)
			break;
		drop(b, l);
	}
}

/* A question, its answer, the same for the other family: one look-up. Those that were used stay for their time, so that what comes late of
 * them does not begin another one. */
int name_lookup_add(struct name_book *b, const struct asker *a, const struct names *n)
{
	struct lookup **at = &b->lookups[name_bucket_of_client(b, a, LOOKUP_BUCKETS)];
	for (struct lookup *l = *at; l; l = l->next)
		if (name_same_asker(&l->asker, a) && strcmp(l->name->text, n->name) == 0)
			return 0;
	struct lookup *l = calloc(1, sizeof *l);
	struct known_name *name = l ? known_name_hold(b, n) : NULL;
	if (!name) {
		free(l);
		return FAIL_MEMORY;
	}
	*l = (struct lookup){.next = *at, .older = b->newest_lookup, .asker = *a, .name = name, .time_ns = n->time_ns};
	*at = l;
	*(l->older ? &l->older->newer : &b->oldest_lookup) = l;
	b->newest_lookup = l;
	b->n_lookups++;
	b->counts.lookups++;
	name_lookup_age(b, false);
	return 0;
}

static bool was_given(const struct name_book *b, const struct asker *a, const char *name, const struct ip_addr *addr)
{
	for (const struct given *g = b->of_address[name_bucket_of_address(b, a, addr)]; g; g = g->next_of_address)
		if (name_same_asker(&g->asker, a) && ip_addr_eq(&g->addr, addr) && strcmp(g->name->text, name) == 0)
			return true;
	return false;
}

void name_book_connected(struct name_book *b, const struct observation *o, const char *name)
{
	struct asker a = name_asker_of(b, o);
	for (struct lookup *l = b->lookups[name_bucket_of_client(b, &a, LOOKUP_BUCKETS)]; l; l = l->next)
		if (!l->used && name_same_asker(&l->asker, &a))
			l->used = (name && strcmp(l->name->text, name) == 0) || was_given(b, &a, l->name->text, &o->server_ip);
}
