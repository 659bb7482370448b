#include "policy_entry.h"
#include "text.h"

const char *verdict_name(enum verdict v)
{
	static const char *const names[VERDICT_COUNT] = {"approved", "violation", "unauthorized"};
	return names[v];
}

const char *traffic_direction_name(enum traffic_direction d)
{
	static const char *const names[TRAFFIC_COUNT] = {"outbound", "inbound", "internal", "external"};
	return names[d];
}

/* ---- which entry decides ---- */

/* The best entry of a list so far, and what denials could not see. */
struct search {
	const struct policy *policy;
	enum policy_list list;
	const struct policy_subject *subject;
	const struct policy_entry *best;
	bool path_unseen, address_unseen;
};

/* Asks the entries of one key. They stand in order of precedence, so the first that matches is the best of them. */
static void search_key(struct search *search, const struct policy_key *key)
{
	size_t n;
	const struct policy_entry *const *run = policy_find(search->policy, search->list, key, &n);
	for (size_t i = 0; i < n; i++) {
		enum policy_match m = policy_entry_match(run[i], search->subject);
		if (m == POLICY_MATCH) {
			if (!search->best || policy_entry_order(run[i], search->best, NULL) < 0)
				search->best = run[i];
			return;
		}
		search->path_unseen |= m == POLICY_PATH_UNSEEN;
		search->address_unseen |= m == POLICY_ADDRESS_UNSEEN;
	}
}

static void search_address(struct search *search, const struct ip_addr *a)
{
	if (!a->family)
		return;
	const bool *used = search->policy->prefix_used[search->list][a->family == 6];
	for (unsigned bits = 0; bits <= (a->family == 6 ? 128u : 32u); bits++) {
		if (!used[bits])
			continue;
		struct policy_key key = {.kind = POLICY_KEY_NET, .net = policy_net_of(a, bits)};
		search_key(search, &key);
	}
}

/* Cost: one binary search for the name, one for each of its parents (at most 127 labels), one for each prefix length
 * in use; then the entries that share that very host or network, one by one. Known weakness: thousands of
 * entries for one host, differing in path only, are asked one after the other. */
static void search_list(struct search *search)
{
	const struct policy_subject *s = search->subject;
	if (search->policy->n_list[search->list] == 0)
		return;
	if (s->name[0]) {
		struct policy_key key = {.kind = POLICY_KEY_NAME, .name = s->name};
		search_key(search, &key);
		key.kind = POLICY_KEY_SUFFIX;
		while ((key.name = strchr(key.name, '.')) != NULL) {
			key.name++;
			search_key(search, &key);
		}
	}
	search_address(search, &s->literal);
	search_address(search, &s->server);
	if (s->connector) {
		struct policy_key key = {.kind = POLICY_KEY_CONNECTOR, .name = ""};
		search_key(search, &key);
	}
}

/* ---- the judgement ---- */

/* Built of ids and fixed words only: nothing in it was written by a stranger. */
static void explain(struct judgement *j)
{
	size_t n = 0;
	char *why = j->why;
	text_append(why, sizeof j->why, &n, j->n_breaches ? "entry \"%s\" approves the server, but " : "approved by entry \"%s\"",
	            j->rule);
	for (size_t i = 0; i < j->n_breaches; i++)
		text_append(why, sizeof j->why, &n, "%s%s", i ? "; " : "", policy_breach_text(j->breaches[i]));
	for (size_t i = 0; i < j->n_unverified; i++)
		text_append(why, sizeof j->why, &n, "%s%s", i ? ", " : "; could not be seen: ", j->unverified[i]);
}

void policy_judge(const struct policy *p, const struct observation *facts, const struct posture *posture, struct judgement *ret)
{
	struct policy_subject s;
	policy_subject_from(facts, &s);
	struct search denied = {.policy = p, .list = POLICY_DENIED, .subject = &s};
	struct search approved = {.policy = p, .list = POLICY_APPROVED, .subject = &s};
	size_t n = 0;
	ret->verdict = VERDICT_UNAUTHORIZED;
	ret->rule = NULL;
	ret->n_unverified = ret->n_breaches = ret->n_reasons = 0;

	search_list(&denied);
	if (denied.best) {
		ret->rule = denied.best->id;
		text_append(ret->why, sizeof ret->why, &n, "denied by entry \"%s\"", ret->rule);
		return;
	}
	search_list(&approved);
	if (!approved.best) {
		text_append(ret->why, sizeof ret->why, &n, "%s",
		            p->n_entries ? "no entry approves the server" : "nothing is approved: the policy has no entries");
		return;
	}
	ret->rule = approved.best->id;
	policy_require_all(p, approved.best, &s, facts, posture, ret);
	if (denied.path_unseen)
		policy_unverified(ret, "deny-path");
	if (denied.address_unseen)
		policy_unverified(ret, "deny-address");
	ret->verdict = ret->n_breaches ? VERDICT_VIOLATION : VERDICT_APPROVED;
	explain(ret);
}

static bool internal(const struct policy *p, const struct ip_addr *address)
{
	struct ip_addr a = policy_unmap(address);
	for (size_t i = 0; i < p->n_internal; i++)
		if (ip_net_contains(&p->internal[i], &a))
			return true;
	return false;
}

enum traffic_direction policy_direction(const struct policy *p, const struct ip_addr *client, const struct ip_addr *server)
{
	bool from = internal(p, client), to = internal(p, server);
	if (from)
		return to ? TRAFFIC_INTERNAL : TRAFFIC_OUTBOUND;
	return to ? TRAFFIC_INBOUND : TRAFFIC_EXTERNAL;
}

size_t policy_entries(const struct policy *p)
{
	return p->n_entries;
}
