#include "capture_input.h"

#include "capture_unpack.h"
#include "limits.h"
#include "status.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES (256u << 10)
#define RAW_BYTES (64u << 10)
/* A mapped file is walked in windows of this size; see map_window(). */
#define MAP_WINDOW (2u << 20)

static int input_fail(struct capture_input *in, int fail, const char *why)
{
	in->why = why;
	return fail;
}

/* Is there something to read, or the news that there is nothing more? */
static bool input_readable(const struct capture_input *in)
{
	struct pollfd p = {.fd = in->fd, .events = POLLIN};
	return poll(&p, 1, 0) > 0;
}

/* One read, of as much as there is. CAPTURE_READY also at the end of the file, which sets *ret_got to 0. */
static int input_read(struct capture_input *in, uint8_t *to, size_t room, size_t *ret_got)
{
	if (in->nowait && !input_readable(in))
		return CAPTURE_WAIT;
	for (;;) {
		ssize_t got = read(in->fd, to, room);
		if (got >= 0) {
			in->raw_read += (uint64_t)got;
			*ret_got = (size_t)got;
			return CAPTURE_READY;
		}
		if (errno != EAGAIN)
			return input_fail(in, FAIL_IO, "cannot read");
		/* Somebody who shares the pipe made it non-blocking. */
		if (in->nowait)
			return CAPTURE_WAIT;
		struct pollfd p = {.fd = in->fd, .events = POLLIN};
		if (poll(&p, 1, -1) < 0)
			return input_fail(in, FAIL_IO, "cannot wait for input");
	}
}

static int raw_more(struct capture_input *in)
{
	size_t got = 0;
	in->raw_at = in->raw_n = 0;
	int have = input_read(in, in->raw, RAW_BYTES, &got);
	if (have == CAPTURE_READY) {
		in->raw_n = got;
		if (got == 0)
			in->ended = true;
	}
	return have;
}

/* Puts at least one more byte behind end, or sets ended. */
static int stream_more(struct capture_input *in)
{
	uint8_t *to = in->buffer + (in->end - in->buffer);
	size_t room = in->buffer_size - (size_t)(in->end - in->buffer);
	size_t made = 0;
	if (!in->unpack) {
		size_t ready = in->raw_n - in->raw_at;
		if (ready) { /* what was read to tell the packing */
			made = ready < room ? ready : room;
			memcpy(to, in->raw + in->raw_at, made);
			in->raw_at += made;
		} else {
			int have = input_read(in, to, room, &made);
			if (have != CAPTURE_READY)
				return have;
			in->ended = made == 0;
		}
		in->end += made;
		return CAPTURE_READY;
	}
	for (;;) {
		struct slice raw = slice_of(in->raw + in->raw_at, in->raw_n - in->raw_at);
		if (raw.n || in->unpack_pending) {
			size_t used = 0;
			int fail = capture_unpack_some(in->unpack, raw, to, room, &used, &made, &in->why);
			in->raw_at += used;
			in->end += made;
			in->unpack_pending = made == room;
			if (fail)
				return fail;
			if (made)
				return CAPTURE_READY;
			if (used < raw.n)
				return input_fail(in, FAIL_INPUT, "the packed data is damaged");
		}
		int have = raw_more(in);
		if (have != CAPTURE_READY)
			return have;
		if (in->ended) {
			if (capture_unpack_complete(in->unpack))
				return CAPTURE_READY;
			return input_fail(in, FAIL_INPUT, "the packed data ends in its middle");
		}
	}
}

/* Moves what is unread to the front and makes the buffer large enough for n bytes. Callers keep n within their
 * limits (LIMIT_PCAPNG_BLOCK is the largest), so the buffer is bounded. */
static int stream_room(struct capture_input *in, size_t n)
{
	size_t left = capture_input_left(in);
	if (in->p != in->buffer) {
		memmove(in->buffer, in->p, left);
		in->start_offset += (uint64_t)(in->p - in->buffer);
		in->p = in->buffer;
		in->end = in->buffer + left;
	}
	if (n > in->buffer_size) {
		size_t size = n > 2 * in->buffer_size ? n : 2 * in->buffer_size;
		uint8_t *larger = realloc(in->buffer, size);
		if (!larger)
			return FAIL_MEMORY;
		in->buffer = larger;
		in->buffer_size = size;
		in->start = in->p = larger;
		in->end = larger + left;
	}
	return CAPTURE_READY;
}

/* The window ends where the readers must come by here again. That serves two ends.
 *
 * Somebody may truncate the file while it is mapped; touching a page behind its new end raises SIGBUS. At each window
 * the size is looked at afresh, so that an ordinary truncation (a capture that is rotated or overwritten) ends in an
 * error and not in a signal. What remains is a truncation within the current window or below frames that the caller
 * still holds. That is accepted: only a process-wide signal handler could catch it, reading instead of mapping would
 * cost every run a copy, and the operator owns both sides of this race.
 *
 * Pages behind are given back, so that a large capture does not count as memory of ours. They stay readable: the
 * page cache, or the disk, brings them back to whoever still holds a frame there. */
