/* Any bytes as a capture file, once mapped and once through a pipe that is fed in pieces while it is asked whether it
 * would block: both ways give the same frames, the same end and, but for the name of the file, the same error.
 * Run by libFuzzer, or over the corpus by an ordinary build. */
#include "capture_file.h"
#include "limits.h"
#include "status.h"
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define INPUT_MAX 65536  /* fits a pipe */
#define FRAMES_MAX 20000 /* of the millions that a few packed bytes can unfold to */

#define REQUIRE(what)                                                                                                  \
	do {                                                                                                           \
		if (!(what))                                                                                           \
			abort();                                                                                       \
	} while (0)

struct digest {
	uint64_t hash;
	uint64_t frames;
	int outcome;
	char error[CAPTURE_ERROR_TEXT];
};

static void digest_add(struct digest *d, const void *p, size_t n)
{
	const uint8_t *at = p;
	for (size_t i = 0; i < n; i++)
		d->hash = (d->hash ^ at[i]) * UINT64_C(0x100000001b3);
}

static void digest_frame(struct digest *d, const struct frame *f)
{
	REQUIRE(f->number == ++d->frames);
	REQUIRE(f->caplen <= LIMIT_FRAME_BYTES && f->len >= f->caplen);
	REQUIRE(f->time_ns >= 0);
	digest_add(d, f->data, f->caplen);
	digest_add(d, &f->caplen, sizeof f->caplen);
	digest_add(d, &f->len, sizeof f->len);
	digest_add(d, &f->link_type, sizeof f->link_type);
	digest_add(d, &f->time_ns, sizeof f->time_ns);
}

static struct digest read_file(const uint8_t *data, size_t n)
{
	struct digest d = {0};
	int fd = memfd_create("capture", MFD_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, data, n) == (ssize_t)n);
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct capture_file *f = NULL;
	d.outcome = capture_file_open(path, &f, d.error);
	if (d.outcome == 0) {
		struct frame frame;
		while (d.frames < FRAMES_MAX && (d.outcome = capture_file_next(f, &frame)) == 1) {
			REQUIRE(!capture_file_would_block(f));
			digest_frame(&d, &frame);
		}
		REQUIRE(capture_file_position(f) <= capture_file_size(f));
		if (d.outcome != 1)
			REQUIRE(capture_file_next(f, &frame) == d.outcome);
		if (d.outcome < 0)
			snprintf(d.error, sizeof d.error, "%s", capture_file_error(f));
		capture_file_free(f);
	}
	close(fd);
	return d;
}

static struct digest read_pipe(const uint8_t *data, size_t n)
{
	struct digest d = {0};
	int fds[2];
	REQUIRE(pipe(fds) == 0);
	REQUIRE(dup2(fds[0], STDIN_FILENO) == STDIN_FILENO);
	close(fds[0]);
	/* Opening waits for the first header, so that much must be there, and of packed data, which may give its first
	 * bytes late, everything. The rest comes while the reader says that it waits. */
	bool packed = n && (data[0] == 0x1f || data[0] == 0x28 || (data[0] & 0xf0) == 0x50);
	size_t sent = n < 64 || packed ? n : 64, piece = 1 + n % 61;
	REQUIRE(write(fds[1], data, sent) == (ssize_t)sent);
	bool open = sent < n;
	if (!open)
		close(fds[1]);
	struct capture_file *f = NULL;
	d.outcome = capture_file_open("-", &f, d.error);
	if (d.outcome == 0) {
		struct frame frame;
		for (;;) {
			while (open && capture_file_would_block(f)) {
				size_t more = n - sent < piece ? n - sent : piece;
				REQUIRE(write(fds[1], data + sent, more) == (ssize_t)more);
				sent += more;
				if (sent == n) {
					close(fds[1]);
					open = false;
				}
			}
			if (d.frames == FRAMES_MAX || (d.outcome = capture_file_next(f, &frame)) != 1)
				break;
			digest_frame(&d, &frame);
		}
		if (d.outcome < 0)
			snprintf(d.error, sizeof d.error, "%s", capture_file_error(f));
		capture_file_free(f);
	}
	if (open)
		close(fds[1]);
	return d;
}

/* The text behind the file's name. */
static const char *complaint(const char *error)
{
	const char *colon = strchr(error, ':');
	return colon ? colon : error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n > INPUT_MAX)
		return 0;
	struct digest mapped = read_file(data, n), piped = read_pipe(data, n);
	REQUIRE(mapped.frames == piped.frames);
	REQUIRE(mapped.hash == piped.hash);
	REQUIRE(mapped.outcome == piped.outcome);
	REQUIRE(strcmp(complaint(mapped.error), complaint(piped.error)) == 0);
	return 0;
}
