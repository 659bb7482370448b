/* `shadowtap offers`: what servers offer, from the tables that replay and live fill: the latest of each definition, or all versions. */
#include "definition.h"
#include "output.h"
#include "store_definitions.h"
#include "text.h"
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>

#define DEFAULT_DB "shadowtap.db"

static const char help_text[] =
	"usage: shadowtap offers [options]\n"
	"\n"
	"Lists the tools, prompts and resources that servers were seen to offer: when first and last, how many versions\n"
	"of each, what in them is suspicious, and the canonical hash of each definition (docs/offers.md).\n"
	"\n"
	"      --db FILE              events database [shadowtap.db]\n"
	"      --server, --host NAME  of this server: a name, '*.example.com', or an address\n"
	"      --list LIST            tools, prompts, resources or resource-templates only\n"
	"      --name NAME            this one; * and ? stand for any characters and any one\n"
	"      --since T, --until T   seen in this time: 2026-11-22, 2026-11-22T10:00:00Z, 24h, 7d\n"
	"      --changed              only what had another content before\n"
	"      --finding ID           only with this finding, such as offer.instructions\n"
	"      --history              every version, not only the latest of each\n"
	"      --limit N              those seen last\n"
	"      --format F             text, json, jsonl or csv [text]; text leaves out the longer columns\n"
	"  -h, --help\n"
	"\n"
	"examples:\n"
	"  shadowtap offers --server mcp.acme.example\n"
	"  shadowtap offers --changed --since 7d                     # rug pulls, and honest updates\n"
	"  shadowtap offers --history --name 'find_notes' --format jsonl | jq .text\n"
	"  shadowtap query --all --kind tool-change                  # the events of changes\n"
	"\n"
	"Texts are there where replay or live ran with --store-definitions. Exit code: 0; 2 for a wrong option; 3 if the\n"
	"database cannot be read.\n";

enum { OPTION_DB = 1, OPTION_SERVER, OPTION_LIST, OPTION_NAME, OPTION_SINCE, OPTION_UNTIL, OPTION_CHANGED, OPTION_FINDING, OPTION_HISTORY,
       OPTION_LIMIT, OPTION_FORMAT };

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPTION_DB},           {"server", required_argument, NULL, OPTION_SERVER},
	{"host", required_argument, NULL, OPTION_SERVER},     {"list", required_argument, NULL, OPTION_LIST},
	{"name", required_argument, NULL, OPTION_NAME},       {"since", required_argument, NULL, OPTION_SINCE},
	{"until", required_argument, NULL, OPTION_UNTIL},     {"changed", no_argument, NULL, OPTION_CHANGED},
	{"finding", required_argument, NULL, OPTION_FINDING}, {"history", no_argument, NULL, OPTION_HISTORY},
	{"limit", required_argument, NULL, OPTION_LIMIT},     {"format", required_argument, NULL, OPTION_FORMAT},
	{"help", no_argument, NULL, 'h'},                     {NULL, 0, NULL, 0},
};

struct offers_options {
	struct store_offers query;
	const char *db;
	enum cli_format format;
};

static bool parse_time(const char *text, int64_t *ret)
{
	long long ns;
	if (!cli_time_parse(text, &ns))
		return false;
	*ret = ns;
	return true;
}

static bool parse_limit(const char *text, int64_t *ret)
{
	size_t n = strlen(text);
	if (n == 0 || n > 15 || strspn(text, "0123456789") != n)
		return false;
	*ret = strtoll(text, NULL, 10);
	return *ret > 0;
}

static bool known_list(const char *text)
{
	for (int list = LIST_NONE + 1; list < LIST_COUNT; list++)
		if (strcmp(text, definition_list_name((enum definition_list)list)) == 0)
			return true;
	return false;
}

static bool known_hint(const char *text)
{
	for (unsigned bit = 0; bit < HINT_COUNT; bit++)
		if (strcmp(text, definition_hint_id(bit)) == 0)
			return true;
	return false;
}

static bool take_option(struct offers_options *o, int option, const char *value)
{
	struct store_offers *q = &o->query;
	switch (option) {
	case OPTION_DB: o->db = value; return true;
	case OPTION_SERVER: q->server = value; return true;
	case OPTION_LIST: q->list = value; return known_list(value);
	case OPTION_NAME: q->name = value; return true;
	case OPTION_SINCE: return parse_time(value, &q->since_ns);
	case OPTION_UNTIL: return parse_time(value, &q->until_ns);
	case OPTION_CHANGED: q->changed = true; return true;
	case OPTION_FINDING: q->finding = value; return known_hint(value);
	case OPTION_HISTORY: q->history = true; return true;
	case OPTION_LIMIT: return parse_limit(value, &q->limit);
	default: return cli_format_parse(value, &o->format);
	}
}

static int on_row(void *context, const json_t *row)
{
	struct output *out = context;
	output_row(out, row);
	return out->failed || out->write_error;
}

static int show(struct store *s, const struct offers_options *o)
{
	static const char *const latest[] = {"server", "path", "list", "name", "versions", "first_seen", "last_seen", "findings", "gone", "tags", NULL};
	static const char *const versions[] = {"server", "path", "list", "name", "hash", "first_seen", "last_seen", "findings", NULL};
	const char *const *all = o->query.history ? store_history_fields : store_offer_fields;
	struct output out;
	signal(SIGPIPE, SIG_IGN); /* a reader that has seen enough shows as EPIPE, and the database is closed in order */
	output_start(&out, stdout, o->format, o->format != CLI_TEXT ? all : o->query.history ? versions : latest);
	int rc = store_offers(s, &o->query, on_row, &out);
	output_end(&out);
	if (rc != 0) {
		char shown[STORE_ERROR_TEXT * 2];
		text_escape_terminal(shown, sizeof shown, slice_str(store_error(s)));
		cli_error("%s", shown);
		return EXIT_FAILED;
	}
	return output_status(&out);
}

int cmd_offers(int argc, char **argv)
{
	struct offers_options o = {.db = DEFAULT_DB, .format = CLI_TEXT};
	char error[STORE_ERROR_TEXT], shown[STORE_ERROR_TEXT * 2];
	for (int option, which = -1; (option = getopt_long(argc, argv, "h", long_options, &which)) != -1;) {
		if (option == 'h') {
			fputs(help_text, stdout);
			return EXIT_OK;
		}
		if (option == '?')
			return cli_usage("offers", "wrong option");
		if (!take_option(&o, option, optarg)) {
			text_escape_terminal(shown, sizeof shown, slice_str(optarg));
			return cli_usage("offers", "--%s does not take '%s'", long_options[which].name, shown);
		}
	}
	if (optind < argc) {
		text_escape_terminal(shown, sizeof shown, slice_str(argv[optind]));
		return cli_usage("offers", "unexpected: %s", shown);
	}
	struct store *s = NULL;
	int rc = store_open_read(o.db, &s, error);
	if (error[0]) {
		text_escape_terminal(shown, sizeof shown, slice_str(error));
		cli_error("%s%s", rc == 0 ? "warning: " : "", shown);
	}
	if (rc != 0)
		return EXIT_FAILED;
	int code = show(s, &o);
	store_close_read(s);
	return code;
}
