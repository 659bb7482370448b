#include "live_print.h"
#include "event.h"
#include "limits.h"
#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct text {
	char *bytes;
	size_t n, cap;
};

struct live_print {
	int fd, end[2]; /* end: a pipe; closed when the thread must not wait for a reader any longer */
	struct output out; /* into `sheet`, one event at a time */
	FILE *sheet;
	char *sheet_bytes;
	size_t sheet_n;

	pthread_t thread;
	bool runs;
	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t changed; /* there is something, the end is wanted; or all is written */
	struct text waiting;
	bool writing, ending, unread;
	int error;              /* errno of the write that failed: nothing is written after it */
	uint64_t lost;
};

/* 0, or an errno; ECANCELED when the end is wanted first. Waits in poll alone: a pipe that has room has it for PIPE_BUF
 * bytes. */
static int write_text(const struct live_print *p, const struct text *t)
{
	int error = 0;
	for (size_t done = 0; done < t->n && !error;) {
		struct pollfd on[] = {{p->fd, POLLOUT, 0}, {p->end[0], POLLIN, 0}};
		size_t most = t->n - done < PIPE_BUF ? t->n - done : PIPE_BUF;
		if (poll(on, 2, -1) < 0 && errno != EINTR)
			return errno;
		if (on[1].revents)
			return ECANCELED;
		if (!on[0].revents)
			continue;
		ssize_t n = write(p->fd, t->bytes + done, most);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			error = errno;
	}
	return error;
}

static void say_error(int error)
{
	if (error == ECANCELED)
		cli_error("standard output is not read: the last events are not printed; the database has them");
	else if (error == EPIPE)
		cli_error("nobody reads standard output any more: events go to the database only");
	else
		cli_error("writing the output: %s; events go to the database only", strerror(error));
}

static void *write_all(void *context)
{
	struct live_print *p = context;
	struct text t = {0};
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->waiting.n && !p->ending)
			pthread_cond_wait(&p->changed, &p->lock);
		if (!p->waiting.n)
			break;
		struct text empty = {t.bytes, 0, t.cap};
		t = p->waiting;
		p->waiting = empty;
		p->writing = true;
		uint64_t lost = p->unread ? p->lost : 0;
		p->unread = false;
		pthread_mutex_unlock(&p->lock);
		int error = write_text(p, &t);
		if (error)
			say_error(error);
		else if (lost)
			cli_error("standard output is read again; %llu events were not printed, the database has them",
			          (unsigned long long)lost);
		pthread_mutex_lock(&p->lock);
		p->writing = false;
		p->error = error;
		if (error)
			break;
		pthread_cond_broadcast(&p->changed);
	}
	p->waiting.n = 0;
	p->ending = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	free(t.bytes);
	return NULL;
}

struct live_print *live_print_new(int fd, enum cli_format format)
{
	struct live_print *p = calloc(1, sizeof *p);
	if (p)
		p->sheet = open_memstream(&p->sheet_bytes, &p->sheet_n);
	if (!p || !p->sheet || pipe2(p->end, O_CLOEXEC) != 0) {
		if (p && p->sheet) {
			fclose(p->sheet);
			free(p->sheet_bytes);
		}
		free(p);
		return NULL;
	}
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	p->fd = fd;
	output_start(&p->out, p->sheet, format, event_fields);
	p->out.colour = format == CLI_TEXT && cli_colour(stdout);
	return p;
}

/* With the lock. */
static bool append(struct text *t, const char *bytes, size_t n)
{
	if (t->n + n > LIMIT_PRINT_BYTES)
		return false;
	if (t->n + n > t->cap) {
		size_t cap = t->cap ? t->cap : 4096;
		while (cap < t->n + n)
			cap *= 2;
		char *more = realloc(t->bytes, cap);
		if (!more)
			return false;
		t->bytes = more;
		t->cap = cap;
	}
	memcpy(t->bytes + t->n, bytes, n);
	t->n += n;
	return true;
}

void live_print_event(struct live_print *p, const json_t *event)
{
	bool say = false;
	output_event(&p->out, event);
	bool made = fflush(p->sheet) == 0 && !ferror(p->sheet);
	pthread_mutex_lock(&p->lock);
	if (!p->error) {
		if (!p->runs)
			p->runs = pthread_create(&p->thread, NULL, write_all, p) == 0;
		bool taken = made && p->runs && append(&p->waiting, p->sheet_bytes, p->sheet_n);
		p->lost += !taken;
		say = !taken && !p->unread;
		p->unread |= !taken;
		pthread_cond_broadcast(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	rewind(p->sheet);
	if (say)
		cli_error("standard output is not read: events are not printed until it is; the database has them");
}

int live_print_free(struct live_print *p, int patience_ms)
{
	if (!p)
		return EXIT_OK;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += patience_ms / 1000;
	until.tv_nsec += patience_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&p->lock);
	for (int waited = 0; p->runs && !p->error && (p->waiting.n || p->writing) && waited != ETIMEDOUT;)
		waited = pthread_cond_timedwait(&p->changed, &p->lock, &until);
	p->ending = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	close(p->end[1]); /* heard by whoever waits for a reader */
	if (p->runs)
		pthread_join(p->thread, NULL);
	close(p->end[0]);
	/* it was said when it happened */
	int code = p->error && p->error != EPIPE && p->error != ECANCELED ? EXIT_FAILED : EXIT_OK;
	output_end(&p->out);
	fclose(p->sheet);
	if (code == EXIT_OK && p->out.failed)
		code = output_status(&p->out);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p->sheet_bytes);
	free(p->waiting.bytes);
	free(p);
	return code;
}
