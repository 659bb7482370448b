/* `shadowtap live`: settings -> a running sensor; its words on standard error, its events on standard output. */
#include "live_settings.h"
#include "ledger.h"
#include "live_print.h"
#include "text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
	"usage: shadowtap live -i IFACE [options]\n"
	"       shadowtap live --config FILE [options]\n"
	"\n"
	"Watches interfaces and records every MCP connection in the events database, until it is told to end.\n"
	"\n"
	"  --config FILE          settings, one 'name = value' a line: the names below without dashes; what the command line\n"
	"                         says wins ('shadowtap config check FILE' tells what is wrong with one)\n"
	"\n"
	"what to watch\n"
	"  -i, --interface IFACE  an interface; repeat for the ports of one tap: they are one stream\n"
	"  --filter BPF           only packets that match (pcap-filter(7))\n"
	"  --snaplen BYTES        of each packet [262144]\n"
	"  --buffer SIZE          the kernel's ring, for each capture thread [64M]\n"
	"  --no-promiscuous       only what is addressed to this host\n"
	"  --capture-threads N    for each interface; the kernel spreads the packets over them [1]\n"
	"  --workers N            threads that read connections; the events are the same for any number [1]\n"
	"\n"
	"what to make of it\n"
	"  --db FILE              events database [shadowtap.db]\n"
	"  --policy FILE          approved and denied servers; without one, everything is unauthorized\n"
	"  --signatures DIR       signatures to use instead of the installed ones; repeat to lay a site's own over them\n"
	"  --keylog FILE          TLS secrets (NSS key log format), followed as it grows: what they open is read; repeat for several\n"
	"                         (docs/decryption.md)\n"
	"  --sensor NAME          name of this sensor in events [the host's name]\n"
	"  --audit                keep a log of calls: who asked what, what became of it, how long it took; no arguments, no\n"
	"                         results (docs/audit.md, 'shadowtap calls')\n"
	"  --store-definitions    keep the texts of what servers offer, not only their hashes (docs/offers.md)\n"
	"  --min-confidence C     possible, likely, confirmed: what is printed, alerts, and whose packets are kept [likely]\n"
	"  --format FORMAT        unapproved events on standard output, once they are in the database: text, jsonl, none\n"
	"                         [text on a terminal, else none]\n"
	"\n"
	"evidence packets\n"
	"  --write DIR            keep the packets of unapproved connections there, as pcapng\n"
	"  --write-file-size SIZE of one file [100M]\n"
	"  --write-total SIZE     of all of them; the oldest file goes first [1G]\n"
	"  --write-buffer SIZE    memory for packets of connections that may yet turn out to be MCP [64M]\n"
	"  --write-all            of approved and of less sure ones too\n"
	"\n"
	"alerts, of unapproved events at or above --min-confidence\n"
	"  --alert SPEC           where to: syslog:///dev/log, syslog+tls://HOST, file:///PATH, https://HOST/PATH ... with\n"
	"                         ?format=text|json|cef|eve|zeek|ecs|ocsf and more (docs/alerts.md); repeat for several\n"
	"  --alert-window TIME    one alert of each client, server and verdict in it, unless it gets worse [1h]\n"
	"  --alert-rate N         a second, to each [100]\n"
	"  --alert-queue N        alerts that may wait in the database for each [100000]\n"
	"\n"
	"the database\n"
	"  --retain TIME          delete events when they are older, such as 90d [never]\n"
	"  --max-db-size SIZE     delete the oldest events when it is larger [no limit]\n"
	"  --queue-size SIZE      events that wait in memory while it cannot be written [64M]\n"
	"  --spill FILE           where events wait when that is full [the database's name with -spill]\n"
	"  --spill-size SIZE      of that file; 0: none [256M]\n"
	"\n"
	"health\n"
	"  --stats-interval TIME  between rows of the table 'health' [60s]\n"
	"  --stats-file FILE      the same as JSON lines; '-' is standard error\n"
	"  --metrics FILE         the same for node_exporter's textfile collector\n"
	"\n"
	"rights\n"
	"  --user NAME            who owns the database [shadowtap, where it exists and can be become]\n"
	"  --sensor-user NAME     who reads packets [shadowtap-sensor, likewise]\n"
	"  --no-sandbox           run even if the process that reads packets cannot be confined\n"
	"  --quiet                say only what is wrong\n"
	"\n"
	"SIGHUP reads policy and signatures again (broken ones are refused, the old ones stay) and opens files of alerts anew;\n"
	"SIGUSR1 prints statistics;\n"
	"SIGTERM and SIGINT end all connections, write what is left, and end.\n"
	"\n"
	"Exit: 0 ended when asked; 2 usage, configuration, policy or signature error; 3 the machine failed: no such interface,\n"
	"no permission, the database cannot be opened, the sensor process cannot be confined, events were lost at the end.\n"
	"\n"
	"  shadowtap interfaces\n"
	"  sudo shadowtap live -i eth1 --policy policy.json --db events.db\n"
	"  shadowtap live --config /etc/shadowtap/shadowtap.conf\n";

