#include "live_settings.h"
#include "sensor.h"
#include "text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum setting_type { S_TEXT, S_LIST, S_SIZE, S_AGE, S_COUNT, S_FLAG, S_CONFIDENCE, S_FORMAT };

/* id: where the value goes. least and most: of sizes in bytes, ages in seconds, counts. */
enum setting_id {
	ID_INTERFACE, ID_FILTER, ID_SNAPLEN, ID_BUFFER, ID_NO_PROMISCUOUS, ID_CAPTURE_THREADS, ID_WORKERS, ID_DB, ID_POLICY,
	ID_SIGNATURES, ID_SENSOR, ID_MIN_CONFIDENCE, ID_FORMAT, ID_WRITE, ID_WRITE_FILE_SIZE, ID_WRITE_TOTAL, ID_WRITE_BUFFER,
	ID_WRITE_ALL, ID_ALERT, ID_ALERT_WINDOW, ID_ALERT_RATE, ID_ALERT_QUEUE, ID_RETAIN, ID_MAX_DB_SIZE, ID_QUEUE_SIZE, ID_SPILL, ID_SPILL_SIZE, ID_STATS_INTERVAL, ID_STATS_FILE,
	ID_METRICS, ID_KEYLOG, ID_USER, ID_SENSOR_USER, ID_NO_SANDBOX, ID_STORE_DEFINITIONS, ID_AUDIT, ID_QUIET, ID_COUNT
};

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define DAY UINT64_C(86400)

static const struct setting {
	const char *name;
	enum setting_type type;
	uint64_t least, most;
} settings[ID_COUNT] = {
	[ID_INTERFACE] = {"interface", S_LIST, 0, 0},
	[ID_FILTER] = {"filter", S_TEXT, 0, 0},
	[ID_SNAPLEN] = {"snaplen", S_SIZE, 64, 262144},
	[ID_BUFFER] = {"buffer", S_SIZE, 64 * KIB, GIB},
	[ID_NO_PROMISCUOUS] = {"no-promiscuous", S_FLAG, 0, 0},
	[ID_CAPTURE_THREADS] = {"capture-threads", S_COUNT, 1, 16},
	[ID_WORKERS] = {"workers", S_COUNT, 1, SENSOR_WORKERS_MAX},
	[ID_DB] = {"db", S_TEXT, 0, 0},
	[ID_POLICY] = {"policy", S_TEXT, 0, 0},
	[ID_SIGNATURES] = {"signatures", S_LIST, 0, 0},
	[ID_SENSOR] = {"sensor", S_TEXT, 0, 0},
	[ID_MIN_CONFIDENCE] = {"min-confidence", S_CONFIDENCE, 0, 0},
	[ID_FORMAT] = {"format", S_FORMAT, 0, 0},
	[ID_WRITE] = {"write", S_TEXT, 0, 0},
	[ID_WRITE_FILE_SIZE] = {"write-file-size", S_SIZE, 64 * KIB, 1024 * GIB},
	[ID_WRITE_TOTAL] = {"write-total", S_SIZE, 64 * KIB, 1024 * 1024 * GIB},
	[ID_WRITE_BUFFER] = {"write-buffer", S_SIZE, MIB, 16 * GIB},
	[ID_WRITE_ALL] = {"write-all", S_FLAG, 0, 0},
	[ID_ALERT] = {"alert", S_LIST, 0, 0},
	[ID_KEYLOG] = {"keylog", S_LIST, 0, 0},
	[ID_ALERT_WINDOW] = {"alert-window", S_AGE, ALERT_WINDOW_LEAST, ALERT_WINDOW_MOST},
	[ID_ALERT_RATE] = {"alert-rate", S_COUNT, 1, ALERT_RATE_MOST},
	[ID_ALERT_QUEUE] = {"alert-queue", S_COUNT, 1, ALERT_QUEUE_MOST},
	[ID_RETAIN] = {"retain", S_AGE, 60, 36500 * DAY},
	[ID_MAX_DB_SIZE] = {"max-db-size", S_SIZE, MIB, 1024 * 1024 * GIB},
	[ID_QUEUE_SIZE] = {"queue-size", S_SIZE, 64 * KIB, 16 * GIB},
	[ID_SPILL] = {"spill", S_TEXT, 0, 0},
	[ID_SPILL_SIZE] = {"spill-size", S_SIZE, 0, 1024 * GIB},
	[ID_STATS_INTERVAL] = {"stats-interval", S_AGE, 1, DAY},
	[ID_STATS_FILE] = {"stats-file", S_TEXT, 0, 0},
	[ID_METRICS] = {"metrics", S_TEXT, 0, 0},
	[ID_USER] = {"user", S_TEXT, 0, 0},
	[ID_SENSOR_USER] = {"sensor-user", S_TEXT, 0, 0},
	[ID_NO_SANDBOX] = {"no-sandbox", S_FLAG, 0, 0},
	[ID_STORE_DEFINITIONS] = {"store-definitions", S_FLAG, 0, 0},
	[ID_AUDIT] = {"audit", S_FLAG, 0, 0},
	[ID_QUIET] = {"quiet", S_FLAG, 0, 0},
};
_Static_assert((int)ID_COUNT <= (int)LIVE_SETTINGS_MAX, "live_settings.given has room");

