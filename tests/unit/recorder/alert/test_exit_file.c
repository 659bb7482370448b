/* Lines in files and on pipes: whole ones, whatever happens to the disk, the file or the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recorder/alert/exit_harness.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char path[128], spec[160];

static void named(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", harness_folder, name);
	snprintf(spec, sizeof spec, "file://%s?timeout=1", path);
}

static size_t contents(const char *file, char *out, size_t cap)
{
	FILE *in = fopen(file, "r");
	assert_non_null(in);
	size_t n = fread(out, 1, cap - 1, in);
	fclose(in);
	out[n] = 0;
	return n;
}

static void whole_lines_for_the_group_to_read(void **state)
{
	char text[8192];
	uint64_t ids[8];
	struct stat st;
	(void)state;
	named("plain");
	umask(0);
	struct alert_exit *x = exit_of(spec);
	assert_int_equal(access(path, F_OK), -1); /* nothing is opened yet */
	for (uint64_t i = 1; i <= 3; i++)
		sent(x, i);
	assert_int_equal(alert_exit_flush(x, harness_error), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	size_t n = contents(path, text, sizeof text);
	assert_int_equal(ids_in(text, ids, 8), 3);
	assert_int_equal(text[n - 1], '\n');
	assert_true(ids[0] == 1 && ids[1] == 2 && ids[2] == 3);
	alert_exit_free(x);
}

static void a_renamed_file_is_left_at_reopen(void **state)
{
	char text[8192], old[160];
	uint64_t ids[8];
	(void)state;
	named("rotated");
	snprintf(old, sizeof old, "%s.1", path);
	struct alert_exit *x = exit_of(spec);
	sent(x, 1);
	assert_int_equal(rename(path, old), 0);
	sent(x, 2); /* logrotate has not called yet */
	alert_exit_reopen(x);
	sent(x, 3);
	contents(old, text, sizeof text);
	assert_int_equal(ids_in(text, ids, 8), 2);
	contents(path, text, sizeof text);
	assert_int_equal(ids_in(text, ids, 8), 1);
	assert_int_equal(ids[0], 3);
	alert_exit_free(x);
}

static void a_full_disk_leaves_no_half_line(void **state)
{
	char text[8192];
	uint64_t ids[8];
	struct rlimit room = {0, RLIM_INFINITY};
	struct stat st;
	(void)state;
	named("full");
	signal(SIGXFSZ, SIG_IGN);
	struct alert_exit *x = exit_of(spec);
	sent(x, 1);
	assert_int_equal(stat(path, &st), 0);
	room.rlim_cur = (rlim_t)(st.st_size * 3 / 2); /* a line and a half */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_id(x, 2), FAIL_IO);
		assert_non_null(strstr(harness_error, "cannot write to "));
		off_t before = st.st_size;
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, before);
	}
	room.rlim_cur = RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
	sent(x, 2);
	sent(x, 3);
	contents(path, text, sizeof text);
	assert_int_equal(ids_in(text, ids, 8), 3);
	size_t lines = 0;
	for (char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 3);
	alert_exit_free(x);
}

/* A power failure, or another program: our line starts a line of its own. */
static void half_a_line_of_before_is_ended(void **state)
{
	char text[8192];
	(void)state;
	named("torn");
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs("whole\n{\"half", out);
	fclose(out);
	struct alert_exit *x = exit_of(spec);
	sent(x, 1);
	contents(path, text, sizeof text);
	assert_int_equal(strncmp(text, "whole\n{\"half\n{", 14), 0);
	alert_exit_free(x);
}

static void what_cannot_be_opened_is_said_and_tried_again(void **state)
{
	(void)state;
	named("absent/file");
	struct alert_exit *x = exit_of(spec);
	assert_int_equal(send_id(x, 1), FAIL_IO);
	assert_non_null(strstr(harness_error, "No such file or directory"));
	assert_int_equal(alert_exit_flush(x, harness_error), 0);
	*strrchr(path, '/') = 0;
	assert_int_equal(mkdir(path, 0755), 0);
	sent(x, 1);
	alert_exit_free(x);
	x = exit_of("file:///dev/full");
	assert_int_equal(send_id(x, 1), FAIL_IO);
	assert_non_null(strstr(harness_error, "No space left"));
	alert_exit_free(x);
}

/* Nobody reads: the exit gives up in time; then somebody does: the line that was half out is finished, not begun again.
 */
static void a_full_pipe_keeps_its_line(void **state)
{
	char text[262144];
	uint64_t ids[512];
	(void)state;
	named("pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	assert_true(fcntl(reader, F_SETPIPE_SZ, 4096) >= 4096);
	struct alert_exit *x = exit_of(spec);
	uint64_t id = 1;
	while (send_id(x, id) == 0)
		assert_true(++id < 100);
	size_t n = 0;
	for (int quiet = 0; quiet < 3;) {
		ssize_t k = read(reader, text + n, sizeof text - 1 - n);
		n += k > 0 ? (size_t)k : 0;
		if (k > 0)
			continue;
		quiet++;
		sent(x, id++);
	}
	ssize_t k = read(reader, text + n, sizeof text - 1 - n);
	text[n + (k > 0 ? (size_t)k : 0)] = 0;
	size_t got = ids_in(text, ids, 512);
	assert_int_equal(got, id - 1);
	for (size_t i = 0; i < got; i++)
		assert_int_equal(ids[i], i + 1);
	/* The reader goes away: no signal, a failure. */
	close(reader);
	assert_int_equal(send_id(x, id), FAIL_IO);
	assert_int_equal(send_id(x, id), FAIL_IO);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	sent(x, id);
	k = read(reader, text, sizeof text - 1);
	assert_true(k > 0 && text[0] == '{');
	close(reader);
	alert_exit_free(x);
}

static void standard_output(void **state)
{
	int p[2], before = dup(STDOUT_FILENO);
	char text[8192];
	uint64_t ids[4];
	(void)state;
	assert_int_equal(pipe(p), 0);
	fflush(stdout);
	assert_int_equal(dup2(p[1], STDOUT_FILENO), STDOUT_FILENO);
	struct alert_exit *x = exit_of("stdout:");
	int first = send_id(x, 1), second = send_id(x, 2);
	ssize_t n = read(p[0], text, sizeof text - 1);
	close(p[0]);
	int third = send_id(x, 3); /* EPIPE, and SIGPIPE would end this test */
	alert_exit_reopen(x);
	alert_exit_free(x);
	assert_int_equal(fcntl(STDOUT_FILENO, F_GETFD), 0); /* not ours to close */
	dup2(before, STDOUT_FILENO);
	close(before);
	close(p[1]);
	assert_true(n > 0);
	text[n] = 0;
	assert_int_equal(first, 0);
	assert_int_equal(second, 0);
	assert_int_equal(third, FAIL_IO);
	assert_int_equal(ids_in(text, ids, 4), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lines_for_the_group_to_read),
		cmocka_unit_test(a_renamed_file_is_left_at_reopen),
		cmocka_unit_test(a_full_disk_leaves_no_half_line),
		cmocka_unit_test(half_a_line_of_before_is_ended),
		cmocka_unit_test(what_cannot_be_opened_is_said_and_tried_again),
		cmocka_unit_test(a_full_pipe_keeps_its_line),
		cmocka_unit_test(standard_output),
	};
	return cmocka_run_group_tests(tests, harness_up, harness_down);
}
