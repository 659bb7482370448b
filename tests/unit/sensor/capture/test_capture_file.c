#include "capture_build.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

/* ---- packing ---- */

enum { GZIP, GZIP_MEMBERS, ZSTD, ZSTD_FRAMES, PACKINGS };

static void put_packed(struct bytes *b, int packing, struct slice s)
{
	struct slice half = slice_first(s, s.n / 2), rest = slice_after(s, s.n / 2);
	switch (packing) {
	case GZIP: put_gzip(b, s); break;
	case GZIP_MEMBERS:
		put_gzip(b, half);
		put_gzip(b, rest);
		break;
	case ZSTD: put_zstd(b, s); break;
	case ZSTD_FRAMES:
		put_zstd(b, half);
		put_zstd(b, rest);
		break;
	}
}

/* Cut at every byte: never more or other frames than there are, none lost that a shorter cut still gave, and never
 * taken for a whole file. */
static void test_packed_and_truncated(void **state)
{
	(void)state;
	for (int packing = 0; packing < PACKINGS; packing++) {
		struct bytes plain = {0}, b = {0};
		pcap_sample(&plain, 40);
		put_packed(&b, packing, bytes_slice(&plain));
		size_t last = 0;
		for (size_t n = 4; n <= b.n; n++)
			for (int through_pipe = 0; through_pipe < 2; through_pipe++) {
				struct slice cut = slice_first(bytes_slice(&b), n);
				struct collected *c = through_pipe ? collect_pipe(cut) : collect_file(cut);
				assert_sample(c);
				assert_true(c->n >= last);
				last = c->n;
				assert_false(c->stable);
				/* Between two members or frames a cut cannot be seen in the packing, but in the record.
				 */
				assert_int_equal(c->outcome, n == b.n ? 0 : FAIL_INPUT);
				assert_int_equal(c->outcome == 0, c->error[0] == 0);
				collected_free(c);
			}
		assert_int_equal(last, 40);
		bytes_done(&plain);
		bytes_done(&b);
	}
}

/* A flipped bit anywhere in packed data: the check sum tells at the latest at the end. */
static void test_packed_and_damaged(void **state)
{
	(void)state;
	for (int packing = 0; packing < PACKINGS; packing++) {
		struct bytes plain = {0}, b = {0};
		pcap_sample(&plain, 40);
		put_packed(&b, packing, bytes_slice(&plain));
		size_t failed = 0;
		for (size_t i = 16; i < b.n; i++) { /* behind the gzip header, where name and time may be anything */
			b.p[i] ^= 0x10;
			struct collected *c = collect_file(bytes_slice(&b));
			/* The bits that fill up the last byte of deflate data mean nothing. */
			assert_true(c->outcome == FAIL_INPUT || (c->outcome == 0 && c->n == 40));
			if (c->outcome == 0)
				assert_sample(c);
			else
				failed++;
			collected_free(c);
			b.p[i] ^= 0x10;
		}
		assert_true(failed > b.n * 9 / 10);
		bytes_done(&plain);
		bytes_done(&b);
	}
}

/* ---- pipes ---- */

struct writer {
	int fd;
	struct slice s;
	size_t piece;
};

static void *write_slowly(void *arg)
{
	struct writer *w = arg;
	struct slice s = w->s;
	while (s.n) {
		ssize_t n = write(w->fd, s.p, s.n < w->piece ? s.n : w->piece);
		if (n <= 0)
			break;
		s = slice_after(s, (size_t)n);
		usleep(20);
	}
	close(w->fd);
	return NULL;
}