void live_settings_init(struct live_settings *s)
{
	*s = (struct live_settings){
		.live = {.sensor = {.snaplen = 262144, .buffer_bytes = 64 * MIB, .promiscuous = true, .capture_threads = 1,
		                    .workers = 1, .confine = true, .evidence_bytes = 64 * MIB, .evidence_file_bytes = 100 * MIB},
		         .db = "shadowtap.db", .min_confidence = CONFIDENCE_LIKELY, .write_total = GIB, .queue_bytes = 64 * MIB,
		         .spill_bytes = 256 * MIB,
		         .alerts = {.window_ns = ALERT_WINDOW_NS, .rate = ALERT_RATE, .queue = ALERT_QUEUE},
		         .stats_seconds = 60, .user = "shadowtap", .sensor_user = "shadowtap-sensor"},
		.format = CLI_TEXT};
	if (gethostname(s->host, sizeof s->host - 1) != 0 || !s->host[0])
		snprintf(s->host, sizeof s->host, "shadowtap");
	s->live.name = s->host;
}

/* ---- one value ---- */

__attribute__((format(printf, 2, 3))) static bool wrong(char error[CONFIG_ERROR_TEXT], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error, CONFIG_ERROR_TEXT, format, args);
	va_end(args);
	return false;
}

/* Digits, and for an age one of its units, seconds without one. */
static bool number(const char *text, bool age, uint64_t *ret)
{
	static const char units[] = "smhdw";
	static const uint64_t factors[] = {1, 60, 3600, DAY, 7 * DAY};
	char *end;
	if (*text < '0' || *text > '9' || strlen(text) > 16)
		return false;
	uint64_t n = strtoull(text, &end, 10), factor = 1;
	if (*end) {
		const char *unit = age ? strchr(units, *end) : NULL;
		if (!unit || end[1])
			return false;
		factor = factors[unit - units];
	}
	if (n > UINT64_MAX / factor)
		return false;
	*ret = n * factor;
	return true;
}

static bool parse_number(const struct setting *t, const char *value, uint64_t *ret, char error[CONFIG_ERROR_TEXT])
{
	bool size = t->type == S_SIZE, age = t->type == S_AGE;
	const char *expected = size ? "bytes, such as 500K, 64M or 2G" : age ? "a time, such as 60s, 12h or 90d" : "a number";
	if (!(size ? cli_size_parse(value, ret) : number(value, age, ret)))
		return wrong(error, "%s %s: expected %s", t->name, value, expected);
	if (*ret < t->least || *ret > t->most)
		return wrong(error, "%s %s: expected %s from %" PRIu64 " to %" PRIu64, t->name, value,
		             size ? "bytes" : age ? "seconds" : "a number", t->least, t->most);
	return true;
}

static bool parse_flag(const char *name, const char *value, bool *ret, char error[CONFIG_ERROR_TEXT])
{
	*ret = !value || strcmp(value, "yes") == 0;
	return *ret || strcmp(value, "no") == 0 || wrong(error, "%s %s: expected yes or no", name, value);
}

