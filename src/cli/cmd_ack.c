/* `shadowtap ack` and `unack`: ids and an operator's words -> acknowledgements in the database, and lists of them.
 * Sends nothing and approves nobody: that is the policy's work. */
#include "limits.h"
#include "rfc3339.h"
#include "rows.h"
#include "status.h"
#include "store_ack.h"
#include "text.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char ack_help[] =
    "usage: shadowtap ack EVENT_ID... --until TIME --by WHO --why TEXT [options]\n"
    "       shadowtap ack --list | --log [options]\n"
    "\n"
    "Acknowledges events: until that time 'shadowtap query' leaves them out, they raise no alerts, live does not\n"
    "print them, and they do not make a replay exit with 1. Covers these connections alone, as they are now or\n"
    "milder: one that becomes surer, gets an answer or a new finding is shown again. New connections to the same\n"
    "server are new events: approve servers in the policy.\n"
    "\n"
    "  EVENT_ID         of 'shadowtap query'; the first 4 or more digits will do where no other event's id begins so\n"
    "  --until TIME     2026-12-31 (to its end, UTC), 2026-12-31T18:00:00Z, 30d (from now)\n"
    "  --by WHO         who acknowledges: a name, an address\n"
    "  --why TEXT       a sentence, a ticket's number\n"
    "  --force          also whole ids that are not in the database (yet), whatever their events turn out to be\n"
    "  --list           show the acknowledgements, the one that ends first first. State: holds; expired; risen: the\n"
    "                   event has become worse; unseen: it is not in the database\n"
    "  --log            show who acknowledged what, when and why, and who took it back; oldest first\n"
    "  --db FILE        events database [shadowtap.db]; a sensor may be writing to it\n"
    "  --format FORMAT  of --list and --log: text, json, jsonl, csv [text]\n"
    "\n"
    "All of the events or none. Exit: 0 done; 2 usage, or an id that names no event or more than one; 3 the\n"
    "database cannot be opened or written.\n"
    "\n"
    "  shadowtap ack 9de1 --until 30d --by alice@acme.example --why 'OPS-1412: vendor trial, goes in December'\n"
    "  shadowtap query --host mcp.acme.example --format jsonl | jq -r .event_id |\n"
    "    xargs shadowtap ack --until 2026-12-31 --by alice --why OPS-1412\n"
    "  shadowtap ack --list\n";

static const char unack_help[] =
    "usage: shadowtap unack EVENT_ID... --by WHO --why TEXT [options]\n"
    "\n"
    "Takes acknowledgements back: the events are listed, alerted and counted again from now on.\n"
    "\n"
    "  EVENT_ID         as in 'shadowtap ack --list'; the first 4 or more digits will do where no other begins so\n"
    "  --by WHO         who takes it back\n"
    "  --why TEXT       why\n"
    "  --db FILE        events database [shadowtap.db]; a sensor may be writing to it\n"
    "\n"
    "All of the events or none. Exit: 0 done; 2 usage, or no event of that id is acknowledged; 3 the database\n"
    "cannot be opened or written.\n"
    "\n"
    "  shadowtap unack 9de1 --by bob --why 'OPS-1412 is closed'\n";

static const char *const list_fields[] = {"event_id", "state",      "until",     "by",       "why",      "at",
					  "verdict",  "confidence", "stage",     "severity", "findings", "client_ip",
					  "server",   "first_seen", "last_seen", NULL};
static const char *const list_narrow[] = {"event_id", "state", "until", "by", "client_ip", "server", "why", NULL};
static const char *const log_fields[] = {"id",  "at",      "action",     "event_id", "until",    "former_until", "by",
					 "why", "verdict", "confidence", "stage",    "severity", "findings",     NULL};
static const char *const log_narrow[] = {"at", "action", "event_id", "until", "former_until", "by", "why", NULL};

struct ack_options {
	const char *command, *help;
	bool drop;
	const char *db;
	struct store_ack ack;
	bool until_given, list, log, format_given;
	enum cli_format format;
};

