/* Somebody sets the wall clock while packets come: no connection ends, no event is doubled, ages count on. The captures are the
 * test's own and so is the wall clock: the linker turns lane's and intake's calls this way (CMakeLists.txt). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "capture_live.h"
#include "record.h"
#include "intake.h"
#include "observation.h"
#include "signature.h"

enum { FIN = 1, SYN = 2, ACK = 16, QUEUE = 64 };
#define DAY (INT64_C(86400) * NS_PER_SEC)

/* ---- the wall clock ---- */

int __real_clock_gettime(clockid_t which, struct timespec *t);
int __wrap_clock_gettime(clockid_t which, struct timespec *t);

static _Atomic int64_t wall_ahead_ns; /* of the real one */

int __wrap_clock_gettime(clockid_t which, struct timespec *t)
{
	int r = __real_clock_gettime(which, t);
	if (which == CLOCK_REALTIME) {
		int64_t ns = t->tv_sec * NS_PER_SEC + t->tv_nsec + wall_ahead_ns;
		t->tv_sec = ns / NS_PER_SEC;
		t->tv_nsec = ns % NS_PER_SEC;
	}
	return r;
}

static int64_t wall_ns(void)
{
	struct timespec t;
	__wrap_clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* ---- a capture whose frames the test makes ---- */

struct capture_live {
	pthread_mutex_t lock;
	struct frame frames[QUEUE];
	uint8_t bytes[QUEUE][512];
	unsigned n, read;
	uint64_t number;
	uint32_t seq[2];
};

int __wrap_capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context);
void __wrap_capture_live_counts(struct capture_live *c, struct capture_live_counts *ret);
bool __wrap_capture_live_is_down(const struct capture_live *c);
const char *__wrap_capture_live_error(const struct capture_live *c);
void __wrap_capture_live_free(struct capture_live *c);

int __wrap_capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context)
{
	int n = 0;
	pthread_mutex_lock(&c->lock);
	for (; c->read < c->n && most--; n++)
		fn(context, &c->frames[c->read++]);
	pthread_mutex_unlock(&c->lock);
	if (n == 0)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return n;
}

void __wrap_capture_live_counts(struct capture_live *c, struct capture_live_counts *ret)
{
	*ret = (struct capture_live_counts){.received = c->read};
}

bool __wrap_capture_live_is_down(const struct capture_live *c)
{
	return !c;
}

const char *__wrap_capture_live_error(const struct capture_live *c)
{
	return c ? "" : "none";
}

void __wrap_capture_live_free(struct capture_live *c)
{
	if (c)
		pthread_mutex_destroy(&c->lock);
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

/* A TCP segment between 10.0.0.HOST:40000 and 10.0.1.1:8000, stamped with that time. */
static void segment_at(struct capture_live *c, int64_t time_ns, uint8_t host, enum direction d, unsigned flags, const char *text)
{
	size_t n = strlen(text);
	pthread_mutex_lock(&c->lock);
	assert_true(c->n < QUEUE && n <= sizeof c->bytes[0] - 54);
	uint8_t *f = memset(c->bytes[c->n], 0, sizeof c->bytes[0]), *ip = f + 14, *tcp = ip + 20;
	memcpy(f, d == FROM_CLIENT ? "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" : "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0", 14);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(40 + n));
	put16(ip + 4, (unsigned)c->number); /* else two of the same content would count as one */
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + (d == FROM_CLIENT ? 12 : 16), (uint8_t[]){10, 0, 0, host}, 4);
	memcpy(ip + (d == FROM_CLIENT ? 16 : 12), (uint8_t[]){10, 0, 1, 1}, 4);
	put16(tcp, d == FROM_CLIENT ? 40000 : 8000);
	put16(tcp + 2, d == FROM_CLIENT ? 8000 : 40000);
	put32(tcp + 4, c->seq[d]);
	put32(tcp + 8, flags & ACK ? c->seq[direction_flip(d)] : 0);
	tcp[12] = 0x50;
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 64000);
	memcpy(tcp + 20, text, n);
	c->seq[d] += (uint32_t)n + !!(flags & (SYN | FIN));
	c->frames[c->n] = (struct frame){.data = f, .caplen = (uint32_t)(54 + n), .len = (uint32_t)(54 + n), .link_type = 1,
	                                 .time_ns = time_ns, .number = ++c->number};
	c->n++;
	pthread_mutex_unlock(&c->lock);
}

static void segment(struct capture_live *c, enum direction d, unsigned flags, const char *text)
{
	segment_at(c, wall_ns(), 7, d, flags, text);
}

/* ---- the bench ---- */

struct bench {
	struct capture_live capture;
	struct signature_set *signatures;
	struct sensor *sensor;
	struct intake *intake;
	unsigned observations, finals;
	int64_t connection_ns;
	uint64_t requests;
};

static void on_observation(void *context, const uint8_t *bytes, size_t n)
{
	struct bench *b = context;
	struct observation_box box;
	if (record_kind_of(bytes, n) != RECORD_OBSERVATION)
		return; /* what it offers is told beside it */
	assert_true(observation_decode(bytes, n, &box));
	if (b->observations++ == 0)
		b->connection_ns = box.o.connection_time_ns;
	assert_int_equal(box.o.connection_time_ns, b->connection_ns); /* the same event */
	assert_int_equal(box.o.first_frame, 1);
	b->finals += box.o.final;
	b->requests = box.o.requests;
	observation_box_done(&box);
}

