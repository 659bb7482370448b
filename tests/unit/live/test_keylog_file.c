/* keylog_file.c: a file that appears, grows, is cut, is replaced, and is no file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "keylog_file.h"
#include "status.h"

static char directory[] = "/tmp/keylog_file.XXXXXX";
static char path[64], other[64], old[64];

static void put(const char *to, const char *mode, const char *text)
{
	FILE *f = fopen(to, mode);
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void expect(struct keylog_file *f, const char *text, bool afresh)
{
	uint8_t got[64];
	bool was_afresh = !afresh;
	int n = keylog_file_read(f, got, sizeof got, &was_afresh);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, strlen(text));
	if (n)
		assert_int_equal(was_afresh, afresh);
}

static void a_life(void **state)
{
	struct keylog_file f;
	uint8_t got[4];
	bool afresh;
	(void)state;
	keylog_file_init(&f, path);
	assert_int_equal(keylog_file_read(&f, got, sizeof got, &afresh), FAIL_IO); /* not there yet */
	put(path, "w", "one\n");
	expect(&f, "one\n", true);
	expect(&f, "", false);
	put(path, "a", "two\n");
	expect(&f, "two\n", false);
	put(path, "w", "cut\n"); /* shorter than what was read */
	expect(&f, "cut\n", true);
	put(other, "w", "new\n");
	put(path, "a", "last words\n");
	assert_int_equal(rename(path, old), 0);
	expect(&f, "last words\n", false); /* of the file that was moved away */
	expect(&f, "", false);
	assert_int_equal(rename(other, path), 0);
	expect(&f, "new\n", true);
	keylog_file_rewind(&f); /* another reader */
	expect(&f, "new\n", true);
	put(path, "a", "in pieces");
	assert_int_equal(keylog_file_read(&f, got, 4, &afresh), 4);
	assert_int_equal(keylog_file_read(&f, got, 4, &afresh), 4);
	expect(&f, "s", false);
	keylog_file_done(&f);
	unlink(path);
	unlink(old);
}

static void no_file(void **state)
{
	struct keylog_file f;
	uint8_t got[4];
	bool afresh;
	(void)state;
	keylog_file_init(&f, directory);
	assert_int_equal(keylog_file_read(&f, got, sizeof got, &afresh), FAIL_IO);
	assert_int_equal(mkfifo(path, 0600), 0);
	keylog_file_init(&f, path);
	assert_int_equal(keylog_file_read(&f, got, sizeof got, &afresh), FAIL_IO); /* and does not wait for a writer */
	keylog_file_done(&f);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_life), cmocka_unit_test(no_file)};
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof path, "%s/keys", directory);
	snprintf(other, sizeof other, "%s/other", directory);
	snprintf(old, sizeof old, "%s/old", directory);
	int failed = cmocka_run_group_tests_name("keylog_file", tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
