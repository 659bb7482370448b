/* What replay prints: events, progress, summary. Every stranger's text is escaped for where it goes. */
#include "replay.h"
#include "store_ack.h"
#include "text.h"
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

int replay_output_event(struct replay_output *o, struct store *s, const struct event *e)
{
	bool change = e->o->kind == KIND_TOOL_CHANGE; /* also of an approved server: that is why there is such an event */
	if ((e->j->verdict == VERDICT_APPROVED && !change) || e->o->confidence < o->min_confidence)
		return 0;
	json_t *json = event_json(e);
	int acknowledged = json ? store_ack_annotate(s, json, 0) : 0;
	if (!json)
		o->out.failed = true;
	else if (acknowledged == 0)
		output_event(&o->out, json);
	json_decref(json);
	return acknowledged;
}

static void print_counts(const struct recorder_counts *c)
{
	for (int v = 0; v < VERDICT_COUNT; v++)
		for (int k = CONFIDENCE_COUNT - 1; k > CONFIDENCE_NONE; k--)
			if (c->events[v][k])
				fprintf(stderr, "  %-14s %-10s %10" PRIu64 "\n", verdict_name(v), confidence_name(k), c->events[v][k]);
}

void replay_summary(const struct sensor_stats *s, const struct recorder_counts *c, uint64_t filtered, uint64_t filter_refused)
{
	uint64_t total = 0;
	for (int v = 0; v < VERDICT_COUNT; v++)
		for (int k = 0; k < CONFIDENCE_COUNT; k++)
			total += c->events[v][k];
	fprintf(stderr, "packets          %" PRIu64 " frames: %" PRIu64 " TCP or UDP, %" PRIu64 " other, %" PRIu64
	        " fragments held, %" PRIu64 " malformed", s->frames, s->packets, s->other, s->held, s->refused);
	if (filtered)
		fprintf(stderr, "; %" PRIu64 " more filtered out", filtered);
	if (filter_refused)
		fprintf(stderr, " (%" PRIu64 " of a link type that the filter cannot read)", filter_refused);
	fprintf(stderr, "\nconnections      %" PRIu64 ": %" PRIu64 " HTTP, %" PRIu64 " TLS, %" PRIu64 " QUIC, %" PRIu64
	        " JSON lines, %" PRIu64 " other TCP with payload\n", s->flows.opened,
	        s->shards.protocols[APP_HTTP1] + s->shards.protocols[APP_HTTP2], s->shards.protocols[APP_TLS],
	        s->shards.protocols[APP_QUIC],
	        s->shards.protocols[APP_JSON_LINES], s->shards.protocols[APP_OTHER] + s->shards.protocols[APP_UNDECIDED] +
	        s->shards.protocols[APP_WEBSOCKET] + s->shards.protocols[APP_SOCKS]);
	fprintf(stderr, "MCP connections  %" PRIu64 "\n", total);
	print_counts(c);
	uint64_t acknowledged = c->acknowledged[VERDICT_UNAUTHORIZED] + c->acknowledged[VERDICT_VIOLATION];
	if (acknowledged)
		fprintf(stderr, "acknowledged     %" PRIu64 " of them: neither printed nor counted for the exit code\n", acknowledged);
	if (c->calls.rows || c->calls.unmatched)
		fprintf(stderr, "calls            %" PRIu64 " in the audit log; %" PRIu64 " answers whose requests were not seen\n", c->calls.rows,
		        c->calls.unmatched);
	if (c->calls.too_many)
		fprintf(stderr, "calls cut short  %" PRIu64 ": more waited for answers than are remembered\n", c->calls.too_many);
	if (c->offers.definitions)
		fprintf(stderr, "offers           %" PRIu64 " definitions of %" PRIu64 " servers; %" PRIu64 " changed\n", c->offers.definitions,
		        c->offers.servers, c->offers.changes);
	if (c->offers.untold || c->offers.refused || c->offers.left)
		fprintf(stderr, "offers cut short %" PRIu64 " changes past their limit, %" PRIu64 " definitions past a server's, %" PRIu64
		        " servers forgotten\n", c->offers.untold, c->offers.refused, c->offers.left);
	if (c->names.answers || c->names.lookups)
		fprintf(stderr, "DNS answers      %" PRIu64 " with addresses; dedicated MCP hosts looked up: %" PRIu64 ", without a connection: %" PRIu64
		        "\n", c->names.answers, c->names.lookups, c->names.unused);
	if (s->labels.n) {
		fprintf(stderr, "left open        as nDPI names them:");
		for (unsigned i = 0; i < s->labels.n; i++)
			fprintf(stderr, " %s %" PRIu64, s->labels.items[i].name, s->labels.items[i].flows);
		fprintf(stderr, "%s\n", s->labels.other ? " ..." : "");
	}
	bool heading = false;
	for (int i = 0; i < ANOMALY_COUNT; i++)
		if (s->anomalies.n[i]) {
			if (!heading)
				fprintf(stderr, "anomalies and caps\n");
			heading = true;
			fprintf(stderr, "  %-32s %10" PRIu64 "\n", anomaly_name(i), s->anomalies.n[i]);
		}
	if (c->invalid)
		fprintf(stderr, "observations refused as invalid: %" PRIu64 "\n", c->invalid);
	if (c->sessions_left)
		fprintf(stderr, "connections too many to remember for their sessions: %" PRIu64 "\n", c->sessions_left);
	if (s->shards.out_of_memory)
		fprintf(stderr, "OUT OF MEMORY %" PRIu64 " times: the result is incomplete\n", s->shards.out_of_memory);
}

static int64_t clock_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

void replay_progress_start(struct replay_progress *p, bool quiet)
{
	*p = (struct replay_progress){.shown = !quiet && isatty(STDERR_FILENO), .started_ns = clock_ns()};
	p->last_ns = p->started_ns;
}

void replay_progress_show(struct replay_progress *p, const char *file, uint64_t frames, uint64_t position, uint64_t size)
{
	if (!p->shown)
		return;
	int64_t now = clock_ns();
	if (now - p->last_ns < NS_PER_SEC / 4)
		return;
	p->last_ns = now;
	double seconds = (double)(now - p->started_ns) / 1e9;
	char name[256];
	text_escape_terminal(name, sizeof name, slice_str(file));
	fprintf(stderr, "\r\033[K%s: %" PRIu64 " frames, %.1f MB/s", name, frames, (double)position / 1e6 / seconds);
	if (size && position)
		fprintf(stderr, ", %.0f%%, %.0f s left", 100.0 * (double)position / (double)size,
		        seconds * (double)(size - position) / (double)position);
	fflush(stderr);
}

void replay_progress_clear(struct replay_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
}
