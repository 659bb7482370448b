/* Delivery, through exits that do as the test tells them: in order, at least once, paced, one apart from the other, and
 * ended in time. What is under test are dispatcher.c and courier.c; the exits' functions are defined here. */
#include "dispatcher.h"
#include "recorder/store/store_fixture.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define EXITS 2
#define MOST 4096

static struct alert_exit {
	char name[32];
	/* what it does */
	atomic_int fails;       /* so many sends from now on; -1: all */
	atomic_int fails_flush; /* so many flushes */
	atomic_int refuses_id;
	atomic_bool hangs;
	/* what it got */
	atomic_int n, tries, reopened;
	uint64_t ids[MOST];
} exits[EXITS];

int alert_exit_send(struct alert_exit *x, const struct alert *a, char error[ALERT_ERROR_TEXT])
{
	x->tries++;
	while (x->hangs)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	if (!json_is_object(a->event) || x->n == MOST)
		abort(); /* cmocka's own way out is for the test's thread */
	if (x->fails) {
		if (x->fails > 0)
			x->fails--;
		snprintf(error, ALERT_ERROR_TEXT, "no\x1b[31m answer");
		return FAIL_IO;
	}
	if ((int)a->id == x->refuses_id) {
		snprintf(error, ALERT_ERROR_TEXT, "too long");
		return FAIL_INPUT;
	}
	x->ids[x->n++] = a->id;
	return 0;
}

int alert_exit_flush(struct alert_exit *x, char error[ALERT_ERROR_TEXT])
{
	snprintf(error, ALERT_ERROR_TEXT, "disk full");
	if (x->fails_flush == 0)
		return 0;
	x->fails_flush--;
	return FAIL_IO;
}

const char *alert_exit_name(const struct alert_exit *x)
{
	return x->name;
}
void alert_exit_reopen(struct alert_exit *x)
{
	x->reopened++;
}

/* ---- what the operator hears ---- */

static pthread_mutex_t heard_lock = PTHREAD_MUTEX_INITIALIZER;
static char heard[8192];

static void hear(void *context, bool wrong, const char *sentence)
{
	(void)context;
	pthread_mutex_lock(&heard_lock);
	size_t n = strlen(heard);
	snprintf(heard + n, sizeof heard - n, "%s%s\n", wrong ? "! " : "", sentence);
	pthread_mutex_unlock(&heard_lock);
}

static int times_heard(const char *what)
{
	int n = 0;
	pthread_mutex_lock(&heard_lock);
	for (const char *p = heard; (p = strstr(p, what)); p++)
		n++;
	pthread_mutex_unlock(&heard_lock);
	return n;
}

/* ---- the place ---- */

static struct store *store;
static struct dispatcher *dispatcher;
static struct dispatcher_exit places[EXITS];

static int up(void **state)
{
	if (fixture_up(state) != 0)
		return -1;
	heard[0] = 0;
	memset(exits, 0, sizeof exits);
	store = opened(*state);
	for (size_t i = 0; i < EXITS; i++) {
		snprintf(exits[i].name, sizeof exits[i].name, "exit%zu", i);
		places[i].exit = &exits[i];
		if (store_alert_exit(store, exits[i].name, &places[i].id) != 0)
			return -1;
	}
	dispatcher = NULL;
	return 0;
}

static int down(void **state)
{
	if (store)
		store_close(store);
	return fixture_down(state);
}

static void start_at(unsigned rate)
{
	struct dispatcher_config config = {
	    .exits = places, .n_exits = EXITS, .store = store, .rate = rate, .say = hear};
	if (dispatcher_start(&config, &dispatcher, fixture.error) != 0)
		fail_msg("%s", fixture.error);
}

static void add(size_t exit, int n)
{
	struct store_alert a = {.count = 1, .severity = SEVERITY_HIGH, .event = (char *)"{\"a\":1}"};
	for (int i = 0; i < n; i++)
		assert_int_equal(store_alert_add(store, places[exit].id, &a, 100000), 0);
}

static bool within(int ms, bool (*is)(void))
{
	for (; ms > 0 && !is(); ms -= 5)
		nanosleep(&(struct timespec){0, 5000000}, NULL);
	return is();
}

static struct store_alert_counts counts(size_t exit)
{
	struct store_alert_counts c;
	assert_int_equal(store_outbox_counts(store, places[exit].id, &c), 0);
	return c;
}