static bool parse_confidence(const char *value, enum confidence *ret, char error[CONFIG_ERROR_TEXT])
{
	for (int c = CONFIDENCE_POSSIBLE; c < CONFIDENCE_COUNT; c++)
		if (strcmp(value, confidence_name(c)) == 0) {
			*ret = c;
			return true;
		}
	return wrong(error, "min-confidence %s: expected possible, likely or confirmed", value);
}

static bool parse_format(struct live_settings *s, const char *value, char error[CONFIG_ERROR_TEXT])
{
	s->format_known = true;
	s->print = strcmp(value, "none") != 0;
	if (s->print && (!cli_format_parse(value, &s->format) || s->format == CLI_CSV || s->format == CLI_JSON))
		return wrong(error, "format %s: expected text, jsonl or none", value);
	return true;
}

static bool add(const char **list, size_t room, unsigned n, const char *what, const char *value, char error[CONFIG_ERROR_TEXT])
{
	if (n == room)
		return wrong(error, "%s %s: there are %zu already, and no more can be", what, value, room);
	list[n] = value;
	return true;
}

/* value: NULL for a flag that stands alone. */
static bool set(struct live_settings *s, enum setting_id id, const char *value, char error[CONFIG_ERROR_TEXT])
{
	const struct setting *t = &settings[id];
	struct live_config *c = &s->live;
	uint64_t n = 0;
	bool flag = false;
	if ((t->type == S_SIZE || t->type == S_AGE || t->type == S_COUNT) && !parse_number(t, value, &n, error))
		return false;
	if (t->type == S_FLAG && !parse_flag(t->name, value, &flag, error))
		return false;
	if ((t->type == S_TEXT || t->type == S_LIST) && !value[0])
		return wrong(error, "%s: expected a value", t->name);
	switch (id) {
	case ID_INTERFACE:
		return add(s->interfaces, LIMIT_INTERFACES, c->sensor.n_interfaces, t->name, value, error) &&
		       ++c->sensor.n_interfaces;
	case ID_FILTER: c->sensor.filter = value; break;
	case ID_SNAPLEN: c->sensor.snaplen = (uint32_t)n; break;
	case ID_BUFFER: c->sensor.buffer_bytes = (uint32_t)n; break;
	case ID_NO_PROMISCUOUS: c->sensor.promiscuous = !flag; break;
	case ID_CAPTURE_THREADS: c->sensor.capture_threads = (unsigned)n; break;
	case ID_WORKERS: c->sensor.workers = (unsigned)n; break;
	case ID_DB: c->db = value; break;
	case ID_POLICY: c->policy = value; break;
	case ID_SIGNATURES:
		return add(s->signatures, LIMIT_SIGNATURE_DIRECTORIES, (unsigned)c->n_signatures, t->name, value, error) &&
		       ++c->n_signatures;
	case ID_SENSOR: c->name = value; break;
	case ID_MIN_CONFIDENCE: return parse_confidence(value, &c->min_confidence, error);
	case ID_FORMAT: return parse_format(s, value, error);
	case ID_WRITE: c->write = value; break;
	case ID_WRITE_FILE_SIZE: c->sensor.evidence_file_bytes = n; break;
	case ID_WRITE_TOTAL: c->write_total = n; break;
	case ID_WRITE_BUFFER: c->sensor.evidence_bytes = (size_t)n; break;
	case ID_WRITE_ALL: c->write_all = flag; break;
	case ID_ALERT:
		return add(s->alerts, LIMIT_ALERT_EXITS, (unsigned)c->alerts.n_specs, t->name, value, error) && ++c->alerts.n_specs;
	case ID_KEYLOG:
		return add(s->keylogs, LIMIT_KEYLOGS, c->sensor.n_keylogs, t->name, value, error) && ++c->sensor.n_keylogs;
	case ID_ALERT_WINDOW: c->alerts.window_ns = (int64_t)n * 1000000000; break;
	case ID_ALERT_RATE: c->alerts.rate = (unsigned)n; break;
	case ID_ALERT_QUEUE: c->alerts.queue = n; break;
	case ID_RETAIN: c->retain_ns = (int64_t)n * 1000000000; break;
	case ID_MAX_DB_SIZE: c->max_db_bytes = n; break;
	case ID_QUEUE_SIZE: c->queue_bytes = (size_t)n; break;
	case ID_SPILL: c->spill = value; break;
	case ID_SPILL_SIZE: c->spill_bytes = n; break;
	case ID_STATS_INTERVAL: c->stats_seconds = (unsigned)n; break;
	case ID_STATS_FILE: s->stats_path = value; break;
	case ID_METRICS: c->metrics = value; break;
	case ID_USER: c->user = value; c->user_wanted = true; break;
	case ID_SENSOR_USER: c->sensor_user = value; c->sensor_user_wanted = true; break;
	case ID_NO_SANDBOX: c->sensor.confine = !flag; break;
	case ID_STORE_DEFINITIONS: c->sensor.definition_texts = flag; break;
	case ID_AUDIT: c->sensor.audit = flag; break;
	case ID_QUIET: s->quiet = flag; break;
	case ID_COUNT: break;
	}
	return true;
}

