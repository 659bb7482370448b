/* One entry against one observation's facts; which of two entries goes first; and the index that finds the entries
 * worth asking. Called by policy_judge and by the commands that explain it. Refuses nothing: pure functions. */
#include "policy_entry.h"
#include <stdlib.h>

/* ---- addresses ---- */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct ip_addr policy_unmap(const struct ip_addr *a)
{
	struct ip_addr v4 = {.family = 4};
	if (a->family != 6 || memcmp(a->b, mapped_prefix, sizeof mapped_prefix) != 0)
		return *a;
	memcpy(v4.b, a->b + sizeof mapped_prefix, 4);
	return v4;
}

struct ip_net policy_net_unmap(const struct ip_net *n)
{
	if (n->addr.family != 6 || n->bits < 96)
		return *n;
	struct ip_net v4 = {policy_unmap(&n->addr), (uint8_t)(n->bits - 96)};
	return v4.addr.family == 4 ? v4 : *n;
}

struct ip_net policy_net_of(const struct ip_addr *a, unsigned bits)
{
	struct ip_net net = {*a, (uint8_t)bits};
	for (unsigned i = 0; i < sizeof net.addr.b; i++) {
		unsigned kept = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * i : 0;
		net.addr.b[i] &= (uint8_t)(0xff00 >> kept);
	}
	return net;
}

bool policy_net_covers(const struct ip_net *outer, const struct ip_net *inner)
{
	return outer->bits <= inner->bits && ip_net_contains(outer, &inner->addr);
}

/* ---- the facts ---- */

/* The text of a name that is no well-formed one, as far as it can be compared at all: for denials only. */
static void name_leniently(struct slice text, char out[LIMIT_HOST])
{
	while (text.n && text.p[text.n - 1] == '.')
		text.n--;
	if (text.n >= LIMIT_HOST)
		text.n = LIMIT_HOST - 1;
	for (size_t i = 0; i < text.n; i++)
		out[i] = (char)ascii_lower(text.p[i]);
	out[text.n] = '\0';
}

/* The authority without its port: an address, a name, or a malformed name. */
static void subject_name(struct policy_subject *s, struct slice text, bool cut)
{
	char normal[HOSTNAME_TEXT];
	if (!cut && ip_addr_parse(text, &s->literal)) {
		s->literal = policy_unmap(&s->literal);
		return;
	}
	s->name_certain = hostname_normalize(text, normal) && !cut;
	if (!s->name_certain) {
		name_leniently(text, s->name);
		return;
	}
	/* "10.0.0.1." is the address to resolvers, whatever the dot was put there for */
	if (ip_addr_parse(slice_str(normal), &s->literal))
		return;
	memcpy(s->name, normal, strlen(normal) + 1);
}

void policy_subject_from(const struct observation *facts, struct policy_subject *ret)
{
	struct policy_subject s = {.via_proxy = facts->via_proxy, .path = facts->path, .time_ns = facts->last_seen_ns};
	bool connector = facts->kind == KIND_CONNECTOR; /* then sni and address are those of the vendor's API */
	s.connector = connector ? facts->connector_id : NULL;
	struct slice text = {NULL, 0};
	uint16_t port = 0;
	s.client = policy_unmap(&facts->client_ip);
	if (!facts->via_proxy && !connector)
		s.server = policy_unmap(&facts->server_ip);

	if (facts->host && facts->host[0]) {
		bool whole = authority_split(slice_str(facts->host), &text, &port);
		if (!whole)
			text = slice_first(slice_str(facts->host), strcspn(facts->host, ":"));
		subject_name(&s, text, facts->host_cut || !whole);
		if (!port)
			port = facts->secure_scheme ? 443 : 80;
		if (!s.name_certain && !s.literal.family)
			port = 0; /* what was cut off may have been the port */
	} else if (facts->sni && facts->sni[0] && !connector) {
		subject_name(&s, slice_str(facts->sni), facts->host_cut || (facts->facts & FACT_ECH));
	}
	s.port = port || facts->via_proxy || connector ? port : facts->server_port;

	if (s.path) {
		s.path_ambiguous = policy_path_ambiguous(s.path);
		policy_path_plain(s.path, s.path_plain);
	}
	*ret = s;
}

