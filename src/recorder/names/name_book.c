/* A table of what was given to whom, found by address, by name and by both, with one list by age. */
#include "name_book.h"
#include "frame.h"
#include "name_state.h"
#include "status.h"
#include <stdlib.h>

struct name_book *name_book_new(void)
{
	struct name_book *b = calloc(1, sizeof *b);
	if (b && !hash_key_random(&b->key)) {
		free(b);
		return NULL;
	}
	return b;
}

/* ---- what was given ---- */

static void given_list(struct name_book *b, struct given *g)
{
	g->staler = b->freshest;
	g->fresher = NULL;
	*(g->staler ? &g->staler->fresher : &b->stalest) = g;
	b->freshest = g;
}

static void given_unlist(struct name_book *b, struct given *g)
{
	*(g->staler ? &g->staler->fresher : &b->stalest) = g->fresher;
	*(g->fresher ? &g->fresher->staler : &b->freshest) = g->staler;
}

static void given_drop(struct name_book *b, struct given *g)
{
	struct given **at = &b->of_address[name_bucket_of_address(b, &g->asker, &g->addr)];
	while (*at != g)
		at = &(*at)->next_of_address;
	*at = g->next_of_address;
	at = &b->of_name[name_bucket_of_name(b, &g->asker, g->name->text)];
	while (*at != g)
		at = &(*at)->next_of_name;
	*at = g->next_of_name;
	at = &b->of_pair[name_bucket_of_pair(b, g->asker.tenant, g->name->text, &g->addr)];
	while (*at != g)
		at = &(*at)->next_of_pair;
	*at = g->next_of_pair;
	given_unlist(b, g);
	b->counts.given--;
	known_name_drop(b, g->name);
	free(g);
}

/* What ran out a day ago is of no more use to anybody: until then it tells that an address, though an old one, was the name's. */
static void given_age(struct name_book *b)
{
	for (struct given *g; (g = b->stalest) != NULL;) {
		bool over = b->counts.given > LIMIT_NAMES_GIVEN;
		if (!over && b->now_ns - g->expires_ns < LIMIT_NAMES_MOST_SECONDS * NS_PER_SEC)
			break;
		b->counts.forgotten += over;
		given_drop(b, g);
	}
}

static struct given *given_find(struct name_book *b, const struct asker *a, const struct names *n, const struct ip_addr *addr)
{
	for (struct given *g = b->of_address[name_bucket_of_address(b, a, addr)]; g; g = g->next_of_address)
		if (name_same_asker(&g->asker, a) && ip_addr_eq(&g->addr, addr) && strcmp(g->name->text, n->name) == 0)
			return g;
	return NULL;
}

static struct given *given_new(struct name_book *b, const struct asker *a, const struct names *n, const struct ip_addr *addr)
{
	struct given *g = calloc(1, sizeof *g);
	if (!g || !(g->name = known_name_hold(b, n))) {
		free(g);
		return NULL;
	}
	g->asker = *a;
	g->addr = *addr;
	struct given **of_address = &b->of_address[name_bucket_of_address(b, a, addr)];
	struct given **of_name = &b->of_name[name_bucket_of_name(b, a, n->name)];
	struct given **of_pair = &b->of_pair[name_bucket_of_pair(b, a->tenant, n->name, addr)];
	g->next_of_address = *of_address;
	g->next_of_name = *of_name;
	g->next_of_pair = *of_pair;
	*of_address = *of_name = *of_pair = g;
	b->counts.given++;
	return g;
}

static int give(struct name_book *b, const struct asker *a, const struct names *n, const struct named_address *to)
{
	uint32_t seconds = to->ttl < LIMIT_NAMES_LEAST_SECONDS ? LIMIT_NAMES_LEAST_SECONDS
	                 : to->ttl > LIMIT_NAMES_MOST_SECONDS ? LIMIT_NAMES_MOST_SECONDS : to->ttl;
	int64_t expires_ns = n->time_ns + seconds * NS_PER_SEC;
	struct given *g = given_find(b, a, n, &to->addr);
	bool fresh = !g || n->time_ns > g->expires_ns;
	if (g)
		given_unlist(b, g);
	else if (!(g = given_new(b, a, n, &to->addr)))
		return FAIL_MEMORY;
	given_list(b, g);
	if (fresh) {
		g->first_ns = n->time_ns;
		g->frame = n->frame;
	}
	if (fresh || expires_ns > g->expires_ns)
		g->expires_ns = expires_ns;
	if (seconds > g->ttl)
		g->ttl = seconds;
	g->cut = n->cut;
	given_age(b);
	return 0;
}

/* ---- who asks ---- */

static struct client *client_find(const struct name_book *b, const struct asker *a)
{
	struct client *c = b->clients[name_bucket_of_client(b, a, CLIENT_BUCKETS)];
	while (c && !name_same_asker(&c->asker, a))
		c = c->next;
	return c;
}

static void client_unlist(struct name_book *b, struct client *c)
{
	*(c->staler ? &c->staler->fresher : &b->stalest_client) = c->fresher;
	*(c->fresher ? &c->fresher->staler : &b->freshest_client) = c->staler;
}

