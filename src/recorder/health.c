#include "health.h"
#include "health_watch.h"
#include "text.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct health *health_new(const char *sensor, const char *const *interfaces, size_t n_interfaces)
{
	struct health *h = calloc(1, sizeof *h);
	if (h) {
		h->sensor = sensor;
		h->interfaces = interfaces;
		h->n_interfaces = n_interfaces;
	}
	return h;
}

bool health_is_gauge(const char *name)
{
	struct slice s = slice_str(name);
	return slice_starts(s, "memory.") || slice_eq_str(s, "flow_table.alive") ||
	       (slice_starts(s, "capture.") && s.n > 5 && memcmp(s.p + s.n - 5, ".down", 5) == 0);
}

void health_counters(struct health *h, const struct counters *now)
{
	h->now = *now;
}

void health_sensor_restarted(struct health *h)
{
	for (size_t i = 0; i < h->now.n; i++) {
		const struct counter *c = &h->now.items[i];
		if (!health_is_gauge(c->name))
			counters_set(&h->base, counters_get(&h->base, c->name) + c->value, "%s", c->name);
	}
	h->now.n = 0;
}

uint64_t health_total(const struct health *h, const char *name)
{
	return counters_get(&h->base, name) + counters_get(&h->now, name);
}

uint64_t health_frames(const struct health *h)
{
	return health_total(h, "frames.read");
}

uint64_t health_flows(const struct health *h)
{
	return counters_get(&h->now, "flow_table.alive");
}

static uint64_t capture_total(const struct health *h, size_t capture, const char *what)
{
	char name[LIMIT_COUNTER_NAME];
	snprintf(name, sizeof name, "capture.%zu.%s", capture, what);
	return health_total(h, name);
}

static uint64_t kernel_drops(const struct health *h)
{
	uint64_t n = 0;
	for (size_t i = 0; i < h->n_interfaces; i++)
		n += capture_total(h, i, "dropped") + capture_total(h, i, "dropped_by_interface");
	return n;
}

/* All names of both, each once: a process that has ended may have counted what the present one has not. */
static const char *name_at(const struct health *h, size_t i)
{
	if (i < h->now.n)
		return h->now.items[i].name;
	i -= h->now.n;
	for (size_t k = 0; k < h->base.n; k++) {
		bool both = false;
		for (size_t j = 0; j < h->now.n && !both; j++)
			both = strcmp(h->now.items[j].name, h->base.items[k].name) == 0;
		if (!both && i-- == 0)
			return h->base.items[k].name;
	}
	return NULL;
}

static uint64_t memory_total(const struct health *h, const struct health_sample *s)
{
	return counters_get(&h->now, "memory.sensor_process") + s->recorder_memory;
}

static uint64_t events_ended(const struct health_sample *s, int verdict)
{
	uint64_t n = 0;
	for (int k = 0; k < CONFIDENCE_COUNT; k++)
		n += s->recorder->events[verdict][k];
	return n;
}

/* ---- JSON ---- */

static void put(json_t *to, const char *name, uint64_t value)
{
	json_object_set_new(to, name, json_integer((json_int_t)(value & INT64_MAX)));
}

static json_t *group(json_t *to, const char *name)
{
	json_t *g = json_object_get(to, name);
	if (!g) {
		g = json_object();
		json_object_set_new(to, name, g);
	}
	return g;
}

/* Names are the sensor process's: where one is also the recorder's, what the recorder says stands. */
static void put_groups(const struct health *h, json_t *to)
{
	const char *name;
	for (size_t i = 0; (name = name_at(h, i)) != NULL; i++) {
		const char *dot = strchr(name, '.');
		char first[LIMIT_COUNTER_NAME];
		if (!dot || strncmp(name, "capture.", 8) == 0)
			continue;
		snprintf(first, sizeof first, "%.*s", (int)(dot - name), name);
		json_t *g = group(to, first);
		if (!json_object_get(g, dot + 1))
			put(g, dot + 1, health_total(h, name));
	}
}

static json_t *captures_json(const struct health *h)
{
	json_t *list = json_array();
	for (size_t i = 0; i < h->n_interfaces; i++) {
		json_t *c = json_object();
		json_object_set_new(c, "interface", json_string(h->interfaces[i]));
		put(c, "received", capture_total(h, i, "received"));
		put(c, "dropped", capture_total(h, i, "dropped"));
		put(c, "dropped_by_interface", capture_total(h, i, "dropped_by_interface"));
		json_object_set_new(c, "down", json_boolean(capture_total(h, i, "down")));
		json_array_append_new(list, c);
	}
	return list;
}

