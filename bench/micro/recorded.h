/* A capture -> its frames, its packets and the bytes of its TCP connections in order, all in memory: what each layer
 * gets in the sensor, ready to be handed over again and again. Called by the micro-benchmarks. For small captures: it
 * searches linearly. */
#ifndef SHADOWTAP_BENCH_RECORDED_H
#define SHADOWTAP_BENCH_RECORDED_H

#include "frame.h"
#include "packet.h"
#include "status.h"

/* Bytes of one side as one segment brought them. */
struct recorded_run {
	enum direction side;
	struct slice bytes;
};

struct recorded_stream {
	struct packet **packets; /* of the connection, in order; those of both sides */
	uint8_t *sides;          /* who sent each */
	size_t n_packets;
	struct recorded_run *runs;
	size_t n_runs;
};

struct recorded {
	struct frame *frames;
	struct packet *packets;
	size_t n_frames, n_packets;
	struct recorded_stream *streams;
	size_t n_streams;
	uint64_t frame_bytes, stream_bytes;
};

/* Ends the program, with a sentence, if the capture cannot be read. */
void recorded_load(const char *path, struct recorded *ret);
void recorded_free(struct recorded *r);

void *bench_must(void *p);   /* p; ends the program if it is NULL */
void *bench_alloc(size_t n); /* zeroed; ends the program where there is none */

#endif
