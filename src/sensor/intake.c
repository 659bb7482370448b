#include "intake.h"
#include "status.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* The clock of idle time stays so far behind the moment at which every lane had read all that there was: packets that are
 * on their way into the kernel's ring must not come from the past. */
#define TICK_BEHIND_NS (NS_PER_SEC / 4)
/* The wall clock and the monotonic one drift apart by less; more is somebody setting the clock. */
#define CLOCK_STEP_NS NS_PER_SEC
/* After such a step, packets that were stamped before it may still come out of the kernel's ring for so long. */
#define CLOCK_STEP_ECHO_NS (10 * NS_PER_SEC)
/* Batches that one round may use up. */
#define ROUND_BATCHES (2 * LIMIT_LANES)

struct used_batch {
	unsigned lane;
	struct lane_batch *batch;
};

struct intake {
	struct lane_gate gate;
	struct lane *lanes;
	unsigned n;
	struct used_batch used[ROUND_BATCHES];
	unsigned n_used;
	uint64_t impatient;
	int64_t waiting_since_ns; /* monotonic: packets are there and a lane keeps them waiting; 0: none does */
	int64_t clock_ahead_ns;   /* wall clock minus monotonic clock */
	bool clock_known;
	int64_t step_ns, stepped_at_ns; /* the latest step of the wall clock, and when: monotonic */
};

