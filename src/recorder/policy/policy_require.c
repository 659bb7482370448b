/* What the approval that decides requires, held against the facts -> breaches, with which request or client committed
 * them, and what could not be seen. Called by policy_judge. What cannot be seen is no breach. */
#include "policy_entry.h"
#include "text.h"

void policy_unverified(struct judgement *j, const char *what)
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

/* ---- names that were used ---- */

/* How each kind of name is told of. */
static const struct {
	const char *breach, *thing, *things, *was;
} uses[POLICY_USES] = {
    {"policy.tools", "tool", "tools", "called"},
    {"policy.resources", "resource", "resources", "read"},
    {"policy.prompts", "prompt", "prompts", "fetched"},
};

static void reason(struct judgement *j, const char *signature, int64_t time_ns, uint64_t frame, const char *text)
{
	if (j->n_reasons == POLICY_REASONS_MAX)
		return;
	char *detail = j->details[j->n_reasons];
	text_copy(detail, LIMIT_DETAIL, slice_str(text));
	j->reasons[j->n_reasons++] =
	    (struct observed_reason){.signature = signature, .detail = detail, .time_ns = time_ns, .frame = frame};
}

/* A name or glob as a sentence has room for it: some 50 bytes at least. */
static const char *shorten(const char *text, char *out, size_t cap)
{
	if (text_copy(out, cap, slice_str(text)))
		return out;
	size_t n = strlen(out) - 3;
	while (((unsigned char)out[n] & 0xc0) == 0x80) /* not in the middle of a character */
		n--;
	memcpy(out + n, "...", 4);
	return out;
}

/* by: the entry's or the policy's glob that denies it, or NULL: it is not on the entry's list. */
static void reason_name(struct judgement *j, enum policy_use use, const struct observed_count *name,
			const struct policy_entry *e, const struct policy_glob *by, bool everywhere)
{
	char text[2 * LIMIT_DETAIL], shown[100], glob[60];
	size_t n = 0;
	text_append(text, sizeof text, &n, "the %s %s was %s, which ", uses[use].thing,
		    shorten(name->name, shown, sizeof shown), uses[use].was);
	if (everywhere)
		text_append(text, sizeof text, &n, "the policy denies at every server");
	else
		text_append(text, sizeof text, &n, "entry \"%s\" %s", e->id, by ? "denies" : "does not allow");
	if (by)
		text_append(text, sizeof text, &n, " by \"%s\"", shorten(by->text, glob, sizeof glob));
	reason(j, uses[use].breach, name->first_ns, name->first_frame, text);
}

static void require_names(const struct policy *p, const struct policy_entry *e, enum policy_use use,
			  const struct observed_counts *used, const struct observation *facts, struct judgement *j)
{
	const struct policy_names *names = &e->names[use];
	const struct policy_globs *denied = &p->denied_names[use];
	const struct observed_count *more = NULL;
	size_t breaches = 0;
	bool cut = false;
	if (!names->listed && names->deny.n == 0 && denied->n == 0)
		return;
	for (size_t i = 0; i < used->n; i++) {
		const struct observed_count *name = &used->items[i];
		const struct policy_glob *everywhere = policy_globs_find(denied, name->name);
		const struct policy_glob *by = everywhere ? everywhere : policy_globs_find(&names->deny, name->name);
		/* what was cut off (text_copy may stop up to 3 bytes early) could be what a denial names */
		cut |= !by && strlen(name->name) >= policy_use_limit(use) - 4;
		if (!by && (!names->listed || policy_globs_find(&names->allow, name->name)))
			continue;
		if (++breaches <= LIMIT_POLICY_NAMED)
			reason_name(j, use, name, e, by, everywhere != NULL);
		else if (!more)
			more = name;
	}
	if (breaches)
		breach(j, uses[use].breach);
	if (more) {
		char text[LIMIT_DETAIL];
		size_t n = 0;
		text_append(text, sizeof text, &n, "%zu more %s were %s that entry \"%s\" or the policy does not allow",
			    breaches - LIMIT_POLICY_NAMED, uses[use].things, uses[use].was, e->id);
		reason(j, uses[use].breach, more->first_ns, more->first_frame, text);
	}
	/* names past the limit are counted but not kept; and no request may have been readable at all */
	if (cut || used->other || (facts->methods.n == 0 && facts->requests == 0))
		policy_unverified(j, policy_use_name(use));
}

/* ---- the rest ---- */

/* Only through the portal: the server is approved, this way to it is not. */
static void require_clients(const struct policy_entry *e, const struct policy_subject *s,
			    const struct observation *facts, struct judgement *j)
{
	const struct policy_clients *c = e->require.clients;
	bool named = !c;
	for (size_t i = 0; !named && i < c->n; i++)
		named = ip_net_contains(&c->nets[i], &s->client);
	if (named)
		return;
	char text[2 * LIMIT_DETAIL], address[IP_ADDR_TEXT], shown[100];
	size_t n = 0;
	ip_addr_format(&s->client, address);
	text_append(text, sizeof text, &n, "the client %s asked, and entry \"%s\" is for %s only",
		    s->client.family ? address : "(not known)", e->id, shorten(c->text, shown, sizeof shown));
	breach(j, "policy.clients");
	reason(j, "policy.clients", facts->first_seen_ns, facts->first_frame, text);
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
			policy_unverified(j, finding_table[i].unverified);
	}
}

void policy_require_all(const struct policy *p, const struct policy_entry *e, const struct policy_subject *s,
			const struct observation *facts, const struct posture *posture, struct judgement *j)
{
	const char *least = e->require.protocol_version, *version = facts->protocol_version;
	if (!s->name_certain && !s->literal.family && (facts->host || facts->sni))
		policy_unverified(j, "host");
	if (e->path && !s->path)
		policy_unverified(j, "path");
	if (e->require.tls && !facts->tls)
		breach(j, "policy.tls");
	if (e->require.auth && facts->auth == AUTH_NONE)
		breach(j, "policy.auth");
	if (e->require.auth && facts->auth == AUTH_UNKNOWN)
		policy_unverified(j, "auth");
	if (least[0]) {
		if (!version || !revision_is_date(version))
			policy_unverified(j, "protocol_version");
		else if (strcmp(version, least) < 0)
			breach(j, "policy.protocol_version");
	}
	require_names(p, e, POLICY_TOOLS, &facts->tools_called, facts, j);
	require_names(p, e, POLICY_RESOURCES, &facts->resources_read, facts, j);
	require_names(p, e, POLICY_PROMPTS, &facts->prompts_got, facts, j);
	require_clients(e, s, facts, j);
	require_no_findings(e, posture, j);
}

const char *policy_breach_text(const char *breach_id)
{
	static const char *const texts[][2] = {
	    {"policy.tls", "TLS is required and was not used"},
	    {"policy.auth", "authentication is required and requests carried none"},
	    {"policy.protocol_version", "the protocol revision is older than required"},
	    {"policy.tools", "a tool was called that is not allowed"},
	    {"policy.resources", "a resource was read that is not allowed"},
	    {"policy.prompts", "a prompt was fetched that is not allowed"},
	    {"policy.clients", "it is not for this client"},
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(texts[i][0], breach_id) == 0)
			return texts[i][1];
	return breach_id;
}
