#include "json/failing_malloc.h"
#include "recorder/store/store_fixture.h"
#include "limits.h"
#include "store_live.h"
#include <sqlite3.h>
#include <sys/resource.h>
#include <time.h>

/* ---- what was reported as committed: one letter or number after the other ---- */

struct report {
	char seen[12 * (LIMIT_STORE_BATCH_ROWS + 100)];
	size_t n;
	int rows;
};

static void keep(void *context, const json_t *event)
{
	struct report *r = context;
	r->rows++;
	r->n += (size_t)snprintf(r->seen + r->n, sizeof r->seen - r->n, "%d:%d ",
	                         (int)json_integer_value(json_object_get(event, "first_frame")),
	                         (int)json_integer_value(json_object_get(event, "requests")));
	assert_true(r->n < sizeof r->seen);
}

/* Event `id` in its state `requests`. */
static struct event numbered(struct observation *o, int id, int requests)
{
	static const struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	struct event e;
	*o = sample_observation();
	o->connection_time_ns = id;
	o->first_frame = (uint64_t)id;
	o->requests = (uint64_t)requests;
	assert_int_equal(event_from(o, &j, TRAFFIC_OUTBOUND, &fixture_context, NULL, &e), 0);
	return e;
}

static int put_numbered(struct store *s, int id, int requests)
{
	struct observation o;
	struct event e = numbered(&o, id, requests);
	return store_put(s, &e);
}

