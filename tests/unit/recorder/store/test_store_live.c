/* What a database that is written for months needs: retention, health rows, and the migration of older ones. */
#include "recorder/store/store_fixture.h"
#include "limits.h"
#include "store_live.h"
#include "store_migrations.h"
#include <sqlite3.h>

#define DAY_NS INT64_C(86400000000000)
#define START_NS INT64_C(1763800000000000000)

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

static void run_sql(const char *db, const char *sql)
{
	sqlite3 *c = NULL;
	assert_int_equal(sqlite3_open(db, &c), SQLITE_OK);
	if (sqlite3_exec(c, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(c));
	sqlite3_close(c);
}

static void sound(struct fixture *f)
{
	assert_int_equal(number(f->db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
}

/* One event each second from START_NS on; the larger its number, the later it was last seen. */
static void put_seconds(struct store *s, int from, int n)
{
	struct observation o = sample_observation();
	for (int i = from; i < from + n; i++) {
		o.connection_time_ns = o.first_seen_ns = START_NS + i * INT64_C(1000000000);
		o.last_seen_ns = o.first_seen_ns + 5;
		o.first_frame = (uint64_t)i;
		assert_int_equal(put_judged(s, &o, VERDICT_UNAUTHORIZED), 0);
	}
	assert_int_equal(store_flush(s), 0);
}

static void put_health(struct store *s, int64_t time_ns, size_t bytes)
{
	char *text = malloc(bytes + 1);
	assert_non_null(text);
	memset(text, ' ', bytes);
	text[0] = '{';
	text[bytes - 1] = '}';
	text[bytes] = 0;
	if (store_put_health(s, time_ns, "tap1", text) != 0)
		fail_msg("%s", store_error(s));
	free(text);
}

/* Until nothing is left to do; how many pieces that took. Each is held to its bounds. */
static int retain(struct store *s, int64_t before_ns, uint64_t most, uint64_t *ret_deleted)
{
	int pieces = 0, rc;
	*ret_deleted = 0;
	do {
		uint64_t deleted = 0;
		rc = store_retain(s, before_ns, most, &deleted);
		if (rc < 0)
			fail_msg("%s", store_error(s));
		assert_true(deleted <= LIMIT_RETAIN_ROWS);
		*ret_deleted += deleted;
		assert_true(++pieces < 2000);
	} while (rc == 1);
	return pieces;
}

static void age_is_held_in_pieces(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	uint64_t deleted;
	put_seconds(s, 0, 1300);
	for (int i = 0; i < 40; i++)
		put_health(s, START_NS + i * INT64_C(60000000000), 100);
	assert_int_equal(retain(s, 0, 0, &deleted), 1);
	assert_int_equal(deleted, 0);
	int pieces = retain(s, START_NS + INT64_C(1200000000000), 0, &deleted);
	assert_int_equal(deleted, 1200);
	assert_in_range(pieces, 3, 20);
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), 100);
	assert_int_equal(number(f->db, "SELECT min(first_frame) FROM events"), 1200);
	assert_int_equal(number(f->db, "SELECT count(*) FROM health"), 20);
	assert_int_equal(retain(s, START_NS + INT64_C(1200000000000), 0, &deleted), 1);
	assert_int_equal(deleted, 0);
	assert_int_equal(retain(s, START_NS + DAY_NS, 0, &deleted) > 0, 1);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM health)"), 0);
	sound(f);
}

static uint64_t used(struct store *s, uint64_t *ret_file)
{
	uint64_t n = 0;
	assert_int_equal(store_size(s, &n, ret_file), 0);
	return n;
}

static void size_is_held_and_space_given_back(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	uint64_t deleted, file;
	put_seconds(s, 0, 3000);
	uint64_t before = used(s, &file), most = before / 4;
	assert_true(before > (2 << 20) && file > before);
	retain(s, 0, most, &deleted);
	assert_true(used(s, &file) <= most);
	assert_true(used(s, &file) > most / 2); /* not more than had to be */
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), 3000 - (int)deleted);
	assert_int_equal(number(f->db, "SELECT min(first_frame) FROM events"), (int)deleted); /* the oldest went */
	assert_true(number(f->db, "SELECT freelist_count FROM pragma_freelist_count") <= LIMIT_RETAIN_FREE_PAGES);
	for (int i = 0; i < 10; i++) { /* steady state: as much goes as comes */
		put_seconds(s, 3000 + i * 200, 200);
		retain(s, 0, most, &deleted);
		assert_true(used(s, &file) <= most);
		assert_true(deleted < 400);
	}
	assert_int_equal(store_close(s), 0);
	struct stat st;
	assert_int_equal(stat(f->db, &st), 0);
	assert_true((uint64_t)st.st_size <= most + LIMIT_RETAIN_FREE_PAGES * 4096);
	sound(f);
}

