/* kill -9 of the recorder half at any moment, observations coming in: what on_committed told of is in the database, whatever waited in
 * memory or in the spill file at that moment and however often it dies. A life that finds a spill file writes all of it again, from the
 * front: until it has come to its end an event may be back in an older state, so states are compared once the file is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "recorder.h"
#include "sample_event.h"
#include "writer.h"

enum {
	KILLS = 200,
	KILLS_PER_DATABASE = 50,
	EVENTS = 20,            /* that each life tells of again and again, each time further on */
	MEMORY = 16 << 10,      /* some six events: the rest is spilled */
	SPILL = 16 << 20,
};

struct bench {
	char directory[64], db[96], spill[96];
	unsigned random;
	struct told { char id[EVENT_ID_TEXT]; unsigned state; } told[(KILLS_PER_DATABASE + 1) * EVENTS]; /* state 0: not told of */
};

static unsigned next_random(struct bench *b)
{
	b->random = b->random * 1664525u + 1013904223u;
	return b->random >> 8;
}

/* ---- the recorder half: dies ---- */

struct word {
	char id[EVENT_ID_TEXT];
	unsigned event, state;
};

static int told_to = -1;

static void tell(void *context, const json_t *event)
{
	(void)context;
	struct word w = {.state = (unsigned)json_integer_value(json_object_get(event, "requests")),
	                 .event = (unsigned)json_integer_value(json_object_get(event, "first_frame"))};
	snprintf(w.id, sizeof w.id, "%s", json_string_value(json_object_get(event, "event_id")));
	if (write(told_to, &w, sizeof w) != sizeof w)
		_exit(1);
}

static int keep(void *context, const struct event *e)
{
	json_t *json = event_json(e);
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(json);
	backlog_put_take(context, text, strlen(text));
	return 0;
}

static void observe(struct recorder *r, unsigned life, unsigned event, unsigned state)
{
	struct observation o = sample_observation();
	size_t n;
	o.first_frame = life * EVENTS + event;
	o.connection_time_ns = (int64_t)o.first_frame;
	o.requests = state;
	o.final = state % 4 == 0;
	uint8_t *bytes = observation_encode(&o, &n);
	if (!bytes || recorder_take(r, bytes, n) != 0)
		_exit(2);
	free(bytes);
}

/* Until it is killed; with `states`, until all events have had that many: then it leaves as one does. */
static void live(struct bench *b, unsigned life, unsigned states)
{
	static const char *const captures[] = {"eth0", "eth1", "eth2", "eth3"};
	char error[STORE_ERROR_TEXT];
	struct backlog_config backlog = {.memory_bytes = MEMORY, .spill_path = b->spill, .spill_bytes = SPILL};
	struct writer_config writer = {.sensor = "test", .on_committed = tell};
	struct backlog_counts left;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (store_open(b->db, &writer.store, error) != 0 || backlog_new(&backlog, &writer.backlog, error) != 0)
		_exit(3);
	struct policy *policy = policy_empty();
	struct writer *w = writer_start(&writer);
	struct recorder_config recorder = {.policy = policy, .sensor = "test", .signature_set = "1", .captures = captures,
	                                   .n_captures = 4, .on_event = keep, .context = writer.backlog};
	struct recorder *r = recorder_new(&recorder);
	for (unsigned state = 1; states == 0 || state <= states; state++) {
		for (unsigned event = 0; event < EVENTS; event++) {
			observe(r, life, event, state);
			if (next_random(b) % 20 == 0)
				nanosleep(&(struct timespec){.tv_nsec = next_random(b) % 2000000}, NULL);
		}
		do /* the spill file shall neither grow for ever nor be empty always */
			backlog_counts(writer.backlog, &left);
		while (left.spilled > 4 * EVENTS && nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL) == 0);
		if (left.lost)
			_exit(4);
	}
	bool whole = writer_stop(w, 10000) && backlog_free(writer.backlog) == 0 && store_close(writer.store) == 0;
	recorder_free(r);
	policy_free(policy);
	_exit(whole ? 0 : 5);
}

/* ---- who kills it and looks ---- */

static void note(struct bench *b, const struct word *w)
{
	assert_true(w->event < sizeof b->told / sizeof *b->told);
	struct told *t = &b->told[w->event];
	memcpy(t->id, w->id, sizeof t->id);
	t->state = w->state > t->state ? w->state : t->state;
}

