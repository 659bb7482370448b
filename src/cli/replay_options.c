/* The command line of `replay` -> struct replay_options. Called by cmd_replay. Opens nothing: what can be wrong with a file is found later. */
#include "replay.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
	"usage: shadowtap replay [options] FILE...\n"
	"\n"
	"Reads capture files (pcap, pcapng; plain, gzip or zstd; '-' is standard input, also while it is still being\n"
	"written), records every MCP connection in the events database and prints those that no policy approves and nobody\n"
	"has acknowledged ('shadowtap ack').\n"
	"\n"
	"  --db FILE              events database [shadowtap.db]\n"
	"  --policy FILE          approved and denied servers; without one, everything is unauthorized\n"
	"  --signatures DIR       signatures to use instead of the installed ones; repeat to lay a site's own over them\n"
	"  --filter BPF           read only packets that match (pcap-filter(7))\n"
	"  --format FORMAT        text, json (one array), jsonl (one event a line) [text]\n"
	"  --min-confidence C     possible, likely, confirmed: what is printed and counted for the exit code [likely]\n"
	"  --fail-on WHAT         any (unauthorized or violation), unauthorized, none [any]\n"
	"  --keylog FILE          TLS secrets (NSS key log format): what they open is read; repeat for several. Those in a pcapng\n"
	"                         file itself are used too (docs/decryption.md)\n"
	"  --continuous           the files are one stream: connections go on from one to the next\n"
	"  --sensor NAME          name of this sensor in events [the host's name]\n"
	"  --workers N            threads; the events are the same for any number [1]\n"
	"  --write DIR            keep the packets of unapproved connections as pcapng files in this directory\n"
	"  --write-file-size SIZE largest file; then the next one is begun [100M]\n"
	"  --write-total SIZE     largest sum of the evidence files in the directory; the oldest are deleted [1G]\n"
	"  --write-buffer SIZE    memory for packets of connections of which nobody knows yet [64M]\n"
	"  --write-all            of every MCP connection, also approved ones and those below --min-confidence\n"
	"  --alert SPEC           send alerts there, such as syslog+tls://HOST or file:///PATH?format=eve (docs/alerts.md); repeat\n"
	"                         for several\n"
	"  --alert-window TIME    one alert of each client, server and verdict in it, by packet time [1h]\n"
	"  --alert-rate N         a second, to each [100]\n"
	"  --alert-queue N        alerts that may wait in the database for each [100000]\n"
	"  --alert-wait TIME      at the end, for alerts that have not gone out [30s]\n"
	"  --audit                keep a log of calls: who asked what, what became of it, how long it took; no arguments, no\n"
	"                         results (docs/audit.md, 'shadowtap calls')\n"
	"  --store-definitions    keep the texts of what servers offer, not only their hashes (docs/offers.md)\n"
	"  --quiet                no summary and no progress\n"
	"\n"
	"Events go to standard output, summary and errors to standard error. Exit: 0 nothing unapproved, 1 something\n"
	"unapproved that is not acknowledged, 2 usage, policy or signature error, 3 a capture or the machine failed or alerts have not gone out (they\n"
	"wait in the database): what was found is stored and printed, but the result is incomplete.\n"
	"\n"
	"  shadowtap replay --policy policy.json capture.pcap\n"
	"  tcpdump -i eth0 -w - | shadowtap replay -\n"
	"  shadowtap replay --format jsonl *.pcap.zst | jq .host\n"
	"  shadowtap replay --policy policy.json --write evidence/ big.pcap.zst\n";

