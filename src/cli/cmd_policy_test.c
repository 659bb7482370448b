/* `shadowtap policy test`: what does a policy say of a server? Asks the very functions that judge traffic, so that what it prints is what
 * `replay` will do. */
#include "cmd_policy.h"
#include "rfc3339.h"
#include "text.h"
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>

/* ---- test: what is asked ---- */

#define NAMES_MAX 32

/* What --finding said, as the recorder would say it of a connection. */
static bool take_finding(const char *id, struct posture *p)
{
	const struct finding *f = finding_find(id);
	if (strcmp(id, "none") == 0)
		p->n_unseen = 0;
	else if (f)
		posture_add(p, f->id);
	return f || strcmp(id, "none") == 0;
}

struct test {
	const char *policy_path;
	enum cli_format format;
	struct observation facts;             /* what the options say; each target adds host, path, scheme */
	bool tls_given;
	struct posture posture;               /* none was seen, until the options say so */
	struct observed_count names[POLICY_USES][NAMES_MAX];
	size_t n_names[POLICY_USES];
};

struct target {
	char host[LIMIT_HOST], path[LIMIT_PATH];
};

/* The target's authority, path and scheme as an observation would carry them. */
static bool parse_target(const char *text, const struct test *t, struct target *ret, struct observation *ret_facts)
{
	static const char connector[] = "connector:";
	struct observation facts = t->facts;
	struct slice s = slice_str(text), host;
	uint16_t port;
	bool secure = true;
	if (slice_starts(s, connector)) {
		facts.kind = KIND_CONNECTOR;
		facts.connector_vendor = "";
		facts.connector_id = text + strlen(connector);
		facts.via_proxy = facts.secure_scheme = true;
		if (!t->tls_given)
			facts.tls = true;
		*ret_facts = facts;
		return facts.connector_id[0] && strlen(facts.connector_id) < LIMIT_NAME;
	}
	if (slice_istarts(s, "https://")) {
		s = slice_after(s, 8);
	} else if (slice_istarts(s, "http://")) {
		s = slice_after(s, 7);
		secure = false;
	} else if (strstr(text, "://")) {
		return false;
	}
	size_t authority = 0;
	while (authority < s.n && !strchr("/?#", s.p[authority]))
		authority++;
	struct slice path = slice_after(s, authority);
	path.n = path.n ? strcspn((const char *)path.p, "?#") : 0;
	s = slice_first(s, authority);
	struct ip_addr literal = {0};
	bool bare_v6 = ip_addr_parse(s, &literal) && literal.family == 6;
	if (s.n + 3 > sizeof ret->host || path.n >= sizeof ret->path ||
	    (!bare_v6 && (!authority_split(s, &host, &port))))
		return false;
	if (bare_v6) {
		snprintf(ret->host, sizeof ret->host, "[%.*s]", (int)s.n, s.p);
	} else {
		char normal[HOSTNAME_TEXT];
		bool address = ip_addr_parse(host, &literal);
		if (!address && !hostname_normalize(host, normal))
			return false;
		text_copy(ret->host, sizeof ret->host, s);
	}
	for (char *p = ret->host; *p; p++)
		*p = (char)ascii_lower((uint8_t)*p);
	text_copy(ret->path, sizeof ret->path, path);

	facts.host = ret->host;
	facts.path = ret->path[0] ? ret->path : NULL;
	facts.secure_scheme = secure;
	if (!t->tls_given)
		facts.tls = secure;
	if (!facts.server_ip.family && !facts.via_proxy)
		facts.server_ip = literal;
	*ret_facts = facts;
	return true;
}

static bool parse_auth(const char *text, enum auth_kind *ret)
{
	if (strcmp(text, "unknown") == 0) {
		*ret = AUTH_UNKNOWN;
		return true;
	}
	for (int kind = AUTH_NONE; kind < AUTH_COUNT; kind++) {
		const char *name = auth_kind_name((enum auth_kind)kind);
		if (name && strcmp(name, text) == 0) {
			*ret = (enum auth_kind)kind;
			return true;
		}
	}
	return false;
}

