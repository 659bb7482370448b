/* Evidence files: names, rights, the total, and that nobody else's file is ever touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evidence_files.h"
#include "frame.h"
#include "sample_event.h"
#include "status.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KIB = 1024 };

static char directory[64];

static int make(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/shadowtap-test-evidence-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static const char *in_directory(const char *name)
{
	static char path[300];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static unsigned count_files(void)
{
	unsigned n = 0;
	DIR *d = opendir(directory);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int clean(void **state)
{
	(void)state;
	DIR *d = opendir(directory);
	for (struct dirent *e; d && (e = readdir(d)) != NULL;)
		unlink(in_directory(e->d_name));
	closedir(d);
	return rmdir(directory);
}

static bool exists(const char *name)
{
	struct stat st;
	return lstat(in_directory(name), &st) == 0;
}

static void make_file(const char *name, off_t size, time_t when)
{
	int fd = open(in_directory(name), O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	struct timespec times[2] = {{when, 0}, {when, 0}};
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void next(struct evidence_files *e, int64_t time_ns)
{
	char error[EVIDENCE_ERROR_TEXT];
	int fd;
	if (evidence_files_next(e, time_ns, &fd, error) != 0)
		fail_msg("%s", error);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static struct evidence_files *files_new(uint64_t file_bytes, uint64_t total_bytes)
{
	char error[EVIDENCE_ERROR_TEXT];
	struct evidence_files *e;
	assert_int_equal(evidence_files_new(directory, file_bytes, total_bytes, &e, error), 0);
	return e;
}

static void test_names(void **state)
{
	(void)state;
	struct evidence_files *e = files_new(KIB, 1 << 20);
	umask(0);
	const int64_t t = INT64_C(1763800000) * NS_PER_SEC;
	next(e, t + 999999999);
	next(e, t);
	next(e, t + NS_PER_SEC);
	next(e, -5); /* packet times may be anything */
	next(e, INT64_MAX);
	assert_true(exists("shadowtap-20251122T082640Z-000.pcapng"));
	assert_true(exists("shadowtap-20251122T082640Z-001.pcapng"));
	assert_true(exists("shadowtap-20251122T082641Z-000.pcapng"));
	assert_true(exists("shadowtap-19700101T000000Z-000.pcapng"));
	assert_true(exists("shadowtap-22620411T234716Z-000.pcapng"));
	evidence_files_free(e);
	evidence_files_free(NULL);
}

static void test_the_oldest_make_room(void **state)
{
	(void)state;
	make_file("shadowtap-20200101T000000Z-000.pcapng", 40 * KIB, 3000); /* by name the oldest, not by last write */
	make_file("shadowtap-20200102T000000Z-000.pcapng", 40 * KIB, 1000);
	make_file("shadowtap-20200103T000000Z-000.pcapng", 40 * KIB, 2000);
	struct evidence_files *e = files_new(20 * KIB, 100 * KIB);
	next(e, 0); /* 120 + 20 > 100 */
	assert_false(exists("shadowtap-20200102T000000Z-000.pcapng"));
	assert_true(exists("shadowtap-20200103T000000Z-000.pcapng"));
	assert_true(exists("shadowtap-20200101T000000Z-000.pcapng"));
	assert_int_equal(evidence_files_deleted(e), 1);
	assert_true(exists("shadowtap-19700101T000000Z-000.pcapng"));
	assert_int_equal(unlink(in_directory("shadowtap-19700101T000000Z-000.pcapng")), 0);
	make_file("shadowtap-20200104T000000Z-000.pcapng", 1, 4000);
	next(e, 0); /* 80 K and one byte: no room for 20 K more */
	assert_false(exists("shadowtap-19700101T000000Z-000.pcapng")); /* a name is not given twice */
	assert_true(exists("shadowtap-19700101T000000Z-001.pcapng"));
	assert_false(exists("shadowtap-20200103T000000Z-000.pcapng"));
	assert_true(exists("shadowtap-20200101T000000Z-000.pcapng"));
	evidence_files_free(e);
}

