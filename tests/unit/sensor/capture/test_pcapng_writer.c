/* What is written is read back by our own reader; how a file ends when the disk is full, at every byte. */
#include "capture_build.h"

#include "pcapng_writer.h"
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *const names[] = {"eth0", NULL, "dir/a capture.pcap"};

static uint8_t pattern[LIMIT_FRAME_BYTES];

/* As assert_pattern() expects of packet 0. */
static struct frame frame_of(uint32_t capture, uint32_t link_type, int64_t time_ns, uint32_t caplen, uint32_t len)
{
	return (struct frame){.data = pattern,
			      .caplen = caplen,
			      .len = len,
			      .link_type = link_type,
			      .capture = capture,
			      .time_ns = time_ns};
}

static int group_setup(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof pattern; k++)
		pattern[k] = (uint8_t)(k * 11 + (k >> 8));
	return signal(SIGXFSZ, SIG_IGN) == SIG_ERR;
}

static struct source file_empty(void)
{
	return source_file(slice_of(NULL, 0));
}

static uint64_t file_size(const struct source *s)
{
	struct stat st;
	assert_int_equal(fstat(s->fd, &st), 0);
	return (uint64_t)st.st_size;
}

static struct bytes file_bytes(const struct source *s)
{
	struct bytes b = {0};
	size_t n = file_size(s);
	b.p = malloc(n + 1);
	assert_non_null(b.p);
	assert_int_equal(pread(s->fd, b.p, n, 0), (ssize_t)n);
	b.n = n;
	return b;
}

static bool holds(const struct bytes *b, const char *text)
{
	return memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static struct pcapng_writer *writer(const struct source *s)
{
	struct pcapng_writer *w = pcapng_writer_new(s->fd, "shadowtap 0.1", names, ARRAY(names));
	assert_non_null(w);
	return w;
}

/* Every length of padding, cut packets, times at the ends of their range, captures with and without a name, link types
 * that change. */
static void test_round_trip(void **state)
{
	(void)state;
	const struct frame frames[] = {
	    frame_of(0, 1, 1700000000123456789, 60, 60),
	    frame_of(0, 1, 1700000000123456790, 61, 1500),
	    frame_of(1, 1, 1700000000123456790, 62, 62),
	    frame_of(0, 101, 1, 63, 63),
	    frame_of(2, 276, 0, 0, 0),
	    frame_of(2, 276, 0, 0, 9000),
	    frame_of(99, 65535, 1700000001000000000, 1, 1),
	    frame_of(0, 1, 1700000002000000000, LIMIT_FRAME_BYTES, UINT32_MAX),
	    frame_of(1, 1, (INT64_C(1) << 33) * 1000000000 - 1, 5, 5),
	};
	struct source s = file_empty();
	struct pcapng_writer *w = writer(&s);
	for (size_t i = 0; i < ARRAY(frames); i++)
		assert_int_equal(pcapng_writer_put(w, &frames[i], i % 2 ? "a comment" : NULL), 0);
	uint64_t size = pcapng_writer_size(w);
	assert_int_equal(pcapng_writer_flush(w), 0);
	assert_int_equal(pcapng_writer_size(w), size);
	assert_int_equal(file_size(&s), size);
	pcapng_writer_free(w);
	struct collected *c = collect(s.path);
	assert_int_equal(c->outcome, 0);
	assert_int_equal(c->n, ARRAY(frames));
	for (size_t i = 0; i < ARRAY(frames); i++)
		assert_frame(c, i, frames[i].time_ns, frames[i].link_type, frames[i].caplen, frames[i].len, 0);
	collected_free(c);
	source_done(&s);
}

static void test_no_packets(void **state)
{
	(void)state;
	struct source s = file_empty();
	struct pcapng_writer *w = writer(&s);
	assert_int_equal(file_size(&s), 0);
	assert_int_equal(pcapng_writer_flush(w), 0);
	pcapng_writer_free(w);
	struct collected *c = collect(s.path);
	assert_int_equal(c->outcome, 0);
	assert_int_equal(c->n, 0);
	collected_free(c);
	source_done(&s);
	pcapng_writer_free(NULL);
}

/* The options, byte by byte: code, length, value, padding. One description per capture and link type, however often
 * they change. */
static void test_options(void **state)
{
	(void)state;
	const struct frame a = frame_of(0, 1, 0, 4, 4), b = frame_of(2, 1, 0, 4, 4);
	static const uint8_t name[] = {2, 0, 4, 0, 'e', 't', 'h', '0', 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t application[] = "\4\0\15\0shadowtap 0.1\0\0\0\0\0\0\0";
	static const uint8_t comment[] = {1, 0, 3, 0, 'h', 'i', '!', 0, 0, 0, 0, 0};
	struct source s = file_empty();
	struct pcapng_writer *w = writer(&s);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pcapng_writer_put(w, &a, NULL), 0);
		assert_int_equal(pcapng_writer_put(w, &b, "hi!"), 0);
	}
	assert_int_equal(pcapng_writer_flush(w), 0);
	pcapng_writer_free(w);
	struct bytes got = file_bytes(&s);
	assert_non_null(memmem(got.p, got.n, application, sizeof application - 1));
	assert_non_null(memmem(got.p, got.n, comment, sizeof comment));
	uint8_t *first = memmem(got.p, got.n, name, sizeof name);
	assert_non_null(first);
	assert_null(memmem(first + 1, got.n - (size_t)(first + 1 - got.p), name, sizeof name));
	assert_true(holds(&got, "dir/a capture.pcap"));
	bytes_done(&got);
	source_done(&s);
}

