#include "capture_file.h"

#include "capture_reader.h"
#include "status.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void name_set(struct capture_file *f, const char *path)
{
	if (strcmp(path, "-") == 0)
		path = "standard input";
	size_t n = strlen(path);
	if (n < sizeof f->name)
		memcpy(f->name, path, n + 1);
	else
		snprintf(f->name, sizeof f->name, "...%s", path + n - (sizeof f->name - 4));
}

int capture_reader_fail(struct capture_file *f, int fail, const char *what, ...)
{
	int saved = errno;
	int n = snprintf(f->error, sizeof f->error, "%s: ", f->name);
	/* The frame that could not be read is the one after the last good one. */
	if (f->next && n >= 0)
		n += snprintf(f->error + n, sizeof f->error - (size_t)n, "frame %" PRIu64 " at %sbyte %" PRIu64 ": ",
			      f->frames + 1, f->input.unpack ? "unpacked " : "", capture_input_offset(&f->input));
	va_list args;
	va_start(args, what);
	if (n >= 0 && (size_t)n < sizeof f->error)
		vsnprintf(f->error + n, sizeof f->error - (size_t)n, what, args);
	va_end(args);
	errno = saved;
	return fail;
}

int capture_reader_short(struct capture_file *f, int have, size_t n, const char *what)
{
	size_t left = capture_input_left(&f->input);
	switch (have) {
	case CAPTURE_WAIT: return CAPTURE_WAIT;
	case CAPTURE_END:
		if (left == 0)
			return 0;
		return capture_reader_fail(f, FAIL_INPUT, "expected %zu bytes of %s, found %zu before the end", n, what,
					   left);
	case FAIL_MEMORY: return capture_reader_fail(f, FAIL_MEMORY, "out of memory");
	case FAIL_IO: return capture_reader_fail(f, FAIL_IO, "%s: %s", f->input.why, strerror(errno));
	default: return capture_reader_fail(f, have, "expected %s, but %s", what, f->input.why);
	}
}

/* The first bytes choose the reader. */
static int reader_choose(struct capture_file *f)
{
	int have = capture_input_need(&f->input, 4);
	size_t left = capture_input_left(&f->input);
	if (have == CAPTURE_END)
		return capture_reader_fail(f, FAIL_INPUT, "not a capture file: expected pcap or pcapng, found %s",
					   left ? "less than 4 bytes" : "an empty file");
	if (have != CAPTURE_READY)
		return capture_reader_short(f, have, 4, "pcap or pcapng");
	int opened = capture_pcap_open(f);
	if (opened == 0)
		opened = capture_pcapng_open(f);
	f->stable = opened == 1 && f->input.map;
	return opened ? opened : capture_libpcap_open(f);
}

int capture_file_open(const char *path, struct capture_file **ret, char error[CAPTURE_ERROR_TEXT])
{
	struct capture_file *f = calloc(1, sizeof *f);
	if (!f) {
		snprintf(error, CAPTURE_ERROR_TEXT, "out of memory");
		return FAIL_MEMORY;
	}
	name_set(f, path);
	int fail = capture_input_open(&f->input, path);
	if (fail)
		capture_reader_short(f, fail, 4, "pcap or pcapng");
	else
		fail = reader_choose(f);
	if (fail < 0) {
		memcpy(error, f->error, CAPTURE_ERROR_TEXT);
		int saved = errno;
		capture_file_free(f);
		errno = saved;
		return fail;
	}
	*ret = f;
	return 0;
}

/* Takes the reader's place once there is nothing more to read. */
static int over_next_frame(struct capture_file *f, struct frame *ret)
{
	(void)ret;
	return f->outcome;
}

int capture_file_next(struct capture_file *f, struct frame *ret)
{
	if (f->has_ahead) {
		f->has_ahead = false;
		*ret = f->ahead;
		return 1;
	}
	int outcome = f->next(f, ret);
	if (outcome <= 0 && !(outcome == FAIL_IO && errno == EINTR)) {
		f->outcome = outcome;
		f->next = over_next_frame;
	}
	return outcome;
}

bool capture_file_would_block(struct capture_file *f)
{
	if (!f->input.may_wait || f->has_ahead)
		return false;
	f->input.nowait = true;
	int outcome = capture_file_next(f, &f->ahead);
	f->input.nowait = false;
	f->has_ahead = outcome == 1;
	return outcome == CAPTURE_WAIT;
}

bool capture_file_is_stable(const struct capture_file *f)
{
	return f->stable;
}

const char *capture_file_error(const struct capture_file *f)
{
	return f->error;
}

uint64_t capture_file_position(const struct capture_file *f)
{
	return capture_input_position(&f->input);
}

uint64_t capture_file_size(const struct capture_file *f)
{
	return f->input.size;
}

bool capture_file_secrets(struct capture_file *f, capture_secrets_fn *on_secrets, void *context)
{
	return capture_pcapng_secrets(f, on_secrets, context);
}

void capture_file_free(struct capture_file *f)
{
	if (!f)
		return;
	if (f->done)
		f->done(f);
	capture_input_done(&f->input);
	free(f);
}
