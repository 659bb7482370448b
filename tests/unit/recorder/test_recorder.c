/* Observations in, events in the database: invalid ones are counted and go no further. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "recorder.h"
#include "store.h"
#include "status.h"

struct bench {
	char directory[64], path[80];
	struct store *store;
	struct policy *policy;
	struct recorder *recorder;
	unsigned finals;
	char last_id[EVENT_ID_TEXT], capture[32];
	enum verdict verdict;
};

static int on_event(void *context, const struct event *e)
{
	struct bench *b = context;
	if (!e->o->final)
		return store_put(b->store, e);
	b->finals++;
	memcpy(b->last_id, e->event_id, sizeof b->last_id);
	b->verdict = e->j->verdict;
	snprintf(b->capture, sizeof b->capture, "%s", e->context->capture ? e->context->capture : "none");
	return store_put(b->store, e);
}

static const char *const captures[] = {"monday.pcap"};

static void bench_init(struct bench *b)
{
	memset(b, 0, sizeof *b);
	snprintf(b->directory, sizeof b->directory, "/tmp/test_recorder.XXXXXX");
	assert_non_null(mkdtemp(b->directory));
	snprintf(b->path, sizeof b->path, "%s/events.db", b->directory);
	char error[STORE_ERROR_TEXT];
	assert_int_equal(store_open(b->path, &b->store, error), 0);
	static const char text[] = "{\"version\":1,\"approved\":[{\"id\":\"ours\",\"host\":\"ours.example\"}]}";
	assert_int_equal(policy_parse("test", text, sizeof text - 1, &b->policy, error), 0);
	struct recorder_config config = {.policy = b->policy, .sensor = "test", .signature_set = "1",
	                                 .captures = captures, .n_captures = 1, .on_event = on_event, .context = b};
	b->recorder = recorder_new(&config);
	assert_non_null(b->recorder);
}

static void bench_done(struct bench *b)
{
	recorder_free(b->recorder);
	store_close(b->store);
	policy_free(b->policy);
	static const char *const endings[] = {"", "-wal", "-shm", ".lock", "-journal"};
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		char path[100];
		snprintf(path, sizeof path, "%s%s", b->path, endings[i]);
		unlink(path);
	}
	rmdir(b->directory);
}

static struct observation facts(const char *host, bool final)
{
	struct observation o = {.kind = KIND_CONNECTION, .confidence = CONFIDENCE_LIKELY, .stage = STAGE_ATTEMPTED, .l4 = 6,
	                        .final = final, .connection_time_ns = 5000000000, .first_seen_ns = 5000000000,
	                        .last_seen_ns = 6000000000, .first_frame = 1, .client_port = 40000, .server_port = 80,
	                        .host = host, .path = "/mcp"};
	o.client_ip = o.server_ip = (struct ip_addr){.family = 4, .b = {10, 0, 0, 1}};
	o.server_ip.b[3] = 2;
	return o;
}

static int take(struct bench *b, const struct observation *o)
{
	size_t n;
	uint8_t *bytes = observation_encode(o, &n);
	assert_non_null(bytes);
	int r = recorder_take(b->recorder, bytes, n);
	free(bytes);
	return r;
}

static int count_row(void *context, const json_t *row)
{
	unsigned *n = context;
	assert_string_equal(json_string_value(json_object_get(row, "sensor")), "test");
	n[0]++;
	n[1] += strcmp(json_string_value(json_object_get(row, "stage")), "established") == 0;
	return 0;
}

static void count_rows(struct bench *b, unsigned ret[2])
{
	ret[0] = ret[1] = 0;
	assert_int_equal(store_flush(b->store), 0);
	struct store *read;
	char error[STORE_ERROR_TEXT];
	assert_int_equal(store_open_read(b->path, &read, error), 0);
	struct store_query q = {.all = true, .min_confidence = CONFIDENCE_POSSIBLE};
	assert_int_equal(store_select(read, &q, count_row, ret), 0);
	store_close_read(read);
}

static void test_one_row_per_connection(void **state)
{
	(void)state;
	struct bench b;
	bench_init(&b);
	struct observation o = facts("theirs.example", false);
	assert_int_equal(take(&b, &o), 0);
	assert_int_equal(b.finals, 0); /* it is stored, but not over */
	unsigned rows[2];
	count_rows(&b, rows);
	assert_int_equal(rows[0], 1);
	assert_int_equal(rows[1], 0);
	o.stage = STAGE_ESTABLISHED;
	o.confidence = CONFIDENCE_CONFIRMED;
	o.final = true;
	assert_int_equal(take(&b, &o), 0);
	assert_int_equal(b.finals, 1);
	assert_int_equal(b.verdict, VERDICT_UNAUTHORIZED);
	assert_string_equal(b.capture, "monday.pcap");
	count_rows(&b, rows);
	assert_int_equal(rows[0], 1); /* replaced, not added */
	assert_int_equal(rows[1], 1);
	const struct recorder_counts *c = recorder_counts(b.recorder);
	assert_int_equal(c->observations, 2);
	assert_int_equal(c->events[VERDICT_UNAUTHORIZED][CONFIDENCE_CONFIRMED], 1);
	assert_int_equal(c->events[VERDICT_UNAUTHORIZED][CONFIDENCE_LIKELY], 0);

	char first_id[EVENT_ID_TEXT];
	memcpy(first_id, b.last_id, sizeof first_id);
	o.authority_ordinal = 1; /* a second authority on the same connection */
	o.host = "ours.example";
	o.capture = 1;           /* which nobody named */
	assert_int_equal(take(&b, &o), 0);
	assert_int_equal(b.verdict, VERDICT_APPROVED);
	assert_string_equal(b.capture, "none");
	assert_string_not_equal(b.last_id, first_id);
	count_rows(&b, rows);
	assert_int_equal(rows[0], 2);
	assert_int_equal(c->events[VERDICT_APPROVED][CONFIDENCE_CONFIRMED], 1);
	bench_done(&b);
}

