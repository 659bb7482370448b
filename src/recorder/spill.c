#include "spill.h"
#include "limits.h"
#include "status.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES (64u << 10)
#define BUFFER_BYTES (LIMIT_EVENT_TEXT + READ_BYTES)

/* A holder that leaves removes or replaces the file while it still has the lock: who opened it before and got the lock
 * after holds a file without a name. So compare, and try again. */
#define TRIES 16

static bool still_named(int fd, const char *path)
{
	struct stat mine, named;
	return fstat(fd, &mine) == 0 && lstat(path, &named) == 0 && mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

/* 0600: events name people's machines. O_NOFOLLOW: in a shared directory the name may be somebody's link. */
static int open_locked(const char *path, char error[BACKLOG_ERROR_TEXT])
{
	for (int i = 0; i < TRIES; i++) {
		struct stat st;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0) {
			snprintf(error, BACKLOG_ERROR_TEXT, "%s: cannot be opened: %s", path, strerror(errno));
			return -1;
		}
		if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
			snprintf(error, BACKLOG_ERROR_TEXT, "%s: not a file", path);
		} else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			snprintf(error, BACKLOG_ERROR_TEXT, "%s: %s", path,
			         errno == EWOULDBLOCK ? "another process uses this file" : strerror(errno));
		} else if (still_named(fd, path)) {
			return fd;
		} else {
			close(fd);
			continue;
		}
		close(fd);
		return -1;
	}
	snprintf(error, BACKLOG_ERROR_TEXT, "%s: other programs keep replacing this file", path);
	return -1;
}

