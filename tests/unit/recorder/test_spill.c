#include "recorder/backlog_fixture.h"
#include "limits.h"
#include <errno.h>

static void write_file(const char *path, const char *text, size_t n)
{
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
}

static void a_full_disk_costs_no_order(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, ROOM(10), FILED(1000));
	struct rlimit room = {FILED(5) + 7, RLIM_INFINITY}; /* five lines and a piece of the sixth */
	signal(SIGXFSZ, SIG_IGN);
	int in_memory = 0;
	put(b, 0, 12);
	in_memory = (int)balanced(b).waiting;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	assert_int_equal(take(f, b, 64), in_memory);
	backlog_settled(b);
	put(b, 12, 12); /* some to the file, then to memory, then nowhere */
	struct backlog_counts c = balanced(b);
	assert_int_equal(c.spilled, 5);
	assert_int_equal(c.spill_errno, ENOSPC);
	assert_int_equal(size_of(f->spill), FILED(5));
	assert_int_equal(c.lost, 0);
	put(b, 24, 10);
	c = balanced(b);
	assert_true(c.lost > 0);
	room.rlim_cur = RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	int kept = 34 - (int)c.lost;
	put(b, kept, 3); /* what waited in memory goes first */
	c = balanced(b);
	assert_int_equal(c.spill_errno, 0);
	assert_int_equal(c.spilled + c.waiting + (uint64_t)in_memory, kept + 3);
	f->next = in_memory;
	assert_int_equal(drain(f, b), kept + 3 - in_memory);
	assert_int_equal(backlog_free(b), 0);
}

static void a_killed_process_leaves_its_file(void **state)
{
	struct fixture *f = *state;
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct backlog *b = opened(f, 0, FILED(100));
		put(b, 0, 50);
		struct backlog_item items[20];
		if (backlog_take(b, items, 20, 0) != 20)
			_exit(1);
		backlog_settled(b);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	struct backlog *b = NULL;
	struct backlog_config config = {.spill_path = f->spill, .spill_bytes = FILED(100)};
	assert_int_equal(backlog_new(&config, &b, f->error), FAIL_IO);
	assert_non_null(strstr(f->error, "another process uses this file"));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &(int){0}, 0), child);

	b = opened(f, ROOM(100), FILED(100));
	struct backlog_counts counts = balanced(b);
	assert_int_equal(counts.put, 50); /* the first twenty for the second time */
	assert_int_equal(counts.torn, 0);
	put(b, 50, 10);
	assert_int_equal(drain(f, b), 60);
	assert_int_equal(size_of(f->spill), 0);
	assert_int_equal(backlog_free(b), 0);
}

static void torn_and_foreign_lines_are_passed_over(void **state)
{
	struct fixture *f = *state;
	char line[TEXT_BYTES + 12], *file = malloc(LIMIT_EVENT_TEXT * 2);
	assert_non_null(file);
	size_t n = 0;
	for (int i = 0; i < 3; i++)
		n += (size_t)sprintf(file + n, TEXT "\n", i);
	snprintf(line, sizeof line, TEXT, 3);
	memcpy(file + n, line, 11);
	write_file(f->spill, file, n + 11);
	struct backlog *b = opened(f, ROOM(100), FILED(100));
	struct backlog_counts c = balanced(b);
	assert_int_equal(c.put, 3);
	assert_int_equal(c.torn, 1);
	put(b, 3, 2); /* where the torn line was */
	assert_int_equal(drain(f, b), 5);
	assert_int_equal(backlog_free(b), 0);

	n = (size_t)sprintf(file, TEXT "\n\n", 5);
	n += (size_t)sprintf(file + n, "not ours\n" TEXT "\n{", 6);
	memset(file + n, 'x', LIMIT_EVENT_TEXT);
	n += LIMIT_EVENT_TEXT;
	n += (size_t)sprintf(file + n, "\n" TEXT "\n{\"torn", 7);
	write_file(f->spill, file, n);
	b = opened(f, ROOM(100), FILED(10)); /* a file larger than allowed is read all the same */
	c = balanced(b);
	assert_int_equal(c.put, 6);
	assert_int_equal(drain(f, b), 3);
	c = balanced(b);
	assert_int_equal(c.lost, 3);
	assert_int_equal(c.torn, 4);
	put(b, 8, 2);
	assert_int_equal(drain(f, b), 2);
	assert_int_equal(backlog_free(b), 0);

	write_file(f->spill, "{\"bad\nlines\n", 12); /* ends in lines that are nobody's */
	b = opened(f, ROOM(100), FILED(10));
	struct backlog_item items[4];
	assert_int_equal(backlog_take(b, items, 4, 0), 1);
	backlog_settled(b);
	put(b, 10, 2);
	assert_int_equal(drain(f, b), 2);
	assert_int_equal(size_of(f->spill), 0);
	assert_int_equal(backlog_free(b), 0);
	free(file);
}

static void the_longest_line_is_one(void **state)
{
	struct fixture *f = *state;
	struct backlog *b = opened(f, 0, LIMIT_EVENT_TEXT * 3);
	for (int i = 0; i < 2; i++) {
		char *text = malloc(LIMIT_EVENT_TEXT);
		assert_non_null(text);
		memset(text, 'a' + i, LIMIT_EVENT_TEXT);
		text[0] = '{';
		backlog_put_take(b, text, LIMIT_EVENT_TEXT);
	}
	struct backlog_item items[2];
	assert_int_equal(backlog_take(b, items, 2, 0), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(items[i].n, LIMIT_EVENT_TEXT);
		assert_int_equal(items[i].text[LIMIT_EVENT_TEXT - 1], 'a' + i);
	}
	backlog_settled(b);
	assert_int_equal(balanced(b).lost, 0);
	assert_int_equal(backlog_free(b), 0);
}

static void refuses(struct fixture *f, const char *why)
{
	struct backlog_config c = {.memory_bytes = 1000, .spill_path = f->spill, .spill_bytes = 1000};
	struct backlog *b = NULL;
	assert_int_equal(backlog_new(&c, &b, f->error), FAIL_IO);
	assert_null(b);
	if (!strstr(f->error, why))
		fail_msg("'%s' does not say '%s'", f->error, why);
}

static void takes_no_file_that_is_not_its_own(void **state)
{
	struct fixture *f = *state;
	write_file(f->spill, "root:x:0:0:root\n", 16);
	refuses(f, "no spill file");
	assert_int_equal(size_of(f->spill), 16);
	assert_int_equal(unlink(f->spill), 0);
	assert_int_equal(symlink("elsewhere", f->spill), 0);
	refuses(f, "cannot be opened");
	assert_int_equal(unlink(f->spill), 0);
	assert_int_equal(mkfifo(f->spill, 0600), 0);
	refuses(f, "not a file");
	assert_int_equal(unlink(f->spill), 0);
	struct backlog *b = opened(f, 0, FILED(10));
	struct stat st;
	assert_int_equal(stat(f->spill, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	refuses(f, "another process uses this file"); /* in one process too */
	assert_int_equal(backlog_free(b), 0);
	snprintf(f->spill, sizeof f->spill, "%.60s/none/spill", f->directory);
	refuses(f, "cannot be opened");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_full_disk_costs_no_order),
		T(a_killed_process_leaves_its_file),
		T(torn_and_foreign_lines_are_passed_over),
		T(the_longest_line_is_one),
		T(takes_no_file_that_is_not_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
