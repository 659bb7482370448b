/* `shadowtap signatures check`, `list` and `test`: are the files right, what is in them, and what do they say of a host
 * or a path? Asks the loader and the look-ups that `replay` uses. */
#include "cli.h"
#include "hostname.h"
#include "output.h"
#include "signature.h"
#include "status.h"
#include "text.h"
#include <getopt.h>
#include <jansson.h>
#include <string.h>

#define SHOWN_TEXT 1024

static const char help_text[] =
    "usage: shadowtap signatures check [DIR...]\n"
    "       shadowtap signatures list [--signatures DIR]... [--kind KIND] [--format FORMAT] [TEXT]\n"
    "       shadowtap signatures test [--signatures DIR]... HOST|/PATH...\n"
    "\n"
    "check   reads the signature directories and says what is wrong with them. Several are laid over each other in\n"
    "        the order given, as --signatures does: the shipped one first, a site's own behind it.\n"
    "        Exit code 0 if they can be used, 2 if not.\n"
    "list    shows the signatures in force, or those with TEXT in their id, pattern or vendor.\n"
    "test    says which signature a host name or a path (with its '/') matches.\n"
    "        Exit code 0 if all match one, 1 if any does not.\n"
    "\n"
    "      --signatures DIR     instead of the installed ones; may be repeated\n"
    "      --kind KIND          host, path, header, method, user-agent, client, ja4 or behaviour\n"
    "      --format FORMAT      text, json, jsonl or csv\n"
    "  -h, --help\n"
    "\n"
    "examples:\n"
    "  shadowtap signatures check\n"
    "  shadowtap signatures check /usr/share/shadowtap/signatures /etc/shadowtap/signatures\n"
    "  shadowtap signatures list --kind host stripe\n"
    "  shadowtap signatures test mcp.stripe.com /v1/mcp\n";

struct request {
	const char *directories[LIMIT_SIGNATURE_DIRECTORIES];
	size_t n;
	int kind; /* -1: all */
	enum cli_format format;
};

static const char *shown(char buffer[SHOWN_TEXT], const char *text)
{
	text_escape_terminal(buffer, SHOWN_TEXT, slice_str(text));
	return buffer;
}

/* The set, or NULL after saying why; *ret_code is then what to exit with. */
static struct signature_set *load(const char *const directories[], size_t n, int *ret_code)
{
	struct signature_set *set = NULL;
	char error[SIGNATURE_ERROR_TEXT];
	int failed = signature_set_load(directories, n, &set, error);
	if (failed) {
		cli_error("%s", error);
		*ret_code = failed == FAIL_MEMORY ? EXIT_FAILED : EXIT_USAGE;
	}
	return set;
}

static struct signature_set *load_requested(const struct request *r, int *ret_code)
{
	const char *const installed[] = {cli_signatures_dir()};
	return load(r->n ? r->directories : installed, r->n ? r->n : 1, ret_code);
}

/* ---- check ---- */

static int check_directories(const char *const directories[], size_t n)
{
	char buffer[SHOWN_TEXT];
	int code = EXIT_OK;
	size_t all = 0;
	struct signature_set *set = load(directories, n, &code);
	if (!set)
		return code;
	for (int k = 0; k < SIGNATURE_KINDS; k++)
		all += signature_set_count(set, (enum signature_kind)k);
	printf("%s: ok, %zu signatures (", shown(buffer, directories[n - 1]), all);
	for (int k = 0; k < SIGNATURE_KINDS; k++)
		printf("%s%ss %zu", k ? ", " : "", signature_kind_name((enum signature_kind)k),
		       signature_set_count(set, (enum signature_kind)k));
	printf("), version %s\n", signature_set_version(set));
	signature_set_free(set);
	return EXIT_OK;
}

