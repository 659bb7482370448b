/* Two threads of the process's own beside lanes, workers and outbox: this one runs the packets, the other one listens to the recorder and
 * leaves what it heard where this one finds it between two rounds. */
#include "sensor_process.h"
#include "confine.h"
#include "evidence_output.h"
#include "intake.h"
#include "jsonfile.h"
#include "limits.h"
#include "outbox.h"
#include "sensor_counters.h"
#include "signature_bundle.h"
#include "status.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A round waits so long for packets: short, so that what the recorder says and the clock are looked at. */
enum { ROUND_MS = 50, LAST_WORDS_MS = 5000, LAST_WISHES = 6 };

/* What the listening thread heard. */
struct heard {
	pthread_mutex_t lock;
	struct signature_set *signatures;
	struct wanted *wanted;
	unsigned n_wanted;
	uint64_t unwanted; /* that found no room */
	int evidence_file;
	bool has_evidence_file, drain;
	struct keylog_bytes *keylog, *keylog_last; /* oldest first */
	size_t keylog_waiting;
	uint64_t keylog_unheard; /* bytes that found no room */
};

/* A piece of a key log. Wiped when it is freed. */
struct keylog_bytes {
	struct keylog_bytes *next;
	size_t n;
	uint8_t file;
	bool afresh;
	uint8_t bytes[];
};

/* A connection that the recorder asked evidence for. */
struct wanted {
	struct evidence_id id;
	char comment[CHANNEL_TEXT + 1];
};

struct captures {
	struct capture_live *handles[LIMIT_LANES];
	uint8_t interfaces[LIMIT_LANES]; /* by handle */
	unsigned n;
	uint32_t missing;                /* interfaces that could not be opened, a bit each */
	char error[CAPTURE_ERROR_TEXT];  /* of the first of them */
};


struct process {
	const struct sensor_process_config *config;
	int socket;
	int statm; /* /proc/self/statm, opened in time */
	struct outbox *out;
	struct sensor *sensor;
	struct intake *intake;
	struct heard heard;
	struct wanted *wanted; /* the other half of two buffers: the listener fills one while this one is looked up */
	struct evidence_output evidence;
	uint64_t observations, lost;
	struct captures *captures;
	struct keylog keylogs[LIMIT_KEYLOGS];
	uint8_t lane_states[LIMIT_LANES]; /* what was last told */
};

static int fail(struct process *p, enum channel_failure why, const char *text)
{
	channel_send_failed(p->socket, why, text);
	return 1;
}

static void notice(struct process *p, enum channel_notice_kind kind, uint32_t capture, const char *text)
{
	uint8_t b[CHANNEL_TEXT + 8];
	struct channel_notice n = {kind, capture, slice_str(text)};
	outbox_put(p->out, MESSAGE_NOTICE, b, channel_write_notice(&n, b), true);
}

/* ---- starting ---- */

/* All handles of one interface, or none. */
static bool open_interface(const struct sensor_process_config *c, unsigned i, struct captures *to)
{
	struct hash_key random;
	unsigned before = to->n;
	char error[CAPTURE_ERROR_TEXT] = "no source of randomness";
	struct capture_live_config live = {.interface = c->interfaces[i], .filter = c->filter, .snaplen = c->snaplen,
	                                   .buffer_bytes = c->buffer_bytes, .promiscuous = c->promiscuous, .capture = i,
	                                   .number_step = c->capture_threads};
	bool ok = hash_key_random(&random);
	/* an id that no other program in this network namespace has, most likely */
	live.fanout = c->capture_threads > 1 ? (uint16_t)(random.k0 | 1) : 0;
	for (unsigned t = 0; ok && t < c->capture_threads && to->n < LIMIT_LANES; t++) {
		live.first_number = t + 1;
		ok = capture_live_open(&live, &to->handles[to->n], error) == 0;
		if (ok)
			to->interfaces[to->n++] = (uint8_t)i;
	}
	if (ok)
		return true;
	while (to->n > before)
		capture_live_free(to->handles[--to->n]);
	if (!to->missing)
		memcpy(to->error, error, sizeof error);
	to->missing |= UINT32_C(1) << i;
	return false;
}