static unsigned settled;
static enum verdict settled_verdict;
static bool acknowledges;

static int on_settled(void *context, const struct event *e)
{
	(void)context;
	settled++;
	settled_verdict = e->j->verdict;
	assert_true(e->o->final);
	return acknowledges && e->j->verdict != VERDICT_APPROVED;
}

/* What a connection of the session tells after another one ended changes how that one is judged, counted and, once, told as settled. */
static void test_session_judged_again(void **state)
{
	(void)state;
	static const char text[] = "{\"version\":1,\"approved\":[{\"id\":\"ours\",\"host\":\"ours.example\","
	                           "\"require\":{\"protocol_version\":\"2025-06-18\"}}]}";
	struct bench b;
	struct policy *strict;
	char error[POLICY_ERROR_TEXT], first_id[EVENT_ID_TEXT];
	bench_init(&b);
	assert_int_equal(policy_parse("test", text, sizeof text - 1, &strict, error), 0);
	recorder_free(b.recorder);
	struct recorder_config config = {.policy = strict, .sensor = "test", .signature_set = "1", .captures = captures, .n_captures = 1,
	                                 .on_event = on_event, .on_settled = on_settled, .context = &b};
	b.recorder = recorder_new(&config);
	assert_non_null(b.recorder);
	settled = 0;
	struct observation o = facts("ours.example", true), other = facts("ours.example", false);
	o.transport = other.transport = TRANSPORT_STREAMABLE_HTTP;
	o.session_keys[0] = other.session_keys[0] = 2;
	o.n_session_keys = other.n_session_keys = 1;
	assert_int_equal(take(&b, &o), 0);
	assert_int_equal(b.verdict, VERDICT_APPROVED); /* the version is not known: no breach */
	memcpy(first_id, b.last_id, sizeof first_id);
	const struct recorder_counts *c = recorder_counts(b.recorder);
	assert_int_equal(c->events[VERDICT_APPROVED][CONFIDENCE_LIKELY], 1);
	other.first_frame = 2;
	other.client_port++;
	other.protocol_version = "2024-11-05";
	assert_int_equal(take(&b, &other), 0);
	assert_int_equal(b.finals, 2);
	assert_string_equal(b.last_id, first_id);
	assert_int_equal(b.verdict, VERDICT_VIOLATION);
	assert_int_equal(c->events[VERDICT_APPROVED][CONFIDENCE_LIKELY], 0);
	assert_int_equal(c->events[VERDICT_VIOLATION][CONFIDENCE_LIKELY], 1);
	unsigned rows[2];
	count_rows(&b, rows);
	assert_int_equal(rows[0], 2);
	assert_int_equal(settled, 0);
	assert_int_equal(recorder_settle(b.recorder), 0);
	assert_int_equal(recorder_settle(b.recorder), 0);
	assert_int_equal(settled, 1);
	assert_int_equal(settled_verdict, VERDICT_VIOLATION);
	other.final = true;
	assert_int_equal(take(&b, &other), 0);
	assert_int_equal(recorder_end(b.recorder), 0);
	assert_int_equal(settled, 2);
	assert_int_equal(c->events[VERDICT_VIOLATION][CONFIDENCE_LIKELY], 2);
	policy_free(strict);
	bench_done(&b);
}

