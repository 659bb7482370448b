#include "recorded.h"
#include "capture_file.h"
#include "decode.h"
#include "tcp_reasm.h"
#include <stdio.h>
#include <stdlib.h>

void *bench_must(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		exit(1);
	}
	return p;
}

void *bench_alloc(size_t n)
{
	return bench_must(calloc(1, n ? n : 1));
}

static const void *kept(const void *p, size_t n)
{
	return memcpy(bench_alloc(n), p, n);
}

static void frames_load(const char *path, struct recorded *r)
{
	char error[CAPTURE_ERROR_TEXT];
	struct capture_file *file;
	struct frame f = {0};
	if (capture_file_open(path, &file, error) != 0) {
		fprintf(stderr, "%s\n", error);
		exit(2);
	}
	size_t room = 0;
	while (capture_file_next(file, &f) == 1) {
		if (r->n_frames == room) {
			room = room * 2 + 4096;
			r->frames = bench_must(realloc(r->frames, room * sizeof *r->frames));
		}
		f.data = kept(f.data, f.caplen);
		r->frame_bytes += f.len;
		r->frames[r->n_frames++] = f;
	}
	capture_file_free(file);
	if (r->n_frames == 0) {
		fprintf(stderr, "%s: no frames\n", path);
		exit(2);
	}
}

static bool same_ends(const struct packet *a, const struct packet *b, bool *ret_back)
{
	bool there = a->src_port == b->src_port && a->dst_port == b->dst_port && ip_addr_eq(&a->src, &b->src) &&
		     ip_addr_eq(&a->dst, &b->dst);
	bool back = a->src_port == b->dst_port && a->dst_port == b->src_port && ip_addr_eq(&a->src, &b->dst) &&
		    ip_addr_eq(&a->dst, &b->src);
	*ret_back = back;
	return there || back;
}

static void on_bytes(void *context, unsigned side, struct slice bytes)
{
	struct recorded_stream *s = context;
	s->runs[s->n_runs++] = (struct recorded_run){(enum direction)side, slice_of(kept(bytes.p, bytes.n), bytes.n)};
}

static void on_gap(void *context, unsigned side, uint64_t n)
{
	(void)context, (void)side, (void)n;
}

static void on_end(void *context, unsigned side)
{
	(void)context, (void)side;
}

static void stream_read(struct recorded_stream *s, uint64_t *bytes)
{
	static const struct tcp_callbacks callbacks = {
	    .bytes = on_bytes, .gap = on_gap, .skipped = on_gap, .end = on_end};
	struct anomaly_counts anomalies = {0};
	struct tcp_counts counts = {0};
	struct tcp_reasm reasm;
	tcp_reasm_init(&reasm);
	s->runs = bench_alloc(2 * s->n_packets * sizeof *s->runs);
	for (size_t i = 0; i < s->n_packets; i++)
		tcp_reasm_push(&reasm, s->sides[i], s->packets[i], &callbacks, s, &anomalies, &counts);
	tcp_reasm_done(&reasm);
	*bytes += counts.delivered;
}

static void streams_find(struct recorded *r)
{
	r->streams = bench_alloc(r->n_packets * sizeof *r->streams);
	for (size_t i = 0; i < r->n_packets; i++) {
		struct packet *p = &r->packets[i];
		struct recorded_stream *s = NULL;
		bool back = false;
		if (p->proto != IP_PROTO_TCP)
			continue;
		for (size_t k = r->n_streams; k-- > 0 && !s;)
			if (same_ends(r->streams[k].packets[0], p, &back))
				s = &r->streams[k];
		if (!s) {
			s = &r->streams[r->n_streams++];
			s->packets = bench_alloc(r->n_packets * sizeof *s->packets);
			s->sides = bench_alloc(r->n_packets);
			back = false;
		}
		s->sides[s->n_packets] = back ? FROM_SERVER : FROM_CLIENT;
		s->packets[s->n_packets++] = p;
	}
	for (size_t k = 0; k < r->n_streams; k++)
		stream_read(&r->streams[k], &r->stream_bytes);
}

void recorded_load(const char *path, struct recorded *ret)
{
	struct anomaly_counts anomalies = {0};
	struct decoder *decoder = bench_must(decoder_new(&anomalies));
	*ret = (struct recorded){0};
	frames_load(path, ret);
	ret->packets = bench_alloc(ret->n_frames * sizeof *ret->packets);
	for (size_t i = 0; i < ret->n_frames; i++)
		if (decode_frame(decoder, &ret->frames[i], &ret->packets[ret->n_packets]) == DECODE_PACKET)
			ret->n_packets++;
	decoder_free(decoder);
	streams_find(ret);
}

void recorded_free(struct recorded *r)
{
	for (size_t k = 0; k < r->n_streams; k++) {
		for (size_t i = 0; i < r->streams[k].n_runs; i++)
			free((void *)(uintptr_t)r->streams[k].runs[i].bytes.p);
		free(r->streams[k].packets);
		free(r->streams[k].sides);
		free(r->streams[k].runs);
	}
	for (size_t i = 0; i < r->n_frames; i++)
		free((void *)(uintptr_t)r->frames[i].data);
	free(r->frames);
	free(r->packets);
	free(r->streams);
}
