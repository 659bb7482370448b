/* One loop over signals, the launcher and the sensor's channel. The database is the writer thread's: nothing here waits for a disk, but for
 * a spill file when memory is full. */
#include "live_state.h"
#include "launcher.h"
#include "limits.h"
#include "notify.h"
#include "status.h"
#include "store_definitions.h"
#include "text.h"
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	DRAIN_MS = 8000,     /* for the sensor process to end its connections; a busy one has a hundred thousand to tell of */
	LAST_WRITES_MS = 4000, /* for the database, if it cannot be written at the end */
	LAST_ALERTS_MS = 2000, /* for alerts that still wait at the end */
	LOOK_MS = 5000,      /* between looks whether a vanished interface is back */
};

int64_t live_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void say(struct live *l, bool wrong, const char *format, va_list args)
{
	char *text;
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	l->config->say(l->config->context, wrong, text ? text : "out of memory");
	free(text);
}

void live_say(struct live *l, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(l, true, format, args);
	va_end(args);
}

void live_note(struct live *l, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(l, false, format, args);
	va_end(args);
}

static void keeper_say(void *context, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(context, true, format, args);
	va_end(args);
}

/* ---- what the sensor tells ---- */

static int on_event(void *context, const struct event *e)
{
	struct live *l = context;
	if (e->o->confidence < CONFIDENCE_POSSIBLE)
		return 0; /* nothing below `possible` is an event */
	if (ledger_note(l->ledger, e->event_id, 0) == LEDGER_NEW)
		l->new_events[e->j->verdict]++;
	live_evidence_event(l, e);
	json_t *json = event_json(e);
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	json_decref(json);
	if (!text)
		return FAIL_MEMORY;
	backlog_put_take(l->backlog, text, strlen(text));
	return 0;
}

/* What is no event travels with the events. */
static int on_row(void *context, const json_t *row)
{
	struct live *l = context;
	char *text = json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!text)
		return FAIL_MEMORY;
	backlog_put_take(l->backlog, text, strlen(text));
	return 0;
}

static int on_known(void *context, const json_t *row)
{
	struct live *l = context;
	return !recorder_know(l->recorder, row);
}

/* False: too many to be honest. */
static bool on_notice(struct live *l, const struct channel_notice *n)
{
	int64_t now = live_now_ms();
	if (now - l->notices_since_ms >= 1000) {
		l->notices_since_ms = now;
		l->notices = 0;
	}
	if (++l->notices > LIMIT_NOTICES_SECOND)
		return false;
	char text[CHANNEL_TEXT];
	const char *name = n->capture < l->config->sensor.n_interfaces ? l->config->sensor.interfaces[n->capture] : "an interface";
	text_escape_terminal(text, sizeof text, n->text);
	switch (n->kind) {
	case NOTICE_DOWN: live_say(l, "%s is down: nothing is seen there until it is up again", name); break;
	case NOTICE_UP: live_note(l, "%s is up again", name); break;
	case NOTICE_LOST:
		live_say(l, "%s is not watched until it is back: %s", name, text);
		if (n->capture < 64)
			l->interfaces_lost |= UINT64_C(1) << n->capture;
		break;
	case NOTICE_REMARK: live_say(l, "%s", text); break;
	}
	return true;
}

static void on_ready(struct live *l, const struct channel_ready *r)
{
	live_note(l, "sensor process %d reads %u interface%s; %s%s", l->keeper.pid, l->config->sensor.n_interfaces,
	         l->config->sensor.n_interfaces == 1 ? "" : "s",
	         r->confined ? "confined by seccomp, no capabilities" : "NOT CONFINED (--no-sandbox)",
	         r->landlock ? ", Landlock" : r->confined ? "; this kernel has no Landlock" : "");
	if (!l->ready)
		notify_service_manager("READY=1\nSTATUS=watching");
	l->ready = true;
}