static void hear(struct bench *b, int fd, int most)
{
	struct word w;
	while (most-- && read(fd, &w, sizeof w) == sizeof w)
		note(b, &w);
}

static void check_events(const struct bench *b, sqlite3 *c, bool all_taken_in)
{
	sqlite3_stmt *s = NULL;
	assert_int_equal(sqlite3_prepare_v2(c, "SELECT requests FROM events WHERE event_id = ?", -1, &s, NULL), SQLITE_OK);
	for (size_t i = 0; i < sizeof b->told / sizeof *b->told; i++) {
		const struct told *t = &b->told[i];
		if (!t->state)
			continue;
		sqlite3_bind_text(s, 1, t->id, -1, SQLITE_STATIC);
		int state = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : 0;
		if (state < (all_taken_in ? (int)t->state : 1))
			fail_msg("event %s was told of in state %u and is there in state %d", t->id, t->state, state);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
}

static void check_database(const struct bench *b, bool leave_as_it_is)
{
	sqlite3 *c = NULL;
	sqlite3_stmt *s = NULL;
	assert_int_equal(sqlite3_open_v2(b->db, &c, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(c, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
	sqlite3_finalize(s);
	bool told = false;
	for (size_t i = 0; i < sizeof b->told / sizeof *b->told && !told; i++)
		told = b->told[i].state;
	if (told) /* else it may not have come to making the table */
		check_events(b, c, access(b->spill, F_OK) != 0);
	if (leave_as_it_is) /* the next life finds the WAL of the one before */
		sqlite3_db_config(c, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(c);
}

static pid_t start(struct bench *b, unsigned number, unsigned states, int *ret_ear)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		told_to = ends[1];
		live(b, number, states);
	}
	close(ends[1]);
	*ret_ear = ends[0];
	return child;
}

static void make_place(struct bench *b)
{
	snprintf(b->directory, sizeof b->directory, "/tmp/test_recorder_kill.XXXXXX");
	assert_non_null(mkdtemp(b->directory));
	snprintf(b->db, sizeof b->db, "%.63s/events.db", b->directory);
	snprintf(b->spill, sizeof b->spill, "%.63s/spill", b->directory);
	memset(b->told, 0, sizeof b->told);
}

static void leave_place(struct bench *b)
{
	DIR *d = opendir(b->directory);
	struct dirent *e;
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	assert_int_equal(rmdir(b->directory), 0);
}

/* A last life that nobody ends takes the spill file in and leaves nothing behind. How many events there are. */
static unsigned end_well(struct bench *b, unsigned last)
{
	int ear, status;
	unsigned all = 0, whole = 0;
	pid_t child = start(b, last, 3, &ear);
	hear(b, ear, -1);
	close(ear);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	check_database(b, false);
	assert_int_not_equal(access(b->spill, F_OK), 0);
	for (size_t i = 0; i < sizeof b->told / sizeof *b->told; i++) {
		all += b->told[i].state > 0;
		whole += i >= last * EVENTS && b->told[i].state == 3;
	}
	assert_int_equal(whole, EVENTS);
	return all;
}

static void nothing_told_is_ever_lost(void **state)
{
	(void)state;
	static struct bench b = {.random = 20261123};
	unsigned spilled = 0, all = 0;
	for (unsigned k = 0; k < KILLS; k++) {
		unsigned life = k % KILLS_PER_DATABASE;
		int ear, status;
		if (life == 0)
			make_place(&b);
		next_random(&b);
		pid_t child = start(&b, life, 0, &ear);
		if (k % 5) { /* the others are for the moments of opening and of taking over */
			struct pollfd first = {.fd = ear, .events = POLLIN};
			poll(&first, 1, 10000);
			hear(&b, ear, (int)(next_random(&b) % 25) + 1);
		}
		nanosleep(&(struct timespec){.tv_nsec = next_random(&b) % 10000000}, NULL);
		kill(child, SIGKILL);
		hear(&b, ear, -1);
		close(ear);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		spilled += access(b.spill, F_OK) == 0;
		if (access(b.db, F_OK) == 0)
			check_database(&b, k % 3);
		if (life == KILLS_PER_DATABASE - 1) {
			all += end_well(&b, KILLS_PER_DATABASE);
			leave_place(&b);
		}
	}
	print_message("%d kills: %u events told of; %u times there was a spill file\n", KILLS, all, spilled);
	assert_true(spilled > KILLS / 4); /* else it was not put to the test */
	assert_true(all > KILLS * EVENTS / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_told_is_ever_lost)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