static void a_limit_below_an_empty_database_ends(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	uint64_t deleted;
	put_seconds(s, 0, 50);
	put_health(s, START_NS, 100);
	retain(s, 0, 1, &deleted);
	assert_int_equal(deleted, 50);
	assert_int_equal(number(f->db, "SELECT count(*) FROM health"), 0);
	assert_int_equal(retain(s, 0, 1, &deleted), 1);
	assert_int_equal(store_close(s), 0);
}

static bool has_dbstat(void)
{
	return sqlite3_compileoption_used("ENABLE_DBSTAT_VTAB");
}

/* Rows of any size: a page each, several to a page, several pages each. */
static void health_takes_half_at_most(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = {90, 700, 1400, 2100, 4000, 9000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct store *s = opened(f);
		uint64_t deleted, most = 2 << 20;
		uint64_t file;
		put_seconds(s, 0, 200);
		int n = (int)(3 * most / (sizes[i] + 100));
		char sql[512];
		snprintf(sql, sizeof sql,
		         "WITH RECURSIVE k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < %d - 1) INSERT INTO health "
		         "SELECT strftime('%%Y-%%m-%%dT%%H:%%M:%%S.000000Z', %d + n * 60, 'unixepoch'), 'tap1', "
		         "'{' || printf('%%*s', %d, '}') FROM k", n, (int)(START_NS / 1000000000), (int)sizes[i] - 1);
		run_sql(f->db, sql);
		retain(s, 0, most, &deleted);
		assert_int_equal(deleted, 0); /* what health took, health gives back */
		assert_true(used(s, &file) <= most);
		int left = (int)number(f->db, "SELECT count(*) FROM health");
		assert_true(left > 0);
		assert_int_equal(number(f->db, "SELECT max(time) = (SELECT time FROM health ORDER BY rowid DESC) FROM health"), 1);
		assert_true(number(f->db, "SELECT sum(bytes) FROM health") >= (sqlite3_int64)most / 16); /* but not much more */
		if (has_dbstat())
			assert_true(number(f->db, "SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'health%'") <= (sqlite3_int64)most / 2);
		for (int k = n; k < n + 30; k++) {
			put_health(s, START_NS + k * INT64_C(60000000000), sizes[i]);
			retain(s, 0, most, &deleted);
		}
		assert_in_range(number(f->db, "SELECT count(*) FROM health"), left - 2, left + 2);
		assert_int_equal(store_close(s), 0);
		sound(f);
		assert_int_equal(unlink(f->db), 0);
	}
}

/* Another program holds the lock: nothing is deleted, nothing is half done, and the next call does it. */
static void retention_waits_for_locks(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	uint64_t deleted = 0;
	put_seconds(s, 0, 20);
	store_set_patience(s, 20);
	sqlite3 *other = NULL;
	assert_int_equal(sqlite3_open(f->db, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_retain(s, START_NS + DAY_NS, 0, &deleted), FAIL_DATABASE);
	assert_int_equal(store_put_health(s, START_NS, "tap1", "{}"), FAIL_DATABASE);
	assert_int_equal(deleted, 0);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(store_retain(s, START_NS + DAY_NS, 0, &deleted), 0);
	assert_int_equal(deleted, 20);
	assert_int_equal(store_close(s), 0);
}

/* ---- health ---- */

static void health_is_kept_and_shown(void **state)
{
	struct fixture *f = *state;
	struct store *s = opened(f);
	assert_int_equal(store_put_health(s, START_NS, "tap1", "{\"packets\":1}"), 0);
	assert_int_equal(store_put_health(s, START_NS + 1000, "tap1",
	                                  "{\"packets\":42,\"kernel_drops\":3,\"flows\":7,"
	                                  "\"backlog\":{\"waiting\":5,\"lost\":1},\"events\":{\"unauthorized\":9}}"), 0);
	assert_int_equal(store_put_health(s, START_NS, "tap2", "{\"packets\":8}"), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM health WHERE time = '2025-11-22T08:26:40.000000Z'"), 2);
	assert_int_equal(number(f->db, "SELECT count(*) FROM health_latest"), 2);
	assert_int_equal(number(f->db, "SELECT packets = 42 AND kernel_drops = 3 AND flows = 7 AND waiting = 5 AND "
	                               "lost = 1 AND unauthorized = 9 AND spilled IS NULL FROM health_latest "
	                               "WHERE sensor = 'tap1'"), 1);
	assert_int_equal(number(f->db, "SELECT strict FROM pragma_table_list WHERE name = 'health'"), 1);
	static const char *const bad[] = {"", "[]", "{", "5", "{\"a\":1} x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(store_put_health(s, START_NS, "tap1", bad[i]), FAIL_INPUT);
		assert_non_null(strstr(store_error(s), "not a JSON object"));
	}
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "SELECT count(*) FROM health"), 3);
}

