/* Events of the backlog reach the database, also when it could not be written for a while; what is no event is counted
 * and passed by; the end waits no longer than it was told to, and loses nothing that it can keep. */
#include "recorder/store/store_fixture.h"

#include "limits.h"
#include "writer.h"
#include <sqlite3.h>
#include <time.h>

/* Somebody sets the wall clock; the linker turns the calls this way (CMakeLists.txt). */
int __real_clock_gettime(clockid_t which, struct timespec *t);
int __wrap_clock_gettime(clockid_t which, struct timespec *t);

static _Atomic int64_t wall_ahead_s;

int __wrap_clock_gettime(clockid_t which, struct timespec *t)
{
	int r = __real_clock_gettime(which, t);
	t->tv_sec += which == CLOCK_REALTIME ? wall_ahead_s : 0;
	return r;
}

static struct store *store;
static struct backlog *backlog;
static struct writer *writer;
static _Atomic int committed;

static char *event_text(int n)
{
	struct observation o = sample_observation();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	struct event e;
	o.connection_time_ns = n;
	assert_int_equal(event_from(&o, &j, TRAFFIC_OUTBOUND, &fixture_context, NULL, &e), 0);
	json_t *json = event_json(&e);
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
	assert_non_null(text);
	json_decref(json);
	return text;
}

static void put(int from, int n)
{
	for (int i = from; i < from + n; i++) {
		char *text = event_text(i);
		backlog_put_take(backlog, text, strlen(text));
	}
}

static void count(void *context, const json_t *event)
{
	(void)context;
	committed += json_object_get(event, "event_id") != NULL;
}

static struct writer_state state_now(void)
{
	struct writer_state s;
	writer_state(writer, &s);
	return s;
}

/* Waits until the condition holds; the machine may be loaded. */
#define SOON(condition)                                                                                                \
	do {                                                                                                           \
		int left = 1000;                                                                                       \
		while (!(condition) && left--)                                                                         \
			usleep(20000);                                                                                 \
		assert_true(condition);                                                                                \
	} while (0)

static int up(void **state)
{
	struct backlog_config b = {.memory_bytes = 1 << 20};
	char error[BACKLOG_ERROR_TEXT];
	committed = 0;
	wall_ahead_s = 0;
	if (fixture_up(state) != 0)
		return -1;
	store = opened(*state);
	return backlog_new(&b, &backlog, error);
}

static int down(void **state)
{
	if (writer)
		writer_stop(writer, 0);
	backlog_free(backlog);
	store_close(store);
	writer = NULL;
	return fixture_down(state);
}

static void start(int64_t retain_ns)
{
	struct writer_config c = {
	    .store = store, .backlog = backlog, .sensor = "tap1", .retain_ns = retain_ns, .on_committed = count};
	writer = writer_start(&c);
	assert_non_null(writer);
}

static bool stop(int timeout_ms)
{
	bool ok = writer_stop(writer, timeout_ms);
	writer = NULL;
	return ok;
}

static int rows(struct fixture *f)
{
	struct store *s = opened_read(f);
	int n = rows_in(s);
	store_close_read(s);
	return n;
}

static void test_all_are_written(void **state)
{
	start(0);
	put(0, 30);
	SOON(committed == 30);
	assert_int_equal(rows(*state), 30);
	put(30, 5);
	assert_true(stop(5000)); /* what is there is written first */
	assert_int_equal(rows(*state), 35);
	assert_int_equal(committed, 35);
	struct backlog_counts c;
	backlog_counts(backlog, &c);
	assert_int_equal(c.settled, 35);
	assert_int_equal(c.waiting, 0);
}