/* Names of exits are the operator's words, and need not be UTF-8. */
static json_t *exit_json(const struct dispatcher_state *x)
{
	char name[ALERT_ERROR_TEXT];
	json_t *o = json_object();
	text_copy(name, sizeof name, slice_str(x->name));
	json_object_set_new(o, "exit", json_string(name));
	put(o, "raised", x->counts.raised);
	put(o, "sent", x->counts.sent);
	put(o, "waiting", x->counts.waiting);
	put(o, "refused", x->counts.refused);
	put(o, "lost", x->counts.lost);
	json_object_set_new(o, "failing", json_boolean(x->failing));
	return o;
}

static void put_alerts(json_t *root, const struct alerts_state *a)
{
	struct store_alert_counts all = {0};
	uint64_t failing = 0;
	json_t *exits = json_array();
	for (size_t i = 0; i < a->n; i++) {
		const struct store_alert_counts *c = &a->exits[i].counts;
		all = (struct store_alert_counts){all.raised + c->raised, all.waiting + c->waiting, all.sent + c->sent,
		                                  all.refused + c->refused, all.lost + c->lost};
		failing += a->exits[i].failing;
		json_array_append_new(exits, exit_json(&a->exits[i]));
	}
	json_t *alerts = group(root, "alerts");
	put(alerts, "raised", all.raised);
	put(alerts, "sent", all.sent);
	put(alerts, "waiting", all.waiting);
	put(alerts, "refused", all.refused);
	put(alerts, "lost", all.lost + a->unraised);
	put(alerts, "failing", failing);
	json_object_set_new(alerts, "exits", exits);
}

char *health_json(const struct health *h, const struct health_sample *s)
{
	char time[EVENT_TIME_TEXT];
	json_t *root = json_object();
	event_time_format(s->time_ns, time);
	json_object_set_new(root, "time", json_string(time));
	json_object_set_new(root, "sensor", json_string(h->sensor));
	put(root, "uptime_seconds", s->uptime_seconds);
	put(root, "packets", health_total(h, "frames.read"));
	put(root, "kernel_drops", kernel_drops(h));
	put(root, "flows", counters_get(&h->now, "flow_table.alive"));
	put(root, "memory_bytes", memory_total(h, s));
	put(root, "sensor_restarts", s->sensor_restarts);
	put(root, "database_bytes", s->writer->database_file);
	json_t *events = group(root, "events");
	for (int v = 0; v < VERDICT_COUNT; v++)
		put(events, verdict_name(v), s->new_events[v]);
	json_t *ended = group(root, "events_ended");
	for (int v = 0; v < VERDICT_COUNT; v++)
		put(ended, verdict_name(v), events_ended(s, v));
	json_t *backlog = group(root, "backlog");
	put(backlog, "waiting", s->backlog->waiting);
	put(backlog, "waiting_bytes", s->backlog->waiting_bytes);
	put(backlog, "spilled", s->backlog->spilled);
	put(backlog, "spilled_bytes", s->backlog->spilled_bytes);
	put(backlog, "lost", s->backlog->lost);
	json_t *writing = group(root, "writing");
	put(writing, "rows", s->writer->committed);
	put(writing, "refused", s->writer->refused);
	put(writing, "deleted", s->writer->deleted);
	put(writing, "failing_ms", (uint64_t)s->writer->failing_ms);
	put(writing, "database_used", s->writer->database_used);
	put(group(root, "observations"), "taken", s->recorder->observations);
	put(group(root, "observations"), "invalid", s->recorder->invalid);
	put(group(root, "offers"), "servers", s->recorder->offers.servers);
	put(group(root, "offers"), "definitions", s->recorder->offers.definitions);
	put(group(root, "offers"), "changes", s->recorder->offers.changes);
	put(group(root, "offers"), "untold", s->recorder->offers.untold);
	put(group(root, "offers"), "pushed_out", s->recorder->offers.left);
	put(group(root, "offers"), "refused", s->recorder->offers.refused);
	put(group(root, "sessions"), "pushed_out", s->recorder->sessions_left);
	put(group(root, "names"), "answers", s->recorder->names.answers);
	put(group(root, "names"), "given", s->recorder->names.given);
	put(group(root, "names"), "forgotten", s->recorder->names.forgotten);
	put(group(root, "names"), "lookups", s->recorder->names.lookups);
	put(group(root, "names"), "lookups_unused", s->recorder->names.unused);
	put(group(root, "memory"), "recorder_process", s->recorder_memory);
	if (s->alerts)
		put_alerts(root, s->alerts);
	json_object_set_new(root, "captures", captures_json(h));
	put_groups(h, root);
	char *text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(root);
	return text;
}

