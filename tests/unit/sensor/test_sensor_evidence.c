/* Packets of wanted connections through the whole sensor half: from the first one on, the same for any number of
 * workers and whether or not frames stay where they are, within each connection's share, and with the latest
 * comment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture_file.h"
#include "limits.h"
#include "observation.h"
#include "record.h"
#include "sensor.h"
#include "signature.h"
#include "siphash.h"

enum { FRAMES = 40000, SCRATCH = 1 << 17, STATEFUL_FRAMES = 2000 };

static struct signature_set *set;
static struct frame frames[FRAMES];
static unsigned n_frames;

static void read_capture(const char *name)
{
	char path[512], error[CAPTURE_ERROR_TEXT];
	snprintf(path, sizeof path, "%s/pcaps/%s", TEST_SOURCE_DIR, name);
	struct capture_file *f;
	assert_int_equal(capture_file_open(path, &f, error), 0);
	struct frame next;
	uint64_t number = n_frames;
	while (capture_file_next(f, &next) == 1) {
		assert_true(n_frames < FRAMES && next.caplen <= SCRATCH);
		uint8_t *copy = malloc(next.caplen);
		memcpy(copy, next.data, next.caplen);
		next.data = copy;
		next.number = ++number;
		next.capture = 0;
		frames[n_frames++] = next;
	}
	capture_file_free(f);
}

static void forget_frames(void)
{
	for (unsigned i = 0; i < n_frames; i++)
		free((void *)frames[i].data);
	n_frames = 0;
}

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

struct written {
	struct sensor *sensor;
	uint64_t digest;          /* of all frames and comments in their order */
	uint64_t n, comments, wants;
	uint64_t numbers[FRAMES]; /* of the frames, in order */
	char last_comment[128], first_comment[128];
	unsigned want_after;      /* observations before the first want */
	unsigned observations;
	bool want_nothing;
};

static void on_evidence(void *context, const struct frame *f, const char *comment)
{
	struct written *w = context;
	const struct hash_key key = {w->digest, 1};
	w->digest = siphash(&key, f->data, f->caplen) ^ f->number ^ (uint64_t)f->time_ns ^ f->len;
	if (comment) {
		w->digest += siphash(&key, comment, strlen(comment));
		snprintf(w->comments++ ? w->last_comment : w->first_comment, sizeof w->last_comment, "%s", comment);
	}
	assert_true(w->n < FRAMES);
	w->numbers[w->n++] = f->number;
}

static void on_observation(void *context, const uint8_t *bytes, size_t n)
{
	struct written *w = context;
	struct observation_box box;
	if (record_kind_of(bytes, n) != RECORD_OBSERVATION)
		return;
	assert_true(observation_decode(bytes, n, &box));
	if (w->observations++ >= w->want_after && !w->want_nothing) {
		char comment[128];
		snprintf(comment, sizeof comment, "%llu %d %s", (unsigned long long)box.o.first_frame, (int)box.o.stage,
		         box.o.server_name ? box.o.server_name : "-");
		struct evidence_id id = {box.o.first_frame, box.o.capture};
		assert_int_equal(sensor_want(w->sensor, &id, comment), 0);
		w->wants++;
	}
	observation_box_done(&box);
}

static struct sensor_stats run(struct written *w, unsigned workers, bool stable, size_t evidence_bytes)
{
	struct sensor_config config = {.signatures = set, .workers = workers, .shard_key = {1, 2},
	                               .evidence_bytes = evidence_bytes, .on_evidence = on_evidence};
	assert_int_equal(sensor_new(&config, on_observation, w, &w->sensor), 0);
	uint8_t *scratch = malloc(SCRATCH);
	for (unsigned i = 0; i < n_frames; i++) {
		struct frame f = frames[i];
		if (!stable) {
			memcpy(scratch, f.data, f.caplen);
			f.data = scratch;
		}
		assert_int_equal(sensor_feed(w->sensor, &f, stable), 0);
		memset(scratch, 0xa5, f.caplen);
	}
	assert_int_equal(sensor_end(w->sensor), 0);
	struct sensor_stats stats;
	sensor_stats(w->sensor, &stats);
	sensor_free(w->sensor);
	free(scratch);
	assert_int_equal(stats.evidence.frames, w->n);
	return stats;
}

static struct written *written_new(void)
{
	return calloc(1, sizeof(struct written));
}

