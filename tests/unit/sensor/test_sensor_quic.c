/* QUIC through the whole sensor half: evidence of UDP flows, the same for any number of workers; memory and time under
 * floods of Initials; flows that carry something else cost nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture_file.h"
#include "limits.h"
#include "observation.h"
#include "proto/quic_build.h"
#include "sensor.h"
#include "signature.h"

static struct signature_set *set;

static int load(void **state)
{
	(void)state;
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	char error[SIGNATURE_ERROR_TEXT];
	return signature_set_load(directories, 1, &set, error);
}

static int unload(void **state)
{
	(void)state;
	signature_set_free(set);
	return 0;
}

struct heard {
	struct sensor *sensor;
	unsigned observations, frames;
	uint64_t digest;
	char sni[LIMIT_SNI];
	uint64_t packets;
};

static uint64_t digest(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void on_observation(void *context, const uint8_t *bytes, size_t n)
{
	struct heard *h = context;
	struct observation_box box;
	assert_true(observation_decode(bytes, n, &box));
	const struct observation *o = &box.o;
	assert_int_equal(o->l4, 17);
	assert_true(o->encrypted && o->tls && !o->decrypted);
	assert_int_equal(o->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(o->transport, TRANSPORT_NONE);
	assert_int_equal(o->http_version, HTTP_VERSION_3);
	assert_int_equal(o->stage, STAGE_UNKNOWN);
	assert_int_equal(o->server_port, 443);
	h->observations++;
	h->packets = o->packets[FROM_CLIENT] + o->packets[FROM_SERVER];
	snprintf(h->sni, sizeof h->sni, "%s", o->sni);
	h->digest = digest(h->digest, h->sni, strlen(h->sni)) + o->packets[0] + o->bytes[1] +
		    (uint64_t)o->last_seen_ns + o->final;
	struct evidence_id id = {o->first_frame, o->capture};
	sensor_want(h->sensor, &id, NULL);
	observation_box_done(&box);
}

static void on_evidence(void *context, const struct frame *f, const char *comment)
{
	struct heard *h = context;
	(void)comment;
	h->frames++;
	h->digest = digest(h->digest, f->data, f->caplen);
}

static void sensor_start(unsigned workers, struct heard *h)
{
	struct sensor_config config = {.signatures = set,
				       .workers = workers,
				       .shard_key = {1, 2},
				       .evidence_bytes = 16 << 20,
				       .on_evidence = on_evidence};
	*h = (struct heard){.observations = 0};
	assert_int_equal(sensor_new(&config, on_observation, h, &h->sensor), 0);
}

static struct sensor_stats sensor_stop(struct heard *h)
{
	struct sensor_stats stats;
	assert_int_equal(sensor_end(h->sensor), 0);
	sensor_stats(h->sensor, &stats);
	sensor_free(h->sensor);
	assert_int_equal(stats.memory.work, 0);
	return stats;
}

static unsigned feed_capture(struct heard *h, const char *name)
{
	char path[512], error[CAPTURE_ERROR_TEXT];
	snprintf(path, sizeof path, "%s/pcaps/%s", TEST_SOURCE_DIR, name);
	struct capture_file *file;
	assert_int_equal(capture_file_open(path, &file, error), 0);
	struct frame f;
	unsigned n = 0;
	while (capture_file_next(file, &f) == 1) {
		f.capture = 0;
		assert_int_equal(sensor_feed(h->sensor, &f, false), 0);
		n++;
	}
	assert_int_equal(sensor_flush(h->sensor), 0);
	capture_file_free(file);
	return n;
}

static void test_evidence_packets(void **state)
{
	(void)state;
	static const char *const names[] = {"quic_vendor.pcap", "quic_v2_retry.pcap", "quic_large_hello.pcap",
					    "quic_same_port.pcap"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		uint64_t first = 0;
		for (unsigned workers = 1; workers <= 4; workers *= 2) {
			struct heard h;
			sensor_start(workers, &h);
			unsigned n = feed_capture(&h, names[i]);
			struct sensor_stats stats = sensor_stop(&h);
			assert_true(h.observations >= 2);
			assert_int_equal(stats.flows.opened, 1);
			/* all of it, but for the web site's connection before the first server's on one of them */
			if (strcmp(names[i], "quic_same_port.pcap") != 0)
				assert_int_equal(h.frames, n);
			assert_true(h.frames > 10 && h.packets >= h.frames);
			assert_true(stats.shards.protocols[APP_QUIC] >= 1);
			if (workers == 1)
				first = h.digest;
			assert_true(h.digest == first);
		}
	}
}