/* Counts the lines that are there and finds the end of the last whole one. -1 with errno. */
static int survey(struct spill *s, uint64_t *ret_lines, uint64_t *ret_size)
{
	uint64_t lines = 0, at = 0;
	ssize_t n;
	while ((n = pread(s->fd, s->buffer, READ_BYTES, (off_t)at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (at == 0 && s->buffer[0] != '{') {
			errno = EBADMSG; /* somebody named a file that is dear to them: it must not be cut */
			return -1;
		}
		for (char *p = s->buffer; (p = memchr(p, '\n', (size_t)(s->buffer + n - p))); p++) {
			lines++;
			s->end = at + (uint64_t)(p - s->buffer) + 1;
		}
		at += (uint64_t)n;
	}
	*ret_lines = lines;
	*ret_size = at;
	return 0;
}

int spill_open(struct spill *s, const char *path, uint64_t most, uint64_t *ret_lines, uint64_t *ret_torn,
               char error[BACKLOG_ERROR_TEXT])
{
	uint64_t size = 0;
	*s = (struct spill){.fd = -1, .most = most, .path = strdup(path), .buffer = malloc(BUFFER_BYTES)};
	if (!s->path || !s->buffer) {
		spill_close(s);
		return FAIL_MEMORY;
	}
	s->fd = open_locked(path, error);
	if (s->fd < 0) {
		spill_close(s);
		return FAIL_IO;
	}
	if (survey(s, ret_lines, &size) != 0) {
		snprintf(error, BACKLOG_ERROR_TEXT, "%s: %s", path,
		         errno == EBADMSG ? "this is no spill file; it is left alone" : strerror(errno));
		close(s->fd);
		s->fd = -1;
		spill_close(s);
		return FAIL_IO;
	}
	*ret_torn = size > s->end;
	s->ragged = size > s->end;
	return 0;
}

/* Behind the last whole line there may be part of one: of a writer that was killed, or of a disk that was full. */
static bool trim(struct spill *s)
{
	if (s->ragged && ftruncate(s->fd, (off_t)s->end) != 0)
		return false;
	s->ragged = false;
	return true;
}

bool spill_append(struct spill *s, const char *text, size_t n)
{
	if (n > LIMIT_EVENT_TEXT || s->end + n + 1 > s->most) {
		errno = EFBIG;
		return false;
	}
	if (!trim(s))
		return false;
	struct iovec parts[2] = {{.iov_base = (char *)text, .iov_len = n}, {.iov_base = "\n", .iov_len = 1}};
	ssize_t done;
	do
		done = pwritev(s->fd, parts, 2, (off_t)s->end);
	while (done < 0 && errno == EINTR);
	if (done == (ssize_t)(n + 1)) {
		s->end += n + 1;
		return true;
	}
	int why = done < 0 ? errno : ENOSPC; /* a short write to a file: there was room for that much */
	s->ragged = done > 0;
	trim(s);
	errno = why;
	return false;
}

/* More bytes behind those in the buffer. 1, 0 at the end, -1 with errno. */
static int fill(struct spill *s, uint64_t end)
{
	memmove(s->buffer, s->buffer + s->used, s->have - s->used);
	s->buffer_at += s->used;
	s->have -= s->used;
	s->used = 0;
	uint64_t left = end - (s->buffer_at + s->have);
	size_t want = left < READ_BYTES ? (size_t)left : READ_BYTES;
	if (want == 0)
		return 0;
	ssize_t n;
	do
		n = pread(s->fd, s->buffer + s->have, want, (off_t)(s->buffer_at + s->have));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = EIO; /* somebody cut the file */
	if (n <= 0)
		return -1;
	s->have += (size_t)n;
	return 1;
}

enum spill_line spill_read(struct spill *s, uint64_t end, char **ret_text, size_t *ret_n)
{
	size_t searched = 0;
	for (;;) {
		char *line = s->buffer + s->used, *newline = memchr(line + searched, '\n', s->have - s->used - searched);
		if (newline) {
			size_t n = (size_t)(newline - line);
			bool usable = !s->skipping && n <= LIMIT_EVENT_TEXT && line[0] == '{';
			char *text = usable ? malloc(n + 1) : NULL;
			if (usable && !text)
				return SPILL_FAILED;
			s->used += n + 1;
			s->next = s->buffer_at + s->used;
			s->skipping = false;
			if (!usable)
				return SPILL_UNUSABLE;
			memcpy(text, line, n);
			text[n] = 0;
			*ret_text = text;
			*ret_n = n;
			return SPILL_LINE;
		}
		searched = s->have - s->used;
		if (searched > LIMIT_EVENT_TEXT) {
			s->skipping = true;
			s->used = s->have;
			searched = 0;
		}
		int got = fill(s, end);
		if (got <= 0)
			return got == 0 ? SPILL_END : SPILL_FAILED;
	}
}

static void rewind_to_start(struct spill *s)
{
	s->settled = s->next = s->buffer_at = 0;
	s->have = s->used = 0;
	s->skipping = false;
}

void spill_settle(struct spill *s)
{
	s->settled = s->next;
	if (s->settled < s->end || s->end == 0)
		return;
	rewind_to_start(s);
	s->end = 0;
	s->ragged = true;
	trim(s); /* should it fail, the next line sees to it */
}

static bool copy_unsettled(const struct spill *from, struct spill *to, char *buffer, size_t cap)
{
	for (uint64_t at = from->settled; at < from->end;) {
		size_t want = from->end - at < cap ? (size_t)(from->end - at) : cap;
		ssize_t n = pread(from->fd, buffer, want, (off_t)at);
		if (n <= 0)
			return false;
		if (pwrite(to->fd, buffer, (size_t)n, (off_t)to->end) != n)
			return false;
		at += (uint64_t)n;
		to->end += (uint64_t)n;
	}
	return true;
}

/* Into a second file that takes the name of the first when it is complete: whenever the process dies, one of them is
 * there. */
bool spill_put_before(struct spill *s, const struct backlog_item *items, size_t n, size_t *ret_kept)
{
	char *path;
	uint64_t unsettled = s->end - s->settled;
	if (asprintf(&path, "%s.new", s->path) < 0)
		return false;
	struct spill fresh = {.most = s->most > unsettled ? s->most - unsettled : 0};
	unlink(path);
	fresh.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t kept = 0;
	bool done = fresh.fd >= 0 && flock(fresh.fd, LOCK_EX | LOCK_NB) == 0;
	while (done && kept < n && spill_append(&fresh, items[kept].text, items[kept].n))
		kept++;
	done = done && trim(&fresh) && copy_unsettled(s, &fresh, s->buffer, BUFFER_BYTES) && rename(path, s->path) == 0;
	if (done) {
		close(s->fd);
		s->fd = fresh.fd;
		s->end = fresh.end;
		s->ragged = false;
		rewind_to_start(s);
		*ret_kept = kept;
	} else if (fresh.fd >= 0) {
		int why = errno;
		close(fresh.fd);
		unlink(path);
		errno = why;
	}
	free(path);
	return done;
}

void spill_close(struct spill *s)
{
	if (s->fd >= 0) {
		if (s->end == 0)
			unlink(s->path);
		else
			trim(s);
		close(s->fd);
	}
	free(s->path);
	free(s->buffer);
	*s = (struct spill){.fd = -1};
}
