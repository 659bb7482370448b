/* bench/pieces -> what each layer costs by itself. Run by hand; the sensor as a whole is measured by bench/run.
 * Judges nothing. */
#include "micro.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	void (*run)(const struct micro *m);
} layers[] = {
    {"decode", micro_decode},   {"flow", micro_flow}, {"reassembly", micro_reassembly}, {"http1", micro_http1},
    {"jsonrpc", micro_jsonrpc}, {"tls", micro_tls},   {"signature", micro_signature},
};

static const char *const names[] = {"web", "tls", "database", "dns", "api"};
enum { PIECES = sizeof names / sizeof names[0], LAYERS = sizeof layers / sizeof layers[0] };

static int usage(void)
{
	fputs("usage: micro [--only LAYER] [--seconds S] [--json] [SOURCE_DIRECTORY]\n"
	      "What one packet, message or look-up costs a layer alone: decode, flow, reassembly, http1, jsonrpc, tls, "
	      "signature.\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"only", required_argument, NULL, 'o'},
						{"seconds", required_argument, NULL, 's'},
						{"json", no_argument, NULL, 'j'},
						{0}};
	const char *only = NULL, *source = BENCH_SOURCE_DIR;
	double seconds = 0.2;
	bool json = false, ran = false;
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'o': only = optarg; break;
		case 's': seconds = strtod(optarg, NULL); break;
		case 'j': json = true; break;
		default: return usage();
		}
	}
	if (argc - optind > 1)
		return usage();
	source = optind < argc ? argv[optind] : source;

	struct recorded pieces[PIECES];
	char path[4096];
	for (size_t i = 0; i < PIECES; i++) {
		snprintf(path, sizeof path, "%s/bench/pieces/%s.pcap.zst", source, names[i]);
		recorded_load(path, &pieces[i]);
	}
	snprintf(path, sizeof path, "%s/signatures", source);
	struct timer timer;
	timer_init(&timer, seconds, json);
	const struct micro m = {&timer, &pieces[0], &pieces[1], &pieces[2], &pieces[3], &pieces[4], path};
	for (size_t i = 0; i < LAYERS; i++) {
		if (only && strcmp(only, layers[i].name) != 0)
			continue;
		layers[i].run(&m);
		ran = true;
	}
	timer_done(&timer);
	for (size_t i = 0; i < PIECES; i++)
		recorded_free(&pieces[i]);
	return ran ? 0 : usage();
}
