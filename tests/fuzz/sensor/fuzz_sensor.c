/* The whole pipeline: any frames, among them well-made TCP segments of a few connections. Frames that stay and frames
 * that do not give the same observations; every observation decodes; nothing is lost from any account.
 * Records: a byte that says what, a byte of time, a byte or two of length, the bytes. Sensors live for many inputs. */
#include <stdlib.h>
#undef NDEBUG
#include <assert.h>

#include "names.h"
#include "observation.h"
#include "sensor.h"
#include "signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FRAMES_MAX = 200, CONNECTIONS = 4 };

struct outcome {
	uint64_t digest;
	unsigned observations, finals;
};

static struct outcome outcomes[2];

static void on_observation(void *context, const uint8_t *bytes, size_t n)
{
	struct outcome *o = context;
	uint8_t *exact = malloc(n);
	assert(exact);
	memcpy(exact, bytes, n);
	struct observation_box box;
	if (record_kind_of(exact, n) == RECORD_NAMES) {
		struct names_box names;
		assert(names_decode(exact, n, &names));
	}
	if (record_kind_of(exact, n) != RECORD_OBSERVATION) {
		free(exact);
		return;
	}
	assert(observation_decode(exact, n, &box));
	/* without evidence only where nothing names the server: the recorder may know it from DNS */
	assert(box.o.confidence != CONFIDENCE_NONE || box.o.n_reasons == 0);
	assert(box.o.first_seen_ns <= box.o.last_seen_ns);
	assert(box.o.packets[0] + box.o.packets[1] > 0);
	box.o.app_label = NULL; /* nDPI remembers other flows */
	free(exact);
	uint8_t *plain = observation_encode(&box.o, &n);
	assert(plain);
	for (size_t i = 0; i < n; i++)
		o->digest = (o->digest ^ plain[i]) * 1099511628211u;
	o->observations++;
	o->finals += box.o.final;
	free(plain);
	observation_box_done(&box);
}

static struct sensor *sensor(void *context)
{
	static struct signature_set *set;
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	char error[SIGNATURE_ERROR_TEXT];
	if (!set && signature_set_load(directories, 1, &set, error) != 0)
		abort();
	struct sensor_config config = {.signatures = set, .workers = 1, .shard_key = {3, 4}};
	struct sensor *s;
	if (sensor_new(&config, on_observation, context, &s) != 0)
		abort();
	return s;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

struct wire {
	uint32_t seq[2];
};

/* A segment of connection c: what & 1 the direction, & 0x10 SYN, & 0x20 FIN, & 0x40 a hole before it,
 * & 0x80 sent again. */
static size_t segment(uint8_t *f, struct wire *w, unsigned c, uint8_t what, struct slice payload)
{
	unsigned d = what & 1;
	memset(f, 0, 54);
	memcpy(f, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0", 14);
	uint8_t *ip = f + 14, *tcp = ip + 20;
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(40 + payload.n));
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	ip[15] = (uint8_t)(d ? 2 : 1);
	ip[19] = (uint8_t)(d ? 1 : 2);
	put16(tcp, d ? 80 : 40000 + c);
	put16(tcp + 2, d ? 40000 + c : 80);
	if (what & 0x40)
		w->seq[d] += 5;
	put32(tcp + 4, w->seq[d]);
	put32(tcp + 8, w->seq[!d]);
	tcp[12] = 0x50;
	tcp[13] = (uint8_t)((what & 0x10 ? 2 | (d ? 16 : 0) : 16) | (what & 0x20 ? 1 : 0));
	put16(tcp + 14, 60000);
	if (payload.n)
		memcpy(tcp + 20, payload.p, payload.n);
	if (!(what & 0x80))
		w->seq[d] += (uint32_t)payload.n + !!(what & 0x10) + !!(what & 0x20);
	return 54 + payload.n;
}

static void check_laws(const struct sensor *s)
{
	static struct sensor_stats st;
	sensor_stats(s, &st);
	assert(st.frames == st.packets + st.held + st.other + st.refused);
	assert(st.flows.alive == 0);
	const struct flow_counts *f = &st.flows;
	assert(f->opened == f->aged + f->evicted + f->reused + f->drained + f->merged);
	assert(st.shards.tcp.seen == st.shards.tcp.delivered + st.shards.tcp.duplicate + st.shards.tcp.refused);
	assert(st.shards.out_of_memory == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct sensor *stays, *moves;
	if (!stays) {
		stays = sensor(&outcomes[0]);
		moves = sensor(&outcomes[1]);
	}
	outcomes[0] = outcomes[1] = (struct outcome){.digest = 14695981039346656037u};
	struct wire wires[CONNECTIONS];
	for (unsigned i = 0; i < CONNECTIONS; i++)
		wires[i] = (struct wire){{1000, 0xfffffff0u}};
	uint8_t *kept[FRAMES_MAX];
	unsigned frames = 0;
	int64_t now = 1700000000 * NS_PER_SEC;
	struct slice in = slice_of(data, n);
	while (in.n >= 3 && frames < FRAMES_MAX) {
		uint8_t what = in.p[0], time = in.p[1];
		size_t size = in.p[2] + (what & 8 ? 256u : 0);
		in = slice_after(in, 3);
		struct slice bytes = slice_first(in, size);
		in = slice_after(in, size);
		now += time < 200 ? time * INT64_C(1000000) : (time - 199) * 10 * NS_PER_SEC;
		uint8_t f[1024];
		size_t length = bytes.n;
		uint32_t link = 1;
		if ((what & 6) == 6) { /* raw bytes; the two high bits choose the link type */
			static const uint32_t links[] = {1, 101, 113, 0};
			link = links[what >> 6];
			if (length)
				memcpy(f, bytes.p, length);
		} else {
			unsigned c = what >> 1 & 3; /* 0, 1, 2 */
			length = segment(f, &wires[c], c, what, bytes);
		}
		kept[frames] = malloc(length ? length : 1);
		assert(kept[frames]);
		memcpy(kept[frames], f, length);
		struct frame frame = {.data = kept[frames], .caplen = (uint32_t)length, .len = (uint32_t)length,
			.link_type = link,
		                      .time_ns = now, .number = frames + 1};
		frames++;
		assert(sensor_feed(stays, &frame, true) == 0);
		frame.data = f;
		assert(sensor_feed(moves, &frame, false) == 0);
	}
	assert(sensor_end(stays) == 0);
	assert(sensor_end(moves) == 0);
	assert(outcomes[0].digest == outcomes[1].digest);
	assert(outcomes[0].observations == outcomes[1].observations && outcomes[0].finals == outcomes[1].finals);
	check_laws(stays);
	check_laws(moves);
	for (unsigned i = 0; i < frames; i++)
		free(kept[i]);
	return 0;
}
