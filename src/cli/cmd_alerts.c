/* `shadowtap alerts`: what waits in the outbox, for whom, and a way to be rid of it. Sends nothing: live and replay do.
 */
#include "alert.h"
#include "alert_rules_raise.h"
#include "output.h"
#include "text.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "usage: shadowtap alerts [list] [options]\n"
    "       shadowtap alerts drop [--db FILE] EXIT\n"
    "\n"
    "list   shows for each exit that live or replay ever alerted through how many alerts were raised, sent, wait, "
    "were\n"
    "       refused or lost\n"
    "drop   forgets an exit, by the name that list shows, and the alerts that wait for it; not while a sensor writes "
    "to the\n"
    "       database\n"
    "\n"
    "  --db FILE        events database [shadowtap.db]\n"
    "  --waiting        show the alerts that wait instead, in the order in which they will go\n"
    "  --format FORMAT  text, json, jsonl, csv [text]\n"
    "\n"
    "Exit: 0 done; 2 usage; 3 the database cannot be opened, or there is no such exit.\n"
    "\n"
    "  shadowtap alerts --db events.db\n"
    "  shadowtap alerts --db events.db --waiting --format jsonl | jq .client_ip\n"
    "  shadowtap alerts drop --db events.db 'syslog+udp://old-siem.example:514'\n";

static const char *const exit_columns[] = {"exit", "raised", "sent", "waiting", "refused", "lost", NULL};
static const char *const alert_columns[] = {"id",       "exit",      "why",       "count",    "raised",
					    "severity", "client_ip", "authority", "event_id", NULL};

struct listing {
	struct output out;
	struct store *store;
	bool waiting;
	int failure;
	const char *wanted; /* of drop */
	int64_t found;
};

static json_t *text_json(const char *text)
{
	char clean[1024];
	text_copy(clean, sizeof clean, slice_str(text));
	return json_string(clean);
}

static void show(struct listing *l, json_t *row)
{
	if (row)
		output_row(&l->out, row);
	else
		l->out.failed = true;
	json_decref(row);
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)(n & INT64_MAX));
}

static json_t *alert_row(const char *name, const struct store_alert *a)
{
	char raised[EVENT_TIME_TEXT], authority[ALERT_AUTHORITY_TEXT];
	json_t *event = json_loads(a->event, 0, NULL);
	event_time_format(a->raised_ns, raised);
	alert_rules_authority(event, authority);
	json_t *row = json_pack(
	    "{s:o, s:o, s:s, s:o, s:s, s:s, s:O?, s:s, s:O?}", "id", number(a->id), "exit", text_json(name), "why",
	    alert_why_name(a->why >= ALERT_NEW && a->why <= ALERT_AGAIN ? (enum alert_why)a->why : ALERT_NEW), "count",
	    number(a->count), "raised", raised, "severity", severity_name(a->severity), "client_ip",
	    json_object_get(event, "client_ip"), "authority", authority, "event_id",
	    json_object_get(event, "event_id"));
	json_decref(event);
	return row;
}

static int on_exit_named(void *context, int64_t id, const char *name, const struct store_alert_counts *c)
{
	struct listing *l = context;
	if (!l->waiting) {
		show(l, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "exit", text_json(name), "raised",
				  number(c->raised), "sent", number(c->sent), "waiting", number(c->waiting), "refused",
				  number(c->refused), "lost", number(c->lost)));
		return 0;
	}
	struct store_alert a = {0};
	while ((l->failure = store_outbox_next(l->store, id, a.id, &a)) == 1) {
		show(l, alert_row(name, &a));
		free(a.event);
	}
	return l->failure;
}

static int list(const char *db, bool waiting, enum cli_format format)
{
	char error[STORE_ERROR_TEXT];
	struct listing l = {.waiting = waiting};
	if (store_open_read(db, &l.store, error) != 0) {
		cli_error("%s", error);
		return EXIT_FAILED;
	}
	if (error[0])
		cli_error("%s", error);
	output_start(&l.out, stdout, format, waiting ? alert_columns : exit_columns);
	int rc = store_alert_exits(l.store, on_exit_named, &l);
	output_end(&l.out);
	int code = output_status(&l.out);
	if (rc != 0 || l.failure != 0) {
		cli_error("%s: %s", db, store_error(l.store));
		code = EXIT_FAILED;
	}
	store_close_read(l.store);
	return code;
}

static int on_exit_sought(void *context, int64_t id, const char *name, const struct store_alert_counts *c)
{
	struct listing *l = context;
	(void)c;
	if (strcmp(name, l->wanted) == 0)
		l->found = id;
	return l->found != 0;
}

static int drop(const char *db, const char *name)
{
	char error[STORE_ERROR_TEXT], shown[512];
	struct listing l = {.wanted = name};
	if (store_open(db, &l.store, error) != 0) {
		cli_error("%s", error);
		return EXIT_FAILED;
	}
	int rc = store_alert_exits(l.store, on_exit_sought, &l);
	if (rc == 0 && l.found)
		rc = store_alert_exit_drop(l.store, l.found);
	text_escape_terminal(shown, sizeof shown, slice_str(name));
	if (rc != 0)
		cli_error("%s: %s", db, store_error(l.store));
	else if (!l.found)
		cli_error("%s: no exit has the name '%s'", db, shown);
	store_close(l.store);
	return rc == 0 && l.found ? EXIT_OK : EXIT_FAILED;
}

int cmd_alerts(int argc, char **argv)
{
	static const struct option options[] = {{"db", required_argument, NULL, 'd'},
						{"waiting", no_argument, NULL, 'w'},
						{"format", required_argument, NULL, 'f'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *db = "shadowtap.db";
	enum cli_format format = CLI_TEXT;
	bool waiting = false, format_given = false;
	char shown[256];
	int c;
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1)
		switch (c) {
		case 'd': db = optarg; break;
		case 'w': waiting = true; break;
		case 'f':
			format_given = true;
			if (!cli_format_parse(optarg, &format)) {
				text_escape_terminal(shown, sizeof shown, slice_str(optarg));
				return cli_usage("alerts", "--format %s: expected text, json, jsonl or csv", shown);
			}
			break;
		case 'h': fputs(help_text, stdout); return EXIT_OK;
		case ':': return cli_usage("alerts", "%s needs a value", argv[optind - 1]);
		default: return cli_usage("alerts", "no such option, or one that takes no value: %s", argv[optind - 1]);
		}
	const char *verb = optind < argc ? argv[optind] : "list";
	if (strcmp(verb, "list") == 0 && argc - optind <= 1)
		return list(db, waiting, format);
	if (strcmp(verb, "drop") == 0 && argc - optind == 2 && !waiting && !format_given)
		return drop(db, argv[optind + 1]);
	return cli_usage("alerts", "expected 'list', or 'drop' and an exit");
}
