/* An event that was not counted before opens a window, which lasts so long of packet time, or counts in the one that is
 * open. The first of a window makes an alert; so does any, counted or not, that rises above what the window has
 * alerted. What a window counted after its last alert is told by the first alert of the next window; where no further
 * event comes it stays untold, and in the table.
 *
 * Known weakness: one window is remembered of each key. An event from long before it (an old capture read into the same
 * database) opens one of its own, and that one stands then; the next event of the present opens another. */
#include "alert_rules.h"

/* Only an answer makes a stage rise: that an unanswered request is known to be unanswered makes nothing worse. */
static bool rises(const struct store_alert_level *now, const struct store_alert_level *above)
{
	return now->confidence > above->confidence || now->severity > above->severity ||
	       (now->stage == STAGE_ESTABLISHED && above->stage != STAGE_ESTABLISHED);
}

static void raise_to(struct store_alert_level *l, const struct store_alert_level *now)
{
	l->confidence = now->confidence > l->confidence ? now->confidence : l->confidence;
	l->stage = now->stage > l->stage ? now->stage : l->stage;
	l->severity = now->severity > l->severity ? now->severity : l->severity;
}

/* Captures may claim any time: the edges of 64 bits are no window's end. */
static int64_t later(int64_t time_ns, int64_t by_ns)
{
	return time_ns > INT64_MAX - by_ns ? INT64_MAX : time_ns + by_ns;
}

static bool outside(const struct store_alert_window *w, int64_t time_ns, int64_t window_ns)
{
	return time_ns >= w->until_ns || later(time_ns, window_ns) < w->since_ns;
}

static struct alert_ruling open_window(struct alert_memory *m, int64_t time_ns, const struct store_alert_level *now,
				       int64_t window_ns)
{
	const struct store_alert_window *before = &m->window;
	uint64_t untold = m->has_window && before->count > before->said ? before->count - before->said : 0;
	struct alert_ruling r = {.raise = true,
				 .why = untold ? ALERT_AGAIN : ALERT_NEW,
				 .count = untold + 1,
				 .window_changed = true,
				 .window_began = true};
	m->has_window = true;
	m->window = (struct store_alert_window){
	    .since_ns = time_ns, .until_ns = later(time_ns, window_ns), .count = 1, .said = 1, .level = *now};
	return r;
}

static void rise(struct alert_memory *m, const struct store_alert_level *now, struct alert_ruling *r)
{
	struct store_alert_window *w = &m->window;
	if (!rises(now, &w->level))
		return;
	raise_to(&w->level, now);
	w->said = w->count;
	r->raise = r->window_changed = true;
	r->why = ALERT_RISEN;
	r->count = w->count;
}

struct alert_ruling alert_rules_judge(struct alert_memory *m, int64_t time_ns, const struct store_alert_level *now,
				      int64_t window_ns)
{
	struct alert_ruling r = {0};
	if (m->seen && !rises(now, &m->risen))
		return r;
	if (!m->has_window || (!m->seen && outside(&m->window, time_ns, window_ns))) {
		r = open_window(m, time_ns, now, window_ns);
	} else {
		if (!m->seen) {
			m->window.count++;
			r.window_changed = true;
		}
		rise(m, now, &r);
	}
	if (!m->seen)
		m->risen = *now;
	raise_to(&m->risen, now);
	m->seen = r.seen_changed = true;
	return r;
}
