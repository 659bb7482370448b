#include "timer.h"
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 5 };

static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void timer_init(struct timer *t, double batch_seconds, bool json)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_HARDWARE,
	    .size = sizeof attr,
	    .config = PERF_COUNT_HW_INSTRUCTIONS,
	    .exclude_kernel = 1,
	    .exclude_hv = 1,
	};
	/* Virtual machines and containers mostly have no counters: then there is time alone. */
	*t = (struct timer){batch_seconds, json, (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0)};
}

static uint64_t instructions(const struct timer *t)
{
	uint64_t n = 0;
	return t->counter >= 0 && read(t->counter, &n, sizeof n) == sizeof n ? n : 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void timer_measure(struct timer *t, const char *name, const char *unit, uint64_t bytes_per_pass, timer_pass_fn *pass,
		   void *context)
{
	double ns[BATCHES], per_unit = 0;
	uint64_t units = pass(context); /* warm */
	uint64_t passes = 0;
	for (int b = 0; b < BATCHES; b++) {
		uint64_t before = instructions(t);
		double start = cpu_seconds(), spent;
		units = passes = 0;
		do {
			units += pass(context);
			passes++;
			spent = cpu_seconds() - start;
		} while (spent < t->batch_seconds);
		ns[b] = spent * 1e9 / (double)units;
		per_unit = (double)(instructions(t) - before) / (double)units;
	}
	qsort(ns, BATCHES, sizeof ns[0], compare);
	double median = ns[BATCHES / 2],
	       rate = bytes_per_pass ? (double)(bytes_per_pass * passes) / (median * (double)units) * 1e3 : 0;
	if (t->json) {
		printf("{\"name\": \"%s\", \"unit\": \"%s\", \"ns\": %.3f, \"ns_least\": %.3f, \"ns_most\": %.3f", name,
		       unit, median, ns[0], ns[BATCHES - 1]);
		if (t->counter >= 0)
			printf(", \"instructions\": %.1f", per_unit);
		if (bytes_per_pass)
			printf(", \"mb_per_s\": %.1f", rate);
		puts("}");
	} else {
		printf("%-28s %9.1f ns/%-10s (%.1f .. %.1f)", name, median, unit, ns[0], ns[BATCHES - 1]);
		if (t->counter >= 0)
			printf("  %8.0f instructions", per_unit);
		if (bytes_per_pass)
			printf("  %8.0f MB/s", rate);
		putchar('\n');
	}
	fflush(stdout);
}

void timer_done(struct timer *t)
{
	if (t->counter >= 0)
		close(t->counter);
}
