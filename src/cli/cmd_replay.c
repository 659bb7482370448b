#include "capture_file.h"
#include "capture_filter.h"
#include "replay.h"
#include "signature.h"
#include "status.h"
#include "store_definitions.h"
#include "text.h"
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct replay_options *o)
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

/* All that a replay holds open. */
struct replay {
	const struct replay_options *options;
	struct policy *policy;
	struct signature_set *signatures;
	struct capture_filter *filter;
	struct store *store;
	struct recorder *recorder;
	struct sensor *sensor;
	struct replay_output output;
	struct replay_evidence evidence;
	struct replay_alerts alerts;
	struct replay_keylogs *keylogs;
	struct replay_progress progress;
	uint64_t filtered;
	int failure;    /* first failure of the recorder */
};

static void note_failure(struct replay *r, int result)
{
	if (result != 0 && r->failure == 0) {
		r->failure = result;
		cli_error("%s: %s", r->options->db, result == FAIL_MEMORY ? "out of memory" : store_error(r->store));
	}
}

static void on_observation(void *context, const uint8_t *bytes, size_t n)
{
	struct replay *r = context;
	note_failure(r, recorder_take(r->recorder, bytes, n));
}

static void on_evidence(void *context, const struct frame *f, const char *comment)
{
	struct replay *r = context;
	replay_evidence_frame(&r->evidence, f, comment);
}

/* The packets of the event's connection are wanted, if it is one of those. */
static int want_evidence(struct replay *r, const struct event *e)
{
	const struct replay_options *o = r->options;
	if (!o->write_all && (e->j->verdict == VERDICT_APPROVED || e->o->confidence < o->min_confidence))
		return 0;
	char comment[EVIDENCE_COMMENT_TEXT];
	evidence_comment(e, comment);
	return sensor_want(r->sensor, &(struct evidence_id){e->o->first_frame, e->o->capture}, comment);
}

static int on_event(void *context, const struct event *e)
{
	struct replay *r = context;
	if (r->options->write) {
		int wanted = want_evidence(r, e);
		if (wanted != 0)
			return wanted;
	}
	return store_put(r->store, e);
}

static int on_settled(void *context, const struct event *e)
{
	struct replay *r = context;
	return replay_output_event(&r->output, r->store, e);
}

static int on_row(void *context, const json_t *row)
{
	struct replay *r = context;
	return store_put_row(r->store, row);
}

static int on_known(void *context, const json_t *row)
{
	struct replay *r = context;
	return !recorder_know(r->recorder, row);
}