/* What a stranger wrote cannot steer a terminal or turn text around; newlines stay; too much is cut at a whole
 * character. */
static void test_comment_text(void **state)
{
	(void)state;
	const struct frame f = frame_of(0, 1, 0, 4, 4);
	char *large = malloc(70001);
	assert_non_null(large);
	for (int i = 0; i < 70000; i += 2)
		memcpy(large + i, "\xc3\xa9", 2);
	large[70000] = '\0';
	struct source s = file_empty();
	struct pcapng_writer *w = writer(&s);
	assert_int_equal(pcapng_writer_put(w, &f,
					   "one\ntwo\n\nB\xc3\xbc"
					   "cher \x1b[31m \xe2\x80\xae \xff."),
			 0);
	assert_int_equal(pcapng_writer_put(w, &f, ""), 0);
	assert_int_equal(pcapng_writer_put(w, &f, "\n"), 0);
	assert_int_equal(pcapng_writer_put(w, &f, large), 0);
	memset(large, '\n', 70000);
	assert_int_equal(pcapng_writer_put(w, &f, large), 0);
	assert_int_equal(pcapng_writer_flush(w), 0);
	pcapng_writer_free(w);
	struct bytes got = file_bytes(&s);
	assert_true(holds(&got, "one\ntwo\n\nB\xc3\xbc"
				"cher \\x1b[31m \\u{202e} "));
	assert_false(holds(&got, "\x1b"));
	assert_true(got.n < 20000);
	bytes_done(&got);
	struct collected *c = collect(s.path);
	assert_int_equal(c->outcome, 0);
	assert_int_equal(c->n, 5);
	collected_free(c);
	source_done(&s);
	free(large);
}

/* More interfaces than a reader takes in one section: another section begins, and their numbers anew. */
static void test_many_interfaces(void **state)
{
	(void)state;
	struct source s = file_empty();
	struct pcapng_writer *w = writer(&s);
	uint32_t n = LIMIT_PCAPNG_INTERFACES + 10;
	struct frame f;
	for (uint32_t i = 0; i < n; i++) {
		f = frame_of(i / 4, i % 4, i, 8, 8);
		assert_int_equal(pcapng_writer_put(w, &f, NULL), 0);
	}
	f = frame_of(0, 1, n, 8, 8);
	assert_int_equal(pcapng_writer_put(w, &f, NULL), 0);
	assert_int_equal(pcapng_writer_flush(w), 0);
	pcapng_writer_free(w);
	struct capture_file *file;
	char error[CAPTURE_ERROR_TEXT];
	assert_int_equal(capture_file_open(s.path, &file, error), 0);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(capture_file_next(file, &f), 1);
		assert_int_equal(f.link_type, i % 4);
		assert_int_equal(f.time_ns, i);
	}
	assert_int_equal(capture_file_next(file, &f), 1);
	assert_int_equal(f.link_type, 1);
	assert_int_equal(capture_file_next(file, &f), 0);
	capture_file_free(file);
	source_done(&s);
}

