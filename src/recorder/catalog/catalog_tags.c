/* What kind of server offers such tools. A portal hands on the tools of several others: either the others are seen, with the portal's address
 * as their client and their tools among its own, or its names say so ("github__search", "slack__post": the form that aggregators give them).
 * Only what was seen in this run, and before, counts: a capture that is read again gives the same tags. */
#include "catalog_state.h"

/* Names of that form, and groups of them, that make a portal without its other connections being seen; and how many of all tools. */
enum { PREFIXED_LEAST = 3, PREFIX_GROUPS_LEAST = 2, PREFIXED_PERCENT = 80 };
/* Upstream servers looked at for one portal. */
enum { UPSTREAMS = 16 };

static bool same_tenant(const struct catalog_server *a, const struct catalog_server *b)
{
	return strcmp(a->tenant, b->tenant) == 0;
}

static void leg_add(struct catalog *c, struct catalog_server *s, const struct ip_addr *client, int64_t time_ns)
{
	struct catalog_leg *place = &c->legs[0];
	for (size_t i = 0; i < c->n_legs; i++) {
		struct catalog_leg *l = &c->legs[i];
		if (l->server == s && ip_addr_eq(&l->client, client)) {
			l->time_ns = time_ns;
			return;
		}
		if (l->time_ns < place->time_ns)
			place = l;
	}
	if (c->n_legs < LIMIT_CATALOG_LEGS)
		place = &c->legs[c->n_legs++];
	*place = (struct catalog_leg){s, *client, time_ns};
}

void catalog_tags_forget(struct catalog *c, const struct catalog_server *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->n_legs; i++)
		if (c->legs[i].server != s)
			c->legs[kept++] = c->legs[i];
	c->n_legs = kept;
}

/* Whether a portal's name of a tool ends in the name of one of the upstream's: "echo", "crm_echo", "crm.echo". */
static bool is_from(const struct catalog *c, const char *name, const struct catalog_server *upstream, int64_t time_ns, unsigned *look_ups)
{
	for (const char *rest = name; *rest && *look_ups; rest++) {
		if (rest != name && !strchr("_-./:", rest[-1]))
			continue;
		--*look_ups;
		struct catalog_definition *d = catalog_definition_find(c, upstream, LIST_TOOLS, rest, strlen(rest));
		if (d && catalog_definition_known(d, time_ns))
			return true;
	}
	return false;
}

static uint64_t tools_of(const struct catalog_server *s, int64_t time_ns)
{
	uint64_t n = 0;
	for (const struct catalog_definition *d = s->own; d; d = d->next_own)
		n += d->list == LIST_TOOLS && catalog_definition_known(d, time_ns);
	return n;
}

/* Two servers with the same tools behind one address are two of one, behind a load balancer: each has to have some of its own, and most of
 * what it has must be there. */
static bool hands_on(const struct catalog *c, const struct catalog_server *s, int64_t time_ns, unsigned *look_ups)
{
	const struct catalog_server *upstreams[UPSTREAMS];
	uint64_t handed[UPSTREAMS] = {0}, alone[UPSTREAMS] = {0};
	size_t n = 0, found = 0;
	for (size_t i = 0; i < c->n_legs && n < UPSTREAMS; i++) {
		const struct catalog_leg *l = &c->legs[i];
		if (l->server != s && same_tenant(l->server, s) && ip_addr_eq(&l->client, &s->address) &&
		    time_ns - l->time_ns < LIMIT_CATALOG_LEG_NS)
			upstreams[n++] = l->server;
	}
	for (const struct catalog_definition *d = s->own; d && n >= 2 && *look_ups; d = d->next_own) {
		size_t hits = 0, last = 0;
		for (size_t i = 0; d->list == LIST_TOOLS && i < n; i++)
			if (is_from(c, d->name, upstreams[i], time_ns, look_ups)) {
				hits++;
				handed[last = i]++;
			}
		alone[last] += hits == 1;
	}
	for (size_t i = 0; i < n && *look_ups; i++) {
		if (!alone[i])
			continue;
		*look_ups -= upstreams[i]->n < *look_ups ? (unsigned)upstreams[i]->n : *look_ups;
		found += handed[i] * 2 >= tools_of(upstreams[i], time_ns);
	}
	return found >= 2;
}

/* "group__name", both of letters, digits and the like; the length of the group. */
static size_t prefix_of(const char *name)
{
	const char *at = strstr(name, "__");
	return at && at != name && at[2] && at[2] != '_' ? (size_t)(at - name) : 0;
}

static bool has_prefixes(const struct catalog_server *s, int64_t time_ns)
{
	const char *groups[PREFIX_GROUPS_LEAST] = {NULL};
	size_t lengths[PREFIX_GROUPS_LEAST] = {0}, n = 0;
	uint64_t prefixed = 0, all = 0;
	for (const struct catalog_definition *d = s->own; d; d = d->next_own) {
		if (d->list != LIST_TOOLS || !catalog_definition_known(d, time_ns))
			continue;
		size_t length = prefix_of(d->name);
		bool known = length == 0;
		all++;
		prefixed += length != 0;
		for (size_t i = 0; i < n && !known; i++)
			known = lengths[i] == length && strncmp(groups[i], d->name, length) == 0;
		if (known || n == PREFIX_GROUPS_LEAST)
			continue;
		groups[n] = d->name;
		lengths[n++] = length;
	}
	return n >= PREFIX_GROUPS_LEAST && prefixed >= PREFIXED_LEAST && prefixed * 100 >= all * PREFIXED_PERCENT;
}

void catalog_tags_read(struct catalog *c, struct catalog_server *s, const struct observation *o, int64_t time_ns)
{
	unsigned look_ups = LIMIT_CATALOG_LOOK_UPS;
	leg_add(c, s, &o->client_ip, time_ns);
	if (has_prefixes(s, time_ns) || (s->has_address && hands_on(c, s, time_ns, &look_ups)))
		s->tags |= TAG_PORTAL;
	/* this server may be one of those behind its client, which asked it after it was asked itself */
	for (struct catalog_server *p = c->freshest; p && look_ups; p = p->staler)
		if (p != s && !(p->tags & TAG_PORTAL) && p->has_address && p->lists[LIST_TOOLS] && ip_addr_eq(&p->address, &o->client_ip) &&
		    same_tenant(p, s) && hands_on(c, p, time_ns, &look_ups))
			p->tags |= TAG_PORTAL;
}
