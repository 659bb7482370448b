/* A policy that loads -> warnings about entries that cannot mean what their author wanted. Called by `policy check`.
 * Pairwise only: an entry that several others cover together is not found. Refuses to change or order anything. */
#include "policy_entry.h"
#include "rfc3339.h"
#include "text.h"

#define SENTENCE 512

struct check {
	const struct policy *policy;
	int64_t now_ns;
	void (*warn)(void *context, const char *sentence);
	void *context;
};

static bool clients_cover(const struct policy_entry *outer, const struct policy_entry *inner)
{
	if (outer->n_clients == 0)
		return true;
	for (size_t i = 0; i < inner->n_clients; i++) {
		bool covered = false;
		for (size_t o = 0; o < outer->n_clients && !covered; o++)
			covered = policy_net_covers(&outer->clients[o], &inner->clients[i]);
		if (!covered)
			return false;
	}
	return inner->n_clients > 0;
}

/* All that matches inner by port, client and time matches outer too. */
static bool conditions_cover(const struct policy_entry *outer, const struct policy_entry *inner)
{
	return (outer->port == 0 || outer->port == inner->port) && outer->expires_ns >= inner->expires_ns &&
	       clients_cover(outer, inner);
}

/* The address or connector of outer, if it has one, is no narrower than that of inner. */
static bool address_covers(const struct policy_entry *outer, const struct policy_entry *inner)
{
	if (outer->connector)
		return inner->connector && policy_glob_covers(outer->connector, inner->connector);
	return !outer->has_address || (inner->has_address && policy_net_covers(&outer->address, &inner->address));
}

static bool path_equal(const struct policy_entry *a, const struct policy_entry *b)
{
	return a->path && b->path ? strcmp(a->path, b->path) == 0 : a->path == b->path;
}

/* The entry of a run that matches all that e matches, and goes before it or is a denial. */
static const struct policy_entry *shadow_in(const struct check *c, enum policy_list list, const struct policy_key *key,
                                            const struct policy_entry *e)
{
	size_t n;
	const struct policy_entry *const *run = policy_find(c->policy, list, key, &n);
	for (size_t i = 0; i < n; i++) {
		const struct policy_entry *other = run[i];
		if (other == e)
			return NULL; /* the rest of the run goes after it */
		/* where the path cannot be seen an approval matches and a denial with a path does not */
		bool paths = list == e->list ? path_equal(other, e) : !other->path;
		if (paths && conditions_cover(other, e) && address_covers(other, e))
			return other;
	}
	return NULL;
}

/* Entries of one list shadow each other only within one run: across runs the more specific goes first, and it never
 * covers the less specific. */
static const struct policy_entry *shadow_of(const struct check *c, const struct policy_entry *e)
{
	struct policy_key key = {.kind = POLICY_KEY_NET, .net = e->address};
	if (e->host)
		key = (struct policy_key){.kind = e->host[0] == '*' ? POLICY_KEY_SUFFIX : POLICY_KEY_NAME,
		                          .name = e->host[0] == '*' ? e->host + 2 : e->host};
	else if (e->connector)
		key = (struct policy_key){.kind = POLICY_KEY_CONNECTOR, .name = ""};
	return shadow_in(c, e->list, &key, e);
}

/* A denial that every match of the approval e matches too. */
static const struct policy_entry *denial_of(const struct check *c, const struct policy_entry *e)
{
	const struct policy_entry *found = NULL;
	if (e->host) {
		bool wild = e->host[0] == '*';
		struct policy_key key = {.kind = POLICY_KEY_NAME, .name = wild ? e->host + 2 : e->host};
		if (!wild)
			found = shadow_in(c, POLICY_DENIED, &key, e);
		key.kind = POLICY_KEY_SUFFIX;
		if (wild && !found)
			found = shadow_in(c, POLICY_DENIED, &key, e);
		while (!found && (key.name = strchr(key.name, '.')) != NULL) {
			key.name++;
			found = shadow_in(c, POLICY_DENIED, &key, e);
		}
	}
	if (e->connector) {
		struct policy_key key = {.kind = POLICY_KEY_CONNECTOR, .name = ""};
		found = shadow_in(c, POLICY_DENIED, &key, e);
	}
	for (unsigned bits = 0; e->has_address && !found && bits <= e->address.bits; bits++) {
		if (!c->policy->prefix_used[POLICY_DENIED][e->address.addr.family == 6][bits])
			continue;
		struct policy_key key = {.kind = POLICY_KEY_NET, .net = policy_net_of(&e->address.addr, bits)};
		found = shadow_in(c, POLICY_DENIED, &key, e);
	}
	return found;
}

static void check_entry(const struct check *c, const struct policy_entry *e)
{
	char sentence[SENTENCE];
	size_t n = 0;
	if (e->expires_ns <= c->now_ns) {
		char when[RFC3339_TEXT];
		rfc3339_format(e->expires_ns, when);
		text_append(sentence, sizeof sentence, &n, "\"%s\" expired at %s and no longer %s anything", e->id, when,
		            e->list == POLICY_APPROVED ? "approves" : "denies");
		c->warn(c->context, sentence);
		return;
	}
	const struct policy_entry *denial = e->list == POLICY_APPROVED ? denial_of(c, e) : NULL;
	const struct policy_entry *shadow = denial ? NULL : shadow_of(c, e);
	if (denial)
		text_append(sentence, sizeof sentence, &n, "\"%s\" approves nothing: the denial \"%s\" covers all of it", e->id,
		            denial->id);
	else if (shadow)
		text_append(sentence, sizeof sentence, &n, "\"%s\" never decides: \"%s\" goes first and covers all of it", e->id,
		            shadow->id);
	else if (e->list == POLICY_APPROVED && e->host && e->host[0] == '*' && !strchr(e->host + 2, '.'))
		text_append(sentence, sizeof sentence, &n, "\"%s\" approves everything under the top-level name \"%s\"", e->id,
		            e->host + 2);
	else if (e->list == POLICY_APPROVED && e->connector && policy_glob_covers(e->connector, "*"))
		text_append(sentence, sizeof sentence, &n, "\"%s\" approves every connector of every vendor", e->id);
	else if (e->list == POLICY_APPROVED && !e->host && e->has_address && e->address.bits == 0)
		text_append(sentence, sizeof sentence, &n, "\"%s\" approves every IPv%d address", e->id,
		            e->address.addr.family);
	if (n)
		c->warn(c->context, sentence);
}

void policy_check(const struct policy *p, int64_t now_ns, void (*warn)(void *context, const char *sentence), void *context)
{
	const struct check c = {p, now_ns, warn, context};
	for (size_t i = 0; i < p->n_groups; i++) {
		char sentence[SENTENCE];
		size_t n = 0;
		if (p->groups[i].used)
			continue;
		text_append(sentence, sizeof sentence, &n, "the group \"%s\" is used nowhere", p->groups[i].name);
		warn(context, sentence);
	}
	policy_check_names(p, NULL, warn, context);
	for (size_t i = 0; i < p->n_entries; i++) {
		check_entry(&c, &p->entries[i]);
		policy_check_names(p, &p->entries[i], warn, context);
	}
}