/* The capture holds MCP connections alone: every frame of TCP comes back, each once, none altered. */
static void test_everything_of_a_wanted_connection(void **state)
{
	(void)state;
	read_capture("http_everything_stateful.pcap");
	struct written *w = written_new();
	struct sensor_stats stats = run(w, 1, true, 64 << 20);
	assert_true(stats.evidence.connections > 1);
	assert_int_equal(w->comments, stats.evidence.connections);
	assert_true(strstr(w->first_comment, "everything") != NULL); /* known by the end of the batch, not at the first want */
	uint8_t *seen = calloc(n_frames + 1, 1);
	for (uint64_t i = 0; i < w->n; i++)
		assert_int_equal(seen[w->numbers[i]]++, 0);
	for (unsigned i = 0; i < n_frames; i++) {
		bool tcp = frames[i].caplen > 34 && frames[i].data[12] == 8 && frames[i].data[23] == 6;
		if (!tcp)
			assert_int_equal(seen[frames[i].number], 0);
	}
	assert_int_equal(stats.evidence.overwritten + stats.evidence.cut, 0);
	assert_in_range(w->n, stats.packets * 9 / 10, stats.packets);
	free(seen);
	free(w);
	forget_frames();
}

static void test_the_same_however_it_is_read(void **state)
{
	(void)state;
	static const char *const names[] = {"http_everything_stateful.pcap", "tls13_vendor_node.pcap", "sse_everything.pcap",
	                                    "d_ipfrag__http_everything_stateful.pcap", "elastic_bulk_mcp_logs.pcap",
	                                    "d_lost__http_many_calls.pcap"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		read_capture(names[i]);
	const size_t rings[] = {64 << 20, 1 << 20};
	for (size_t k = 0; k < 2; k++) {
		struct written *first = written_new(), *other = written_new();
		struct sensor_stats a = run(first, 1, false, rings[k]);
		struct sensor_stats b = run(other, 4, false, rings[k]);
		assert_true(first->n > 100 && first->wants > first->comments);
		assert_int_equal(first->n, other->n);
		assert_true(first->digest == other->digest);
		assert_int_equal(a.evidence.overwritten, b.evidence.overwritten);
		free(other);
		struct written *one = written_new(), *three = written_new();
		run(one, 1, true, rings[k]);
		run(three, 3, true, rings[k]);
		assert_true(one->digest == three->digest);
		free(first);
		free(one);
		free(three);
	}
	forget_frames();
}

static void test_nothing_unless_wanted(void **state)
{
	(void)state;
	read_capture("http_everything_stateful.pcap");
	struct written *w = written_new();
	w->want_nothing = true;
	struct sensor_stats stats = run(w, 1, true, 64 << 20);
	assert_true(w->observations > 0);
	assert_int_equal(stats.evidence.frames, 0);
	assert_int_equal(stats.evidence.connections, 0);
	memset(w, 0, sizeof *w);
	run(w, 1, true, 0); /* wanted, but no evidence is kept */
	assert_true(w->wants > 0);
	assert_int_equal(w->n, 0);
	free(w);
	forget_frames();
}

/* A frame of the connection again and again, as a different packet each time: past its share they are counted, not
 * handed over. */
static void test_a_connection_has_its_share(void **state)
{
	(void)state;
	read_capture("http_everything_stateful.pcap");
	struct written *w = written_new();
	struct sensor_config config = {.signatures = set, .workers = 2, .shard_key = {1, 2}, .evidence_bytes = 1 << 22,
	                               .on_evidence = on_evidence};
	assert_int_equal(sensor_new(&config, on_observation, w, &w->sensor), 0);
	unsigned largest = 0;
	for (unsigned i = 0; i < n_frames && (w->n == 0 || i < STATEFUL_FRAMES / 10); i++) {
		assert_int_equal(sensor_feed(w->sensor, &frames[i], true), 0);
		if (frames[i].caplen > frames[largest].caplen)
			largest = i;
		if (i % 32 == 0)
			assert_int_equal(sensor_flush(w->sensor), 0);
	}
	uint8_t *copy = malloc(frames[largest].caplen);
	memcpy(copy, frames[largest].data, frames[largest].caplen);
	uint64_t number = 1000000;
	unsigned copies = LIMIT_EVIDENCE_CONNECTION_BYTES / frames[largest].caplen + 1000;
	for (unsigned i = 0; i < copies; i++) {
		struct frame f = frames[largest];
		copy[18] = (uint8_t)(i >> 8); /* the IP header's identification */
		copy[19] = (uint8_t)i;
		f.data = copy;
		f.number = ++number;
		f.time_ns += 1000 * (int64_t)i;
		w->n = 0; /* they are not looked at */
		assert_int_equal(sensor_feed(w->sensor, &f, false), 0);
	}
	assert_int_equal(sensor_end(w->sensor), 0);
	struct sensor_stats stats;
	sensor_stats(w->sensor, &stats);
	sensor_free(w->sensor);
	assert_true(stats.evidence.cut >= 900 && stats.evidence.cut < 2000);
	assert_true(stats.evidence.frames >= copies - stats.evidence.cut);
	free(copy);
	free(w);
	forget_frames();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_of_a_wanted_connection),
		cmocka_unit_test(test_the_same_however_it_is_read),
		cmocka_unit_test(test_nothing_unless_wanted),
		cmocka_unit_test(test_a_connection_has_its_share),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
