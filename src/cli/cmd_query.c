/* `shadowtap query`: options -> struct store_query -> rows on standard output. Writes nothing to the database and makes
 * none: a missing file is an error. */
#include "cli.h"
#include "finding.h"
#include "output.h"
#include "status.h"
#include "store.h"
#include "text.h"
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>

#define DEFAULT_DB "shadowtap.db"

static const char help_text[] =
	"usage: shadowtap query [options]\n"
	"\n"
	"Shows events, oldest first; without options those that are unapproved, at least likely and not acknowledged.\n"
	"\n"
	"      --db FILE              events database [" DEFAULT_DB "]\n"
	"      --since T, --until T   seen in this time: 2026-11-22, 2026-11-22T10:00:00Z, 90m, 24h, 7d (ago), @SECONDS\n"
	"      --verdict V            approved, violation or unauthorized only\n"
	"      --min-confidence C     possible, likely or confirmed [likely]\n"
	"      --client A             client address or network (10.0.0.0/8)\n"
	"      --server A             server address or network\n"
	"      --host NAME            server's name as asked for, any port: mcp.example.com, '*.example.com'\n"
	"      --method M             connections that used this method: tools/call\n"
	"      --tool T               connections that called this tool\n"
	"      --finding F            connections with this finding: no-auth, policy.tls ('shadowtap findings' lists them)\n"
	"      --kind K               connection, connector or tool-change\n"
	"      --event-id PREFIX      this event, whatever its verdict and confidence\n"
	"      --acknowledged         only acknowledged ones ('shadowtap ack'), whatever their verdict and confidence\n"
	"      --all                  approved and acknowledged ones too\n"
	"      --limit N              the latest N\n"
	"      --group-by FIELD       count events, clients and servers per value of a field; per key of methods,\n"
	"                             server_methods and tools_called, per element of reasons, findings and the like\n"
	"      --format F             text, json, jsonl or csv [text]\n"
	"  -h, --help\n"
	"\n"
	"examples:\n"
	"  shadowtap query --since 24h\n"
	"  shadowtap query --all --group-by host                     # the inventory\n"
	"  shadowtap query --client 10.20.0.0/16 --group-by tools_called\n"
	"  shadowtap query --host '*.example.com' --min-confidence possible --format csv > events.csv\n"
	"  shadowtap query --format jsonl | jq -r 'select(.auth == \"none\") | .host'\n"
	"\n"
	"The database is SQLite; `unapproved` and `inventory` are views made for reading (docs/events.md):\n"
	"  sqlite3 -readonly " DEFAULT_DB " 'SELECT time, client, server, tools FROM unapproved LIMIT 20'\n"
	"  sqlite3 -readonly -box " DEFAULT_DB " 'SELECT * FROM inventory'\n"
	"\n"
	"Exit code: 0, also when nothing is found; 2 for a wrong option; 3 if the database cannot be read.\n";

struct query_options {
	const char *db, *group_by;
	struct store_query query;
	enum cli_format format;
	bool confidence_given, all;
};

enum {
	OPTION_DB = 256, OPTION_SINCE, OPTION_UNTIL, OPTION_VERDICT, OPTION_CONFIDENCE, OPTION_CLIENT, OPTION_SERVER,
	OPTION_HOST, OPTION_METHOD, OPTION_TOOL, OPTION_FINDING, OPTION_KIND, OPTION_ID, OPTION_ACKNOWLEDGED, OPTION_ALL, OPTION_LIMIT, OPTION_GROUP, OPTION_FORMAT,
};

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPTION_DB},
	{"since", required_argument, NULL, OPTION_SINCE},
	{"until", required_argument, NULL, OPTION_UNTIL},
	{"verdict", required_argument, NULL, OPTION_VERDICT},
	{"min-confidence", required_argument, NULL, OPTION_CONFIDENCE},
	{"client", required_argument, NULL, OPTION_CLIENT},
	{"server", required_argument, NULL, OPTION_SERVER},
	{"host", required_argument, NULL, OPTION_HOST},
	{"method", required_argument, NULL, OPTION_METHOD},
	{"tool", required_argument, NULL, OPTION_TOOL},
	{"finding", required_argument, NULL, OPTION_FINDING},
	{"kind", required_argument, NULL, OPTION_KIND},
	{"event-id", required_argument, NULL, OPTION_ID},
	{"acknowledged", no_argument, NULL, OPTION_ACKNOWLEDGED},
	{"all", no_argument, NULL, OPTION_ALL},
	{"limit", required_argument, NULL, OPTION_LIMIT},
	{"group-by", required_argument, NULL, OPTION_GROUP},
	{"format", required_argument, NULL, OPTION_FORMAT},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static bool parse_time(const char *text, int64_t *ret)
{
	long long ns;
	if (!cli_time_parse(text, &ns))
		return false;
	*ret = ns;
	return true;
}

static bool parse_confidence(const char *text, enum confidence *ret)
{
	for (enum confidence c = CONFIDENCE_POSSIBLE; c < CONFIDENCE_COUNT; c++) {
		if (strcmp(text, confidence_name(c)) == 0) {
			*ret = c;
			return true;
		}
	}
	return false;
}

static bool known_verdict(const char *text)
{
	for (enum verdict v = 0; v < VERDICT_COUNT; v++)
		if (strcmp(text, verdict_name(v)) == 0)
			return true;
	return false;
}

static bool known_kind(const char *text)
{
	for (enum event_kind k = 0; k < KIND_COUNT; k++)
		if (strcmp(text, event_kind_name(k)) == 0)
			return true;
	return false;
}

/* Breaches of policy are named by the policy, which may since have changed. */
static bool known_finding(const char *text)
{
	return finding_find(text) || strncmp(text, "policy.", strlen("policy.")) == 0;
}