static int check(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *const installed[] = {cli_signatures_dir()};
	const char *const *directories = installed;
	size_t n = 1;
	int option;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option != 'h')
			return cli_usage("signatures", "signatures check takes directories only");
		fputs(help_text, stdout);
		return EXIT_OK;
	}
	if (optind < argc) {
		directories = (const char *const *)argv + optind;
		n = (size_t)(argc - optind);
	}
	for (size_t i = 1; i <= n; i++) { /* each with those before it, so that the first bad one is named */
		int code = check_directories(directories, i);
		if (code != EXIT_OK)
			return code;
	}
	return EXIT_OK;
}

/* ---- list ---- */

static bool mentions(const char *text, const char *what)
{
	return text && strcasestr(text, what);
}

static json_t *endpoints_json(const struct signature *s)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < s->n_endpoints; i++) {
		const char *transport = transport_name(s->endpoints[i].transport);
		json_array_append_new(list,
				      json_pack("{s:s, s:s?}", "path", s->endpoints[i].path, "transport", transport));
	}
	return list;
}

/* Absent where a kind has no such thing: NULL is left out by the '*' of json_pack. */
static json_t *signature_json(const struct signature *s)
{
	static const char *const tiers[] = {"dedicated", "shared", "pattern", "ignored"};
	static const char *const specificities[] = {
	    [PATH_WEAK] = "weak", [PATH_MEDIUM] = "medium", [PATH_STRONG] = "strong"};
	const char *confidence = confidence_name(s->confidence);
	json_t *row =
	    json_pack("{s:s, s:s, s:s, s:s, s:s*}", "id", s->id, "kind", signature_kind_name(s->kind), "confidence",
		      confidence ? confidence : "none", "pattern", s->pattern, "vendor", s->vendor);
	if (!row)
		return NULL;
	json_object_set_new(row, "match", json_string(signature_match_name(s->match)));
	switch (s->kind) {
	case SIGNATURE_HOST:
		json_object_set_new(row, "tier", json_string(tiers[s->tier]));
		json_object_set_new(row, "endpoints", endpoints_json(s));
		break;
	case SIGNATURE_PATH:
		json_object_set_new(row, "role", json_string(s->role == PATH_DISCOVERY ? "discovery" : "endpoint"));
		json_object_set_new(row, "specificity", json_string(specificities[s->specificity]));
		break;
	case SIGNATURE_METHOD: json_object_set_new(row, "unique", json_boolean(s->unique)); break;
	default: break;
	}
	json_object_set_new(row, "reason", json_string(s->reason));
	json_object_set_new(row, "source", json_string(s->source));
	return row;
}

static int list_set(const struct signature_set *set, const struct request *r, const char *text)
{
	static const char *const table[] = {"id", "confidence", "pattern", "vendor", NULL};
	static const char *const columns[] = {"id",        "kind", "confidence",  "pattern", "match",  "vendor", "tier",
					      "endpoints", "role", "specificity", "unique",  "reason", "source", NULL};
	struct output out;
	output_start(&out, stdout, r->format, r->format == CLI_TEXT ? table : columns);
	for (int k = 0; k < SIGNATURE_KINDS; k++) {
		if (r->kind >= 0 && r->kind != k)
			continue;
		for (size_t i = 0; i < signature_set_count(set, (enum signature_kind)k); i++) {
			const struct signature *s = signature_set_at(set, (enum signature_kind)k, i);
			if (text && !mentions(s->id, text) && !mentions(s->pattern, text) && !mentions(s->vendor, text))
				continue;
			json_t *row = signature_json(s);
			if (row)
				output_row(&out, row);
			else
				out.failed = true;
			json_decref(row);
		}
	}
	output_end(&out);
	return output_status(&out);
}

/* ---- test ---- */

