/* What an operator is told, and when it is over. Shares of what came in one interval, so that an old flood does not hide a new
 * trouble nor a long quiet night dilute one. */
#include "health_watch.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
	DROPS_JUDGED = 1000,    /* packets of an interval from which on a share of drops means something */
	SIDES_JUDGED = 50,      /* connections, likewise */
	SILENT_SECONDS = 60,    /* without a packet; or one interval, if that is longer */
};

struct look {
	struct health *h;
	health_say_fn *say;
	void *context;
};

__attribute__((format(printf, 4, 5))) static void trouble(const struct look *l, enum health_trouble t, bool is,
                                                           const char *format, ...)
{
	char text[1024];
	va_list args;
	if (l->h->in_trouble[t] == is)
		return;
	l->h->in_trouble[t] = is;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	l->say(l->context, text);
}

static uint64_t captures_total(const struct health *h, const char *what)
{
	uint64_t total = 0;
	char name[LIMIT_COUNTER_NAME];
	for (size_t i = 0; i < h->n_interfaces; i++) {
		snprintf(name, sizeof name, "capture.%zu.%s", i, what);
		total += health_total(h, name);
	}
	return total;
}

/* What came since the last look; the first look has nothing before it. */
static uint64_t since(uint64_t *seen, uint64_t now)
{
	uint64_t more = now > *seen ? now - *seen : 0;
	*seen = now;
	return more;
}

static void names(const struct health *h, char out[256])
{
	size_t n = 0;
	out[0] = 0;
	for (size_t i = 0; i < h->n_interfaces && n < 200; i++)
		n += (size_t)snprintf(out + n, 256 - n, "%s%.40s", i ? ", " : "", h->interfaces[i]);
}

static void look_at_packets(const struct look *l, bool runs, unsigned interval)
{
	struct health *h = l->h;
	char on[256];
	names(h, on);
	uint64_t frames = since(&h->seen.frames, health_total(h, "frames.read"));
	h->since[TROUBLE_SILENT] = frames || !runs ? 0 : h->since[TROUBLE_SILENT] + interval;
	if (frames)
		trouble(l, TROUBLE_SILENT, false, "packets are seen again on %s", on);
	else if (h->since[TROUBLE_SILENT] >= SILENT_SECONDS)
		trouble(l, TROUBLE_SILENT, true, "no packets on %s for %u seconds: is the span port up, is the filter right?", on,
		        h->since[TROUBLE_SILENT]);

	uint64_t received = since(&h->seen.received, captures_total(h, "received"));
	uint64_t dropped = since(&h->seen.dropped, captures_total(h, "dropped") + captures_total(h, "dropped_by_interface"));
	double share = received ? 100.0 * (double)dropped / (double)received : dropped ? 100 : 0;
	if (received + dropped >= DROPS_JUDGED && share > 1)
		trouble(l, TROUBLE_DROPS, true, "%.1f %% of the packets on %s are dropped before they are read (%" PRIu64 " of %" PRIu64
		        "): more --capture-threads or --workers, a larger --buffer, or a --filter may help", share, on, dropped, received);
	else if (share <= 0.5)
		trouble(l, TROUBLE_DROPS, false, "packets on %s are no longer dropped", on);
}

static void look_at_sides(const struct look *l)
{
	struct health *h = l->h;
	uint64_t one = health_total(h, "flow_table.one_sided"), two = health_total(h, "flow_table.two_sided");
	uint64_t new_one = one - h->seen.one_sided, new_two = two - h->seen.two_sided;
	if (one < h->seen.one_sided || two < h->seen.two_sided || new_one + new_two < SIDES_JUDGED)
		return; /* too few to say: they count for the next look */
	h->seen.one_sided = one;
	h->seen.two_sided = two;
	if (new_one > new_two)
		trouble(l, TROUBLE_ONE_SIDED, true, "only one direction of most connections is seen (%" PRIu64 " of %" PRIu64
		        "): does the tap mirror both, are all of its ports named with -i?", new_one, new_one + new_two);
	else
		trouble(l, TROUBLE_ONE_SIDED, false, "both directions of most connections are seen again");
}

static void look_at_writing(const struct look *l, const struct health_sample *s)
{
	struct health *h = l->h;
	const struct backlog_counts *b = s->backlog;
	if (s->writer->failing_ms)
		trouble(l, TROUBLE_WRITING, true, "events cannot be written: %s; capture goes on, events wait", s->writer->error);
	else
		trouble(l, TROUBLE_WRITING, false, "events are written again; %" PRIu64 " wait", b->waiting + b->spilled);
	if (b->spill_errno)
		trouble(l, TROUBLE_SPILL, true, "the spill file cannot be used: %s", strerror(b->spill_errno));
	else
		trouble(l, TROUBLE_SPILL, false, "the spill file can be used again");
	uint64_t all_lost = b->lost + health_total(h, "process.observations_lost");
	uint64_t lost = since(&h->seen.lost, all_lost);
	if (lost)
		trouble(l, TROUBLE_LOSING, true, "EVENTS ARE LOST: %" PRIu64 " until now; neither memory nor the spill file has room", all_lost);
	else
		trouble(l, TROUBLE_LOSING, false, "no more events are lost; %" PRIu64 " were", all_lost);
}

void health_watch(struct health *h, const struct health_sample *s, unsigned interval_seconds, health_say_fn *say, void *context)
{
	struct look l = {h, say, context};
	look_at_packets(&l, s->sensor_runs, interval_seconds);
	look_at_sides(&l);
	look_at_writing(&l, s);
}