static bool on_message(void *context, const struct message *m)
{
	struct live *l = context;
	static struct counters counters; /* too large for the stack */
	struct channel_notice notice;
	struct channel_ready ready;
	switch (m->type) {
	case MESSAGE_OBSERVATION:
		l->memory_failures += recorder_take(l->recorder, m->payload.p, m->payload.n) != 0;
		return true;
	case MESSAGE_COUNTERS:
		if (!counters_decode(m->payload, &counters))
			return false;
		health_counters(l->health, &counters);
		return true;
	case MESSAGE_NOTICE:
		if (!channel_read_notice(m->payload, &notice))
			return false;
		return on_notice(l, &notice);
	case MESSAGE_FILE_FULL:
		if (l->evidence.files)
			live_evidence_file(l);
		return true;
	case MESSAGE_READY:
		if (!channel_read_ready(m->payload, &ready))
			return false;
		on_ready(l, &ready);
		return true;
	default: return false;
	}
}

static void on_restarted(void *context)
{
	struct live *l = context;
	health_sensor_restarted(l->health);
	l->memory_failures += recorder_sensor_lost(l->recorder) != 0;
	l->interfaces_lost = 0;
	l->evidence.given = false;
	live_keylog_restarted(l);
}

/* ---- what the operator tells ---- */

static void stop(struct live *l)
{
	if (l->stopping) { /* asked twice: at once then */
		keeper_kill(&l->keeper);
		return;
	}
	l->stopping = true;
	l->stop_by_ms = live_now_ms() + DRAIN_MS;
	notify_service_manager("STOPPING=1\nSTATUS=connections are being ended");
	keeper_drain(&l->keeper, false);
}

static void reload(struct live *l)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	if (l->ready)
		notify_service_manager("RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		                       (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
	if (live_load(l)) {
		keeper_renew_signatures(&l->keeper);
		live_note(l, "policy and signatures are read again: %zu entries, signatures %s", policy_entries(l->policy),
		         signature_set_version(l->signatures));
	} else {
		live_say(l, "what is wrong must be mended first: the old policy and signatures stay in force");
	}
	alerts_reopen(l->alerts); /* whatever became of the policy: a log file that was moved away is to be let go */
	if (l->ready) /* else it is not: reloading while it starts must not tell that it has started */
		notify_service_manager("READY=1");
}

static void hear_signals(struct live *l)
{
	struct signalfd_siginfo info;
	while (read(l->signals, &info, sizeof info) == sizeof info)
		switch (info.ssi_signo) {
		case SIGHUP: reload(l); break;
		case SIGUSR1: live_stats_say(l); break;
		default: stop(l); break;
		}
}

/* ---- time ---- */

static bool is_up(const char *interface)
{
	struct ifreq r = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", interface);
	bool up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags & IFF_UP;
	if (fd >= 0)
		close(fd);
	return up;
}

/* A vanished interface that is back (a container's, a USB adapter's) can only be opened by a new process. */
static void look_for_interfaces(struct live *l)
{
	for (unsigned i = 0; i < l->config->sensor.n_interfaces && i < 64; i++)
		if (l->interfaces_lost >> i & 1 && is_up(l->config->sensor.interfaces[i])) {
			live_note(l, "%s is there again: the sensor process is renewed", l->config->sensor.interfaces[i]);
			keeper_drain(&l->keeper, true);
			return;
		}
}

static void tick(struct live *l)
{
	int64_t now = live_now_ms();
	keeper_tick(&l->keeper);
	live_evidence_tick(l);
	live_keylog_tick(l);
	if (l->stopping && now >= l->stop_by_ms)
		keeper_kill(&l->keeper);
	if (now >= l->stats_at_ms) {
		live_stats(l);
		l->stats_at_ms = now + l->config->stats_seconds * INT64_C(1000);
	}
	if (!l->stopping && l->interfaces_lost && now >= l->look_at_ms) {
		look_for_interfaces(l);
		l->look_at_ms = now + LOOK_MS;
	}
	unsigned long long watchdog = notify_watchdog_us();
	if (watchdog && now >= l->watchdog_at_ms) {
		notify_service_manager("WATCHDOG=1");
		l->watchdog_at_ms = now + (int64_t)(watchdog / 1000);
	}
}