static int test_word(const struct signature_set *set, const char *word)
{
	char word_shown[SHOWN_TEXT], line[SHOWN_TEXT], name[HOSTNAME_TEXT];
	const struct signature *s = NULL;
	const struct signature_endpoint *endpoint = NULL;
	if (word[0] == '/')
		s = signature_path(set, slice_str(word));
	else {
		/* "host/path" asks for both, as a URL without its scheme. */
		size_t host = strcspn(word, "/");
		if (!hostname_normalize(slice_of(word, host), name)) {
			cli_error("no host name and no path: %s", shown(word_shown, word));
			return EXIT_USAGE;
		}
		s = signature_host(set, name);
		if (s && word[host])
			endpoint = signature_host_endpoint(s, slice_str(word + host));
	}
	shown(word_shown, word);
	if (!s) {
		printf("%s: no signature\n", word_shown);
		return EXIT_UNAPPROVED;
	}
	const char *confidence = confidence_name(s->confidence);
	printf("%s: %s, %s\n", word_shown, s->id, confidence ? confidence : "none");
	printf("  %s\n", shown(line, s->reason));
	if (endpoint)
		printf("  the path is its endpoint %s\n", shown(line, endpoint->path));
	return EXIT_OK;
}

/* ---- options of list and test ---- */

enum { OPTION_SIGNATURES = 256, OPTION_KIND, OPTION_FORMAT };

static int take_option(struct request *r, int option)
{
	switch (option) {
	case OPTION_SIGNATURES:
		if (r->n == LIMIT_SIGNATURE_DIRECTORIES)
			return cli_usage("signatures", "at most %d --signatures", LIMIT_SIGNATURE_DIRECTORIES);
		r->directories[r->n++] = optarg;
		return EXIT_OK;
	case OPTION_KIND:
		for (r->kind = 0; r->kind < SIGNATURE_KINDS; r->kind++)
			if (strcmp(optarg, signature_kind_name((enum signature_kind)r->kind)) == 0)
				return EXIT_OK;
		return cli_usage("signatures",
				 "--kind: host, path, header, method, user-agent, client, ja4 or behaviour");
	case OPTION_FORMAT:
		if (cli_format_parse(optarg, &r->format))
			return EXIT_OK;
		return cli_usage("signatures", "--format: text, json, jsonl or csv");
	default: return cli_usage("signatures", "signatures: a wrong option");
	}
}

static int list_or_test(int argc, char **argv, bool list)
{
	static const struct option options[] = {
	    {"signatures", required_argument, NULL, OPTION_SIGNATURES},
	    {"kind", required_argument, NULL, OPTION_KIND},
	    {"format", required_argument, NULL, OPTION_FORMAT},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	struct request r = {.kind = -1, .format = CLI_TEXT};
	int option, code = EXIT_OK;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help_text, stdout);
			return EXIT_OK;
		}
		if (!list && (option == OPTION_KIND || option == OPTION_FORMAT))
			return cli_usage("signatures", "signatures test: --kind and --format belong to list");
		if (take_option(&r, option) != EXIT_OK)
			return EXIT_USAGE;
	}
	if (list && argc - optind > 1)
		return cli_usage("signatures", "signatures list: one TEXT at most");
	if (!list && optind == argc)
		return cli_usage("signatures", "signatures test: no host and no path given");
	struct signature_set *set = load_requested(&r, &code);
	if (!set)
		return code;
	if (list)
		code = list_set(set, &r, optind < argc ? argv[optind] : NULL);
	for (int i = optind; !list && i < argc; i++) {
		int one = test_word(set, argv[i]);
		code = one > code ? one : code;
	}
	signature_set_free(set);
	return code;
}

int cmd_signatures(int argc, char **argv)
{
	const char *what = argc >= 2 ? argv[1] : "";
	if (strcmp(what, "check") == 0)
		return check(argc - 1, argv + 1);
	if (strcmp(what, "list") == 0 || strcmp(what, "test") == 0)
		return list_or_test(argc - 1, argv + 1, what[0] == 'l');
	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0 || strcmp(what, "help") == 0) {
		fputs(help_text, stdout);
		return EXIT_OK;
	}
	return cli_usage("signatures",
			 what[0] ? "signatures: it is check, list or test" : "signatures: check, list or test?");
}