enum { OPTION_DB = 256, OPTION_UNTIL, OPTION_BY, OPTION_WHY, OPTION_FORCE, OPTION_LIST, OPTION_LOG, OPTION_FORMAT };

static const struct option ack_long[] = {
    {"db", required_argument, NULL, OPTION_DB}, {"until", required_argument, NULL, OPTION_UNTIL},
    {"by", required_argument, NULL, OPTION_BY}, {"why", required_argument, NULL, OPTION_WHY},
    {"force", no_argument, NULL, OPTION_FORCE}, {"list", no_argument, NULL, OPTION_LIST},
    {"log", no_argument, NULL, OPTION_LOG},     {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
};

static const struct option unack_long[] = {
    {"db", required_argument, NULL, OPTION_DB},
    {"by", required_argument, NULL, OPTION_BY},
    {"why", required_argument, NULL, OPTION_WHY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* A date holds to its end, as in a policy; an age counts from now. A number without a unit is a slip of the pen. */
static bool parse_until(const char *text, int64_t now_ns, int64_t *ret)
{
	const int64_t second = 1000000000;
	size_t n = strlen(text);
	uint64_t seconds;
	int64_t ns;
	bool date_only;
	if (rfc3339_parse(slice_str(text), &ns, &date_only)) {
		*ret = date_only ? ns + 86400 * second : ns;
		return true;
	}
	if (n == 0 || (text[n - 1] >= '0' && text[n - 1] <= '9') || !cli_age_parse(text, &seconds) ||
	    seconds > (uint64_t)((INT64_MAX - now_ns) / second))
		return false;
	*ret = now_ns + (int64_t)seconds * second;
	return true;
}

/* What goes into a database that outlives us is text, and says something. */
static bool is_text(const char *text, size_t cap)
{
	struct slice s = slice_str(text);
	bool blank = true;
	if (s.n >= cap)
		return false;
	while (s.n) {
		size_t n = utf8_char_len(s);
		if (n == 0)
			return false;
		blank &= n == 1 && s.p[0] <= ' ';
		s = slice_after(s, n);
	}
	return !blank;
}

static int wrong_value(const struct ack_options *o, const char *option, const char *value, const char *expected)
{
	char shown[256];
	text_escape_terminal(shown, sizeof shown, slice_str(value));
	return cli_usage(o->command, "%s %s: expected %s", option, shown, expected);
}

/* -1: the value is good; else the exit code. */
static int take_option(struct ack_options *o, int option, const char *value)
{
	switch (option) {
	case OPTION_DB: o->db = value; return -1;
	case OPTION_UNTIL:
		o->until_given = true;
		if (!parse_until(value, o->ack.at_ns, &o->ack.until_ns))
			return wrong_value(o, "--until", value,
					   "a date, a time such as 2026-12-31T18:00:00Z, or 30d (from now)");
		if (o->ack.until_ns <= o->ack.at_ns)
			return wrong_value(o, "--until", value, "a time that is still to come");
		return -1;
	case OPTION_BY:
		o->ack.by = value;
		return is_text(value, LIMIT_ACK_BY)
			   ? -1
			   : wrong_value(o, "--by", value, "a name of at most 127 bytes of UTF-8");
	case OPTION_WHY:
		o->ack.why = value;
		return is_text(value, LIMIT_ACK_WHY)
			   ? -1
			   : wrong_value(o, "--why", value, "a text of at most 511 bytes of UTF-8");
	case OPTION_FORCE: o->ack.force = true; return -1;
	case OPTION_LIST: o->list = true; return -1;
	case OPTION_LOG: o->log = true; return -1;
	default:
		o->format_given = true;
		return cli_format_parse(value, &o->format)
			   ? -1
			   : wrong_value(o, "--format", value, "text, json, jsonl or csv");
	}
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, const struct option *options, struct ack_options *o)
{
	int c, code;
	char shown[256];
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(o->help, stdout);
			return EXIT_OK;
		}
		if (c == ':' || c == '?') {
			text_escape_terminal(shown, sizeof shown, slice_str(argv[optind - 1]));
			return cli_usage(
			    o->command,
			    c == ':' ? "%s needs a value" : "no such option, or one that takes no value: %s", shown);
		}
		if ((code = take_option(o, c, optarg)) >= 0)
			return code;
	}
	o->ack.ids = (const char *const *)argv + optind;
	o->ack.n = (size_t)(argc - optind);
	if (o->list || o->log) {
		if (o->ack.n || o->until_given || o->ack.by || o->ack.why || o->ack.force || (o->list && o->log))
			return cli_usage(o->command, "--list and --log stand alone, but for --db and --format");
		return -1;
	}
	if (o->format_given)
		return cli_usage(o->command, "--format is for --list and --log");
	if (o->ack.n == 0)
		return cli_usage(o->command, "no event id given ('shadowtap query' shows them)");
	if (!o->ack.by || !o->ack.why || (!o->drop && !o->until_given))
		return cli_usage(o->command, "%s missing",
				 !o->ack.by    ? "--by WHO is"
				 : !o->ack.why ? "--why TEXT is"
					       : "--until TIME is");
	return -1;
}

static const char *text_of(const json_t *row, const char *name, char out[64])
{
	const char *text = json_string_value(json_object_get(row, name));
	text_escape_terminal(out, 64, slice_str(text ? text : "?"));
	return text ? out : NULL;
}

static int say_done(void *context, const json_t *row)
{
	const struct ack_options *o = context;
	char id[64], until[64], former[64];
	text_of(row, "event_id", id);
	text_of(row, "until", until);
	const char *was = text_of(row, "former_until", former);
	if (o->drop)
		printf("%s is not acknowledged any more; it was until %s\n", id, former);
	else
		printf("%s is acknowledged until %s%s%s\n", id, until, was ? "; it was until " : "", was ? was : "");
	return 0;
}

static int change(struct ack_options *o)
{
	struct store *s = NULL;
	char error[STORE_ERROR_TEXT], shown[STORE_ERROR_TEXT * 2];
	if (store_ack_open(o->db, &s, error) != 0) {
		text_escape_terminal(shown, sizeof shown, slice_str(error));
		cli_error("%s", shown);
		return EXIT_FAILED;
	}
	int rc = (o->drop ? store_ack_drop : store_ack_put)(s, &o->ack, say_done, o);
	if (rc != 0) /* the text of a stranger's id is escaped in it */
		cli_error("%s%s", store_error(s), rc == FAIL_CONFIG ? "; nothing was changed" : "");
	store_close_read(s);
	return rc == 0 ? EXIT_OK : rc == FAIL_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

static int list_acks(struct store *s, store_row_fn *put, void *out, void *context)
{
	const struct ack_options *o = context;
	return store_acks(s, o->ack.at_ns, put, out);
}

static int list_log(struct store *s, store_row_fn *put, void *out, void *context)
{
	(void)context;
	return store_ack_log(s, put, out);
}

static int run(int argc, char **argv, const struct option *options, struct ack_options *o)
{
	o->ack.at_ns = cli_now_ns();
	int code = parse(argc, argv, options, o);
	if (code >= 0)
		return code;
	if (!o->list && !o->log)
		return change(o);
	struct rows r = {.command = o->command, .db = o->db, .format = o->format, .context = o};
	r.fields = o->list ? list_fields : log_fields;
	r.narrow = o->list ? list_narrow : log_narrow;
	r.list = o->list ? list_acks : list_log;
	r.none = o->list ? "Nothing is acknowledged." : "Nothing was ever acknowledged.";
	return rows_show(&r);
}

int cmd_ack(int argc, char **argv)
{
	struct ack_options o = {.command = "ack", .help = ack_help, .db = "shadowtap.db", .format = CLI_TEXT};
	return run(argc, argv, ack_long, &o);
}

int cmd_unack(int argc, char **argv)
{
	struct ack_options o = {
	    .command = "unack", .help = unack_help, .drop = true, .db = "shadowtap.db", .format = CLI_TEXT};
	return run(argc, argv, unack_long, &o);
}
