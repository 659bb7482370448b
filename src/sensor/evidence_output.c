#include "evidence_output.h"
#include "pcapng_writer.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Between a file that could not be written and the next one. */
enum { RETRY_MS = 10000 };

void evidence_output_init(struct evidence_output *e, struct outbox *out, const char *const *interfaces, size_t n_interfaces,
                          uint64_t file_bytes)
{
	*e = (struct evidence_output){.out = out, .interfaces = interfaces, .n_interfaces = n_interfaces, .file_bytes = file_bytes,
	                              .fd = -1};
}

static void close_file(struct evidence_output *e)
{
	pcapng_writer_free(e->writer);
	e->writer = NULL;
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

static void ask(struct evidence_output *e)
{
	e->asked = outbox_put(e->out, MESSAGE_FILE_FULL, NULL, 0, true);
}

static void failed(struct evidence_output *e, int why)
{
	char text[256];
	uint8_t b[CHANNEL_TEXT + 8];
	close_file(e);
	e->ask_at_ms = -1; /* from the next tick on */
	if (e->failing)
		return;
	e->failing = true;
	snprintf(text, sizeof text, "evidence packets cannot be written: %s", strerror(why));
	struct channel_notice n = {NOTICE_REMARK, 0, slice_str(text)};
	outbox_put(e->out, MESSAGE_NOTICE, b, channel_write_notice(&n, b), true);
}

void evidence_output_file(struct evidence_output *e, int fd)
{
	if (e->writer && pcapng_writer_flush(e->writer) != 0)
		failed(e, errno);
	close_file(e);
	e->asked = false;
	e->fd = fd;
	if (fd < 0)
		return;
	e->writer = pcapng_writer_new(fd, "shadowtap", e->interfaces, e->n_interfaces);
	if (!e->writer)
		failed(e, ENOMEM);
	e->files += e->writer != NULL;
}

void evidence_output_put(struct evidence_output *e, const struct frame *f, const char *comment)
{
	if (!e->writer) {
		e->unwritten++;
		return;
	}
	if (pcapng_writer_put(e->writer, f, comment) != 0) {
		e->unwritten++;
		failed(e, errno);
		return;
	}
	e->packets++;
	e->bytes += f->caplen;
	if (e->asked || pcapng_writer_size(e->writer) < e->file_bytes)
		return;
	/* the recorder takes a file that is empty for one that nothing can be written to */
	if (pcapng_writer_flush(e->writer) != 0)
		failed(e, errno);
	else
		ask(e); /* this one goes on until the next is there */
}

void evidence_output_tick(struct evidence_output *e, int64_t now_ms)
{
	if (e->writer && pcapng_writer_flush(e->writer) != 0)
		failed(e, errno);
	else if (e->writer)
		e->failing = false;
	if (e->ask_at_ms == -1)
		e->ask_at_ms = now_ms + RETRY_MS;
	if (e->ask_at_ms && now_ms >= e->ask_at_ms) {
		e->ask_at_ms = 0;
		ask(e);
	}
}

void evidence_output_done(struct evidence_output *e)
{
	if (e->writer && pcapng_writer_flush(e->writer) != 0)
		failed(e, errno);
	close_file(e);
}