static void test_no_events(void **state)
{
	static const char *const bad[] = {"{", "{}", "{\"event_id\":7}", "{}{}"};
	start(0);
	put(0, 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		backlog_put_take(backlog, strdup(bad[i]), strlen(bad[i]));
	put(1, 1);
	SOON(committed == 2);
	assert_int_equal(state_now().refused, sizeof bad / sizeof *bad);
	assert_int_equal(state_now().failing_ms, 0);
	assert_true(stop(5000));
	assert_int_equal(rows(*state), 2);
}

/* Another program's transaction. */
static sqlite3 *locked(const struct fixture *f)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void unlocked(sqlite3 *db)
{
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_locked_for_a_while(void **state)
{
	sqlite3 *other = locked(*state);
	start(0);
	put(0, 10);
	SOON(state_now().failing_ms > 0);
	assert_string_not_equal(state_now().error, "");
	assert_int_equal(committed, 0);
	unlocked(other);
	SOON(committed == 10);
	SOON(state_now().failing_ms == 0);
	assert_string_equal(state_now().error, "");
	assert_true(stop(5000));
	assert_int_equal(rows(*state), 10);
}

/* The end comes while the database is locked: it waits as long as it was told to, and the backlog keeps what is not
 * written. */
static void test_end_while_locked(void **state)
{
	struct timespec began, ended;
	struct backlog_counts c;
	sqlite3 *other = locked(*state);
	start(0);
	put(0, 10);
	SOON(state_now().failing_ms > 0);
	clock_gettime(CLOCK_MONOTONIC, &began);
	assert_true(stop(500));
	clock_gettime(CLOCK_MONOTONIC, &ended);
	assert_true(ended.tv_sec - began.tv_sec < 10);
	backlog_counts(backlog, &c);
	assert_int_equal(c.settled, 0);
	assert_int_equal(c.waiting, 10);
	unlocked(other);
}

static void count_slowly(void *context, const json_t *event)
{
	count(context, event);
	usleep(500);
}

/* The database is well, but more waits than can be written in the time that there is: that is no dead disk, and no reason to lose
 * what a spill file has room for. */
static void test_end_with_too_much(void **state)
{
	enum { ALL = LIMIT_STORE_BATCH_ROWS + 500 };
	struct fixture *f = *state;
	char spill[160], error[BACKLOG_ERROR_TEXT];
	snprintf(spill, sizeof spill, "%s-spill", f->db);
	struct backlog_config with_file = {.memory_bytes = 32 << 20, .spill_path = spill, .spill_bytes = 64 << 20};
	backlog_free(backlog);
	assert_int_equal(backlog_new(&with_file, &backlog, error), 0);
	put(0, ALL);
	struct writer_config c = {.store = store, .backlog = backlog, .sensor = "tap1", .on_committed = count_slowly};
	writer = writer_start(&c);
	SOON(committed > 0);
	assert_true(stop(0));
	assert_true(committed < ALL);
	assert_int_equal(backlog_free(backlog), 0);
	assert_int_equal(backlog_new(&with_file, &backlog, error), 0);
	struct backlog_counts kept;
	backlog_counts(backlog, &kept);
	assert_true(kept.spilled >= (uint64_t)(ALL - committed)); /* those of a batch that was not finished come again */
	start(0);
	assert_true(stop(10000));
	assert_int_equal(rows(f), ALL);
}

static void test_health_rows(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;
	sqlite3_stmt *statement;
	start(0);
	writer_health_row(writer, INT64_C(1763800000000000000), "{\"packets\":7}");
	SOON(state_now().database_used > 0);
	writer_health_row(writer, INT64_C(1763800060000000000), "{\"packets\":8}");
	assert_true(stop(5000)); /* the last one is not forgotten */
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, "SELECT count(*), max(json_extract(counters, '$.packets')), max(sensor) FROM health",
			       -1, &statement, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(statement, 0), 2);
	assert_int_equal(sqlite3_column_int(statement, 1), 8);
	assert_string_equal((const char *)sqlite3_column_text(statement, 2), "tap1");
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

/* Events of 2025, kept for an hour. */
static void test_old_ones_go(void **state)
{
	put(0, 5);
	start(INT64_C(3600) * 1000000000);
	SOON(state_now().deleted == 5);
	assert_true(stop(5000));
	assert_int_equal(rows(*state), 0);
}

/* The wall clock was set back a day: no reason to hold the disk for dead. */
static void test_end_after_clock_was_set(void **state)
{
	start(0);
	wall_ahead_s = -86400;
	put(0, 200);
	assert_true(stop(5000));
	assert_int_equal(rows(*state), 200);
}

/* The wall clock was set 150 years ahead: what is younger than 100 years is not deleted at once. */
static void test_young_ones_stay(void **state)
{
	start(INT64_C(36500) * 86400 * 1000000000);
	wall_ahead_s = INT64_C(150 * 365) * 86400;
	put(0, 5);
	SOON(committed == 5);
	SOON(state_now().database_used > 0); /* the clean-up has had its turn */
	assert_int_equal(state_now().deleted, 0);
	assert_true(stop(5000));
	assert_int_equal(rows(*state), 5);
}

#define T(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_all_are_written),  T(test_no_events),   T(test_locked_for_a_while),
	    T(test_end_while_locked), T(test_end_with_too_much), T(test_health_rows), T(test_old_ones_go),
	    T(test_end_after_clock_was_set), T(test_young_ones_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