/* False if there is nothing to watch, or not all of what there must be. */
static bool open_captures(struct process *p, bool tolerant, struct captures *ret)
{
	bool ok = true;
	for (unsigned i = 0; ok && i < p->config->n_interfaces; i++)
		ok = open_interface(p->config, i, ret) || tolerant;
	if (ok && ret->n)
		return true;
	while (ret->n)
		capture_live_free(ret->handles[--ret->n]);
	return false;
}

/* Libraries that look at files when they are first used do so now. */
static bool warm_up(void)
{
	struct hint *hint = hint_new(false); /* libgcrypt behind nDPI reads its configuration */
	bool ok = hint;
	tzset();
	jsonfile_warm_up();
	hint_free(hint);
	return ok;
}

static void on_observation(void *context, const uint8_t *bytes, size_t n)
{
	struct process *p = context;
	p->observations++;
	p->lost += !outbox_put(p->out, MESSAGE_OBSERVATION, bytes, n, false);
}

static void on_evidence(void *context, const struct frame *f, const char *comment)
{
	struct process *p = context;
	evidence_output_put(&p->evidence, f, comment);
}

/* Waits for the first signatures. NULL: the recorder went away or sent none. */
static struct signature_set *first_signatures(struct channel_reader *r, char error[SIGNATURE_ERROR_TEXT])
{
	struct message m;
	struct signature_set *set = NULL;
	snprintf(error, SIGNATURE_ERROR_TEXT, "the recorder sent no signatures");
	do
		while (channel_next(r, &m)) {
			if (m.fd >= 0)
				close(m.fd);
			if (m.type == MESSAGE_SIGNATURES)
				return signature_bundle_load(m.payload, &set, error) == 0 ? set : NULL;
		}
	while (channel_receive(r) > 0);
	return NULL;
}

/* ---- listening ---- */

/* With the lock. */
static void hear_wanted(struct heard *h, struct slice payload)
{
	struct channel_wanted w;
	if (!channel_read_wanted(payload, &w) || h->n_wanted == LIMIT_WANTED || !h->wanted) {
		h->unwanted++;
		return;
	}
	struct wanted *to = &h->wanted[h->n_wanted++];
	to->id = (struct evidence_id){w.first_frame, w.capture};
	memcpy(to->comment, w.comment.p, w.comment.n);
	to->comment[w.comment.n] = 0;
}

/* With the lock. The secrets do not stay in the channel's buffer. */
static void hear_keylog(struct heard *h, struct slice payload)
{
	struct channel_keylog k;
	bool is = channel_read_keylog(payload, &k);
	struct keylog_bytes *b = is && h->keylog_waiting < LIMIT_KEYLOG_HEARD ? malloc(sizeof *b + k.bytes.n) : NULL;
	if (b) {
		*b = (struct keylog_bytes){.n = k.bytes.n, .file = k.file, .afresh = k.afresh};
		if (k.bytes.n)
			memcpy(b->bytes, k.bytes.p, k.bytes.n);
		*(h->keylog_last ? &h->keylog_last->next : &h->keylog) = b;
		h->keylog_last = b;
		h->keylog_waiting += b->n;
	} else {
		h->keylog_unheard += payload.n;
	}
	explicit_bzero((void *)(uintptr_t)payload.p, payload.n);
}