static void loop(struct live *l)
{
	keeper_start(&l->keeper);
	while (!keeper_is_over(&l->keeper)) {
		struct pollfd on[] = {{l->signals, POLLIN, 0}, {l->launcher, POLLIN, 0},
		                      {l->keeper.gone ? -1 : l->keeper.channel, POLLIN, 0}};
		if (poll(on, 3, 200) < 0 && errno != EINTR) {
			live_say(l, "poll: %s", strerror(errno));
			l->keeper.fatal = true;
			break;
		}
		if (on[0].revents)
			hear_signals(l);
		if (on[1].revents) /* first: who it is that speaks */
			keeper_hear_launcher(&l->keeper);
		if (on[2].revents)
			keeper_listen(&l->keeper);
		tick(l);
	}
}

/* ---- beginning and end ---- */

static bool block_signals(struct live *l)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is a full disk, no reason to die */
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signals < 0)
		live_say(l, "signalfd: %s", strerror(errno));
	return l->signals >= 0;
}

/* The launcher first: it must be forked while there is one thread and nothing is open, and before this process gives its rights up. */
static enum live_outcome become_two(struct live *l)
{
	const struct live_config *c = l->config;
	char error[PRIVILEGES_ERROR_TEXT];
	struct privileges own, sensors;
	if (!privileges_find(c->user, c->user_wanted, &own, error) ||
	    !privileges_find(c->sensor_user, c->sensor_user_wanted, &sensors, error)) {
		live_say(l, "%s", error);
		return LIVE_BAD_CONFIG;
	}
	l->became_user = own.change;
	uid_t recorder_uid = own.change ? own.uid : getuid(), sensor_uid = sensors.change ? sensors.uid : getuid();
	l->launcher = launcher_start(&c->sensor, &sensors, error);
	if (l->launcher < 0 || !privileges_settle(&own, true, false, error)) {
		live_say(l, "%s", error);
		return LIVE_FAILED;
	}
	if (recorder_uid == 0)
		live_say(l, "the recorder runs as root, without capabilities: a user for it (--user) would be better");
	if (sensor_uid == recorder_uid)
		live_say(l, "the sensor process has no user of its own (--sensor-user)");
	return LIVE_ENDED;
}

static bool prepare_alerts(struct live *l)
{
	struct alerts_config config = l->config->alerts;
	char error[ALERTS_ERROR_TEXT];
	if (config.n_specs == 0)
		return true;
	config.min_confidence = l->config->min_confidence;
	config.say = l->config->say;
	config.context = l->config->context;
	int r = alerts_new(&config, &l->alerts, error);
	if (r != 0)
		live_say(l, "alert: %s", error);
	return r == 0;
}

static enum live_outcome open_all(struct live *l)
{
	const struct live_config *c = l->config;
	char error[ALERTS_ERROR_TEXT] = "out of memory", *spill = NULL;
	if (!live_load(l))
		return LIVE_BAD_CONFIG;
	if (!live_evidence_start(l))
		return LIVE_FAILED;
	if (!prepare_alerts(l))
		return LIVE_BAD_CONFIG;
	if (store_open(c->db, &l->store, error) != 0 || (l->alerts && alerts_start(l->alerts, l->store, error) != 0)) {
		live_say(l, "%s", error);
		if (!l->store && l->became_user)
			live_say(l, "the recorder runs as the user %s, whose directory that must be (--db, --user)", c->user);
		return LIVE_FAILED;
	}
	if (c->spill_bytes && !c->spill && asprintf(&spill, "%s-spill", c->db) < 0)
		spill = NULL;
	struct backlog_config backlog = {.memory_bytes = c->queue_bytes, .spill_bytes = c->spill_bytes,
	                                 .spill_path = c->spill_bytes ? c->spill ? c->spill : spill : NULL};
	int r = backlog_new(&backlog, &l->backlog, error);
	free(spill);
	if (r != 0) {
		live_say(l, "%s", error[0] ? error : "out of memory");
		return LIVE_FAILED;
	}
	struct backlog_counts left;
	backlog_counts(l->backlog, &left);
	if (left.spilled)
		live_note(l, "%" PRIu64 " events that were spilled before are read in", left.spilled);
	struct writer_config writer = {.store = l->store, .backlog = l->backlog, .sensor = c->name, .retain_ns = c->retain_ns,
	                               .max_db_bytes = c->max_db_bytes, .on_committed = c->on_committed, .context = c->context};
	struct recorder_config recorder = {.policy = l->policy, .sensor = c->name,
	                                   .signature_set = signature_set_version(l->signatures),
	                                   .captures = c->sensor.interfaces, .n_captures = c->sensor.n_interfaces,
	                                   .on_event = on_event, .on_row = on_row, .audit = c->sensor.audit, .context = l};
	l->recorder = recorder_new(&recorder);
	if (l->recorder && store_definitions_load(l->store, LIMIT_CATALOG_DEFINITIONS, on_known, l) != 0) {
		live_say(l, "%s", store_error(l->store));
		return LIVE_FAILED;
	}
	l->health = health_new(c->name, c->sensor.interfaces, c->sensor.n_interfaces);
	l->ledger = ledger_new();
	l->writer = l->recorder && l->health && l->ledger ? writer_start(&writer) : NULL;
	if (l->writer)
		return LIVE_ENDED;
	live_say(l, "out of memory, or no more threads");
	return LIVE_FAILED;
}

