/* Acknowledgements: who may give them beside a sensor, which event is meant, the log, and how long they stay. What they
 * cover is in test_store_ack_read.c. */
#include "limits.h"
#include "recorder/store/ack_fixture.h"
#include "recorder/store/store_fixture.h"
#include "store_live.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <time.h>

static sqlite3_int64 number(const char *db, const char *sql)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *s = NULL;
	assert_int_equal(sqlite3_open_v2(db, &c, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(c, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(c));
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	sqlite3_int64 n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(c);
	return n;
}

static int sql_result(const char *db, const char *sql)
{
	sqlite3 *c = NULL;
	assert_int_equal(sqlite3_open(db, &c), SQLITE_OK);
	int rc = sqlite3_exec(c, sql, NULL, NULL, NULL);
	sqlite3_close(c);
	return rc;
}

static void fill(struct fixture *f)
{
	sample_json(f);
	struct store *s = opened(f);
	put_state(f, s, (struct state){.id = ID_A});
	put_state(f, s, (struct state){.id = ID_B});
	put_state(f, s, (struct state){.id = ID_C});
	assert_int_equal(store_close(s), 0);
}

static void refused(struct store *s, const char *id, const char *why)
{
	json_t *rows = json_array();
	assert_int_equal(ack_until(s, id, UNTIL_NS, rows), FAIL_CONFIG);
	if (!strstr(store_error(s), why))
		fail_msg("'%s' does not say '%s'", store_error(s), why);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
}

static void an_event_is_meant_by_the_beginning_of_its_id(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = acking(f);
	refused(s, "a1b2", "more than one");
	refused(s, "a1", "first 4 or more");
	refused(s, "", "first 4 or more");
	refused(s, "a1b2c3g", "first 4 or more");
	refused(s, ID_A "0", "first 4 or more");
	refused(s, "' OR 1=1 --\x1b[2J", "\\x1b[2J");
	refused(s, "a1b3", "no such event");
	refused(s, "00000000000000000000000000000000", "no such event");
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgements"), 0);
	store_close_read(s);
	ack(f, "A1B2C", UNTIL_NS);
	ack(f, ID_A, UNTIL_NS);
	assert_int_equal(
	    number(f->db, "SELECT count(*) FROM acknowledgements WHERE event_id IN ('" ID_A "', '" ID_B "')"), 2);
}

static void all_of_them_or_none(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = acking(f);
	const char *const wrong[] = {ID_A, ID_B, "0123"}, *const right[] = {ID_C, "a1b20", "ffff", ID_A};
	struct store_ack a = {
	    .ids = wrong, .n = 3, .until_ns = UNTIL_NS, .by = SAMPLE_HOSTILE, .why = "OPS-1", .at_ns = 1};
	json_t *rows = json_array();
	assert_int_equal(store_ack_put(s, &a, keep_row, rows), FAIL_CONFIG);
	assert_int_equal(
	    number(f->db,
		   "SELECT (SELECT count(*) FROM acknowledgements) + (SELECT count(*) FROM acknowledgement_log)"),
	    0);
	a.ids = right;
	a.n = 4;
	assert_int_equal(store_ack_put(s, &a, keep_row, rows), 0);
	assert_int_equal(json_array_size(rows), 2); /* each once, in the order given */
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "event_id")), ID_C);
	assert_int_equal(store_ack_drop(s, &a, keep_row, rows), 0);
	assert_int_equal(json_array_size(rows), 4);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgements"), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgement_log"), 4);
	assert_int_equal(store_ack_drop(s, &a, keep_row, rows), FAIL_CONFIG);
	assert_non_null(strstr(store_error(s), "no event of that id is acknowledged"));
	json_decref(rows);
	store_close_read(s);
}

static void force_takes_whole_ids_that_nobody_has_seen(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = acking(f);
	const char *id = "0000";
	struct store_ack a = {
	    .ids = &id, .n = 1, .until_ns = UNTIL_NS, .by = "a", .why = "b", .at_ns = 1, .force = true};
	json_t *rows = json_array();
	assert_int_equal(store_ack_put(s, &a, keep_row, rows), FAIL_CONFIG);
	assert_non_null(strstr(store_error(s), "all 32"));
	id = "00000000000000000000000000000ABC";
	assert_int_equal(store_ack_put(s, &a, keep_row, rows), 0);
	assert_int_equal(
	    number(f->db, "SELECT count(*) FROM acknowledgements WHERE event_id = '00000000000000000000000000000abc' "
			  "AND verdict IS NULL AND findings IS NULL"),
	    1);
	a.force = false;
	id = "0000"; /* known by now */
	assert_int_equal(store_ack_put(s, &a, keep_row, rows), 0);
	assert_int_equal(store_ack_drop(s, &a, keep_row, rows), 0);
	json_decref(rows);
	store_close_read(s);
}