/* ---- one entry ---- */

/* A request that names both a connector and a host leaves open which of them is meant: then no approval rests on the first. */
static enum policy_match match_connector(const struct policy_entry *e, const struct policy_subject *s)
{
	if (!s->connector || !policy_glob_match(e->connector, s->connector))
		return POLICY_OTHER_SERVER;
	return e->list == POLICY_DENIED || (!s->name[0] && !s->literal.family) ? POLICY_MATCH : POLICY_OTHER_SERVER;
}

static enum policy_match match_server(const struct policy_entry *e, const struct policy_subject *s)
{
	if (e->connector)
		return match_connector(e, s);
	if (e->host) {
		if (!hostname_matches(e->host, s->name))
			return POLICY_OTHER_SERVER;
		if (!s->name_certain && e->list == POLICY_APPROVED)
			return POLICY_NAME_UNCERTAIN;
		if (!e->has_address || ip_net_contains(&e->address, &s->server))
			return POLICY_MATCH;
		return s->server.family ? POLICY_OTHER_SERVER : POLICY_ADDRESS_UNSEEN;
	}
	if (ip_net_contains(&e->address, &s->literal) || ip_net_contains(&e->address, &s->server))
		return POLICY_MATCH;
	return s->server.family || s->literal.family ? POLICY_OTHER_SERVER : POLICY_ADDRESS_UNSEEN;
}

static bool match_client(const struct policy_entry *e, const struct policy_subject *s)
{
	for (size_t i = 0; i < e->n_clients; i++)
		if (ip_net_contains(&e->clients[i], &s->client))
			return true;
	return e->n_clients == 0;
}

static enum policy_match match_path(const struct policy_entry *e, const struct policy_subject *s)
{
	if (!e->path)
		return POLICY_MATCH;
	if (!s->path) /* an approval lists it as unverified; a denial cannot know */
		return e->list == POLICY_APPROVED ? POLICY_MATCH : POLICY_PATH_UNSEEN;
	bool under = policy_path_under(e->path, s->path);
	if (e->list == POLICY_DENIED) {
		char plain[LIMIT_PATH];
		policy_path_plain(e->path, plain); /* "/caf%c3%a9" is "/caf%C3%A9" */
		return under || policy_path_under(plain, s->path_plain) ? POLICY_MATCH : POLICY_OTHER_PATH;
	}
	if (!under)
		return POLICY_OTHER_PATH;
	return s->path_ambiguous ? POLICY_PATH_AMBIGUOUS : POLICY_MATCH;
}

enum policy_match policy_entry_match(const struct policy_entry *e, const struct policy_subject *s)
{
	enum policy_match m = match_server(e, s);
	if (m != POLICY_MATCH)
		return m;
	if (e->port && e->port != s->port)
		return POLICY_OTHER_PORT;
	if (!match_client(e, s))
		return POLICY_OTHER_CLIENT;
	if (s->time_ns >= e->expires_ns)
		return POLICY_EXPIRED;
	return match_path(e, s);
}

const char *policy_match_text(enum policy_match m)
{
	switch (m) {
	case POLICY_MATCH: return "matches";
	case POLICY_OTHER_SERVER: return "it names another server";
	case POLICY_NAME_UNCERTAIN: return "the host name is cut, malformed, or outside an encrypted hello (ECH), and such a name approves nothing";
	case POLICY_ADDRESS_UNSEEN: return "the server's address is not known here";
	case POLICY_OTHER_PORT: return "it names another port";
	case POLICY_OTHER_CLIENT: return "it is for other clients";
	case POLICY_EXPIRED: return "it has expired";
	case POLICY_OTHER_PATH: return "it names another path";
	case POLICY_PATH_AMBIGUOUS: return "servers may read the path as another one, and such a path approves nothing";
	case POLICY_PATH_UNSEEN: return "it names a path, and the path is not known here";
	}
	return "";
}

/* ---- precedence ---- */

