/* The sensor's health -> everywhere it is wanted: the database, a line, a metrics file, the operator. */
#include "live_state.h"
#include "notify.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t resident_bytes(void)
{
	unsigned long total, resident;
	FILE *f = fopen("/proc/self/statm", "re");
	bool ok = f && fscanf(f, "%lu %lu", &total, &resident) == 2;
	if (f)
		fclose(f);
	return ok ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

struct sample {
	struct health_sample s;
	struct backlog_counts backlog;
	struct writer_state writer;
	struct alerts_state alerts;
};

static void take_sample(struct live *l, struct sample *ret)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	backlog_counts(l->backlog, &ret->backlog);
	ret->backlog.lost += l->memory_failures; /* events that could not even be put together */
	writer_state(l->writer, &ret->writer);
	ret->s = (struct health_sample){
		.time_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec,
		.uptime_seconds = (uint64_t)(live_now_ms() - l->started_ms) / 1000,
		.sensor_restarts = l->keeper.restarts, .sensor_runs = l->keeper.state == KEEPER_RUNNING,
		.recorder = recorder_counts(l->recorder), .backlog = &ret->backlog, .writer = &ret->writer,
		.recorder_memory = resident_bytes()};
	if (l->alerts) {
		alerts_state(l->alerts, &ret->alerts);
		ret->s.alerts = &ret->alerts;
	}
	memcpy(ret->s.new_events, l->new_events, sizeof l->new_events);
}

/* node_exporter reads the file whenever it likes: it must always be whole, so it is made beside and moved. */
static bool replace_file(const char *path, const char *text)
{
	char *beside;
	size_t n = strlen(text);
	if (asprintf(&beside, "%s.new", path) < 0)
		return false;
	/* Others may write to the directory too: neither a link nor a pipe of theirs is followed or waited for. */
	unlink(beside);
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	/* Readable for node_exporter, which is another user, whatever the umask that protects the database. */
	bool ok = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, text, n) == (ssize_t)n;
	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	ok = ok && rename(beside, path) == 0;
	int why = errno;
	if (!ok && fd >= 0)
		unlink(beside);
	free(beside);
	errno = why;
	return ok;
}

static void write_metrics(struct live *l, const struct sample *s)
{
	if (!l->config->metrics)
		return;
	char *text = health_prometheus(l->health, &s->s);
	bool ok = text && replace_file(l->config->metrics, text);
	if (ok == l->metrics_failing)
		live_say(l, ok ? "%s: metrics are written again" : "%s: metrics cannot be written: %s", l->config->metrics,
		         strerror(errno));
	l->metrics_failing = !ok;
	free(text);
}

static void write_line(struct live *l, const char *json)
{
	FILE *f = l->config->stats_file;
	if (!f)
		return;
	bool ok = fprintf(f, "%s\n", json) > 0 && fflush(f) == 0;
	clearerr(f);
	if (ok == l->stats_failing)
		live_say(l, ok ? "statistics are written again" : "statistics cannot be written: %s", strerror(errno));
	l->stats_failing = !ok;
}

static void on_trouble(void *context, const char *sentence)
{
	live_say(context, "%s", sentence);
}

void live_stats(struct live *l)
{
	struct sample s;
	take_sample(l, &s);
	char *json = health_json(l->health, &s.s);
	if (json) {
		write_line(l, json);
		writer_health_row(l->writer, s.s.time_ns, json);
	}
	free(json);
	write_metrics(l, &s);
	health_watch(l->health, &s.s, l->config->stats_seconds, on_trouble, l);
	notify_service_manager("STATUS=%" PRIu64 " frames, %" PRIu64 " flows, %" PRIu64 " unauthorized, %" PRIu64 " violations",
	                       health_frames(l->health), health_flows(l->health), l->new_events[VERDICT_UNAUTHORIZED],
	                       l->new_events[VERDICT_VIOLATION]);
}

void live_stats_say(struct live *l)
{
	struct sample s;
	take_sample(l, &s);
	char *json = health_json(l->health, &s.s);
	live_say(l, "%s", json ? json : "out of memory");
	free(json);
}
