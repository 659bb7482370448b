/* What replay prints: events, progress, summary. Every stranger's text is escaped for where it goes. */
#include "replay.h"
#include "text.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void print_json(struct replay_output *o, const struct event *e)
{
	json_t *json = event_json(e);
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	if (text) {
		if (o->format == CLI_JSON)
			fputs(o->printed ? ",\n" : "[\n", stdout);
		fputs(text, stdout);
		if (o->format == CLI_JSONL)
			fputc('\n', stdout);
	} else {
		o->failed = true;
	}
	free(text);
	json_decref(json);
}

static const char *escaped(char *buf, size_t cap, const char *text)
{
	text_escape_terminal(buf, cap, slice_str(text));
	return buf;
}

static void print_side(const char *what, const char *name, const char *version)
{
	char a[4 * LIMIT_NAME], b[4 * LIMIT_VERSION];
	if (name)
		printf("%s %s%s%s", what, escaped(a, sizeof a, name), version ? " " : "",
		       version ? escaped(b, sizeof b, version) : "");
}

static void print_text(struct replay_output *o, const struct event *e)
{
	const struct observation *v = e->o;
	char client[IP_ADDR_TEXT], server[IP_ADDR_TEXT], a[1024], b[1024];
	ip_addr_format(&v->client_ip, client);
	ip_addr_format(&v->server_ip, server);
	const char *name = v->host ? v->host : v->sni;
	const char *red = o->colour ? "\033[31m" : "", *off = o->colour ? "\033[0m" : "";
	bool v6 = v->client_ip.family == 6;
	printf("%s  %s%-12s%s %-9s %-11s %s%s%s:%u -> %s%s%s:%u  %s%s\n", e->first_seen, red, verdict_name(e->j->verdict), off,
	       confidence_name(v->confidence), stage_name(v->stage), v6 ? "[" : "", client, v6 ? "]" : "", v->client_port,
	       v6 ? "[" : "", server, v6 ? "]" : "", v->server_port, name ? escaped(a, sizeof a, name) : "",
	       v->path ? escaped(b, sizeof b, v->path) : "");
	print_side("    client", v->client_name, v->client_version);
	print_side("  server", v->server_name, v->server_version);
	if (v->protocol_version)
		printf("%srevision %s", v->client_name || v->server_name ? "  " : "    ", escaped(a, sizeof a, v->protocol_version));
	if (v->client_name || v->server_name || v->protocol_version)
		putchar('\n');
	if (v->tools_called.n) {
		printf("    tools called:");
		for (size_t i = 0; i < v->tools_called.n && i < 12; i++)
			printf(" %s", escaped(a, sizeof a, v->tools_called.items[i].name));
		printf("%s\n", v->tools_called.n > 12 ? " ..." : "");
	}
	for (size_t i = 0; i < v->n_reasons; i++)
		printf("    - %s\n", escaped(a, sizeof a, v->reasons[i].detail));
}

/* A reader that went away wanted no more; anything else is a failure. */
static void note_failure(struct replay_output *o, bool failed)
{
	if (failed && errno == EPIPE)
		o->closed = true;
	else if (failed && !o->closed)
		o->failed = true;
}

void replay_output_event(void *context, const struct event *e)
{
	struct replay_output *o = context;
	if (o->closed || e->j->verdict == VERDICT_APPROVED || e->o->confidence < o->min_confidence)
		return;
	if (o->format == CLI_TEXT)
		print_text(o, e);
	else
		print_json(o, e);
	o->printed++;
	note_failure(o, ferror(stdout) != 0);
}

void replay_output_end(struct replay_output *o)
{
	if (o->format == CLI_JSON)
		fputs(o->printed ? "\n]\n" : "[]\n", stdout);
	note_failure(o, fflush(stdout) != 0 || ferror(stdout));
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
	fprintf(stderr, "\nconnections      %" PRIu64 ": %" PRIu64 " HTTP, %" PRIu64 " TLS, %" PRIu64 " JSON lines, %" PRIu64
	        " other TCP with payload\n", s->flows.opened, s->shards.protocols[APP_HTTP1], s->shards.protocols[APP_TLS],
	        s->shards.protocols[APP_JSON_LINES], s->shards.protocols[APP_OTHER] + s->shards.protocols[APP_UNDECIDED]);
	fprintf(stderr, "MCP connections  %" PRIu64 "\n", total);
	print_counts(c);
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