static void in_order(const struct alert_exit *x, int n)
{
	assert_int_equal(x->n, n);
	for (int i = 1; i < n; i++)
		assert_true(x->ids[i] > x->ids[i - 1]);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- tests ---- */

static void what_was_left_and_what_comes_goes_out_in_order(void **state)
{
	(void)state;
	add(0, 500);
	start_at(100000);
	add(0, 20);
	add(1, 3);
	dispatcher_nudge(dispatcher);
	assert_true(dispatcher_settle(dispatcher, 20000));
	in_order(&exits[0], 520);
	in_order(&exits[1], 3);
	struct dispatcher_state s;
	assert_true(dispatcher_stop(dispatcher, 1000));
	assert_int_equal(counts(0).sent, 520);
	assert_int_equal(counts(0).waiting, 0);
	start_at(10);
	dispatcher_state(dispatcher, 0, &s);
	assert_string_equal(s.name, "exit0");
	assert_int_equal(s.counts.raised, 520);
	assert_false(s.failing);
	assert_true(dispatcher_stop(dispatcher, 1000));
	assert_string_equal(heard, "");
}

static bool both_tried(void)
{
	return exits[0].tries && exits[1].n == 50;
}
static bool five(void)
{
	return exits[0].n == 5;
}

static void a_dead_exit_waits_alone_and_is_spoken_of_once(void **state)
{
	(void)state;
	exits[0].fails = 2;
	add(0, 5);
	add(1, 50);
	start_at(100000);
	assert_true(within(10000, both_tried));
	assert_true(within(20000, five)); /* one second, then two */
	assert_true(dispatcher_settle(dispatcher, 10000));
	assert_int_equal(exits[0].tries, 7);
	in_order(&exits[0], 5);
	assert_true(dispatcher_stop(dispatcher, 1000));
	assert_int_equal(times_heard("! exit0 cannot be reached: no\\x1b[31m answer; alerts wait"), 1);
	assert_int_equal(times_heard("exit0 can be reached again"), 1);
	assert_int_equal(times_heard("exit1"), 0);
}

static void a_hanging_exit_stops_neither_the_other_nor_the_end(void **state)
{
	(void)state;
	exits[0].hangs = true;
	add(0, 1);
	add(1, 50);
	start_at(100000);
	assert_true(within(10000, both_tried));
	assert_false(dispatcher_settle(dispatcher, 50));
	int64_t began = now_ms();
	assert_false(dispatcher_stop(dispatcher, 200));
	assert_true(now_ms() - began < 5000);
	assert_int_equal(counts(0).waiting, 1);
	exits[0].fails = -1;
	exits[0].hangs = false; /* it comes back to an end that is past, and is silent */
	nanosleep(&(struct timespec){0, 300000000}, NULL);
	assert_int_equal(times_heard("exit0"), 0);
}

static void the_end_is_a_last_try(void **state)
{
	(void)state;
	exits[0].fails = 1;
	add(0, 3);
	start_at(100000);
	while (!exits[0].tries)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	exits[1].fails = -1;
	add(1, 1);
	assert_true(dispatcher_stop(dispatcher, 2000));
	in_order(&exits[0], 3); /* without waiting for its second */
	assert_int_equal(counts(1).waiting, 1);
	exits[1].fails = 0;
	start_at(100000);
	assert_true(dispatcher_settle(dispatcher, 10000));
	assert_true(dispatcher_stop(dispatcher, 1000));
	in_order(&exits[1], 1);
}

/* A buffer that could not be emptied: nobody knows what of it has arrived, so all of it goes again. */
static void what_was_not_pushed_out_is_sent_again(void **state)
{
	(void)state;
	exits[0].fails_flush = 1;
	add(0, 4);
	start_at(100000);
	assert_true(dispatcher_settle(dispatcher, 20000));
	assert_true(dispatcher_stop(dispatcher, 1000));
	assert_int_equal(exits[0].n, 8);
	for (int i = 0; i < 4; i++)
		assert_int_equal(exits[0].ids[i], exits[0].ids[i + 4]);
	assert_int_equal(counts(0).sent, 4);
	assert_int_equal(times_heard("disk full"), 1);
}

static void what_is_refused_for_good_holds_up_nothing(void **state)
{
	(void)state;
	add(0, 3);
	struct store_alert bad = {.count = 1, .severity = SEVERITY_LOW, .event = (char *)"{\"torn"};
	assert_int_equal(store_alert_add(store, places[0].id, &bad, 100), 0);
	add(0, 1);
	exits[0].refuses_id = 2;
	start_at(100000);
	assert_true(dispatcher_settle(dispatcher, 10000));
	assert_true(dispatcher_stop(dispatcher, 1000));
	in_order(&exits[0], 3);
	assert_int_equal(counts(0).sent, 3);
	assert_int_equal(counts(0).refused, 2);
	assert_int_equal(times_heard("! exit0 refuses alerts for good, 1 until now: too long"), 1);
}

static void it_is_no_faster_than_allowed(void **state)
{
	(void)state;
	add(0, 60);
	int64_t began = now_ms();
	start_at(20); /* twenty at once, forty in two seconds */
	assert_true(dispatcher_settle(dispatcher, 20000));
	int64_t took = now_ms() - began;
	assert_true(took >= 1900);
	assert_true(dispatcher_stop(dispatcher, 1000));
	in_order(&exits[0], 60);
}

static bool reopened(void)
{
	return exits[0].reopened == 1 && exits[0].n == 1;
}

static void reopening_ends_the_waiting(void **state)
{
	(void)state;
	exits[0].fails = 1;
	add(0, 1);
	start_at(100000);
	while (!exits[0].tries)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	nanosleep(&(struct timespec){0, 50000000}, NULL);
	dispatcher_reopen(dispatcher);
	assert_true(within(600, reopened)); /* its second is not over */
	assert_true(dispatcher_stop(dispatcher, 1000));
}

static void lost_alerts_are_spoken_of_once(void **state)
{
	(void)state;
	struct store_alert a = {.count = 1, .severity = SEVERITY_HIGH, .event = (char *)"{}"};
	exits[0].fails = -1;
	start_at(100000);
	for (int i = 0; i < 10; i++)
		assert_int_equal(store_alert_add(store, places[0].id, &a, 4), 0);
	dispatcher_nudge(dispatcher);
	assert_true(dispatcher_stop(dispatcher, 1000));
	assert_int_equal(counts(0).lost, 6);
	assert_int_equal(counts(0).waiting, 4);
	assert_int_equal(times_heard("ALERTS ARE LOST"), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {T(what_was_left_and_what_comes_goes_out_in_order),
					   T(a_dead_exit_waits_alone_and_is_spoken_of_once),
					   T(the_end_is_a_last_try),
					   T(what_was_not_pushed_out_is_sent_again),
					   T(what_is_refused_for_good_holds_up_nothing),
					   T(it_is_no_faster_than_allowed),
					   T(reopening_ends_the_waiting),
					   T(lost_alerts_are_spoken_of_once),
					   T(a_hanging_exit_stops_neither_the_other_nor_the_end)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