static char *text_of(int id, int requests)
{
	struct observation o;
	struct event e = numbered(&o, id, requests);
	json_t *event = event_json(&e);
	char *text = json_dumps(event, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(event);
	assert_non_null(text);
	return text;
}

static int put_text(struct store *s, int id, int requests)
{
	char *text = text_of(id, requests);
	int rc = store_put_text(s, text, strlen(text));
	free(text);
	return rc;
}

static int number(const char *db, const char *sql)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *s = NULL;
	assert_int_equal(sqlite3_open_v2(db, &c, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(c, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int n = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(c);
	return n;
}

static void run_sql(const char *db, const char *sql)
{
	sqlite3 *c = NULL;
	assert_int_equal(sqlite3_open(db, &c), SQLITE_OK);
	assert_int_equal(sqlite3_exec(c, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(c);
}

/* ---- batches ---- */

static void only_the_last_state_is_written(void **state)
{
	struct fixture *f = *state;
	struct report r = {.n = 0};
	struct store *s = opened(f);
	store_on_committed(s, keep, &r);
	run_sql(f->db, "CREATE TABLE writes (n INTEGER); CREATE TRIGGER count AFTER INSERT ON events BEGIN "
	               "INSERT INTO writes VALUES (1); END; CREATE TRIGGER again AFTER UPDATE ON events BEGIN "
	               "INSERT INTO writes VALUES (2); END");
	for (int i = 1; i <= 4; i++) {
		assert_int_equal(put_numbered(s, 3, i), 0);
		assert_int_equal(put_numbered(s, 1, i), 0);
		assert_int_equal(put_text(s, 2, i), 0);
	}
	assert_int_equal(r.rows, 0); /* never before the commit */
	assert_int_equal(store_flush(s), 0);
	assert_string_equal(r.seen, "3:4 1:4 2:4 "); /* in the order of their first coming */
	assert_int_equal(put_numbered(s, 1, 5), 0);
	assert_int_equal(store_flush(s), 0);
	assert_int_equal(store_flush(s), 0);
	assert_string_equal(r.seen, "3:4 1:4 2:4 1:5 ");
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT sum(n = 1) * 10 + sum(n = 2) FROM writes"), 31);
	assert_int_equal(number(f->db, "SELECT sum(requests) FROM events"), 13);
}

static void nobody_is_locked_out_between_flushes(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	put_many(s, 0, 20);
	run_sql(f->db, "BEGIN IMMEDIATE; CREATE TABLE other (n INTEGER); COMMIT");
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), 20);
}

/* Large events fill the buffer by their bytes long before there are as many as it has rows. */
static void the_buffer_is_bounded_in_bytes(void **state)
{
	struct fixture *f = *state;
	static struct observed_count names[LIMIT_NAMES];
	static char text[LIMIT_NAMES][LIMIT_NAME];
	struct report r = {.n = 0};
	struct store *s = opened(f);
	store_on_committed(s, keep, &r);
	for (int i = 0; i < LIMIT_NAMES; i++) {
		snprintf(text[i], LIMIT_NAME, "%0100d", i);
		names[i] = (struct observed_count){text[i], 1, 0, 0};
	}
	int n = 0;
	for (; r.rows == 0 && n < LIMIT_STORE_BATCH_ROWS; n++) {
		struct observation o = sample_observation();
		o.connection_time_ns = n;
		o.tools_called = o.methods = o.server_methods = (struct observed_counts){names, LIMIT_NAMES, 0};
		assert_int_equal(put_judged(s, &o, VERDICT_APPROVED), 0);
	}
	assert_in_range(n, 20, 200);
	assert_int_equal(r.rows, n - 1);
	assert_int_equal(store_close(s), 0);
}

/* ---- texts ---- */

static int change(struct store *s, const char *member, json_t *value)
{
	char *text = text_of(1, 1);
	json_t *event = json_loads(text, 0, NULL);
	free(text);
	if (value)
		json_object_set_new(event, member, value);
	else
		json_object_del(event, member);
	text = json_dumps(event, JSON_COMPACT);
	json_decref(event);
	int rc = store_put_text(s, text, strlen(text));
	free(text);
	return rc;
}

static void a_text_that_is_no_event_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	char *text = text_of(1, 1);
	size_t n = strlen(text);
	for (size_t cut = 0; cut < n; cut += 1 + cut / 40)
		assert_int_equal(store_put_text(s, text, cut), FAIL_INPUT);
	free(text);
	static const char *const foreign[] = {"[]", "{}", "null", "{\"event_id\":1}", "{\"a\":1}", "\xff",
	                                      "{\"a\":1,\"a\":1}"};
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		assert_int_equal(store_put_text(s, foreign[i], strlen(foreign[i])), FAIL_INPUT);
		assert_non_null(strstr(store_error(s), "not an event"));
	}
	assert_int_equal(change(s, "event_id", json_string("0123456789abcdef0123456789abcdeG")), FAIL_INPUT);
	assert_int_equal(change(s, "event_id", json_string("0123456789abcdef")), FAIL_INPUT);
	assert_int_equal(change(s, "event_id", json_null()), FAIL_INPUT);
	assert_int_equal(change(s, "schema_version", json_integer(2)), FAIL_INPUT);
	assert_int_equal(change(s, "verdict", json_string("approve")), FAIL_INPUT);
	assert_int_equal(change(s, "verdict", json_string("approved|violation")), FAIL_INPUT);
	assert_int_equal(change(s, "stage", json_string("")), FAIL_INPUT);
	assert_int_equal(change(s, "first_seen", json_string("yesterday")), FAIL_INPUT);
	assert_int_equal(change(s, "requests", json_string("8")), FAIL_INPUT);
	assert_int_equal(change(s, "encrypted", json_integer(1)), FAIL_INPUT);
	assert_int_equal(change(s, "methods", json_array()), FAIL_INPUT);
	assert_int_equal(change(s, "reasons", json_object()), FAIL_INPUT);
	assert_int_equal(change(s, "sensor", NULL), FAIL_INPUT);
	assert_non_null(strstr(store_error(s), "sensor"));
	char *huge = calloc(1, LIMIT_EVENT_TEXT + 1);
	assert_non_null(huge);
	memset(huge, ' ', LIMIT_EVENT_TEXT + 1);
	assert_int_equal(store_put_text(s, huge, LIMIT_EVENT_TEXT + 1), FAIL_INPUT);
	free(huge);
	assert_int_equal(store_flush(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), 0);

	assert_int_equal(change(s, "joined", json_pack("[s]", "server_name")), 0);
	assert_int_equal(change(s, "sni", NULL), 0); /* written by a version that did not know it yet */
	assert_int_equal(change(s, "from_a_later_version", json_true()), 0);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), 1);
}