/* Everything that can be wrong without reading a packet. EXIT_OK, or the exit code. */
static int prepare(struct replay *r)
{
	const struct replay_options *o = r->options;
	char error[STORE_ERROR_TEXT > SIGNATURE_ERROR_TEXT ? STORE_ERROR_TEXT : SIGNATURE_ERROR_TEXT];
	const char *const installed[] = {cli_signatures_dir()};
	int result = signature_set_load(o->n_signatures ? o->signatures : installed, o->n_signatures ? o->n_signatures : 1,
	                                &r->signatures, error);
	if (result != 0) {
		cli_error("%s", error);
		return EXIT_USAGE;
	}
	if (o->policy) {
		if (policy_load(o->policy, &r->policy, error) != 0) {
			cli_error("%s", error);
			return EXIT_USAGE;
		}
	} else if (!(r->policy = policy_empty())) {
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	if (o->filter && capture_filter_new(o->filter, &r->filter, error, sizeof error) != 0) {
		cli_error("--filter: %s", error);
		return EXIT_USAGE;
	}
	if (o->write && replay_evidence_start(&r->evidence, o, error) != 0) {
		cli_error("--write %s", error);
		return EXIT_FAILED;
	}
	result = replay_alerts_prepare(&r->alerts, o);
	if (result != EXIT_OK)
		return result;
	if (store_open(o->db, &r->store, error) != 0) {
		cli_error("%s", error);
		return EXIT_FAILED;
	}
	if (!replay_alerts_start(&r->alerts, r->store))
		return EXIT_FAILED;
	struct recorder_config recorder = {
		.policy = r->policy, .sensor = o->sensor,
		.signature_set = signature_set_version(r->signatures), .captures = (const char *const *)o->files,
		.n_captures = o->n_files, .on_event = on_event, .on_settled = on_settled, .on_row = on_row, .audit = o->audit, .context = r};
	/* a fixed key: which flows share a shard, and so a cap, must not change from run to run */
	struct sensor_config sensor = {.signatures = r->signatures, .workers = o->workers, .lazy = true,
	                               .shard_key = {0x736861646f777461, 0x707265706c617931},
	                               .session_key = {0x736861646f777461, 0x7073657373696f6e},
	                               .definition_texts = o->store_definitions, .audit = o->audit,
	                               .evidence_bytes = o->write ? o->write_buffer : 0, .on_evidence = on_evidence};
	r->recorder = recorder_new(&recorder);
	if (!r->recorder || sensor_new(&sensor, on_observation, r, &r->sensor) != 0) {
		cli_error("out of memory, or no more threads");
		return EXIT_FAILED;
	}
	if (store_definitions_load(r->store, LIMIT_CATALOG_DEFINITIONS, on_known, r) != 0) {
		cli_error("%s: %s", o->db, store_error(r->store));
		return EXIT_FAILED;
	}
	if (!(r->keylogs = replay_keylogs_new(o, r->sensor))) {
		cli_error("out of memory");
		return EXIT_FAILED;
	}
	if (!replay_keylogs_start(r->keylogs))
		return EXIT_USAGE; /* as with a policy that cannot be read: nothing was done */
	r->output.min_confidence = o->min_confidence;
	output_start(&r->output.out, stdout, o->format, event_fields);
	replay_progress_start(&r->progress, o->quiet);
	return EXIT_OK;
}

/* One capture file. False if it was damaged or could not be read; what was read before counts. */
static bool replay_file(struct replay *r, uint32_t index)
{
	const char *path = r->options->files[index];
	char error[CAPTURE_ERROR_TEXT];
	struct capture_file *file;
	if (capture_file_open(path, &file, error) != 0) {
		replay_progress_clear(&r->progress);
		cli_error("%s", error);
		return false;
	}
	bool stable = capture_file_is_stable(file);
	if (!replay_keylogs_capture(r->keylogs, file)) {
		cli_error("out of memory");
		capture_file_free(file);
		return false;
	}
	struct frame frame = {0};
	int result;
	uint64_t count = 0;
	while ((result = capture_file_next(file, &frame)) == 1) {
		frame.capture = index;
		if ((++count & 0xfff) == 0)
			replay_progress_show(&r->progress, path, count, capture_file_position(file), capture_file_size(file));
		bool wanted = !r->filter || capture_filter_matches(r->filter, &frame);
		r->filtered += !wanted;
		if (wanted && sensor_feed(r->sensor, &frame, stable) != 0) {
			snprintf(error, sizeof error, "out of memory at frame %" PRIu64, frame.number);
			cli_error("%s: %s", path, error);
			capture_file_free(file);
			return false;
		}
		if (capture_file_would_block(file)) { /* a pipe whose writer pauses: what is known goes to the database */
			replay_keylogs_read(r->keylogs, false);
			sensor_flush(r->sensor);
			note_failure(r, recorder_settle(r->recorder));
			store_flush(r->store);
		}
	}
	sensor_flush(r->sensor); /* frames point into the file */
	replay_progress_clear(&r->progress);
	if (result != 0)
		cli_error("%s", capture_file_error(file));
	capture_file_free(file);
	return result == 0;
}

static int exit_code(const struct replay *r, bool complete)
{
	const struct recorder_counts *c = recorder_counts(r->recorder);
	uint64_t unapproved = 0;
	for (int v = 0; v < VERDICT_COUNT; v++) {
		if (v == VERDICT_APPROVED || (v == VERDICT_VIOLATION && r->options->fail_on != FAIL_ON_ANY))
			continue;
		for (int k = (int)r->options->min_confidence; k < CONFIDENCE_COUNT; k++)
			unapproved += c->events[v][k];
		unapproved -= r->output.acknowledged[v];
	}
	if (!complete)
		return EXIT_FAILED;
	return unapproved && r->options->fail_on != FAIL_ON_NONE ? EXIT_UNAPPROVED : EXIT_OK;
}

static int run(struct replay *r)
{
	bool complete = true;
	for (size_t i = 0; i < r->options->n_files; i++) {
		complete &= replay_file(r, (uint32_t)i);
		bool last = i + 1 == r->options->n_files;
		complete &= replay_keylogs_read(r->keylogs, last);
		if ((last || !r->options->continuous) && sensor_end(r->sensor) != 0) {
			cli_error("out of memory");
			complete = false;
		}
		if (last || !r->options->continuous)
			note_failure(r, recorder_end(r->recorder));
	}
	if (store_flush(r->store) != 0 && r->failure == 0) {
		cli_error("%s: %s", r->options->db, store_error(r->store));
		r->failure = FAIL_DATABASE;
	}
	output_end(&r->output.out);
	struct sensor_stats stats;
	sensor_stats(r->sensor, &stats);
	if (!r->options->quiet)
		replay_summary(&stats, recorder_counts(r->recorder), r->filtered,
		               r->filter ? capture_filter_refused(r->filter) : 0, &r->output);
	if (!r->options->quiet)
		replay_keylogs_summary(r->keylogs, &stats);
	complete &= replay_evidence_end(&r->evidence);
	if (!r->options->quiet && r->options->write)
		replay_evidence_summary(&r->evidence, &stats.evidence);
	complete &= replay_alerts_end(&r->alerts, r->options);
	complete &= r->failure == 0 && stats.shards.out_of_memory == 0;
	complete &= output_status(&r->output.out) == EXIT_OK;
	return exit_code(r, complete);
}

int cmd_replay(int argc, char **argv)
{
	char host[256] = "shadowtap";
	gethostname(host, sizeof host - 1);
	struct replay_options options = {.db = "shadowtap.db", .format = CLI_TEXT, .min_confidence = CONFIDENCE_LIKELY,
	                                 .sensor = host, .workers = 1, .write_file_size = 100 << 20,
	                                 .write_total = 1 << 30, .write_buffer = 64 << 20,
	                                 .alert_window = ALERT_WINDOW_NS / 1000000000, .alert_rate = ALERT_RATE,
	                                 .alert_queue = ALERT_QUEUE, .alert_wait = 30};
	int code = parse_options(argc, argv, &options);
	if (code >= 0)
		return code;
	struct replay r = {.options = &options};
	signal(SIGPIPE, SIG_IGN); /* a reader such as head(1) that has seen enough must not cost the database its rows */
	code = prepare(&r);
	if (code == EXIT_OK)
		code = run(&r);
	replay_keylogs_free(r.keylogs);
	sensor_free(r.sensor);
	replay_evidence_free(&r.evidence);
	recorder_free(r.recorder);
	if (r.store && store_close(r.store) != 0 && code != EXIT_FAILED) {
		cli_error("%s: the database could not be closed cleanly", options.db);
		code = EXIT_FAILED;
	}
	replay_alerts_free(&r.alerts);
	capture_filter_free(r.filter);
	policy_free(r.policy);
	signature_set_free(r.signatures);
	return code;
}