static struct policy_key key_of(const struct policy_entry *e)
{
	struct policy_key key = {.kind = POLICY_KEY_NET};
	if (e->connector)
		key = (struct policy_key){.kind = POLICY_KEY_CONNECTOR, .name = ""};
	else if (!e->host)
		key.net = e->address;
	else if (e->host[0] == '*')
		key = (struct policy_key){.kind = POLICY_KEY_SUFFIX, .name = e->host + 2};
	else
		key = (struct policy_key){.kind = POLICY_KEY_NAME, .name = e->host};
	return key;
}

static int compare(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

int policy_entry_order(const struct policy_entry *a, const struct policy_entry *b, const char **ret_why)
{
	const struct policy_key x = key_of(a), y = key_of(b);
	const char *why = "an exact host goes before a wildcard";
	int order = compare(x.kind, y.kind);
	if (order && (x.kind == POLICY_KEY_NET || y.kind == POLICY_KEY_NET))
		why = "a host goes before an address";
	if (order && (x.kind == POLICY_KEY_CONNECTOR || y.kind == POLICY_KEY_CONNECTOR))
		why = "a host or address goes before a connector";
	if (!order && x.kind == POLICY_KEY_CONNECTOR) {
		why = "the longer connector pattern goes first";
		order = compare(strlen(b->connector), strlen(a->connector));
	}
	if (!order && x.kind == POLICY_KEY_SUFFIX) {
		why = "the longer host suffix goes first";
		order = compare(strlen(y.name), strlen(x.name));
	}
	if (!order && x.kind == POLICY_KEY_NET) {
		why = "the longer address prefix goes first";
		order = compare(y.net.bits, x.net.bits);
	}
	if (!order) {
		why = "the longer path goes first";
		order = compare(b->path ? strlen(b->path) : 0, a->path ? strlen(a->path) : 0);
	}
	if (!order) {
		why = "an entry with a port goes first";
		order = compare(b->port != 0, a->port != 0);
	}
	if (!order) {
		why = "it stands earlier in the file";
		order = compare(a->order, b->order);
	}
	if (ret_why)
		*ret_why = why;
	return order;
}

/* ---- index ---- */

static int key_compare(const struct policy_key *a, const struct policy_key *b)
{
	int order = compare(a->kind, b->kind);
	if (order)
		return order;
	if (a->kind != POLICY_KEY_NET)
		return strcmp(a->name, b->name);
	order = compare(a->net.bits, b->net.bits);
	return order ? order : ip_addr_cmp(&a->net.addr, &b->net.addr);
}

static int index_compare(const void *a, const void *b)
{
	const struct policy_entry *x = *(const struct policy_entry *const *)a, *y = *(const struct policy_entry *const *)b;
	const struct policy_key xk = key_of(x), yk = key_of(y);
	int order = key_compare(&xk, &yk);
	return order ? order : policy_entry_order(x, y, NULL);
}

bool policy_index(struct policy *p)
{
	const struct policy_entry *e = p->entries;
	for (int list = 0; list < POLICY_LISTS; list++) {
		size_t n = p->n_list[list];
		if (n == 0)
			continue;
		p->index[list] = calloc(n, sizeof *p->index[list]);
		if (!p->index[list])
			return false;
		for (size_t i = 0; i < n; i++, e++) {
			p->index[list][i] = e;
			if (e->has_address && !e->host)
				p->prefix_used[list][e->address.addr.family == 6][e->address.bits] = true;
		}
		qsort(p->index[list], n, sizeof *p->index[list], index_compare);
	}
	return true;
}

/* The first position whose key is not before the given one, or (after) not before or equal. */
static size_t bound(const struct policy *p, enum policy_list list, const struct policy_key *key, bool after)
{
	size_t low = 0, high = p->n_list[list];
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct policy_key at = key_of(p->index[list][middle]);
		int order = key_compare(&at, key);
		if (order < 0 || (after && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct policy_entry *const *policy_find(const struct policy *p, enum policy_list list, const struct policy_key *key,
                                              size_t *ret_n)
{
	size_t first = bound(p, list, key, false), end = bound(p, list, key, true);
	*ret_n = end - first;
	return end > first ? p->index[list] + first : NULL;
}