static void size_limit(rlim_t most)
{
	struct rlimit l;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = most < l.rlim_max ? most : l.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* Puts five frames and flushes; returns how many frames the reader finds. */
static size_t write_within(rlim_t most, bool each_flushed)
{
	struct source s = file_empty();
	struct pcapng_writer *w = writer(&s);
	int fail = 0;
	size_limit(most);
	for (unsigned i = 0; i < 5; i++) {
		const struct frame f = frame_of(i % 2, 1, i * 1000, 30 + i, 100);
		int rc = pcapng_writer_put(w, &f, i == 3 ? "comment" : NULL);
		if (rc == 0 && each_flushed)
			rc = pcapng_writer_flush(w);
		assert_true(fail == 0 || rc == fail); /* once failed, it stays so */
		fail = rc;
	}
	errno = 0;
	fail = pcapng_writer_flush(w);
	int why = errno;
	size_limit(RLIM_INFINITY);
	assert_true(fail == 0 || (fail == FAIL_IO && why == EFBIG));
	assert_int_equal(file_size(&s), pcapng_writer_size(w));
	assert_true(file_size(&s) <= most);
	assert_int_equal(lseek(s.fd, 0, SEEK_CUR), (off_t)file_size(&s));
	if (fail) /* not even when there is room again: a block in between was lost */
		assert_int_equal(pcapng_writer_flush(w), FAIL_IO);
	pcapng_writer_free(w);
	size_t frames = 0;
	if (file_size(&s)) {
		struct collected *c = collect(s.path);
		assert_int_equal(c->outcome, 0);
		for (size_t i = 0; i < c->n; i++)
			assert_frame(c, i, (int64_t)i * 1000, 1, 30 + (uint32_t)i, 100, 0);
		frames = c->n;
		collected_free(c);
	}
	assert_int_equal(fail == 0, frames == 5);
	source_done(&s);
	return frames;
}

static void test_disk_full(void **state)
{
	(void)state;
	for (int each_flushed = 0; each_flushed < 2; each_flushed++) {
		size_t before = 0;
		rlim_t most = 0;
		for (; before < 5; most++) {
			size_t now = write_within(most, each_flushed);
			assert_true(now == before || now == before + 1);
			before = now;
			assert_true(most < 2000);
		}
		assert_true(most > 5 * 60);
	}
}

/* A descriptor that cannot be written to fails at once, with its reason. */
static void test_bad_descriptor(void **state)
{
	(void)state;
	const struct frame f = frame_of(0, 1, 0, 4, 4);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	struct pcapng_writer *w = pcapng_writer_new(fds[0], "shadowtap", NULL, 0);
	assert_non_null(w);
	assert_int_equal(pcapng_writer_put(w, &f, NULL), 0);
	assert_int_equal(pcapng_writer_flush(w), FAIL_IO);
	assert_int_equal(errno, EBADF);
	errno = 0;
	assert_int_equal(pcapng_writer_put(w, &f, NULL), FAIL_IO);
	assert_int_equal(errno, EBADF);
	assert_int_equal(pcapng_writer_size(w), 0);
	pcapng_writer_free(w);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_no_packets),
	    cmocka_unit_test(test_options),         cmocka_unit_test(test_comment_text),
	    cmocka_unit_test(test_many_interfaces), cmocka_unit_test(test_disk_full),
	    cmocka_unit_test(test_bad_descriptor),
	};
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