/* ---- a file ---- */

static int find(const char *name)
{
	for (int i = 0; i < ID_COUNT; i++)
		if (strcmp(settings[i].name, name) == 0)
			return i;
	return -1;
}

/* In which line a name that may stand once stood before; 0: nowhere. */
static unsigned line_before(const struct config_file *f, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(f->lines[i].name, f->lines[at].name) == 0)
			return f->lines[i].line;
	return 0;
}

/* Values that the command line has given stay; those of the file are checked all the same. */
bool live_settings_read(struct live_settings *s, const char *path, char error[CONFIG_ERROR_TEXT])
{
	char why[CONFIG_ERROR_TEXT], raw[2 * CONFIG_ERROR_TEXT];
	if (!config_file_read(path, &s->file, error))
		return false;
	s->config = path;
	for (size_t i = 0; i < s->file.n; i++) {
		const struct config_line *l = &s->file.lines[i];
		static struct live_settings ignored; /* where checked values go that do not count */
		int id = find(l->name);
		unsigned before = id >= 0 && settings[id].type != S_LIST ? line_before(&s->file, i) : 0;
		bool ok = true;
		if (id < 0)
			ok = wrong(why, "no such setting: %s", l->name);
		else if (before)
			ok = wrong(why, "%s stands in line %u already", l->name, before);
		else if (s->given[id])
			live_settings_init(&ignored);
		ok = ok && set(s->given[id] ? &ignored : s, id, l->value, why);
		if (!ok) {
			snprintf(raw, sizeof raw, "%s:%u: %s", path, l->line, why);
			text_escape_terminal(error, CONFIG_ERROR_TEXT, slice_str(raw));
			return false;
		}
	}
	return true;
}

/* ---- a command line ---- */

int live_settings_parse(struct live_settings *s, int argc, char **argv, const char *help)
{
	struct option options[ID_COUNT + 3] = {{0}};
	char error[CONFIG_ERROR_TEXT];
	const char *config = NULL;
	int c, code = -1;
	for (int i = 0; i < ID_COUNT; i++)
		options[i] = (struct option){settings[i].name, settings[i].type == S_FLAG ? no_argument : required_argument, NULL, 256 + i};
	options[ID_COUNT] = (struct option){"config", required_argument, NULL, 'c'};
	options[ID_COUNT + 1] = (struct option){"help", no_argument, NULL, 'h'};
	optind = 1;
	opterr = 0;
	while (code < 0 && (c = getopt_long(argc, argv, ":hi:", options, NULL)) != -1) {
		int id = c == 'i' ? ID_INTERFACE : c - 256;
		switch (c) {
		case 'c': config = optarg; break;
		case 'h': fputs(help, stdout); code = EXIT_OK; break;
		case ':': code = cli_usage("live", "%s needs a value", argv[optind - 1]); break;
		case '?': code = cli_usage("live", "no such option, or one that takes no value: %s", argv[optind - 1]); break;
		default:
			s->given[id] = true;
			if (!set(s, id, settings[id].type == S_FLAG ? NULL : optarg, error))
				code = cli_usage("live", "--%s", error);
		}
	}
	if (code < 0 && optind < argc)
		code = cli_usage("live", "'%s' is not an option (interfaces are given with -i)", argv[optind]);
	if (code < 0 && config && !live_settings_read(s, config, error)) {
		cli_error("%s", error);
		code = EXIT_USAGE;
	}
	return code;
}