static void hear(struct process *p, const struct message *m)
{
	int fd = m->fd;
	char error[SIGNATURE_ERROR_TEXT];
	struct signature_set *set = NULL;
	if (m->type == MESSAGE_SIGNATURES && signature_bundle_load(m->payload, &set, error) != 0)
		return; /* the recorder has loaded the same bytes before: out of memory, and the old ones stay in force */
	pthread_mutex_lock(&p->heard.lock);
	if (set) {
		signature_set_free(p->heard.signatures);
		p->heard.signatures = set;
	}
	if (m->type == MESSAGE_WANTED)
		hear_wanted(&p->heard, m->payload);
	if (m->type == MESSAGE_KEYLOG)
		hear_keylog(&p->heard, m->payload);
	if (m->type == MESSAGE_EVIDENCE_FILE) {
		int before = p->heard.has_evidence_file ? p->heard.evidence_file : -1;
		p->heard.evidence_file = fd;
		p->heard.has_evidence_file = true;
		fd = before;
	}
	p->heard.drain |= m->type == MESSAGE_DRAIN;
	pthread_mutex_unlock(&p->heard.lock);
	if (fd >= 0)
		close(fd);
}

struct listener {
	struct process *process;
	struct channel_reader reader;
};

static void *listen_all(void *context)
{
	struct listener *l = context;
	struct message m;
	do
		while (channel_next(&l->reader, &m))
			hear(l->process, &m);
	while (channel_receive(&l->reader) > 0);
	_exit(0); /* the recorder is gone: nobody is left to tell */
}

/* ---- running ---- */

/* What could not be opened, and what the rest is worth. After READY. */
static void tell_openings(struct process *p)
{
	const struct captures *c = p->captures;
	for (unsigned i = 0; i < p->config->n_interfaces; i++)
		if (c->missing >> i & 1)
			notice(p, NOTICE_LOST, i, c->error);
	for (unsigned i = 0; i < c->n; i++) {
		const char *warning = capture_live_warning(c->handles[i]);
		if (warning && (i == 0 || c->interfaces[i] != c->interfaces[i - 1]))
			notice(p, NOTICE_REMARK, c->interfaces[i], warning);
	}
}