enum { OPTION_CLIENT = 256, OPTION_ADDRESS, OPTION_PROXY, OPTION_AT, OPTION_TLS, OPTION_CLEARTEXT, OPTION_AUTH,
       OPTION_VERSION, OPTION_TOOL, OPTION_RESOURCE, OPTION_PROMPT, OPTION_FINDING, OPTION_FORMAT };

static bool take_name(struct test *t, enum policy_use use, const char *name)
{
	if (t->n_names[use] == NAMES_MAX || strlen(name) >= policy_use_limit(use))
		return false;
	t->names[use][t->n_names[use]++] = (struct observed_count){name, 1, 0, 0};
	return true;
}

static struct observed_counts names_of(const struct test *t, enum policy_use use)
{
	return (struct observed_counts){.items = t->names[use], .n = t->n_names[use]};
}

/* One option; false after a message. */
static bool test_option(struct test *t, int option)
{
	long long ns;
	bool ok = true;
	switch (option) {
	case 'p': t->policy_path = optarg; break;
	case OPTION_CLIENT: ok = ip_addr_parse(slice_str(optarg), &t->facts.client_ip); break;
	case OPTION_ADDRESS: ok = ip_addr_parse(slice_str(optarg), &t->facts.server_ip); break;
	case OPTION_PROXY: t->facts.via_proxy = true; break;
	case OPTION_TLS:
	case OPTION_CLEARTEXT:
		t->facts.tls = option == OPTION_TLS;
		t->tls_given = true;
		break;
	case OPTION_AT:
		ok = cli_time_parse(optarg, &ns);
		if (ok)
			t->facts.last_seen_ns = ns;
		break;
	case OPTION_AUTH: ok = parse_auth(optarg, &t->facts.auth); break;
	case OPTION_VERSION: t->facts.protocol_version = optarg; break;
	case OPTION_TOOL: ok = take_name(t, POLICY_TOOLS, optarg); break;
	case OPTION_RESOURCE: ok = take_name(t, POLICY_RESOURCES, optarg); break;
	case OPTION_PROMPT: ok = take_name(t, POLICY_PROMPTS, optarg); break;
	case OPTION_FINDING: ok = take_finding(optarg, &t->posture); break;
	case OPTION_FORMAT: ok = cli_format_parse(optarg, &t->format) && (t->format == CLI_TEXT || t->format == CLI_JSON); break;
	default: return false;
	}
	if (!ok) {
		char shown[TARGET_TEXT];
		text_escape_terminal(shown, sizeof shown, slice_str(optarg));
		cli_usage("policy", "policy test: '%s' is not a value for this option", shown);
	}
	return ok;
}

/* ---- test: what is answered ---- */

static void describe(const struct policy_entry *e, char out[TARGET_TEXT])
{
	size_t n = 0;
	char address[IP_ADDR_TEXT], plain[TARGET_TEXT];
	plain[0] = '\0';
	if (e->host)
		text_append(plain, sizeof plain, &n, "host %s", e->host);
	if (e->connector)
		text_append(plain, sizeof plain, &n, "connector %s", e->connector);
	if (e->has_address) {
		ip_addr_format(&e->address.addr, address);
		text_append(plain, sizeof plain, &n, "%saddress %s/%d", n ? ", " : "", address, e->address.bits);
	}
	if (e->port)
		text_append(plain, sizeof plain, &n, ", port %d", e->port);
	if (e->path)
		text_append(plain, sizeof plain, &n, ", path %s", e->path);
	if (e->n_clients)
		text_append(plain, sizeof plain, &n, ", %zu client network%s", e->n_clients, e->n_clients == 1 ? "" : "s");
	if (e->expires_ns != POLICY_NEVER) {
		char when[RFC3339_TEXT];
		rfc3339_format(e->expires_ns, when);
		text_append(plain, sizeof plain, &n, ", until %s", when);
	}
	if (e->owner)
		text_append(plain, sizeof plain, &n, ", owner %s", e->owner);
	text_escape_terminal(out, TARGET_TEXT, slice_str(plain));
}

