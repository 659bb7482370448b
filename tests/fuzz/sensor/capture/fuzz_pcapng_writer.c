/* Any frames and comments through the pcapng writer, into a file that may not grow past any size: what our reader finds
 * is what was put, in order, up to where it was full. Run by libFuzzer, or over the corpus by an ordinary build. */
#include "capture_file.h"
#include "capture_time.h"
#include "cursor.h"
#include "limits.h"
#include "pcapng_writer.h"
#include "status.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define FRAMES_MAX 4096

#define REQUIRE(what)                                                                                                  \
	do {                                                                                                           \
		if (!(what))                                                                                           \
			abort();                                                                                       \
	} while (0)

static void size_limit(rlim_t most)
{
	struct rlimit l;
	REQUIRE(getrlimit(RLIMIT_FSIZE, &l) == 0);
	l.rlim_cur = most < l.rlim_max ? most : l.rlim_max;
	REQUIRE(setrlimit(RLIMIT_FSIZE, &l) == 0);
}

/* The next frame that the input describes. The bytes of large ones are the rest of the input, over and over. */
static struct frame frame_next(struct cursor *c, uint8_t *bytes, char comment[256], bool *ret_comment, bool *ret_flush)
{
	uint8_t what = cursor_u8(c);
	struct frame f = {
	    .data = bytes,
	    .capture = cursor_u8(c) % 8,
	    .link_type = what & 1 ? cursor_be16(c) : cursor_u8(c) % 4,
	    .time_ns = (int64_t)((uint64_t)cursor_be32(c) << 31 | cursor_be16(c)) % (CAPTURE_TIME_MAX_S * NS_PER_SEC),
	};
	uint32_t most = what & 2 ? LIMIT_FRAME_BYTES : 300;
	f.caplen = (what & 2 ? cursor_be24(c) : cursor_be16(c)) % (most + 1);
	f.len = f.caplen + (what & 4 ? cursor_u8(c) : 0);
	for (uint32_t i = 0; i < f.caplen; i++)
		bytes[i] = cursor_left(c) ? c->p[i % cursor_left(c)] : (uint8_t)i;
	*ret_comment = what & 8;
	*ret_flush = what & 16;
	struct slice text = *ret_comment ? cursor_vec8(c) : slice_of(NULL, 0);
	if (text.n)
		memcpy(comment, text.p, text.n);
	comment[text.n] = '\0';
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const names[] = {"eth0", "any", NULL, "a\x1b[31m\xff\n"};
	static uint8_t bytes[LIMIT_FRAME_BYTES];
	char comment[256], path[32], error[CAPTURE_ERROR_TEXT];
	bool with_comment, flush;
	struct cursor c = cursor_of(slice_of(data, n));
	rlim_t most = cursor_be16(&c);
	if (most & 1)
		most = RLIM_INFINITY;
	int fd = memfd_create("written", MFD_CLOEXEC);
	REQUIRE(fd >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	signal(SIGXFSZ, SIG_IGN);
	struct pcapng_writer *w = pcapng_writer_new(fd, "fuzz", names, sizeof names / sizeof *names);
	REQUIRE(w);
	struct cursor first = c;
	uint32_t put = 0;
	int fail = 0;
	size_limit(most);
	while (cursor_left(&c) && put < FRAMES_MAX && fail == 0) {
		struct frame f = frame_next(&c, bytes, comment, &with_comment, &flush);
		fail = pcapng_writer_put(w, &f, with_comment ? comment : NULL);
		put += fail == 0;
		if (flush && fail == 0)
			fail = pcapng_writer_flush(w);
	}
	int last = pcapng_writer_flush(w);
	size_limit(RLIM_INFINITY);
	REQUIRE(last == 0 || (last == FAIL_IO && most != RLIM_INFINITY));
	REQUIRE(fail == 0 || last == FAIL_IO);
	REQUIRE((uint64_t)lseek(fd, 0, SEEK_END) == pcapng_writer_size(w));
	REQUIRE(most == RLIM_INFINITY || pcapng_writer_size(w) <= most);
	if (pcapng_writer_size(w)) {
		struct capture_file *file;
		struct frame got;
		uint32_t found = 0;
		int outcome;
		REQUIRE(capture_file_open(path, &file, error) == 0);
		while ((outcome = capture_file_next(file, &got)) == 1) {
			struct frame f = frame_next(&first, bytes, comment, &with_comment, &flush);
			REQUIRE(got.caplen == f.caplen && got.len == f.len && got.time_ns == f.time_ns);
			REQUIRE(memcmp(got.data, bytes, f.caplen) == 0);
			found++;
		}
		REQUIRE(outcome == 0);
		REQUIRE(last == 0 ? found == put : found <= put);
		capture_file_free(file);
	}
	pcapng_writer_free(w);
	close(fd);
	return 0;
}
