/* `shadowtap policy check`: is the file right? And what it shares with `policy test` (cmd_policy_test.c). */
#include "cmd_policy.h"
#include "status.h"
#include "text.h"
#include <getopt.h>
#include <time.h>

const char policy_help[] =
	"usage: shadowtap policy check [FILE...]\n"
	"       shadowtap policy test [--policy FILE] [options] TARGET...\n"
	"\n"
	"check   reads each policy file (default: policy.json) and says what is wrong with it: errors, and entries\n"
	"        that have expired or can never decide. Exit code 0 if the files can be used, 2 if one cannot.\n"
	"test    says how a connection to each TARGET would be judged, by which entry, and why the others lost.\n"
	"        Exit code 0 if all are approved, 1 if any is not, 2 for a wrong option or policy.\n"
	"\n"
	"TARGET is HOST[:PORT][/PATH], [IPV6]:PORT, or an http:// or https:// URL; without a scheme TLS is assumed.\n"
	"Without a path the path counts as not seen, as it is inside TLS; '/' is the path '/'. connector:ID is a connector\n"
	"that an LLM vendor offers by that id.\n"
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
	"      --resource URI          a resource that is read; may be repeated\n"
	"      --prompt NAME           a prompt that is fetched; may be repeated\n"
	"      --finding ID            a posture finding, or none (no more of them); may be repeated (default: not seen)\n"
	"      --format text|json\n"
	"  -h, --help\n"
	"\n"
	"examples:\n"
	"  shadowtap policy check policy.json\n"
	"  shadowtap policy test --policy policy.json https://mcp.acme.example/mcp\n"
	"  shadowtap policy test --auth none --client 10.1.2.3 10.77.0.20:3001/mcp\n"
	"  shadowtap policy test --tool delete_user --client 10.1.2.3 mcp.acme.example/mcp\n"
	"  shadowtap policy test connector:connector_gmail\n"
	"  shadowtap policy test --at 2027-07-01 mcp.partner.example     # will it still be approved then?\n";

int64_t policy_now(void)
{
	struct timespec t;
	return clock_gettime(CLOCK_REALTIME, &t) == 0 ? t.tv_sec * INT64_C(1000000000) + t.tv_nsec : 0;
}

/* The policy, or NULL after saying why; *ret_code is then what to exit with. */
struct policy *policy_open(const char *path, int *ret_code)
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
	struct policy *p = policy_open(path, &code);
	if (!p)
		return code;
	text_escape_terminal(shown, sizeof shown, slice_str(path));
	printf("%s: ok, %zu approved, %zu denied\n", shown, p->n_list[POLICY_APPROVED], p->n_list[POLICY_DENIED]);
	policy_check(p, policy_now(), print_warning, shown);
	policy_free(p);
	return EXIT_OK;
}

/* argv's element that getopt_long just refused. */
int policy_unknown_option(const char *what, char **argv)
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
			return policy_unknown_option("check", argv);
		fputs(policy_help, stdout);
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

int cmd_policy(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "check") == 0)
		return check(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "test") == 0)
		return policy_test(argc - 1, argv + 1);
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
		fputs(policy_help, stdout);
		return EXIT_OK;
	}
	return cli_usage("policy", argc < 2 ? "policy: check or test?" : "policy: it is either check or test");
}
