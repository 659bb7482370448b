/* A pass over recorded input -> what one unit of it costs: CPU time and, where the kernel has counters, instructions.
 * Called by the micro-benchmarks. Of several batches the median counts; of a machine that others use, compare only what
 * one run of the program printed. */
#ifndef SHADOWTAP_BENCH_TIMER_H
#define SHADOWTAP_BENCH_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
	double batch_seconds; /* CPU time of one batch */
	bool json;
	int counter; /* descriptor of the instruction counter; -1: there is none */
};

/* One pass; says how many units it did. */
typedef uint64_t timer_pass_fn(void *context);

void timer_init(struct timer *t, double batch_seconds, bool json);
/* bytes_per_pass: for the rate, 0: no bytes are read. */
void timer_measure(struct timer *t, const char *name, const char *unit, uint64_t bytes_per_pass, timer_pass_fn *pass,
		   void *context);
void timer_done(struct timer *t);

#endif