static bool parse_limit(const char *text, int64_t *ret)
{
	int64_t n = 0;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || n > INT64_MAX / 10 - 1)
			return false;
		n = n * 10 + (*p - '0');
	}
	*ret = n;
	return n > 0;
}

static bool take_option(struct query_options *o, int option, const char *value)
{
	struct store_query *q = &o->query;
	switch (option) {
	case OPTION_DB: o->db = value; return true;
	case OPTION_SINCE: return parse_time(value, &q->since_ns);
	case OPTION_UNTIL: return parse_time(value, &q->until_ns);
	case OPTION_VERDICT: q->verdict = value; return known_verdict(value);
	case OPTION_CONFIDENCE: o->confidence_given = true; return parse_confidence(value, &q->min_confidence);
	case OPTION_CLIENT: q->client = value; return true;
	case OPTION_SERVER: q->server = value; return true;
	case OPTION_HOST: q->host = value; return true;
	case OPTION_METHOD: q->method = value; return true;
	case OPTION_TOOL: q->tool = value; return true;
	case OPTION_FINDING: q->finding = value; return known_finding(value);
	case OPTION_KIND: q->kind = value; return known_kind(value);
	case OPTION_ID: q->event_id = value; return true;
	case OPTION_ACKNOWLEDGED: q->acknowledged = ACKNOWLEDGED_ONLY; return true;
	case OPTION_ALL: o->all = true; return true;
	case OPTION_LIMIT: return parse_limit(value, &q->limit);
	case OPTION_GROUP: o->group_by = value; return true;
	default: return cli_format_parse(value, &o->format);
	}
}

/* -1 when the options are good, else the exit code. */
static int parse(int argc, char **argv, struct query_options *o)
{
	int option, which = -1;
	char shown[256];
	while ((option = getopt_long(argc, argv, "h", long_options, &which)) != -1) {
		if (option == 'h') {
			fputs(help_text, stdout);
			return EXIT_OK;
		}
		if (option == '?')
			return cli_usage("query", "wrong option");
		if (!take_option(o, option, optarg)) {
			text_escape_terminal(shown, sizeof shown, slice_str(optarg));
			return cli_usage("query", "--%s does not take '%s'", long_options[which].name, shown);
		}
	}
	if (optind < argc) {
		text_escape_terminal(shown, sizeof shown, slice_str(argv[optind]));
		return cli_usage("query", "unexpected: %s", shown);
	}
	struct store_query *q = &o->query;
	bool named = q->event_id || q->acknowledged == ACKNOWLEDGED_ONLY;
	if (named && !o->confidence_given) /* who names an event, or acknowledged one, wants it, whatever it was judged to be */
		q->min_confidence = CONFIDENCE_POSSIBLE;
	q->all = o->all || named;
	if (!q->all)
		q->acknowledged = ACKNOWLEDGED_NOT;
	q->now_ns = cli_now_ns(); /* "until" is also when an event comes back into the list */
	return -1;
}

static int on_event(void *context, const json_t *row)
{
	struct output *out = context;
	output_event(out, row);
	return out->failed || out->write_error;
}

static int on_group(void *context, const json_t *row)
{
	struct output *out = context;
	output_row(out, row);
	return out->failed || out->write_error;
}

static void text_footer(const struct output *out, const struct query_options *o)
{
	const char *hidden = o->query.all       ? ""
	                     : o->query.verdict ? " (acknowledged ones are hidden: --all)"
	                                        : " (approved and acknowledged ones are hidden: --all)";
	if (out->rows == 0)
		fprintf(out->file, "Nothing found%s.\n", hidden);
	else if (!o->group_by)
		fprintf(out->file, "\n%llu event%s%s\n", out->rows, out->rows == 1 ? "" : "s", hidden);
}

static int show(struct store *s, const struct query_options *o)
{
	static const char *const group_fields[] = {"value", "events", "clients", "servers", "first_seen", "last_seen", NULL};
	struct output out;
	int rc;
	signal(SIGPIPE, SIG_IGN); /* a reader that has seen enough shows as EPIPE, and the database is closed in order */
	output_start(&out, stdout, o->format, o->group_by ? group_fields : output_event_fields());
	if (o->group_by)
		rc = store_group(s, &o->query, o->group_by, on_group, &out);
	else
		rc = store_select(s, &o->query, on_event, &out);
	if (rc == FAIL_CONFIG) /* before the first row, so nothing is on standard output */
		return cli_usage("query", "%s", store_error(s));
	if (rc == 0 && o->format == CLI_TEXT && !out.held)
		text_footer(&out, o);
	output_end(&out);
	if (rc != 0) {
		char shown[STORE_ERROR_TEXT * 2];
		text_escape_terminal(shown, sizeof shown, slice_str(store_error(s)));
		cli_error("%s", shown);
		return EXIT_FAILED;
	}
	return output_status(&out);
}

int cmd_query(int argc, char **argv)
{
	struct query_options o = {.db = DEFAULT_DB, .query.min_confidence = CONFIDENCE_LIKELY, .format = CLI_TEXT};
	int code = parse(argc, argv, &o);
	if (code >= 0)
		return code;
	struct store *s = NULL;
	char error[STORE_ERROR_TEXT], shown[STORE_ERROR_TEXT * 2];
	int rc = store_open_read(o.db, &s, error);
	if (error[0]) {
		text_escape_terminal(shown, sizeof shown, slice_str(error));
		cli_error("%s%s", rc == 0 ? "warning: " : "", shown);
	}
	if (rc != 0)
		return EXIT_FAILED;
	code = show(s, &o);
	store_close_read(s);
	return code;
}
