/* `shadowtap calls`: filters -> rows of the audit log, or groups of them, in one of the formats. Reads alone; what is in the log is `--audit`'s. */
#include "call.h"
#include "rows.h"
#include "status.h"
#include "store_calls.h"
#include "text.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "usage: shadowtap calls [options]\n"
    "\n"
    "Shows the audit log of calls: one row for each MCP request that 'shadowtap live --audit' or 'replay --audit' saw, with who\n"
    "asked whom for what, what became of it, how long it took and how large both messages were. Never arguments or results.\n"
    "\n"
    "  --since TIME           asked at or after: 2026-11-22, 2026-11-22T10:00:00Z, 90m, 24h, 7d (ago), @1763800000\n"
    "  --until TIME           asked before\n"
    "  --client ADDR          address or network (10.0.0.0/8) of the client\n"
    "  --server ADDR          the same of the server\n"
    "  --host NAME            the server's name: mcp.example.com, *.example.com, or an address that was asked for as a name\n"
    "  --method NAME          tools/call, resources/read, sampling/createMessage ...\n"
    "  --tool NAME            calls of that tool\n"
    "  --outcome OUTCOME      ok; error (of JSON-RPC, with its code); tool-error (the tool says so itself); input-required;\n"
    "                         task (the result comes later); http-status (refused by HTTP alone); cancelled; no-answer;\n"
    "                         not-seen (the answer is among what the capture lost)\n"
    "  --min-duration TIME    answered after at least so long: 250ms, 2s, 5m\n"
    "  --event EVENT_ID       of the connection of that event; the first digits of its id will do\n"
    "  --limit N              at most N rows, the latest; of groups the largest\n"
    "  --group-by FIELD       count by a field instead: method, name, outcome, code, http_status, server, host, server_ip,\n"
    "                         server_name, client_ip, client_name, direction, remark, event_id\n"
    "  --db FILE              events database [shadowtap.db]; a sensor may be writing to it\n"
    "  --format FORMAT        text, json (one array), jsonl (one row a line), csv [text]\n"
    "\n"
    "Direction to-client is what a server asks its client (sampling, roots, elicitation). docs/audit.md explains each column.\n"
    "\n"
    "  shadowtap calls --since 24h --tool run_shell\n"
    "  shadowtap calls --outcome error --group-by code\n"
    "  shadowtap calls --min-duration 10s --format csv > slow.csv\n"
    "  shadowtap calls --host '*.example.com' --group-by name\n"
    "  shadowtap query --finding auth.none --format jsonl | jq -r .event_id | xargs -n 1 shadowtap calls --event\n"
    "\n"
    "Exit code: 0, also when nothing is found; 2 for a wrong option; 3 if the database cannot be read.\n";

static const char *const fields[] = {"event_id", "ordinal", "time", "frame", "direction", "client_ip", "client_name", "host", "server_ip",
                                     "server_port", "server_name", "method", "name", "outcome", "code", "http_status", "duration_us",
                                     "request_bytes", "answer_bytes", "remark", NULL};
static const char *const narrow[] = {"time", "client_ip", "server", "direction", "method", "name", "outcome", "code", "http_status", "duration",
                                     "answer_bytes", "remark", NULL};
static const char *const group_fields[] = {"value", "calls", "failed", "clients", "servers", "mean_us", "longest_us", "first", "last", NULL};
static const char *const group_narrow[] = {"value", "calls", "failed", "clients", "servers", "mean", "longest", "first", "last", NULL};

struct calls_options {
	const char *db, *group_by;
	struct store_call_query query;
	enum cli_format format;
};

enum {
	OPTION_DB = 256, OPTION_SINCE, OPTION_UNTIL, OPTION_CLIENT, OPTION_SERVER, OPTION_HOST, OPTION_METHOD, OPTION_TOOL, OPTION_OUTCOME,
	OPTION_MIN_DURATION, OPTION_EVENT, OPTION_LIMIT, OPTION_GROUP, OPTION_FORMAT,
};

static const struct option long_options[] = {
    {"db", required_argument, NULL, OPTION_DB},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"client", required_argument, NULL, OPTION_CLIENT},
    {"server", required_argument, NULL, OPTION_SERVER},
    {"host", required_argument, NULL, OPTION_HOST},
    {"method", required_argument, NULL, OPTION_METHOD},
    {"tool", required_argument, NULL, OPTION_TOOL},
    {"outcome", required_argument, NULL, OPTION_OUTCOME},
    {"min-duration", required_argument, NULL, OPTION_MIN_DURATION},
    {"event", required_argument, NULL, OPTION_EVENT},
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

/* Digits, and what follows them. */
static bool parse_number(const char *text, int64_t *ret, const char **ret_rest)
{
	int64_t n = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > INT64_MAX / 10 - 1)
			return false;
		n = n * 10 + (*p - '0');
	}
	*ret = n;
	*ret_rest = p;
	return p != text;
}

/* A number without a unit could be meant in any. */
static bool parse_duration(const char *text, int64_t *ret_us)
{
	static const struct {
		const char *unit;
		int64_t us;
	} units[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", INT64_C(3600000000)}};
	const char *unit;
	int64_t n;
	if (!parse_number(text, &n, &unit) || n == 0)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(unit, units[i].unit) == 0)
			return !__builtin_mul_overflow(n, units[i].us, ret_us);
	return false;
}