static int map_window(struct capture_input *in, size_t n)
{
	struct stat st;
	size_t size = in->map_size;
	if (fstat(in->fd, &st) == 0 && st.st_size >= 0 && (uint64_t)st.st_size < size)
		size = (size_t)st.st_size;
	size_t at = (size_t)(in->p - in->map);
	if (at > size || size - at < n) {
		in->end = in->map + (size > at ? size : at);
		return size < in->map_size ? input_fail(in, FAIL_INPUT, "the file was cut short while it was read")
					   : CAPTURE_END;
	}
	size_t window = n + MAP_WINDOW;
	in->end = in->map + (size - at < window ? size : at + window);
#ifdef MADV_POPULATE_READ
	/* All pages of the window at once: half the cost of a fault for each sixteen of them. An older kernel refuses, and faults do. */
	size_t page = at & ~(size_t)4095;
	madvise(in->map + page, (size_t)(in->end - in->map) - page, MADV_POPULATE_READ);
#endif
	if (at / MAP_WINDOW > 2) {
		size_t behind = (at / MAP_WINDOW - 2) * MAP_WINDOW;
		if (behind > in->map_dropped) {
			madvise(in->map + in->map_dropped, behind - in->map_dropped, MADV_DONTNEED);
			in->map_dropped = behind;
		}
	}
	return CAPTURE_READY;
}

int capture_input_fill(struct capture_input *in, size_t n)
{
	if (in->map)
		return map_window(in, n);
	int have = stream_room(in, n);
	while (have == CAPTURE_READY && capture_input_left(in) < n) {
		if (in->failed)
			return in->failed;
		have = in->ended ? CAPTURE_END : stream_more(in);
		/* Damaged packed data may have given its last good bytes together with the error: they come first. */
		if (have == FAIL_INPUT) {
			in->failed = have;
			have = CAPTURE_READY;
		}
	}
	return have;
}

/* Maps a regular file that is not packed. False: it has to be read. */
static bool input_map(struct capture_input *in, const struct stat *st)
{
	off_t at = lseek(in->fd, 0, SEEK_CUR); /* standard input may have been read from before */
	if (at < 0 || st->st_size <= at || (uint64_t)st->st_size > SIZE_MAX)
		return false;
	size_t size = (size_t)st->st_size;
	uint8_t *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, in->fd, 0);
	if (map == MAP_FAILED)
		return false;
	size_t first = size - (size_t)at < CAPTURE_PACKING_BYTES ? size - (size_t)at : CAPTURE_PACKING_BYTES;
	if (capture_packing_of(slice_of(map + at, first)) != CAPTURE_PLAIN) {
		munmap(map, size);
		return false;
	}
	madvise(map, size, MADV_SEQUENTIAL);
	in->map = map;
	in->map_size = size;
	in->start = map;
	in->p = in->end = map + at;
	return true;
}

static int input_stream(struct capture_input *in)
{
	in->raw = malloc(RAW_BYTES);
	in->buffer = malloc(BUFFER_BYTES);
	if (!in->raw || !in->buffer)
		return FAIL_MEMORY;
	in->buffer_size = BUFFER_BYTES;
	in->start = in->p = in->end = in->buffer;
	bool ended = false;
	while (in->raw_n < CAPTURE_PACKING_BYTES && !ended) {
		size_t got = 0;
		int have = input_read(in, in->raw + in->raw_n, RAW_BYTES - in->raw_n, &got);
		if (have < 0)
			return have;
		in->raw_n += got;
		ended = got == 0;
	}
	enum capture_packing packing = capture_packing_of(slice_of(in->raw, in->raw_n));
	return packing == CAPTURE_PLAIN ? 0 : capture_unpack_new(packing, &in->unpack);
}

int capture_input_open(struct capture_input *in, const char *path)
{
	*in = (struct capture_input){.fd = STDIN_FILENO};
	if (strcmp(path, "-") != 0) {
		in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (in->fd < 0)
			return input_fail(in, FAIL_IO, "cannot open");
		in->owns_fd = true;
	}
	struct stat st;
	if (fstat(in->fd, &st) != 0)
		return input_fail(in, FAIL_IO, "cannot look at it");
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return input_fail(in, FAIL_IO, "cannot read");
	}
	in->may_wait = !S_ISREG(st.st_mode);
	if (S_ISREG(st.st_mode)) {
		in->size = (uint64_t)st.st_size;
		if (input_map(in, &st))
			return 0;
	}
	return input_stream(in);
}

uint64_t capture_input_position(const struct capture_input *in)
{
	if (in->map)
		return (uint64_t)(in->p - in->map);
	uint64_t unread = in->raw_n - in->raw_at;
	return in->raw_read - unread - (in->unpack ? 0 : capture_input_left(in));
}

void capture_input_done(struct capture_input *in)
{
	if (in->map)
		munmap(in->map, in->map_size);
	capture_unpack_free(in->unpack);
	free(in->raw);
	free(in->buffer);
	if (in->owns_fd)
		close(in->fd);
	*in = (struct capture_input){.fd = -1};
}
