#include "capture_file.h"
#include "capture_filter.h"
#include "replay.h"
#include "signature.h"
#include "status.h"
#include "store_definitions.h"
#include "text.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

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
		unapproved -= c->acknowledged[v];
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
		               r->filter ? capture_filter_refused(r->filter) : 0);
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
	int code = replay_options_parse(argc, argv, &options);
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