static bool parse_limit(const char *text, int64_t *ret)
{
	const char *rest;
	return parse_number(text, ret, &rest) && !*rest && *ret > 0;
}

static bool known_outcome(const char *text)
{
	for (enum call_outcome o = 0; o < CALL_OUTCOME_COUNT; o++)
		if (strcmp(text, call_outcome_name(o)) == 0)
			return true;
	return false;
}

static bool take_option(struct calls_options *o, int option, const char *value)
{
	struct store_call_query *q = &o->query;
	switch (option) {
	case OPTION_DB: o->db = value; return true;
	case OPTION_SINCE: return parse_time(value, &q->since_ns);
	case OPTION_UNTIL: return parse_time(value, &q->until_ns);
	case OPTION_CLIENT: q->client = value; return true;
	case OPTION_SERVER: q->server = value; return true;
	case OPTION_HOST: q->host = value; return true;
	case OPTION_METHOD: q->method = value; return true;
	case OPTION_TOOL: q->tool = value; return true;
	case OPTION_OUTCOME: q->outcome = value; return known_outcome(value);
	case OPTION_MIN_DURATION: return parse_duration(value, &q->min_duration_us);
	case OPTION_EVENT: q->event_id = value; return true;
	case OPTION_LIMIT: return parse_limit(value, &q->limit);
	case OPTION_GROUP: o->group_by = value; return true;
	default: return cli_format_parse(value, &o->format);
	}
}

/* -1 when the options are good, else the exit code. */
static int parse(int argc, char **argv, struct calls_options *o)
{
	int option, which = -1;
	char shown[256];
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":h", long_options, &which)) != -1) {
		if (option == 'h') {
			fputs(help_text, stdout);
			return EXIT_OK;
		}
		if (option == ':' || option == '?') {
			text_escape_terminal(shown, sizeof shown, slice_str(argv[optind - 1]));
			return cli_usage("calls", option == ':' ? "%s needs a value" : "no such option, or one that takes no value: %s", shown);
		}
		if (!take_option(o, option, optarg)) {
			text_escape_terminal(shown, sizeof shown, slice_str(optarg));
			return cli_usage("calls", "--%s does not take '%s'", long_options[which].name, shown);
		}
	}
	if (optind < argc) {
		text_escape_terminal(shown, sizeof shown, slice_str(argv[optind]));
		return cli_usage("calls", "unexpected: %s", shown);
	}
	return -1;
}

/* ---- what text shows in place of numbers ---- */

struct shown {
	store_row_fn *put;
	void *out;
	bool text;
};

static void set_duration(json_t *row, const char *name, const char *from)
{
	const json_t *us = json_object_get(row, from);
	char text[48];
	if (!json_is_integer(us))
		return;
	int64_t n = json_integer_value(us);
	snprintf(text, sizeof text, n < 1000000 ? "%.1f ms" : "%.2f s", n < 1000000 ? (double)n / 1e3 : (double)n / 1e6);
	json_object_set_new(row, name, json_string(text));
}

static void set_server(json_t *row)
{
	const char *host = json_string_value(json_object_get(row, "host")), *ip = json_string_value(json_object_get(row, "server_ip"));
	char text[LIMIT_HOST + 16];
	if (!ip)
		return;
	if (host)
		snprintf(text, sizeof text, "%s", host);
	else
		snprintf(text, sizeof text, strchr(ip, ':') ? "[%s]:%" JSON_INTEGER_FORMAT : "%s:%" JSON_INTEGER_FORMAT, ip,
		         json_integer_value(json_object_get(row, "server_port")));
	json_object_set_new(row, "server", json_string(text));
}

static int show(void *context, const json_t *row)
{
	struct shown *s = context;
	if (!s->text)
		return s->put(s->out, row);
	json_t *copy = json_copy((json_t *)row); /* jansson takes no const; nothing is changed */
	if (!copy)
		return 1;
	set_server(copy);
	set_duration(copy, "duration", "duration_us");
	set_duration(copy, "mean", "mean_us");
	set_duration(copy, "longest", "longest_us");
	int result = s->put(s->out, copy);
	json_decref(copy);
	return result;
}

static int list(struct store *s, store_row_fn *put, void *out, void *context)
{
	const struct calls_options *o = context;
	struct shown shown = {put, out, o->format == CLI_TEXT};
	if (o->group_by)
		return store_calls_group(s, &o->query, o->group_by, show, &shown);
	return store_calls(s, &o->query, show, &shown);
}

int cmd_calls(int argc, char **argv)
{
	struct calls_options o = {.db = "shadowtap.db", .format = CLI_TEXT};
	int code = parse(argc, argv, &o);
	if (code >= 0)
		return code;
	struct rows r = {.command = "calls", .db = o.db, .format = o.format, .list = list, .context = &o};
	r.fields = o.group_by ? group_fields : fields;
	r.narrow = o.group_by ? group_narrow : narrow;
	r.none = "No calls are recorded that match ('live --audit' and 'replay --audit' record them).";
	return rows_show(&r);
}