/* Why an entry that names this server did not decide; NULL if it decided or names another server. */
static const char *lost_because(const struct policy_entry *e, const struct policy_entry *winner,
                                const struct policy_subject *s)
{
	if (e == winner)
		return NULL;
	enum policy_match m = policy_entry_match(e, s);
	if (m == POLICY_OTHER_SERVER || (m == POLICY_ADDRESS_UNSEEN && !e->host))
		return NULL;
	if (m != POLICY_MATCH)
		return policy_match_text(m);
	if (!winner || winner->list != e->list)
		return "a denial wins over every approval";
	const char *why;
	policy_entry_order(winner, e, &why);
	return why;
}

static const struct policy_entry *entry_by_id(const struct policy *p, const char *id)
{
	for (size_t i = 0; id && i < p->n_entries; i++)
		if (strcmp(p->entries[i].id, id) == 0)
			return &p->entries[i];
	return NULL;
}

static void print_list(const char *title, const char *const *items, size_t n)
{
	if (n == 0)
		return;
	printf("  %-12s", title);
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? ", " : "", items[i]);
	putchar('\n');
}

static void answer_text(const char *target, const struct policy *p, const struct policy_subject *s, const struct judgement *j)
{
	char text[TARGET_TEXT];
	const struct policy_entry *winner = entry_by_id(p, j->rule);
	text_escape_terminal(text, sizeof text, slice_str(target));
	printf("%s: %s\n", text, verdict_name(j->verdict));
	printf("  %-12s%s\n", "why", j->why);
	if (winner) {
		describe(winner, text);
		printf("  %-12s%s (%s)\n", "decided by", winner->id, text);
	}
	print_list("breached", j->breaches, j->n_breaches);
	for (size_t i = 0; i < j->n_reasons; i++) {
		text_escape_terminal(text, sizeof text, slice_str(j->reasons[i].detail));
		printf("  %-12s%s\n", i ? "" : "because", text);
	}
	print_list("unverified", j->unverified, j->n_unverified);
	bool titled = false;
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct policy_entry *e = &p->entries[i];
		const char *why = lost_because(e, winner, s);
		if (!why)
			continue;
		describe(e, text);
		printf("  %-12s%s, %s (%s): %s%s\n", titled ? "" : "lost", e->id, e->list == POLICY_APPROVED ? "approval" : "denial",
		       text, policy_entry_match(e, s) == POLICY_MATCH ? "matches too, but " : "", why);
		titled = true;
	}
}

static json_t *strings(const char *const *items, size_t n)
{
	json_t *array = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(items[i]));
	return array;
}

/* New reference, or NULL when out of memory. */
static json_t *answer_json(const char *target, const struct policy *p, const struct policy_subject *s,
                           const struct judgement *j)
{
	char shown[TARGET_TEXT];
	const struct policy_entry *winner = entry_by_id(p, j->rule);
	json_t *lost = json_array();
	text_copy(shown, sizeof shown, slice_str(target));
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct policy_entry *e = &p->entries[i];
		const char *why = lost_because(e, winner, s);
		if (why)
			json_array_append_new(lost, json_pack("{s:s, s:s, s:b, s:s}", "id", e->id, "list",
			                                      e->list == POLICY_APPROVED ? "approved" : "denied", "matches",
			                                      policy_entry_match(e, s) == POLICY_MATCH, "why", why));
	}
	json_t *reasons = json_array();
	for (size_t i = 0; i < j->n_reasons; i++)
		json_array_append_new(reasons, json_pack("{s:s, s:s}", "signature", j->reasons[i].signature, "detail", j->reasons[i].detail));
	return json_pack("{s:s, s:s, s:s?, s:s, s:o, s:o, s:o, s:o}", "target", shown, "verdict", verdict_name(j->verdict), "rule",
	                 j->rule, "why", j->why, "breaches", strings(j->breaches, j->n_breaches), "reasons", reasons, "unverified",
	                 strings(j->unverified, j->n_unverified), "lost", lost);
}