/* ---- Prometheus (text exposition format 0.0.4) ---- */

struct metric {
	const char *counter, *name, *type, *help;
};

/* Counters of the sensor process that are metrics of their own. */
static const struct metric metrics[] = {
	{"frames.read", "frames_total", "counter", "Frames read from all interfaces."},
	{"frames.bytes", "frame_bytes_total", "counter", "Bytes of those frames on the wire."},
	{"frames.decoded", "packets_total", "counter", "TCP segments and UDP datagrams in them."},
	{"frames.malformed", "malformed_frames_total", "counter", "Frames that could not be decoded."},
	{"flow_table.alive", "flows", "gauge", "Connections in the flow table."},
	{"flow_table.opened", "flows_opened_total", "counter", "Connections seen."},
	{"flow_table.evicted", "flows_evicted_total", "counter", "Connections that left early for want of room."},
	{"flow_table.one_sided", "flows_one_sided_total", "counter", "Connections of which one direction was seen."},
	{"flow_table.two_sided", "flows_two_sided_total", "counter", "Connections of which both directions were seen."},
	{"tcp.gaps", "tcp_gaps_total", "counter", "Holes in TCP streams: packets that the sensor never saw."},
	{"process.observations", "observations_total", "counter", "Observations made by the sensor process."},
	{"process.observations_lost", "observations_lost_total", "counter", "Observations lost between the processes."},
};

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP shadowtap_%s %s\n# TYPE shadowtap_%s %s\n", name, help, name, type);
}

static void value(FILE *f, const char *name, const char *type, const char *help, uint64_t v)
{
	head(f, name, type, help);
	fprintf(f, "shadowtap_%s %" PRIu64 "\n", name, v);
}

/* A label's value: backslash, quote and newline are escaped; other control characters are left out. */
static void label(FILE *f, const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c == '\\' || *c == '"')
			fprintf(f, "\\%c", *c);
		else if (*c == '\n')
			fputs("\\n", f);
		else if ((unsigned char)*c >= ' ' && *c != 127)
			fputc(*c, f);
}

static void per_interface(FILE *f, const struct health *h, const char *what, const char *name, const char *help)
{
	head(f, name, "counter", help);
	for (size_t i = 0; i < h->n_interfaces; i++) {
		fprintf(f, "shadowtap_%s{interface=\"", name);
		label(f, h->interfaces[i]);
		fprintf(f, "\"} %" PRIu64 "\n", capture_total(h, i, what));
	}
}

static void by_last_part(FILE *f, const struct health *h, const char *prefix, const char *name, const char *type,
                         const char *label_name, const char *help)
{
	const char *counter;
	size_t n = strlen(prefix);
	head(f, name, type, help);
	for (size_t i = 0; (counter = name_at(h, i)) != NULL; i++)
		if (strncmp(counter, prefix, n) == 0 && strcmp(counter, "memory.recorder_process") != 0) /* that is not its to say */
			fprintf(f, "shadowtap_%s{%s=\"%s\"} %" PRIu64 "\n", name, label_name, counter + n, health_total(h, counter));
}

static void write_events(FILE *f, const struct health_sample *s)
{
	head(f, "events_total", "counter", "Events, by the verdict when they were first seen.");
	for (int v = 0; v < VERDICT_COUNT; v++)
		fprintf(f, "shadowtap_events_total{verdict=\"%s\"} %" PRIu64 "\n", verdict_name(v), s->new_events[v]);
	head(f, "events_ended_total", "counter", "Events whose connection has ended.");
	for (int v = 0; v < VERDICT_COUNT; v++)
		for (int k = CONFIDENCE_POSSIBLE; k < CONFIDENCE_COUNT; k++)
			fprintf(f, "shadowtap_events_ended_total{verdict=\"%s\",confidence=\"%s\"} %" PRIu64 "\n", verdict_name(v),
			        confidence_name(k), s->recorder->events[v][k]);
}

static void per_exit(FILE *f, const struct alerts_state *a, const char *name, const char *type, const char *help,
                     uint64_t (*of)(const struct dispatcher_state *))
{
	head(f, name, type, help);
	for (size_t i = 0; i < a->n; i++) {
		fprintf(f, "shadowtap_%s{exit=\"", name);
		label(f, a->exits[i].name);
		fprintf(f, "\"} %" PRIu64 "\n", of(&a->exits[i]));
	}
}

