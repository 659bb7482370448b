/* The layers' benchmarks: each hands recorded input to one layer alone. Called by micro.c. */
#ifndef SHADOWTAP_BENCH_MICRO_H
#define SHADOWTAP_BENCH_MICRO_H

#include "recorded.h"
#include "timer.h"

struct micro {
	struct timer *timer;
	const struct recorded *web, *tls, *database, *dns, *api;
	const char *signatures; /* directory */
};

void micro_decode(const struct micro *m);
void micro_flow(const struct micro *m);
void micro_reassembly(const struct micro *m);
void micro_http1(const struct micro *m);
void micro_jsonrpc(const struct micro *m);
void micro_tls(const struct micro *m);
void micro_signature(const struct micro *m);

#endif
