/* Frames of several captures, each read by its lane's thread, reach the sensor in the order of their times; a lane that
 * has nothing is not waited for, one that hangs is told of, and what is read when the end comes is still fed. The
 * captures and the sensor are the test's own: the linker turns the calls this way (CMakeLists.txt). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture_live.h"
#include "intake.h"
#include "status.h"
#include <time.h>
#include <unistd.h>

enum { FRAME = 60, QUEUE = 8192 };

/* ---- captures ---- */

struct capture_live {
	pthread_mutex_t lock;
	struct {
		int64_t time_ns;
		uint32_t len;
	} queue[QUEUE];
	unsigned n, read;
	_Atomic bool hangs, fails, down;
	bool freed;
};

static struct capture_live captures[3];
static _Atomic bool let_go;

int __wrap_capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context);
void __wrap_capture_live_counts(struct capture_live *c, struct capture_live_counts *ret);
bool __wrap_capture_live_is_down(const struct capture_live *c);
const char *__wrap_capture_live_error(const struct capture_live *c);
void __wrap_capture_live_free(struct capture_live *c);

/* Ethernet, IPv4, TCP: a segment of nothing. The rest of it is the payload. */
static void frame_make(uint8_t *b, uint32_t n, unsigned port)
{
	static const uint8_t head[] = {2, 0, 0, 0,  0, 1,  2, 0, 0, 0,  0, 2, 8,    0,    0x45, 0, 0,
				       0, 0, 0, 0,  0, 64, 6, 0, 0, 10, 0, 0, 1,    10,   0,    0, 2,
				       0, 0, 0, 80, 0, 0,  0, 1, 0, 0,  0, 1, 0x50, 0x10, 1,    0};
	memset(b, 'x', n);
	memcpy(b, head, sizeof head);
	b[16] = (uint8_t)((n - 14) >> 8);
	b[17] = (uint8_t)(n - 14);
	b[34] = (uint8_t)(port >> 8);
	b[35] = (uint8_t)port;
}

int __wrap_capture_live_read(struct capture_live *c, unsigned most, capture_live_frame_fn *fn, void *context)
{
	static _Thread_local uint8_t bytes[65536];
	int n = 0;
	while (c->hangs && !let_go)
		usleep(1000);
	pthread_mutex_lock(&c->lock);
	for (; c->read < c->n && most--; n++, c->read++) {
		struct frame f = {bytes,      c->queue[c->read].len,    c->queue[c->read].len,
				  1,          (uint32_t)(c - captures), c->queue[c->read].time_ns,
				  c->read + 1};
		frame_make(bytes, f.len, 1024 + (unsigned)(c - captures));
		fn(context, &f);
	}
	pthread_mutex_unlock(&c->lock);
	if (n == 0 && c->fails)
		return FAIL_IO;
	if (n == 0)
		usleep(1000);
	return n;
}

void __wrap_capture_live_counts(struct capture_live *c, struct capture_live_counts *ret)
{
	*ret = (struct capture_live_counts){.received = c->read};
}

bool __wrap_capture_live_is_down(const struct capture_live *c)
{
	return c->down;
}

const char *__wrap_capture_live_error(const struct capture_live *c)
{
	return c ? "vanished" : NULL;
}

void __wrap_capture_live_free(struct capture_live *c)
{
	c->freed = true;
}

static void queue(unsigned capture, int64_t time_ns, uint32_t len)
{
	struct capture_live *c = &captures[capture];
	pthread_mutex_lock(&c->lock);
	assert_true(c->n < QUEUE);
	c->queue[c->n].time_ns = time_ns;
	c->queue[c->n++].len = len;
	pthread_mutex_unlock(&c->lock);
}

/* ---- the sensor ---- */

static unsigned fed, fed_of[3], disordered, queued, early_ticks;
static int64_t latest_ns, ticked_ns;
static bool bytes_ok;
static int sensor_result;

int __wrap_sensor_packet(struct sensor *s, const struct packet *p);
int __wrap_sensor_flush(struct sensor *s);
int __wrap_sensor_tick(struct sensor *s, int64_t now_ns);
int __wrap_sensor_clock_stepped(struct sensor *s, int64_t step_ns);

int __wrap_sensor_packet(struct sensor *s, const struct packet *p)
{
	(void)s;
	fed++;
	fed_of[p->src_port - 1024]++;
	disordered += p->time_ns < latest_ns;
	latest_ns = p->time_ns > latest_ns ? p->time_ns : latest_ns;
	for (size_t i = 0; i < p->payload.n; i++)
		bytes_ok &= p->payload.p[i] == 'x';
	return sensor_result;
}

