/* Messages -> whole lines in a file or on standard output. Called by alert_exit.c. A line that could not be written as
 * a whole (disk full) is taken out again, or, where that cannot be done (a pipe), finished by the next try. */
#include "alert_exit_kinds.h"
#include "status.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_exit {
	const struct exit_spec *spec;
	int fd;
	bool regular;
	bool reader_left;         /* the last failure was that nobody reads the pipe any more */
	bool torn;                /* the file ends inside a line that is not ours to finish */
	struct exit_message rest; /* what is left of a line on a pipe; n == 0: nothing */
};

/* What a power failure or another program left behind must not swallow our first line. */
static bool ends_inside_a_line(const char *path, off_t size)
{
	char last = '\n';
	int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
	bool inside = fd >= 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
	if (fd >= 0)
		close(fd);
	return inside;
}

static int file_open(struct file_exit *f, char *error)
{
	struct stat st;
	if (f->spec->kind == EXIT_STDOUT)
		f->fd = STDOUT_FILENO;
	else /* O_NONBLOCK: a named pipe without a reader is an error, not a wait for ever */
		f->fd = open(f->spec->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (f->fd < 0)
		return exit_failed(error, errno, "cannot open %.300s", f->spec->path);
	f->regular = fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode);
	f->torn = f->regular && f->spec->kind == EXIT_FILE && ends_inside_a_line(f->spec->path, st.st_size);
	return 0;
}

static void file_close(struct file_exit *f)
{
	if (f->fd >= 0 && f->spec->kind == EXIT_FILE)
		close(f->fd);
	f->fd = -1;
}

/* How many bytes went; errno says why not all. */
static size_t put(struct file_exit *f, const char *bytes, size_t n, int64_t deadline_ms)
{
	size_t done = 0;
	errno = 0;
	while (done < n) {
		size_t piece = n - done;
		if (!f->regular) {
			/* So much fits at once when there is room at all: a pipe that blocks does not block us. */
			piece = piece < PIPE_BUF ? piece : PIPE_BUF;
			if (exit_poll(f->fd, POLLOUT, deadline_ms) == 0) {
				errno = ETIMEDOUT;
				break;
			}
		}
		ssize_t k = write(f->fd, bytes + done, piece);
		if (k > 0)
			done += (size_t)k;
		else if (k == 0 || (errno != EINTR && errno != EAGAIN))
			break;
		else if (errno == EAGAIN && exit_now_ms() >= deadline_ms)
			break;
	}
	return done;
}

/* The file as it was before the piece. Another program that appends at the same time keeps its lines: then the piece
 * stays and is ended. */
static void take_back(struct file_exit *f, size_t done)
{
	struct stat st;
	off_t end = lseek(f->fd, 0, SEEK_CUR);
	if (fstat(f->fd, &st) != 0 || st.st_size != end || ftruncate(f->fd, end - (off_t)done) != 0)
		f->torn = true;
}

static int put_line(struct file_exit *f, struct exit_message *m, int64_t deadline_ms, char *error)
{
	const char *name = f->spec->kind == EXIT_FILE ? f->spec->path : "standard output";
	if (f->torn) {
		if (put(f, "\n", 1, deadline_ms) != 1)
			return exit_failed(error, errno, "cannot write to %.300s", name);
		f->torn = false;
	}
	size_t done = put(f, m->bytes, m->n, deadline_ms);
	if (done == m->n)
		return 0;
	int why = errno;
	f->reader_left = why == EPIPE;
	if (done && f->regular) {
		take_back(f, done);
	} else if (done && why != EPIPE) {
		/* Who is gone has not seen the line: the next reader gets it from its start. */
		memmove(m->bytes, m->bytes + done, m->n - done);
		f->rest = (struct exit_message){m->id, m->bytes, m->n - done};
		m->bytes = NULL;
	}
	return exit_failed(error, why, "cannot write to %.300s", name);
}

static void drop_rest(struct file_exit *f)
{
	free(f->rest.bytes);
	f->rest = (struct exit_message){0, NULL, 0};
}

static int file_send(void *self, struct exit_message *m, int64_t deadline_ms, char *error)
{
	struct file_exit *f = self;
	int rc = f->fd < 0 ? file_open(f, error) : 0;
	bool finished = false;
	if (rc == 0 && f->rest.n) {
		struct exit_message rest = f->rest;
		f->rest = (struct exit_message){0, NULL, 0};
		rc = put_line(f, &rest, deadline_ms, error);
		/* Nothing of it went: it waits as it was, unless nobody has the other half any more. */
		if (rc != 0 && rest.bytes && !f->reader_left) {
			f->rest = rest;
			rest.bytes = NULL;
		}
		finished = rc == 0 && rest.id == m->id;
		free(rest.bytes);
	}
	if (rc == 0 && !finished)
		rc = put_line(f, m, deadline_ms, error);
	if (rc != 0 && !f->rest.n)
		file_close(f);
	return rc;
}

/* Onto the disk, so that alerts which the outbox forgets outlive a power failure. */
static int file_flush(void *self, int64_t deadline_ms, char *error)
{
	struct file_exit *f = self;
	(void)deadline_ms;
	if (f->fd >= 0 && f->regular && fdatasync(f->fd) != 0) {
		int why = errno;
		file_close(f);
		return exit_failed(error, why, "cannot write to the disk below %.300s",
		                   f->spec->kind == EXIT_FILE ? f->spec->path : "standard output");
	}
	return 0;
}

static void file_reopen(void *self)
{
	struct file_exit *f = self;
	if (f->spec->kind == EXIT_FILE) {
		drop_rest(f);
		file_close(f);
	}
}

static void file_free(void *self)
{
	struct file_exit *f = self;
	file_close(f);
	drop_rest(f);
	free(f);
}

int exit_file_new(const struct exit_spec *spec, void **ret, const struct exit_ops **ops, char *error)
{
	static const struct exit_ops file_ops = {file_send, file_flush, file_reopen, file_free};
	struct file_exit *f = calloc(1, sizeof *f);
	if (!f) {
		exit_failed(error, 0, "out of memory");
		return FAIL_MEMORY;
	}
	f->spec = spec;
	f->fd = -1;
	*ret = f;
	*ops = &file_ops;
	return 0;
}