/* What is open is closed, what waits is written or spilled. */
static enum live_outcome close_all(struct live *l, enum live_outcome outcome)
{
	if (l->writer) {
		l->memory_failures += recorder_sensor_lost(l->recorder) != 0; /* nobody will see what comes of it */
		l->memory_failures += recorder_flush(l->recorder) != 0;
		live_stats(l);
		if (!writer_stop(l->writer, LAST_WRITES_MS)) {
			live_say(l, "the disk does not answer: what was not yet written is lost");
			_exit(3); /* a thread hangs in the kernel: nothing of its can be freed */
		}
		l->writer = NULL;
	}
	if (!alerts_stop(l->alerts, LAST_ALERTS_MS))
		live_note(l, "an exit does not answer: its alerts wait for the next start");
	uint64_t lost = backlog_free(l->backlog);
	if (lost)
		live_say(l, "%" PRIu64 " events could not be written and are lost", lost);
	if (l->store && store_close(l->store) != 0)
		outcome = LIVE_FAILED;
	alerts_free(l->alerts);
	keeper_done(&l->keeper);
	live_evidence_done(l);
	live_keylog_done(l);
	recorder_free(l->recorder);
	health_free(l->health);
	free(l->ledger);
	policy_free(l->policy);
	signature_set_free(l->signatures);
	signature_bundle_done(&l->bundle);
	if (l->launcher >= 0)
		close(l->launcher);
	if (l->signals >= 0)
		close(l->signals);
	return lost ? LIVE_FAILED : outcome;
}

enum live_outcome live_run(const struct live_config *config)
{
	struct live l = {.config = config, .launcher = -1, .signals = -1};
	l.keeper.channel = -1;
	l.started_ms = live_now_ms();
	l.stats_at_ms = l.started_ms + config->stats_seconds * INT64_C(1000);
	live_keylog_start(&l);
	if (!block_signals(&l))
		return LIVE_FAILED;
	enum live_outcome outcome = become_two(&l);
	if (outcome == LIVE_ENDED)
		outcome = open_all(&l);
	if (outcome == LIVE_ENDED) {
		struct keeper_config keeper = {.launcher = l.launcher, .signatures = &l.bundle, .on_message = on_message,
		                               .on_restarted = on_restarted, .say = keeper_say, .context = &l};
		keeper_init(&l.keeper, &keeper);
		loop(&l);
		if (l.keeper.fatal) {
			live_say(&l, "%s", l.keeper.failure);
			if (l.keeper.why == CHANNEL_CANNOT_CONFINE)
				live_say(&l, "without confinement the sensor does not run, unless told so by --no-sandbox");
			outcome = LIVE_FAILED;
		}
	}
	return close_all(&l, outcome);
}