int __wrap_sensor_flush(struct sensor *s)
{
	(void)s;
	return 0;
}

int __wrap_sensor_tick(struct sensor *s, int64_t now_ns)
{
	(void)s;
	early_ticks += fed < queued;
	ticked_ns = now_ns;
	return 0;
}

int __wrap_sensor_clock_stepped(struct sensor *s, int64_t step_ns)
{
	(void)s;
	(void)step_ns;
	return 0;
}

/* ---- the tests ---- */

static struct intake *in;

static int up(void **state)
{
	(void)state;
	memset(captures, 0, sizeof captures);
	for (int i = 0; i < 3; i++)
		pthread_mutex_init(&captures[i].lock, NULL);
	fed = disordered = queued = early_ticks = 0;
	ticked_ns = 0;
	memset(fed_of, 0, sizeof fed_of);
	latest_ns = 0;
	bytes_ok = true;
	sensor_result = 0;
	let_go = false;
	return 0;
}

static int down(void **state)
{
	(void)state;
	let_go = true;
	intake_free(in);
	in = NULL;
	for (int i = 0; i < 3; i++)
		pthread_mutex_destroy(&captures[i].lock);
	return 0;
}

static void start(unsigned n)
{
	struct capture_live *const handles[] = {&captures[0], &captures[1], &captures[2]};
	assert_int_equal(intake_new(handles, n, &in), 0);
	assert_int_equal(intake_lanes(in), n);
	assert_int_equal(intake_start(in), 0);
}

static void rounds_until(unsigned packets)
{
	for (int i = 0; i < 400 && fed < packets; i++)
		assert_int_equal(intake_round(in, NULL, 50), 0);
	assert_int_equal(fed, packets);
}

/* More than all batches of a lane hold, so that they come round. */
static void test_order(void **state)
{
	(void)state;
	for (int i = 0; i < 6000; i++)
		for (unsigned c = 0; c < 3; c++)
			queue(c, 1000 + i * 10 + (int)(c * 7 % 10), FRAME);
	start(3);
	rounds_until(18000);
	assert_int_equal(disordered, 0);
	assert_int_equal(intake_impatient(in), 0);
	assert_true(bytes_ok);
	for (unsigned c = 0; c < 3; c++) {
		struct intake_lane_state l;
		intake_lane(in, c, &l);
		assert_int_equal(fed_of[c], 6000);
		assert_int_equal(l.counts.frames, 6000);
		assert_int_equal(l.counts.packets, 6000);
		assert_true(l.counts.frame_bytes == 6000 * FRAME);
		assert_true(!l.down && !l.over);
	}
}

/* Packets that do not fit a batch's chunk have one of their own, and it goes again. */
static void test_large_packets(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++)
		queue(0, 1000 + i, i % 3 ? 65000 : FRAME);
	start(1);
	rounds_until(3000);
	assert_true(bytes_ok);
}

/* While there are packets to be read it is they who say what time it is; after that the clock goes on. */
static void test_time(void **state)
{
	(void)state;
	struct timespec t;
	for (int i = 0; i < QUEUE; i++)
		queue(0, 1000 + i, FRAME);
	queued = QUEUE;
	start(2);
	rounds_until(QUEUE);
	for (int i = 0; i < 400 && !ticked_ns; i++)
		assert_int_equal(intake_round(in, NULL, 10), 0);
	assert_int_equal(early_ticks, 0);
	clock_gettime(CLOCK_REALTIME, &t);
	assert_true(ticked_ns < t.tv_sec * NS_PER_SEC + t.tv_nsec - NS_PER_SEC / 4);
	assert_true(ticked_ns > (t.tv_sec - 60) * NS_PER_SEC);
}

/* One port is quiet: it has looked and found nothing, and is not waited for. */
static void test_quiet_lane(void **state)
{
	(void)state;
	start(2);
	for (int i = 0; i < 50; i++) {
		queue(0, 1000 + i, FRAME);
		rounds_until((unsigned)i + 1);
	}
	assert_int_equal(intake_impatient(in), 0);
}