/* ---- floods ---- */

struct flood {
	struct heard heard;
	struct quic_build *frames, *datagram;
	uint64_t number;
	int64_t now_ns;
	uint64_t most_work;
};

static struct flood *flood_new(void)
{
	struct flood *f = calloc(1, sizeof *f);
	f->frames = calloc(1, sizeof *f->frames);
	f->datagram = calloc(1, sizeof *f->datagram);
	f->now_ns = 1700000000 * NS_PER_SEC;
	sensor_start(1, &f->heard);
	return f;
}

static struct sensor_stats flood_end(struct flood *f, struct heard *ret)
{
	struct sensor_stats stats = sensor_stop(&f->heard);
	*ret = f->heard;
	free(f->frames);
	free(f->datagram);
	free(f);
	return stats;
}

/* One UDP datagram over IPv4 and Ethernet. */
static void feed_udp(struct flood *f, uint32_t client, uint16_t port, bool reply, struct slice payload)
{
	static uint8_t b[QUIC_BUILD_MAX + 64];
	uint16_t ip_n = (uint16_t)(28 + payload.n), udp_n = (uint16_t)(8 + payload.n), ports[2] = {port, 443};
	memcpy(b, "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0\x45\0", 16);
	memset(b + 16, 0, 26);
	b[16] = (uint8_t)(ip_n >> 8), b[17] = (uint8_t)ip_n;
	b[22] = 64, b[23] = 17;
	uint8_t *from = b + (reply ? 30 : 26), *to = b + (reply ? 26 : 30);
	for (int i = 0; i < 4; i++)
		from[i] = (uint8_t)(client >> (24 - 8 * i));
	memcpy(to, "\12\115\0\25", 4);
	for (int i = 0; i < 2; i++)
		b[34 + 2 * i] = (uint8_t)(ports[i ^ reply] >> 8), b[35 + 2 * i] = (uint8_t)ports[i ^ reply];
	b[38] = (uint8_t)(udp_n >> 8), b[39] = (uint8_t)udp_n;
	if (payload.n)
		memcpy(b + 42, payload.p, payload.n);
	f->now_ns += 10000;
	struct frame frame = {.data = b,
			      .caplen = (uint32_t)(42 + payload.n),
			      .len = (uint32_t)(42 + payload.n),
			      .link_type = 1,
			      .time_ns = f->now_ns,
			      .number = ++f->number};
	assert_int_equal(sensor_feed(f->heard.sensor, &frame, false), 0);
}

static void look_at_memory(struct flood *f)
{
	struct sensor_stats stats;
	assert_int_equal(sensor_flush(f->heard.sensor), 0);
	sensor_stats(f->heard.sensor, &stats);
	if (stats.memory.work > f->most_work)
		f->most_work = stats.memory.work;
}

/* A sealed Initial with the frames gathered, 1,200 bytes or more. */
static void feed_initial(struct flood *f, uint32_t client, uint16_t port, uint64_t id)
{
	uint8_t dcid[8];
	memcpy(dcid, &id, sizeof dcid);
	struct quic_initial i = {.version = QUIC_V1, .dcid = slice_of(dcid, sizeof dcid), .datagram = 1200};
	f->datagram->n = 0;
	quic_put_initial(f->datagram, &i, quic_built(f->frames));
	feed_udp(f, client, port, false, quic_built(f->datagram));
	f->frames->n = 0;
}

/* Hellos that never end, each from a flow of its own: what they hold is bounded, and a real one in their midst is read.
 */
static void test_flood_of_unfinished_hellos(void **state)
{
	(void)state;
	struct flood *f = flood_new();
	static const uint8_t part[1100] = {1, 0, 0xff, 0};
	struct heard h;
	for (uint32_t i = 0; i < 6000; i++) {
		quic_put_crypto(f->frames, 0, slice_of(part, sizeof part));
		feed_initial(f, 0x0a000000 + i, (uint16_t)(1024 + i % 50000), i);
		if (i == 3000)
			feed_capture(&f->heard, "quic_vendor.pcap");
		if (i % 500 == 0)
			look_at_memory(f);
	}
	look_at_memory(f);
	assert_true(f->most_work > 1 << 20 && f->most_work <= (uint64_t)FLOW_SHARDS * LIMIT_SHARD_BYTES + (1 << 20));
	assert_true(f->most_work / 6000 < 8192); /* a flow of the flood costs no more than a few times what it sent */
	struct sensor_stats stats = flood_end(f, &h);
	assert_true(h.observations > 0);
	assert_string_equal(h.sni, "mcp.stripe.com");
	assert_int_equal(stats.shards.out_of_memory, 0);
}