static void test_no_other_file_is_touched(void **state)
{
	(void)state;
	static const char *const names[] = {
		"capture.pcapng", "shadowtap-20200101T000000Z-000.pcap", "shadowtap-20200101T000000Z-0000.pcapng",
		"shadowtap-2020010aT000000Z-000.pcapng", "Shadowtap-20200101T000000Z-000.pcapng",
		"shadowtap-20200101T000000Z-000.pcapng.keep", "shadowtap.db"};
	enum { NAMES = sizeof names / sizeof *names };
	for (int i = 0; i < NAMES; i++)
		make_file(names[i], 1 << 20, 1);
	assert_int_equal(symlink("shadowtap.db", in_directory("shadowtap-20200101T000000Z-000.pcapng")), 0);
	struct evidence_files *e = files_new(KIB, KIB);
	next(e, 0);
	next(e, 0); /* the first is deleted: it and a whole new one are more than the total */
	assert_int_equal(evidence_files_deleted(e), 1);
	for (int i = 0; i < NAMES; i++)
		assert_true(exists(names[i]));
	assert_int_equal(count_files(), NAMES + 1 + 1);
	/* and a link where the next file would be is not followed */
	assert_int_equal(symlink("elsewhere", in_directory("shadowtap-20200102T000000Z-000.pcapng")), 0);
	next(e, INT64_C(1577923200) * NS_PER_SEC);
	assert_true(exists("shadowtap-20200102T000000Z-001.pcapng"));
	assert_false(exists("elsewhere"));
	evidence_files_free(e);
}

static void test_makes_its_directory_or_says_why_not(void **state)
{
	(void)state;
	char error[EVIDENCE_ERROR_TEXT], path[128];
	struct evidence_files *e = NULL;
	snprintf(path, sizeof path, "%s/new", directory);
	assert_int_equal(evidence_files_new(path, KIB, KIB, &e, error), 0);
	evidence_files_free(e);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rmdir(path), 0);
	e = NULL;
	snprintf(path, sizeof path, "%s/no/such", directory);
	assert_int_equal(evidence_files_new(path, KIB, KIB, &e, error), FAIL_IO);
	assert_non_null(strstr(error, "No such file"));
	make_file("file", 1, 1);
	assert_int_equal(evidence_files_new(in_directory("file"), KIB, KIB, &e, error), FAIL_IO);
	assert_non_null(strstr(error, "Not a directory"));
	assert_null(e);
}

static void test_comment(void **state)
{
	(void)state;
	struct observation o = sample_observation();
	struct judgement j = {.verdict = VERDICT_UNAUTHORIZED};
	struct event e = {.o = &o, .j = &j, .event_id = "0123456789abcdef0123456789abcdef"};
	char text[EVIDENCE_COMMENT_TEXT];
	o.host = "mcp.example";
	o.client_name = "agent";
	o.server_name = "tools\nshadowtap 00 approved";
	evidence_comment(&e, text);
	assert_string_equal(text, "shadowtap 0123456789abcdef0123456789abcdef unauthorized confirmed mcp.example agent -> "
	                          "tools shadowtap 00 approved");
	o.host = o.client_name = o.server_name = NULL;
	evidence_comment(&e, text);
	assert_non_null(strstr(text, " confirmed mcp.example - -> -")); /* the SNI */
	o.sni = NULL;
	evidence_comment(&e, text);
	assert_non_null(strstr(text, " confirmed 203.0.113.9:8443 - -> -"));
	o.server_ip = (struct ip_addr){6, {0x20, 1, 0x0d, 0xb8, [15] = 1}};
	evidence_comment(&e, text);
	assert_non_null(strstr(text, " [2001:db8::1]:8443 - -> -"));
	char endless[4096];
	memset(endless, 'n', sizeof endless - 1);
	endless[sizeof endless - 1] = '\0';
	o.host = o.client_name = o.server_name = endless;
	evidence_comment(&e, text);
	assert_non_null(strstr(text, "n -> nnn")); /* one long name leaves room for the next */
}

/* A disk that is full lets files be made, but nothing be written to them. */
static void test_empty_ones_do_not_stay(void **state)
{
	(void)state;
	char error[EVIDENCE_ERROR_TEXT];
	struct evidence_files *e = files_new(KIB, 1 << 20);
	next(e, 0); /* has a byte */
	for (int i = 1; i < 100; i++) {
		int fd;
		assert_int_equal(evidence_files_next(e, i * NS_PER_SEC, &fd, error), 0);
		close(fd);
	}
	assert_int_equal(count_files(), 2);
	next(e, 100 * NS_PER_SEC);
	assert_int_equal(count_files(), 2);
	assert_true(exists("shadowtap-19700101T000000Z-000.pcapng"));
	evidence_files_free(e);
	assert_int_equal(count_files(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, make, clean),
		cmocka_unit_test_setup_teardown(test_the_oldest_make_room, make, clean),
		cmocka_unit_test_setup_teardown(test_no_other_file_is_touched, make, clean),
		cmocka_unit_test_setup_teardown(test_makes_its_directory_or_says_why_not, make, clean),
		cmocka_unit_test_setup_teardown(test_empty_ones_do_not_stay, make, clean),
		cmocka_unit_test(test_comment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