static uint64_t raised_of(const struct dispatcher_state *x) { return x->counts.raised; }
static uint64_t sent_of(const struct dispatcher_state *x) { return x->counts.sent; }
static uint64_t waiting_of(const struct dispatcher_state *x) { return x->counts.waiting; }
static uint64_t refused_of(const struct dispatcher_state *x) { return x->counts.refused; }
static uint64_t lost_of(const struct dispatcher_state *x) { return x->counts.lost; }
static uint64_t up_of(const struct dispatcher_state *x) { return !x->failing; }

static void write_alerts(FILE *f, const struct alerts_state *a)
{
	per_exit(f, a, "alerts_raised_total", "counter", "Alerts for this exit since the database was made.", raised_of);
	per_exit(f, a, "alerts_sent_total", "counter", "Alerts that have gone out.", sent_of);
	per_exit(f, a, "alerts_waiting", "gauge", "Alerts that wait in the outbox.", waiting_of);
	per_exit(f, a, "alerts_refused_total", "counter", "Alerts that the receiver refused for good.", refused_of);
	per_exit(f, a, "alerts_lost_total", "counter", "Alerts for which the outbox had no room.", lost_of);
	per_exit(f, a, "alert_exit_up", "gauge", "1 while the exit takes alerts.", up_of);
	value(f, "alerts_unraised_total", "counter", "Events whose alert the database refused.", a->unraised);
}

char *health_prometheus(const struct health *h, const struct health_sample *s)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	if (!f)
		return NULL;
	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
		value(f, metrics[i].name, metrics[i].type, metrics[i].help, health_total(h, metrics[i].counter));
	per_interface(f, h, "received", "capture_received_total", "Packets that the kernel handed to the capture.");
	per_interface(f, h, "dropped", "capture_dropped_total", "Packets that the kernel dropped: its ring was full.");
	per_interface(f, h, "dropped_by_interface", "capture_interface_dropped_total", "Packets that the interface dropped.");
	head(f, "capture_up", "gauge", "1 while the interface can be read.");
	for (size_t i = 0; i < h->n_interfaces; i++) {
		fputs("shadowtap_capture_up{interface=\"", f);
		label(f, h->interfaces[i]);
		fprintf(f, "\"} %d\n", s->sensor_runs && !capture_total(h, i, "down"));
	}
	by_last_part(f, h, "anomalies.", "anomalies_total", "counter", "name", "Strange things on the wire.");
	by_last_part(f, h, "protocols.", "connections_total", "counter", "protocol", "TCP connections with payload, by first bytes.");
	by_last_part(f, h, "memory.", "memory_bytes", "gauge", "part", "Memory of the sensor process by part.");
	fprintf(f, "shadowtap_memory_bytes{part=\"recorder_process\"} %" PRIu64 "\n", s->recorder_memory);
	write_events(f, s);
	value(f, "backlog_events", "gauge", "Events that wait in memory.", s->backlog->waiting);
	value(f, "backlog_bytes", "gauge", "Bytes of those.", s->backlog->waiting_bytes);
	value(f, "spilled_events", "gauge", "Events that wait in the spill file.", s->backlog->spilled);
	value(f, "events_lost_total", "counter", "Events for which neither memory nor the spill file had room.", s->backlog->lost);
	value(f, "rows_written_total", "counter", "Rows committed to the database.", s->writer->committed);
	value(f, "events_deleted_total", "counter", "Events deleted by retention.", s->writer->deleted);
	value(f, "writable", "gauge", "1 while the database can be written.", s->writer->failing_ms == 0);
	value(f, "database_bytes", "gauge", "Size of the database's files.", s->writer->database_file);
	if (s->alerts)
		write_alerts(f, s->alerts);
	value(f, "observations_invalid_total", "counter", "Observations that the recorder refused.", s->recorder->invalid);
	value(f, "evidence_bytes_total", "counter", "Bytes of evidence packets written.", health_total(h, "evidence.bytes"));
	value(f, "evidence_unwritten_total", "counter", "Evidence packets that could not be written.", health_total(h, "evidence.unwritten"));
	value(f, "sensor_up", "gauge", "1 while the sensor process runs.", s->sensor_runs);
	value(f, "sensor_restarts_total", "counter", "Times that the sensor process had to be started again.", s->sensor_restarts);
	value(f, "uptime_seconds", "gauge", "Since the recorder started.", s->uptime_seconds);
	value(f, "last_update_seconds", "gauge", "When this was written, seconds since the epoch.", (uint64_t)(s->time_ns / 1000000000));
	bool ok = !ferror(f);
	if (fclose(f) != 0 || !ok) {
		free(text);
		return NULL;
	}
	return text;
}

void health_free(struct health *h)
{
	free(h);
}