static int up(void **state)
{
	static const char *const directories[] = {TEST_SOURCE_DIR "/signatures"};
	char error[SIGNATURE_ERROR_TEXT];
	struct bench *b = calloc(1, sizeof *b);
	struct capture_live *captures[] = {&b->capture};
	wall_ahead_ns = 0;
	pthread_mutex_init(&b->capture.lock, NULL);
	if (signature_set_load(directories, 1, &b->signatures, error) != 0)
		return -1;
	struct sensor_config config = {.signatures = b->signatures, .workers = 1, .shard_key = {1, 2}};
	*state = b;
	return sensor_new(&config, on_observation, b, &b->sensor) != 0 || intake_new(captures, 1, &b->intake) != 0 ||
	       intake_start(b->intake) != 0;
}

static int down(void **state)
{
	struct bench *b = *state;
	intake_free(b->intake);
	sensor_free(b->sensor);
	signature_set_free(b->signatures);
	free(b);
	return 0;
}

/* Everything that was sent is read, and time has passed once after it. */
static void settle(struct bench *b)
{
	struct sensor_stats s;
	do {
		assert_int_equal(intake_round(b->intake, b->sensor, 20), 0);
		sensor_stats(b->sensor, &s);
	} while (s.packets < b->capture.n);
	assert_int_equal(s.packets, b->capture.n);
	assert_int_equal(intake_round(b->intake, b->sensor, 1), 0);
}

/* Seconds go by, in pieces too small for a step. */
static void pass(struct bench *b, int seconds)
{
	for (int i = 0; i < 2 * seconds; i++) {
		wall_ahead_ns += NS_PER_SEC / 2;
		assert_int_equal(intake_round(b->intake, b->sensor, 0), 0);
	}
}

static struct flow_counts flows(struct bench *b)
{
	struct sensor_stats s;
	sensor_stats(b->sensor, &s);
	return s.flows;
}

static void request_at(struct bench *b, int64_t time_ns, const char *body)
{
	char text[448];
	snprintf(text, sizeof text, "POST /mcp HTTP/1.1\r\nHost: t\r\nAccept: application/json, text/event-stream\r\n"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	segment_at(&b->capture, time_ns, 7, FROM_CLIENT, ACK, text);
}

static void answer(struct bench *b, const char *body)
{
	char text[448];
	snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	segment(&b->capture, FROM_SERVER, ACK, text);
}

static const char initialize[] = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\","
	"\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}";
static const char initialized[] = "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},"
	"\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}}";
static const char listing[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
static const char listed[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}";

static void open_connection(struct bench *b)
{
	segment(&b->capture, FROM_CLIENT, SYN, "");
	segment(&b->capture, FROM_SERVER, SYN | ACK, "");
	request_at(b, wall_ns(), initialize);
	answer(b, initialized);
	settle(b);
	assert_true(b->observations > 0);
	assert_int_equal(b->requests, 1);
}

/* The same connection, after the step and to its end. */
static void go_on(struct bench *b)
{
	settle(b);
	assert_int_equal(flows(b).opened, 1);
	assert_int_equal(flows(b).alive, 1);
	assert_int_equal(b->finals, 0);
	answer(b, listed);
	settle(b);
	pass(b, 30);
	assert_int_equal(flows(b).alive, 1);
	assert_int_equal(intake_stop(b->intake, b->sensor), 0);
	assert_int_equal(sensor_end(b->sensor), 0);
	assert_int_equal(b->finals, 1);
	assert_int_equal(b->requests, 2);
	assert_int_equal(flows(b).opened, 1);
}

/* ---- tests ---- */

static void a_connection_survives(void **state, int64_t step_ns)
{
	struct bench *b = *state;
	open_connection(b);
	wall_ahead_ns += step_ns;
	request_at(b, wall_ns(), listing); /* in the same round as the step: nothing looked at the clock in between */
	go_on(b);
}

static void test_forward(void **state)
{
	a_connection_survives(state, DAY);
}

static void test_backward(void **state)
{
	a_connection_survives(state, -DAY);
}

/* The kernel's ring still held a packet of the old time when the clock was set. */
static void test_late_packet(void **state, int64_t step_ns)
{
	struct bench *b = *state;
	open_connection(b);
	int64_t before = wall_ns();
	wall_ahead_ns += step_ns;
	request_at(b, before, listing);
	go_on(b);
}

static void test_late_forward(void **state)
{
	test_late_packet(state, DAY);
}

static void test_late_backward(void **state)
{
	test_late_packet(state, -DAY);
}

/* Set twice before a packet comes: the second one is what counts for it. */
static void test_there_and_back(void **state)
{
	struct bench *b = *state;
	open_connection(b);
	wall_ahead_ns += DAY;
	assert_int_equal(intake_round(b->intake, b->sensor, 1), 0);
	wall_ahead_ns -= DAY;
	request_at(b, wall_ns(), listing);
	go_on(b);
}

/* A connection that is half open lives for LIMIT_FLOW_HALF_OPEN_SECONDS of time that passes, whatever the clock shows. */
static void half_open_ages(void **state, int64_t step_ns)
{
	struct bench *b = *state;
	segment(&b->capture, FROM_CLIENT, SYN, "");
	settle(b);
	pass(b, LIMIT_FLOW_HALF_OPEN_SECONDS / 2);
	assert_int_equal(flows(b).alive, 1);
	wall_ahead_ns += step_ns;
	pass(b, LIMIT_FLOW_HALF_OPEN_SECONDS / 2 - 5);
	assert_int_equal(flows(b).alive, 1);
	pass(b, 10);
	assert_int_equal(flows(b).alive, 0);
	assert_int_equal(flows(b).aged, 1);
}

static void test_ages_forward(void **state)
{
	half_open_ages(state, DAY);
}

static void test_ages_backward(void **state)
{
	half_open_ages(state, -DAY);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_forward),        T(test_backward),       T(test_late_forward), T(test_late_backward),
		T(test_there_and_back), T(test_ages_forward),   T(test_ages_backward),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
