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
}

/* ---- what the deciding approval requires ---- */

static void unverified(struct judgement *j, const char *what)
{
	if (j->n_unverified < POLICY_NOTES_MAX)
		j->unverified[j->n_unverified++] = what;
}

static void breach(struct judgement *j, const char *what)
{
	if (j->n_breaches < POLICY_NOTES_MAX)
		j->breaches[j->n_breaches++] = what;
}

/* "2025-06-18": only such revisions can be compared by order ("DRAFT-2026-v1" and its like cannot). */
static bool revision_is_date(const char *text)
{
	for (size_t i = 0; i < POLICY_REVISION_TEXT - 1; i++)
		if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
			return false;
	return text[POLICY_REVISION_TEXT - 1] == '\0';
}

static void require_tools(const struct policy_entry *e, const struct observation *facts, struct judgement *j)
{
	if (!e->tools_listed)
		return;
	for (size_t i = 0; i < facts->tools_called.n; i++) {
		bool allowed = false;
		for (size_t t = 0; t < e->n_tools && !allowed; t++)
			allowed = strcmp(e->tools[t], facts->tools_called.items[i].name) == 0;
		if (!allowed) {
			breach(j, "policy.tools");
			return;
		}
	}
	/* names past the limit are counted but not kept; and no request may have been readable at all */
	if (facts->tools_called.other || (facts->methods.n == 0 && facts->requests == 0))
		unverified(j, "tools");
}

/* A finding that is forbidden and was not looked for, or could not have been seen, is no breach. */
static void require_no_findings(const struct policy_entry *e, const struct posture *posture, struct judgement *j)
{
	for (size_t i = 0; i < finding_count; i++) {
		if (!(e->require.no_findings >> i & 1))
			continue;
		if (posture && posture_has(posture, finding_table[i].id))
			breach(j, finding_table[i].breach);
		else if (!posture || posture_is_unseen(posture, finding_table[i].id))
			unverified(j, finding_table[i].unverified);
	}
}

static void require_all(const struct policy_entry *e, const struct policy_subject *s, const struct observation *facts,
                        const struct posture *posture, struct judgement *j)
{
	const char *least = e->require.protocol_version, *version = facts->protocol_version;
	if (!s->name_certain && !s->literal.family && (facts->host || facts->sni))
		unverified(j, "host");
	if (e->path && !s->path)
		unverified(j, "path");
	if (e->require.tls && !facts->tls)
		breach(j, "policy.tls");
	if (e->require.auth && facts->auth == AUTH_NONE)
		breach(j, "policy.auth");
	if (e->require.auth && facts->auth == AUTH_UNKNOWN)
		unverified(j, "auth");
	if (least[0]) {
		if (!version || !revision_is_date(version))
			unverified(j, "protocol_version");
		else if (strcmp(version, least) < 0)
			breach(j, "policy.protocol_version");
	}
	require_tools(e, facts, j);
	require_no_findings(e, posture, j);
}

/* ---- the judgement ---- */

static const char *breach_text(const char *breach_id)
{
	static const char *const texts[][2] = {
		{"policy.tls", "TLS is required and was not used"},
		{"policy.auth", "authentication is required and requests carried none"},
		{"policy.protocol_version", "the protocol revision is older than required"},
		{"policy.tools", "a tool was called that is not on its list"},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(texts[i][0], breach_id) == 0)
			return texts[i][1];
	return breach_id;
}

/* Built of ids and fixed words only: nothing in it was written by a stranger. */
static void explain(struct judgement *j)
{
	size_t n = 0;
	char *why = j->why;
	text_append(why, sizeof j->why, &n, j->n_breaches ? "entry \"%s\" approves the server, but " : "approved by entry \"%s\"",
	            j->rule);
	for (size_t i = 0; i < j->n_breaches; i++)
		text_append(why, sizeof j->why, &n, "%s%s", i ? "; " : "", breach_text(j->breaches[i]));
	for (size_t i = 0; i < j->n_unverified; i++)
		text_append(why, sizeof j->why, &n, "%s%s", i ? ", " : "; could not be seen: ", j->unverified[i]);
}

void policy_judge(const struct policy *p, const struct observation *facts, const struct posture *posture, struct judgement *ret)
{
	struct policy_subject s;
	policy_subject_from(facts, &s);
	struct search denied = {.policy = p, .list = POLICY_DENIED, .subject = &s};
	struct search approved = {.policy = p, .list = POLICY_APPROVED, .subject = &s};
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	size_t n = 0;

	search_list(&denied);
	if (denied.best) {
		j.rule = denied.best->id;
		text_append(j.why, sizeof j.why, &n, "denied by entry \"%s\"", j.rule);
		*ret = j;
		return;
	}
	search_list(&approved);
	if (!approved.best) {
		text_append(j.why, sizeof j.why, &n, "%s",
		            p->n_entries ? "no entry approves the server" : "nothing is approved: the policy has no entries");
		*ret = j;
		return;
	}
	j.rule = approved.best->id;
	require_all(approved.best, &s, facts, posture, &j);
	if (denied.path_unseen)
		unverified(&j, "deny-path");
	if (denied.address_unseen)
		unverified(&j, "deny-address");
	j.verdict = j.n_breaches ? VERDICT_VIOLATION : VERDICT_APPROVED;
	explain(&j);
	*ret = j;
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
