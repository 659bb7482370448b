/* A directory of its own for each test, events with chosen values, and other processes: a writer that is killed, a user
 * who owns nothing. Included by the tests of the store. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "recorder/sample_event.h"
#include "status.h"
#include "store.h"
#include <dirent.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

struct fixture {
	char directory[64];
	char db[96];
	char error[STORE_ERROR_TEXT];
};

static struct fixture fixture;

static int fixture_up(void **state)
{
	struct fixture *f = &fixture;
	*f = (struct fixture){.directory = "/tmp/test-store-XXXXXX"};
	if (!mkdtemp(f->directory) || chmod(f->directory, 0755) != 0)
		return -1;
	snprintf(f->db, sizeof f->db, "%.63s/events.db", f->directory); /* the bound is for -Wformat-truncation */
	*state = f;
	return 0;
}

static int fixture_down(void **state)
{
	struct fixture *f = *state;
	chmod(f->directory, 0755);
	DIR *d = opendir(f->directory);
	struct dirent *e;
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	return rmdir(f->directory);
}

static inline bool beside(const struct fixture *f, const char *suffix)
{
	char path[128];
	snprintf(path, sizeof path, "%s%s", f->db, suffix);
	return access(path, F_OK) == 0;
}

static const struct event_context fixture_context = {"tap1", "2026.11.22", "a.pcap"};

static inline struct store *opened(struct fixture *f)
{
	struct store *s = NULL;
	if (store_open(f->db, &s, f->error) != 0)
		fail_msg("%s", f->error);
	return s;
}

static inline struct store *opened_read(struct fixture *f)
{
	struct store *s = NULL;
	if (store_open_read(f->db, &s, f->error) != 0)
		fail_msg("%s", f->error);
	return s;
}

/* A violation has breached "policy.tls"; whoever asks for the finding "no-auth" or another has it too. */
static inline int put_found(struct store *s, const struct observation *o, enum verdict v, const char *finding)
{
	const struct event_links links = {.findings = {finding}, .n_findings = finding != NULL};
	struct judgement j = {.verdict = v, .breaches = {"policy.tls"}, .n_breaches = v == VERDICT_VIOLATION};
	struct event e;
	assert_int_equal(event_from(o, &j, TRAFFIC_OUTBOUND, &fixture_context, &links, &e), 0);
	return store_put(s, &e);
}

static inline int put_judged(struct store *s, const struct observation *o, enum verdict v)
{
	return put_found(s, o, v, NULL);
}

/* n different events, numbered by their connection's time. */
static inline void put_many(struct store *s, int from, int n)
{
	struct observation o = sample_observation();
	for (int i = from; i < from + n; i++) {
		o.connection_time_ns = i;
		assert_int_equal(put_judged(s, &o, VERDICT_UNAUTHORIZED), 0);
	}
}

static inline int count_row(void *context, const json_t *row)
{
	(void)row;
	++*(int *)context;
	return 0;
}

static inline int rows_in(struct store *s)
{
	struct store_query all = {.all = true};
	int n = 0;
	assert_int_equal(store_select(s, &all, count_row, &n), 0);
	return n;
}

static inline int keep_row(void *context, const json_t *row)
{
	return json_array_append(context, (json_t *)row);
}

/* Runs the function in a child as a user who owns nothing; its return value is the child's exit code. */
static inline int as_nobody(int (*fn)(struct fixture *), struct fixture *f)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
			_exit(99);
		_exit(fn(f));
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* In a child: the rows that it can read, or 200 when it cannot open; 100 more when it was warned. */
static inline int count_quietly(struct fixture *f)
{
	struct store *s = NULL;
	struct store_query all = {.all = true};
	int n = 0;
	if (store_open_read(f->db, &s, f->error) != 0)
		return 200;
	if (store_select(s, &all, count_row, &n) != 0)
		return 201;
	store_close_read(s);
	return n + (f->error[0] ? 100 : 0);
}

/* A writer in a process of its own that has flushed `flushed` rows and holds `held` more in its transaction. */
static inline pid_t writer_process(struct fixture *f, int flushed, int held)
{
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *s = opened(f);
		put_many(s, 0, flushed);
		if (store_flush(s) != 0)
			_exit(1);
		put_many(s, flushed, held);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return child;
}

static inline void killed(pid_t child)
{
	int status;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

#endif