/* However the writer cuts it, the frames are those of the file. */
static void test_slow_pipe(void **state)
{
	(void)state;
	struct bytes files[4] = {{0}, {0}, {0}, {0}};
	pcap_sample(&files[0], 30);
	ng_section(&files[1]);
	ng_interface(&files[1], 1, 0, 9, 0);
	for (unsigned i = 0; i < 30; i++)
		ng_packet(&files[1], 0, (1700000000 + (uint64_t)i) * 1000000000 + i * 1000, i * 7, i * 7 + (i & 1), i);
	put_packed(&files[2], GZIP_MEMBERS, bytes_slice(&files[0]));
	put_packed(&files[3], ZSTD_FRAMES, bytes_slice(&files[1]));
	static const size_t pieces[] = {1, 3, 7, 16, 100, 65536};
	for (size_t k = 0; k < 4; k++)
		for (size_t i = 0; i < ARRAY(pieces); i++) {
			int fds[2];
			assert_int_equal(pipe(fds), 0);
			struct writer w = {fds[1], bytes_slice(&files[k]), pieces[i]};
			pthread_t thread;
			assert_int_equal(pthread_create(&thread, NULL, write_slowly, &w), 0);
			int saved = stdin_become(fds[0]);
			struct collected *c = collect("-");
			stdin_restore(saved);
			assert_int_equal(pthread_join(thread, NULL), 0);
			close(fds[0]);
			assert_int_equal(c->outcome, 0);
			assert_int_equal(c->n, 30);
			assert_sample(c);
			collected_free(c);
		}
	for (size_t k = 0; k < 4; k++)
		bytes_done(&files[k]);
}

static void pipe_write(int fd, struct slice s)
{
	assert_int_equal(write(fd, s.p, s.n), (ssize_t)s.n);
}

/* Byte by byte: blocks until the very byte that completes a packet, and no packet is lost by asking. */
static void test_would_block(void **state)
{
	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		struct bytes b = {0};
		size_t start, ends[2];
		if (ng) {
			ng_section(&b);
			start = b.n;
			ng_interface(&b, 1, 0, 9, 0); /* not a packet: reading it does not help */
			ng_packet(&b, 0, 5, 10, 10, 0);
			ends[0] = b.n;
			ng_block(&b, 5, SLICE_LITERAL("12345678"));
			ng_packet(&b, 0, 6, 20, 20, 1);
		} else {
			pcap_header(&b, 0xa1b23c4d, 1);
			start = b.n;
			pcap_record(&b, 0, 5, 10, 10, 0);
			ends[0] = b.n;
			pcap_record(&b, 0, 6, 20, 20, 1);
		}
		ends[1] = b.n;
		int fds[2];
		assert_int_equal(pipe(fds), 0);
		pipe_write(fds[1], slice_first(bytes_slice(&b), start));
		int saved = stdin_become(fds[0]);
		struct capture_file *f = NULL;
		char error[CAPTURE_ERROR_TEXT];
		assert_int_equal(capture_file_open("-", &f, error), 0);
		assert_false(capture_file_is_stable(f));
		assert_int_equal(capture_file_size(f), 0);
		assert_true(capture_file_would_block(f));
		for (size_t at = start, which = 0; which < 2; which++) {
			for (; at < ends[which]; at++) {
				assert_true(capture_file_would_block(f));
				pipe_write(fds[1], slice_of(b.p + at, 1));
			}
			assert_false(capture_file_would_block(f));
			assert_false(capture_file_would_block(f));
			struct frame frame;
			assert_int_equal(capture_file_next(f, &frame), 1);
			assert_int_equal(frame.number, which + 1);
			assert_int_equal(frame.time_ns, 5 + which);
			assert_int_equal(frame.caplen, 10 + 10 * which);
			for (size_t i = 0; i < frame.caplen; i++)
				assert_int_equal(frame.data[i], (uint8_t)(which * 37 + i * 11));
			assert_int_equal(capture_file_position(f), ends[which]);
		}
		assert_true(capture_file_would_block(f));
		close(fds[1]);
		assert_false(capture_file_would_block(f)); /* the end is news that does not block */
		struct frame frame;
		assert_int_equal(capture_file_next(f, &frame), 0);
		capture_file_free(f);
		stdin_restore(saved);
		close(fds[0]);
		bytes_done(&b);
	}
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* A signal ends the wait, and the wait can be taken up again. */
static void test_interrupted(void **state)
{
	(void)state;
	struct bytes b = {0};
	pcap_sample(&b, 2);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pipe_write(fds[1], slice_first(bytes_slice(&b), 24 + 16 + 8)); /* half a header of the second packet */
	int saved = stdin_become(fds[0]);
	struct capture_file *f = NULL;
	char error[CAPTURE_ERROR_TEXT];
	assert_int_equal(capture_file_open("-", &f, error), 0);
	struct frame frame;
	assert_int_equal(capture_file_next(f, &frame), 1);
	struct sigaction action = {.sa_handler = on_alarm}, before;
	sigaction(SIGALRM, &action, &before);
	/* Again and again: one alarm alone could come before the wait begins. */
	struct itimerval soon = {.it_value = {.tv_usec = 20000}, .it_interval = {.tv_usec = 20000}}, never = {0};
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(capture_file_next(f, &frame), FAIL_IO);
	assert_int_equal(errno, EINTR);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	pipe_write(fds[1], slice_after(bytes_slice(&b), 24 + 16 + 8));
	assert_int_equal(capture_file_next(f, &frame), 1);
	assert_int_equal(frame.number, 2);
	assert_int_equal(frame.caplen, 7);
	close(fds[1]);
	assert_int_equal(capture_file_next(f, &frame), 0);
	capture_file_free(f);
	stdin_restore(saved);
	close(fds[0]);
	bytes_done(&b);
}