static void test_lane_that_hangs(void **state)
{
	(void)state;
	captures[1].hangs = true;
	start(2);
	queue(0, 1000, FRAME);
	rounds_until(1);
	assert_true(intake_impatient(in) > 0);
	for (int i = 0; i < LIMIT_LANE_LOOKS - 1; i++) {
		assert_false(intake_is_stuck(in));
		usleep(10000);
	}
	bool stuck = false;
	for (int i = 0; i < 3; i++)
		stuck |= intake_is_stuck(in);
	assert_true(stuck);
	captures[1].hangs = false;
	usleep(100000);
	assert_false(intake_is_stuck(in));
}

/* Its batches are all full since nobody takes them: that is not the lane's fault. */
static void test_lane_that_waits_is_not_stuck(void **state)
{
	(void)state;
	for (int i = 0; i < QUEUE; i++)
		queue(0, 1000 + i, FRAME);
	start(1);
	usleep(300000);
	for (int i = 0; i < 3 * LIMIT_LANE_LOOKS; i++)
		assert_false(intake_is_stuck(in));
	rounds_until(QUEUE);
}

static void test_interface_vanishes(void **state)
{
	(void)state;
	struct intake_lane_state l;
	captures[1].down = true;
	start(2);
	queue(0, 1000, FRAME);
	queue(1, 1001, FRAME);
	rounds_until(2);
	captures[1].fails = true;
	for (int i = 0; i < 500; i++) {
		intake_lane(in, 1, &l);
		if (l.over)
			break;
		usleep(10000);
	}
	assert_true(l.over && l.down);
	assert_string_equal(l.error, "vanished");
	queue(0, 1002, FRAME);
	rounds_until(3);
	assert_int_equal(intake_impatient(in), 0);
}

/* What the lanes had read when they were told to stop is fed. */
static void test_stop(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		queue((unsigned)i % 2, 1000 + i, FRAME);
	start(2);
	struct intake_lane_state a = {0}, b = {0};
	for (int i = 0; i < 500 && a.counts.packets + b.counts.packets < 100; i++) {
		usleep(10000);
		intake_lane(in, 0, &a);
		intake_lane(in, 1, &b);
	}
	assert_int_equal(fed, 0);
	assert_int_equal(intake_stop(in, NULL), 0);
	assert_int_equal(fed, 100);
	assert_int_equal(disordered, 0);
}

static void *let_go_soon(void *context)
{
	(void)context;
	usleep(100000);
	let_go = true;
	return NULL;
}

/* The end comes while more is there to be read than one batch holds. */
static void test_stop_reads_on(void **state)
{
	(void)state;
	pthread_t thread;
	captures[0].hangs = true;
	start(1);
	for (int i = 0; i < 3 * LIMIT_LANE_PACKETS; i++)
		queue(0, 1000 + i, FRAME);
	assert_int_equal(pthread_create(&thread, NULL, let_go_soon, NULL), 0);
	assert_int_equal(intake_stop(in, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(fed, 3 * LIMIT_LANE_PACKETS);
}

/* It ends, however much comes. */
static void test_stop_ends(void **state)
{
	(void)state;
	pthread_t thread;
	captures[0].hangs = true;
	start(1);
	for (int i = 0; i < QUEUE; i++)
		queue(0, 1000 + i, FRAME);
	assert_int_equal(pthread_create(&thread, NULL, let_go_soon, NULL), 0);
	assert_int_equal(intake_stop(in, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(fed, LIMIT_LANE_BATCHES * LIMIT_LANE_PACKETS);
}

static void test_sensor_fails(void **state)
{
	(void)state;
	start(1);
	queue(0, 1000, FRAME);
	sensor_result = FAIL_MEMORY;
	int r = 0;
	for (int i = 0; i < 100 && r == 0; i++)
		r = intake_round(in, NULL, 50);
	assert_int_equal(r, FAIL_MEMORY);
}

static void test_too_many_lanes(void **state)
{
	(void)state;
	struct capture_live *handles[LIMIT_LANES + 1];
	for (int i = 0; i <= LIMIT_LANES; i++)
		handles[i] = &captures[0];
	assert_int_equal(intake_new(handles, LIMIT_LANES + 1, &in), FAIL_MEMORY);
	assert_true(captures[0].freed); /* taken over, also on failure */
	in = NULL;
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_order),
	    T(test_large_packets),
	    T(test_time),
	    T(test_quiet_lane),
	    T(test_lane_that_hangs),
	    T(test_lane_that_waits_is_not_stuck),
	    T(test_interface_vanishes),
	    T(test_stop),
	    T(test_stop_reads_on),
	    T(test_stop_ends),
	    T(test_sensor_fails),
	    T(test_too_many_lanes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
