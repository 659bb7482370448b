/* What cmd_replay's files share: its options, and what it says while it works and at the end. */
#ifndef SHADOWTAP_REPLAY_H
#define SHADOWTAP_REPLAY_H

#include "alerts.h"
#include "evidence_files.h"
#include "output.h"
#include "recorder.h"
#include "sensor.h"
#include "store.h"

struct replay_options {
	const char *db, *policy, *filter, *sensor;
	const char *signatures[16];
	size_t n_signatures;
	enum cli_format format;
	enum confidence min_confidence;
	enum { FAIL_ON_ANY, FAIL_ON_UNAUTHORIZED, FAIL_ON_NONE } fail_on;
	bool continuous, quiet, store_definitions, audit;
	unsigned workers;
	const char *write;  /* directory of evidence files, or NULL */
	uint64_t write_file_size, write_total, write_buffer;
	bool write_all;     /* evidence of approved connections too, however unsure */
	const char *alerts[LIMIT_ALERT_EXITS];
	size_t n_alerts;
	const char *keylogs[LIMIT_KEYLOGS];
	size_t n_keylogs;
	uint64_t alert_window, alert_rate, alert_queue, alert_wait; /* seconds, a second, number, seconds */
	char **files;
	size_t n_files;
};

/* ---- replay_options.c ---- */

/* -1: go on; else the exit code, after saying why. What the command line does not name stays as it is. */
int replay_options_parse(int argc, char **argv, struct replay_options *o);

/* ---- replay_output.c ---- */

struct replay_output {
	struct output out;
	enum confidence min_confidence;
};

/* Prints one event that ended, if it is unapproved, sure enough and not acknowledged. 0; 1 if it is all that but acknowledged, and so neither
 * printed nor counted for the exit code; or a failure of the store. */
int replay_output_event(struct replay_output *o, struct store *s, const struct event *e);

/* The summary, on stderr so that it never mixes with events. */
void replay_summary(const struct sensor_stats *s, const struct recorder_counts *c, uint64_t filtered, uint64_t filter_refused);

struct replay_progress {
	bool shown;       /* stderr is a terminal and nobody asked for quiet */
	int64_t started_ns, last_ns;
	uint64_t frames;
};
void replay_progress_start(struct replay_progress *p, bool quiet);
/* Called now and then: the current file's position and size in bytes (size 0: a pipe). */
void replay_progress_show(struct replay_progress *p, const char *file, uint64_t frames, uint64_t position, uint64_t size);
void replay_progress_clear(struct replay_progress *p);

/* ---- replay_evidence.c ---- */

struct pcapng_writer;

struct replay_evidence {
	const struct replay_options *options; /* NULL: no evidence is written */
	struct evidence_files *files;
	struct pcapng_writer *writer;
	int fd;
	bool in_file; /* there is a packet in the file */
	bool failed;  /* was told of; nothing more is written */
	uint64_t n_files, bytes;
};

/* As evidence_files_new(). */
int replay_evidence_start(struct replay_evidence *e, const struct replay_options *o, char error[EVIDENCE_ERROR_TEXT]);
void replay_evidence_frame(struct replay_evidence *e, const struct frame *f, const char *comment);
/* False if something could not be written. */
bool replay_evidence_end(struct replay_evidence *e);
/* After the end. */
void replay_evidence_summary(const struct replay_evidence *e, const struct evidence_counts *c);
void replay_evidence_free(struct replay_evidence *e);

/* ---- replay_keylog.c ---- */

struct capture_file;
struct replay_keylogs;

/* NULL: out of memory. */
struct replay_keylogs *replay_keylogs_new(const struct replay_options *o, struct sensor *s);
/* Reads the files as far as they are there. False after saying why. */
bool replay_keylogs_start(struct replay_keylogs *k);
/* Reads on. last: nothing more will be written to them. False after saying why. */
bool replay_keylogs_read(struct replay_keylogs *k, bool last);
/* The secrets that a capture carries. False: out of memory. */
bool replay_keylogs_capture(struct replay_keylogs *k, struct capture_file *f);
void replay_keylogs_summary(const struct replay_keylogs *k, const struct sensor_stats *s);
void replay_keylogs_free(struct replay_keylogs *k);

/* ---- replay_alerts.c ---- */

struct replay_alerts {
	struct alerts *alerts; /* NULL: to nobody */
	uint64_t missed;       /* refused or lost before */
};

/* Reads the specs. EXIT_OK, or the exit code after saying why. */
int replay_alerts_prepare(struct replay_alerts *a, const struct replay_options *o);
/* From now on what the store writes alerts. False after saying why. */
bool replay_alerts_start(struct replay_alerts *a, struct store *s);
/* Waits for what has not gone out yet, as long as the options say. False, after saying so, if some has not. */
bool replay_alerts_end(struct replay_alerts *a, const struct replay_options *o);
/* Once the store is closed. */
void replay_alerts_free(struct replay_alerts *a);

#endif