enum { OPT_DB = 256, OPT_POLICY, OPT_SIGNATURES, OPT_FILTER, OPT_FORMAT, OPT_MIN, OPT_FAIL_ON, OPT_CONTINUOUS, OPT_SENSOR,
       OPT_WORKERS, OPT_QUIET, OPT_WRITE, OPT_WRITE_FILE_SIZE, OPT_WRITE_TOTAL, OPT_WRITE_BUFFER, OPT_WRITE_ALL,
       OPT_ALERT, OPT_ALERT_WINDOW, OPT_ALERT_RATE, OPT_ALERT_QUEUE, OPT_ALERT_WAIT, OPT_STORE_DEFINITIONS, OPT_AUDIT, OPT_KEYLOG };

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPT_DB},
	{"policy", required_argument, NULL, OPT_POLICY},
	{"signatures", required_argument, NULL, OPT_SIGNATURES},
	{"filter", required_argument, NULL, OPT_FILTER},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"min-confidence", required_argument, NULL, OPT_MIN},
	{"fail-on", required_argument, NULL, OPT_FAIL_ON},
	{"continuous", no_argument, NULL, OPT_CONTINUOUS},
	{"sensor", required_argument, NULL, OPT_SENSOR},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"write", required_argument, NULL, OPT_WRITE},
	{"write-file-size", required_argument, NULL, OPT_WRITE_FILE_SIZE},
	{"write-total", required_argument, NULL, OPT_WRITE_TOTAL},
	{"write-buffer", required_argument, NULL, OPT_WRITE_BUFFER},
	{"write-all", no_argument, NULL, OPT_WRITE_ALL},
	{"alert", required_argument, NULL, OPT_ALERT},
	{"alert-window", required_argument, NULL, OPT_ALERT_WINDOW},
	{"alert-rate", required_argument, NULL, OPT_ALERT_RATE},
	{"alert-queue", required_argument, NULL, OPT_ALERT_QUEUE},
	{"alert-wait", required_argument, NULL, OPT_ALERT_WAIT},
	{"store-definitions", no_argument, NULL, OPT_STORE_DEFINITIONS},
	{"audit", no_argument, NULL, OPT_AUDIT},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"keylog", required_argument, NULL, OPT_KEYLOG},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static bool confidence_parse(const char *text, enum confidence *ret)
{
	for (int c = CONFIDENCE_POSSIBLE; c < CONFIDENCE_COUNT; c++)
		if (strcmp(text, confidence_name(c)) == 0) {
			*ret = c;
			return true;
		}
	return false;
}

/* One that could not hold a large packet, or more memory than a machine has, is a slip of the pen. */
static bool write_size(const char *option, const char *value, uint64_t *ret, int *ret_code)
{
	static const uint64_t least = UINT64_C(1) << 20, most = UINT64_C(1) << 50;
	if (cli_size_parse(value, ret) && *ret >= least && *ret <= most)
		return true;
	*ret_code = cli_usage("replay", "%s %s: expected a size of at least 1M, such as 64M or 2G", option, value);
	return false;
}

/* A number, or a time in seconds. */
static bool bounded(const char *option, const char *value, bool time, uint64_t least, uint64_t most, uint64_t *ret, int *ret_code)
{
	bool is = time ? cli_age_parse(value, ret) : cli_size_parse(value, ret);
	if (is && *ret >= least && *ret <= most)
		return true;
	*ret_code = cli_usage("replay", "%s %s: expected %s from %" PRIu64 " to %" PRIu64, option, value,
	                      time ? "a time such as 90s or 1h, in seconds" : "a number", least, most);
	return false;
}

