/* The inside of the live sensor's recorder half, for the files of this folder. */
#ifndef SHADOWTAP_LIVE_STATE_H
#define SHADOWTAP_LIVE_STATE_H

#include "health.h"
#include "keeper.h"
#include "keylog_file.h"
#include "ledger.h"
#include "live.h"
#include "policy.h"
#include "signature.h"

struct live {
	const struct live_config *config;
	/* in force */
	struct policy *policy;
	struct signature_bundle bundle;
	struct signature_set *signatures; /* for its version; and as the proof that the bundle loads */

	struct store *store;
	struct backlog *backlog;
	struct alerts *alerts;            /* NULL: to nobody */
	struct writer *writer;
	struct recorder *recorder;
	struct health *health;
	struct ledger *ledger;
	struct keeper keeper;
	int signals, launcher;
	struct {
		struct evidence_files *files; /* NULL: no packets are kept */
		struct ledger *wanted;        /* events whose connections were asked for */
		bool given, failing;          /* the sensor process has a file; none could be made */
		int64_t retry_at_ms, made_ms;
	} evidence;

	struct {
		struct keylog_file file;
		bool failing;
	} keylogs[LIMIT_KEYLOGS];

	uint64_t new_events[VERDICT_COUNT];
	uint64_t memory_failures;
	int64_t notices_since_ms;
	unsigned notices;                 /* of the sensor process, in the second that began then */
	uint64_t interfaces_lost;         /* a bit each */
	int64_t started_ms, stats_at_ms, look_at_ms, watchdog_at_ms, stop_by_ms;
	bool stopping, ready;
	bool became_user;                 /* another one than it was started as */
	bool metrics_failing, stats_failing;
};

int64_t live_now_ms(void);
void live_say(struct live *l, const char *format, ...) __attribute__((format(printf, 2, 3)));  /* something is wrong */
void live_note(struct live *l, const char *format, ...) __attribute__((format(printf, 2, 3))); /* all is well */

/* ---- live_load.c: policy and signatures, at the start and again ---- */

/* False after saying why; what was in force stays in force. */
bool live_load(struct live *l);

/* ---- live_evidence.c: does nothing without --write ---- */

bool live_evidence_start(struct live *l); /* false after saying why */
/* An event in a new state: its connection's packets may be wanted. */
void live_evidence_event(struct live *l, const struct event *e);
/* The sensor process wants the next file. */
void live_evidence_file(struct live *l);
void live_evidence_tick(struct live *l);
void live_evidence_done(struct live *l);

/* ---- live_keylog.c ---- */

void live_keylog_start(struct live *l);
/* What was written to the key logs goes down the channel. */
void live_keylog_tick(struct live *l);
/* Another sensor process will have heard of none. */
void live_keylog_restarted(struct live *l);
void live_keylog_done(struct live *l);

/* ---- live_stats.c ---- */

/* Once in an interval: health row, JSON line, metrics, warnings. */
void live_stats(struct live *l);
/* For whoever asked by signal. */
void live_stats_say(struct live *l);

#endif