/* ---- databases of before ---- */

static char *first_schema(void)
{
	FILE *in = fopen(TEST_SOURCE_DIR "/schema/0001_events.sql", "r");
	assert_non_null(in);
	char *sql = calloc(1, 32 << 10);
	assert_non_null(sql);
	assert_true(fread(sql, 1, (32 << 10) - 1, in) > 1000);
	fclose(in);
	return sql;
}

static void make_first(struct fixture *f, const char *vacuum)
{
	char *sql = first_schema();
	run_sql(f->db, vacuum);
	run_sql(f->db, sql);
	run_sql(f->db, "PRAGMA application_id = 0x53546170; PRAGMA user_version = 1");
	free(sql);
}

static void a_database_of_schema_1_is_migrated_in_place(void **state)
{
	struct fixture *f = *state;
	make_first(f, "PRAGMA auto_vacuum = INCREMENTAL; CREATE TABLE x (n); DROP TABLE x");
	struct store *s = NULL;
	assert_int_equal(store_open_read(f->db, &s, f->error), FAIL_DATABASE);
	assert_non_null(strstr(f->error, "older shadowtap"));
	run_sql(f->db, "INSERT INTO events VALUES (1, 'connection', '0123456789abcdef0123456789abcdef', 'old', "
	               "'2025-01-01T00:00:00.000000Z', '2025-01-01T00:00:00.000000Z', 'approved', 'likely', 'unknown', "
	               "'info', NULL, '[]', '[]', '[]', '10.0.0.1', 1, '10.0.0.2', 2, 'tcp', 'internal', '1:x', '[]', "
	               "NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
	               "NULL, '[]', NULL, NULL, '{}', '{}', '{}', 0, 0, '{}', '{}', '{}', NULL, NULL, 1, NULL)");
	s = opened(f);
	assert_int_equal(store_put_health(s, START_NS, "tap1", "{}"), 0);
	put_seconds(s, 0, 3);
	assert_int_equal(store_close(s), 0);
	assert_int_equal(number(f->db, "PRAGMA user_version"), store_migrations_n);
	assert_int_equal(number(f->db, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(number(f->db, "SELECT count(*) FROM events"), 4);
	assert_int_equal(number(f->db, "SELECT count(*) FROM events WHERE sensor = 'old' AND first_frame = 1 "
	                              "AND proxy IS NULL AND claimed_client = '[]'"), 1);
	assert_int_equal(number(f->db, "SELECT count(*) FROM health_latest"), 1);
	sound(f);
	s = opened_read(f);
	assert_int_equal(rows_in(s), 4);
	store_close_read(s);
}

static void space_is_used_again_where_it_cannot_be_given_back(void **state)
{
	struct fixture *f = *state;
	make_first(f, "PRAGMA auto_vacuum = NONE");
	struct store *s = opened(f);
	uint64_t deleted, file;
	put_seconds(s, 0, 2000);
	uint64_t most = used(s, &file) / 3;
	retain(s, 0, most, &deleted);
	assert_true(deleted > 1000);
	assert_true(used(s, &file) <= most);
	sqlite3_int64 pages = number(f->db, "PRAGMA page_count");
	put_seconds(s, 2000, 700);
	assert_int_equal(number(f->db, "PRAGMA page_count"), pages);
	assert_int_equal(store_close(s), 0);
	sound(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_up, fixture_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(age_is_held_in_pieces),
		T(size_is_held_and_space_given_back),
		T(a_limit_below_an_empty_database_ends),
		T(health_takes_half_at_most),
		T(retention_waits_for_locks),
		T(health_is_kept_and_shown),
		T(a_database_of_schema_1_is_migrated_in_place),
		T(space_is_used_again_where_it_cannot_be_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
