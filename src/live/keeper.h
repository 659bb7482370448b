/* Keeps a sensor process alive: has the launcher start it, gives it signatures, listens to it, notices when it dies, hangs or breaks the rules, and has
 * it started again. Called by the recorder half's main loop. What the sensor's messages mean is not its business, but for the
 * signs of life in them. */
#ifndef SHADOWTAP_KEEPER_H
#define SHADOWTAP_KEEPER_H

#include "channel.h"
#include "launcher.h"
#include "signature_bundle.h"

/* False: no message of an honest sensor; the process is ended and started again. */
typedef bool keeper_message_fn(void *context, const struct message *m);
typedef void keeper_say_fn(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A new process will begin at nothing. */
typedef void keeper_restarted_fn(void *context);

struct keeper_config {
	int launcher;
	const struct signature_bundle *signatures; /* those in force at the time of a start */
	keeper_message_fn *on_message;
	keeper_restarted_fn *on_restarted;
	keeper_say_fn *say;
	void *context;
};

enum keeper_state { KEEPER_IDLE, KEEPER_ASKED, KEEPER_STARTING, KEEPER_RUNNING };

struct keeper {
	struct keeper_config config;
	enum keeper_state state;
	int channel;             /* to the sensor process, or -1 */
	struct channel_reader reader;
	int pid;
	int64_t asked_ms, sign_ms, start_at_ms; /* monotonic */
	unsigned failures;       /* in a row */
	uint64_t restarts;       /* that were not asked for */
	bool ever_ready, draining, drained, gone, killed;
	bool fatal;              /* it cannot be started at all: `failure` says why */
	enum channel_failure why;
	char failure[1024];
	char failed_before[1024]; /* what was said of the latest failure to start; empty once one has started */
};

void keeper_init(struct keeper *k, const struct keeper_config *config);
void keeper_start(struct keeper *k);
/* The channel or the launcher has something, or a second has passed. */
void keeper_listen(struct keeper *k);
void keeper_hear_launcher(struct keeper *k);
void keeper_tick(struct keeper *k);
/* The signatures in force have changed. */
void keeper_renew_signatures(struct keeper *k);
/* All its connections end and are told of; then it ends. Another one is started if `again`, else that was all. */
void keeper_drain(struct keeper *k, bool again);
void keeper_kill(struct keeper *k);
/* No process is there and none will be started. */
bool keeper_is_over(const struct keeper *k);
void keeper_done(struct keeper *k);

#endif