static int64_t clock_ns(clockid_t which)
{
	struct timespec t;
	clock_gettime(which, &t);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

int intake_new(struct capture_live *const captures[], unsigned n, struct intake **ret)
{
	struct intake *in = calloc(1, sizeof *in);
	if (in)
		in->lanes = calloc(n ? n : 1, sizeof *in->lanes);
	bool ok = in && in->lanes && n <= LIMIT_LANES;
	if (ok) {
		pthread_condattr_t monotonic;
		pthread_condattr_init(&monotonic);
		pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
		pthread_mutex_init(&in->gate.lock, NULL);
		pthread_cond_init(&in->gate.published, &monotonic);
		pthread_cond_init(&in->gate.recycled, NULL);
		pthread_condattr_destroy(&monotonic);
	}
	unsigned made = 0;
	while (ok && made < n && lane_init(&in->lanes[made], &in->gate, captures[made]) == 0)
		made++;
	if (in && ok)
		in->n = made;
	if (!ok || made < n) {
		for (unsigned i = made; i < n; i++)
			capture_live_free(captures[i]);
		if (ok) {
			intake_free(in);
		} else if (in) {
			free(in->lanes);
			free(in);
		}
		return FAIL_MEMORY;
	}
	*ret = in;
	return 0;
}

int intake_start(struct intake *in)
{
	int r = 0;
	for (unsigned i = 0; i < in->n && r == 0; i++)
		r = lane_start(&in->lanes[i]);
	return r;
}

/* ---- the clock that stamps packets ---- */

/* Has somebody set it? Looked at before each batch is fed: a packet that was stamped after the step was read after it, so that the
 * sensor knows of the step before it sees a packet of the new time, which would end all connections or come from the past. */
static int watch_clock(struct intake *in, struct sensor *s)
{
	int64_t monotonic = clock_ns(CLOCK_MONOTONIC), ahead = clock_ns(CLOCK_REALTIME) - monotonic;
	if (clock_ns(CLOCK_MONOTONIC) - monotonic > CLOCK_STEP_NS / 4)
		return 0; /* this thread did not run for a while in between: that is no step */
	int64_t step = in->clock_known ? ahead - in->clock_ahead_ns : 0;
	in->clock_ahead_ns = ahead; /* a clock that is slewed drifts away unnoticed, and need not be noticed */
	in->clock_known = true;
	if (step < CLOCK_STEP_NS && step > -CLOCK_STEP_NS)
		return 0;
	in->step_ns = step;
	in->stepped_at_ns = monotonic;
	return sensor_clock_stepped(s, step);
}

/* A packet from before the step is nearer to what the clock would show without it: it is told in the new time. */
static void restamp(const struct intake *in, struct packet *p)
{
	if (!in->step_ns)
		return;
	int64_t monotonic = clock_ns(CLOCK_MONOTONIC), behind = monotonic + in->clock_ahead_ns - p->time_ns;
	if (monotonic - in->stepped_at_ns < CLOCK_STEP_ECHO_NS && llabs(behind - in->step_ns) < llabs(behind))
		p->time_ns += in->step_ns;
}

/* ---- packets ---- */

/* The lane whose oldest packet is the oldest of all; n if none has any. With the lock. */
static unsigned oldest_lane(const struct intake *in)
{
	unsigned at = in->n;
	for (unsigned i = 0; i < in->n; i++) {
		const struct lane_batch *b = in->lanes[i].first;
		if (b && (at == in->n ||
		          b->packets[b->at].time_ns < in->lanes[at].first->packets[in->lanes[at].first->at].time_ns))
			at = i;
	}
	return at;
}

/* May the oldest packet of that lane go, or could another lane still come with an older one? With the lock. */
static bool may_go(const struct intake *in, unsigned lane)
{
	uint64_t published = in->lanes[lane].first->published;
	for (unsigned i = 0; i < in->n; i++) {
		const struct lane *l = &in->lanes[i];
		if (i != lane && !l->first && !l->over && l->running && l->quiet_since < published)
			return false;
	}
	return true;
}

/* Until when the packets of a lane may go without looking at the others again: the time of the oldest packet elsewhere. */
static int64_t go_until(const struct intake *in, unsigned lane)
{
	int64_t until = INT64_MAX;
	for (unsigned i = 0; i < in->n; i++) {
		const struct lane_batch *b = in->lanes[i].first;
		if (i != lane && b && b->packets[b->at].time_ns < until)
			until = b->packets[b->at].time_ns;
	}
	return until;
}

/* Takes what may go of one lane's oldest batch. With the lock, which is let go while the sensor is fed. 1: something went. */
static int feed_some(struct intake *in, struct sensor *s, bool patient, int *ret_result)
{
	unsigned lane = oldest_lane(in);
	if (lane == in->n || in->n_used == ROUND_BATCHES)
		return 0;
	if (patient && !may_go(in, lane)) {
		if (!in->waiting_since_ns)
			in->waiting_since_ns = clock_ns(CLOCK_MONOTONIC);
		if (clock_ns(CLOCK_MONOTONIC) - in->waiting_since_ns < INTAKE_PATIENCE_MS * 1000000LL)
			return 0;
		in->impatient++;
	}
	in->waiting_since_ns = 0;
	struct lane *l = &in->lanes[lane];
	struct lane_batch *b = l->first;
	int64_t until = go_until(in, lane);
	pthread_mutex_unlock(&in->gate.lock); /* nobody else touches a batch that is published */
	int r = watch_clock(in, s);
	while (r == 0 && b->at < b->n) {
		struct packet *p = &b->packets[b->at++];
		restamp(in, p);
		r = sensor_packet(s, p);
		if (b->at < b->n && b->packets[b->at].time_ns > until)
			break;
	}
	pthread_mutex_lock(&in->gate.lock);
	if (b->at == b->n) {
		l->first = b->next;
		if (!l->first)
			l->last = NULL;
		in->used[in->n_used++] = (struct used_batch){lane, b};
	}
	*ret_result = r;
	return r == 0;
}

/* Feeds what may go, has it read, gives the batches back. With the lock. */
static int feed(struct intake *in, struct sensor *s, bool patient)
{
	int r = 0;
	while (feed_some(in, s, patient, &r))
		;
	pthread_mutex_unlock(&in->gate.lock);
	int flushed = sensor_flush(s);
	pthread_mutex_lock(&in->gate.lock);
	for (unsigned i = 0; i < in->n_used; i++)
		lane_recycle(&in->lanes[in->used[i].lane], in->used[i].batch);
	in->n_used = 0;
	return r ? r : flushed;
}

/* Up to when (monotonic) all packets that there were have been fed; 0: some are waiting, or a lane has not read yet. While
 * the sensor does not keep up it is the packets that say what time it is: a clock that ran ahead of those in the kernel's
 * ring would call holes lost that the next packet fills. */
static int64_t fed_until_ns(struct intake *in)
{
	int64_t until = INT64_MAX;
	pthread_mutex_lock(&in->gate.lock);
	for (unsigned i = 0; i < in->n; i++) {
		const struct lane *l = &in->lanes[i];
		if (l->first)
			until = 0;
		else if (!l->over && l->quiet_at_ns < until)
			until = l->quiet_at_ns;
	}
	pthread_mutex_unlock(&in->gate.lock);
	return until == INT64_MAX ? 0 : until;
}

static int pass_time(struct intake *in, struct sensor *s)
{
	int r = watch_clock(in, s);
	int64_t until = fed_until_ns(in);
	if (r == 0 && until && in->clock_known)
		r = sensor_tick(s, until + in->clock_ahead_ns - TICK_BEHIND_NS);
	return r ? r : sensor_flush(s);
}

/* Something that may go, or a reason to look. With the lock. */
static void wait_for_packets(struct intake *in, int timeout_ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += timeout_ms % 1000 * 1000000L;
	until.tv_sec += timeout_ms / 1000 + until.tv_nsec / NS_PER_SEC;
	until.tv_nsec %= NS_PER_SEC;
	for (;;) {
		unsigned lane = oldest_lane(in);
		if (lane < in->n && may_go(in, lane))
			return;
		if (pthread_cond_timedwait(&in->gate.published, &in->gate.lock, &until) == ETIMEDOUT)
			return;
	}
}

int intake_round(struct intake *in, struct sensor *s, int timeout_ms)
{
	pthread_mutex_lock(&in->gate.lock);
	wait_for_packets(in, timeout_ms);
	int r = feed(in, s, true);
	pthread_mutex_unlock(&in->gate.lock);
	return r ? r : pass_time(in, s);
}

int intake_stop(struct intake *in, struct sensor *s)
{
	pthread_mutex_lock(&in->gate.lock);
	in->gate.stop = true;
	pthread_cond_broadcast(&in->gate.recycled);
	pthread_mutex_unlock(&in->gate.lock);
	for (unsigned i = 0; i < in->n; i++)
		lane_join(&in->lanes[i]);
	pthread_mutex_lock(&in->gate.lock);
	int r = 0;
	while (r == 0 && oldest_lane(in) < in->n)
		r = feed(in, s, false);
	pthread_mutex_unlock(&in->gate.lock);
	return r;
}

unsigned intake_lanes(const struct intake *in)
{
	return in->n;
}

void intake_lane(struct intake *in, unsigned lane, struct intake_lane_state *ret)
{
	struct lane *l = &in->lanes[lane];
	pthread_mutex_lock(&in->gate.lock);
	*ret = (struct intake_lane_state){l->down, l->over, l->over ? capture_live_error(l->capture) : NULL, l->counts};
	pthread_mutex_unlock(&in->gate.lock);
}

bool intake_is_stuck(struct intake *in)
{
	bool stuck = false;
	pthread_mutex_lock(&in->gate.lock);
	for (unsigned i = 0; i < in->n; i++) {
		struct lane *l = &in->lanes[i];
		bool moves = !l->running || l->over || l->waiting || l->rounds != l->rounds_seen;
		l->rounds_seen = l->rounds;
		l->looks_without_round = moves ? 0 : l->looks_without_round + 1;
		stuck |= l->looks_without_round >= LIMIT_LANE_LOOKS;
	}
	pthread_mutex_unlock(&in->gate.lock);
	return stuck;
}

void intake_anomalies(struct intake *in, struct anomaly_counts *into)
{
	pthread_mutex_lock(&in->gate.lock);
	for (unsigned i = 0; i < in->n; i++)
		anomaly_add(into, &in->lanes[i].anomalies);
	pthread_mutex_unlock(&in->gate.lock);
}

uint64_t intake_impatient(const struct intake *in)
{
	return in->impatient;
}

uint64_t intake_memory(const struct intake *in)
{
	return (uint64_t)in->n * LIMIT_LANE_BATCHES * (sizeof(struct lane_batch) + LIMIT_LANE_PACKETS * 1600);
}

void intake_free(struct intake *in)
{
	if (!in)
		return;
	pthread_mutex_lock(&in->gate.lock);
	in->gate.stop = true;
	pthread_cond_broadcast(&in->gate.recycled);
	pthread_mutex_unlock(&in->gate.lock);
	for (unsigned i = 0; i < in->n; i++)
		lane_join(&in->lanes[i]);
	for (unsigned i = 0; i < in->n_used; i++)
		lane_recycle(&in->lanes[in->used[i].lane], in->used[i].batch);
	for (unsigned i = 0; i < in->n; i++)
		lane_done(&in->lanes[i]);
	pthread_mutex_destroy(&in->gate.lock);
	pthread_cond_destroy(&in->gate.published);
	pthread_cond_destroy(&in->gate.recycled);
	free(in->lanes);
	free(in);
}