static void the_log_says_all_and_is_only_added_to(void **state)
{
	struct fixture *f = *state;
	fill(f);
	ack(f, ID_A, UNTIL_NS);
	ack(f, ID_A, UNTIL_NS + DAY);
	struct store *s = acking(f);
	const char *id = ID_A;
	struct store_ack a = {.ids = &id, .n = 1, .by = "bob", .why = SAMPLE_HOSTILE, .at_ns = DAY};
	json_t *rows = json_array(), *log = json_array();
	assert_int_equal(store_ack_drop(s, &a, keep_row, rows), 0);
	assert_int_equal(store_ack_log(s, keep_row, log), 0);
	store_close_read(s);
	static const char *const actions[] = {"ack", "change", "unack"};
	assert_int_equal(json_array_size(log), 3);
	for (size_t i = 0; i < 3; i++) {
		json_t *row = json_array_get(log, i);
		assert_string_equal(json_string_value(json_object_get(row, "action")), actions[i]);
		assert_string_equal(json_string_value(json_object_get(row, "event_id")), ID_A);
		assert_string_equal(json_string_value(json_object_get(row, "by")), i == 2 ? "bob" : "alice");
		assert_string_equal(json_string_value(json_object_get(row, "why")), i == 2 ? SAMPLE_HOSTILE : "OPS-1");
		assert_string_equal(json_string_value(json_object_get(row, "stage")), "established");
	}
	json_t *second = json_array_get(log, 1), *last = json_array_get(log, 2);
	assert_string_equal(json_string_value(json_object_get(second, "former_until")), "2025-11-26T00:00:00.000000Z");
	assert_string_equal(json_string_value(json_object_get(second, "until")), "2025-11-27T00:00:00.000000Z");
	assert_string_equal(json_string_value(json_object_get(last, "former_until")), "2025-11-27T00:00:00.000000Z");
	assert_true(json_is_null(json_object_get(last, "until")));
	json_decref(rows);
	json_decref(log);
	assert_int_equal(sql_result(f->db, "UPDATE acknowledgement_log SET why = 'x'"), SQLITE_CONSTRAINT);
	assert_int_equal(sql_result(f->db, "DELETE FROM acknowledgement_log WHERE id = 1"), SQLITE_CONSTRAINT);
	assert_int_equal(sql_result(f->db, "REPLACE INTO acknowledgement_log (id, at, action, event_id, \"by\", why) "
					   "VALUES (4, '', 'ack', '', '', '')"),
			 SQLITE_OK);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgement_log"), 4);
}

/* The writer holds its lock file all the time, and SQLite's for a batch. */
static void it_works_beside_a_writer(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *writer = opened(f);
	put_state(f, writer, (struct state){.id = ID_A, .verdict = "violation"});
	ack(f, ID_A, UNTIL_NS);
	put_state(f, writer, (struct state){.id = ID_C});
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		sqlite3 *db = NULL;
		sqlite3_open(f->db, &db);
		sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		nanosleep(&(struct timespec){0, 300000000}, NULL);
		_exit(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	ack(f, ID_B, UNTIL_NS);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(store_close(writer), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgements"), 2);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgements WHERE event_id = '" ID_A
				       "' AND verdict = 'violation'"),
			 1);
	assert_false(beside(f, "-wal"));
}

static void cannot_open(struct fixture *f, const char *why)
{
	struct store *s = NULL;
	assert_int_equal(store_ack_open(f->db, &s, f->error), FAIL_DATABASE);
	assert_null(s);
	if (!strstr(f->error, why))
		fail_msg("'%s' does not say '%s'", f->error, why);
}

static void it_makes_no_database_and_takes_no_foreign_one(void **state)
{
	struct fixture *f = *state;
	cannot_open(f, "no such database");
	assert_false(beside(f, ""));
	fclose(fopen(f->db, "w"));
	cannot_open(f, "not a database of shadowtap");
	assert_int_equal(sql_result(f->db, "CREATE TABLE x (y)"), SQLITE_OK);
	cannot_open(f, "not a database of shadowtap");
	assert_int_equal(sql_result(f->db, "PRAGMA application_id = 0x53546170; PRAGMA user_version = 10000"),
			 SQLITE_OK);
	cannot_open(f, "newer shadowtap");
}

