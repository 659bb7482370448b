/* `shadowtap policy check` and `shadowtap policy test`: is the file right, and what does it say of a server?
 * Asks the very functions that judge traffic, so that what it prints is what `replay` will do. */
#include "cli.h"
#include "policy_entry.h"
#include "rfc3339.h"
#include "status.h"
#include "text.h"
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define TARGET_TEXT 1024
#define DEFAULT_POLICY "policy.json"

static const char help_text[] =
	"usage: shadowtap policy check [FILE...]\n"
	"       shadowtap policy test [--policy FILE] [options] TARGET...\n"
	"\n"
	"check   reads each policy file (default: policy.json) and says what is wrong with it: errors, and entries\n"
	"        that have expired or can never decide. Exit code 0 if the files can be used, 2 if one cannot.\n"
	"test    says how a connection to each TARGET would be judged, by which entry, and why the others lost.\n"
	"        Exit code 0 if all are approved, 1 if any is not, 2 for a wrong option or policy.\n"
	"\n"
	"TARGET is HOST[:PORT][/PATH], [IPV6]:PORT, or an http:// or https:// URL; without a scheme TLS is assumed.\n"
	"Without a path the path counts as not seen, as it is inside TLS; '/' is the path '/'.\n"
	"\n"
	"  -p, --policy FILE           the policy (default: policy.json)\n"
	"      --client IP             the client's address\n"
	"      --address IP            the server's address, for entries with \"address\"\n"
	"      --proxy                 the client goes through a proxy: the server's address is not seen\n"
	"      --at TIME               judge as of then: 2026-11-22, 2026-11-22T10:00:00Z, 24h (ago), @SECONDS\n"
	"      --tls, --cleartext      instead of what the scheme says\n"
	"      --auth KIND             none, bearer, basic, apikey, cookie, query-token, unknown (default)\n"
	"      --protocol-version V    the negotiated revision, for example 2025-06-18 (default: not seen)\n"
	"      --tool NAME             a tool that is called; may be repeated\n"
	"      --finding ID            a posture finding, or none (no more of them); may be repeated (default: not seen)\n"
	"      --format text|json\n"
	"  -h, --help\n"
	"\n"
	"examples:\n"
	"  shadowtap policy check policy.json\n"
	"  shadowtap policy test --policy policy.json https://mcp.acme.example/mcp\n"
	"  shadowtap policy test --auth none --client 10.1.2.3 10.77.0.20:3001/mcp\n"
	"  shadowtap policy test --at 2027-07-01 mcp.partner.example     # will it still be approved then?\n";

static int64_t now(void)
{
	struct timespec t;
	return clock_gettime(CLOCK_REALTIME, &t) == 0 ? t.tv_sec * INT64_C(1000000000) + t.tv_nsec : 0;
}

/* The policy, or NULL after saying why; *ret_code is then what to exit with. */
static struct policy *load(const char *path, int *ret_code)
{
	struct policy *p = NULL;
	char error[POLICY_ERROR_TEXT];
	int failed = policy_load(path, &p, error);
	if (failed) {
		cli_error("%s", error);
		*ret_code = failed == FAIL_MEMORY ? EXIT_FAILED : EXIT_USAGE;
	}
	return p;
}

/* ---- check ---- */

static void print_warning(void *context, const char *sentence)
{
	printf("%s: warning: %s\n", (const char *)context, sentence);
}

static int check_file(const char *path)
{
	int code = EXIT_OK;
	char shown[TARGET_TEXT];
	struct policy *p = load(path, &code);
	if (!p)
		return code;
	text_escape_terminal(shown, sizeof shown, slice_str(path));
	printf("%s: ok, %zu approved, %zu denied\n", shown, p->n_list[POLICY_APPROVED], p->n_list[POLICY_DENIED]);
	policy_check(p, now(), print_warning, shown);
	policy_free(p);
	return EXIT_OK;
}

/* argv's element that getopt_long just refused. */
static int unknown_option(const char *what, char **argv)
{
	char shown[TARGET_TEXT];
	text_escape_terminal(shown, sizeof shown, slice_str(argv[optind - 1]));
	return cli_usage("policy", "policy %s: '%s' is unknown, ambiguous or lacks its value", what, shown);
}

static int check(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int option, worst = EXIT_OK;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option != 'h')
			return unknown_option("check", argv);
		fputs(help_text, stdout);
		return EXIT_OK;
	}
	if (optind == argc)
		return check_file(DEFAULT_POLICY);
	for (int i = optind; i < argc; i++) {
		int code = check_file(argv[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}

/* ---- test: what is asked ---- */

#define TOOLS_MAX 32

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
	struct observed_count tools[TOOLS_MAX];
	size_t n_tools;
};

struct target {
	char host[LIMIT_HOST], path[LIMIT_PATH];
};

/* The target's authority, path and scheme as an observation would carry them. */
static bool parse_target(const char *text, const struct test *t, struct target *ret, struct observation *ret_facts)
{
	struct observation facts = t->facts;
	struct slice s = slice_str(text), host;
	uint16_t port;
	bool secure = true;
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
       OPTION_VERSION, OPTION_TOOL, OPTION_FINDING, OPTION_FORMAT };

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
	case OPTION_TOOL:
		ok = t->n_tools < TOOLS_MAX;
		if (ok)
			t->tools[t->n_tools++] = (struct observed_count){optarg, 1, 0, 0};
		break;
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
	return json_pack("{s:s, s:s, s:s?, s:s, s:o, s:o, s:o}", "target", shown, "verdict", verdict_name(j->verdict), "rule",
	                 j->rule, "why", j->why, "breaches", strings(j->breaches, j->n_breaches), "unverified",
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
			return cli_usage("policy", "'%s' is no HOST[:PORT][/PATH] and no http or https URL", shown);
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

static int test(int argc, char **argv)
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
		{"finding", required_argument, NULL, OPTION_FINDING},
		{"format", required_argument, NULL, OPTION_FORMAT},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct test t = {.policy_path = DEFAULT_POLICY, .format = CLI_TEXT, .facts = {.l4 = 6, .last_seen_ns = now()}};
	int option, code = EXIT_OK;
	opterr = 0;
	for (size_t i = 0; i < finding_count; i++)
		posture_add_unseen(&t.posture, finding_table[i].id);
	while ((option = getopt_long(argc, argv, "p:h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help_text, stdout);
			return EXIT_OK;
		}
		if (option == '?')
			return unknown_option("test", argv);
		if (!test_option(&t, option))
			return EXIT_USAGE;
	}
	if (optind == argc)
		return cli_usage("policy", "policy test: no target given");
	t.facts.tools_called = (struct observed_counts){.items = t.tools, .n = t.n_tools};
	t.facts.requests = t.n_tools; /* a tool that is named was read */
	struct policy *p = load(t.policy_path, &code);
	if (!p)
		return code;
	code = test_targets(&t, p, argv + optind, argc - optind);
	policy_free(p);
	return code;
}

int cmd_policy(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "check") == 0)
		return check(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "test") == 0)
		return test(argc - 1, argv + 1);
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
		fputs(help_text, stdout);
		return EXIT_OK;
	}
	return cli_usage("policy", argc < 2 ? "policy: check or test?" : "policy: it is either check or test");
}