/* For whoever reads standard output to take the last events. */
enum { LAST_PRINTS_MS = 1000 };

struct printing {
	struct live_print *out;
	struct ledger *ledger;
	enum confidence min_confidence;
	bool on, quiet;
};

static void say(void *context, bool wrong, const char *sentence)
{
	const struct printing *p = context;
	if (wrong || !p->quiet)
		cli_error("%s", sentence);
}

static uint8_t state_of(const json_t *event)
{
	static const char *const fields[] = {"verdict", "confidence", "stage"};
	unsigned n = 1;
	for (size_t i = 0; i < 3; i++) {
		const char *text = json_string_value(json_object_get(event, fields[i]));
		n = n * 31 + (text ? (unsigned char)text[0] * 4u + (unsigned)strlen(text) : 0);
	}
	return (uint8_t)n;
}

static bool is_change(const json_t *event)
{
	return json_is_object(json_object_get(event, "change"));
}

/* When it is first recorded, and again when what is said of it changes. */
static void on_committed(void *context, const json_t *event)
{
	struct printing *p = context;
	const char *verdict = json_string_value(json_object_get(event, "verdict"));
	const char *confidence = json_string_value(json_object_get(event, "confidence"));
	const char *id = json_string_value(json_object_get(event, "event_id"));
	int sure = CONFIDENCE_POSSIBLE;
	if (json_is_object(json_object_get(event, "acknowledged")))
		return;
	if (!p->on || !verdict || !confidence || !id || (strcmp(verdict, "approved") == 0 && !is_change(event)))
		return;
	while (sure < CONFIDENCE_COUNT && strcmp(confidence, confidence_name(sure)) != 0)
		sure++;
	if (sure < (int)p->min_confidence || ledger_note(p->ledger, id, state_of(event)) == LEDGER_SAME)
		return;
	live_print_event(p->out, event);
}

static int run(struct live_settings *s)
{
	struct printing p = {.min_confidence = s->live.min_confidence, .quiet = s->quiet};
	char error[CONFIG_ERROR_TEXT];
	const char *installed[] = {cli_signatures_dir()};
	if (!live_settings_check(s, error)) {
		cli_error("%s", error);
		return EXIT_USAGE;
	}
	s->live.sensor.interfaces = s->interfaces;
	s->live.sensor.keylogs = s->keylogs;
	s->live.alerts.specs = s->alerts;
	s->live.alerts.who = (struct alert_sender){s->host, "shadowtap", SHADOWTAP_VERSION, getpid()};
	if (!s->live.write)
		s->live.sensor.evidence_bytes = 0;
	s->live.signatures = s->live.n_signatures ? s->signatures : installed;
	s->live.n_signatures = s->live.n_signatures ? s->live.n_signatures : 1;
	if (s->stats_path) {
		s->live.stats_file = strcmp(s->stats_path, "-") == 0 ? stderr : fopen(s->stats_path, "ae");
		if (!s->live.stats_file) {
			cli_error("%s: %s", s->stats_path, strerror(errno));
			return EXIT_FAILED;
		}
	}
	p.on = s->format_known ? s->print : isatty(STDOUT_FILENO) == 1;
	p.ledger = ledger_new();
	p.out = live_print_new(STDOUT_FILENO, s->format);
	if (!p.ledger || !p.out) {
		cli_error("out of memory, or of descriptors");
		if (p.out)
			live_print_free(p.out, 0);
		free(p.ledger);
		return EXIT_FAILED;
	}
	s->live.say = say;
	s->live.on_committed = on_committed;
	s->live.context = &p;
	enum live_outcome outcome = live_run(&s->live);
	int code = outcome == LIVE_ENDED ? EXIT_OK : outcome == LIVE_BAD_CONFIG ? EXIT_USAGE : EXIT_FAILED;
	if (live_print_free(p.out, LAST_PRINTS_MS) != EXIT_OK)
		code = EXIT_FAILED;
	free(p.ledger);
	if (s->live.stats_file && s->live.stats_file != stderr)
		fclose(s->live.stats_file);
	return code;
}

int cmd_live(int argc, char **argv)
{
	static struct live_settings s; /* large, and one */
	live_settings_init(&s);
	int code = live_settings_parse(&s, argc, argv, help_text);
	if (code < 0)
		code = run(&s);
	live_settings_done(&s);
	return code;
}