static int open_as_nobody(struct fixture *f)
{
	struct store *s = NULL;
	return store_ack_open(f->db, &s, f->error) == FAIL_DATABASE && strstr(f->error, "no permission") ? 0 : 1;
}

static void who_may_not_write_is_told(void **state)
{
	struct fixture *f = *state;
	fill(f);
	if (getuid() != 0)
		skip();
	assert_int_equal(as_nobody(open_as_nobody, f), 0);
}

/* One of an older schema, made of the migrations up to it. */
static void make_older(struct fixture *f, int version)
{
	static const char *const files[] = {"0001_events", "0002_health", "0003_proxies", "0004_alerts", "0005_links"};
	for (int i = 0; i < version; i++) {
		char path[512], sql[32 << 10] = "";
		snprintf(path, sizeof path, "%s/schema/%s.sql", TEST_SOURCE_DIR, files[i]);
		FILE *in = fopen(path, "r");
		assert_non_null(in);
		assert_true(fread(sql, 1, sizeof sql - 1, in) > 0);
		fclose(in);
		assert_int_equal(sql_result(f->db, sql), SQLITE_OK);
	}
	char mark[96];
	snprintf(mark, sizeof mark, "PRAGMA application_id = 0x53546170; PRAGMA user_version = %d", version);
	assert_int_equal(sql_result(f->db, mark), SQLITE_OK);
}

static void an_older_database_is_migrated_unless_somebody_writes_to_it(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	make_older(f, 5);
	char lock[128];
	snprintf(lock, sizeof lock, "%s-lock", f->db);
	int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* a sensor of the version before */
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	cannot_open(f, "another shadowtap is writing");
	assert_int_equal(number(f->db, "PRAGMA user_version"), 5);
	unlink(lock);
	close(fd);
	assert_int_equal(store_open_read(f->db, &s, f->error), FAIL_DATABASE);
	s = acking(f);
	json_t *rows = json_array();
	refused(s, "abcd", "no such event");
	assert_int_equal(store_acks(s, 1, keep_row, rows), 0);
	json_decref(rows);
	store_close_read(s);
	assert_false(beside(f, "-lock"));
	assert_int_equal(store_open_read(f->db, &s, f->error), 0);
	store_close_read(s);
}

static void retention_takes_acknowledgements_with_their_events(void **state)
{
	struct fixture *f = *state;
	fill(f);
	struct store *s = opened(f);
	const char *id = "00000000000000000000000000000abc";
	struct store_ack a = {
	    .ids = &id, .n = 1, .until_ns = UNTIL_NS, .by = "a", .why = "b", .at_ns = 1, .force = true};
	json_t *rows = json_array();
	put_state(f, s, (struct state){.id = ID_C, .last_seen = SEEN});
	ack(f, ID_A, UNTIL_NS);
	ack(f, ID_C, UNTIL_NS); /* expired by its packets: stays as long as they do */
	struct store *beside = acking(f);
	assert_int_equal(store_ack_put(beside, &a, keep_row, rows), 0);
	store_close_read(beside);
	json_decref(rows);
	uint64_t deleted = 0;
	assert_int_equal(store_retain(s, UNTIL_NS - DAY, 0, &deleted),
			 0); /* A and B go; the unseen one has time left */
	assert_int_equal(deleted, 2);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgements"), 2);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgements WHERE event_id = '" ID_A "'"), 0);
	assert_int_equal(store_retain(s, UNTIL_NS + DAY, 0, &deleted), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgements WHERE event_id = '" ID_C "'"), 1);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgements"), 1);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM acknowledgement_log"), 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)
	const struct CMUnitTest tests[] = {
	    T(an_event_is_meant_by_the_beginning_of_its_id),
	    T(all_of_them_or_none),
	    T(force_takes_whole_ids_that_nobody_has_seen),
	    T(the_log_says_all_and_is_only_added_to),
	    T(it_works_beside_a_writer),
	    T(it_makes_no_database_and_takes_no_foreign_one),
	    T(who_may_not_write_is_told),
	    T(an_older_database_is_migrated_unless_somebody_writes_to_it),
	    T(retention_takes_acknowledgements_with_their_events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