/* ---- errors, progress ---- */

static void test_error_texts(void **state)
{
	(void)state;
	struct collected *c = collect("/nonexistent/capture.pcap");
	assert_int_equal(c->outcome, FAIL_IO);
	assert_string_equal(c->error, "/nonexistent/capture.pcap: cannot open: No such file or directory");
	collected_free(c);
	c = collect("/");
	assert_int_equal(c->outcome, FAIL_IO);
	assert_string_equal(c->error, "/: cannot read: Is a directory");
	collected_free(c);
	char path[600];
	memset(path, 'x', sizeof path);
	memcpy(path, "/nonexistent/", 13);
	memcpy(path + sizeof path - 10, "/end.pcap", 10);
	c = collect(path);
	assert_int_equal(c->outcome, FAIL_IO);
	assert_int_equal(strncmp(c->error, "...xxx", 6), 0);
	assert_non_null(strstr(c->error, "/end.pcap: cannot open: "));
	collected_free(c);
	c = collect_pipe(slice_of(NULL, 0));
	assert_int_equal(c->outcome, FAIL_INPUT);
	assert_string_equal(c->error,
			    "standard input: not a capture file: expected pcap or pcapng, found an empty file");
	collected_free(c);
}

static void test_position(void **state)
{
	(void)state;
	struct bytes plain = {0}, packed = {0};
	pcap_sample(&plain, 50);
	put_gzip(&packed, bytes_slice(&plain));
	for (int gzip = 0; gzip < 2; gzip++) {
		struct bytes *b = gzip ? &packed : &plain;
		struct source src = source_file(bytes_slice(b));
		struct capture_file *f = NULL;
		char error[CAPTURE_ERROR_TEXT];
		assert_int_equal(capture_file_open(src.path, &f, error), 0);
		assert_int_equal(capture_file_size(f), b->n);
		assert_false(capture_file_would_block(f));
		struct frame frame;
		uint64_t at = 24, last = 0;
		for (unsigned i = 0; i < 50; i++) {
			assert_int_equal(capture_file_next(f, &frame), 1);
			at += 16 + i * 7;
			if (!gzip)
				assert_int_equal(capture_file_position(f), at);
			assert_true(capture_file_position(f) >= last && capture_file_position(f) <= b->n);
			last = capture_file_position(f);
		}
		assert_int_equal(capture_file_next(f, &frame), 0);
		assert_int_equal(capture_file_position(f), b->n);
		capture_file_free(f);
		source_done(&src);
	}
	capture_file_free(NULL);
	bytes_done(&plain);
	bytes_done(&packed);
}