/* An event that was told as settled, and whose session went on all the same: it is told again if it has become something else, and what was
 * acknowledged of it is not taken off what it is now. */
static void test_judged_again_when_settled(void **state)
{
	(void)state;
	static const char text[] = "{\"version\":1,\"approved\":[{\"id\":\"ours\",\"host\":\"ours.example\","
	                           "\"require\":{\"protocol_version\":\"2025-06-18\"}}]}";
	static struct observed_count initialize[] = {{"initialize", 1, 1, 1}};
	struct policy *strict;
	char error[POLICY_ERROR_TEXT];
	assert_int_equal(policy_parse("test", text, sizeof text - 1, &strict, error), 0);
	for (int worse = 0; worse < 2; worse++) {
		struct bench b;
		bench_init(&b);
		recorder_free(b.recorder);
		struct recorder_config config = {.policy = strict, .sensor = "test", .signature_set = "1", .captures = captures, .n_captures = 1,
		                                 .on_event = on_event, .on_settled = on_settled, .context = &b};
		b.recorder = recorder_new(&config);
		const struct recorder_counts *c = recorder_counts(b.recorder);
		settled = 0;
		acknowledges = true;
		struct observation o = facts("ours.example", true), other = facts("ours.example", false);
		o.transport = other.transport = TRANSPORT_STREAMABLE_HTTP;
		o.session_keys[0] = other.session_keys[0] = 2;
		o.n_session_keys = other.n_session_keys = 1;
		if (!worse) { /* what it asked for; the server's word comes on another connection */
			o.methods = (struct observed_counts){initialize, 1, 0};
			o.protocol_version = "2024-11-05";
		}
		assert_int_equal(take(&b, &o), 0);
		assert_int_equal(recorder_settle(b.recorder), 0);
		assert_int_equal(settled, 1);
		assert_int_equal(c->acknowledged[VERDICT_VIOLATION], worse ? 0 : 1);
		other.first_frame = 2;
		other.client_port++;
		other.protocol_version = worse ? "2024-11-05" : "2025-11-25";
		other.server_name = worse ? NULL : "s";
		other.names_session = worse ? 0 : 1;
		assert_int_equal(take(&b, &other), 0);
		assert_int_equal(settled, 2);
		assert_int_equal(settled_verdict, worse ? VERDICT_VIOLATION : VERDICT_APPROVED);
		assert_int_equal(c->events[VERDICT_VIOLATION][CONFIDENCE_LIKELY], worse ? 1 : 0);
		assert_int_equal(c->acknowledged[VERDICT_VIOLATION], worse ? 1 : 0);
		assert_int_equal(c->acknowledged[VERDICT_APPROVED], 0);
		assert_int_equal(recorder_end(b.recorder), 0);
		assert_int_equal(settled, 2);
		acknowledges = false;
		bench_done(&b);
	}
	policy_free(strict);
}

/* Every cut, and every byte turned: taken as valid or refused, never believed in between. */
static void test_invalid_bytes(void **state)
{
	(void)state;
	struct bench b;
	bench_init(&b);
	struct observation o = facts("theirs.example", true);
	size_t n;
	uint8_t *bytes = observation_encode(&o, &n);
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *part = malloc(cut ? cut : 1);
		memcpy(part, bytes, cut);
		assert_int_equal(recorder_take(b.recorder, part, cut), 0);
		free(part);
	}
	const struct recorder_counts *c = recorder_counts(b.recorder);
	assert_int_equal(c->invalid, n);
	assert_int_equal(b.finals, 0);
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 0xff;
		assert_int_equal(recorder_take(b.recorder, bytes, n), 0);
		bytes[i] ^= 0xff;
	}
	assert_int_equal(c->observations, 2 * n);
	uint64_t events = 0;
	for (int v = 0; v < VERDICT_COUNT; v++)
		for (int k = 0; k < CONFIDENCE_COUNT; k++)
			events += c->events[v][k];
	/* a connection counts once, however often it is told to have ended; its bytes turned elsewhere are the same connection */
	assert_true(events > 1 && events <= b.finals);
	assert_true(c->invalid + b.finals <= c->observations);
	free(bytes);
	bench_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_row_per_connection), cmocka_unit_test(test_session_judged_again),
		cmocka_unit_test(test_judged_again_when_settled),
		cmocka_unit_test(test_invalid_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