static int print_json(json_t *answers)
{
	int failed = json_dumpf(answers, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(answers);
	if (failed)
		cli_error("out of memory, or standard output is closed");
	return failed ? EXIT_FAILED : EXIT_OK;
}

static int test_targets(const struct test *t, const struct policy *p, char **targets, int n)
{
	bool all = true;
	json_t *answers = t->format == CLI_JSON ? json_array() : NULL;
	for (int i = 0; i < n; i++) {
		struct target target;
		struct observation facts;
		struct policy_subject subject;
		struct judgement j;
		if (!parse_target(targets[i], t, &target, &facts)) {
			char shown[TARGET_TEXT];
			text_escape_terminal(shown, sizeof shown, slice_str(targets[i]));
			json_decref(answers);
			return cli_usage("policy", "'%s' is no HOST[:PORT][/PATH] no http or https URL and no connector:ID", shown);
		}
		policy_subject_from(&facts, &subject);
		policy_judge(p, &facts, &t->posture, &j);
		all = all && j.verdict == VERDICT_APPROVED;
		if (t->format == CLI_JSON)
			json_array_append_new(answers, answer_json(targets[i], p, &subject, &j));
		else
			answer_text(targets[i], p, &subject, &j);
	}
	if (t->format == CLI_JSON && print_json(answers) != EXIT_OK)
		return EXIT_FAILED;
	return all ? EXIT_OK : EXIT_UNAPPROVED;
}

int policy_test(int argc, char **argv)
{
	static const struct option options[] = {
		{"policy", required_argument, NULL, 'p'},
		{"client", required_argument, NULL, OPTION_CLIENT},
		{"address", required_argument, NULL, OPTION_ADDRESS},
		{"proxy", no_argument, NULL, OPTION_PROXY},
		{"at", required_argument, NULL, OPTION_AT},
		{"tls", no_argument, NULL, OPTION_TLS},
		{"cleartext", no_argument, NULL, OPTION_CLEARTEXT},
		{"auth", required_argument, NULL, OPTION_AUTH},
		{"protocol-version", required_argument, NULL, OPTION_VERSION},
		{"tool", required_argument, NULL, OPTION_TOOL},
		{"resource", required_argument, NULL, OPTION_RESOURCE},
		{"prompt", required_argument, NULL, OPTION_PROMPT},
		{"finding", required_argument, NULL, OPTION_FINDING},
		{"format", required_argument, NULL, OPTION_FORMAT},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct test t = {.policy_path = DEFAULT_POLICY, .format = CLI_TEXT, .facts = {.l4 = 6, .last_seen_ns = policy_now()}};
	int option, code = EXIT_OK;
	opterr = 0;
	for (size_t i = 0; i < finding_count; i++)
		posture_add_unseen(&t.posture, finding_table[i].id);
	while ((option = getopt_long(argc, argv, "p:h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(policy_help, stdout);
			return EXIT_OK;
		}
		if (option == '?')
			return policy_unknown_option("test", argv);
		if (!test_option(&t, option))
			return EXIT_USAGE;
	}
	if (optind == argc)
		return cli_usage("policy", "policy test: no target given");
	t.facts.tools_called = names_of(&t, POLICY_TOOLS);
	t.facts.resources_read = names_of(&t, POLICY_RESOURCES);
	t.facts.prompts_got = names_of(&t, POLICY_PROMPTS);
	for (int use = 0; use < POLICY_USES; use++)
		t.facts.requests += t.n_names[use]; /* what is named was read */
	struct policy *p = policy_open(t.policy_path, &code);
	if (!p)
		return code;
	code = test_targets(&t, p, argv + optind, argc - optind);
	policy_free(p);
	return code;
}
