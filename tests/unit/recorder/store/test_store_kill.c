/* kill -9 at any moment: while the database is made, migrated, written, checkpointed or left. */
#include "recorder/store/store_fixture.h"
#include <poll.h>
#include <sqlite3.h>
#include <time.h>

#define KILLS 240
#define ROUNDS_PER_DATABASE 24
#define BATCH_MOST 40

static int told = -1; /* where the child says what was committed */

static void tell(void *context, const json_t *event)
{
	(void)context;
	int32_t n = (int32_t)json_integer_value(json_object_get(event, "first_frame"));
	if (write(told, &n, sizeof n) != sizeof n)
		_exit(1);
}

/* Writes events from `first` on in batches of changing size, leaves and comes back now and then, until it is killed. */
static void write_on(struct fixture *f, int32_t first, unsigned random)
{
	static const struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	struct observation o = sample_observation();
	struct event e;
	for (int32_t n = first;;) {
		struct store *s = NULL;
		if (store_open(f->db, &s, f->error) != 0)
			_exit(2);
		store_on_committed(s, tell, NULL);
		for (int batch = 0; batch < 8; batch++) {
			random = random * 1664525u + 1013904223u;
			for (unsigned i = 0; i <= (random >> 20) % BATCH_MOST; i++) {
				o.connection_time_ns = n;
				o.first_frame = (uint64_t)n++;
				if (event_from(&o, &j, TRAFFIC_OUTBOUND, &fixture_context, NULL, &e) != 0 || store_put(s, &e) != 0)
					_exit(3);
			}
			if (store_flush(s) != 0)
				_exit(4);
		}
		if (store_close(s) != 0)
			_exit(5);
	}
}

static int number(sqlite3 *c, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int n = -1;
	if (sqlite3_prepare_v2(c, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* The last event told of, or first - 1. */
static int32_t listen_to(int fd, int32_t first)
{
	int32_t n, last = first - 1;
	while (read(fd, &n, sizeof n) == sizeof n) {
		assert_int_equal(n, last + 1); /* each once, in order */
		last = n;
	}
	return last;
}

static void nothing_told_is_ever_lost(void **state)
{
	struct fixture *f = *state;
	unsigned random = 20261123;
	int32_t next = 0;
	int found_lock = 0, found_wal = 0, untold = 0;
	long all = 0;
	for (int k = 0; k < KILLS; k++) {
		if (k % ROUNDS_PER_DATABASE == 0) {
			fixture_down(state);
			assert_int_equal(fixture_up(state), 0);
			next = 0;
		}
		random = random * 1664525u + 1013904223u;
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			close(ends[0]);
			told = ends[1];
			write_on(f, next, random);
		}
		close(ends[1]);
		struct pollfd first_word = {.fd = ends[0], .events = POLLIN};
		if (k % 4) /* the others are for the moments of making, opening and putting in order */
			poll(&first_word, 1, 10000);
		nanosleep(&(struct timespec){.tv_nsec = (random >> 8) % 12000 * 1000}, NULL);
		killed(child);
		int32_t last = listen_to(ends[0], next);
		close(ends[0]);
		found_lock += beside(f, "-lock");
		found_wal += beside(f, "-wal");

		sqlite3 *c = NULL;
		assert_int_equal(sqlite3_open_v2(f->db, &c, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
		sqlite3_busy_timeout(c, 1000);
		assert_int_equal(number(c, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
		int rows = number(c, "SELECT count(*) FROM events");
		int highest = number(c, "SELECT ifnull(max(first_frame), -1) FROM events");
		if (rows < 0 && number(c, "SELECT count(*) FROM sqlite_schema") == 0)
			rows = 0; /* it had not come to making the table */
		assert_int_equal(rows, highest + 1); /* none missing before the last */
		if (rows < last + 1)
			fail_msg("%d rows where %d had been told: %s", rows, last + 1, sqlite3_errmsg(c));
		assert_true(rows <= last + 1 + BATCH_MOST);
		untold += rows > last + 1;
		if (k % 4) /* the next writer finds the WAL, or a database that somebody has put in order */
			sqlite3_db_config(c, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_close(c);
		all += rows > next ? rows - next : 0;
		next = rows;
	}
	struct store *s = opened(f); /* what the last one left stops nobody either */
	assert_int_equal(store_close(s), 0);
	assert_true(found_lock > KILLS / 2 && found_wal > KILLS / 2); /* the kills did hit writers at work */
	assert_true(all > KILLS);
	print_message("%d kills, %ld rows; %d times one batch more was there than had been told\n", KILLS, all, untold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_told_is_ever_lost, fixture_up, fixture_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