/* The rules for texts are those of the table: each NOT NULL and each CHECK that names its values or a length. */
static void the_rules_for_texts_are_the_tables(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	char *text = text_of(1, 1);
	json_t *event = json_loads(text, 0, NULL), *value;
	const char *name;
	json_object_foreach(event, name, value) {
		char sql[256];
		snprintf(sql, sizeof sql, "SELECT \"notnull\" FROM pragma_table_info('events') WHERE name = '%s'", name);
		int required = number(f->db, sql);
		assert_int_equal(change(s, name, json_null()), required ? FAIL_INPUT : 0);
		snprintf(sql, sizeof sql, "SELECT instr(sql, 'CHECK (%s =') + instr(sql, 'CHECK (length(%s)') > 0 FROM sqlite_schema "
		         "WHERE name = 'events'", name, name);
		if (json_is_string(value) && strcmp(name, "event_id") != 0)
			assert_int_equal(change(s, name, json_string("no such value")), number(f->db, sql) ? FAIL_INPUT : 0);
	}
	assert_int_equal(store_close(s), 0); /* what was let through the table takes */
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), 1);
	json_decref(event);
	free(text);
}

/* ---- when the database will not ---- */

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_locked_database_costs_nothing(void **state)
{
	struct fixture *f = *state;
	struct report r = {.n = 0};
	struct store *s = opened(f);
	store_on_committed(s, keep, &r);
	store_set_patience(s, 40);
	sqlite3 *other = NULL;
	assert_int_equal(sqlite3_open(f->db, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	int n = 0; /* as many as the buffer takes, by number or by bytes */
	while (put_numbered(s, n, 1) == 0)
		n++;
	assert_in_range(n, 100, LIMIT_STORE_BATCH_ROWS);
	double start = seconds();
	assert_int_equal(store_flush(s), FAIL_DATABASE);
	double took = seconds() - start;
	assert_true(took >= 0.03 && took < 2);
	assert_non_null(strstr(store_error(s), "locked"));
	assert_int_equal(put_numbered(s, 7, 2), 0); /* a known one finds its place */
	assert_int_equal(put_numbered(s, n, 1), FAIL_DATABASE);
	assert_int_equal(put_text(s, n + 1, 1), FAIL_DATABASE);
	assert_int_equal(r.rows, 0);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(put_numbered(s, n, 1), 0);
	assert_int_equal(r.rows, n);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) * 10000 + sum(requests) FROM events"), (n + 1) * 10001 + 1);
}

static int limit_files(rlim_t most)
{
	struct rlimit limit = {most, RLIM_INFINITY};
	return setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_full_disk_loses_and_doubles_nothing(void **state)
{
	struct fixture *f = *state;
	static struct report r;
	struct store *s = opened(f);
	store_on_committed(s, keep, &r);
	signal(SIGXFSZ, SIG_IGN);
	int id = 0, rc = 0, failures = 0;
	for (int times = 0; times < 3; times++) {
		char wal[128];
		struct stat st;
		snprintf(wal, sizeof wal, "%s-wal", f->db);
		assert_int_equal(stat(wal, &st), 0);
		assert_int_equal(limit_files((rlim_t)st.st_size + (100 << 10)), 0);
		for (rc = 0; rc == 0; id += rc == 0) { /* commits of some rows until one fails */
			rc = put_numbered(s, id, 1);
			if (rc == 0 && id % 10 == 9)
				rc = store_flush(s);
			if (rc != 0 && id % 10 == 9)
				id++; /* taken, only not flushed */
		}
		assert_int_equal(rc, FAIL_DATABASE);
		assert_string_not_equal(store_error(s), "");
		int committed = r.rows;
		assert_int_equal(store_flush(s), FAIL_DATABASE); /* and it fails again, to no other effect */
		assert_int_equal(r.rows, committed);
		assert_true(committed < id);
		failures++;
		assert_int_equal(limit_files(RLIM_INFINITY), 0);
		assert_int_equal(store_flush(s), 0);
		assert_int_equal(r.rows, id);
	}
	assert_int_equal(failures, 3);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), id);
	assert_int_equal(number(f->db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
}

/* Somebody put a trigger on the table: their rule must not stop the rows that it lets pass, now or later. */
static void a_row_that_the_table_refuses_stops_no_other(void **state)
{
	struct fixture *f = *state;
	struct report r = {.n = 0};
	struct store *s = opened(f);
	store_on_committed(s, keep, &r);
	run_sql(f->db, "CREATE TRIGGER picky BEFORE INSERT ON events WHEN new.first_frame = 2 BEGIN "
	               "SELECT raise(ABORT, 'not this one'); END");
	for (int i = 1; i <= 3; i++)
		assert_int_equal(put_numbered(s, i, 1), 0);
	assert_int_equal(store_flush(s), FAIL_INPUT);
	assert_non_null(strstr(store_error(s), "not this one"));
	assert_string_equal(r.seen, "1:1 3:1 ");
	assert_int_equal(store_flush(s), 0);
	for (int i = 2; i < 2 + LIMIT_STORE_BATCH_ROWS; i++)
		assert_int_equal(put_numbered(s, i, 1), 0);
	assert_int_equal(put_numbered(s, 2 + LIMIT_STORE_BATCH_ROWS, 1), 0); /* flushed inside: told by the next flush */
	assert_int_equal(store_flush(s), FAIL_INPUT);
	assert_int_equal(store_flush(s), 0);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), 1 + LIMIT_STORE_BATCH_ROWS);
}