bool live_settings_check(const struct live_settings *s, char error[CONFIG_ERROR_TEXT])
{
	const struct sensor_process_config *c = &s->live.sensor;
	if (c->n_interfaces == 0)
		return wrong(error, "no interface is named: -i IFACE, or interface = IFACE in the configuration file "
		                    "('shadowtap interfaces' lists them)");
	for (unsigned i = 0; i < c->n_interfaces; i++)
		for (unsigned k = 0; k < i; k++)
			if (strcmp(s->interfaces[i], s->interfaces[k]) == 0)
				return wrong(error, "interface %s is named twice", s->interfaces[i]);
	if (c->n_interfaces * c->capture_threads > LIMIT_LANES)
		return wrong(error, "%u interfaces with %u capture threads each: more than %d in all", c->n_interfaces,
		             c->capture_threads, LIMIT_LANES);
	if (s->live.write && s->live.write_total < c->evidence_file_bytes)
		return wrong(error, "write-total is smaller than write-file-size");
	return true;
}

void live_settings_print(const struct live_settings *s, FILE *to)
{
	const struct live_config *c = &s->live;
	for (unsigned i = 0; i < c->sensor.n_interfaces; i++)
		fprintf(to, "interface = %s\n", s->interfaces[i]);
	const struct { const char *name, *value; } texts[] = {
		{"filter", c->sensor.filter}, {"db", c->db}, {"policy", c->policy}, {"sensor", c->name}, {"write", c->write},
		{"spill", c->spill}, {"stats-file", s->stats_path}, {"metrics", c->metrics}, {"user", c->user},
		{"sensor-user", c->sensor_user}, {"min-confidence", confidence_name(c->min_confidence)},
		{"format", !s->format_known ? NULL : !s->print ? "none" : s->format == CLI_JSONL ? "jsonl" : "text"}};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].value)
			fprintf(to, "%s = \"%s\"\n", texts[i].name, texts[i].value);
	for (size_t i = 0; i < c->n_signatures; i++)
		fprintf(to, "signatures = \"%s\"\n", s->signatures[i]);
	for (unsigned i = 0; i < c->sensor.n_keylogs; i++)
		fprintf(to, "keylog = \"%s\"\n", s->keylogs[i]);
	for (size_t i = 0; i < c->alerts.n_specs; i++)
		fprintf(to, "alert = \"%s\"\n", s->alerts[i]);
	const struct { const char *name; uint64_t value; const char *unit; } numbers[] = {
		{"snaplen", c->sensor.snaplen, ""}, {"buffer", c->sensor.buffer_bytes, ""},
		{"capture-threads", c->sensor.capture_threads, ""}, {"workers", c->sensor.workers, ""},
		{"write-file-size", c->sensor.evidence_file_bytes, ""}, {"write-total", c->write_total, ""},
		{"write-buffer", c->sensor.evidence_bytes, ""}, {"queue-size", c->queue_bytes, ""},
		{"alert-window", (uint64_t)c->alerts.window_ns / 1000000000, "s"}, {"alert-rate", c->alerts.rate, ""},
		{"alert-queue", c->alerts.queue, ""}, {"spill-size", c->spill_bytes, ""}, {"stats-interval", c->stats_seconds, "s"}};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		fprintf(to, "%s = %" PRIu64 "%s\n", numbers[i].name, numbers[i].value, numbers[i].unit);
	if (c->retain_ns)
		fprintf(to, "retain = %" PRId64 "s\n", c->retain_ns / 1000000000);
	if (c->max_db_bytes)
		fprintf(to, "max-db-size = %" PRIu64 "\n", c->max_db_bytes);
	const struct { const char *name; bool on; } flags[] = {{"no-promiscuous", !c->sensor.promiscuous}, {"write-all", c->write_all},
	                                                       {"no-sandbox", !c->sensor.confine}, {"store-definitions", c->sensor.definition_texts}, {"audit", c->sensor.audit}, {"quiet", s->quiet}};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		fprintf(to, "%s = %s\n", flags[i].name, flags[i].on ? "yes" : "no");
}

void live_settings_done(struct live_settings *s)
{
	config_file_done(&s->file);
}