static void client_drop(struct name_book *b, struct client *c)
{
	struct client **at = &b->clients[name_bucket_of_client(b, &c->asker, CLIENT_BUCKETS)];
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	client_unlist(b, c);
	b->n_clients--;
	free(c);
}

static int client_saw(struct name_book *b, const struct asker *a, int64_t time_ns)
{
	struct client *c = client_find(b, a);
	if (c) {
		client_unlist(b, c);
	} else {
		struct client **at = &b->clients[name_bucket_of_client(b, a, CLIENT_BUCKETS)];
		if (!(c = calloc(1, sizeof *c)))
			return FAIL_MEMORY;
		*c = (struct client){.next = *at, .asker = *a, .first_ns = time_ns};
		*at = c;
		b->n_clients++;
	}
	c->staler = b->freshest_client;
	c->fresher = NULL;
	*(c->staler ? &c->staler->fresher : &b->stalest_client) = c;
	b->freshest_client = c;
	if (b->n_clients > LIMIT_NAMES_CLIENTS)
		client_drop(b, b->stalest_client);
	return 0;
}

/* ---- in ---- */

int name_book_take(struct name_book *b, const struct names *n)
{
	struct asker a = {name_tenant(b, &n->encap), n->client};
	int result = 0;
	if (n->time_ns > b->now_ns)
		b->now_ns = n->time_ns;
	name_lookup_age(b, false);
	if (n->answered && n->n_addresses) {
		b->counts.answers++;
		result = client_saw(b, &a, n->time_ns);
	}
	for (unsigned i = 0; i < n->n_addresses; i++) {
		int given = give(b, &a, n, &n->addresses[i]);
		result = result ? result : given;
	}
	int looked = n->dedicated ? name_lookup_add(b, &a, n) : 0;
	return result ? result : looked;
}

/* ---- out ---- */

static bool holds(const struct given *g, int64_t time_ns)
{
	return g->first_ns <= time_ns && time_ns <= g->expires_ns;
}

/* What says more; among equals the first by alphabet, since chains have no order that anybody may see. */
static bool goes_before(const struct given *g, const struct given *best)
{
	if (!best)
		return true;
	int order = (int)g->name->confidence - (int)best->name->confidence;
	return order ? order > 0 : strcmp(g->name->text, best->name->text) < 0;
}

void name_book_address(const struct name_book *b, const struct observation *o, const char *asked, struct address_names *ret)
{
	struct asker a = name_asker_of(b, o);
	const struct given *best = NULL;
	*ret = (struct address_names){.n = 0};
	for (const struct given *g = b->of_address[name_bucket_of_address(b, &a, &o->server_ip)]; g && ret->n < LIMIT_NAMES_LOOKED;
	     g = g->next_of_address) {
		if (!name_same_asker(&g->asker, &a) || !ip_addr_eq(&g->addr, &o->server_ip) || !holds(g, o->connection_time_ns))
			continue;
		ret->n++;
		ret->listed |= asked && strcmp(g->name->text, asked) == 0;
		if (goes_before(g, best))
			best = g;
	}
	if (!best)
		return;
	ret->name = best->name->text;
	ret->confidence = best->name->confidence;
	ret->signature = best->name->signature;
	ret->reason = best->name->reason;
	ret->time_ns = best->first_ns;
	ret->frame = best->frame;
}

enum name_check name_book_check(const struct name_book *b, const struct observation *o, const char *name)
{
	struct asker a = name_asker_of(b, o);
	int64_t seen_ns = LIMIT_NAMES_SEEN_SECONDS * NS_PER_SEC;
	bool told = false;
	/* whoever was told it, and however long ago: then it is the name's */
	for (const struct given *g = b->of_pair[name_bucket_of_pair(b, a.tenant, name, &o->server_ip)]; g; g = g->next_of_pair)
		if (g->asker.tenant == a.tenant && ip_addr_eq(&g->addr, &o->server_ip) && strcmp(g->name->text, name) == 0)
			return NAME_FITS;
	for (const struct given *g = b->of_name[name_bucket_of_name(b, &a, name)]; g; g = g->next_of_name) {
		if (!name_same_asker(&g->asker, &a) || strcmp(g->name->text, name) != 0)
			continue;
		if (g->cut)
			return NAME_UNSEEN;
		told |= g->addr.family == o->server_ip.family && holds(g, o->connection_time_ns);
		if (g->ttl * NS_PER_SEC > seen_ns)
			seen_ns = g->ttl * NS_PER_SEC;
	}
	const struct client *c = client_find(b, &a);
	return told && c && o->connection_time_ns - c->first_ns >= seen_ns ? NAME_MISMATCH : NAME_UNSEEN;
}

/* ---- the end ---- */

void name_book_end(struct name_book *b)
{
	name_lookup_age(b, true);
	while (b->stalest)
		given_drop(b, b->stalest);
	while (b->stalest_client)
		client_drop(b, b->stalest_client);
	b->now_ns = 0;
}

const struct name_book_counts *name_book_counts(const struct name_book *b)
{
	return &b->counts;
}

void name_book_free(struct name_book *b)
{
	if (!b)
		return;
	name_book_end(b);
	free(b);
}