static uint64_t resident_bytes(const struct process *p)
{
	char text[128];
	unsigned long total, resident;
	ssize_t n = p->statm >= 0 ? pread(p->statm, text, sizeof text - 1, 0) : -1;
	if (n <= 0)
		return 0;
	text[n] = 0;
	return sscanf(text, "%lu %lu", &total, &resident) == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void tell_counters(struct process *p)
{
	static struct counters c; /* some 40 KB, and one thread */
	static uint8_t bytes[COUNTERS_BYTES];
	c.n = 0;
	sensor_counters(p->sensor, p->intake, p->captures->interfaces, p->config->n_interfaces, &c);
	counters_set(&c, p->observations, "process.observations");
	counters_set(&c, p->lost, "process.observations_lost");
	counters_set(&c, outbox_bytes(p->out), "memory.outbox");
	counters_set(&c, p->config->evidence_bytes, "memory.evidence");
	counters_set(&c, p->evidence.packets, "evidence.packets");
	counters_set(&c, p->evidence.bytes, "evidence.bytes");
	counters_set(&c, p->evidence.files, "evidence.files");
	pthread_mutex_lock(&p->heard.lock);
	uint64_t unwanted = p->heard.unwanted, unheard = p->heard.keylog_unheard;
	pthread_mutex_unlock(&p->heard.lock);
	counters_set(&c, p->evidence.unwritten + unwanted, "evidence.unwritten");
	uint64_t lines = 0, malformed = 0;
	for (unsigned i = 0; i < p->config->n_keylogs; i++) {
		lines += p->keylogs[i].lines;
		malformed += p->keylogs[i].malformed;
	}
	if (p->config->n_keylogs) {
		counters_set(&c, lines, "keylog.lines");
		counters_set(&c, malformed, "keylog.malformed");
		counters_set(&c, unheard, "keylog.unheard");
	}
	counters_set(&c, resident_bytes(p), "memory.sensor_process");
	outbox_put(p->out, MESSAGE_COUNTERS, bytes, counters_encode(&c, bytes), true);
}

/* Tells what changed with the interfaces. True once all are gone. */
static bool watch_lanes(struct process *p)
{
	unsigned gone = 0;
	for (unsigned i = 0; i < intake_lanes(p->intake); i++) {
		struct intake_lane_state l;
		intake_lane(p->intake, i, &l);
		uint8_t state = l.over ? NOTICE_LOST : l.down ? NOTICE_DOWN : NOTICE_UP;
		/* the lanes of one interface fare alike: the first speaks */
		bool first = i == 0 || p->captures->interfaces[i] != p->captures->interfaces[i - 1];
		if (first && state != p->lane_states[i])
			notice(p, state, p->captures->interfaces[i], l.error ? l.error : "");
		p->lane_states[i] = state;
		gone += l.over;
	}
	return gone == intake_lanes(p->intake);
}

static int64_t monotonic_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct bad_line {
	struct process *process;
	unsigned file;
};

static void on_bad_line(void *context, uint64_t line)
{
	const struct bad_line *b = context;
	const struct keylog *k = &b->process->keylogs[b->file];
	char text[CHANNEL_TEXT];
	if (k->malformed > LIMIT_KEYLOG_TOLD || b->file >= b->process->config->n_keylogs)
		return;
	snprintf(text, sizeof text, "%s:%llu: no line of a key log%s", b->process->config->keylogs[b->file], (unsigned long long)line,
	         k->malformed == LIMIT_KEYLOG_TOLD ? "; further ones are only counted" : "");
	notice(b->process, NOTICE_REMARK, 0, text);
}

/* Frees the list. */
static void read_keylogs(struct process *p, struct keylog_bytes *b)
{
	for (struct keylog_bytes *next; b; b = next) {
		struct bad_line bad = {p, b->file};
		next = b->next;
		if (b->afresh)
			keylog_restart(&p->keylogs[b->file]);
		sensor_secrets(p->sensor, &p->keylogs[b->file], slice_of(b->bytes, b->n), false, on_bad_line, &bad); /* out of memory: without them */
		explicit_bzero(b->bytes, b->n);
		free(b);
	}
}

/* Takes what was heard. True: the end is wanted. */
static bool obey(struct process *p)
{
	pthread_mutex_lock(&p->heard.lock);
	struct signature_set *set = p->heard.signatures;
	p->heard.signatures = NULL;
	bool drain = p->heard.drain, has_file = p->heard.has_evidence_file;
	int file = p->heard.evidence_file;
	struct wanted *wanted = p->heard.wanted;
	unsigned n = p->heard.n_wanted;
	p->heard.has_evidence_file = false;
	p->heard.wanted = p->wanted;
	p->heard.n_wanted = 0;
	p->wanted = wanted;
	struct keylog_bytes *keylog = p->heard.keylog;
	p->heard.keylog = p->heard.keylog_last = NULL;
	p->heard.keylog_waiting = 0;
	pthread_mutex_unlock(&p->heard.lock);
	if (set)
		sensor_set_signatures(p->sensor, set);
	signature_set_free(set); /* the sensor holds it now */
	read_keylogs(p, keylog);
	if (has_file)
		evidence_output_file(&p->evidence, file);
	for (unsigned i = 0; i < n; i++)
		sensor_want(p->sensor, &wanted[i].id, wanted[i].comment);
	return drain;
}

/* The recorder asks for the evidence of connections when it hears of them: the last ones are heard of when the sensor ends. What it asks for
 * within a moment is still handed over. */
static void obey_last_wishes(struct process *p)
{
	for (int i = 0; p->evidence.writer && i < LAST_WISHES; i++) {
		obey(p);
		sensor_flush(p->sensor); /* what was wanted is handed over */
		nanosleep(&(struct timespec){0, 50 * 1000000}, NULL);
	}
}

static int run(struct process *p)
{
	int64_t told_ms = 0;
	int r = 0;
	while (!obey(p) && r == 0) {
		r = intake_round(p->intake, p->sensor, ROUND_MS);
		bool all_gone = watch_lanes(p);
		int64_t now = monotonic_ms();
		if (now - told_ms >= 1000) {
			evidence_output_tick(&p->evidence, now);
			tell_counters(p);
			told_ms = now;
			if (intake_is_stuck(p->intake))
				abort(); /* a decoder that never ends: the recorder starts another process */
		}
		if (all_gone)
			break;
	}
	int stopped = intake_stop(p->intake, p->sensor);
	int ended = sensor_end(p->sensor);
	obey_last_wishes(p);
	evidence_output_done(&p->evidence);
	tell_counters(p);
	/* else it is a death, to be counted and said, even though it could say goodbye */
	bool well = !r && !stopped && !ended;
	if (well)
		outbox_put(p->out, MESSAGE_DRAINED, NULL, 0, true);
	bool told = outbox_flush(p->out, LAST_WORDS_MS);
	return !well || !told;
}

/* What can only be made in confinement, since every thread must be confined. */
static int start(struct process *p, struct listener *l)
{
	char error[SIGNATURE_ERROR_TEXT];
	struct signature_set *set = first_signatures(&l->reader, error);
	struct sensor_config sensor = {.signatures = set, .workers = p->config->workers,
	                               .definition_texts = p->config->definition_texts, .audit = p->config->audit,
	                               .session_key = p->config->session_key, .evidence_bytes = p->config->evidence_bytes, .on_evidence = on_evidence};
	pthread_t listener;
	bool ok = set && hash_key_random(&sensor.shard_key);
	p->out = ok ? outbox_new(p->socket) : NULL;
	memset(p->lane_states, NOTICE_UP, sizeof p->lane_states);
	if (set)
		snprintf(error, sizeof error, "out of memory, or no more threads");
	evidence_output_init(&p->evidence, p->out, p->config->interfaces, p->config->n_interfaces, p->config->evidence_file_bytes);
	if (p->config->evidence_bytes) {
		p->wanted = calloc(LIMIT_WANTED, sizeof *p->wanted);
		p->heard.wanted = calloc(LIMIT_WANTED, sizeof *p->heard.wanted);
	}
	ok = p->out && sensor_new(&sensor, on_observation, p, &p->sensor) == 0;
	ok = ok && (!p->config->n_keylogs || sensor_secrets_expect(p->sensor, true) == 0);
	ok = intake_new(p->captures->handles, p->captures->n, &p->intake) == 0 && ok;
	signature_set_free(set);
	pthread_mutex_init(&p->heard.lock, NULL);
	if (ok && pthread_create(&listener, NULL, listen_all, l) == 0 && intake_start(p->intake) == 0)
		return 0;
	return fail(p, CHANNEL_CANNOT_RUN, error);
}

/* Before confinement, which leaves no way to raise it again. */
static void limit_files(const struct sensor_process_config *config)
{
	struct rlimit size = {config->evidence_file_bytes + LIMIT_EVIDENCE_FILE_MORE, config->evidence_file_bytes + LIMIT_EVIDENCE_FILE_MORE};
	if (config->evidence_bytes)
		setrlimit(RLIMIT_FSIZE, &size);
}

int sensor_process_main(const struct sensor_process_config *config, int socket, bool tolerant)
{
	static struct process p;
	static struct listener l;
	static struct captures captures;
	struct confine_report report;
	char error[CONFINE_ERROR_TEXT];
	p = (struct process){.config = config, .socket = socket, .captures = &captures};
	p.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	l.process = &p;
	channel_reader_init(&l.reader, socket, LIMIT_MESSAGE_DOWN, CHANNEL_TAKES_FDS | CHANNEL_WIPES);
	if (!open_captures(&p, tolerant, &captures))
		return fail(&p, CHANNEL_CANNOT_CAPTURE, captures.error);
	limit_files(config);
	if (!warm_up())
		return fail(&p, CHANNEL_CANNOT_RUN, "out of memory");
	if (config->confine && confine_process(&report, error) != 0)
		return fail(&p, CHANNEL_CANNOT_CONFINE, error);
	int r = start(&p, &l);
	if (r)
		return r;
	channel_send_ready(socket, &(struct channel_ready){config->confine, config->confine && report.landlock}); /* nothing else was put yet */
	tell_openings(&p);
	return run(&p);
}