/* One flow sends what cannot be opened, and connections that never finish: bounded in memory, and in tries for each
 * second. */
static void test_flood_on_one_flow(void **state)
{
	(void)state;
	struct flood *f = flood_new();
	static const uint8_t part[1100] = {1, 0, 0xff, 0};
	struct heard h;
	for (uint32_t i = 0; i < 3 * LIMIT_QUIC_TRIES; i++) { /* 100,000 a second */
		quic_put_crypto(f->frames, 0, slice_of(part, sizeof part));
		feed_initial(f, 0x0a000001, 5000, i);
	}
	look_at_memory(f);
	assert_true(f->most_work < LIMIT_QUIC_CONNECTIONS * 8192);
	static uint8_t junk[1300];
	memcpy(junk, "\xc0\0\0\0\1\10abcdefgh\0\0\x44\xd0", 19);
	for (uint32_t i = 0; i < 2 * LIMIT_QUIC_TRIES; i++) {
		junk[10] = (uint8_t)i, junk[11] = (uint8_t)(i >> 8);
		feed_udp(f, 0x0a000002, 5001, false, slice_of(junk, sizeof junk));
	}
	struct sensor_stats stats = flood_end(f, &h);
	assert_int_equal(h.observations, 0);
	assert_int_equal(stats.anomalies.n[ANOMALY_QUIC_INITIALS_LIMIT], 3 * LIMIT_QUIC_TRIES);
	assert_int_equal(stats.anomalies.n[ANOMALY_QUIC_UNOPENED], LIMIT_QUIC_TRIES);
	assert_true(stats.anomalies.n[ANOMALY_QUIC_CONNECTIONS_LIMIT] >= LIMIT_QUIC_TRIES - LIMIT_QUIC_CONNECTIONS);
}

/* Flows of anything else, also such that begin like a long header: no work, no evidence, no anomaly. */
static void test_other_datagrams(void **state)
{
	(void)state;
	static const struct slice payloads[] = {
	    SLICE_LITERAL(""),
	    SLICE_LITERAL("\x12\x34\1\0\0\1\0\0\0\0\0\0\3mcp\7example\0\0\1\0\1"),
	    SLICE_LITERAL("\x80\0\0\0\2\10abcdefgh\0\0"),
	    SLICE_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff"),
	    SLICE_LITERAL("\xc0\0\0\0\1"),
	    SLICE_LITERAL("\x40sixteen bytes..."),
	    SLICE_LITERAL("\xe0\0\0\0\1\10abcdefgh"),
	};
	struct flood *f = flood_new();
	struct heard h;
	for (uint32_t i = 0; i < 700; i++)
		feed_udp(f, 0x0a000000 + i / 7, 6000, i & 1, payloads[i % 7]);
	look_at_memory(f);
	assert_int_equal(f->most_work, 0);
	struct sensor_stats stats = flood_end(f, &h);
	assert_int_equal(h.observations, 0);
	for (int i = ANOMALY_QUIC_HEADER_BAD; i <= ANOMALY_QUIC_INITIALS_LIMIT; i++)
		assert_int_equal(stats.anomalies.n[i], 0);
	assert_int_equal(stats.flows.opened, 100);
}

/* A flow with evidence ends by silence. */
static void test_end_by_silence(void **state)
{
	(void)state;
	struct flood *f = flood_new();
	struct heard h;
	feed_capture(&f->heard, "quic_vendor.pcap");
	unsigned before = f->heard.observations;
	f->now_ns = 2000000000 * NS_PER_SEC;
	feed_udp(f, 0x0a000001, 7000, false, slice_of("x", 1));
	feed_udp(f, 0x0a000001, 7000, false, slice_of("x", 1));
	look_at_memory(f);
	assert_int_equal(f->heard.observations, before + 1);
	assert_int_equal(f->most_work, 0);
	flood_end(f, &h);
	assert_int_equal(h.observations, before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_evidence_packets),  cmocka_unit_test(test_flood_of_unfinished_hellos),
	    cmocka_unit_test(test_flood_on_one_flow), cmocka_unit_test(test_other_datagrams),
	    cmocka_unit_test(test_end_by_silence),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