/* Frames of a mapped file may be kept: all of them are still right when the last one has been read. */
static void test_stable(void **state)
{
	(void)state;
	struct bytes b = {0};
	pcap_sample(&b, 40);
	struct source src = source_file(bytes_slice(&b));
	struct capture_file *f = NULL;
	char error[CAPTURE_ERROR_TEXT];
	assert_int_equal(capture_file_open(src.path, &f, error), 0);
	assert_true(capture_file_is_stable(f));
	struct frame frames[40];
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(capture_file_next(f, &frames[i]), 1);
	for (size_t i = 0; i < 40; i++)
		for (size_t k = 0; k < frames[i].caplen; k++)
			assert_int_equal(frames[i].data[k], (uint8_t)(i * 37 + k * 11 + (k >> 8)));
	capture_file_free(f);
	source_done(&src);
	bytes_done(&b);
}

/* ---- recorded files ---- */

static void put_gunzipped(struct bytes *b, const char *path)
{
	gzFile gz = gzopen(path, "rb"); /* reads plain files as they are */
	assert_non_null(gz);
	uint8_t some[4096];
	int n;
	while ((n = gzread(gz, some, sizeof some)) > 0)
		put(b, some, (size_t)n);
	assert_int_equal(n, 0);
	gzclose(gz);
}

static void test_recorded_files_agree_with_libpcap(void **state)
{
	(void)state;
	static const char *const names[] = {
	    "d_pcapng__tls13_vendor_node.pcapng",
	    "d_bigendian__http_everything_stateful.pcap",
	    "d_gz__http_everything_stateful.pcap.gz",
	};
	for (size_t i = 0; i < ARRAY(names); i++) {
		char path[1024], says[PCAP_ERRBUF_SIZE];
		snprintf(path, sizeof path, "%s/pcaps/%s", TEST_SOURCE_DIR, names[i]);
		struct bytes b = {0};
		put_gunzipped(&b, path);
		struct source src = source_file(bytes_slice(&b));
		pcap_t *p = pcap_open_offline_with_tstamp_precision(src.path, PCAP_TSTAMP_PRECISION_NANO, says);
		assert_non_null(p);
		struct collected *c = collect(path);
		assert_int_equal(c->outcome, 0);
		assert_true(c->n > 20);
		struct pcap_pkthdr *h;
		const u_char *data;
		for (size_t k = 0; k < c->n; k++) {
			assert_int_equal(pcap_next_ex(p, &h, &data), 1);
			assert_int_equal(c->got[k].frame.time_ns, (int64_t)h->ts.tv_sec * 1000000000 + h->ts.tv_usec);
			assert_int_equal(c->got[k].frame.caplen, h->caplen);
			assert_int_equal(c->got[k].frame.len, h->len);
			assert_int_equal(c->got[k].frame.link_type, pcap_datalink(p));
			assert_memory_equal(c->got[k].data, data, h->caplen);
		}
		assert_int_equal(pcap_next_ex(p, &h, &data), PCAP_ERROR_BREAK);
		pcap_close(p);
		collected_free(c);
		source_done(&src);
		bytes_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_packed_and_truncated),
	    cmocka_unit_test(test_packed_and_damaged),
	    cmocka_unit_test(test_slow_pipe),
	    cmocka_unit_test(test_would_block),
	    cmocka_unit_test(test_interrupted),
	    cmocka_unit_test(test_error_texts),
	    cmocka_unit_test(test_position),
	    cmocka_unit_test(test_stable),
	    cmocka_unit_test(test_recorded_files_agree_with_libpcap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