int replay_options_parse(int argc, char **argv, struct replay_options *o)
{
	int c, code = EXIT_USAGE;
	char *end;
	optind = 1;
	opterr = 0; /* getopt's own words do not say whose they are */
	while ((c = getopt_long(argc, argv, ":h", long_options, NULL)) != -1)
		switch (c) {
		case OPT_DB: o->db = optarg; break;
		case OPT_POLICY: o->policy = optarg; break;
		case OPT_SIGNATURES:
			if (o->n_signatures == sizeof o->signatures / sizeof *o->signatures)
				return cli_usage("replay", "at most %zu --signatures", o->n_signatures);
			o->signatures[o->n_signatures++] = optarg;
			break;
		case OPT_FILTER: o->filter = optarg; break;
		case OPT_FORMAT:
			if (!cli_format_parse(optarg, &o->format) || o->format == CLI_CSV)
				return cli_usage("replay", "--format %s: expected text, json or jsonl", optarg);
			break;
		case OPT_MIN:
			if (!confidence_parse(optarg, &o->min_confidence))
				return cli_usage("replay", "--min-confidence %s: expected possible, likely or confirmed", optarg);
			break;
		case OPT_FAIL_ON:
			if (strcmp(optarg, "any") == 0)
				o->fail_on = FAIL_ON_ANY;
			else if (strcmp(optarg, "unauthorized") == 0)
				o->fail_on = FAIL_ON_UNAUTHORIZED;
			else if (strcmp(optarg, "none") == 0)
				o->fail_on = FAIL_ON_NONE;
			else
				return cli_usage("replay", "--fail-on %s: expected any, unauthorized or none", optarg);
			break;
		case OPT_CONTINUOUS: o->continuous = true; break;
		case OPT_SENSOR: o->sensor = optarg; break;
		case OPT_WORKERS: {
			unsigned long n = strtoul(optarg, &end, 10);
			if (*end || n < 1 || n > SENSOR_WORKERS_MAX)
				return cli_usage("replay", "--workers %s: expected a number from 1 to %d", optarg, SENSOR_WORKERS_MAX);
			o->workers = (unsigned)n;
			break;
		}
		case OPT_STORE_DEFINITIONS: o->store_definitions = true; break;
		case OPT_AUDIT: o->audit = true; break;
		case OPT_QUIET: o->quiet = true; break;
		case OPT_KEYLOG:
			if (o->n_keylogs == LIMIT_KEYLOGS)
				return cli_usage("replay", "at most %d --keylog", LIMIT_KEYLOGS);
			o->keylogs[o->n_keylogs++] = optarg;
			break;
		case OPT_WRITE: o->write = optarg; break;
		case OPT_WRITE_FILE_SIZE:
			if (!write_size("--write-file-size", optarg, &o->write_file_size, &code))
				return code;
			break;
		case OPT_WRITE_TOTAL:
			if (!write_size("--write-total", optarg, &o->write_total, &code))
				return code;
			break;
		case OPT_WRITE_BUFFER:
			if (!write_size("--write-buffer", optarg, &o->write_buffer, &code))
				return code;
			break;
		case OPT_WRITE_ALL: o->write_all = true; break;
		case OPT_ALERT:
			if (o->n_alerts == LIMIT_ALERT_EXITS)
				return cli_usage("replay", "at most %d --alert", LIMIT_ALERT_EXITS);
			o->alerts[o->n_alerts++] = optarg;
			break;
		case OPT_ALERT_WINDOW:
			if (!bounded("--alert-window", optarg, true, ALERT_WINDOW_LEAST, ALERT_WINDOW_MOST, &o->alert_window, &code))
				return code;
			break;
		case OPT_ALERT_RATE:
			if (!bounded("--alert-rate", optarg, false, 1, ALERT_RATE_MOST, &o->alert_rate, &code))
				return code;
			break;
		case OPT_ALERT_QUEUE:
			if (!bounded("--alert-queue", optarg, false, 1, ALERT_QUEUE_MOST, &o->alert_queue, &code))
				return code;
			break;
		case OPT_ALERT_WAIT:
			if (!bounded("--alert-wait", optarg, true, 1, 7 * 86400, &o->alert_wait, &code))
				return code;
			break;
		case 'h': fputs(help_text, stdout); return EXIT_OK;
		case ':': return cli_usage("replay", "%s needs a value", argv[optind - 1]);
		default: return cli_usage("replay", "no such option, or one that takes no value: %s", argv[optind - 1]);
		}
	if (optind == argc)
		return cli_usage("replay", "no capture file given ('-' is standard input)");
	if (!o->write && o->write_all)
		return cli_usage("replay", "--write-all says what to write, and --write DIR where is missing");
	if (o->write_total < o->write_file_size)
		return cli_usage("replay", "--write-total is smaller than --write-file-size");
	o->files = argv + optind;
	o->n_files = (size_t)(argc - optind);
	return -1;
}