/* Memory that runs out in the middle of a flush, at any of its allocations, leaves all of it to the next one. */
static void survives_failing_malloc(void **state)
{
#if FAILING_MALLOC
	struct fixture *f = *state;
	struct report r = {.n = 0};
	struct store *s = opened(f);
	store_on_committed(s, keep, &r);
	int failed = 0, rc = -1, taken = 0, n = 0;
	for (; taken < 3; taken += rc == 0) {
		char *text = text_of(taken, 1);
		allocations_left = n++;
		rc = store_put_text(s, text, strlen(text));
		allocations_left = -1;
		free(text);
		assert_true(rc == 0 || rc == FAIL_MEMORY);
		failed += rc != 0;
	}
	assert_true(failed > 10);
	failed = 0;
	rc = -1;
	for (n = 0; rc != 0; n++) {
		assert_int_equal(r.rows, 0);
		allocations_left = n;
		rc = store_flush(s);
		allocations_left = -1;
		assert_true(rc == 0 || rc == FAIL_MEMORY || rc == FAIL_DATABASE);
		failed += rc != 0;
	}
	assert_true(failed > 10);
	assert_string_equal(r.seen, "0:1 1:1 2:1 ");
	assert_int_equal(store_close(s), 0);
#else
	(void)state;
	skip();
#endif
}

/* Nothing is told to be recorded that goes to a file without a name; put back, it takes what waited. */
static void a_database_that_was_taken_away_is_noticed(void **state)
{
	struct fixture *f = *state;
	char elsewhere[128];
	snprintf(elsewhere, sizeof elsewhere, "%s-elsewhere", f->db);
	struct store *s = opened(f);
	put_many(s, 0, 3);
	assert_int_equal(store_flush(s), 0);
	assert_int_equal(rename(f->db, elsewhere), 0);
	put_many(s, 3, 3);
	assert_int_equal(store_flush(s), FAIL_DATABASE);
	assert_non_null(strstr(store_error(s), "deleted or replaced"));
	assert_int_equal(rename(elsewhere, f->db), 0);
	assert_int_equal(store_flush(s), 0);
	assert_int_equal(rows_in(s), 6);
	assert_int_equal(store_close(s), 0);
}

static int down(void **state)
{
	limit_files(RLIM_INFINITY);
	return fixture_down(state);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_the_last_state_is_written),
		T(nobody_is_locked_out_between_flushes),
		T(the_buffer_is_bounded_in_bytes),
		T(a_text_that_is_no_event_is_refused),
		T(the_rules_for_texts_are_the_tables),
		T(a_locked_database_costs_nothing),
		T(a_full_disk_loses_and_doubles_nothing),
		T(a_row_that_the_table_refuses_stops_no_other),
		T(survives_failing_malloc),
		T(a_database_that_was_taken_away_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
